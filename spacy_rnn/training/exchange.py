"""What the processes of a run tell each other once a step, in one buffer."""

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import torch
from spacy.training import Example
from thinc.api import Model, PyTorchShim, torch2xp, xp2torch
from torch import Tensor

from spacy_rnn.training.ranks import Ranks
from spacy_rnn.training.weights import walk

HALF = 2**16  # a float32 holds integers below 2**24 exactly, so a checksum goes in two

Notes = dict[str, list[float]]


class LayerGradient:
    """The gradient of a layer's parameter."""

    def __init__(self, layer: Model, name: str) -> None:
        self.layer, self.name = layer, name
        parameter = xp2torch(layer.get_param(name))
        self.size, self.device = parameter.numel(), parameter.device

    def find(self) -> Tensor | None:
        """View it as a tensor, if there is one."""
        if not self.layer.has_grad(self.name):
            return None
        return xp2torch(self.layer.get_grad(self.name))

    def replace(self, gradient: Tensor) -> None:
        """Let it be another one, flat, to which later ones are added in place."""
        if "row_cache" in self.layer.attrs:
            self.layer.attrs["row_cache"].clear(gradient_pending=True)
        array: Any = torch2xp(gradient, ops=self.layer.ops)
        shape = self.layer.get_param(self.name).shape
        self.layer.set_grad(self.name, array.reshape(shape))


class TorchGradient:
    """The gradient of a parameter of a torch module, in a shim of Thinc's."""

    def __init__(self, parameter: Tensor) -> None:
        self.parameter = parameter
        self.size, self.device = parameter.numel(), parameter.device

    def find(self) -> Tensor | None:
        """Return it, if there is one."""
        return self.parameter.grad

    def replace(self, gradient: Tensor) -> None:
        """Let it be another one, flat."""
        self.parameter.grad = gradient.view_as(self.parameter).to(self.parameter.dtype)


class Exchange:
    """Adds up the gradients of all ranks, and what else they have to agree about.

    Gradients are added, not averaged, since losses are sums over documents. A parameter
    without a gradient on one rank, whose share didn't reach it, gets that of others.
    """

    def __init__(self, ranks: Ranks, models: dict[str, Model]) -> None:
        self.ranks = ranks
        self.models = models
        self.seen = SeenClasses(models)
        self.scalers = [shim._grad_scaler for shim in torch_shims(models)]
        slots = gradient_slots(models)
        self.sizes = [slot.size for slot in slots]
        self.device = slots[0].device if slots else None
        self._buffer = torch.empty(0)

    def add_up(self, batch: Sequence[Example], *, stop: bool) -> bool:
        """Add up the gradients of a step.

        Args:
            batch: The whole batch, of which each rank has learned its share.
            stop: Whether this rank is asked to stop.

        Returns:
            Whether any is.

        Raises:
            ValueError: If the ranks have different batches, or a model has grown.
        """
        slots = gradient_slots(self.models)
        if [slot.size for slot in slots] != self.sizes:
            raise ValueError(
                "A component got new labels while it was trained. Where several "
                "processes train, all labels have to be known when it is initialized"
            )
        gradients = [slot.find() for slot in slots]
        notes: Notes = {
            "present": [float(gradient is not None) for gradient in gradients],
            "batches": self._in_own_place(divmod(checksum(batch), HALF)),
            "overflows": [float(scaler.found_inf) for scaler in self.scalers],
            "seen": self.seen.tell(),
            "stop": [float(stop)],
        }
        parts = self._send(gradients, notes)
        check_batches(notes["batches"])
        for scaler, overflows in zip(self.scalers, notes["overflows"], strict=True):
            scaler._found_inf = bool(overflows)
        self.seen.hear(notes["seen"])
        for slot, part, present in zip(slots, parts, notes["present"], strict=True):
            if present:
                slot.replace(part)
        return any(notes["stop"])

    def _send(self, gradients: list[Tensor | None], notes: Notes) -> Sequence[Tensor]:
        """Add up gradients and notes, which are replaced by their sums.

        Returns:
            The summed gradients, flat.
        """
        flat_notes = torch.tensor(sum(notes.values(), []))
        needed = sum(self.sizes) + len(flat_notes)
        if len(self._buffer) != needed:
            self._buffer = torch.empty(needed, device=self.device)
        *parts, noted = self._buffer.split([*self.sizes, len(flat_notes)])
        for part, gradient in zip(parts, gradients, strict=True):
            if gradient is None:
                part.zero_()
            elif gradient.data_ptr() != part.data_ptr():  # else, it is in its place
                part.view(gradient.shape).copy_(gradient)
        noted.copy_(flat_notes)
        self.ranks.add(self._buffer)
        summed = iter(noted.tolist())
        for name, values in notes.items():
            notes[name] = [next(summed) for _ in values]
        return parts

    def _in_own_place(self, values: Sequence[float]) -> list[float]:
        """Return a row of as many values for each rank, all but its own being 0."""
        row = [0.0] * (len(values) * self.ranks.size)
        start = self.ranks.rank * len(values)
        row[start : start + len(values)] = map(float, values)
        return row


class SeenClasses:
    """Which classes spaCy's transition parsers have met, of those added to a model.

    They keep the others, in a set of their own, from being predicted.
    """

    def __init__(self, models: dict[str, Model]) -> None:
        layers = {layer.id: layer for _, _, layer in walk(models)}
        self.unseen: list[set[int]] = [
            layer.attrs["unseen_classes"]
            for layer in layers.values()
            if "unseen_classes" in layer.attrs
        ]
        self._listed = [
            (i, each) for i, unseen in enumerate(self.unseen) for each in sorted(unseen)
        ]

    def tell(self) -> list[float]:
        """Return for each class that was unseen by all whether it is seen now."""
        return [float(each not in self.unseen[i]) for i, each in self._listed]

    def hear(self, seen: list[float]) -> None:
        """Take over what any rank has seen."""
        for (i, each), is_seen in zip(self._listed, seen, strict=True):
            if is_seen:
                self.unseen[i].discard(each)


def gradient_slots(models: dict[str, Model]) -> list[LayerGradient | TorchGradient]:
    """List the place of each gradient that models can have, in a fixed order."""
    layers = {layer.id: layer for _, _, layer in walk(models)}  # some may be shared
    slots: list[LayerGradient | TorchGradient] = [
        LayerGradient(layer, name)
        for layer in layers.values()
        for name in layer.param_names
        if layer.has_param(name)
    ]
    for shim in torch_shims(models):
        slots += map(TorchGradient, shim._model.parameters())
    return slots


def torch_shims(models: dict[str, Model]) -> list[Any]:
    """List the shims of models.

    Raises:
        ValueError: If one isn't torch's, of which alone the gradients are known.
    """
    shims: dict[int, Any] = {}
    for place, owner_id, layer in walk(models):
        if place.shim is not None:
            shims[owner_id] = shim = layer.shims[place.shim]
            if not isinstance(shim, PyTorchShim):
                raise ValueError(
                    f"'{place.pipe}' can't be trained by several processes: its layer "
                    f"{layer.name!r} computes with a {type(shim).__name__}, of which "
                    f"only PyTorchShim shows its gradients"
                )
    return [*shims.values()]


def checksum(batch: Sequence[Example]) -> int:
    """Return a checksum of the words of a batch, 32 bits."""
    total = len(batch)
    for example in batch:
        total = crc32(example.reference.to_array("ORTH").tobytes(), total)
    return total


def check_batches(checksums: list[float]) -> None:
    """Raise a ValueError if ranks have different batches. Two values for each rank."""
    pairs = list(zip(checksums[::2], checksums[1::2], strict=True))
    for rank, pair in enumerate(pairs):
        if pair != pairs[0]:
            raise ValueError(
                f"Rank {rank} has read another batch than rank 0. All ranks have to "
                f"read the same data in the same order."
            )
