"""Components that write texts, in company: shared encoders, sources, other parts."""

import numpy as np
import pytest
import spacy
from small_writer import (
    PAIRS,
    TEXTS,
    fit,
    make_examples,
    make_nlp,
    small_model,
    written,
)
from spacy.language import Language
from spacy.training import Example
from spacy.vectors import Vectors
from spacys_cnn import SPACYS_CNN

LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 8}
EXPECTED = [target for _, target in PAIRS]


def losses_of(nlp, name="rnn_translator"):
    """Return how improbable each text is, where any change of weights shows."""
    docs = [nlp.make_doc(text) for text in TEXTS]
    for each, pipe in nlp.pipeline:
        if each == name:
            break
        docs = list(pipe.pipe(docs))
    return nlp.get_pipe(name).model.predict((docs, EXPECTED))


@pytest.fixture
def sharing(make_tok2vec):
    """A pipeline with one encoder for a translator and a tagger, and examples."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": make_tok2vec()})
    tagger = {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}
    nlp.add_pipe("tagger", config={"model": tagger})
    nlp.add_pipe("rnn_translator", config={"model": small_model(tok2vec=LISTENER)})
    examples = make_examples(nlp)
    for example in examples:
        for token in example.reference:
            token.tag_ = "LONG" if len(token) > 3 else "SHORT"
    return nlp, examples


def check_learning(nlp, examples, tmp_path):
    """Check that texts get less improbable, and that this is kept on disk."""
    fit(nlp, examples, 1)
    before = losses_of(nlp)
    fit(nlp, examples, 6, nlp.resume_training())
    after = losses_of(nlp)
    assert (after < before).all()
    nlp.to_disk(tmp_path)
    np.testing.assert_array_equal(losses_of(spacy.load(tmp_path)), after)


def test_it_learns_on_the_encoder_of_another_component(sharing, tmp_path):
    nlp, examples = sharing
    check_learning(nlp, examples, tmp_path)
    assert nlp.evaluate(examples)["tag_acc"] > 0.5


def test_a_batch_without_texts_does_not_keep_the_others_from_learning(sharing):
    """A shared encoder learns as soon as the last that listen to it are done."""
    nlp, examples = sharing
    optimizer = nlp.initialize(lambda: examples)
    for example in examples:
        example.reference._.translation = None
    before = nlp.get_pipe("tok2vec").model.to_bytes()
    for _ in range(2):  # spaCy updates a tok2vec with the gradient of the step before
        losses = nlp.update(examples, sgd=optimizer, losses={})
    assert losses["tagger"] > losses["rnn_translator"] == 0.0
    assert nlp.get_pipe("tok2vec").model.to_bytes() != before


def test_a_replaced_listener_learns_apart(sharing, tmp_path):
    nlp, examples = sharing
    fit(nlp, examples, 3)
    before = losses_of(nlp)
    nlp.replace_listeners("tok2vec", "rnn_translator", ["model.tok2vec"])
    assert losses_of(nlp) == pytest.approx(before, abs=1e-5)
    shared = nlp.get_pipe("tok2vec").model.to_bytes()
    own = nlp.get_pipe("rnn_translator").model.get_ref("tok2vec").to_bytes()
    optimizer = nlp.resume_training()
    fit(nlp, examples, 2, optimizer, exclude=["tagger", "tok2vec"])
    assert nlp.get_pipe("tok2vec").model.to_bytes() == shared
    assert nlp.get_pipe("rnn_translator").model.get_ref("tok2vec").to_bytes() != own
    nlp.to_disk(tmp_path)
    np.testing.assert_array_equal(losses_of(spacy.load(tmp_path)), losses_of(nlp))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folder of a trained pipeline."""
    nlp = make_nlp("rnn_abstractive_summarizer")
    fit(nlp, make_examples(nlp, "summary"), 50)
    path = tmp_path_factory.mktemp("rnn_abstractive_summarizer") / "model"
    nlp.to_disk(path)
    return path


def test_a_frozen_component_annotates_and_stays_as_it_is(saved):
    nlp, seen = spacy.load(saved), []

    @Language.component("reading_for_a_test")
    def read(doc):
        return doc

    read.update = lambda examples, **kwargs: seen.extend(
        example.predicted._.summary for example in examples
    )
    nlp.add_pipe("reading_for_a_test")
    (factory, *_) = nlp.pipe_names
    weights = nlp.get_pipe(factory).to_bytes()
    others = make_examples(nlp, "summary", [(text, "Nein.") for text in TEXTS])
    nlp.update(others, exclude=[factory], annotates=[factory])
    assert seen == EXPECTED
    assert nlp.get_pipe(factory).to_bytes() == weights


def test_it_annotates_while_it_learns_a_share_of_a_batch():
    nlp = make_nlp()
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    settings = {"rnn_translator": {"share": 0.5}}
    losses = nlp.update(
        examples,
        sgd=optimizer,
        annotates=["rnn_translator"],
        component_cfg=settings,
    )
    assert losses["rnn_translator"] > 0.0


def test_a_sourced_component_writes_the_same_and_learns_on(saved, tmp_path):
    source = spacy.load(saved)
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_abstractive_summarizer", source=source)
    assert written(nlp, extension="summary") == EXPECTED
    others = make_examples(nlp, "summary", [(text, "Nein.") for text in TEXTS])
    fit(nlp, others, 20, nlp.resume_training())
    learned = written(nlp, extension="summary")
    assert learned != EXPECTED
    nlp.to_disk(tmp_path)
    assert written(spacy.load(tmp_path), extension="summary") == learned
    assert written(spacy.load(saved), extension="summary") == EXPECTED


def test_token_vectors_may_be_those_of_spacy(tmp_path):
    nlp = make_nlp(model=small_model(tok2vec=SPACYS_CNN))
    check_learning(nlp, make_examples(nlp), tmp_path)


def test_token_vectors_may_be_given(make_tok2vec, tmp_path):
    words = sorted({token for text in TEXTS for token in text.rstrip(".!").split()})
    table = np.random.default_rng(0).normal(size=(len(words), 10)).astype("f")
    source = spacy.blank("en")
    source.vocab.vectors = Vectors(data=table, keys=words, name="words")
    source.to_disk(tmp_path / "vectors")
    tok2vec = make_tok2vec()
    tok2vec["embed"]["include_static_vectors"] = True
    nlp = make_nlp(model=small_model(tok2vec=tok2vec))
    nlp.config["initialize"]["vectors"] = str(tmp_path / "vectors")
    check_learning(nlp, make_examples(nlp), tmp_path / "model")
    before = losses_of(nlp)
    nlp.vocab.vectors.data[:] = 0.0
    assert abs(losses_of(nlp) - before).max() > 1e-4


def test_what_is_copied_is_the_text_of_its_token():
    names = ["Quux", "👩\u200d🚀", "Zoe\u0308", "ｶﾞ", "٣", "\u202babc"]  # noqa: RUF001
    nlp = make_nlp(model=small_model(copying=True))
    pairs = [(f"I saw {each} there", f"{each} gesehen") for each in names]
    fit(nlp, make_examples(nlp, pairs=pairs), 80)
    assert written(nlp, [text for text, _ in pairs]) == [text for _, text in pairs]


def test_examples_with_and_without_words_are_learned_and_rehearsed_together():
    nlp = make_nlp()
    empty = [Example(nlp.make_doc(text), nlp.make_doc(text)) for text in ("", " \n")]
    examples = [empty[0], *make_examples(nlp), empty[1]]
    fit(nlp, examples, 50)
    assert written(nlp, ["", *TEXTS, " "]) == ["", *EXPECTED, ""]
    optimizer = nlp.resume_training()
    losses = nlp.rehearse(examples, sgd=optimizer)
    assert losses["rnn_translator"] >= 0.0
    assert nlp.rehearse(empty, sgd=optimizer)["rnn_translator"] == 0.0
    assert written(nlp) == EXPECTED


@pytest.mark.parametrize("method", ["update", "rehearse"])
def test_documents_without_a_token_change_nothing(method):
    nlp = make_nlp(model=small_model(tok2vec=SPACYS_CNN))
    fit(nlp, make_examples(nlp), 3)
    optimizer, pipe = nlp.resume_training(), nlp.get_pipe("rnn_translator")
    pipe.update(make_examples(nlp), sgd=optimizer)
    before = pipe.to_bytes()
    empty = [Example(nlp.make_doc(""), nlp.make_doc("")) for _ in range(2)]
    losses = getattr(pipe, method)(empty, sgd=optimizer)
    assert losses == {"rnn_translator": 0.0}
    assert pipe.to_bytes() == before


def test_documents_of_several_vocabularies_are_written_about_together():
    nlp = make_nlp()
    fit(nlp, make_examples(nlp), 30)
    other = spacy.blank("en")
    docs = [nlp.make_doc(TEXTS[0]), other.make_doc(TEXTS[1] + " unheard")]
    alone = [written(nlp, [doc.copy()])[0] for doc in docs]
    assert written(nlp, docs) == alone
