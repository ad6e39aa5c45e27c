"""Pooling of token vectors as a Thinc layer."""

from collections.abc import Callable
from functools import partial
from typing import get_args

import numpy as np
import torch
from thinc.api import Model
from thinc.types import Floats2d
from torch import Tensor

from spacy_rnn.checks import check_choice
from spacy_rnn.layers.arrays import as_tensor
from spacy_rnn.layers.batches import concatenate, split, to_device
from spacy_rnn.layers.gates import note_inputs
from spacy_rnn.layers.rnn import init_dims
from spacy_rnn.layers.torch_layer import run, torch_layer
from spacy_rnn.modules.pool import Pool as TorchPool
from spacy_rnn.types import Pooling, PoolT


def Pool(
    nI: int | None = None, *, pooling: list[Pooling], bidirectional: bool
) -> PoolT:
    """Pool the token vectors of each document, an empty one to zeros.

    Args:
        nI: Width of the token vectors.
        pooling: Ways of pooling, whose results stand side by side.
        bidirectional: Whether the second half of a vector was read from the document's
            end, so that "last" takes it from the first token.

    Raises:
        ValueError: If there is no pooling, an unknown one, or one twice.
    """
    check_pooling("pooling", pooling)
    model: PoolT = torch_layer(
        "pool",
        partial(TorchPool, pooling=pooling),
        forward,
        init_dims=init_dims,
        dims={"nI": nI},
        # Saved with the layer: behind a listener, there is no encoder that tells.
        attrs={"bidirectional": bidirectional},
    )
    if "attention" in pooling:
        model.attrs["attend"] = partial(attend, "attention")
        model.attrs["attention_of"] = "words"
    return model


def forward(
    model: PoolT, Xs: list[Floats2d], is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], list[Floats2d]]]:
    X, lengths = concatenate(model, Xs, model.get_dim("nI"))
    note_inputs(model, X, lengths)
    Y, backprop_torch = run(
        model,
        as_tensor(X).requires_grad_(is_train),
        to_device(model, lengths),
        bidirectional=model.attrs["bidirectional"],
        is_train=is_train,
    )

    def backprop(dY: Floats2d) -> list[Floats2d]:
        return split(backprop_torch(dY), lengths)

    return Y, backprop


def reads_both_ways(tok2vec: Model) -> bool:
    """Tell whether one of our encoders with two directions makes the token vectors."""
    return any(node.attrs.get("bidirectional") for node in tok2vec.walk())


def check_pooling(name: str, pooling: list[Pooling]) -> None:
    """Raise a ValueError for no way of pooling, an unknown one, or one named twice."""
    for kind in [pooling] if isinstance(pooling, str) else pooling:
        check_choice(name, kind, get_args(Pooling))
    if isinstance(pooling, str) or not pooling or len(set(pooling)) < len(pooling):
        raise ValueError(
            f"{name} has to list one or several of {get_args(Pooling)}, each once, but "
            f"it is {pooling!r}"
        )


def attend(part: str, model: Model, Xs: list[Tensor]) -> list[np.ndarray]:
    """Find the weight of each vector among those that are pooled with it.

    Args:
        part: Name of the attention in the layer's module.
        model: The layer.
        Xs: What is pooled. Shape (vectors, nI) each.

    Returns:
        In [0, 1], summing to 1. Shape (vectors,) each.
    """
    if not Xs:
        return []
    pool = getattr(model.attrs["torch_module"].bind(model), part)
    X, sizes = torch.cat(Xs), [len(X) for X in Xs]
    lengths = torch.tensor(sizes, device=X.device)
    with torch.inference_mode():
        weights = pool(X, lengths, torch.repeat_interleave(lengths))[1]
    return [each.numpy() for each in weights.cpu().split(sizes)]
