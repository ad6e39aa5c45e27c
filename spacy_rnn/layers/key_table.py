"""A table of keys, such as n-grams or words: which row is whose."""

from typing import Any

import numpy as np
import srsly
from thinc.api import Model
from thinc.model import deserialize_attr, serialize_attr

FREE = np.uint64(0)
ZERO = np.uint64(0xD1B54A32D192ED03)  # what the key 0, such as "no entity", is kept as


class KeyTable:
    """Rows of a table of fixed size, each owned by the key that came first.

    A key has two places where it may live (Pagh & Rodler, 2004, without moving anybody
    out). One that finds both of them taken gets no row, instead of sharing one as it
    would with the hashing trick.
    """

    def __init__(self, size: int) -> None:
        self.keys = np.zeros(size, dtype=np.uint64)

    def __len__(self) -> int:
        """Return how many keys have a row."""
        return int(np.count_nonzero(self.keys))

    def find(self, wanted: np.ndarray) -> np.ndarray:
        """Return the row of each key, -1 where it has none. Shape (n,)."""
        wanted = np.where(wanted == FREE, ZERO, wanted)
        first, second = self._places(wanted)
        rows = np.where(self.keys[second] == wanted, second, -1)
        return np.where(self.keys[first] == wanted, first, rows)

    def claim(self, wanted: np.ndarray) -> None:
        """Give rows to keys that have none, as long as there are free ones."""
        new = np.where(wanted == FREE, ZERO, wanted)[self.find(wanted) < 0]
        for places in self._places(new):
            free = (self.keys[places] == FREE) & (self.find(new) < 0)
            # Of several that want a place, the last one gets it.
            self.keys[places[free]] = new[free]

    def _places(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = np.uint64(len(self.keys))
        other = (wanted >> np.uint64(32)) ^ (wanted << np.uint64(32))
        first = (wanted % size).astype(np.int64)
        second = (other % size).astype(np.int64)
        return first, second


@serialize_attr.register
def serialize_table(_: KeyTable, value: Any, name: str, model: Model) -> bytes:
    """Save the rows that are taken."""
    rows = value.keys.nonzero()[0].astype("<i8")
    keys = value.keys[rows].astype("<u8")
    msg = {"size": len(value.keys), "rows": rows.tobytes(), "keys": keys.tobytes()}
    return srsly.msgpack_dumps(msg)


@deserialize_attr.register
def deserialize_table(
    table: KeyTable, value: bytes, name: str, model: Model
) -> KeyTable:
    """Load a table.

    Raises:
        ValueError: If it has another size than the model is configured with.
    """
    msg = srsly.msgpack_loads(value)
    if msg["size"] != len(table.keys):
        raise ValueError(
            f"The keys of '{model.name}' were saved with {msg['size']} rows, but "
            f"the model is configured with {len(table.keys)}"
        )
    loaded = KeyTable(msg["size"])
    rows = np.frombuffer(msg["rows"], dtype="<i8")
    loaded.keys[rows] = np.frombuffer(msg["keys"], dtype="<u8")
    return loaded
