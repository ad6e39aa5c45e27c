"""Temperatures and biases are those under which the truth is most likely."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_rnn.pipeline.calibration_search import (
    HIGHEST,
    LOWEST,
    fit_logistic,
    fit_temperature,
)


@given(st.floats(LOWEST, HIGHEST))
def test_the_lowest_point_is_found(lowest):
    found = fit_temperature(lambda T: (np.log(T) - np.log(lowest)) ** 2)
    assert found == pytest.approx(lowest, rel=1e-3)


@pytest.mark.parametrize("slope", [-1.0, 1.0])
def test_where_there_is_no_lowest_point_the_end_is_taken(slope):
    found = fit_temperature(lambda T: slope * T)
    assert found == pytest.approx(LOWEST if slope > 0 else HIGHEST, rel=1e-3)


def test_of_two_hollows_the_deeper_one_is_found():
    def loss(T):
        x = np.log(T)
        return min((x - 2.0) ** 2, (x + 1.5) ** 2 - 0.5)

    assert np.log(fit_temperature(loss)) == pytest.approx(-1.5, abs=1e-3)


def test_few_evaluations_are_enough():
    tried = []
    fit_temperature(lambda T: tried.append(T) or (T - 2.0) ** 2)
    assert len(tried) < 60


@pytest.mark.parametrize(("temperature", "bias"), [(0.5, 1.0), (2.0, -3.0), (1.0, 0.0)])
def test_what_made_the_truths_is_found_again(temperature, bias):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=200_000) * 3
    truths = rng.random(len(scores)) < 1 / (1 + np.exp(-(scores / temperature + bias)))
    found = fit_logistic(scores, truths.astype("d"))
    assert found == pytest.approx((temperature, bias), abs=0.05)


@given(st.lists(st.tuples(st.floats(-30, 10), st.booleans()), min_size=1, max_size=40))
def test_nothing_near_is_better(pairs):
    scores, truths = (np.array(x, dtype="d") for x in zip(*pairs, strict=True))
    temperature, bias = fit_logistic(scores, truths)
    positives, negatives = truths.sum(), (1 - truths).sum()
    targets = np.where(
        truths == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2)
    )

    def loss(slope, bias):
        z = slope * scores + bias
        return (np.logaddexp(0, z) - targets * z).sum()

    best = loss(1 / temperature, bias)
    for change in (-0.01, 0.01):
        assert best <= loss(1 / temperature + change, bias) + 1e-6
        assert best <= loss(1 / temperature, bias + change) + 1e-6


def test_few_data_do_not_make_probabilities_extreme():
    temperature, bias = fit_logistic(np.array([-1.0, 1.0]), np.array([0.0, 1.0]))
    p = 1 / (1 + np.exp(-(1.0 / temperature + bias)))
    assert 0.6 < p < 0.7  # two of three, as if there were one more of each


def test_scores_that_tell_the_opposite_have_no_positive_temperature():
    scores = np.linspace(-2, 2, 100)
    temperature, _ = fit_logistic(scores, (scores < 0).astype("d"))
    assert temperature <= 0
