"""Components that write texts, on a GPU beside the same on the CPU."""

import numpy as np
import pytest
import spacy
from small_writer import (
    FACTORIES,
    PAIRS,
    TEXTS,
    fit,
    make_examples,
    make_nlp,
    small_model,
)
from spacy.tokens import DocBin
from thinc.api import SGD, use_ops

pytest.importorskip("sentencepiece")
pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("device")]

NETWORKS = [
    {"attention": "general", "copying": True, "coverage": True, "coverage_loss": 0.1},
    {"attention": "additive", "cell": "gru"},
    {"attention": "dot", "tied": False},
]
SEARCHES = [
    {"beam_width": 1},
    {"beam_width": 4, "coverage_penalty": 0.1, "no_repeat": 2},
    {"beam_width": 4, "mbr_temperature": 2.0},
]
UNSEEN = ["", "The dog sees Anna in the house.", "dog " * 60]
TOLERANCE = 1e-4


def make_writer(factory="rnn_translator", **network):
    return make_nlp(factory, small_model(**network), n_best=1, attention=True)


def train(nlp, optimizer):
    for _ in range(3):
        nlp.update(make_examples(nlp, FACTORIES[nlp.pipe_names[0]]), sgd=optimizer)


def losses_of(nlp):
    docs = [nlp.make_doc(text) for text in TEXTS]
    model = nlp.get_pipe(nlp.pipe_names[0]).model
    losses = model.predict((docs, [target for _, target in PAIRS]))
    return losses.get() if hasattr(losses, "get") else losses


def candidates_of(nlp):
    (factory,) = nlp.pipe_names
    for doc in nlp.pipe([*TEXTS, *UNSEEN]):
        yield from doc._.get(f"{FACTORIES[factory]}_candidates")


def assert_same_texts(nlp, other):
    for one, two in zip(candidates_of(nlp), candidates_of(other), strict=True):
        assert one["text"] == two["text"]
        assert one["score"] == pytest.approx(two["score"], abs=TOLERANCE)
        assert one["attention"] == pytest.approx(two["attention"], abs=TOLERANCE)
        assert one["copied"] == two["copied"]


@pytest.mark.parametrize("network", NETWORKS)
def test_training_gives_the_losses_that_it_gives_on_the_cpu(network):
    nlp = make_writer(**network)
    nlp.initialize(lambda: make_examples(nlp))
    with use_ops("numpy"):
        twin = make_writer(**network)
    twin.from_bytes(nlp.to_bytes())
    assert losses_of(nlp) == pytest.approx(losses_of(twin), abs=TOLERANCE)
    # Not Adam, which makes steps of the same size from gradients that are next to none.
    train(nlp, SGD(0.1))
    with use_ops("numpy"):
        train(twin, SGD(0.1))
    assert losses_of(nlp) == pytest.approx(losses_of(twin), abs=TOLERANCE)


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("network", NETWORKS)
def test_texts_that_are_found_are_those_of_the_cpu(factory, network):
    nlp = make_writer(factory, **network)
    fit(nlp, make_examples(nlp, FACTORIES[factory]))
    with use_ops("numpy"):
        twin = make_writer(factory, **network)
    twin.from_bytes(nlp.to_bytes())
    for search in SEARCHES:
        for each in (nlp, twin):
            each.get_pipe(factory).configure(**search)
        assert_same_texts(nlp, twin)


def test_what_a_document_gets_is_not_on_the_gpu():
    nlp = make_writer(copying=True)
    nlp.initialize(lambda: make_examples(nlp))
    for doc in nlp.pipe([*TEXTS, *UNSEEN]):
        for candidate in doc._.translation_candidates:
            assert isinstance(candidate["attention"], np.ndarray)
        DocBin(store_user_data=True).add(doc)


def test_what_was_saved_on_a_gpu_is_loaded_on_either(tmp_path):
    nlp = make_writer()
    fit(nlp, make_examples(nlp), 20)
    nlp.to_disk(tmp_path)
    with use_ops("numpy"):
        assert_same_texts(nlp, spacy.load(tmp_path))
    assert_same_texts(nlp, spacy.load(tmp_path))
