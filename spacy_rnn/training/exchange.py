"""What the processes of a run tell each other once a step, in one buffer."""

from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

import torch
from spacy.training import Example
from thinc.api import Model, PyTorchShim, xp2torch
from torch import Tensor

from spacy_rnn.training.ranks import Ranks
from spacy_rnn.training.weights import walk

HALF = 2**16  # a float32 holds integers below 2**24 exactly, so a checksum goes in two

Notes = dict[str, list[float]]


class LayerGradient:
    """The gradient of a layer's parameter."""

    def __init__(self, layer: Model, name: str) -> None:
        self.layer, self.name = layer, name
        self.size = int(layer.get_param(name).size)

    def find(self) -> Tensor | None:
        """View it as a tensor, if there is one."""
        if not self.layer.has_grad(self.name):
            return None
        return xp2torch(self.layer.get_grad(self.name))

    def make(self) -> Tensor:
        """View it as a tensor, made for it if there is none."""
        if not self.layer.has_grad(self.name):
            shape = self.layer.get_param(self.name).shape
            self.layer.set_grad(self.name, self.layer.ops.alloc_f(shape))
        if "row_cache" in self.layer.attrs:
            self.layer.attrs["row_cache"].clear(gradient_pending=True)
        return xp2torch(self.layer.get_grad(self.name))


class TorchGradient:
    """The gradient of a parameter of a torch module, in a shim of Thinc's."""

    def __init__(self, parameter: Tensor) -> None:
        self.parameter = parameter
        self.size = parameter.numel()

    def find(self) -> Tensor | None:
        """Return it, if there is one."""
        return self.parameter.grad

    def make(self) -> Tensor:
        """Return it, made if there is none."""
        if self.parameter.grad is None:
            self.parameter.grad = torch.zeros_like(self.parameter)
        return self.parameter.grad


class Exchange:
    """Adds up the gradients of all ranks, and what else they have to agree about.

    Gradients are added, not averaged, since losses are sums over documents. A parameter
    without a gradient on one rank, whose share didn't reach it, gets that of others.
    """

    def __init__(self, ranks: Ranks, models: dict[str, Model]) -> None:
        self.ranks = ranks
        self.models = models
        self._buffer = torch.empty(0)

    def add_up(self, batch: Sequence[Example], *, stop: bool) -> bool:
        """Add up the gradients of a step.

        Args:
            batch: The whole batch, of which each rank has learned its share.
            stop: Whether this rank is asked to stop.

        Returns:
            Whether any is.

        Raises:
            ValueError: If the ranks have different batches.
        """
        slots = list(gradient_slots(self.models))
        gradients = [slot.find() for slot in slots]
        notes: Notes = {
            "present": [float(gradient is not None) for gradient in gradients],
            "batches": self._in_own_place(divmod(checksum(batch), HALF)),
            "stop": [float(stop)],
        }
        parts = self._send([slot.size for slot in slots], gradients, notes)
        check_batches(notes["batches"])
        for slot, part, present in zip(slots, parts, notes["present"], strict=True):
            if present:
                gradient = slot.make()
                gradient.copy_(part.view(gradient.shape))
        return any(notes["stop"])

    def _send(
        self, sizes: list[int], gradients: list[Tensor | None], notes: Notes
    ) -> Sequence[Tensor]:
        """Add up gradients and notes, which are replaced by their sums.

        Returns:
            The summed gradients, flat.
        """
        flat_notes = torch.tensor(sum(notes.values(), []))
        if len(self._buffer) != sum(sizes) + len(flat_notes):
            device = next((each.device for each in gradients if each is not None), None)
            self._buffer = torch.empty(sum(sizes) + len(flat_notes), device=device)
        *parts, noted = self._buffer.split([*sizes, len(flat_notes)])
        for part, gradient in zip(parts, gradients, strict=True):
            if gradient is None:
                part.zero_()
            else:
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


def gradient_slots(
    models: dict[str, Model],
) -> Iterator[LayerGradient | TorchGradient]:
    """Yield the place of each gradient that models can have, in a fixed order."""
    known: set[int] = set()
    for place, owner_id, layer in walk(models):
        if owner_id in known:  # a layer that two components share
            continue
        known.add(owner_id)
        if place.shim is None:
            for name in layer.param_names:
                if layer.has_param(name):
                    yield LayerGradient(layer, name)
        else:
            shim: Any = layer.shims[place.shim]
            if not isinstance(shim, PyTorchShim):
                raise ValueError(
                    f"'{place.pipe}' can't be trained by several processes: its layer "
                    f"{layer.name!r} computes with a {type(shim).__name__}, of which "
                    f"only PyTorchShim shows its gradients"
                )
            for parameter in shim._model.parameters():
                yield TorchGradient(parameter)


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
