"""Thresholds are the best that there are, and not chosen by chance."""

import numpy as np
import pytest
import srsly
from numpy.testing import assert_allclose, assert_array_equal

from spacy_rnn.pipeline.threshold_search import (
    MEASURES,
    Thresholds,
    best_threshold,
    decide_by_others,
    find_thresholds,
    measure_labels,
)

F1 = MEASURES["f1"]


def make_data(seed, n_docs=30, n_labels=3, *, steps=8):
    """Scores of which many are equal, 0 and 1 among them, and truths with gaps."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, steps + 1, (n_docs, n_labels)) / steps
    truths = (rng.random(scores.shape) < 0.2 + 0.5 * scores).astype(float)
    truths[rng.random(scores.shape) < 0.1] = np.nan
    return scores, truths


def measure_slowly(name, decided, truths):
    """Count one by one, label by label."""
    values = []
    for given, right in zip(decided.T, truths.T, strict=True):
        pairs = [(g, r) for g, r in zip(given, right, strict=True) if not np.isnan(r)]
        tp = sum(g and r == 1 for g, r in pairs)
        fp = sum(g and r == 0 for g, r in pairs)
        fn = sum(not g and r == 1 for g, r in pairs)
        tn = sum(not g and r == 0 for g, r in pairs)
        if name == "accuracy":
            values.append((tp + tn) / len(pairs))
        elif name == "balanced-accuracy":
            values.append((tp / max(tp + fn, 1) + tn / max(tn + fp, 1)) / 2)
        else:
            weight = float(name.removeprefix("f")) ** 2
            found = (1 + weight) * tp + weight * fn + fp
            values.append((1 + weight) * tp / found if found else 0.0)
    return values


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_is_what_counting_gives(name):
    for seed in range(5):
        scores, truths = make_data(seed)
        found = measure_labels(scores >= 0.5, truths, MEASURES[name])
        assert_allclose(found, measure_slowly(name, scores >= 0.5, truths))


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("n_labels", [1, 3])
def test_no_threshold_is_better_than_the_one_found(name, n_labels):
    for seed in range(20):
        scores, truths = make_data(seed, n_labels=n_labels)
        found = best_threshold(scores, truths, MEASURES[name], near=0.5)
        assert 0.0 <= found <= 1.0
        best = max(
            np.mean(measure_slowly(name, scores >= threshold, truths))
            for threshold in np.linspace(0, 1, 17)  # all scores, and between them
        )
        value = np.mean(measure_slowly(name, scores >= found, truths))
        assert value == pytest.approx(best)


def test_of_several_best_thresholds_the_nearest_to_the_present_one_is_taken():
    scores = np.array([[0.1], [0.3], [0.7], [0.9]])
    truths = np.array([[1.0], [0.0], [0.0], [1.0]])
    accuracy = MEASURES["accuracy"]  # 3 of 4 at 0.8 only, or all but two at 0.2
    assert best_threshold(scores, truths, accuracy, near=0.1) == pytest.approx(0.8)
    even = np.array([[1.0], [0.0], [1.0], [0.0]])
    found = [best_threshold(scores, even, accuracy, near=near) for near in (0.0, 0.9)]
    assert found == pytest.approx([0.05, 0.95])


@pytest.mark.parametrize("high", [1.0, 0.25, 1e-9, 1e-11, 1e-300])
@pytest.mark.parametrize("gap", [0.5, 1e-7, 1e-15])
def test_a_threshold_decides_the_same_after_it_was_saved(high, gap):
    scores = np.array([[high * (1 - gap)], [high]])
    for truths in ([[0.0], [1.0]], [[1.0], [1.0]], [[1.0], [0.0]]):
        found = best_threshold(scores, np.array(truths), F1, near=0.5)
        saved = srsly.json_loads(srsly.json_dumps(found))
        assert_array_equal(scores >= saved, scores >= found)
        if high * gap > 1e-9:
            assert measure_labels(scores >= saved, np.array(truths), F1) > 0.66


def test_a_label_is_predicted_from_its_threshold_on():
    thresholds = Thresholds(0.5, np.array([np.nan, 0.3]))
    scores = np.array([[0.5, 0.3], [np.nextafter(0.5, 0), np.nextafter(0.3, 0)]])
    assert thresholds.decide(scores).tolist() == [[True, True], [False, False]]


def test_a_label_of_few_documents_gets_the_threshold_for_all():
    scores, truths = make_data(0, n_docs=100)
    truths[:, 1] = 0.0
    truths[:4, 1] = 1.0
    found = find_thresholds(scores, truths, F1, common=0.5, min_positives=5)
    assert np.isnan(found.own).tolist() == [False, True, False]
    assert_array_equal(found.decide(scores)[:, 1], scores[:, 1] >= found.common)
    found = find_thresholds(scores, truths, F1, common=0.5, min_positives=4)
    assert not np.isnan(found.own).any()


def test_one_threshold_for_all_is_what_is_best_for_their_mean():
    scores, truths = make_data(1)
    found = find_thresholds(scores, truths, F1, common=0.5, per_label=False)
    assert np.isnan(found.own).all()
    assert found.common == best_threshold(scores, truths, F1, near=0.5)


@pytest.mark.parametrize("shape", [(0, 3), (5, 3)])
def test_without_anything_known_the_threshold_stays(shape):
    found = find_thresholds(np.zeros(shape), np.full(shape, np.nan), F1, common=0.4)
    assert found.common == 0.4
    assert np.isnan(found.own).all()


def test_where_nothing_can_be_learned_no_better_scores_are_promised():
    rng = np.random.default_rng(0)
    scores = rng.random((400, 20))
    truths = (rng.random(scores.shape) < 0.05).astype(float)
    accuracy = MEASURES["balanced-accuracy"]
    settings = {"common": 0.5, "min_positives": 1}
    found = find_thresholds(scores, truths, accuracy, **settings)
    promised = measure_labels(found.decide(scores), truths, accuracy).mean()
    by_others = decide_by_others(scores, truths, accuracy, **settings)
    assert promised > 0.55
    assert measure_labels(by_others, truths, accuracy).mean() < 0.53
