"""Whole pipelines on a GPU, beside the same pipelines on the CPU."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from thinc.api import SGD, Adam, fix_random_seed, use_ops

from spacy_rnn.types import CRFScores

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("device")]

ROOT = Path(__file__).parent.parent.parent
FACTORIES = [
    "rnn_textcat",
    "rnn_textcat_multilabel",
    "rnn_tagger",
    "rnn_morphologizer",
    "rnn_ner",
    "rnn_summarizer",
]
TAGGERS = ["tagger", "ner", "spancat"]  # spaCy's, on our layers
WORDS = [
    ["Ada", "left", "Bern", ".", "She", "liked", "it", "."],
    ["Bern", "misses", "Ada", "."],
    ["So", "it", "goes", ".", "Nobody", "in", "Bern", "cared", "at", "all", "."],
]
LABELS = {"Ada": "PER", "Bern": "LOC"}
TOLERANCE = 1e-4


def make_docs(nlp) -> list[Doc]:
    """Make documents that say something to every component."""
    docs = []
    for i, words in enumerate(WORDS):
        doc = Doc(
            nlp.vocab,
            words=words,
            tags=[word[-1] for word in words],
            pos=["NOUN" if word.istitle() else "VERB" for word in words],
            morphs=["Case=Nom" if word.istitle() else "" for word in words],
            ents=[f"B-{LABELS[word]}" if word in LABELS else "O" for word in words],
            sent_starts=[not j or words[j - 1] == "." for j in range(len(words))],
        )
        doc.cats = {"even": float(i % 2 == 0), "odd": float(i % 2 == 1)}
        doc.spans["summary"] = list(doc.sents)[:1]
        doc.spans["sc"] = list(doc.ents)
        docs.append(doc)
    return docs


def make_examples(nlp) -> list[Example]:
    """Pair the documents with ones that know of nothing but sentences."""
    examples = []
    for doc in make_docs(nlp):
        starts = [bool(token.is_sent_start) for token in doc]
        words = [token.text for token in doc]
        predicted = Doc(nlp.vocab, words=words, sent_starts=starts)
        examples.append(Example(predicted, doc))
    return examples


def tok2vec() -> dict:
    return {
        "@architectures": "spacy-rnn.HashEmbedRNN.v1",
        "width": 16,
        "depth": 2,
        "embed_size": 100,
    }


def make_pipeline(factory, steps: int = 0):
    """Make a pipeline where Thinc computes, and train it."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe(
        factory, config={"model": {"tok2vec": tok2vec()}} if factory in TAGGERS else {}
    )
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, steps)
    return nlp


def train(nlp, steps, optimizer=None):
    optimizer = optimizer or Adam(0.01)
    for _ in range(steps):
        nlp.update(make_examples(nlp), sgd=optimizer, drop=0.0)


def draw_nothing(nlp):
    """Turn off what is random in training, whatever `[training] dropout` is."""
    for _, pipe in nlp.pipeline:
        for node in pipe.model.walk():
            for name in ("word_dropout", "unknown_rate", "ngram_dropout"):
                if name in node.attrs:
                    node.attrs[name] = 0.0


def scores_of(nlp) -> list[np.ndarray]:
    """Return all that the model predicts, as NumPy arrays."""
    docs = [example.predicted for example in make_examples(nlp)]
    with nlp.select_pipes(enable=nlp.pipe_names):
        predicted = nlp.get_pipe(nlp.pipe_names[0]).model.predict(docs)
    return [*map(to_numpy, arrays_in(predicted))]


def arrays_in(values: Any) -> Iterator[Any]:
    """List the arrays that something is made of, as far down as it goes."""
    if isinstance(values, CRFScores):
        values = vars(values)
    if isinstance(values, dict):
        for value in values.values():
            yield from arrays_in(value)
    elif isinstance(values, list | tuple):
        for value in values:
            yield from arrays_in(value)
    elif hasattr(values, "shape"):
        yield values


def to_numpy(array):
    return array.get() if hasattr(array, "get") else array


def assert_near(scores, others):
    assert len(scores) == len(others) > 0
    for X, other in zip(scores, others, strict=True):
        assert_allclose(X, other, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("factory", FACTORIES)
def test_training_gives_the_scores_that_it_gives_on_the_cpu(factory):
    nlp = make_pipeline(factory)
    with use_ops("numpy"):
        twin = make_pipeline(factory)
    twin.from_bytes(nlp.to_bytes())
    assert_near(scores_of(nlp), scores_of(twin))
    for each in (nlp, twin):
        draw_nothing(each)
    # Not Adam, which makes steps of the same size from gradients that are next to none.
    train(nlp, 3, SGD(0.03))
    with use_ops("numpy"):
        train(twin, 3, SGD(0.03))
    assert_near(scores_of(nlp), scores_of(twin))


@pytest.mark.parametrize("factory", FACTORIES)
def test_bytes_cross_between_gpu_and_cpu(factory):
    nlp = make_pipeline(factory, steps=2)
    saved = nlp.to_bytes()  # with the ops that spaCy's vectors are on
    with use_ops("numpy"):
        twin = spacy.blank("en")
        twin.add_pipe(factory)
        twin.from_bytes(saved)
    back = spacy.blank("en")
    back.add_pipe(factory)
    back.from_bytes(twin.to_bytes())
    assert_near(scores_of(nlp), scores_of(twin))
    assert_near(scores_of(nlp), scores_of(back))


@pytest.mark.parametrize("factory", FACTORIES)
def test_no_array_of_a_document_stays_on_the_gpu(factory):
    nlp = make_pipeline(factory, steps=2)
    pipe = nlp.get_pipe(factory)
    docs = [example.predicted for example in make_examples(nlp)]
    for doc in pipe.pipe(docs):
        held = [doc.tensor, doc.user_data, doc.cats]
        held += [group.attrs for group in doc.spans.values()]
        for array in arrays_in(held):
            assert isinstance(array, np.ndarray | np.generic)
        assert {type(score) for score in doc.cats.values()} <= {float}
        DocBin(store_user_data=True).add(doc)


@pytest.mark.parametrize("factory", FACTORIES)
def test_empty_documents_are_legal(factory):
    nlp = make_pipeline(factory, steps=1)
    pipe = nlp.get_pipe(factory)
    docs = [Doc(nlp.vocab), *(eg.predicted for eg in make_examples(nlp))]
    assert len(list(pipe.pipe(docs))) == len(docs)
    assert len(list(pipe.pipe([Doc(nlp.vocab), Doc(nlp.vocab)]))) == 2


# Thinc calls it below spaCy's components.
@pytest.mark.filterwarnings("ignore:.*scatter_add")
@pytest.mark.parametrize("factory", TAGGERS)
def test_components_of_spacy_train_and_predict_on_our_layers(factory):
    nlp = make_pipeline(factory, steps=2)
    docs = [example.predicted for example in make_examples(nlp)]
    assert len(list(nlp.get_pipe(factory).pipe(docs))) == len(docs)


LOAD = """
import sys, spacy, torch
assert not torch.cuda.is_available()
nlp = spacy.load(sys.argv[1])
cats = nlp("Ada left Bern .").cats
print(*(cats[name] for name in ("even", "odd")))
"""


def test_a_pipeline_from_a_gpu_is_loaded_in_a_process_without_one(tmp_path):
    nlp = make_pipeline("rnn_textcat", steps=2)
    expected = [nlp("Ada left Bern .").cats[name] for name in ("even", "odd")]
    nlp.to_disk(tmp_path)
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-W", "ignore", "-c", LOAD, str(tmp_path)]
    output = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    )
    found = [float(score) for score in output.stdout.split()]
    assert_allclose(found, expected, atol=TOLERANCE)


REPEAT = """
import hashlib, spacy, torch
from tests.devices.test_pipelines import make_pipeline
spacy.require_gpu()
torch.use_deterministic_algorithms(True)
for factory in ("rnn_textcat", "rnn_tagger", "rnn_ner"):
    runs = {make_pipeline(factory, steps=5).get_pipe(factory).model.to_bytes()
            for _ in range(2)}
    assert len(runs) == 1, factory
"""


def test_the_documented_setting_makes_training_repeatable():
    environment = os.environ | {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    command = [sys.executable, "-W", "ignore", "-c", REPEAT]
    subprocess.run(command, env=environment, check=True, cwd=ROOT)
