"""Recurrent cells over time steps."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from spacy_rnn.modules.dropout import keep_mask
from spacy_rnn.modules.loops import GatedUnits, SimpleUnits

# By the names of torch's kernels for them.
CELLS: dict[str, Callable[..., nn.RNNBase]] = {
    "rnn_tanh": nn.RNN,
    "rnn_relu": partial(nn.RNN, nonlinearity="relu"),
    "lstm": nn.LSTM,
    "gru": nn.GRU,
}

Weights = Sequence[Tensor]  # of a cell: input, recurrent, and a bias of each
AllWeights = Mapping[nn.Module, Weights]  # by whose they are
State = tuple[Tensor, ...]  # h, and c of an LSTM, each of shape (1, B, width)


def advance(
    cell: str, X: Tensor, state: State, weights: Weights
) -> tuple[Tensor, State]:
    """Run a cell over some time steps.

    Under autocast only an LSTM on a CPU computes in bfloat16: no other cell there, and
    none on a GPU, has a kernel that is faster so than in float32. (cuDNN's takes up to
    16 times as long.)

    Args:
        cell: One of `CELLS`.
        X: Shape (T, B, nI).
        state: The state before the first of them.
        weights: Parameters of the cell.

    Returns:
        Its output at each step, shape (T, B, width), and the state after the last.
    """
    device = X.device.type
    on_cpu = device == "cpu"
    if torch.is_autocast_enabled(device) and not (on_cpu and cell == "lstm"):
        with torch.autocast(device, enabled=False):
            floats = tuple(each.float() for each in state)
            return advance(cell, X.float(), floats, weights)
    if on_cpu and cell != "lstm" and torch.is_grad_enabled():
        Y = loop(cell, X, state[0][0], weights)
        return Y, (Y[-1:],)
    # What `nn.RNN`, `nn.LSTM` and `nn.GRU` call. It takes weights as arguments, where
    # `torch.func.functional_call` would exchange those of the module: other threads
    # would see it, and on a GPU the module would move its parameters to another place.
    kernel = getattr(torch, cell)
    Y, *after = kernel(
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


def loop(cell: str, X: Tensor, first: Tensor, weights: Weights) -> Tensor:
    """Run a simple or gated cell in a loop of our own. Shape (T, B, width)."""
    return (
        GatedUnits.apply(X, first, *weights)
        if cell == "gru"
        else SimpleUnits.apply(X, first, cell.removeprefix("rnn_"), *weights)
    )


def first_state(cell: str, X: Tensor, weights: Weights) -> State:
    """Return the state before a document, which is zero."""
    zeros = X.new_zeros(1, X.shape[1], weights[1].shape[1])
    return (zeros, zeros) if cell == "lstm" else (zeros,)


def init_cell(cell: Any) -> None:
    """Start a one-layer cell well.

    Recurrent weights are orthogonal for each gate (Saxe et al., 2014), input weights
    uniform (Glorot & Bengio, 2010), biases zero, but one for an LSTM's forget gate
    (Jozefowicz et al., 2015).
    """
    width, input_bias = cell.hidden_size, cell.bias_ih_l0
    with torch.no_grad():
        for gate in cell.weight_hh_l0.split(width):
            nn.init.orthogonal_(gate)
        for gate in cell.weight_ih_l0.split(width):
            nn.init.xavier_uniform_(gate)
        input_bias.zero_()
        cell.bias_hh_l0.zero_()
        if isinstance(cell, nn.LSTM):
            input_bias[width : 2 * width] = 1.0


def all_weights(module: nn.Module, dropout: float) -> dict[nn.Module, Weights]:
    """Return the parameters of each part of a module, cells as in `cell_weights`."""
    return {
        part: cell_weights(part, dropout)
        if isinstance(part, nn.RNNBase)
        else own_parameters(part)
        for part in module.modules()
        if part._parameters
    }


def own_parameters(module: nn.Module) -> list[Tensor]:
    """Return what `parameters(recurse=False)` does, which takes ten times as long."""
    return [each for each in module._parameters.values() if each is not None]


def cell_weights(cell: nn.RNNBase, dropout: float) -> Weights:
    """Return the parameters of a cell, with dropout of its recurrent weights.

    A mask serves all time steps and documents of a batch (Wan et al., 2013; Merity et
    al., 2018).

    Args:
        cell: A cell of one layer.
        dropout: Probability, in [0, 1), of zeroing a weight.
    """
    weights = own_parameters(cell)
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
