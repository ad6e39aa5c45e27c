"""Right, wrong and missing labels, and what is taken for what."""

import random

import numpy as np
import pytest
from numpy.testing import assert_allclose
from spacy.scorer import PRFScore

from spacy_rnn.metrics.tally import (
    NONE,
    OTHER,
    confusion_matrix,
    confusions,
    precision_recall_f1,
    tally,
)

LABELS = ["a", "b", "c"]


def make_claims(seed, n_docs=20, n_places=5, share=0.6):
    draw = random.Random(seed)
    return [
        {
            (place, label)
            for place in range(n_places)
            for label in LABELS
            if draw.random() < share / len(LABELS)
        }
        for _ in range(n_docs)
    ]


def test_counts_are_those_of_a_loop_over_documents_and_labels():
    true, predicted = make_claims(0), make_claims(1)
    counts = tally(LABELS, true, predicted)
    for i, (gold, found) in enumerate(zip(true, predicted, strict=True)):
        for k, label in enumerate(LABELS):
            own, got = ({c for c in each if c[1] == label} for each in (gold, found))
            expected = len(own & got), len(got - own), len(own - got)
            assert tuple(each[i, k] for each in counts[1:]) == expected


def test_scores_are_those_of_spacy():
    counts = np.random.default_rng(0).integers(0, 9, (3, 50)).astype("d")
    tp, fp, fn = counts.tolist()
    spacys = [PRFScore(tp=a, fp=b, fn=c) for a, b, c in zip(tp, fp, fn, strict=True)]
    expected = [(each.precision, each.recall, each.fscore) for each in spacys]
    assert_allclose(np.stack(precision_recall_f1(*counts), axis=1), expected)


def test_scores_of_nothing_are_0():
    zeros = np.zeros(2)
    assert [each.tolist() for each in precision_recall_f1(zeros, zeros, zeros)] == [
        [0.0, 0.0]
    ] * 3


@pytest.mark.parametrize("seed", range(5))
def test_what_a_label_is_taken_for_sums_to_how_often_it_is_true(seed):
    true, predicted = make_claims(seed), make_claims(seed + 100)
    counts = confusions(true, predicted)
    for label in LABELS:
        row = sum(n for (gold, _), n in counts.items() if gold == label)
        support = sum(claim[1] == label for each in true for claim in each)
        assert row == pytest.approx(support)


def test_a_place_that_is_empty_on_one_side_is_taken_for_none():
    counts = confusions([{(0, "a")}, set()], [set(), {(0, "b")}])
    assert counts == {("a", NONE): 1.0, (NONE, "b"): 1.0}


def test_a_missing_label_is_shared_out_among_the_wrong_ones_of_its_place():
    counts = confusions([{(0, "a"), (1, "a")}], [{(0, "b"), (0, "c"), (1, "a")}])
    assert counts == {("a", "a"): 1.0, ("a", "b"): 0.5, ("a", "c"): 0.5}


def test_labels_beyond_the_most_frequent_ones_are_put_together():
    counts = {("a", "b"): 1.0, ("c", "b"): 2.0, ("a", NONE): 3.0, ("c", "c"): 4.0}
    names, rows = confusion_matrix(counts, LABELS, most=1)
    assert names == ["a", OTHER, NONE]
    assert rows == [[0.0, 1.0, 3.0], [0.0, 6.0, 0.0], [0.0, 0.0, 0.0]]


def test_there_is_a_row_for_others_or_none_only_where_they_are():
    counts = {("a", "b"): 1.0, ("c", "b"): 2.0}
    expected = [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    assert confusion_matrix(counts, LABELS, most=3) == (LABELS, expected)
