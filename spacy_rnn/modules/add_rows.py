"""Sums of rows of a table."""

from typing import Any

import torch
from torch import Tensor, nn


class AddRows(torch.autograd.Function):
    """Add up rows of a table; torch's own gradient of this is much slower on a CPU."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor) -> Tensor:
        """Return sums, given the rows of each, shape (n_sums, n_rows). (n_sums, n)."""
        ctx.save_for_backward(rows)
        ctx.n_rows = len(table)
        return nn.functional.embedding_bag(rows, table, mode="sum")

    @staticmethod
    def backward(ctx: Any, dY: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (rows,) = ctx.saved_tensors
        d_table = dY.new_zeros(ctx.n_rows, dY.shape[1])
        for column in rows.unbind(1):
            d_table.index_add_(0, column, dY)
        return d_table, None
