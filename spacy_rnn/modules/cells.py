"""Recurrent cells over time steps, by torch's own kernels."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spacy_rnn.modules.dropout import keep_mask

# What `nn.RNN`, `nn.LSTM` and `nn.GRU` call. These functions take weights as arguments,
# where `torch.func.functional_call` would exchange those of the module: other threads
# would see it, and on a GPU the module would move its parameters to another place.
KERNELS: dict[str, Callable[..., Any]] = {
    "rnn_tanh": torch.rnn_tanh,
    "rnn_relu": torch.rnn_relu,
    "lstm": torch.lstm,
    "gru": torch.gru,
}

Weights = Sequence[Tensor]  # of a cell: input, recurrent, and a bias of each
State = tuple[Tensor, ...]  # h, and c of an LSTM, each of shape (1, B, width)


def advance(
    cell: str, X: Tensor, state: State, weights: Weights
) -> tuple[Tensor, State]:
    """Run a cell over some time steps.

    Args:
        cell: One of `KERNELS`.
        X: Shape (T, B, nI).
        state: The state before the first of them.
        weights: Parameters of the cell.

    Returns:
        Its output at each step, shape (T, B, width), and the state after the last.
    """
    Y, *after = KERNELS[cell](
        X,
        state if cell == "lstm" else state[0],
        weights,
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=torch.is_grad_enabled(),
        bidirectional=False,
        batch_first=False,
    )
    return Y, tuple(after)


def first_state(cell: str, X: Tensor, weights: Weights) -> State:
    """Return the state before a document, which is zero."""
    zeros = X.new_zeros(1, X.shape[1], weights[1].shape[1])
    return (zeros, zeros) if cell == "lstm" else (zeros,)


def all_weights(module: nn.Module, dropout: float) -> dict[nn.RNNBase, Weights]:
    """Return the parameters of each cell of a module, see `cell_weights`."""
    return {
        cell: cell_weights(cell, dropout)
        for cell in module.modules()
        if isinstance(cell, nn.RNNBase)
    }


def cell_weights(cell: nn.RNNBase, dropout: float) -> Weights:
    """Return the parameters of a cell, with dropout of its recurrent weights.

    A mask serves all time steps and documents of a batch (Wan et al., 2013; Merity et
    al., 2018).

    Args:
        cell: A cell of one layer.
        dropout: Probability, in [0, 1), of zeroing a weight.
    """
    weights: list[Tensor] = list(cell.parameters())
    if not dropout:
        return weights
    weights[1] = weights[1] * keep_mask(weights[1], tuple(weights[1].shape), dropout)
    return end_to_end(weights)


def read_only(weights: Weights, columns: slice) -> Weights:
    """Let a cell read some features of its input, and take the others for zero."""
    kept = torch.zeros_like(weights[0][:1])
    kept[:, columns] = 1.0
    return end_to_end([weights[0] * kept, *weights[1:]])


def end_to_end(weights: Weights) -> Weights:
    """Lie the parameters of a cell end to end, as cuDNN wants them."""
    flat = torch.cat([each.flatten() for each in weights])
    pieces = flat.split([each.numel() for each in weights])
    return [piece.view_as(like) for piece, like in zip(pieces, weights, strict=True)]
