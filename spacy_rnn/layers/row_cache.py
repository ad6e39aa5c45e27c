"""Embedded rows of a trained model, kept between batches."""

from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np
from thinc.api import Model
from thinc.types import ArrayXd, Floats2d

from spacy_rnn.layers.features import distinct_keys

MAX_ROWS = 32_768  # 16 MiB of width 128


class RowCache:
    """Vectors by the features that they were computed from.

    What is kept holds for one state of the layer's `W`. It is given up when `W` is
    another array (load, copy, move, `set_param`, `use_params`, an optimizer step) and
    whenever the layer is trained, but not where somebody writes into `W`. Keys are
    values, never objects, so nothing here outlives `nlp.memory_zone()` wrongly. Threads
    may share it. Copies and pickles are empty.

    Keys are hashes: among the sorted ones, one is found by its first bits, of which
    there are about as many values as keys, and a step or two, which is far quicker than
    a binary search.
    """

    def __init__(self, max_rows: int = MAX_ROWS) -> None:
        self.max_rows = max_rows
        self._lock = Lock()
        self.clear()

    def __reduce__(self) -> tuple[type["RowCache"], tuple[int]]:
        return RowCache, (self.max_rows,)

    def __len__(self) -> int:
        return len(self._keys)

    def clear(self, *, gradient_pending: bool = False) -> None:
        """Forget everything.

        Args:
            gradient_pending: Whether `W` is about to change, possibly in place.
        """
        self._owner: ArrayXd | None = None
        self._keys = np.empty(0, dtype=np.uint64)  # sorted
        self._slots = np.empty(0, dtype=np.int64)  # row of each key
        self._starts = np.empty(0, dtype=np.int64)  # first key of each prefix
        self._n_others = np.uint64(0)  # bits of a key that aren't of its prefix
        self._rows: Any = None
        self._gradient_pending = gradient_pending

    def fetch(
        self,
        model: Model,
        keys: np.ndarray,
        compute: Callable[[np.ndarray], Any],
    ) -> Any:
        """Return a row for each key.

        Args:
            model: The layer that the rows come from.
            keys: Shape (N,), uint64.
            compute: Makes the rows of some of the keys, given their indices.

        Returns:
            Shape (N, nO).
        """
        on_device = model.ops.xp.asarray
        with self._lock:
            self._check(model)
            slots, found = self._find(keys)
            if found.all():
                return self._rows[on_device(slots)]
            hits = found.nonzero()[0]
            known = self._rows[on_device(slots[hits])] if len(hits) else None
        missing = (~found).nonzero()[0]
        first, which = distinct_keys(keys[missing])
        new = compute(missing[first])
        with self._lock:
            self._add(model, keys[missing[first]], new)
        rows: Any = model.ops.alloc2f(len(keys), new.shape[1], zeros=False)
        if known is not None:
            rows[on_device(hits)] = known
        rows[on_device(missing)] = new[on_device(which)]
        return rows

    def _check(self, model: Model) -> None:
        """Forget what belongs to other parameters."""
        W = model.get_param("W")
        if self._gradient_pending and not model.get_grad("W").any():
            self._gradient_pending = False  # the optimizer has been there
        if W is not self._owner:
            self.clear(gradient_pending=self._gradient_pending)
            self._owner = W

    def _find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the slot of each key, and whether it is kept at all."""
        if not len(self._keys):
            return np.zeros(len(keys), dtype=np.int64), np.zeros(len(keys), dtype=bool)
        places, last = self._starts[keys >> self._n_others], len(self._keys) - 1
        behind = (self._keys[places] < keys).nonzero()[0]
        while len(behind):
            behind = behind[places[behind] < last]
            places[behind] += 1
            behind = behind[self._keys[places[behind]] < keys[behind]]
        return self._slots[places], self._keys[places] == keys

    def _add(self, model: Model, keys: np.ndarray, rows: Floats2d) -> None:
        """Keep more rows. Where there is no room for them, the old ones go."""
        if self._gradient_pending or self._owner is not model.get_param("W"):
            return
        if len(keys) > self.max_rows:
            return
        if len(self._keys) + len(keys) > self.max_rows:
            self._keys, self._slots = self._keys[:0], self._slots[:0]
        size, needed = len(self._keys), len(self._keys) + len(keys)
        if self._rows is None or needed > len(self._rows):
            grown = model.ops.alloc2f(
                min(self.max_rows, 2 * needed), rows.shape[1], zeros=False
            )
            if size:
                grown[:size] = self._rows[:size]
            self._rows = grown
        self._rows[size:needed] = rows
        order = np.argsort(keys)
        places = self._keys.searchsorted(keys[order])
        self._keys = np.insert(self._keys, places, keys[order])
        self._slots = np.insert(self._slots, places, size + order)
        n_bits = needed.bit_length()
        self._n_others = np.uint64(64 - n_bits)
        prefixes = (self._keys >> self._n_others).astype(np.int64)
        counts = np.bincount(prefixes, minlength=2**n_bits)
        self._starts = np.minimum(counts.cumsum() - counts, needed - 1)
