"""The joint between torch and Thinc: parameters belong to Thinc, torch computes.

A layer made here is an ordinary `thinc.Model` with one flat parameter `W`. The
parameters of its torch module are views of `W`, their gradients views of W's gradient.
So Thinc itself saves them (without pickle), copies them, averages them, moves them
between devices, and updates and clips them in one optimizer call.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from thinc.api import Model
from thinc.types import ArrayXd
from torch import Tensor, nn

from spacy_rnn.layers.arrays import as_array, as_tensor, check_cuda
from spacy_rnn.layers.torch_module import TorchModule
from spacy_rnn.modules.flat_parameters import flat_size, views

if hasattr(os, "register_at_fork"):
    # A forked child that enters torch's thread pool waits for threads it doesn't have.
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def torch_layer(
    name: str,
    build: Callable[..., nn.Module],
    forward: Callable,
    *,
    init_dims: Callable | None = None,
    dims: dict[str, int | None],
    attrs: dict[str, Any],
) -> Model:
    """Make a Thinc layer that computes with a torch module.

    Args:
        name: Name of the layer.
        build: Makes the module from the values of `dims`, in their order, as soon as
            they are known. It has to be picklable: a class or a partial.
        forward: The layer's forward function; it calls `run`.
        init_dims: Called with the layer and Thinc's X and Y, sets missing dimensions,
            where the layer above or the config doesn't know them all.
        dims: Dimensions of the layer, None where data will tell.
        attrs: Further attributes. "dropout_rate" is what `[training] dropout` sets.

    Raises:
        ValueError: If Thinc computes on a GPU that torch can't use.
    """
    model: Model = Model(
        name,
        forward,
        init=partial(init_weights, init_dims),
        params={"W": None},
        dims=dims,
        attrs={**attrs, "torch_module": TorchModule(build)},
    )
    if model.ops.xp is not np:
        check_cuda()
    return model


def run(
    model: Model,
    *inputs: Tensor | None,
    is_train: bool,
    mixed_precision: bool = False,
    **options: Any,
) -> tuple[Any, Callable[[ArrayXd], Any]]:
    """Call a layer's module.

    Args:
        model: A layer made by `torch_layer`.
        inputs: Positional arguments of the module.
        is_train: Whether a backward pass may follow.
        mixed_precision: Whether to compute in bfloat16 where that will do.
        options: Keyword arguments of the module.

    Returns:
        The result as float32, and a function that takes its gradient, adds to the
        gradient of the layer's parameters, and returns that of the first input, or
        None if that doesn't require one. It can be called once, and raises a ValueError
        where it is called again.
    """
    joint: TorchModule = model.attrs["torch_module"]
    module = joint.bind(model)
    first = inputs[0]
    assert first is not None
    autocast: AbstractContextManager = nullcontext()
    if mixed_precision:
        autocast = torch.autocast(first.device.type, dtype=torch.bfloat16)
    if not is_train:
        with torch.inference_mode(), autocast, explain_memory(model.name):
            return as_array(module(*inputs, **options), model.ops), backprop_nothing
    with torch.enable_grad(), autocast, explain_memory(model.name):
        Y = module(*inputs, **options)
    spent = False

    def backprop(dY: ArrayXd) -> Any:
        nonlocal spent
        if spent:
            raise ValueError(
                f"'{model.name}' can't go back twice through what it computed once. "
                f"Components that listen to a 'tok2vec' keep what it gave them in its "
                f"last update. To exclude it from now on, save and load the pipeline, "
                f"and let it annotate: nlp.update(..., annotates=['tok2vec'])"
            )
        spent = True
        joint.bind(model)  # a prediction with other parameters may have come between
        joint.bind_grad(model)
        if Y.requires_grad:
            with explain_memory(model.name):
                torch.autograd.backward(Y, as_tensor(dY).to(Y.dtype))
        if not first.requires_grad:
            return None
        dX = torch.zeros_like(first) if first.grad is None else first.grad
        return as_array(dX, model.ops)

    return as_array(Y, model.ops), backprop


@contextmanager
def explain_memory(name: str) -> Iterator[None]:
    """Say which settings take less memory where a GPU has too little for a layer."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise torch.cuda.OutOfMemoryError(
            f"The GPU has too little memory for '{name}'. In training, make "
            f"[training.batcher] size smaller, or set recompute = 256 in the block of "
            f"the recurrent encoder, which takes more time; at prediction, make "
            f"batch_size smaller. {error}"
        ) from error


def backprop_nothing(dY: Any) -> Any:
    raise ValueError(
        "This prediction was made with is_train=False, so nothing can be "
        "backpropagated through it"
    )


def init_weights(
    init_dims: Callable | None, model: Model, X: Any = None, Y: Any = None
) -> None:
    """Initialize a torch layer: first its dimensions, then its parameters."""
    if init_dims is not None:
        init_dims(model, X, Y)
    # What was built before may be for other dimensions.
    model.attrs["torch_module"] = TorchModule(model.attrs["torch_module"].build)
    module = model.attrs["torch_module"].build_for(model)
    flat: Any = torch.zeros(flat_size(module))
    with torch.no_grad():
        for parameter, view in views(module, flat):
            view.copy_(parameter)
    model.set_param("W", model.ops.asarray_f(flat.numpy()))
    if model.has_grad("W"):
        model.set_grad("W", model.ops.alloc_f(flat.shape))
