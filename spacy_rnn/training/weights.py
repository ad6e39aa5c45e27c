"""Weights, and the optimizer's memory of them, by position.

Thinc's optimizer knows a parameter by the id of its layer, which is another one in the
next program. Here it is known by its pipe, its layer's place in `model.walk()`, and its
name.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from thinc.api import Model, Ops, Optimizer
from thinc.util import to_numpy

ARRAYS = ("mom1", "mom2", "averages")


class Place(NamedTuple):
    """Where something that has parameters is: a layer, or a shim of a layer."""

    pipe: str
    layer: int
    shim: int | None


def get_weights(
    models: dict[str, Model[Any, Any]], optimizer: Optimizer
) -> dict[str, Any]:
    """Collect the weights of models, and what the optimizer remembers of them."""
    owners, shims = {}, {}
    for place, owner_id, node in walk(models):
        if place.shim is None:
            owners.update({(owner_id, name): place for name in node.param_names})
        else:
            shims[owner_id] = place
    memory = []
    for owner_id, name in optimizer.nr_update:
        owner = owners.get((owner_id, name)) or shims.get(owner_id)
        if owner is not None:  # else, a layer that is no longer there
            record = remember(optimizer, (owner_id, name))
            memory.append({"place": list(owner), "name": name} | record)
    weights = {name: model.to_bytes() for name, model in models.items()}
    return {"models": weights, "memory": memory}


def restore_weights(
    models: dict[str, Model[Any, Any]], optimizer: Optimizer, state: dict[str, Any]
) -> None:
    """Give models and the optimizer what `get_weights` collected."""
    for name, data in state["models"].items():
        models[name].from_bytes(data)
    owners = {place: (owner_id, node.ops) for place, owner_id, node in walk(models)}
    for record in state["memory"]:
        owner_id, ops = owners[Place(*record["place"])]
        recall(optimizer, (owner_id, record["name"]), record, ops)


def walk(
    models: dict[str, Model[Any, Any]],
) -> Iterator[tuple[Place, int, Model[Any, Any]]]:
    """Yield the place and the id of every layer and shim, and the layer."""
    for pipe, model in models.items():
        for layer, node in enumerate(model.walk()):
            yield Place(pipe, layer, None), node.id, node
            for number, shim in enumerate(node.shims):
                yield Place(pipe, layer, number), shim.id, node


def remember(optimizer: Optimizer, key: tuple[int, str]) -> dict[str, Any]:
    """Return what an optimizer knows of a parameter."""
    record: dict[str, Any] = {"nr_update": optimizer.nr_update[key]}
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
    optimizer.nr_update[key] = record["nr_update"]
