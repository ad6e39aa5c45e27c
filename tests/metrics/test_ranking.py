"""Precision by recall, and the area under the ROC curve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.scorer import _roc_auc_score

from spacy_rnn.metrics.bootstrap import resamples
from spacy_rnn.metrics.ranking import (
    area_under_roc,
    macro_area,
    precision_recall,
    thin_out,
)

ROWS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.7, 0.9, 1.0]), st.booleans()),
    min_size=1,
    max_size=30,
)


def columns_of(rows):
    scores, truths = np.array(rows, dtype="d").reshape(-1, 2).T
    return scores, truths


@given(ROWS, st.integers(0, 3))
def test_the_curve_is_what_comes_out_at_each_threshold(rows, n_unseen):
    scores, truths = columns_of(rows)
    n_true = truths.sum() + n_unseen
    curve = precision_recall(scores, truths, n_true)
    assert curve.thresholds.tolist() == sorted(set(scores), reverse=True)
    for threshold, precision, recall in zip(*curve, strict=True):
        chosen = scores >= threshold
        assert precision == pytest.approx(truths[chosen].mean())
        assert recall == pytest.approx(truths[chosen].sum() / max(n_true, 1))


def test_a_perfect_ranking_has_an_average_precision_of_1():
    scores = np.array([0.9, 0.8, 0.2, 0.1])
    assert precision_recall(scores, scores > 0.5, 2).average_precision == 1.0


@pytest.mark.parametrize("n", [1, 100, 5000])
def test_a_thin_curve_keeps_its_ends_and_its_shape(n):
    generator = np.random.default_rng(0)
    scores = generator.random(n)
    truths = generator.random(n) < scores
    curve = precision_recall(scores, truths, max(1, truths.sum()))
    thin = thin_out(curve, most=100)
    assert len(thin.recall) <= min(n, 103)
    for few, all_of_them in zip(thin, curve, strict=True):
        assert (few[0], few[-1]) == (all_of_them[0], all_of_them[-1])
    gaps = np.diff(thin.recall)
    assert (gaps >= 0).all()
    assert gaps.max(initial=0.0) <= 0.05


@given(ROWS)
def test_the_area_is_spacys(rows):
    scores, truths = columns_of(rows)
    (found,) = area_under_roc(scores, truths, np.ones((1, len(scores))))
    if 0 < truths.sum() < len(truths):
        assert found == pytest.approx(_roc_auc_score(truths, scores))
    else:
        assert np.isnan(found)


def test_a_weight_counts_as_so_many_copies():
    generator = np.random.default_rng(1)
    scores = generator.integers(0, 5, 40) / 5.0
    truths = (generator.random(40) < 0.5).astype("d")
    (weights,) = resamples(40, 1)
    copies = np.repeat(np.arange(40), weights[0].astype(int))
    (found,) = area_under_roc(scores, truths, weights)
    assert found == pytest.approx(_roc_auc_score(truths[copies], scores[copies]))


def test_the_mean_area_leaves_out_what_is_unknown():
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.5, 0.5]])
    truths = np.array([[1.0, 0.0], [0.0, 1.0], [np.nan, 0.0], [0.0, np.nan]])
    area, low, high = macro_area(scores, truths, n=50)
    assert area == 1.0
    assert 0.0 <= low <= high <= 1.0


def spacys_area(scores, truths):
    """Return NaN where there is nothing of one of them, for which spaCy counts 0."""
    known = ~np.isnan(truths)
    if len(np.unique(truths[known])) < 2:
        return np.nan
    return _roc_auc_score(truths[known], scores[known])


@pytest.mark.parametrize("n_labels", [1, 2, 5])
def test_the_mean_area_and_its_interval_are_those_of_a_loop_over_labels(n_labels):
    generator = np.random.default_rng(n_labels)
    scores = generator.integers(0, 9, (12, n_labels)) / 9.0
    truths = generator.choice([0.0, 1.0, np.nan], (12, n_labels), p=[0.5, 0.3, 0.2])
    truths[:, 1:2] = 1.0  # of all documents, so with an area of 0
    area, *ends = macro_area(scores, truths, n=20)
    once = [spacys_area(*each) for each in zip(scores.T, truths.T, strict=True)]
    assert area == pytest.approx(np.nansum(once) / n_labels)
    share, drawn = np.mean(~np.isnan(once)), []
    for weights in np.concatenate(list(resamples(12, 20))):
        docs = np.repeat(np.arange(12), weights.astype(int))
        pairs = zip(scores[docs].T, truths[docs].T, strict=True)
        found = np.array([spacys_area(*each) for each in pairs])
        found = found[~np.isnan(found)]
        drawn.append(share * found.mean() if len(found) else 0.0)
    assert ends == pytest.approx(np.percentile(drawn, [2.5, 97.5]))


def test_the_interval_of_a_mean_area_holds_it_though_labels_are_rare():
    generator = np.random.default_rng(0)
    truths = np.eye(50)[generator.integers(0, 50, 100)]  # two documents have each
    scores = generator.random((100, 50)) + 0.3 * truths
    area, low, high = macro_area(scores, truths, n=100)
    assert low < area < high
