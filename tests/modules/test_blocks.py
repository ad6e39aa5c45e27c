import math
from itertools import combinations, pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from spacy_rnn.modules import block_plan
from spacy_rnn.modules.block_plan import (
    DOC_BITS,
    STEP_BITS,
    Costs,
    cut_runs,
    plan,
    round_shape,
    round_up,
    shrunk,
)
from spacy_rnn.modules.blocks import Blocks, Flip

CPU = torch.device("cpu"), block_plan.CPU
ROUNDING = (1 + 2 ** (1 - STEP_BITS)) * (1 + 2 ** (1 - DOC_BITS))  # of shapes, at most

some_lengths = st.lists(st.integers(0, 40), min_size=1, max_size=120)


def number_tokens(lengths):
    """Give every token a number of its own. Shape (N, 1)."""
    return torch.arange(1.0, sum(lengths) + 1)[:, None]


@given(some_lengths)
def test_join_brings_back_what_split_laid_out(lengths):
    if not any(lengths):
        return
    X = number_tokens(lengths)
    cut = Blocks(torch.tensor(lengths), *CPU)
    joined = cut.join([grid for grid, _ in cut.split(X)])
    assert torch.equal(joined, X)


@pytest.mark.parametrize("length", [1, 2, 17, 1000])
def test_a_document_is_laid_out_alone_as_beside_an_empty_one(length):
    alone, beside = (
        Blocks(torch.tensor(each), *CPU) for each in ([length], [length, 0])
    )
    assert (alone.shapes, alone.n_tokens) == (beside.shapes, beside.n_tokens)
    for one, other in zip(alone.blocks[0], beside.blocks[0], strict=True):
        assert torch.equal(one, other) if torch.is_tensor(one) else one == other


@given(some_lengths)
def test_a_column_of_a_block_is_one_document_in_its_order(lengths):
    X = number_tokens(lengths)
    expected = {tuple(doc.flatten().tolist()) for doc in X.split(lengths) if len(doc)}
    if not expected:
        return
    cut = Blocks(torch.tensor(lengths), *CPU)
    found = []
    for (grid, _), block in zip(cut.split(X), cut.blocks, strict=True):
        padded = torch.ones(grid.shape[:2], dtype=torch.bool)
        padded.view(-1)[block.places] = False
        for column in range(grid.shape[1]):
            length = int((~padded[:, column]).sum())
            assert not padded[:length, column].any()  # padding is at the end
            if not length:
                continue  # a whole column of it
            found.append(tuple(grid[:length, column, 0].tolist()))
    assert len(found) == sum(length > 0 for length in lengths)
    assert set(found) == expected


@given(some_lengths)
def test_reverse_reads_each_document_from_its_end_and_back(lengths):
    if not any(lengths):
        return
    X = number_tokens(lengths)
    cut = Blocks(torch.tensor(lengths), *CPU)
    grids, flipped = [], []
    for grid, reverse in cut.split(X):
        assert torch.equal(reverse[reverse], torch.arange(len(reverse)))
        grids.append(grid)
        flipped.append(grid.flatten(0, 1)[reverse].view_as(grid))
    backwards = torch.cat([doc.flip(0) for doc in X.split(lengths)])
    assert torch.equal(cut.join(flipped), backwards)


some_costs = st.builds(
    Costs,
    block=st.integers(0, 200),
    step=st.integers(0, 50),
    max_docs=st.integers(1, 50),
    max_cells=st.integers(1, 3_000),
)


@given(st.lists(st.integers(1, 500), max_size=200), some_costs)
def test_plan_respects_its_limits_and_loses_no_document(lengths, costs):
    lengths = sorted(lengths, reverse=True)
    shapes = plan(lengths, costs)
    assert sum(docs for _, docs in shapes) == len(lengths)
    start = 0
    for steps, docs in shapes:
        assert steps == max(lengths[start : start + docs])
        assert docs <= costs.max_docs
        assert docs == 1 or steps * docs <= costs.max_cells
        start += docs


@given(st.lists(st.integers(1, 60), min_size=1, max_size=30), some_costs)
def test_no_other_way_to_join_the_runs_costs_less(lengths, costs):
    def price(shapes):
        cells = [round_shape(*shape) for shape in shapes]
        return sum(costs.block + T * (costs.step + B) for T, B in cells)

    def fits(shape):
        steps, docs = round_shape(*shape)
        few = shape[1] <= costs.max_docs and costs.max_cells >= steps * docs
        return few or shape in runs

    lengths = sorted(lengths, reverse=True)
    runs = cut_runs(lengths, costs)[:9]
    n_docs = sum(docs for _, docs in runs)
    inner = range(1, len(runs))
    prices = []
    for size in range(len(runs)):
        for cuts in combinations(inner, size):
            parts = [runs[i:j] for i, j in pairwise([0, *cuts, len(runs)])]
            shapes = [(part[0][0], sum(docs for _, docs in part)) for part in parts]
            if all(fits(shape) for shape in shapes):
                prices.append(price(shapes))
    assert price(plan(lengths[:n_docs], costs)) == min(prices)


@given(st.integers(1, 10**6), st.integers(1, 8))
def test_rounding_up_leaves_few_numbers_and_adds_little(number, bits):
    rounded = round_up(number, bits)
    assert number <= rounded < number * (1 + 2 ** (1 - bits))
    assert rounded == round_up(rounded, bits)
    assert len(bin(rounded).removeprefix("0b").rstrip("0")) <= bits


@given(some_lengths)
def test_blocks_have_few_shapes(lengths):
    if not any(lengths):
        return
    for steps, docs in Blocks(torch.tensor(lengths), *CPU).shapes:
        assert steps == round_up(steps, STEP_BITS)
        assert docs == round_up(docs, DOC_BITS)


def test_a_long_document_beside_many_short_ones_costs_only_its_length():
    lengths = torch.tensor([20] * 500 + [100_000] + [20] * 500)
    cut = Blocks(lengths, *CPU)
    assert sum(map(math.prod, cut.shapes)) <= ROUNDING * int(lengths.sum())
    for steps, docs in cut.shapes:
        assert docs <= block_plan.CPU.max_docs
        assert steps * docs <= block_plan.CPU.max_cells or docs == 1
    steps, docs = cut.shapes[0]
    assert steps >= 100_000
    assert docs == 1


def test_no_block_is_much_larger_than_the_budget_of_cells():
    costs = block_plan.CPU._replace(max_cells=1_000)
    cut = Blocks(torch.full((64,), 300), torch.device("cpu"), costs)
    assert max(map(math.prod, cut.shapes)) <= ROUNDING * 1_000


def plan_for_a_gpu(lengths, width, *, cuda_graphs):
    costs = block_plan.costs_of("cuda", width, cuda_graphs=cuda_graphs)
    return [round_shape(*shape) for shape in plan(lengths, costs)]


@pytest.mark.parametrize("width", [block_plan.WIDE, block_plan.WIDE + 1])
def test_a_gpu_gets_more_blocks_where_graphs_save_launches(width):
    lengths = sorted([*range(5, 41)] * 40, reverse=True)
    many = plan_for_a_gpu(lengths, width, cuda_graphs=True)
    assert len(many) > len(plan_for_a_gpu(lengths, width, cuda_graphs=False))


def test_a_gpu_gets_fewer_steps_where_cells_are_wide():
    lengths = range(1_000, 0, -10)
    steps = [
        sum(T for T, _ in plan_for_a_gpu(lengths, width, cuda_graphs=True))
        for width in (block_plan.WIDE, block_plan.WIDE + 1)
    ]
    assert steps[1] < steps[0]


def test_gradient_of_flip_is_that_of_finite_differences():
    X = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    index = torch.tensor([3, 1, 2, 0])
    assert gradcheck(lambda X: Flip.apply(X, index), X)


def test_gradient_of_split_and_join_reaches_each_token_once():
    lengths = torch.tensor([3, 0, 7, 1, 30])
    X = torch.randn(41, 2, dtype=torch.float64, requires_grad=True)
    cut = Blocks(lengths, *CPU)
    weights = torch.randn(41, 2, dtype=torch.float64)
    (cut.join([2 * grid for grid, _ in cut.split(X)]) * weights).sum().backward()
    assert torch.allclose(X.grad, 2 * weights)


def test_gradient_of_split_is_zero_where_a_block_is_not_used():
    lengths = [4000, 1500, 500]
    X = torch.randn(sum(lengths), 2, requires_grad=True)
    grids = [grid for grid, _ in Blocks(torch.tensor(lengths), *CPU).split(X)]
    assert len(grids) == len(lengths)
    for used in [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]:
        value = sum(grids[i][: lengths[i], 0].sum() for i in used)
        (dX,) = torch.autograd.grad(value, X, retain_graph=True)
        for i, part in enumerate(dX.split(lengths)):
            assert torch.equal(part, torch.full_like(part, float(i in used)))


def test_long_documents_are_laid_out_and_joined_without_gradients(monkeypatch):
    monkeypatch.setattr(block_plan, "MAX_STEPS", 20)
    for lengths in ([50], [3, 50, 0, 2, 61], [20, 21]):
        X = number_tokens(lengths)
        cut = Blocks(torch.tensor(lengths), *CPU)
        expected = cut.join([2 * grid for grid, _ in cut.split(X)])
        with torch.no_grad():
            assert torch.equal(cut.join([2 * g for g, _ in cut.split(X)]), expected)
        assert torch.equal(expected, 2 * X)


def test_a_long_document_is_not_copied_without_gradients():
    X = torch.zeros(20_000, 2)
    with torch.inference_mode():
        cut = Blocks(torch.tensor([20_000]), *CPU)
        ((grid, _),) = cut.split(X)
        assert grid.data_ptr() == X.data_ptr() == cut.join([grid]).data_ptr()


def test_shrunk_blocks_have_fewer_cells_and_documents_and_at_least_one():
    costs = Costs(block=7, step=3, max_docs=10, max_cells=100)
    assert shrunk(costs, 4) == costs._replace(max_docs=2, max_cells=25)
    assert shrunk(costs, 1000) == costs._replace(max_docs=1, max_cells=1)
