"""A recurrent layer that computes its activations again when they are needed."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spacy_rnn.modules.cells import Weights, advance, first_state

N_WEIGHTS = 4  # of a cell


class RecomputedLayer(torch.autograd.Function):
    """A layer in one or two directions that keeps little for its backward pass.

    What it keeps is its input, and the states between chunks of time steps; the rest
    exists for one chunk at a time (Chen et al., 2016; Gruslys et al., 2016).

    `torch.utils.checkpoint` would keep a record of every tensor of every step where
    torch has no fused kernel, and a reversed copy of the input.
    """

    @staticmethod
    def forward(
        ctx: Any,
        X: Tensor,
        reverse: Tensor,
        cell: str,
        bptt: int,
        recompute: int,
        *weights: Tensor,
    ) -> Tensor:
        """Encode a block, padded at the end.

        Args:
            ctx: Torch's record for the backward pass.
            X: Token vectors. Shape (T, B, nI).
            reverse: For each of the T * B places in the block, the one that is read
                instead when documents are read from their ends. Shape (T * B,).
            cell: One of `CELLS`.
            bptt: Time steps in a chunk that no gradient leaves, 0 for all of them.
            recompute: Time steps that are computed again at once, at least 1.
            weights: Parameters of the forward cell, and of the backward cell if there
                is one.

        Returns:
            Outputs of both directions side by side. Shape (T, B, nO).
        """
        ctx.save_for_backward(X, reverse, *weights)
        ctx.cell, ctx.bptt, ctx.recompute = cell, bptt, recompute
        device = X.device.type
        ctx.autocast = {
            "device_type": device,
            "dtype": torch.get_autocast_dtype(device),
            "enabled": torch.is_autocast_enabled(device),
        }
        # Autocast of an older torch would keep its copy of a weight without gradient.
        constants = [weight.detach() for weight in weights]
        ctx.states, Y = [], None
        for i, own in enumerate(by_direction(constants)):
            state = first_state(cell, X, own)
            ctx.states.append([])
            for rows, _ in chunks(X, reverse if i else None, bptt, recompute):
                ctx.states[i].append(state)
                part, state = advance(cell, take(X, rows), state, own)
                if Y is None:
                    n_directions = len(weights) // N_WEIGHTS
                    Y = part.new_empty(*X.shape[:2], n_directions, part.shape[2])
                Y.flatten(0, 1)[rows, i] = part.flatten(0, 1)
        assert Y is not None
        return Y.flatten(2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dY: Tensor) -> tuple[Tensor | None, ...]:
        X, reverse, *weights = ctx.saved_tensors
        dX = X.new_zeros(X.shape)
        dweights = [torch.zeros_like(weight) for weight in weights]
        dYs = dY.chunk(len(ctx.states), dim=2)
        for i, (own, totals) in enumerate(
            zip(by_direction(weights), by_direction(dweights), strict=True)
        ):
            dafter: list[Tensor] = []  # none leaves the last chunk
            plan = list(chunks(X, reverse if i else None, ctx.bptt, ctx.recompute))
            for (rows, is_cut), state in zip(
                plan[::-1], ctx.states[i][::-1], strict=True
            ):
                inputs = [
                    each.detach().requires_grad_()
                    for each in (take(X, rows), *state, *own)
                ]
                with torch.enable_grad(), torch.autocast(**ctx.autocast):
                    part, after = advance(
                        ctx.cell,
                        inputs[0],
                        tuple(inputs[1:-N_WEIGHTS]),
                        inputs[-N_WEIGHTS:],
                    )
                dpart, *grads = torch.autograd.grad(
                    (part, *after[: len(dafter)]), inputs, (take(dYs[i], rows), *dafter)
                )
                dX.flatten(0, 1)[rows] += dpart.flatten(0, 1)
                dafter = [] if is_cut else grads[:-N_WEIGHTS]
                for total, grad in zip(totals, grads[-N_WEIGHTS:], strict=True):
                    total += grad
        return dX, None, None, None, None, *dweights


def by_direction(weights: Sequence[Tensor]) -> Iterator[Weights]:
    """Cut the parameters of a layer into those of its cells."""
    for i in range(0, len(weights), N_WEIGHTS):
        yield weights[i : i + N_WEIGHTS]


def chunks(
    X: Tensor, reverse: Tensor | None, bptt: int, recompute: int
) -> Iterator[tuple[slice | Tensor, bool]]:
    """Yield each chunk's places in a block, and whether the gradient ends before it."""
    n_steps, n_docs = X.shape[:2]
    for first in range(0, n_steps, bptt or n_steps):
        last = min(first + bptt, n_steps) if bptt else n_steps
        for start in range(first, last, recompute):
            places = slice(start * n_docs, min(start + recompute, last) * n_docs)
            yield places if reverse is None else reverse[places], start == first


def take(X: Tensor, rows: slice | Tensor) -> Tensor:
    """Select places of a block, shape (T, B, n), as a chunk of fewer steps."""
    return X.flatten(0, 1)[rows].view(-1, *X.shape[1:])
