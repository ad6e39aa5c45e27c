"""Which values of token attributes training has seen, to tell others from them."""

from typing import Any

import numpy as np
import srsly
import torch
from thinc.api import Model
from thinc.model import deserialize_attr, serialize_attr

from spacy_rnn.layers.features import MIX
from spacy_rnn.layers.key_table import KeyTable

UNKNOWN = np.uint64(0)  # the value that an attribute has where there is none
SIZE = 524_288  # values that can be counted; further ones stay unknown


class ValueCounts:
    """How often training has seen each value of each token attribute."""

    def __init__(self) -> None:
        self.table = KeyTable(SIZE)
        self.counts = np.zeros(SIZE, dtype=np.int64)  # of each row

    def add(self, features: np.ndarray) -> None:
        """Count the values of tokens. Shape (N, A), uint64."""
        distinct, times = np.unique(keys_of(features), return_counts=True)
        self.table.claim(distinct)
        rows = self.table.find(distinct)
        known = rows >= 0
        self.counts[rows[known]] += times[known]

    def of(self, features: np.ndarray) -> np.ndarray:
        """Return how often each was seen, 0 for an unknown one. Shape (N, A)."""
        rows = self.table.find(keys_of(features))
        return np.where(rows >= 0, self.counts[rows], 0)

    def replace_rare(self, features: np.ndarray, rate: float) -> np.ndarray:
        """Take some values for unknown, rare ones more often. Shape (N, A).

        One that was seen n times is replaced with a probability of rate / (rate + n)
        (Kiperwasser & Goldberg, 2016).
        """
        chance = torch.rand(features.shape, dtype=torch.float64).numpy()
        return np.where(chance < rate / (rate + self.of(features)), UNKNOWN, features)

    def replace_unseen(self, features: np.ndarray) -> np.ndarray:
        """Take values for unknown that training hasn't seen. Shape (N, A)."""
        return np.where(self.of(features) == 0, UNKNOWN, features)


def keys_of(features: np.ndarray) -> np.ndarray:
    """Make keys of values, the same value of two attributes having two."""
    return features + MIX * np.arange(1, features.shape[1] + 1, dtype=np.uint64)


@serialize_attr.register
def serialize_counts(_: ValueCounts, value: Any, name: str, model: Model) -> bytes:
    """Save the values that were seen, and how often."""
    rows = value.table.keys.nonzero()[0]
    keys, counts = value.table.keys[rows], value.counts[rows]
    msg = (rows.astype("<i8"), keys.astype("<u8"), counts.astype("<i8"))
    return srsly.msgpack_dumps([array.tobytes() for array in msg])


@deserialize_attr.register
def deserialize_counts(
    _: ValueCounts, value: bytes, name: str, model: Model
) -> ValueCounts:
    """Load what was saved."""
    msg = srsly.msgpack_loads(value)
    rows, keys, counts = map(np.frombuffer, msg, ("<i8", "<u8", "<i8"))
    loaded = ValueCounts()
    loaded.table.keys[rows] = keys
    loaded.counts[rows] = counts
    return loaded
