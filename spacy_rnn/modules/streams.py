"""Sequences without end, read piece by piece: each batch goes on where one ended."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from spacy_rnn.modules.cells import AllWeights
from spacy_rnn.modules.devices import to_device
from spacy_rnn.modules.dropout import keep_mask


def read_on(
    layers: Iterable[Any],
    X: Tensor,
    lengths: Tensor,
    states: Tensor,
    weights: AllWeights,
    *,
    dropout: float,
    bptt: int,
) -> Tensor:
    """Encode pieces of sequences, see `RNNEncoder.forward`.

    Pieces of the same length run side by side, without padding, which would enter the
    states that are kept.

    Args:
        layers: The layers of an encoder.
        X: Pieces of all sequences, end to end. Shape (N, nI).
        lengths: Of each piece, 0 allowed; on the CPU. Shape (B,).
        states: Of each sequence before its piece; changed to those after it. An empty
            piece changes nothing. Shape (B, states of all layers, nO).
        weights: Parameters of each part of the encoder.
        dropout: Probability, in [0, 1), of zeroing a feature throughout a piece.
        bptt: Time steps in a chunk that the gradient doesn't leave, or 0.

    Returns:
        Shape (N, nO).
    """
    ends, rows, Ys = lengths.cumsum(0), [], []
    for length in lengths[lengths > 0].unique().tolist():
        pieces = (lengths == length).nonzero().squeeze(1)
        rows.append((ends[pieces] - length + torch.arange(length)[:, None]).flatten())
        grid = X[to_device(rows[-1], X.device)].view(length, len(pieces), -1)
        pieces = to_device(pieces, X.device)
        grid, after = read_grid(
            layers, grid, states[pieces], weights, dropout=dropout, bptt=bptt
        )
        states[pieces] = after.to(states.dtype)
        Ys.append(grid.flatten(0, 1))
    return torch.cat(Ys)[to_device(torch.cat(rows).argsort(), X.device)]


def read_grid(
    layers: Iterable[Any],
    X: Tensor,
    states: Tensor,
    weights: AllWeights,
    *,
    dropout: float,
    bptt: int,
) -> tuple[Tensor, Tensor]:
    """Encode pieces of one length.

    Args:
        layers: The layers of an encoder.
        X: Shape (T, B, nI).
        states: Shape (B, states of all layers, nO).
        weights: Parameters of each part of the encoder.
        dropout: As above.
        bptt: As above.

    Returns:
        The encoded pieces, shape (T, B, nO), and the states after them.
    """
    layers = list(layers)
    own = states.transpose(0, 1).contiguous().chunk(len(layers))
    after: list[Tensor] = []
    for layer, before in zip(layers, own, strict=True):
        X, state = layer.read_on(X, before.split(1), weights, bptt=bptt)
        after.extend(state)
        if dropout:
            X = X * keep_mask(X, (1, *X.shape[1:]), dropout)
    return X, torch.cat(after).detach().transpose(0, 1)
