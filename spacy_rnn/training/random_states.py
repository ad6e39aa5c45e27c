"""The states of all random generators that training draws from."""

import random
from typing import Any, NamedTuple

import numpy as np
import torch


class StreamState(NamedTuple):
    """The generators that reading, shuffling and augmenting may draw from."""

    python: tuple[Any, ...]
    numpy: tuple[Any, ...]

    @classmethod
    def now(cls) -> "StreamState":
        # Thinc draws from the global generator.
        name, keys, *rest = np.random.get_state()  # noqa: NPY002
        assert not isinstance(keys, str)
        return cls(random.getstate(), (name, keys.tobytes(), *rest))

    def restore(self) -> None:
        version, keys, gauss = self.python
        random.setstate((version, tuple(keys), gauss))
        name, words, *rest = self.numpy
        keys = np.frombuffer(words, dtype=np.uint32)
        np.random.set_state((name, keys, *rest))  # noqa: NPY002


def torch_states() -> list[np.ndarray]:
    """Return the states of torch's generators: the CPU's, then each GPU's."""
    states = [torch.get_rng_state()]
    if torch.cuda.is_available():
        states += torch.cuda.get_rng_state_all()
    return [state.numpy() for state in states]


def restore_torch(states: list[np.ndarray]) -> None:
    """Set the states of torch's generators, of as many GPUs as there are."""
    tensors = [torch.tensor(state) for state in states]
    torch.set_rng_state(tensors[0])
    if torch.cuda.is_available():
        for device, state in enumerate(tensors[1 : torch.cuda.device_count() + 1]):
            torch.cuda.set_rng_state(state, device)
