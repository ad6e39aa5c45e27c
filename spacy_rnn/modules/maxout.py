"""The maxout activation."""

from typing import Any

import torch
from torch import Tensor


class Maxout(torch.autograd.Function):
    """Keep the greatest of several pieces (Goodfellow et al., 2013).

    Where pieces are equal, the first one gets the gradient. The gradient takes less
    work than that of `torch.maximum`, which shares it out.
    """

    @staticmethod
    def forward(ctx: Any, X: Tensor, pieces: int) -> Tensor:
        """Return the maximum over the pieces.

        Args:
            ctx: Torch's record for the backward pass.
            X: The pieces side by side. Shape (N, pieces * nO).
            pieces: How many there are.
        """
        first, *others = X.chunk(pieces, dim=1)
        for piece in others:
            first = torch.maximum(first, piece)
        ctx.save_for_backward(X, first)
        ctx.pieces = pieces
        return first

    @staticmethod
    def backward(ctx: Any, dY: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        X, highest = ctx.saved_tensors
        parts, free = [], torch.ones_like(highest, dtype=torch.bool)
        for piece in X.chunk(ctx.pieces, dim=1):
            chosen = (piece == highest) & free
            free = free & ~chosen
            parts.append(dY * chosen)
        return torch.cat(parts, dim=1), None
