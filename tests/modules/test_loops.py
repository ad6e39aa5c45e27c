"""The loops compute what torch's cells do, and their gradients."""

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.testing import assert_close

from spacy_rnn.modules.cells import CELLS, advance, loop

NI, NO = 5, 4
LOOPED = [cell for cell in CELLS if cell != "lstm"]


@pytest.fixture(params=LOOPED)
def cell(request):
    return request.param


def make_inputs(cell, n_steps, n_docs, dtype=torch.float32):
    """Return X, a first state, and weights, biases too, of which none is zero."""
    weights = [weight.detach().to(dtype) for weight in CELLS[cell](NI, NO).parameters()]
    X = torch.randn(n_steps, n_docs, NI, dtype=dtype)
    first = torch.randn(n_docs, NO, dtype=dtype)
    return [each.requires_grad_() for each in (X, first, *weights)]


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (7, 1), (9, 4)], ids=str)
def test_states_and_gradients_are_those_of_torch(cell, shape):
    X, first, *weights = inputs = make_inputs(cell, *shape)
    module = CELLS[cell](NI, NO)
    for ours, theirs in zip(weights, module.parameters(), strict=True):
        theirs.data.copy_(ours)
    expected = module(X, first[None])[0]
    dY = torch.randn(expected.shape)
    found = loop(cell, X, first, weights)
    assert_close(found, expected, atol=1e-6, rtol=1e-5)
    theirs = torch.autograd.grad(expected, [X, first, *module.parameters()], dY)
    ours = torch.autograd.grad(found, inputs, dY)
    for gradient, reference in zip(ours, theirs, strict=True):
        assert_close(gradient, reference, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("n_steps", [1, 4])
def test_gradients_are_those_of_finite_differences(cell, n_steps):
    inputs = make_inputs(cell, n_steps, 2, torch.float64)
    assert gradcheck(lambda X, first, *rest: loop(cell, X, first, rest), inputs)


def test_the_last_state_hands_its_gradient_on(cell):
    X, first, *weights = make_inputs(cell, 6, 3)
    whole = loop(cell, X, first, weights)
    Y, (state,) = advance(cell, X[:2], (first[None],), weights)
    parts = torch.cat([Y, advance(cell, X[2:], (state,), weights)[0]])
    assert_close(parts, whole)
    for found, expected in zip(
        torch.autograd.grad(parts.sum(), [X, first, *weights]),
        torch.autograd.grad(whole.sum(), [X, first, *weights]),
        strict=True,
    ):
        assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_torch_records_one_operation_for_all_steps(cell):
    def depth(node):
        inner = [each for each, _ in node.next_functions if each is not None]
        return 1 + max(map(depth, inner), default=0)

    depths = set()
    for n_steps in (1, 100):
        X, first, *weights = make_inputs(cell, n_steps, 2)
        Y, _ = advance(cell, X, (first[None],), weights)
        depths.add(depth(Y.grad_fn))
    assert len(depths) == 1


@pytest.mark.parametrize("name", CELLS)
def test_recurrence_under_autocast_is_exact_but_for_the_lstm(name):
    module: nn.RNNBase = CELLS[name](NI, NO)
    weights = list(module.parameters())
    X, zeros = torch.randn(9, 2, NI), torch.zeros(1, 2, NO)
    state = (zeros, zeros) if name == "lstm" else (zeros,)
    expected, _ = advance(name, X, state, weights)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, _ = advance(name, X, state, weights)
    assert torch.equal(found, expected) == (name != "lstm")
