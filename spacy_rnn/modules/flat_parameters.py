"""All parameters of a module in one flat tensor.

They stand in the order of `module.modules()`, those of one submodule end to end in the
order of its registration, each submodule starting at a multiple of 64. For a one-layer,
one-directional recurrent cell that is the layout of cuDNN's weight buffer; so that
cuDNN finds it, each submodule's views have a storage of their own.
"""

from collections.abc import Iterator

from torch import Tensor, nn

ALIGNMENT = 64  # in values


def layout(module: nn.Module) -> Iterator[tuple[int, list[nn.Parameter]]]:
    """Yield where in the tensor each submodule begins, and its parameters in order."""
    start = 0
    for submodule in module.modules():
        parameters = list(submodule.parameters(recurse=False))
        if parameters:
            yield start, parameters
            size = sum(parameter.numel() for parameter in parameters)
            start += -(-size // ALIGNMENT) * ALIGNMENT


def flat_size(module: nn.Module) -> int:
    """Return how many values it has, 0 for a module without parameters."""
    end = 0
    for start, parameters in layout(module):
        end = start + sum(parameter.numel() for parameter in parameters)
    return -(-end // ALIGNMENT) * ALIGNMENT


def views(module: nn.Module, flat: Tensor) -> Iterator[tuple[nn.Parameter, Tensor]]:
    """Yield each parameter of a module with the view of a flat tensor for it."""
    storage, width = flat.untyped_storage(), flat.element_size()
    base = flat.storage_offset()
    for start, parameters in layout(module):
        size = sum(parameter.numel() for parameter in parameters)
        own = storage[(base + start) * width : (base + start + size) * width]
        offset = 0
        for parameter in parameters:
            view = flat.new_empty(0)
            view.set_(own, offset, parameter.shape)  # type: ignore[call-overload]
            yield parameter, view
            offset += parameter.numel()
