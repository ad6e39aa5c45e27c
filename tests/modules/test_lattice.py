import pytest
import torch

from spacy_rnn.modules.lattice import Lattice, Steps

LENGTHS = [2, 0, 4, 1, 4, 0]


def make_lattice(lengths, n_tags=3):
    n_tokens = sum(lengths)
    emissions = torch.arange(n_tokens * n_tags, dtype=torch.float64).view(-1, n_tags)
    transitions = torch.zeros(n_tags, n_tags, dtype=torch.float64)
    edge = transitions[0]
    return Lattice(
        emissions, torch.tensor(lengths, dtype=torch.long), transitions, edge, edge
    )


def test_a_step_has_the_documents_of_that_length_in_one_order():
    steps = Steps(torch.tensor(LENGTHS), torch.device("cpu"))
    assert steps.counts == [4, 3, 2, 2]
    assert steps.order.tolist() == [2, 4, 0, 3]
    assert steps.token[0].tolist() == [2, 7, 0, 6, 3, 8, 1, 4, 9, 5, 10]
    assert steps.token[1].tolist() == [5, 10, 1, 6, 4, 9, 0, 3, 8, 2, 7]
    assert steps.doc_of.tolist() == [0, 0, 2, 2, 2, 2, 3, 4, 4, 4, 4]


def test_steps_may_have_some_of_the_tokens_only():
    starts = torch.tensor([3, 5, 8])
    steps = Steps(torch.tensor([1, 0, 2]), torch.device("cpu"), starts)
    assert steps.token.tolist() == [[8, 3, 9], [9, 3, 8]]
    assert steps.first.tolist() == [8, 3]
    assert steps.last.tolist() == [9, 3]


def test_the_edges_of_the_documents_are_in_their_order():
    steps = Steps(torch.tensor(LENGTHS), torch.device("cpu"))
    assert steps.first.tolist() == [2, 7, 0, 6]
    assert steps.last.tolist() == [5, 10, 1, 6]


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_there_are_no_steps_without_tokens(lengths):
    lattice = make_lattice(lengths)
    assert lattice.steps.counts == []
    assert len(lattice.steps.order) == 0


def test_selected_documents_keep_their_tokens():
    lattice = make_lattice([2, 0, 3])
    selected = lattice.select(torch.tensor([2, 0, 1, 2]))
    assert selected.lengths.tolist() == [3, 2, 0, 3]
    rows = [2, 3, 4, 0, 1, 2, 3, 4]
    assert torch.equal(selected.emissions, lattice.emissions[rows])


def test_what_is_not_allowed_becomes_impossible():
    lattice = make_lattice([2])
    allowed = torch.tensor([[True, False, True], [False, True, True]])
    emissions = lattice.restrict(allowed).emissions
    assert torch.equal(emissions.isneginf(), ~allowed)
    assert torch.equal(emissions[allowed], lattice.emissions[allowed])


def test_what_is_known_of_transitions_is_found_once():
    lattice = make_lattice(LENGTHS)
    allowed = torch.ones_like(lattice.emissions, dtype=torch.bool)
    restricted = lattice.restrict(allowed)
    for other in (restricted, restricted.select(torch.tensor([2, 0]))):
        assert other.forward is lattice.forward
        assert other.append(lattice).forward.backward is lattice.forward.backward
