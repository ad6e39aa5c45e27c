"""What the cells of a recurrent layer do with documents."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import numpy as np
from thinc.api import Model
from thinc.types import Floats2d
from torch import Tensor

from spacy_rnn.layers.arrays import as_tensor
from spacy_rnn.modules.gates import inspect_encoder

# Inputs of layers that are watched, by the layer's id, in this thread.
_inputs: ContextVar[dict[int, list[Tensor]]] = ContextVar("inputs")


@contextmanager
def watch_cells(
    layer: Model,
) -> Iterator[Callable[[], dict[str, dict[str, Any]]]]:
    """Look at what a layer is given, which is plain recurrent cells.

    It is among the attributes of the layer, where whoever walks a model finds it.

    Yields:
        A function that says of each cell what it does with what was predicted in the
        meantime: "low" and "high", the share of saturated values of each gate, and
        "gradient", by the distance in tokens from the last output. See
        `spacy_rnn.modules.gates.CellReport`.
    """
    with watch_inputs(layer) as inputs:
        yield partial(report_cells, layer, inputs)


@contextmanager
def watch_inputs(layer: Model) -> Iterator[list[Tensor]]:
    """Keep what a layer is given in this thread, if it notes that."""
    inputs: list[Tensor] = []
    token = _inputs.set({**_inputs.get({}), layer.id: inputs})
    try:
        yield inputs
    finally:
        _inputs.reset(token)


def note_inputs(layer: Model, X: Floats2d, lengths: np.ndarray) -> None:
    """Keep what a layer is given, if somebody watches it."""
    watched = _inputs.get({}).get(layer.id)
    if watched is not None:
        watched.extend(as_tensor(X).split(lengths.tolist()))


def report_cells(layer: Model, Xs: list[Tensor]) -> dict[str, dict[str, Any]]:
    reports = inspect_encoder(layer.attrs["torch_module"].bind(layer), Xs)
    return {
        name: {**report._asdict(), "gradient": report.gradient.tolist()}
        for name, report in reports.items()
    }
