"""What an embedding reads of tokens: attributes, hashed table rows, static vectors."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, cast

import numpy as np
from spacy.attrs import ORTH, intify_attr
from spacy.tokens import Doc
from spacy.vectors import Mode, Vectors
from spacy.vocab import Vocab
from thinc.api import NumpyOps, get_array_module
from thinc.types import Floats2d

OPS = NumpyOps()
DOC_OF = attrgetter("doc")
SEED = 8  # of the first table, as in spacy.MultiHashEmbed; the others count on
MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio (Knuth, 1998)


def token_features(docs: Sequence[Any], columns: list[int | str]) -> np.ndarray:
    """Read attributes of all tokens of a batch. Shape (N, A), uint64.

    Spans are read as documents are. Those of one document should follow each other, for
    it is read as a whole.
    """
    if not docs:
        return np.empty((0, len(columns)), dtype=np.uint64)
    # Names would be looked up for each document, which takes a third of the time.
    ids = [intify_attr(column) or column for column in columns]
    if isinstance(docs[0], Doc):
        arrays = [doc.to_array(ids) for doc in docs]
    else:
        arrays = []
        for doc, spans in groupby(docs, DOC_OF):
            table = doc.to_array(ids)
            arrays += [table[span.start : span.end] for span in spans]
    return np.concatenate(arrays).reshape(-1, len(columns))


def mix_keys(features: np.ndarray) -> np.ndarray:
    """Make one key of each row, shape (N, A) to (N,), all uint64.

    Two different rows get the same key with a probability of 2**-64, as two different
    strings do in spaCy.
    """
    keys = np.zeros(len(features), dtype=np.uint64)
    for column in features.T:
        keys = (keys ^ column) * MIX
        keys ^= keys >> np.uint64(29)
    return keys


def distinct_keys(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the distinct ones of some keys.

    Numbers are sorted that begin as mixed keys do and end in their places, which takes
    a fraction of the time of `np.unique`. Two keys that begin alike, which is as good
    as impossible, may be found more than once.

    Args:
        keys: Shape (N,), uint64.

    Returns:
        Where the distinct ones are, shape (M,), and which of those each key is, shape
        (N,), both int64.
    """
    low = np.uint64(2 ** len(keys).bit_length() - 1)
    numbers = (keys * MIX & ~low) | np.arange(len(keys), dtype=np.uint64)
    numbers.sort()
    order = (numbers & low).astype(np.int64)
    ordered = keys[order]
    is_new = np.ones(len(keys), dtype=bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    which = np.empty(len(keys), dtype=np.int64)
    which[order] = is_new.cumsum() - 1
    return order[is_new], which


def hash_rows(features: np.ndarray, rows: list[int]) -> np.ndarray:
    """Choose four rows of each attribute's table. Shape (M, A, 4), int64.

    The tables of all attributes are counted through as one.
    """
    chosen = np.empty((len(features), len(rows), 4), dtype=np.int64)
    start = 0
    for i, n_rows in enumerate(rows):
        ids = np.ascontiguousarray(features[:, i])
        chosen[:, i] = OPS.hash(cast(Any, ids), SEED + i) % n_rows + start
        start += n_rows
    return chosen


def vectors_attr(vocab: Vocab) -> int:
    """Return the token attribute that the vectors table is keyed by."""
    return getattr(vocab.vectors, "attr", ORTH)


def static_vectors(vocab: Vocab, keys: np.ndarray, width: int) -> Floats2d:
    """Look static vectors up, zero for words that have none. Shape (M, width).

    Raises:
        ValueError: If the table has another width than the model was made for.
    """
    vectors = vocab.vectors
    if vectors.shape[1] != width:
        raise ValueError(
            f"The model was made for static vectors of width {width}, but the vectors "
            f"table '{getattr(vectors, 'name', None)}' of the vocab has width "
            f"{vectors.shape[1]}. Load the table that the model was trained with."
        )
    if isinstance(vectors, Vectors) and vectors.mode == Mode.default:
        found = vectors.find(keys=keys)
        table = vectors.data[found]
        table[found < 0] = 0
        return table.astype("f", copy=False)
    return vectors.get_batch(keys).astype("f", copy=False)


def content_keys(table: Floats2d) -> np.ndarray:
    """Make one key of each row's bits, shape (M, width) to (M,), uint64.

    A sum of whole numbers, so it comes out the same wherever in a batch a row stands.
    """
    xp = get_array_module(table)
    bits = xp.ascontiguousarray(table).view(xp.uint32).astype(xp.uint64)
    weights = xp.arange(1, table.shape[1] + 1, dtype=xp.uint64) * xp.uint64(MIX) | 1
    keys = (bits * weights).sum(axis=1)
    return keys if xp is np else keys.get()
