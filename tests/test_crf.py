"""Labels that depend on their neighbours, compared with all sequences there are."""

import numpy as np
import pytest
import torch
from every_sequence import EverySequence
from numpy.testing import assert_allclose, assert_array_equal

from spacy_rnn.crf import UNKNOWN, best_labels, crf_loss, marginals
from spacy_rnn.types import CRFScores

K = 3
LENGTHS = (3, 0, 4, 1)
LABELS = [[0, UNKNOWN, 2], [], [1, 1, 0, UNKNOWN], [UNKNOWN]]
FIELDS = ("transitions", "start", "end")
CALLS = [best_labels, marginals, lambda scores: crf_loss(scores, LABELS)]


@pytest.fixture
def scores():
    rng = np.random.default_rng(0)

    def draw(*shape):
        return (2 * rng.normal(size=shape)).astype("f")

    return CRFScores([draw(n, K) for n in LENGTHS], draw(K, K), draw(K), draw(K))


def every_sequence(scores):
    for emissions in scores.emissions:
        shared = [np.array(getattr(scores, name), dtype="d") for name in FIELDS]
        yield EverySequence(emissions.astype("d"), *shared)


def test_the_loss_is_that_of_all_sequences_that_fit(scores):
    expected = 0.0
    for every, labels in zip(every_sequence(scores), LABELS, strict=True):
        labels = np.array(labels, dtype=int)
        expected -= np.log(
            every.probability_of(
                lambda tags, labels=labels: (
                    (tags == labels) | (labels == UNKNOWN)
                ).all()
            )
        )
    assert crf_loss(scores, LABELS)[0] == pytest.approx(expected)


def test_the_gradient_is_that_of_finite_differences(scores):
    _, gradient = crf_loss(scores, LABELS)
    pairs = [(getattr(scores, name), getattr(gradient, name)) for name in FIELDS]
    pairs += zip(scores.emissions, gradient.emissions, strict=True)
    for values, slopes in pairs:
        assert slopes.shape == values.shape
        assert slopes.dtype == np.float32
        for place in np.ndindex(values.shape):
            middle = values[place]
            values[place] = middle + 1e-2
            above = crf_loss(scores, LABELS)[0]
            values[place] = middle - 1e-2
            slope = (above - crf_loss(scores, LABELS)[0]) / 2e-2
            values[place] = middle
            assert slope == pytest.approx(slopes[place], abs=1e-3)


def test_the_best_labels_are_those_of_all_sequences(scores):
    found = best_labels(scores)
    for labels, every in zip(found, every_sequence(scores), strict=True):
        assert_array_equal(labels, every.tags[0])


def test_the_marginals_are_those_of_all_sequences(scores):
    found = marginals(scores)
    for rows, every in zip(found, every_sequence(scores), strict=True):
        assert_allclose(rows, every.marginals(), atol=1e-6)


def test_what_is_impossible_has_no_probability(scores):
    scores.transitions[:, 1] = -np.inf
    assert all((labels[1:] != 1).all() for labels in best_labels(scores))
    assert all((rows[1:, 1] == 0).all() for rows in marginals(scores))
    with pytest.raises(ValueError, match="Sequence 2"):
        crf_loss(scores, LABELS)  # has the label 1 after another


@pytest.mark.parametrize("call", [best_labels, marginals])
def test_a_sequence_without_a_possible_label_is_refused(scores, call):
    scores.emissions[2][1] = -np.inf
    with pytest.raises(ValueError, match="Sequence 2"):
        call(scores)


@pytest.mark.parametrize("emissions", [[], [np.zeros((0, K), dtype="f")]])
def test_without_steps_there_is_nothing_to_lose(scores, emissions):
    scores.emissions = emissions
    loss, gradient = crf_loss(scores, [[] for _ in emissions])
    assert loss == 0.0
    assert not any(getattr(gradient, name).any() for name in FIELDS)
    assert list(map(len, best_labels(scores))) == [0] * len(emissions)
    assert list(map(len, marginals(scores))) == [0] * len(emissions)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS[:-1], "scores of 4, labels of 3"),
        ([*LABELS[:2], [1, 1], LABELS[3]], "sequence 2 .* are 4, but .* are 2"),
        ([[0, 1, K], *LABELS[1:]], f"label {K}, .* from 0 to {K - 1}"),
        ([[0, 1, -2], *LABELS[1:]], "label -2"),
    ],
)
def test_labels_that_do_not_fit_are_refused(scores, labels, message):
    with pytest.raises(ValueError, match=message):
        crf_loss(scores, labels)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["emissions", *FIELDS])
@pytest.mark.parametrize("call", CALLS)
def test_scores_that_are_no_numbers_are_refused(scores, name, value, call):
    array = getattr(scores, name)
    (array[0] if name == "emissions" else array).flat[0] = value
    with pytest.raises(ValueError, match="NaN or plus infinity"):
        call(scores)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", FIELDS)
def test_arrays_that_do_not_fit_together_are_refused(scores, name, call):
    setattr(scores, name, getattr(scores, name)[:-1])
    with pytest.raises(ValueError, match="shape"):
        call(scores)


@pytest.mark.parametrize("call", CALLS)
def test_vectors_of_another_width_are_refused(scores, call):
    scores.emissions[2] = scores.emissions[2][:, :2]
    with pytest.raises(ValueError, match="Sequence 2"):
        call(scores)


@pytest.mark.parametrize("call", CALLS)
def test_it_does_not_matter_whether_torch_records_gradients(scores, call):
    with torch.no_grad():
        call(scores)


def test_a_sequence_may_be_read_from_its_end(scores):
    (backwards,) = scores.emissions = [scores.emissions[2][::-1]]
    assert backwards.strides[0] < 0
    (every,) = every_sequence(scores)
    assert_array_equal(best_labels(scores)[0], every.tags[0])


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8"])
def test_scores_of_any_type_stay_as_they_are(scores, dtype):
    arrays = [*scores.emissions, *(getattr(scores, name) for name in FIELDS)]
    arrays = [each.astype(dtype) for each in arrays]
    scores = CRFScores(arrays[:4], *arrays[4:])
    before = [each.copy() for each in arrays]
    found = best_labels(scores), marginals(scores), crf_loss(scores, LABELS)
    for every, labels, rows in zip(every_sequence(scores), *found[:2], strict=True):
        best = every.tags[every.scores == every.scores[0]]
        assert labels.tolist() in best.tolist()
        assert_allclose(rows, every.marginals(), atol=1e-6)
    assert found[2][1].transitions.dtype == np.float32
    for array, expected in zip(arrays, before, strict=True):
        assert_array_equal(array, expected)
