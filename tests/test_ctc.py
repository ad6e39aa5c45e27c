"""Everything about labels without times, compared with all paths there are."""

from itertools import groupby, product

import numpy as np
import pytest

from spacy_rnn.ctc import align, best_path, ctc_loss, prefix_search

CASES = [(1, 2), (4, 3), (6, 3), (5, 4)]


def make_scores(n_vectors, n_labels, seed=0):
    rng = np.random.default_rng(seed)
    return (2 * rng.normal(size=(n_vectors, n_labels))).astype("f")


def collapse(path):
    return tuple(label for label, _ in groupby(path) if label)


def every_path(Y):
    """Map the labels to their paths, each with its probability."""
    P = np.exp(Y.astype("d"))
    P /= P.sum(axis=1, keepdims=True)
    found = {}
    for path in product(range(Y.shape[1]), repeat=len(Y)):
        probability = P[range(len(Y)), list(path)].prod()
        found.setdefault(collapse(path), []).append((probability, path))
    return found


def probability(paths):
    return sum(each for each, _ in paths)


@pytest.mark.parametrize("shape", CASES)
def test_the_loss_is_that_of_all_paths(shape):
    Y = make_scores(*shape)
    for labels, paths in every_path(Y).items():
        loss, _ = ctc_loss([Y], [labels])
        assert loss == pytest.approx(-np.log(probability(paths)), abs=1e-4)


def test_the_gradient_is_that_of_finite_differences():
    Ys = [make_scores(6, 4), make_scores(3, 4, seed=1), make_scores(0, 4)]
    labels = [[1, 1, 3], [], []]
    total, grads = ctc_loss(Ys, labels)
    alone = [ctc_loss([Y], [each])[0] for Y, each in zip(Ys, labels, strict=True)]
    assert total == pytest.approx(sum(alone), abs=1e-4)
    for Y, grad in zip(Ys, grads, strict=True):
        assert grad.shape == Y.shape
        for place in np.ndindex(Y.shape):
            middle = Y[place]
            Y[place] = middle + 1e-2
            above = ctc_loss(Ys, labels)[0]
            Y[place] = middle - 1e-2
            slope = (above - ctc_loss(Ys, labels)[0]) / 2e-2
            Y[place] = middle
            assert slope == pytest.approx(grad[place], abs=1e-2)


def test_labels_that_a_sequence_has_no_room_for_are_refused():
    Ys = [make_scores(3, 4), make_scores(3, 4)]
    ctc_loss(Ys, [[1, 2, 1], [2, 2]])
    with pytest.raises(ValueError, match="Sequence 1 has 3 vectors.*take 4"):
        ctc_loss(Ys, [[1, 2, 1], [2, 2, 1]])
    with pytest.raises(ValueError, match="3 vectors are too few for 3 labels"):
        align(Ys[0], [2, 2, 1])


@pytest.mark.parametrize("label", [0, 4, -1, 9_999_999])
def test_labels_that_have_no_score_are_refused(label):
    Ys = [make_scores(5, 4), make_scores(5, 4)]
    with pytest.raises(ValueError, match=f"1 has the label {label}, .* 1 to 3"):
        ctc_loss(Ys, [[1, 3], [label]])
    with pytest.raises(ValueError, match=f"has the label {label}, .* 1 to 3"):
        align(Ys[0], [label])


@pytest.mark.parametrize("score", [np.inf, -np.inf, np.nan])
def test_scores_that_are_no_numbers_are_refused(score):
    Y = make_scores(5, 4)
    Y[2, 3] = score
    with pytest.raises(ValueError, match="infinite or NaN"):
        ctc_loss([Y], [[1]])


@pytest.mark.parametrize(("place", "score"), [(3, np.inf), (3, np.nan), (..., -np.inf)])
def test_nothing_is_found_in_scores_that_are_no_numbers(place, score):
    Y = make_scores(5, 4)
    Y[2, place] = score
    with pytest.raises(ValueError, match="NaN or plus infinity, or all of a vector"):
        prefix_search(Y, beam=4)
    with pytest.raises(ValueError, match="NaN or plus infinity, or all of a vector"):
        align(Y, [1])


def test_a_label_that_cannot_be_is_not_found():
    Y = make_scores(5, 4)
    Y[:, 2] = -np.inf
    assert 2 not in prefix_search(Y, beam=50)[0]


def test_scores_may_be_a_view_and_labels_an_array():
    Y, labels = make_scores(6, 4), np.array([1, 2])
    turned = Y[::-1].copy()
    loss, (gradient,) = ctc_loss([Y[::-1]], [labels])
    expected, (expected_gradient,) = ctc_loss([turned], [[1, 2]])
    assert loss == expected
    assert (gradient == expected_gradient).all()
    assert align(Y[::-1], labels) == align(turned, [1, 2])


def test_a_search_keeps_one_prefix_at_least():
    with pytest.raises(ValueError, match="beam has to be 1 or more"):
        prefix_search(make_scores(3, 4), 0)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("shape", CASES)
def test_a_wide_search_finds_the_most_probable_labels(shape, seed):
    Y = make_scores(*shape, seed)
    paths = every_path(Y)
    found, log_probability = prefix_search(Y, beam=1_000)
    best = max(map(probability, paths.values()))
    assert probability(paths[tuple(found)]) == pytest.approx(best)
    assert log_probability == pytest.approx(np.log(best))


def test_a_narrow_search_finds_what_one_path_hides():
    Y = np.log(np.array([[0.6, 0.4], [0.6, 0.4]], dtype="f"))
    assert best_path(Y) == []  # 0.36, but the three paths of [1] have 0.64
    assert prefix_search(Y, beam=2)[0] == [1]


def test_a_long_search_does_not_run_out_of_numbers():
    Y = 0.5 * make_scores(1_500, 5)
    labels, log_probability = prefix_search(Y, beam=2)
    assert log_probability < -745  # the logarithm of the least float
    assert np.isfinite(log_probability)
    assert len(align(Y, labels)) == len(labels)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", CASES)
def test_the_best_path_is_the_best_of_all(shape, seed):
    Y = make_scores(*shape, seed)
    paths = [path for each in every_path(Y).values() for path in each]
    assert best_path(Y) == list(collapse(max(paths)[1]))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", CASES)
def test_labels_are_aligned_by_the_best_of_their_paths(shape, seed):
    Y = make_scores(*shape, seed)
    for labels, paths in every_path(Y).items():
        _, path = max(paths)
        spans, start = [], 0
        for label, run in groupby(path):
            end = start + len(list(run))
            if label:
                spans.append((start, end))
            start = end
        assert align(Y, labels) == spans


def test_a_sequence_without_vectors_has_no_labels():
    Y = make_scores(0, 4)
    assert ctc_loss([], []) == (0.0, [])
    assert ctc_loss([Y], [[]])[0] == 0.0
    assert best_path(Y) == []
    assert prefix_search(Y, beam=3) == ([], 0.0)
    assert align(Y, []) == []


def test_labels_for_other_sequences_are_refused():
    with pytest.raises(ValueError, match="scores of 1, labels of 2"):
        ctc_loss([np.zeros((3, 4), "f")], [[1], [2]])
