import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from spacy_rnn.layers.probabilities import Probabilities

SCORES = np.array([[1.0, 2.0, -1.0], [0.0, 0.0, 80.0], [-80.0, 3.0, 3.0]], dtype="f")


def test_exclusive_probabilities_are_a_softmax():
    Y = Probabilities(exclusive=True).predict(SCORES)
    expected = np.exp(SCORES.astype("f8"))
    assert_allclose(Y, expected / expected.sum(axis=1, keepdims=True), atol=1e-6)


def test_other_probabilities_are_logistic():
    Y = Probabilities(exclusive=False).predict(SCORES)
    assert_allclose(Y, 1 / (1 + np.exp(-SCORES.astype("f8"))), atol=1e-6)


def test_the_gradient_of_the_scores_passes_unchanged():
    for exclusive in (False, True):
        _, backprop = Probabilities(exclusive=exclusive).begin_update(SCORES)
        assert_array_equal(backprop(SCORES + 1), SCORES + 1)
