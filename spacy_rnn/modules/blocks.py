"""Documents of uneven length as dense blocks of documents of similar length."""

from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from spacy_rnn.modules.block_plan import Costs, plan, round_shape
from spacy_rnn.modules.devices import to_device


class Block(NamedTuple):
    """Where the tokens of a block come from and go to.

    Attributes:
        shape: Time steps and documents.
        rows: The token in each cell, any in the padding. Shape (T * B,).
        reverse: For each cell, the one that takes its place when each document is
            reversed; padding stays in place. Shape (T * B,).
        tokens: Which tokens are in the block, each of them once. Shape (n_tokens,).
        places: In which of its cells they are. Shape (n_tokens,).
        document: The tokens of a block that is one document without padding.
    """

    shape: tuple[int, int]
    rows: Tensor
    reverse: Tensor
    tokens: Tensor
    places: Tensor
    document: slice | None


class Blocks:
    """A batch cut into blocks, and the way there and back.

    A block is a grid of T time steps by B documents, longest first, padded at the end.
    """

    def __init__(self, lengths: Tensor, device: torch.device, costs: Costs) -> None:
        """Plan the blocks.

        Args:
            lengths: Tokens in each document, on the CPU. Shape (B,).
            device: Where the blocks are to run.
            costs: Of blocks there.
        """
        if len(lengths) == 1:
            # What is below would come to this, and take a tenth of the time of a text.
            self.n_tokens = int(lengths)
            self.shapes = [round_shape(self.n_tokens, 1)]
            number = torch.arange(self.n_tokens, device=device)
            self.blocks = [
                make_block(self.shapes[0], 0, number, number, number.flip(0))
            ]
            return
        order = lengths.argsort(descending=True, stable=True)
        order = order[: int(lengths.count_nonzero())]
        ordered, starts = lengths[order], (lengths.cumsum(0) - lengths)[order]
        sizes = ordered.tolist()
        planned = plan(sizes, costs)
        self.shapes = [round_shape(*shape) for shape in planned]
        docs = [n_docs for _, n_docs in planned]
        edges = [0, *accumulate(docs)]
        # Of each document, in the order of the blocks: its column in its block, how
        # many columns that has, and how many tokens come before it.
        of_block = torch.tensor([edges[:-1], [columns for _, columns in self.shapes]])
        first, step = of_block.repeat_interleave(torch.tensor(docs), dim=1)
        column = torch.arange(len(order)) - first
        before = ordered.cumsum(0) - ordered
        # So the tokens, counted through in that order, are found by steps from where
        # each document would start if it were all of them.
        shift = starts - before
        top = column - before * step
        bottom = column + (before + ordered - 1) * step
        per_doc = to_device(torch.stack([shift, top, bottom, step, ordered]), device)
        self.n_tokens = sum(sizes)
        shift, top, bottom, step = torch.repeat_interleave(
            per_doc[:4], per_doc[4], dim=1, output_size=self.n_tokens
        )
        number = torch.arange(self.n_tokens, device=device)
        down = number * step
        starts_of_docs = starts.tolist()
        own = [sum(sizes[i:j]) for i, j in pairwise(edges)]
        self.blocks = [
            make_block(*parts)
            for parts in zip(
                self.shapes,
                [starts_of_docs[i] for i in edges[:-1]],
                (number + shift).split_with_sizes(own),
                (top + down).split_with_sizes(own),
                (bottom - down).split_with_sizes(own),
                strict=True,
            )
        ]

    def split(self, X: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Lay tokens, shape (N, n), out in blocks.

        Without gradients, a long document is not copied, here and in `join`.

        Yields:
            The block, shape (T, B, n), and for each cell the one that takes its place
            when each document is reversed, shape (T * B,); padding stays in place.
        """
        for block in self.blocks:
            if not torch.is_grad_enabled() and block.document:
                yield X[block.document, None], block.reverse
                continue
            is_last = block is self.blocks[-1]
            X, grid = Take.apply(X, block.rows, block.tokens, block.places, is_last)
            yield grid.view(*block.shape, -1), block.reverse

    def join(self, grids: Iterable[Tensor]) -> Tensor:
        """Bring blocks of shape (T, B, n) back to tokens, shape (N, n).

        Each is used before the next one is asked for.
        """
        joined = None
        for grid, block in zip(grids, self.blocks, strict=True):
            cells = grid.flatten(0, 1)
            document = None if torch.is_grad_enabled() else block.document
            if document and len(cells) == self.n_tokens:
                return cells
            if joined is None:
                joined = grid.new_empty(self.n_tokens, grid.shape[2])
            if document:
                joined[document] = cells
            else:
                joined = Put.apply(joined, cells, block.tokens, block.places)
        assert joined is not None
        return joined


def make_block(
    shape: tuple[int, int],
    start: int,
    tokens: Tensor,
    places: Tensor,
    mirrored: Tensor,
) -> Block:
    """Make a block.

    Args:
        shape: Time steps and documents.
        start: The first token of its first document.
        tokens: Which tokens are in it. Shape (n_tokens,).
        places: In which of its cells. Shape (n_tokens,).
        mirrored: Where they are when each document is reversed. Shape (n_tokens,).
    """
    n_cells = shape[0] * shape[1]
    rows = tokens.new_zeros(n_cells).index_copy_(0, places, tokens)
    reverse = torch.arange(n_cells, device=tokens.device)
    reverse.index_copy_(0, places, mirrored)
    is_document = shape == (len(tokens), 1)
    document = slice(start, start + len(tokens)) if is_document else None
    return Block(shape, rows, reverse, tokens, places, document)


# The next two hand what belongs to all blocks from one to the next. So the gradient of
# a block is made when its turn comes and used up before the next one's, and those of
# all blocks never exist at once.


class Take(torch.autograd.Function):
    """Select the tokens of a block."""

    @staticmethod
    def forward(
        ctx: Any,
        X: Tensor,
        rows: Tensor,
        tokens: Tensor,
        places: Tensor,
        is_last: bool,
    ) -> tuple[Tensor, Tensor]:
        """Return `X`, for the next block, and the cells of this one.

        Args:
            ctx: Torch's record for the backward pass.
            X: All tokens. Shape (N, n).
            rows: The token in each cell of the block. Shape (n_cells,).
            tokens: Which tokens are in it, each of them once. Shape (n_tokens,).
            places: In which of its cells. Shape (n_tokens,).
            is_last: Whether no block comes after it.
        """
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(tokens, places)
        ctx.shape, ctx.is_last = X.shape, is_last
        return X, X.index_select(0, rows)

    @staticmethod
    def backward(  # type: ignore[override]
        ctx: Any, dX: Tensor | None, dgrid: Tensor | None
    ) -> tuple[Tensor | None, None, None, None, None]:
        tokens, places = ctx.saved_tensors
        if dX is None and dgrid is not None:
            # Before the last block nothing is written, and all of it will be.
            make = dgrid.new_empty if ctx.is_last else dgrid.new_zeros
            dX = make(ctx.shape)
        if dX is not None:
            if dgrid is None:
                dX.index_fill_(0, tokens, 0.0)
            else:
                dX.index_copy_(0, tokens, dgrid.index_select(0, places))
        return dX, None, None, None, None


class Put(torch.autograd.Function):
    """Write the tokens of a block."""

    @staticmethod
    def forward(
        ctx: Any, joined: Tensor, grid: Tensor, tokens: Tensor, places: Tensor
    ) -> Tensor:
        """Return `joined`, changed.

        Args:
            ctx: Torch's record for the backward pass.
            joined: All tokens. Shape (N, n).
            grid: The cells of the block. Shape (n_cells, n).
            tokens: Which tokens are in it, each of them once. Shape (n_tokens,).
            places: In which of its cells. Shape (n_tokens,).
        """
        ctx.save_for_backward(tokens, places)
        ctx.shape = grid.shape
        ctx.mark_dirty(joined)
        return joined.index_copy_(0, tokens, grid.index_select(0, places))

    @staticmethod
    def backward(ctx: Any, dY: Tensor) -> tuple[Tensor, Tensor, None, None]:  # type: ignore[override]
        tokens, places = ctx.saved_tensors
        dgrid = dY.new_zeros(ctx.shape)
        dgrid.index_copy_(0, places, dY.index_select(0, tokens))
        return dY, dgrid, None, None  # no other block reads what this one wrote


class Flip(torch.autograd.Function):
    """Select rows by an index that is its own inverse.

    The gradient is a selection too, where torch's own would add row by row.
    """

    @staticmethod
    def forward(ctx: Any, X: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        return X.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, dY: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (index,) = ctx.saved_tensors
        return dY.index_select(0, index), None
