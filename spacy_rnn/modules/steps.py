"""Sequences of uneven length that run side by side, those that have ended left out."""

from itertools import accumulate, pairwise

import torch
from torch import Tensor


class Steps:
    """Where the items of some sequences stand, step by step, with nothing in between.

    The sequences are sorted by falling length, so those that go on are the first ones
    at every step.

    Attributes:
        sizes: How many sequences have a step, falling. Shape (T,).
        slices: The rows of each step, of N in all.
        rows: Which sequence each row belongs to. Shape (N,).
        times: Which step. Shape (N,).
        before: The row of the same sequence a step before, for those that aren't its
            first. Shape (N - B,).
    """

    def __init__(self, lengths: Tensor) -> None:
        """Lay out.

        Args:
            lengths: Items of each sequence, at least 1, falling. Shape (B,).
        """
        n_steps = int(lengths[0]) if len(lengths) else 0
        grid = torch.arange(n_steps, device=lengths.device)[:, None] < lengths
        self.times, self.rows = grid.nonzero(as_tuple=True)
        self.sizes: list[int] = grid.sum(dim=1).tolist()
        starts = [0, *accumulate(self.sizes)]
        self.slices = [slice(*ends) for ends in pairwise(starts)]
        self.before = torch.arange(len(self.rows), device=lengths.device)
        if self.sizes:
            going_on = torch.tensor(self.sizes, device=lengths.device)
            self.before = (self.before - going_on[self.times - 1])[self.sizes[0] :]

    def shift(self, first: Tensor, Y: Tensor) -> Tensor:
        """Return what stands a step before each row. Shape (N, n).

        Args:
            first: What stands before the first step. Shape (B, n).
            Y: Shape (N, n).
        """
        return torch.cat([first, Y.index_select(0, self.before)])

    def spread(self, Y: Tensor) -> Tensor:
        """Lay rows, shape (N, n), out by sequence, zero where one has ended.

        Returns:
            Shape (B, T, n).
        """
        n_steps, n_rows = len(self.sizes), self.sizes[0]
        grid = Y.new_zeros(n_rows * n_steps, Y.shape[1])
        grid.index_copy_(0, self.rows * n_steps + self.times, Y)
        return grid.view(n_rows, n_steps, -1)
