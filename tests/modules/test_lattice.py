import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_rnn.modules import lattice as lattices
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


@given(st.lists(st.integers(0, 9), min_size=1), st.integers(1, 12))
def test_parts_have_all_documents_in_order_and_few_tokens(lengths, size):
    lattice = make_lattice(lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lattices, "PART", size * 4 * lattice.emissions.shape[1])
        parts = list(lattice.parts(itemsize=4))
    emissions = torch.cat([part.emissions for _, part in parts])
    assert torch.equal(emissions, lattice.emissions)
    assert [n for _, part in parts for n in part.lengths.tolist()] == lengths
    n_tokens = 0
    for first, part in parts:
        assert first == n_tokens
        n_tokens += len(part.emissions)
        *others, _ = part.lengths.tolist()
        assert sum(others) <= size
    assert len(parts) <= sum(lengths) // size + 1


@given(st.lists(st.integers(0, 9), min_size=1), st.integers(1, 12))
def test_blocks_have_all_steps_in_order_and_few_tokens(lengths, size):
    steps = Steps(torch.tensor(lengths), torch.device("cpu"))
    blocks = steps.blocks(size)
    assert [count for block in blocks for count in block] == steps.counts
    assert all(sum(others) < size for _, *others in blocks)
    assert len(blocks) <= sum(lengths) // size + 1
