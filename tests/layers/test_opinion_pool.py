import numpy as np
import pytest
from numpy.testing import assert_allclose
from thinc.api import Model

from spacy_rnn.layers.opinion_pool import OpinionPool
from spacy_rnn.layers.probabilities import probabilities

SCORES = np.array([[1.0, 2.0, -1.0], [0.0, 0.0, 3.0]], dtype="f")
OTHERS = np.array([[-1.0, 2.0, 1.5], [2.0, -2.0, 1.0]], dtype="f")
# Makes the last class impossible for the first document, up to what float32 can say.
CERTAIN = np.array([[-1.0, 2.0, -1000.0], [2.0, -2.0, 1.0]], dtype="f")
TRUTHS = np.array([[0.0, 1.0, 0.0], [0.9, 0.05, 0.05]], dtype="f")


def make_expert(scores, gradients):
    """Make a model that gives these scores, and notes what gradient it gets."""

    def forward(model, docs, is_train):
        def backprop(dY):
            gradients.append(dY)
            return []

        return scores, backprop

    return Model("expert", forward, dims={"nO": scores.shape[1]})


def gradients_of(exclusive, weight=1.0, others=OTHERS):
    gradients = []
    experts = [make_expert(scores, gradients) for scores in (SCORES, others)]
    pool = OpinionPool(*experts, share=0.7, exclusive=exclusive)
    Y, backprop = pool.begin_update([])
    found = probabilities(pool.ops, Y, exclusive=exclusive)
    backprop((found - TRUTHS) * weight)
    return found, gradients


def test_scores_are_averaged():
    experts = [make_expert(scores, []) for scores in (SCORES, OTHERS)]
    pool = OpinionPool(*experts, share=0.7, exclusive=True)
    assert_allclose(pool.predict([]), 0.7 * SCORES + 0.3 * OTHERS, atol=1e-6)


@pytest.mark.parametrize(
    ("exclusive", "others"), [(True, OTHERS), (False, OTHERS), (True, CERTAIN)]
)
def test_each_is_trained_by_its_own_cross_entropy(exclusive, others):
    _, gradients = gradients_of(exclusive, others=others)
    for scores, gradient in zip((SCORES, others), gradients, strict=True):
        alone = probabilities(Model("x", lambda: None).ops, scores, exclusive=exclusive)
        assert_allclose(gradient, alone - TRUTHS, atol=1e-6)


@pytest.mark.parametrize("exclusive", [True, False])
def test_who_agrees_with_the_pool_gets_its_gradient_whatever_a_document_weighs(
    exclusive,
):
    found, gradients = gradients_of(exclusive, weight=3.0, others=SCORES)
    for gradient in gradients:
        assert_allclose(gradient, (found - TRUTHS) * 3.0, atol=1e-6)


@pytest.mark.parametrize("exclusive", [True, False])
def test_where_nothing_is_known_nothing_is_learned(exclusive):
    known = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]], dtype="f")
    if not exclusive:
        known[0, 2] = 0.0  # of which both think differently
    _, gradients = gradients_of(exclusive, weight=known)
    _, whole = gradients_of(exclusive)
    for gradient, with_all in zip(gradients, whole, strict=True):
        assert_allclose(gradient, known * with_all, atol=1e-6)
