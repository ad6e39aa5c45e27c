"""Arrays of documents that lie end to end: what flows between our layers."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np
from thinc.api import Ops


class RaggedList(list):
    """What Thinc's `Ragged` is, and at the same time the list of its pieces.

    Our layers take the whole and hand a whole on, so that what they do doesn't grow
    with the number of documents. Who reads it as a list, as spaCy's components and
    Thinc's layers do, finds one array per document: it is cut then, into views, and not
    before. Once the list is changed there is no whole anymore.

    Attributes:
        data: The arrays end to end, shape (N, n) or (N,). None if the list was changed.
        lengths: Rows of each, on the CPU. Shape (B,), int64.
    """

    def __init__(self, data: Any, lengths: np.ndarray) -> None:
        super().__init__()
        self.data = data
        self.lengths = lengths
        self._is_cut = False

    def __len__(self) -> int:
        return super().__len__() if self._is_cut else len(self.lengths)

    def __radd__(self, other: list) -> list:
        return [*other, *self]

    def __reduce__(self) -> tuple[type[list], tuple[list]]:
        return list, (list(self),)  # for copies as well

    def _cut(self) -> None:
        if self._is_cut:
            return
        self._is_cut = True
        ends = np.cumsum(self.lengths).tolist()
        starts = [0, *ends]
        list.extend(self, (self.data[i:j] for i, j in zip(starts, ends, strict=False)))


def _cut_first(name: str, *, changes: bool) -> Callable:
    method = getattr(list, name)

    @wraps(method)
    def call(self: RaggedList, *args: Any, **kwargs: Any) -> Any:
        self._cut()
        if changes:
            self.data = None
        return method(self, *args, **kwargs)

    return call


READS = """__add__ __contains__ __eq__ __ge__ __getitem__ __gt__ __iter__ __le__ __lt__
    __mul__ __ne__ __repr__ __reversed__ __rmul__ copy count index"""
CHANGES = """__delitem__ __iadd__ __imul__ __setitem__ append clear extend insert pop
    remove reverse sort"""
for _names, _changes in ((READS, False), (CHANGES, True)):
    for _name in _names.split():
        setattr(RaggedList, _name, _cut_first(_name, changes=_changes))


def count(Xs: Sequence[Any]) -> np.ndarray:
    """Return how many rows, tokens or parts each has. Shape (B,), int64."""
    if isinstance(Xs, RaggedList) and Xs.data is not None:
        return Xs.lengths
    return np.fromiter(map(len, Xs), dtype=np.int64, count=len(Xs))


def flatten(ops: Ops, Xs: Sequence[Any]) -> RaggedList:
    """Lay arrays end to end, unless they do already."""
    if isinstance(Xs, RaggedList) and Xs.data is not None:
        return Xs
    return RaggedList(ops.flatten(Xs), count(Xs))
