"""The recurrent encoder as a Thinc layer."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, get_args

import srsly
import torch
from thinc.api import Model, Ops
from thinc.model import deserialize_attr, serialize_attr
from thinc.types import Floats2d
from thinc.util import get_width

from spacy_rnn.checks import check_at_least, check_choice, check_rate, check_two_halves
from spacy_rnn.layers.arrays import as_tensor
from spacy_rnn.layers.batches import concatenate, split
from spacy_rnn.layers.gates import note_inputs, watch_cells
from spacy_rnn.layers.torch_layer import run, torch_layer
from spacy_rnn.modules.rnn import RNNEncoder
from spacy_rnn.types import Cell, EncoderT


@dataclass(frozen=True)
class Training:
    """How an encoder is trained and run, which its weights don't depend on.

    It isn't saved with them: a loaded layer obeys its config.
    """

    weight_dropout: float = 0.0
    bptt: int = 0
    recompute: int = 0
    cuda_graphs: bool = False
    mixed_precision: bool = False
    directions_meet: bool = True


def RNN(
    nO: int,
    nI: int | None = None,
    *,
    cell: Cell,
    depth: int,
    bidirectional: bool,
    dropout: float = 0.0,
    residual: bool = False,
    layer_norm: bool = False,
    mixed_precision: bool = False,
    weight_dropout: float = 0.0,
    bptt: int = 0,
    recompute: int = 0,
    cuda_graphs: bool = False,
) -> EncoderT:
    """Encode each document's token vectors with a recurrent network.

    The settings are those of `build_rnn_encoder`.

    Raises:
        ValueError: If the cell is unknown, a number is out of range, or an odd width is
            to be shared by two directions.
    """
    check_choice("cell", cell, get_args(Cell))
    check_at_least("width", nO, 1)
    check_at_least("depth", depth, 1)
    check_rate("dropout", dropout)
    check_rate("weight_dropout", weight_dropout)
    check_at_least("bptt", bptt, 0)
    check_at_least("recompute", recompute, 0)
    if bidirectional:
        check_two_halves("width", nO)
    build = partial(
        RNNEncoder,
        cell=cell,
        depth=depth,
        bidirectional=bidirectional,
        residual=residual,
        layer_norm=layer_norm,
    )
    return torch_layer(
        cell,
        build,
        forward,
        init_dims=init_encoder,
        dims={"nI": nI, "nO": nO},
        attrs={
            "dropout_rate": dropout,
            "bidirectional": bidirectional,
            "watch_cells": watch_cells,
            "training": Training(
                weight_dropout, bptt, recompute, cuda_graphs, mixed_precision
            ),
        },
    )


def forward(
    model: EncoderT,
    Xs: list[Floats2d],
    is_train: bool,
    states: torch.Tensor | None = None,
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Floats2d]]]:
    model.get_param("W")  # a KeyError here tells spaCy that nothing is initialized
    X, lengths = concatenate(model, Xs, model.get_dim("nI"))
    note_inputs(model, X, lengths)
    training: Training = model.attrs["training"]
    options = vars(training)
    if not is_train:
        options = {name: options[name] for name in ("cuda_graphs", "mixed_precision")}
    dropout = model.attrs["dropout_rate"] if is_train else 0.0
    Y, backprop_torch = run(
        model,
        as_tensor(X).requires_grad_(is_train),
        torch.from_numpy(lengths),
        dropout=dropout or 0.0,
        states=states,
        is_train=is_train,
        **options,
    )

    def backprop(dYs: list[Floats2d]) -> list[Floats2d]:
        dY, _ = concatenate(model, dYs, model.get_dim("nO"))
        return split(backprop_torch(dY), lengths)

    return split(Y, lengths), backprop


def init_encoder(model: Model, X: Any, Y: Any) -> None:
    if model.attrs["training"].mixed_precision:
        check_bfloat16(model.ops)
    init_dims(model, X, Y)


def init_dims(model: Model, X: Any, Y: Any) -> None:
    if X is not None and model.has_dim("nI") is None:
        model.set_dim("nI", get_width(X))


def check_bfloat16(ops: Ops) -> None:
    """Raise a ValueError where the device of a layer has no instructions for bfloat16.

    A model that was trained elsewhere is loaded all the same, and computes slowly.
    """
    if ops.device_type == "gpu":
        known = torch.cuda.is_bf16_supported(including_emulation=False)
        device, needed = torch.cuda.get_device_name(), "compute capability 8.0"
    else:
        known = torch.ops.mkldnn._is_mkldnn_bf16_supported()
        device = f"This processor ({torch.backends.cpu.get_cpu_capability()})"
        needed = "AVX512_BF16 or AMX"
    if not known:
        raise ValueError(
            f"mixed_precision = true computes in bfloat16, for which a device needs "
            f"{needed}. {device} computes in float32: set mixed_precision = false."
        )


def find_encoders(model: Model) -> list[EncoderT]:
    """Find the recurrent encoders within a model."""
    return [node for node in model.walk() if "training" in node.attrs]


def keep_directions_apart(model: EncoderT) -> None:
    """Let neither direction of an encoder know of the other, in training, from now on.

    Raises:
        ValueError: If there are two, and layers are normalized, which takes both
            together.
    """
    settings = model.attrs["torch_module"].build.keywords
    if settings["bidirectional"] and settings["layer_norm"]:
        raise ValueError(
            "The directions of an encoder can't be kept apart with layer_norm = true, "
            "which normalizes both together. Set it to false."
        )
    model.attrs["training"] = replace(model.attrs["training"], directions_meet=False)


@serialize_attr.register
def serialize_training(_: Training, value: Any, name: str, model: Model) -> bytes:
    return srsly.msgpack_dumps(None)


@deserialize_attr.register
def deserialize_training(
    training: Training, value: bytes, name: str, model: Model
) -> Training:
    return training
