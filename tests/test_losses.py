import numpy as np
import pytest
from numpy.testing import assert_allclose
from thinc.api import NumpyOps

from spacy_rnn.losses import (
    balanced_classes,
    balanced_labels,
    cross_entropy,
    token_cross_entropy,
)

OPS = NumpyOps()


def probabilities_of(scores, exclusive):
    if exclusive:
        return OPS.softmax(scores)
    return OPS.sigmoid(scores)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("exclusive", [True, False])
def test_the_gradient_is_that_of_the_loss(exclusive, smoothing):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4, 3)).astype("f")
    truths = np.eye(3, dtype="f")[[0, 1, 2, 1]]
    weights = rng.uniform(size=(4, 1) if exclusive else (4, 3)).astype("f")

    def loss(scores):
        return cross_entropy(
            OPS,
            probabilities_of(scores, exclusive),
            truths,
            weights,
            exclusive=exclusive,
            label_smoothing=smoothing,
        )

    gradient = loss(scores)[1]
    for i, k in np.ndindex(scores.shape):
        step = np.zeros_like(scores)
        step[i, k] = 1e-2
        slope = (loss(scores + step)[0] - loss(scores - step)[0]) / 2e-2
        assert gradient[i, k] == pytest.approx(slope * len(scores), abs=2e-3)


@pytest.mark.parametrize(("exclusive", "n_outcomes"), [(True, 4), (False, 2)])
def test_smoothing_spreads_the_truth_over_the_outcomes(exclusive, n_outcomes):
    truths = np.eye(4, dtype="f")
    target = truths * 0.8 + 0.2 / n_outcomes
    _, gradient = cross_entropy(
        OPS,
        target,
        truths,
        np.ones((4, 1), dtype="f"),
        exclusive=exclusive,
        label_smoothing=0.2,
    )
    assert_allclose(gradient, np.zeros((4, 4)), atol=1e-7)


def test_balanced_classes_count_alike_and_one_on_average():
    counts = {"a": (8, 2), "b": (2, 8), "unseen": (0, 10)}
    weights = balanced_classes(counts)
    assert weights["a"] * 8 == pytest.approx(weights["b"] * 2)
    assert weights["a"] * 8 + weights["b"] * 2 == pytest.approx(10)
    assert weights["unseen"] == 1.0


def test_balanced_labels_count_as_much_as_their_absence():
    assert balanced_labels({"a": (2, 8), "never": (0, 9)}) == {"a": 4.0, "never": 1.0}


TRUTHS = [
    pytest.param([0, 2, -1, 1, -1], [-1] * 5, 0.0, id="missing"),
    pytest.param([0, 2, -1, 1, -1], [-1] * 5, 0.3, id="smoothing"),
    pytest.param([0, -1, -1, 1, -1], [-1, 2, -1, -1, 0], 0.0, id="denied"),
    pytest.param([-1] * 5, [-1] * 5, 0.0, id="unknown"),
]


@pytest.mark.parametrize(("truths", "wrong", "smoothing"), TRUTHS)
def test_the_gradient_of_tokens_is_that_of_the_loss(truths, wrong, smoothing):
    scores = np.random.default_rng(0).normal(size=(5, 3)).astype("f")
    n_annotated = sum(t >= 0 or w >= 0 for t, w in zip(truths, wrong, strict=True))

    def loss(scores):
        return token_cross_entropy(
            OPS,
            OPS.softmax(scores),
            np.array(truths, dtype="i"),
            wrong=np.array(wrong, dtype="i"),
            label_smoothing=smoothing,
        )

    gradient = loss(scores)[1]
    for i, k in np.ndindex(scores.shape):
        step = np.zeros_like(scores)
        step[i, k] = 1e-2
        slope = (loss(scores + step)[0] - loss(scores - step)[0]) / 2e-2
        assert gradient[i, k] == pytest.approx(slope * n_annotated, abs=2e-3)


def test_the_loss_of_certain_mistakes_is_finite():
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0]], dtype="f")
    loss, gradient = token_cross_entropy(
        OPS,
        probabilities,
        np.array([1, -1], dtype="i"),
        wrong=np.array([-1, 0], dtype="i"),
        label_smoothing=0.0,
    )
    assert np.isfinite(loss)
    assert abs(gradient).max() == 1.0
