"""The pieces of texts, end to end and laid out in a grid."""

from dataclasses import dataclass

import torch
from torch import Tensor

PADDING, UNKNOWN, START, END = range(4)  # pieces that stand for no text


@dataclass
class Pieces:
    """The pieces of some texts, end to end.

    Attributes:
        pieces: Their rows in the vocabulary. Shape (N,).
        lengths: How many each text has, at least 1; on the CPU. Shape (B,).
        token_of: Which token of the batch each belongs to, rising. Shape (N,).
    """

    pieces: Tensor
    lengths: Tensor
    token_of: Tensor


def lay_out(lengths: Tensor, order: Tensor) -> Tensor:
    """Say which of the items of some texts stands where in a grid.

    Args:
        lengths: Items of each text. Shape (texts,).
        order: Which text belongs in which row. Shape (B,).

    Returns:
        Shape (B, S), -1 behind the end of a text.
    """
    starts, lengths = (lengths.cumsum(0) - lengths)[order], lengths[order]
    times = torch.arange(int(lengths.max()))
    return torch.where(times < lengths[:, None], starts[:, None] + times, -1)


def pad(X: Tensor, value: float) -> Tensor:
    """Put a row behind the last one, which the index -1 finds."""
    return torch.cat([X, X.new_full((1, *X.shape[1:]), value)])
