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
from threading import Lock
from typing import Any

import numpy as np
import srsly
import torch
from thinc.api import Model, Ops
from thinc.model import deserialize_attr, serialize_attr
from thinc.types import ArrayXd
from thinc.util import torch2xp
from torch import Tensor, nn

from spacy_rnn.modules.flat_parameters import flat_size, layout, views

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
        None if that doesn't require one. It can be called once.
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

    def backprop(dY: ArrayXd) -> Any:
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


def as_tensor(array: ArrayXd) -> Tensor:
    """View an array as a tensor on the same device."""
    if isinstance(array, np.ndarray):
        return torch.from_numpy(np.require(array, requirements=["C", "W"]))
    check_cuda()
    return torch.from_dlpack(array)


def check_cuda() -> None:
    """Raise a ValueError if torch can't use a GPU."""
    if not torch.cuda.is_available():
        version = torch.version.cuda
        built = "without CUDA" if version is None else f"for CUDA {version}"
        raise ValueError(
            f"The model is on a GPU, which cupy can use, but torch {torch.__version__} "
            f"can't: it was built {built}. Install a torch for the CUDA "
            f"version of cupy (see pytorch.org), or stay on the CPU: --gpu-id -1, "
            f"spacy.require_cpu()."
        )


def as_array(tensor: Tensor, ops: Ops) -> ArrayXd:
    """View a tensor as an array of the ops, in float32."""
    return torch2xp(tensor.detach().float(), ops=ops)


class TorchModule:
    """The torch module of a layer, built when it is first needed.

    It isn't part of the layer's state: a copy or pickle of it is unbuilt, and binds
    itself to the `W` of the layer that it belongs to. No mode is kept on it, so threads
    can predict side by side.
    """

    def __init__(self, build: Callable[..., nn.Module]) -> None:
        self.build = build
        self._module: nn.Module | None = None
        self._bound: dict[str, ArrayXd] = {}
        self._lock = Lock()

    def __reduce__(self) -> tuple[type["TorchModule"], tuple[Callable[..., nn.Module]]]:
        return TorchModule, (self.build,)  # for copies as well

    def build_for(self, model: Model) -> nn.Module:
        """Build a module with fresh parameters, of the layer's dimensions."""
        return self.build(*(model.get_dim(name) for name in model.dim_names))

    def bind(self, model: Model) -> nn.Module:
        """Return the module, its parameters being views of the layer's `W`."""
        W = model.get_param("W")
        if self._is_bound("data", W):
            assert self._module is not None
            return self._module
        with self._lock:
            if self._module is None:
                with torch.device("meta"):  # draws no random numbers
                    module = self.build_for(model)
                self._module = module.to_empty(device=as_tensor(W).device)
            if not self._is_bound("data", W):
                self._rebind("data", W)
            return self._module

    def bind_grad(self, model: Model) -> None:
        """Let a backward pass add to the gradient of the layer's `W`."""
        if not model.has_grad("W"):
            W = model.get_param("W")
            model.set_grad("W", model.ops.alloc_f(W.shape))
        grad = model.get_grad("W")
        if not self._is_bound("grad", grad):
            self._rebind("grad", grad)

    def named_parts(self, model: Model, flat: Any) -> dict[str, Any]:
        """View what has the layout of `W` as the arrays of the module's parameters."""
        module = self.bind(model)
        names = {id(value): name for name, value in module.named_parameters()}
        parts = {}
        for start, parameters in layout(module):
            for parameter in parameters:
                part = flat[start : start + parameter.numel()]
                parts[names[id(parameter)]] = part.reshape(tuple(parameter.shape))
                start += parameter.numel()
        return parts

    def _is_bound(self, field: str, array: ArrayXd) -> bool:
        # Thinc's Adam returns a new array object over the same memory.
        return field in self._bound and address(self._bound[field]) == address(array)

    def _rebind(self, field: str, array: ArrayXd) -> None:
        assert self._module is not None
        for parameter, view in views(self._module, as_tensor(array)):
            setattr(parameter, field, view)
        # Keeps the array alive, so that nothing else can come to have its address.
        self._bound[field] = array


def address(array: Any) -> int:
    """Return where in memory an array begins."""
    if isinstance(array, np.ndarray):
        return array.__array_interface__["data"][0]
    return array.data.ptr


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


def describe(model: Model) -> list[list[Any]] | None:
    """List settings, and the parameters in `W`; None before they are known."""
    if not all(model.has_dim(name) for name in model.dim_names):
        return None
    with torch.device("meta"):
        module = model.attrs["torch_module"].build_for(model)
    settings = getattr(model.attrs["torch_module"].build, "keywords", {})
    shapes = {name: list(value.shape) for name, value in module.named_parameters()}
    return [[name, value] for name, value in (settings | shapes).items()]


@serialize_attr.register
def serialize_module(_: TorchModule, value: Any, name: str, model: Model) -> bytes:
    """Save what `W` holds, so that foreign weights are known when they are loaded."""
    return srsly.msgpack_dumps(describe(model))


@deserialize_attr.register
def deserialize_module(
    module: TorchModule, value: bytes, name: str, model: Model
) -> TorchModule:
    """Check that what was saved fits.

    Raises:
        ValueError: If the saved weights are those of another network.
    """
    saved, expected = srsly.msgpack_loads(value), describe(model)
    if saved != expected:
        differing = [row for row in saved or [] if row not in (expected or [])]
        missing = [row for row in expected or [] if row not in (saved or [])]
        raise ValueError(
            f"The weights of '{model.name}' were saved with other settings than the "
            f"model is configured with. Saved, not expected: {differing}. Expected, "
            f"not saved: {missing}."
        )
    return module
