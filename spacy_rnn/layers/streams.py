"""Sequences without end: an encoder that goes on where the batch before ended."""

from collections.abc import Callable
from typing import Any

import torch
from thinc.api import Model
from thinc.types import Floats2d

from spacy_rnn.layers import rnn
from spacy_rnn.layers.arrays import as_array, as_tensor
from spacy_rnn.types import EncoderT, Stream, StreamT


def with_state(encoder: EncoderT) -> StreamT:
    """Let an encoder read sequences piece by piece, its state being carried along.

    The layer takes the next piece of each sequence and the states that it returned for
    the pieces before, and returns vectors and states. It keeps nothing itself. Results
    are those of the whole sequences; the gradient ends where a piece begins (Williams &
    Peng, 1990), so memory grows with the pieces only.

    Args:
        encoder: An `RNN` of one direction.

    Raises:
        ValueError: If the encoder reads in both directions, or computes pieces again.
    """
    if "training" not in encoder.attrs:
        raise ValueError(f"with_state takes an RNN layer, but got '{encoder.name}'")
    if encoder.attrs["bidirectional"]:
        raise ValueError(
            "A sequence without end can't be read from its end: with_state takes an "
            "encoder with bidirectional = false"
        )
    if encoder.attrs["training"].recompute:
        raise ValueError(
            "with_state takes an encoder with recompute = 0: shorter pieces take less "
            "memory as well"
        )
    return Model(f"with_state({encoder.name})", forward, init=init, layers=[encoder])


def forward(
    model: StreamT, stream: Stream, is_train: bool
) -> tuple[Stream, Callable[[Stream], Stream]]:
    Xs, before = stream
    encoder: EncoderT = model.layers[0]
    states = gather(encoder, before, len(Xs))
    Ys, backprop_encoder = rnn.forward(encoder, Xs, is_train, states)

    def backprop(d_stream: Stream) -> Stream:
        return backprop_encoder(d_stream[0]), None

    after: Any = as_array(states, encoder.ops)
    return (Ys, list(after)), backprop


def gather(
    encoder: EncoderT, before: list[Floats2d | None] | None, n: int
) -> torch.Tensor:
    """Put the states of all sequences together. Shape (B, states, nO).

    Raises:
        ValueError: If they aren't as many as the sequences, or of another encoder.
    """
    before = [None] * n if before is None else before
    if len(before) != n:
        raise ValueError(f"There are {n} sequences, but {len(before)} states")
    module: Any = encoder.attrs["torch_module"].bind(encoder)
    shape = (
        len(module.layers) * (2 if module.layers[0].cell == "lstm" else 1),
        encoder.get_dim("nO"),
    )
    states: Any = encoder.ops.alloc3f(n, *shape)
    for i, state in enumerate(before):
        if state is None:
            continue
        if state.shape != shape:
            raise ValueError(
                f"The state of sequence {i} has the shape {state.shape}, but that of "
                f"'{encoder.name}' has {shape}"
            )
        states[i] = state
    return as_tensor(states)


def init(model: StreamT, X: Stream | None = None, Y: Stream | None = None) -> None:
    model.layers[0].initialize(X=None if X is None else X[0])
