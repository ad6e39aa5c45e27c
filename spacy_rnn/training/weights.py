"""Weights, and the optimizer's memory of them, by position.

Thinc's optimizer knows a parameter by the id of its layer, which is another one in the
next program. Here it is known by its pipe, its layer's place in `model.walk()`, and its
name.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple
from zlib import crc32

from thinc.api import Model, Ops, Optimizer, PyTorchShim, torch2xp
from thinc.util import to_numpy

ARRAYS = ("mom1", "mom2", "averages")
FOREIGN = "The checkpoint isn't of this pipeline"


class Place(NamedTuple):
    """Where something that has parameters is: a layer, or a shim of a layer."""

    pipe: str
    layer: int
    shim: int | None


def get_weights(
    models: dict[str, Model[Any, Any]], optimizer: Optimizer
) -> dict[str, Any]:
    """Collect the weights of models, and what the optimizer remembers of them.

    Every parameter of a layer is among the latter, also one that was never updated.
    """
    owners: dict[tuple[int, str], Place] = {}
    shims: dict[int, Place] = {}
    for place, owner_id, node in walk(models):
        if place.shim is None:
            owners.update({(owner_id, name): place for name in node.param_names})
        else:
            shims[owner_id] = place
    memory = []
    for key in dict.fromkeys([*owners, *optimizer.nr_update]):
        owner = owners.get(key) or shims.get(key[0])
        if owner is not None:  # else, a layer that is no longer there
            record = remember(optimizer, key)
            memory.append({"place": list(owner), "name": key[1]} | record)
    weights = {name: model.to_bytes() for name, model in models.items()}
    return {"models": weights, "memory": memory}


def restore_weights(
    models: dict[str, Model[Any, Any]], optimizer: Optimizer, state: dict[str, Any]
) -> None:
    """Give models and the optimizer what `get_weights` collected.

    Raises:
        ValueError: If it isn't of these models.
    """
    shapes = shapes_of(models)
    if state["models"].keys() != models.keys():
        raise ValueError(f"{FOREIGN}: it has weights of {list(state['models'])}")
    for name, data in state["models"].items():
        models[name].from_bytes(data)
    if shapes != shapes_of(models):
        raise ValueError(f"{FOREIGN}: its weights have other shapes")
    records = {(Place(*each["place"]), each["name"]): each for each in state["memory"]}
    owners = {place: (owner_id, node.ops) for place, owner_id, node in walk(models)}
    if not shapes.keys() <= records.keys() or any(
        place not in owners for place, _ in records
    ):
        raise ValueError(f"{FOREIGN}: the optimizer remembers other parameters")
    for (place, name), record in records.items():
        for field in ARRAYS:
            size, array = math.prod(shapes.get((place, name), ())), record.get(field)
            if place.shim is None and array is not None and array.size != size:
                raise ValueError(
                    f"{FOREIGN}: of {size} values of {place.pipe}'s {name!r} the "
                    f"optimizer remembers {array.size}"
                )
        owner_id, ops = owners[place]
        recall(optimizer, (owner_id, name), record, ops)


def shapes_of(
    models: dict[str, Model[Any, Any]],
) -> dict[tuple[Place, str], tuple[int, ...]]:
    """Return the shape of each parameter that a layer has."""
    return {
        (place, name): node.get_param(name).shape if node.has_param(name) else (0,)
        for place, _, node in walk(models)
        if place.shim is None
        for name in node.param_names
    }


def walk(
    models: dict[str, Model[Any, Any]],
) -> Iterator[tuple[Place, int, Model[Any, Any]]]:
    """Yield the place and the id of every layer and shim, and the layer."""
    for pipe, model in models.items():
        for layer, node in enumerate(model.walk()):
            yield Place(pipe, layer, None), node.id, node
            for number, shim in enumerate(node.shims):
                yield Place(pipe, layer, number), shim.id, node


def named_arrays(
    models: dict[str, Model[Any, Any]],
) -> Iterator[tuple[str, str, str, Any]]:
    """Yield pipe, layer and name of all weights, and the weights."""
    for place, _, node in walk(models):
        if place.shim is None:
            for name in node.param_names:
                if node.has_param(name):
                    yield place.pipe, node.name, name, node.get_param(name)
        elif isinstance(shim := node.shims[place.shim], PyTorchShim):
            for name, weight in shim._model.named_parameters():
                yield place.pipe, node.name, name, torch2xp(weight.detach())


def checksums(models: dict[str, Model[Any, Any]]) -> dict[str, int]:
    """Return a checksum of the weights of each pipe, 32 bits, with what it is of."""
    sums = {f"weights of {name}": 0 for name in models}
    for pipe, _, _, array in named_arrays(models):
        name = f"weights of {pipe}"
        sums[name] = crc32(to_numpy(array).tobytes(), sums[name])
    return sums


def remember(optimizer: Optimizer, key: tuple[int, str]) -> dict[str, Any]:
    """Return what an optimizer knows of a parameter."""
    record: dict[str, Any] = {"nr_update": optimizer.nr_update.get(key, 0)}
    for field in ARRAYS:
        arrays = getattr(optimizer, field)
        if arrays is not None and key in arrays:
            record[field] = to_numpy(arrays[key])
    return record


def recall(
    optimizer: Optimizer, key: tuple[int, str], record: dict[str, Any], ops: Ops
) -> None:
    """Tell an optimizer what it knew of a parameter."""
    for field in ARRAYS:
        arrays = getattr(optimizer, field)
        if arrays is not None and field in record:
            arrays[key] = ops.xp.array(record[field])  # a writable copy
    if record["nr_update"]:
        optimizer.nr_update[key] = record["nr_update"]
