"""Sequences that run side by side."""

import torch

from spacy_rnn.modules.steps import SortedSteps


def test_rows_are_step_by_step_those_of_the_sequences_that_go_on():
    steps = SortedSteps.of(torch.tensor([3, 2, 2]))
    assert steps.sizes == [3, 3, 1]
    assert steps.rows.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert steps.times.tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert [(each.start, each.stop) for each in steps.slices] == [
        (0, 3),
        (3, 6),
        (6, 7),
    ]


def test_what_stands_before_is_of_the_same_sequence():
    lengths = torch.tensor([5, 3, 3, 1])
    steps = SortedSteps.of(lengths)
    Y = torch.stack([steps.rows, steps.times], dim=1)
    first = torch.stack([torch.arange(4), torch.full((4,), -1)], dim=1)
    expected = torch.stack([steps.rows, steps.times - 1], dim=1)
    assert steps.shift(first, Y).equal(expected)


def test_rows_are_spread_by_sequence_and_step():
    steps = SortedSteps.of(torch.tensor([3, 1]))
    Y = torch.arange(1.0, 5.0)[:, None]
    assert steps.spread(Y)[:, :, 0].tolist() == [[1, 3, 4], [2, 0, 0]]


def test_there_may_be_no_sequence():
    steps = SortedSteps.of(torch.zeros(0, dtype=torch.long))
    assert steps.sizes == []
    assert len(steps.shift(torch.zeros(0, 2), torch.zeros(0, 2))) == 0
