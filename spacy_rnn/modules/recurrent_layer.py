"""One recurrent layer over a block of documents of uneven length."""

from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear

from spacy_rnn.modules.block_plan import MAX_STEPS
from spacy_rnn.modules.blocks import Flip
from spacy_rnn.modules.cells import (
    CELLS,
    AllWeights,
    State,
    Weights,
    advance,
    first_state,
    init_cell,
)
from spacy_rnn.modules.recompute import RecomputedLayer


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
        weights: AllWeights,
        *,
        bptt: int,
        recompute: int,
    ) -> Tensor:
        """Encode one block.

        Args:
            X: Token vectors, padded at the end. Shape (T, B, nI).
            reverse: For each of the T * B cells, the cell that takes its place when
                each document is read from its end. Shape (T * B,).
            weights: Parameters of each part of the encoder.
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
            Y = RecomputedLayer.apply(
                X, reverse, self.cell, bptt, recompute, *chain.from_iterable(own)
            )
        else:
            state = first_state(self.cell, X, own[0])
            Y, _ = read(self.cell, X, state, own[0], bptt)
            if len(own) > 1:
                backwards, _ = read(self.cell, flip(X, reverse), state, own[1], bptt)
                Y = torch.cat([Y, flip(backwards, reverse)], dim=2)
        return self.finish(X, Y, weights)

    def read_on(
        self,
        X: Tensor,
        state: State,
        weights: AllWeights,
        *,
        bptt: int,
    ) -> tuple[Tensor, State]:
        """Encode a block without padding, in one direction, from a state on.

        Args:
            X: Shape (T, B, nI).
            state: The state before the first time step.
            weights: Parameters of each part of the encoder.
            bptt: Time steps in a chunk that the gradient doesn't leave, or 0.

        Returns:
            The encoded block, shape (T, B, nO), and the state after its last step.
        """
        Y, state = read(self.cell, X, state, weights[self.forward_cell], bptt)
        return self.finish(X, Y, weights), state

    def finish(self, X: Tensor, Y: Tensor, weights: AllWeights) -> Tensor:
        """Add what goes around the cells, and normalize. Shape (T, B, nO)."""
        if self.project is not None:
            Y = Y + linear(X, *weights[self.project])
        elif self.residual:
            Y = Y + X
        if self.norm is None:
            return Y
        weight, bias = weights[self.norm]
        shape = list(self.norm.normalized_shape)
        return layer_norm(Y, shape, weight, bias, self.norm.eps)


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
    return Flip.apply(X.flatten(0, 1), reverse).view_as(X)
