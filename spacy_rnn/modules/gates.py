"""Gates and gradients of recurrent cells, by the plain equations.

The fused kernels of oneDNN and cuDNN return states only. Here the same weights are gone
through step by step, which is slow, and so is meant for a few documents.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.utils.rnn import pad_sequence

from spacy_rnn.modules.cells import all_weights
from spacy_rnn.modules.recurrent_layer import flip
from spacy_rnn.modules.rnn import RNNEncoder

LOW, HIGH = 0.1, 0.9  # left- and right-saturated (Karpathy et al., 2015)


class CellReport(NamedTuple):
    """How a cell treats documents.

    Attributes:
        low: Share of values below 0.1, by the gate.
        high: Share of values above 0.9, by the gate.
        gradient: How strongly the last output depends on the input so many tokens
            before it: the norm of its Jacobian, root mean square over the documents
            that have as many tokens. Shape (tokens of the longest document,).
    """

    low: dict[str, float]
    high: dict[str, float]
    gradient: Tensor


def inspect_encoder(encoder: RNNEncoder, Xs: list[Tensor]) -> dict[str, CellReport]:
    """Look into every cell of an encoder.

    Args:
        encoder: The encoder.
        Xs: Token vectors of documents, of which empty ones are left out. Shape (tokens
            of the document, nI) each.

    Returns:
        A report for each cell, by its name in the encoder; an empty mapping if no
        document has tokens.
    """
    Xs = [X for X in Xs if len(X)]
    if not Xs:
        return {}
    X = pad_sequence(Xs)
    lengths = torch.tensor([len(each) for each in Xs], device=X.device)
    reverse = reversal(lengths)
    weights = all_weights(encoder, dropout=0.0)
    reports = {}
    for i, layer in enumerate(encoder.layers):
        assert isinstance(layer.forward_cell, nn.RNNBase)
        reports[f"layers.{i}.forward_cell"] = inspect_cell(
            layer.forward_cell, X, lengths, reverse
        )
        if isinstance(layer.backward_cell, nn.RNNBase):
            reports[f"layers.{i}.backward_cell"] = inspect_cell(
                layer.backward_cell, flip(X, reverse), lengths, reverse
            )
        with torch.no_grad():
            X = layer(X, reverse, weights, bptt=0, recompute=0)
    return reports


def inspect_cell(
    cell: nn.RNNBase, X: Tensor, lengths: Tensor, reverse: Tensor
) -> CellReport:
    """Look into a cell.

    Args:
        cell: An LSTM, GRU or RNN of one layer and one direction.
        X: Token vectors in the order in which the cell reads them, padded at the end.
            Shape (T, B, nI).
        lengths: Tokens in each document, at least 1. Shape (B,).
        reverse: See `reversal`.
    """
    with torch.enable_grad():
        X = X.detach().requires_grad_()
        outputs, gates = run_cell(cell, X)
        last = outputs[lengths - 1, torch.arange(len(lengths), device=X.device)]
        # The squared gradient of a sum with random signs is, on average, the squared
        # norm of the Jacobian (Hutchinson, 1989).
        (gradient,) = torch.autograd.grad((last * random_signs(last)).sum(), X)
    n_steps = len(X)
    is_token = torch.arange(n_steps, device=X.device)[:, None] < lengths
    gradient = gradient.double()  # the square of what has vanished is 0 in float32
    squares = flip(gradient.square().sum(2, keepdim=True), reverse)[:, :, 0]
    squares = squares.sum(1) / is_token.sum(1)  # padding has no gradient
    low = {name: share(values < LOW, is_token) for name, values in gates.items()}
    high = {name: share(values > HIGH, is_token) for name, values in gates.items()}
    return CellReport(low, high, squares.sqrt().float())


def run_cell(cell: nn.RNNBase, X: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Compute what a cell of one layer and one direction computes.

    Args:
        cell: An LSTM (Hochreiter & Schmidhuber, 1997), GRU (Cho et al., 2014) or RNN
            (Elman, 1990).
        X: Shape (T, B, nI).

    Returns:
        The outputs, and the values of each gate, in [0, 1], by its name, of which a
        simple RNN has none. Shape (T, B, nO) each.
    """
    step, names = STEPS[cell.mode.lower()]
    weights: Any = cell
    hidden = X.new_zeros(X.shape[1], cell.hidden_size)
    memory = torch.zeros_like(hidden)
    outputs, gates = [], []
    for inputs in linear(X, weights.weight_ih_l0, weights.bias_ih_l0):
        recurrent = linear(hidden, weights.weight_hh_l0, weights.bias_hh_l0)
        hidden, memory, opened = step(inputs, recurrent, hidden, memory)
        outputs.append(hidden)
        gates.append(opened)
    by_gate = zip(*gates, strict=True)
    return torch.stack(outputs), {
        name: torch.stack(each) for name, each in zip(names, by_gate, strict=True)
    }


def step_lstm(
    inputs: Tensor, recurrent: Tensor, hidden: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    opening, keeping, candidate, showing = (inputs + recurrent).chunk(4, dim=1)
    gates = opening.sigmoid(), keeping.sigmoid(), showing.sigmoid()
    memory = gates[1] * memory + gates[0] * candidate.tanh()
    return gates[2] * memory.tanh(), memory, gates


def step_gru(
    inputs: Tensor, recurrent: Tensor, hidden: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    (reset, update, new), (reset_by, update_by, new_by) = (
        each.chunk(3, dim=1) for each in (inputs, recurrent)
    )
    gates = (reset + reset_by).sigmoid(), (update + update_by).sigmoid()
    new = (new + gates[0] * new_by).tanh()
    return new + gates[1] * (hidden - new), memory, gates


def step_tanh(
    inputs: Tensor, recurrent: Tensor, hidden: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    return (inputs + recurrent).tanh(), memory, ()


def step_relu(
    inputs: Tensor, recurrent: Tensor, hidden: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    return (inputs + recurrent).relu(), memory, ()


STEPS: dict[str, tuple[Callable, tuple[str, ...]]] = {
    "lstm": (step_lstm, ("input", "forget", "output")),
    "gru": (step_gru, ("reset", "update")),
    "rnn_tanh": (step_tanh, ()),
    "rnn_relu": (step_relu, ()),
}


def reversal(lengths: Tensor) -> Tensor:
    """Say which cell takes the place of each when documents are read from their ends.

    Args:
        lengths: Tokens in each document. Shape (B,).

    Returns:
        Indices of cells, each document's padding staying in place. Shape (T * B,).
    """
    steps = torch.arange(int(lengths.max()), device=lengths.device)[:, None]
    documents = torch.arange(len(lengths), device=lengths.device)
    steps = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return (steps * len(lengths) + documents).flatten()


def random_signs(like: Tensor) -> Tensor:
    """Return signs that are always the same, drawn from no shared random state."""
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, like.shape, generator=generator) * 2 - 1
    return signs.to(like)


def share(chosen: Tensor, is_token: Tensor) -> float:
    """Return the share of a gate's values, shape (T, B, nO), that are chosen."""
    return float(chosen[is_token].float().mean())
