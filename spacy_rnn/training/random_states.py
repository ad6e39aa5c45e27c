"""The states of all random generators that training draws from."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from thinc.api import fix_random_seed


class StreamState(NamedTuple):
    """The generators that reading, shuffling and augmenting may draw from.

    None for one that isn't drawn from, and is left as it is.
    """

    python: tuple[Any, ...] | None = None
    numpy: tuple[Any, ...] | None = None

    @classmethod
    def now(cls) -> "StreamState":
        # Thinc draws from the global generator.
        name, keys, *rest = np.random.get_state()  # noqa: NPY002
        assert not isinstance(keys, str)
        version, words, gauss = random.getstate()
        # As bytes, since a run can keep one for each of its steps.
        python = version, np.array(words, dtype=np.uint32).tobytes(), gauss
        return cls(python, (name, keys.tobytes(), *rest))

    def restore(self) -> None:
        if self.python is not None:
            version, words, gauss = self.python
            keys = np.frombuffer(words, dtype=np.uint32)
            random.setstate((version, tuple(keys.tolist()), gauss))
        if self.numpy is not None:
            name, words, *rest = self.numpy
            keys = np.frombuffer(words, dtype=np.uint32)
            np.random.set_state((name, keys, *rest))  # noqa: NPY002


class SharedStream:
    """Random numbers that all ranks draw alike, where each draws others by itself.

    With one process there is one stream for everything.

    Attributes:
        state: The state of the generators of Python, NumPy and torch, while they are
            not in use; None for one process.
    """

    def __init__(self) -> None:
        self.state: tuple[StreamState, np.ndarray] | None = None

    def part(self, seed: int, rank: int) -> None:
        """Let what the generators are to draw be shared, and seed them for a rank."""
        self.state = StreamState.now(), torch.get_rng_state().numpy()
        fix_random_seed(int(np.random.SeedSequence([seed, rank]).generate_state(1)[0]))

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Draw from it while in the context."""
        if self.state is None:
            yield
            return
        own = StreamState.now(), torch.get_rng_state().numpy()
        self._set(self.state)
        try:
            yield
        finally:
            self.state = StreamState.now(), torch.get_rng_state().numpy()
            self._set(own)

    def _set(self, state: tuple[StreamState, np.ndarray]) -> None:
        state[0].restore()
        torch.set_rng_state(torch.tensor(state[1]))


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
