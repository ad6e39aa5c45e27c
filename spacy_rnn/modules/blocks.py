"""Documents of uneven length as dense blocks of documents of similar length."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from spacy_rnn.modules.shapes import round_up

# The documents of a block run side by side. On one CPU core the matrix products are
# efficient from 32 documents on, and up to about 96 the block of one layer stays in
# the cache; a GPU wants as many as there are. The budget of cells bounds the memory
# whatever the lengths are. A document joins a block that it fills to 40 % at least:
# with more padding, another block costs less.
CPU_DOCS = 48
GPU_DOCS = 1024
CPU_CELLS = 16_384
GPU_CELLS = 262_144
FILL = 0.4
STEP_BITS = 4
DOC_BITS = 3


class Blocks:
    """A batch cut into blocks, and the way there and back.

    A block is a grid of T time steps by B documents, longest first, padded at the end.
    The grids of all blocks lie end to end in one matrix of cells.
    """

    def __init__(self, lengths: Tensor, device: torch.device) -> None:
        on_gpu = device.type != "cpu"
        order = lengths.argsort(descending=True, stable=True)
        order = order[: int((lengths > 0).sum())]
        planned = plan(
            lengths[order].tolist(),
            max_docs=GPU_DOCS if on_gpu else CPU_DOCS,
            max_cells=GPU_CELLS if on_gpu else CPU_CELLS,
        )
        self.shapes = [
            (round_up(steps, STEP_BITS), round_up(docs, DOC_BITS))
            for steps, docs in planned
        ]
        shapes, docs = torch.tensor(self.shapes), torch.tensor(planned)[:, 1]
        n_cells = shapes.prod(dim=1)
        # Of each document: its block, its column there, the columns of the block, and
        # the first cell of its block.
        block = torch.repeat_interleave(docs)
        column = torch.arange(len(order)) - (docs.cumsum(0) - docs)[block]
        step, first = shapes[block, 1], (n_cells.cumsum(0) - n_cells)[block]
        per_doc = torch.zeros(3, len(lengths), dtype=torch.long)
        per_doc[:, order] = torch.stack([first + column, step, column])
        # Of each token: its document's values, and its place there.
        total = int(lengths.sum())
        start, step, column = per_doc.repeat_interleave(lengths, dim=1)
        ends = lengths.cumsum(0).repeat_interleave(lengths)
        left = ends - 1 - torch.arange(total)
        time = lengths.repeat_interleave(lengths) - 1 - left
        cells = start + time * step
        rows = torch.zeros(int(n_cells.sum()), dtype=torch.long)
        rows[cells] = torch.arange(total)
        reverse = torch.cat([torch.arange(n) for n in n_cells.tolist()])
        reverse[cells] = column + left * step
        padding = torch.ones(len(rows), dtype=torch.bool)
        padding[cells] = False
        self.n_cells = n_cells.tolist()
        self.cells = cells.to(device)
        self.rows = rows.to(device)
        self.reverse = reverse.to(device)
        self.padding = padding.nonzero().squeeze(1).to(device)

    def split(self, X: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Lay tokens, shape (N, n), out in blocks.

        Yields:
            The block, shape (T, B, n), and for each cell the one that takes its place
            when each document is reversed, shape (T * B,); padding stays in place.
        """
        grids: Tensor = Gather.apply(X, self.rows, self.cells, None)
        for shape, grid, reverse in zip(
            self.shapes,
            grids.split(self.n_cells),
            self.reverse.split(self.n_cells),
            strict=True,
        ):
            yield grid.view(*shape, -1), reverse

    def join(self, grids: list[Tensor]) -> Tensor:
        """Bring blocks of shape (T, B, n) back to tokens, shape (N, n)."""
        flat = torch.cat([grid.flatten(0, 1) for grid in grids])
        tokens: Tensor = Gather.apply(flat, self.cells, self.rows, self.padding)
        return tokens


def plan(lengths: list[int], *, max_docs: int, max_cells: int) -> list[tuple[int, int]]:
    """Cut documents, sorted by falling length, into blocks.

    A block is closed when it is full, or when the next document would be mostly
    padding.

    Args:
        lengths: Tokens in each document, at least 1, falling.
        max_docs: Documents in a block.
        max_cells: Cells in a block, unless it holds one document.

    Returns:
        Time steps and documents of each block.
    """
    blocks: list[tuple[int, int]] = []
    for length in lengths:
        if blocks:
            steps, docs = blocks[-1]
            full = docs >= max_docs or steps * (docs + 1) > max_cells
            if not full and length >= FILL * steps:
                blocks[-1] = (steps, docs + 1)
                continue
        blocks.append((length, 1))
    return blocks


class Gather(torch.autograd.Function):
    """Select rows by an index whose inverse is known.

    The gradient is a selection too, where torch's own would add row by row.
    """

    @staticmethod
    def forward(
        ctx: Any, X: Tensor, index: Tensor, inverse: Tensor, unread: Tensor | None
    ) -> Tensor:
        """Return `X[index]`.

        Args:
            ctx: Torch's record for the backward pass.
            X: Shape (n_rows, n).
            index: The row of X that each result is. Shape (n_results,).
            inverse: The result that each row of X became. Shape (n_rows,).
            unread: The rows of X that became no result, so that `inverse` means nothing
                there. Shape (n_unread,).
        """
        ctx.save_for_backward(inverse, unread)
        return X.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, dY: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        inverse, unread = ctx.saved_tensors
        dX = dY.index_select(0, inverse)
        if unread is not None:
            dX.index_fill_(0, unread, 0.0)
        return dX, None, None, None
