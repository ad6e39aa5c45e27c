"""Batches of documents between Thinc's lists and torch's tensors."""

from typing import Any

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d
from torch import Tensor

from spacy_rnn.layers.torch_layer import as_tensor


def concatenate(
    model: Model, Xs: list[Floats2d], width: int
) -> tuple[Floats2d, list[int]]:
    """Lay the vectors of all documents end to end. Shape (N, width)."""
    lengths = [len(X) for X in Xs]
    filled = [X for X in Xs if len(X)]
    if not filled:
        return model.ops.alloc2f(0, width), lengths
    for X in filled:
        if X.ndim != 2 or X.shape[1] != width:
            raise ValueError(
                f"'{model.name}' takes vectors of width {width}, one for each token, "
                f"but got an array of shape {X.shape}"
            )
    return model.ops.asarray2f(model.ops.xp.concatenate(filled)), lengths


def split(X: Any, lengths: list[int]) -> list[Floats2d]:
    """Cut vectors that lie end to end into those of each document."""
    start, Xs = 0, []
    for length in lengths:
        Xs.append(X[start : start + length])
        start += length
    return Xs


def to_device(model: Model, tensor: Tensor) -> Tensor:
    """Move a tensor to where the layer's parameters are."""
    return tensor.to(as_tensor(model.get_param("W")).device)


def no_docs(dYs: Any) -> list[Doc]:
    return []
