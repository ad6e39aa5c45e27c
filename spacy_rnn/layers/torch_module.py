"""The torch module of a layer: bound to the layer's parameter, and saved with it."""

from collections.abc import Callable
from threading import Lock
from typing import Any

import srsly
import torch
from thinc.api import Model
from thinc.model import deserialize_attr, serialize_attr
from thinc.types import ArrayXd
from torch import nn

from spacy_rnn.layers.arrays import address, as_tensor
from spacy_rnn.modules.flat_parameters import layout, views


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
