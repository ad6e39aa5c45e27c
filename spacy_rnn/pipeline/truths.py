"""What the reference says about the labels of tokens."""

import warnings
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from spacy.attrs import IDS
from spacy.training import Example

from spacy_rnn.alignment import same_tokens

Values = tuple[int, ...]  # of the attributes that make a token's label
Truth = tuple[int, int]  # index of its label, and of one that it hasn't; -1 if unknown
UNKNOWN: Truth = (-1, -1)


def token_truths(
    name: str,
    examples: Iterable[Example],
    attrs: Sequence[str],
    known: dict[Values, Truth],
    meet_unknown: Callable[[Example, Values], None],
) -> np.ndarray:
    """Find what is true of each token that there is in training.

    Documents without annotation count nothing. A batch of nothing else is warned of.

    Args:
        name: Name of the component.
        examples: Its tokens are those of `example.predicted`.
        attrs: The attributes that make a token's label.
        known: What values of them say.
        meet_unknown: Called with values that aren't known, which then count as missing.

    Returns:
        A truth for each token. Shape (N, 2).
    """
    examples = list(examples)
    values, is_read = aligned_values(examples, attrs)
    (tokens,) = is_read.nonzero()
    first, which = distinct_rows(values[tokens])
    ends = np.cumsum([len(example.predicted) for example in examples])
    found = np.empty((len(first), 2), dtype="i")
    for i in first.argsort():
        token = tokens[first[i]]
        row = tuple(values[token].tolist())
        if row not in known:
            meet_unknown(examples[np.searchsorted(ends, token, side="right")], row)
        found[i] = known.get(row, UNKNOWN)
    truths = np.full((len(values), 2), UNKNOWN, dtype="i")
    truths[tokens] = found[which]
    if len(truths) and (truths == UNKNOWN).all():
        # Always the same words, so that Python shows them once.
        warnings.warn(
            f"'{name}' got a batch in which no token is annotated for it, and learns "
            f"nothing from it. Documents without annotation are skipped.",
            stacklevel=2,
        )
    return truths


def aligned_values(
    examples: Sequence[Example], attrs: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Read attributes of the references for each token of the predictions.

    Where both have the same tokens, as they mostly do, nothing has to be aligned, which
    is several times as fast as `Example.get_aligned`.

    Args:
        examples: Their tokens are those of `example.predicted`.
        attrs: Names of the attributes.

    Returns:
        The values of each token, shape (N, A), uint64, and whether there are any for
        it, which there are not where tokens don't match, shape (N,).
    """
    ids = [IDS[attr] for attr in attrs]
    is_read = np.ones(sum(len(example.predicted) for example in examples), dtype=bool)
    values, start = [np.empty(0, dtype="uint64")], 0
    for example, is_same in zip(examples, same_tokens(examples), strict=True):
        end = start + len(example.predicted)
        if is_same:
            values.append(example.reference.to_array(ids).ravel())
        else:
            columns = [example.get_aligned(attr) for attr in attrs]
            is_read[start:end] = [None not in row for row in zip(*columns, strict=True)]
            numbers = [[value or 0 for value in column] for column in columns]
            values.append(np.array(numbers, dtype="uint64").T.ravel())
        start = end
    return np.concatenate(values).reshape(-1, len(ids)), is_read


def distinct_rows(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the distinct ones of rows, shape (N, A), column by column.

    `np.unique` compares whole rows many times as slowly.

    Returns:
        Where each is first, shape (M,), and which of them each row is, shape (N,).
    """
    codes = np.zeros(len(values), dtype=np.int64)
    for column in values.T:
        kinds, code = np.unique(column, return_inverse=True)
        codes = codes * len(kinds) + code
    kinds, which = np.unique(codes, return_inverse=True)
    # Its `return_index` would sort stably, twice as slowly in a GPU's large batches.
    first = np.empty(len(kinds), dtype=np.int64)
    first[which[::-1]] = np.arange(len(which))[::-1]
    return first, which
