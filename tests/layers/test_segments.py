import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from spacy.ml.models.tok2vec import CharacterEmbed, MultiHashEmbed
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import Doc

from spacy_rnn.architectures.hash_embed import build_hash_embed_rnn
from spacy_rnn.layers.segments import chunks, sentences, with_segments

TEXTS = ["the cat sat . a dog ran off . no", "", "yes", "one . two . three ."]


@pytest.fixture(scope="module")
def nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return nlp


@pytest.fixture(scope="module")
def docs(nlp):
    return list(nlp.pipe(TEXTS))


def make_layer(docs, cut=sentences):
    return with_segments(build_hash_embed_rnn(8, 1, 60), cut).initialize(X=docs)


def test_a_sentence_has_the_vectors_of_a_document_of_its_own(nlp, docs):
    layer = make_layer(docs)
    spans = [sentence for doc in docs for sentence in doc.sents]
    found, sizes = layer.predict(docs)
    assert sizes.tolist() == [len(list(doc.sents)) for doc in docs]
    assert len(found) == len(spans)
    for span, X in zip(spans, found, strict=True):
        alone = layer.layers[0].predict([span.as_doc()])[0]
        assert_allclose(X, alone, atol=1e-6)


def test_gradients_reach_the_token_vectors_as_if_sentences_were_documents(docs):
    layer = make_layer(docs)
    spans = [sentence for doc in docs for sentence in doc.sents]
    gradients = []
    for model, source in ((layer, docs), (layer.layers[0], spans)):
        Ys, backprop = model.begin_update(source)
        Ys = Ys[0] if model is layer else Ys
        backprop([np.cos(Y) for Y in Ys])
        nodes = [node for node in layer.walk() if node.has_param("W")]
        gradients.append([node.get_grad("W").copy() for node in nodes])
        for node in nodes:
            node.set_grad("W", np.zeros_like(node.get_grad("W")))
    for found, expected in zip(*gradients, strict=True):
        assert expected.any()
        assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (MultiHashEmbed, {"attrs": ["NORM", "SHAPE"], "rows": [50, 50]}),
        (CharacterEmbed, {"rows": 50, "nM": 8, "nC": 4}),
    ],
)
def test_embeddings_of_spacy_read_sentences_as_documents(docs, build, settings):
    tok2vec = build(8, include_static_vectors=False, **settings)
    layer = with_segments(tok2vec, sentences).initialize(X=docs)
    spans = [sentence.as_doc() for doc in docs for sentence in doc.sents]
    for X, alone in zip(layer.predict(docs)[0], tok2vec.predict(spans), strict=True):
        assert_allclose(X, alone, atol=1e-6)


def test_a_listener_gets_documents_and_its_vectors_are_cut(docs):
    listener = Tok2VecListener("tok2vec", 4)
    layer = with_segments(listener, sentences)
    for doc in docs:
        doc.tensor = np.arange(len(doc) * 4, dtype="f").reshape(-1, 4)
    for doc in docs:
        found, _ = layer.predict([doc])
        assert [len(X) for X in found] == [len(sentence) for sentence in doc.sents]
        if len(doc):
            assert_array_equal(np.concatenate(found), doc.tensor)


def test_the_gradient_of_a_listener_is_cut_into_documents_again(docs):
    layer = make_layer(docs)
    tok2vec = layer.layers[0]
    whole = with_segments(tok2vec, sentences)
    whole.attrs["whole"] = True
    received = []

    def note(model, docs, is_train):
        Ys, backprop = forward(model, docs, is_train)
        return Ys, lambda dYs: received.append(list(dYs)) or backprop(dYs)

    forward, tok2vec._func = tok2vec._func, note
    lengths = [len(sentence) for doc in docs for sentence in doc.sents]
    rows = np.arange(sum(lengths) * 8, dtype="f").reshape(-1, 8)
    _, backprop = whole.begin_update(docs)
    backprop(np.split(rows, np.cumsum(lengths)[:-1]))
    assert [len(dY) for dY in received[0]] == [len(doc) for doc in docs]
    assert_array_equal(np.concatenate(received[0]), rows)


def test_documents_without_sentence_boundaries_are_refused(nlp, docs):
    layer = make_layer(docs)
    with pytest.raises(ValueError, match=r"'the cat'.*nltk_sentencizer.*annotating"):
        layer.predict([docs[0], nlp.make_doc("the cat")])


@pytest.mark.parametrize("words", [[], ["one"]], ids=str)
def test_less_than_two_tokens_need_no_boundaries(nlp, words):
    doc = Doc(nlp.vocab, words=words)
    assert [span.text for span in sentences(doc)] == words


@pytest.mark.parametrize("size", [1, 3, 100])
def test_chunks_tile_a_document_without_sentence_boundaries(nlp, size):
    for n_words in (0, 1, 3, 7):
        doc = Doc(nlp.vocab, words=["word"] * n_words)
        spans = chunks(doc, size=size)
        assert [t.i for span in spans for t in span] == list(range(n_words))
        assert all(0 < len(span) <= size for span in spans)
        assert len(spans) == -(-n_words // size)


def test_chunks_are_sentences_where_there_are_any(docs):
    for doc in docs[:2] + docs[3:]:
        assert chunks(doc, size=2) == list(doc.sents)
