import numpy as np
import pytest
import spacy
from confection import ConfigValidationError
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import Doc
from thinc.api import Adam

from spacy_rnn.architectures.hash_embed import build_hash_embed_rnn
from spacy_rnn.architectures.hierarchical import build_hierarchical_textcat
from spacy_rnn.architectures.ngrams import build_bag_of_ngrams
from spacy_rnn.losses import cross_entropy

TEXTS = ["The cat sat. It slept on the mat.", "", "No", "A dog! Three cats? A dog."]
N_LABELS = 3


@pytest.fixture(scope="module")
def nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return nlp


@pytest.fixture(scope="module")
def docs(nlp):
    return list(nlp.pipe(TEXTS))


def make_model(docs=None, *, exclusive=True, linear=False, **settings):
    """Build a classifier; given docs, initialize it, the scores not being zero."""
    model = build_hierarchical_textcat(
        build_hash_embed_rnn(8, 1, 60),
        exclusive,
        width=6,
        linear_model=build_bag_of_ngrams(rows=100) if linear else None,
        **settings,
    )
    if docs is not None:
        model.initialize(X=docs, Y=np.zeros((len(docs), N_LABELS), dtype="f"))
        W = model.get_ref("output_layer").get_param("W")
        W[:] = np.random.default_rng(1).normal(size=W.shape)
    return model


def update(model, docs, truths, optimizer):
    Y, backprop = model.begin_update(docs)
    backprop(Y - truths)
    model.finish_update(optimizer)


def resize(model, n_labels):
    model.attrs["resize_output"](model, n_labels)
    return model


@pytest.mark.parametrize("boundaries", [True, False])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"word_pooling": ["max", "last"], "sentence_pooling": ["mean", "attention"]},
        {"cell": "gru", "linear": True},
    ],
    ids=str,
)
def test_scores_of_a_text_do_not_depend_on_the_batch(nlp, docs, settings, boundaries):
    if not boundaries:
        docs = [nlp.make_doc(text) for text in TEXTS]
    model = make_model(docs, chunk_size=3, **settings)
    together = model.predict(docs)
    assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    assert_allclose(model.predict(docs[::-1]), together[::-1], rtol=0, atol=1e-5)
    for doc, scores in zip(docs, together, strict=True):
        assert_allclose(model.predict([doc])[0], scores, rtol=0, atol=1e-5)


def test_boundaries_tell_what_is_read_as_one_sequence(nlp, docs):
    model = make_model(docs, chunk_size=4)
    plain = [nlp.make_doc(text) for text in TEXTS]
    cut_like_sentences = Doc(
        nlp.vocab,
        words=[token.text for token in docs[0]],
        sent_starts=[token.i % 4 == 0 for token in docs[0]],
    )
    assert [len(sentence) for sentence in docs[0].sents] == [4, 6]
    assert abs(model.predict(plain)[0] - model.predict(docs)[0]).max() > 1e-4
    assert_allclose(
        model.predict([cut_like_sentences])[0], model.predict(plain)[0], atol=1e-6
    )


@pytest.mark.parametrize("exclusive", [False, True])
def test_the_gradient_of_all_parameters_is_that_of_the_loss(docs, exclusive):
    model = make_model(docs, exclusive=exclusive, word_pooling=["mean", "attention"])
    truths = np.eye(N_LABELS, dtype="f")[[0, 1, 2, 0]]

    def loss_of(scores):
        return cross_entropy(
            model.ops,
            scores,
            truths,
            np.ones_like(truths),
            exclusive=exclusive,
            label_smoothing=0.0,
        )

    Y, backprop = model.begin_update(docs)
    backprop(loss_of(Y)[1])
    names = [(node, name) for node in model.walk() for name in node.param_names]
    assert len(names) == 7  # embedding, two encoders, two poolings, two of the output
    for node, name in names:
        value, grad = node.get_param(name).copy(), node.get_grad(name)
        norm = np.linalg.norm(grad)
        assert norm > 0
        losses = []
        for step in (3e-3, -3e-3):
            node.set_param(name, (value + step * grad / norm).astype("f"))
            losses.append(len(docs) * loss_of(model.predict(docs))[0])
        node.set_param(name, value)
        assert (losses[0] - losses[1]) / 6e-3 == pytest.approx(norm, rel=3e-2)


@pytest.mark.parametrize("exclusive", [False, True])
def test_it_learns_what_distinguishes_two_texts(docs, exclusive):
    model = make_model(docs, exclusive=exclusive)
    truths = np.eye(N_LABELS, dtype="f")[[0, 1]]
    optimizer = Adam(0.02)
    for _ in range(40):
        update(model, [docs[0], docs[3]], truths, optimizer)
    assert_allclose(model.predict([docs[0], docs[3]]), truths, rtol=0, atol=0.2)


@pytest.mark.parametrize("linear", [False, True])
def test_resizing_keeps_the_scores_and_what_is_new_can_be_learned(docs, linear):
    model = make_model(docs, exclusive=False, linear=linear)
    before = model.predict(docs)
    after = resize(model, 4).predict(docs)
    assert_allclose(after[:, :3], before, rtol=0, atol=1e-6)
    assert after[:, 3:].max() < 1e-5
    optimizer = Adam(0.1)
    for _ in range(40):
        update(model, docs, np.eye(4, dtype="f")[[3, 0, 0, 0]], optimizer)
    assert model.predict(docs)[0, 3] > 0.8


def test_bytes_roundtrip_needs_no_examples(docs):
    model = resize(make_model(docs, linear=True), 4)
    loaded = resize(make_model(linear=True), 4).from_bytes(model.to_bytes())
    assert_array_equal(loaded.predict(docs), model.predict(docs))


@pytest.mark.parametrize("n_docs", [0, 1, 3])
def test_a_batch_without_tokens_is_classified_and_learned_from(nlp, docs, n_docs):
    model = make_model(docs)
    empty = [Doc(nlp.vocab)] * n_docs
    assert model.predict(empty).shape == (n_docs, N_LABELS)
    update(model, empty, np.zeros((n_docs, N_LABELS), dtype="f"), Adam(0.01))


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("cell", "lst", "lstm"),
        ("width", 0, "2 or more"),
        ("width", 7, "even"),
        ("chunk_size", 0, "1 or more"),
        ("word_pooling", ["mx"], "max"),
        ("word_pooling", [], "one or several"),
        ("sentence_pooling", ["max", "max"], "each once"),
        ("linear_share", 1.0, "(0, 1)"),
    ],
)
def test_a_wrong_setting_says_what_is_right(setting, value, message):
    tok2vec = build_hash_embed_rnn(4, 1, 60)
    with pytest.raises((ValueError, ConfigValidationError)) as error:
        build_hierarchical_textcat(tok2vec, True, **{setting: value})
    assert message in str(error.value)
    assert setting in str(error.value)


@pytest.mark.parametrize("factory", ["rnn_textcat", "rnn_textcat_multilabel"])
def test_it_runs_under_the_components_with_labels_added_later(factory, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    model = {
        "@architectures": "spacy-rnn.HierarchicalTextCat.v1",
        "exclusive_classes": factory == "rnn_textcat",
        "width": 8,
        "tok2vec": {
            "@architectures": "spacy-rnn.HashEmbedRNN.v1",
            "width": 8,
            "depth": 1,
            "embed_size": 60,
        },
    }
    pipe = nlp.add_pipe(factory, config={"model": model})
    for label in ("good", "bad"):
        pipe.add_label(label)
    nlp.initialize()
    pipe.add_label("odd")
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    for text in TEXTS:
        assert loaded(text).cats == pytest.approx(nlp(text).cats)
        assert set(nlp(text).cats) == {"good", "bad", "odd"}
