"""Simple and gated recurrent units in a loop of few operations a time step.

For training on a CPU, where oneDNN serves LSTMs only: torch's own cells record every
operation of every step for the backward pass. Here a step takes two to five, forward
and back each, and what doesn't depend on the step before is done for all at once. At a
width of 64 that is 1.3 to 1.8 times as fast for 32 documents side by side, 2.5 times
for 8, and over 4 times for one (`benchmarks/kernels.py`).
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear


class SimpleUnits(torch.autograd.Function):
    """The cell of Elman (1990)."""

    @staticmethod
    def forward(
        ctx: Any, X: Tensor, first: Tensor, activation: str, *weights: Tensor
    ) -> Tensor:
        """Run the cell over some time steps. Shape (T, B, nO).

        Args:
            ctx: Torch's record for the backward pass.
            X: Shape (T, B, nI).
            first: The state before the first step. Shape (B, nO).
            activation: "tanh" or "relu".
            weights: Input, recurrent, and a bias of each, as in `nn.RNN`.
        """
        W_in, W, b_in, b = weights
        activate = torch.tanh_ if activation == "tanh" else torch.relu_
        Y = linear(X, W_in, b_in + b)
        state, W = first, W.t()
        for y in Y.unbind():
            state = activate(y.addmm_(state, W))
        ctx.save_for_backward(X, first, Y, *weights)
        ctx.activation = activation
        return Y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dY: Tensor) -> tuple[Tensor | None, ...]:
        X, first, Y, W_in, W, *_ = ctx.saved_tensors
        slope = 1.0 - Y.square() if ctx.activation == "tanh" else Y.sign()
        d_states = torch.cat([torch.zeros_like(first)[None], dY])
        for (d_before, d_after), slope_t in backwards(d_states, slope):
            d_before.addmm_(d_after.mul_(slope_t), W)
        d_first, d_sums = d_states[0], d_states[1:]  # which the activation takes
        dW, db = weight_gradients(d_sums, before(first, Y))
        dW_in, db_in = weight_gradients(d_sums, X)
        return d_sums @ W_in, d_first, None, dW_in, dW, db_in, db


class GatedUnits(torch.autograd.Function):
    """The cell of Cho et al. (2014), as `nn.GRU` has it."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, first: Tensor, *weights: Tensor) -> Tensor:
        """Run the cell over some time steps. Shape (T, B, nO).

        Args:
            ctx: Torch's record for the backward pass.
            X: Shape (T, B, nI).
            first: The state before the first step. Shape (B, nO).
            weights: Input, recurrent, and a bias of each, as in `nn.GRU`.
        """
        width = first.shape[1]
        parts = [each.split([2 * width, width]) for each in weights]
        (W_in, W_new_in), (W, W_new), (b_in, b_new_in), (b, b_new) = parts
        gates, new = linear(X, W_in, b_in + b), linear(X, W_new_in, b_new_in)
        recurrent, Y = torch.empty_like(new), torch.empty_like(new)
        reset, update = gates.chunk(2, dim=2)
        state, W, W_new = first, W.t(), W_new.t()
        for gates_t, reset_t, update_t, recurrent_t, new_t, y in zip(
            *(each.unbind() for each in (gates, reset, update, recurrent, new, Y)),
            strict=True,
        ):
            gates_t.addmm_(state, W).sigmoid_()
            torch.addmm(b_new, state, W_new, out=recurrent_t)
            new_t.addcmul_(reset_t, recurrent_t).tanh_()
            state = torch.lerp(new_t, state, update_t, out=y)
        ctx.save_for_backward(X, first, gates, recurrent, new, Y, *weights)
        return Y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dY: Tensor) -> tuple[Tensor | None, ...]:
        X, first, gates, recurrent, new, Y, W_in, W, *_ = ctx.saved_tensors
        states, (reset, update) = before(first, Y), gates.chunk(2, dim=2)
        # Of what goes into the activations, by the gradient of the state.
        slopes = X.new_empty(*Y.shape[:2], 3, Y.shape[2])
        d_new = (1.0 - update) * (1.0 - new.square())
        torch.mul(d_new, reset, out=slopes[:, :, 2])
        torch.mul(slopes[:, :, 2] * recurrent, 1.0 - reset, out=slopes[:, :, 0])
        torch.mul((states - new) * update, 1.0 - update, out=slopes[:, :, 1])
        d_states = torch.cat([torch.zeros_like(first)[None], dY])
        for (d_before, d_after), slopes_t, update_t in backwards(
            d_states, slopes, update
        ):
            d_sums = slopes_t.mul_(d_after[:, None]).flatten(1)
            d_before.addcmul_(d_after, update_t).addmm_(d_sums, W)
        d_sums = slopes.flatten(2)
        dW, db = weight_gradients(d_sums, states)
        torch.mul(d_new, d_states[1:], out=slopes[:, :, 2])  # not by way of the reset
        dW_in, db_in = weight_gradients(d_sums, X)
        return d_sums @ W_in, d_states[0], dW_in, dW, db_in, db


def backwards(d_states: Tensor, *others: Tensor) -> Iterator[tuple[Any, ...]]:
    """Yield gradients of the states before and after each step, the last one first."""
    pairs = pairwise(d_states.unbind())
    steps = zip(pairs, *(each.unbind() for each in others), strict=True)
    return reversed(list(steps))


def before(first: Tensor, Y: Tensor) -> Tensor:
    """Return the state before each step. Shape (T, B, nO)."""
    return torch.cat([first[None], Y[:-1]])


def weight_gradients(dY: Tensor, X: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of W and b in `X @ W.T + b`."""
    rows = dY.flatten(0, 1)
    return rows.t() @ X.flatten(0, 1), rows.sum(0)
