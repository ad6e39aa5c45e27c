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
        dX, left = torch.empty_like(X), dY.clone()
        for piece, part in zip(
            X.chunk(ctx.pieces, 1), dX.chunk(ctx.pieces, 1), strict=True
        ):
            torch.eq(piece, highest, out=part)  # as numbers, since masks are slow
            part *= left
            left -= part
        return dX, None
