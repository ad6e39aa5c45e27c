"""The maximum of each of several runs of rows."""

from typing import Any

import torch
from torch import Tensor


class SegmentMax(torch.autograd.Function):
    """Take the maximum of each segment, column by column.

    Rows that tie share the gradient evenly, as in `torch.amax`. That of
    `torch.segment_reduce` gives each of them the whole of it where it is negative.
    """

    @staticmethod
    def forward(ctx: Any, X: Tensor, lengths: Tensor) -> Tensor:
        """Return the maxima, zero for an empty segment. Shape (B, n).

        Args:
            ctx: Torch's record for the backward pass.
            X: The rows of all segments, end to end. Shape (N, n).
            lengths: Rows in each segment, 0 allowed, summing to N. Shape (B,).
        """
        highest = torch.segment_reduce(X, "max", lengths=lengths, unsafe=True)
        highest.masked_fill_((lengths == 0)[:, None], 0.0)
        ctx.save_for_backward(X, highest, lengths)
        return highest

    @staticmethod
    def backward(ctx: Any, dY: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        X, highest, lengths = ctx.saved_tensors
        segment = torch.repeat_interleave(lengths, output_size=len(X))
        is_highest = X.eq(highest.index_select(0, segment)).to(dY.dtype)
        n_highest = torch.zeros_like(highest).index_add_(0, segment, is_highest)
        shares = dY / n_highest.clamp_(min=1.0)
        return is_highest.mul_(shares.index_select(0, segment)), None
