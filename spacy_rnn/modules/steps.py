"""Sequences of uneven length that run side by side, those that have ended left out."""

from functools import cached_property
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from spacy_rnn.modules.devices import to_device


class SortedSteps:
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

    def __init__(self, sizes: list[int], device: torch.device) -> None:
        """Lay out so many sequences at each step."""
        self.sizes, self.device = sizes, device
        self.slices = [slice(*ends) for ends in pairwise(accumulate(sizes, initial=0))]

    @classmethod
    def of(cls, lengths: Tensor, device: torch.device | None = None) -> "SortedSteps":
        """Lay out sequences.

        Args:
            lengths: Items of each, at least 1, falling. Lengths on a GPU are waited
                for. Shape (B,).
            device: Where the steps are to be, if not where the lengths are.
        """
        n_steps = int(lengths[0]) if len(lengths) else 0
        times = torch.arange(n_steps, device=lengths.device)
        sizes = (times[:, None] < lengths).sum(dim=1).tolist()
        return cls(sizes, device or lengths.device)

    @cached_property
    def rows(self) -> Tensor:
        counted = torch.arange(max(self.sizes, default=0), device=self.device)
        return torch.cat([counted[:0], *(counted[:size] for size in self.sizes)])

    @cached_property
    def times(self) -> Tensor:
        sizes = to_device(torch.tensor(self.sizes, dtype=torch.long), self.device)
        return torch.arange(len(sizes), device=self.device).repeat_interleave(
            sizes,
            output_size=sum(self.sizes),  # else a GPU would be asked for it
        )

    @cached_property
    def before(self) -> Tensor:
        n_first = self.sizes[0] if self.sizes else 0
        sizes = to_device(torch.tensor([0, *self.sizes]), self.device)
        rows = torch.arange(len(self.rows), device=self.device)
        return (rows - sizes[self.times])[n_first:]

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
