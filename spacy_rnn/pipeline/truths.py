"""What the reference says about the labels of tokens."""

import warnings
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from spacy.training import Example

from spacy_rnn.alignment import same_tokens

Values = tuple[int | None, ...]  # of the attributes that make a token's label
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
    truths: list[Truth] = []
    known = dict(known)
    for example in examples:
        values = aligned_values(example, attrs)
        for unknown in set(values).difference(known):
            meet_unknown(example, unknown)
            known[unknown] = UNKNOWN
        truths.extend(known[each] for each in values)
    if set(truths) == {UNKNOWN}:
        # Always the same words, so that Python shows them once.
        warnings.warn(
            f"'{name}' got a batch in which no token is annotated for it, and learns "
            f"nothing from it. Documents without annotation are skipped.",
            stacklevel=2,
        )
    return np.array(truths, dtype="i").reshape(-1, 2)


def aligned_values(example: Example, attrs: Sequence[str]) -> list[Values]:
    """Read attributes of the reference for each token of the prediction.

    Where both have the same tokens, as they mostly do, nothing has to be aligned, which
    is several times as fast as `Example.get_aligned`.

    Args:
        example: Its tokens are those of `example.predicted`.
        attrs: Names of the attributes.

    Returns:
        For each token their values, None for all if the tokens don't match.
    """
    if same_tokens(example):
        columns = [example.reference.to_array(attr).tolist() for attr in attrs]
        return list(zip(*columns, strict=True))
    columns = [example.get_aligned(attr) for attr in attrs]
    nothing = (None,) * len(attrs)
    return [nothing if None in row else row for row in zip(*columns, strict=True)]
