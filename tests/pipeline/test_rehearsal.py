"""Rehearsing: learning to predict as before training was resumed."""

import numpy as np
import pytest
from single_components import ANNOTATION
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import set_dropout_rate

from spacy_rnn.gradients import gradient_arrays

CHANGING = ["word_dropout", "ngram_dropout"]  # of the words, also where nothing drops
OTHERS = {"rnn_translator"}  # that imitate texts, not probabilities


@pytest.fixture(params=sorted({*ANNOTATION} - OTHERS))
def factory(request):
    return request.param


@pytest.fixture
def make(make_pipe, make_model):
    """Make a pipeline of one, with one classifier: two would learn of each other."""

    def make(factory):
        config = {}
        if "textcat" in factory:
            config["model"] = make_model(factory, linear_model=None)
        nlp, example = make_pipe(factory, **config)
        return nlp, nlp.get_pipe(factory), example

    return make


def largest_gradient(pipe):
    return max(abs(array).max() for array in gradient_arrays(pipe.model))


def unlabelled(nlp, words=("Rude", "Ada", "left", "Bern", "!")):
    doc = Doc(
        nlp.vocab, words=list(words), sent_starts=[True, False, True, False, False]
    )
    return Example(doc, doc.copy())


def test_an_unchanged_model_has_nothing_to_learn(make, factory):
    nlp, pipe, _ = make(factory)
    nlp.resume_training()
    set_dropout_rate(pipe.model, 0.0, attrs=CHANGING)
    losses = pipe.rehearse([unlabelled(nlp)], losses={"x": 1.0})
    assert losses == {"x": 1.0, factory: pytest.approx(0.0, abs=1e-6)}
    assert largest_gradient(pipe) < 1e-6


def test_dropout_is_that_of_the_call(make, factory):
    nlp, pipe, example = make(factory)
    nlp.update([example], sgd=nlp.create_optimizer())  # no output is 0 after that
    nlp.resume_training()
    set_dropout_rate(pipe.model, 0.0, attrs=CHANGING)
    assert pipe.rehearse([unlabelled(nlp)], drop=0.7)[factory] > 1e-6
    assert pipe.rehearse([unlabelled(nlp)])[factory] == pytest.approx(0.0, abs=1e-6)


def test_what_is_imitated_is_what_was_predicted(make, factory):
    nlp, pipe, _ = make(factory)
    nlp.resume_training()
    set_dropout_rate(pipe._rehearsal_model, 0.9, attrs=[*CHANGING, "dropout_rate"])
    set_dropout_rate(pipe.model, 0.0, attrs=CHANGING)
    before = pipe._rehearsal_model.to_bytes()
    # Words that it never met are no news to it.
    for batch in (
        [unlabelled(nlp)],
        [unlabelled(nlp, ["Un", "heard", "of", "so", "far"])],
    ):
        assert pipe.rehearse(batch)[factory] == pytest.approx(0.0, abs=1e-6)
    assert pipe._rehearsal_model.to_bytes() == before


def test_gradients_add_up_without_an_optimizer(make, factory):
    nlp, pipe, example = make(factory)
    nlp.resume_training()
    for _ in range(3):
        nlp.update([example], sgd=nlp.create_optimizer())
    weights = pipe.model.to_bytes()
    losses = pipe.rehearse(unlabelled(nlp) for _ in range(2))
    assert losses[factory] > 0
    assert largest_gradient(pipe) > 0
    assert pipe.model.to_bytes() == weights


def test_nothing_is_learned_of_no_documents(make, factory):
    nlp, pipe, _ = make(factory)
    nlp.resume_training()
    empty = Doc(nlp.vocab)
    for batch in ([], [Example(empty, empty.copy())]):
        assert pipe.rehearse(batch, sgd=nlp.create_optimizer()) == {factory: 0.0}


@pytest.mark.parametrize("name", sorted({*ANNOTATION} - OTHERS - {"rnn_summarizer"}))
def test_labels_that_were_added_are_learned_not_to_apply(make, name):
    nlp, pipe, _ = make(name)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.05
    pipe.add_label("POS=X" if name == "rnn_morphologizer" else "NEW")
    examples = [unlabelled(nlp)]
    pipe.model.get_ref("output_layer").get_param("b")[-1] = 2.0
    first, *_, last = (pipe.rehearse(examples, sgd=optimizer)[name] for _ in range(40))
    assert 0 < last < first / 2


def test_the_divergence_is_that_of_the_probabilities(make):
    _, pipe, _ = make("rnn_textcat")
    now, before = np.array([[0.5, 0.5]], "f"), np.array([[0.9, 0.1]], "f")
    loss, gradient = pipe.divergence(now, before)
    assert loss == pytest.approx(0.9 * np.log(1.8) + 0.1 * np.log(0.2))
    assert gradient == pytest.approx(now - before)
