"""What the cells of a recurrent layer do with documents."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from thinc.api import Model
from thinc.types import Floats2d

from spacy_rnn.layers.torch_layer import as_tensor
from spacy_rnn.modules.gates import inspect_encoder

# Inputs of layers that are watched, by the layer's id, in this thread.
_inputs: ContextVar[dict[int, list[Floats2d]]] = ContextVar("inputs")


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
def watch_inputs(layer: Model) -> Iterator[list[Floats2d]]:
    """Keep what a layer is given in this thread, if it notes that."""
    inputs: list[Floats2d] = []
    token = _inputs.set({**_inputs.get({}), layer.id: inputs})
    try:
        yield inputs
    finally:
        _inputs.reset(token)


def note_inputs(layer: Model, Xs: list[Floats2d]) -> None:
    """Keep what a layer is given, if somebody watches it."""
    watched = _inputs.get({}).get(layer.id)
    if watched is not None:
        watched.extend(Xs)


def report_cells(layer: Model, Xs: list[Floats2d]) -> dict[str, dict[str, Any]]:
    encoder = layer.attrs["torch_module"].bind(layer)
    reports = inspect_encoder(encoder, [as_tensor(X) for X in Xs if len(X)])
    return {
        name: {**report._asdict(), "gradient": report.gradient.tolist()}
        for name, report in reports.items()
    }
