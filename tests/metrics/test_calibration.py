"""Errors of calibration are what their papers say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_rnn.metrics.calibration import (
    brier_score,
    error_by_chance,
    expected_calibration_error,
    maximum_calibration_error,
    reliability_bins,
)

# Floats as they are, and the edges of bins.
CONFIDENCES = st.floats(0.0, 1.0) | st.sampled_from([i / 15 for i in range(16)])
PREDICTIONS = st.lists(st.tuples(CONFIDENCES, st.booleans()), min_size=1, max_size=30)


def error_by_the_formula(confidences, correct, bins):
    """Sum |B_m| / n * |acc(B_m) - conf(B_m)| over the bins ((m - 1) / M, m / M]."""
    confidences, correct = np.array(confidences), np.array(correct)
    error = 0.0
    for m in range(1, bins + 1):
        low, high = (m - 1) / bins, m / bins
        inside = (confidences > low) & (confidences <= high)
        if m == 1:
            inside |= confidences == 0.0  # which would be in none
        if inside.any():
            gap = correct[inside].mean() - confidences[inside].mean()
            error += inside.mean() * abs(gap)
    return error


def test_an_example_by_hand():
    # 0.95 and 0.94 share a bin, half of which is right; 0.1 is alone and wrong.
    error = expected_calibration_error([0.95, 0.1, 0.94], [True, False, False])
    assert error == pytest.approx(2 / 3 * (0.945 - 0.5) + 1 / 3 * 0.1)


@given(PREDICTIONS)
def test_it_follows_the_formula(predictions):
    confidences, correct = zip(*predictions, strict=True)
    found = expected_calibration_error(confidences, correct)
    assert found == pytest.approx(error_by_the_formula(confidences, correct, 15))


@given(PREDICTIONS, st.randoms())
def test_the_order_does_not_matter(predictions, random):
    shuffled = random.sample(predictions, len(predictions))
    first, second = (
        expected_calibration_error(*zip(*pairs, strict=True))
        for pairs in (predictions, shuffled)
    )
    assert first == pytest.approx(second)


@given(PREDICTIONS)
def test_it_is_a_share(predictions):
    assert 0.0 <= expected_calibration_error(*zip(*predictions, strict=True)) <= 1.0


def test_certain_and_right_is_perfect_and_certain_and_wrong_the_worst():
    certain = [1.0, 0.0, 1.0]
    assert expected_calibration_error(certain, [True, False, True]) == 0.0
    assert expected_calibration_error(certain, [False, True, False]) == 1.0


@pytest.mark.parametrize("bins", [1, 2, 10])
def test_an_edge_belongs_to_the_bin_below(bins):
    # 0.5 is in (0, 0.5] of two bins: beside 0.1, not beside 0.9.
    confidences, correct = [0.5, 0.1, 0.9], [True, False, False]
    found = expected_calibration_error(confidences, correct, n_bins=bins)
    assert found == pytest.approx(error_by_the_formula(confidences, correct, bins))


def test_predictions_within_a_bin_make_up_for_each_other():
    confidences, correct = [0.51, 0.59], [True, False]
    assert expected_calibration_error(confidences, correct, 10) == pytest.approx(0.05)
    assert expected_calibration_error(confidences, correct, 100) == pytest.approx(0.54)


def test_the_worst_bin_counts_however_few_are_in_it():
    confidences, correct = [0.9, 0.9, 0.9, 0.1], [True, True, True, True]
    assert maximum_calibration_error(confidences, correct) == pytest.approx(0.9)


@given(PREDICTIONS)
def test_the_worst_bin_is_no_better_than_the_average(predictions):
    pairs = tuple(zip(*predictions, strict=True))
    worst, mean = maximum_calibration_error(*pairs), expected_calibration_error(*pairs)
    assert mean <= worst + 1e-12
    worst, mean = (
        error(*pairs, 1)
        for error in (maximum_calibration_error, expected_calibration_error)
    )
    assert worst == pytest.approx(mean)  # of one bin


@given(st.lists(CONFIDENCES, min_size=1, max_size=30), st.integers(1, 15))
def test_the_error_by_chance_is_that_of_normal_distributions(confidences, n_bins):
    p = np.array(confidences)
    edges = reliability_bins(p, p > 0.5, n_bins).edges
    edges[0] = -1.0
    inside = (p > edges[:-1, None]) & (p <= edges[1:, None])
    spreads = np.sqrt((inside * p * (1.0 - p)).sum(axis=1))
    expected = spreads.sum() * math.sqrt(2.0 / math.pi) / len(p)
    assert error_by_chance(confidences, n_bins) == pytest.approx(expected)


@given(PREDICTIONS)
def test_each_prediction_is_in_the_bin_whose_edges_are_around_it(predictions):
    confidences, correct = map(np.array, zip(*predictions, strict=True))
    bins = reliability_bins(confidences, correct)
    assert bins.counts.sum() == len(predictions)
    spans = zip(bins.edges[:-1], bins.edges[1:], strict=True)
    for m, (low, high) in enumerate(spans):
        inside = ((confidences > low) | (m == 0)) & (confidences <= high)
        assert bins.counts[m] == inside.sum()
        if not inside.any():
            assert np.isnan([bins.confidence[m], bins.accuracy[m], bins.gaps[m]]).all()
            continue
        assert bins.confidence[m] == pytest.approx(confidences[inside].mean())
        assert bins.accuracy[m] == pytest.approx(correct[inside].mean())


def test_the_brier_score_is_a_mean_of_squares():
    assert brier_score([0.8, 0.3], [True, True]) == pytest.approx((0.04 + 0.49) / 2)


@pytest.mark.parametrize(
    "measure", [expected_calibration_error, maximum_calibration_error, brier_score]
)
def test_without_predictions_there_is_no_error_to_speak_of(measure):
    assert math.isnan(measure([], []))


def test_the_error_by_chance_is_about_that_of_perfect_confidences():
    rng = np.random.default_rng(0)
    confidences = rng.random(400) ** 0.5
    drawn = [
        expected_calibration_error(confidences, rng.random(400) < confidences)
        for _ in range(300)
    ]
    chance = error_by_chance(confidences)
    assert chance == pytest.approx(np.mean(drawn), rel=0.03)
    assert error_by_chance([0.0, 1.0]) == 0.0
    assert math.isnan(error_by_chance([]))


def test_arrays_are_as_good_as_lists():
    confidences = np.array([0.7, 0.2], dtype="f")
    correct = np.array([True, False])
    found = expected_calibration_error(confidences, correct)
    assert found == pytest.approx(0.25)


@pytest.mark.parametrize("measure", [expected_calibration_error, brier_score])
@pytest.mark.parametrize("confidence", [-0.1, 1.1, math.nan])
def test_a_confidence_out_of_range_is_an_error(confidence, measure):
    with pytest.raises(ValueError, match=r"in \[0, 1\], but one is"):
        measure([0.5, confidence], [True, True])


def test_as_many_of_both_are_needed():
    with pytest.raises(ValueError, match="as there are predictions, 2, but got 1"):
        expected_calibration_error([0.5], [True, True])


def test_there_is_at_least_one_bin():
    with pytest.raises(ValueError, match="n_bins has to be 1 or more"):
        expected_calibration_error([0.5], [True], n_bins=0)
