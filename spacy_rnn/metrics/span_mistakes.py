"""Why spans are wrong: their label, their boundaries, or that they are there at all."""

from collections.abc import Iterable, Sequence
from typing import Any

from spacy_rnn.metrics.tally import Claim

KINDS = ("label", "boundaries", "both", "missing", "made up")


def count_span_mistakes(
    true: Sequence[Iterable[Claim]], predicted: Sequence[Iterable[Claim]]
) -> dict[str, int]:
    """Count the mistakes of each kind.

    A true span that isn't predicted counts once: as one with another label, with other
    boundaries, with both, or as missing where nothing wrong overlaps it. A predicted
    span that overlaps no true one is made up.

    Args:
        true: Of each document, spans with labels; their places begin with first and
            last, the latter exclusive.
        predicted: The same, of the predictions.
    """
    counts = dict.fromkeys(KINDS, 0)
    for gold, found in zip(true, predicted, strict=True):
        have, got = set(gold), set(found)
        wrong = got - have
        for claim in have - got:
            counts[find_kind(claim, wrong)] += 1
        counts["made up"] += sum(
            not any(overlap(claim, other) for other in have) for claim in wrong
        )
    return counts


def find_kind(missing: Claim, wrong: Iterable[Claim]) -> str:
    """Say what is wrong about a span that isn't predicted."""
    place, label = missing
    near = [claim for claim in wrong if overlap(missing, claim)]
    if any(other == place for other, _ in near):
        return "label"
    if any(other == label for _, other in near):
        return "boundaries"
    return "both" if near else "missing"


def overlap(one: Claim, other: Claim) -> bool:
    """Return whether two spans have a token in common."""
    places: Any = one[0], other[0]
    (start, end, *_), (other_start, other_end, *_) = places
    return start < other_end and other_start < end
