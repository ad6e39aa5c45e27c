"""Exact recurrence over documents of uneven length."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import chain

import torch
from torch import Tensor, nn

from spacy_rnn.modules.block_plan import MAX_STEPS
from spacy_rnn.modules.blocks import Blocks, Flip
from spacy_rnn.modules.cells import (
    CELLS,
    State,
    Weights,
    advance,
    all_weights,
    first_state,
    init_cell,
    read_only,
)
from spacy_rnn.modules.dropout import keep_mask
from spacy_rnn.modules.recompute import RecomputedLayer
from spacy_rnn.modules.streams import read_on

SHRINK = (1, 4, 16, 64)  # how many times smaller blocks a GPU is given in its need


class RNNEncoder(nn.Module):
    """Stacked recurrent layers over a batch of documents.

    A document's vectors do not depend on what else is in its batch: padding never
    enters a state, in either direction. Without the options it computes what
    `nn.LSTM(bidirectional=True, num_layers=depth)` computes on packed sequences, only
    faster: the work is done on dense blocks of documents of similar length, which
    oneDNN and cuDNN's persistent kernels serve, and the backward direction is a
    network of its own that reads each document reversed.

    Elman (1990), Hochreiter & Schmidhuber (1997), Cho et al. (2014); two directions:
    Schuster & Paliwal (1997).
    """

    def __init__(
        self,
        input_width: int,
        output_width: int,
        *,
        cell: str = "lstm",
        depth: int = 1,
        bidirectional: bool = True,
        residual: bool = False,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self.output_width = output_width
        self.layers = nn.ModuleList(
            RecurrentLayer(
                output_width if i else input_width,
                output_width,
                cell=cell,
                bidirectional=bidirectional,
                residual=residual,
                layer_norm=layer_norm,
            )
            for i in range(depth)
        )

    def forward(
        self,
        X: Tensor,
        lengths: Tensor,
        *,
        dropout: float = 0.0,
        weight_dropout: float = 0.0,
        bptt: int = 0,
        recompute: int = 0,
        directions_meet: bool = True,
        states: Tensor | None = None,
    ) -> Tensor:
        """Encode a batch.

        Args:
            X: Token vectors of all documents, end to end. Shape (N, nI).
            lengths: Tokens in each document, 0 allowed, summing to N; on the CPU.
                Shape (B,).
            dropout: Probability, in [0, 1), of zeroing a feature of a layer's output
                throughout a document (Gal & Ghahramani, 2016).
            weight_dropout: Probability, in [0, 1), of zeroing a recurrent weight
                throughout the batch (Merity et al., 2018).
            bptt: Tokens in a chunk that the gradient of a recurrent state doesn't
                leave, counted from where a cell starts to read a document; 0 for the
                whole document (Williams & Peng, 1990).
            recompute: Tokens in a chunk whose activations are computed again in the
                backward pass instead of kept; 0 for none (Gruslys et al., 2016).
            directions_meet: Whether a layer reads both directions of the one below, or
                each direction its own only, as a language model has to (Peters et al.,
                2017).
            states: What is remembered of each sequence from earlier batches, for one
                direction: of each layer h, and after it an LSTM's c. Shape (B, depth or
                2 * depth, nO). What is remembered now is written there, and nothing is
                computed again. If None, sequences begin.

        Returns:
            Encoded tokens. Shape (N, nO).
        """
        if len(X) == 0:
            return X.new_zeros(0, self.output_width)
        weights = all_weights(self, weight_dropout)
        if not directions_meet:
            weights |= self.part_directions(weights)
        if states is not None:
            return read_on(
                self.layers, X, lengths, states, weights, dropout=dropout, bptt=bptt
            )
        if not torch.is_grad_enabled():
            bptt, recompute = 0, MAX_STEPS  # which takes less memory here as well

        def encode(shrink: int) -> Tensor:
            blocks = Blocks(lengths, X.device, shrink)
            return blocks.join(
                self.encode_block(
                    *block, weights, dropout=dropout, bptt=bptt, recompute=recompute
                )
                for block in blocks.split(X)
            )

        # Smaller blocks take less memory, but not of what a backward pass needs.
        *attempts, last = (1,) if torch.is_grad_enabled() else SHRINK
        for shrink in attempts:
            with suppress(torch.cuda.OutOfMemoryError):
                return encode(shrink)
        return encode(last)

    def part_directions(
        self, weights: Mapping[nn.RNNBase, Weights]
    ) -> dict[nn.RNNBase, Weights]:
        """Let each direction of the upper layers read its own half of their input."""
        half = self.output_width // 2
        parted = {}
        for layer in self.layers[1:]:
            assert isinstance(layer, RecurrentLayer)
            first, second = layer.forward_cell, layer.backward_cell
            if second is not None:
                parted[first] = read_only(weights[first], slice(half))
                parted[second] = read_only(weights[second], slice(half, None))
        return parted

    def encode_block(
        self,
        X: Tensor,
        reverse: Tensor,
        weights: Mapping[nn.RNNBase, Weights],
        *,
        dropout: float,
        bptt: int,
        recompute: int,
    ) -> Tensor:
        """Encode one block, shape (T, B, nI), as shape (T, B, nO)."""
        for layer in self.layers:
            X = layer(X, reverse, weights, bptt=bptt, recompute=recompute)
            if dropout:
                X = X * keep_mask(X, (1, *X.shape[1:]), dropout)
        return X


class RecurrentLayer(nn.Module):
    """One recurrent layer that reads a block of documents in one or two directions."""

    forward_cell: nn.RNNBase
    backward_cell: nn.RNNBase | None
    project: nn.Linear | None
    norm: nn.LayerNorm | None

    def __init__(
        self,
        input_width: int,
        output_width: int,
        *,
        cell: str,
        bidirectional: bool,
        residual: bool,
        layer_norm: bool,
    ) -> None:
        super().__init__()
        make = CELLS[cell]
        width = output_width // 2 if bidirectional else output_width
        self.forward_cell = make(input_width, width)
        self.backward_cell = make(input_width, width) if bidirectional else None
        self.cell = cell
        self.residual = residual
        self.project = (
            nn.Linear(input_width, output_width, bias=False)
            if residual and input_width != output_width
            else None
        )
        self.norm = nn.LayerNorm(output_width) if layer_norm else None
        for child in (self.forward_cell, self.backward_cell):
            if child is not None:
                init_cell(child)

    def forward(
        self,
        X: Tensor,
        reverse: Tensor,
        weights: Mapping[nn.RNNBase, Weights],
        *,
        bptt: int,
        recompute: int,
    ) -> Tensor:
        """Encode one block.

        Args:
            X: Token vectors, padded at the end. Shape (T, B, nI).
            reverse: For each of the T * B cells, the cell that takes its place when
                each document is read from its end. Shape (T * B,).
            weights: Parameters of each cell.
            bptt: Time steps in a chunk that the gradient doesn't leave, or 0.
            recompute: Time steps whose activations are computed again, or 0.

        Returns:
            Encoded tokens; what stands in the padding means nothing. Shape (T, B, nO).
        """
        cells = [self.forward_cell]
        if self.backward_cell is not None:
            cells.append(self.backward_cell)
        own = [weights[cell] for cell in cells]
        if 0 < recompute < len(X):
            Y: Tensor = RecomputedLayer.apply(
                X, reverse, self.cell, bptt, recompute, *chain.from_iterable(own)
            )
        else:
            state = first_state(self.cell, X, own[0])
            Y, _ = read(self.cell, X, state, own[0], bptt)
            if len(own) > 1:
                backwards, _ = read(self.cell, flip(X, reverse), state, own[1], bptt)
                Y = torch.cat([Y, flip(backwards, reverse)], dim=2)
        return self.finish(X, Y)

    def read_on(
        self,
        X: Tensor,
        state: State,
        weights: Mapping[nn.RNNBase, Weights],
        *,
        bptt: int,
    ) -> tuple[Tensor, State]:
        """Encode a block without padding, in one direction, from a state on.

        Args:
            X: Shape (T, B, nI).
            state: The state before the first time step.
            weights: Parameters of each cell.
            bptt: Time steps in a chunk that the gradient doesn't leave, or 0.

        Returns:
            The encoded block, shape (T, B, nO), and the state after its last step.
        """
        Y, state = read(self.cell, X, state, weights[self.forward_cell], bptt)
        return self.finish(X, Y), state

    def finish(self, X: Tensor, Y: Tensor) -> Tensor:
        """Add what goes around the cells, and normalize. Shape (T, B, nO)."""
        if self.residual:
            Y = Y + (X if self.project is None else self.project(X))
        return Y if self.norm is None else self.norm(Y)


def read(
    cell: str, X: Tensor, state: State, weights: Weights, bptt: int
) -> tuple[Tensor, State]:
    """Run a cell from the first time step to the last, see `advance`."""
    Ys = []
    for part in X.split(bptt or len(X)):
        state = tuple(each.detach() for each in state)
        for chunk in part.split(MAX_STEPS):
            Y, state = advance(cell, chunk, state, weights)
            Ys.append(Y)
    return Ys[0] if len(Ys) == 1 else torch.cat(Ys), state


def flip(X: Tensor, reverse: Tensor) -> Tensor:
    """Reverse each document of a block. Shape (T, B, n) in and out."""
    flipped: Tensor = Flip.apply(X.flatten(0, 1), reverse)
    return flipped.view_as(X)
