"""Batches of documents between Thinc's lists and torch's tensors."""

from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d
from torch import Tensor

from spacy_rnn.layers.arrays import as_tensor
from spacy_rnn.modules import devices
from spacy_rnn.ragged import RaggedList, flatten


def concatenate(
    model: Model, Xs: list[Floats2d], width: int
) -> tuple[Floats2d, np.ndarray]:
    """Lay the vectors of all documents end to end.

    Returns:
        The vectors, shape (N, width), and how many each document has, shape (B,).
    """
    flat = flatten(model.ops, Xs)
    if not len(flat.data):
        return model.ops.alloc2f(0, width), flat.lengths
    if flat.data.shape[1:] != (width,):
        raise ValueError(
            f"'{model.name}' takes a list of arrays of shape (n, {width}), but what it "
            f"got makes one of shape {flat.data.shape}"
        )
    return model.ops.asarray2f(flat.data), flat.lengths


def split(X: Any, lengths: np.ndarray) -> list[Floats2d]:
    """Cut vectors that lie end to end into those of each document, once it's needed."""
    return RaggedList(X, lengths)


def to_device(model: Model, array: np.ndarray) -> Tensor:
    """Move an array of the CPU to where the layer's parameters are, as a tensor."""
    device = as_tensor(model.get_param("W")).device
    return devices.to_device(torch.from_numpy(array), device)


def no_docs(dYs: Any) -> list[Doc]:
    return []
