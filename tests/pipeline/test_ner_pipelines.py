"""An entity recognizer among other components."""

import subprocess
import sys

import numpy as np
import pytest
import spacy
from numpy.testing import assert_array_equal
from spacy.tokens import Doc, Span
from spacy.training import Example

LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 8, "upstream": "*"}
MANY = """
import sys
import spacy

nlp = spacy.load(sys.argv[1])
texts = ["Ada left Bern", "", "So Bern met Ada"] * 10
docs = list(nlp.pipe(texts, n_process=2, batch_size=7))
for doc, text in zip(docs, texts, strict=True):
    other = nlp(text)
    assert [(e.start, e.label_) for e in doc.ents] == [
        (e.start, e.label_) for e in other.ents
    ]
    scores = doc.spans["rnn_ner"].attrs["scores"]
    assert abs(scores - other.spans["rnn_ner"].attrs["scores"]).sum() < 1e-4
print(sum(len(doc.ents) for doc in docs))
"""


@pytest.fixture
def sharing(make_model, make_tok2vec, make_entities):
    """A pipeline with one encoder for entities and a classifier, and examples."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": make_tok2vec()})
    model = {"@architectures": "spacy-rnn.CRFTagger.v1", "tok2vec": LISTENER}
    nlp.add_pipe("rnn_ner", config={"model": model})
    model = make_model("rnn_textcat", tok2vec=LISTENER)
    nlp.add_pipe("rnn_textcat", config={"model": model})
    examples = make_entities(nlp)
    for i, example in enumerate(examples):
        example.reference.cats = {"some": float(i < 2), "none": float(i == 2)}
    return nlp, examples


def train(nlp, examples, steps, optimizer=None, **kwargs):
    optimizer = optimizer or nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer, **kwargs)
    return optimizer


def copies(nlp, examples):
    return [Doc(nlp.vocab, [t.text for t in eg.predicted]) for eg in examples]


def confidences(nlp, examples):
    docs = list(nlp.pipe(copies(nlp, examples)))
    return np.concatenate([doc.spans["rnn_ner"].attrs["scores"] for doc in docs])


def test_entities_and_categories_are_learned_on_one_encoder(sharing, tmp_path):
    nlp, examples = sharing
    train(nlp, examples, 30)
    scores = nlp.evaluate(examples)
    assert scores["ents_f"] == 1.0
    assert scores["cats_score"] == 1.0
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert_array_equal(confidences(loaded, examples), confidences(nlp, examples))


def test_replaced_listeners_learn_apart(sharing):
    nlp, examples = sharing
    train(nlp, examples, 20)
    before = confidences(nlp, examples)
    nlp.replace_listeners("tok2vec", "rnn_ner", ["model.tok2vec"])
    nlp.replace_listeners("tok2vec", "rnn_textcat", ["model.tok2vec"])
    nlp.remove_pipe("tok2vec")
    assert confidences(nlp, examples) == pytest.approx(before, abs=1e-5)
    optimizer = nlp.resume_training()
    train(nlp, examples, 2, optimizer, exclude=["rnn_ner"])
    assert confidences(nlp, examples) == pytest.approx(before, abs=1e-5)
    train(nlp, examples, 2, optimizer, exclude=["rnn_textcat"])
    assert abs(confidences(nlp, examples) - before).max() > 1e-4


def test_a_sourced_component_predicts_the_same_and_learns_on(
    trained_ner, make_entities
):
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_ner", source=trained_ner)
    examples = make_entities(nlp)
    expected = confidences(trained_ner, examples)
    assert_array_equal(confidences(nlp, examples), expected)
    train(nlp, examples[1:], 3, nlp.resume_training())
    assert abs(confidences(nlp, examples) - expected).max() > 1e-4


def test_a_frozen_component_annotates_for_those_after_it(
    trained_ner, make_entities, monkeypatch
):
    seen = []

    def update(examples, **kwargs):
        seen.extend(str(example.predicted.ents) for example in examples)

    second = trained_ner.add_pipe("rnn_ner", name="second")
    monkeypatch.setattr(second, "update", update)
    monkeypatch.setattr(second, "finish_update", lambda optimizer: None)
    examples = make_entities(trained_ner)
    weights = trained_ner.get_pipe("rnn_ner").to_bytes()
    for _ in range(2):
        trained_ner.update(examples, exclude=["rnn_ner"], annotates=["rnn_ner"])
    assert trained_ner.get_pipe("rnn_ner").to_bytes() == weights
    assert seen == [str(example.reference.ents) for example in examples] * 2


def test_entities_and_chunks_are_found_side_by_side(trained_ner, make_ner, fit):
    chunker = make_ner(annotate_ents=False, spans_key="chunks")
    words = ["So", "Bern", "met", "Ada"]
    doc = Doc(chunker.vocab, words)
    doc.spans["chunks"] = [Span(doc, 1, 4, label="S")]
    fit(chunker, [Example(Doc(chunker.vocab, words), doc)], 15)
    trained_ner.add_pipe("rnn_ner", name="chunker", source=chunker)
    doc = trained_ner("So Bern met Ada")
    assert [str(ent) for ent in doc.ents] == ["Bern", "Ada"]
    assert [str(span) for span in doc.spans["rnn_ner"]] == ["Bern", "Ada"]
    assert [str(span) for span in doc.spans["chunks"]] == ["Bern met Ada"]


def test_several_processes_find_the_same_entities(saved_ner):
    command = [sys.executable, "-c", MANY, str(saved_ner)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 40
