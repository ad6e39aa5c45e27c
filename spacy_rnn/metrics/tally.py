"""Right, wrong and missing labels, counted by document."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

Claim = tuple[Hashable, str]  # a place in a document, and the label that it has
NONE = "(none)"  # where there is no label
OTHER = "(other)"  # labels that are too many to be told apart


class Tally(NamedTuple):
    """How many labels of each document are right, wrong and missing.

    Attributes:
        labels: The labels, in the order of the columns.
        right: Predicted, and true. Shape (documents, labels).
        wrong: Predicted, but not true. Shape (documents, labels).
        missing: True, but not predicted. Shape (documents, labels).
    """

    labels: tuple[str, ...]
    right: np.ndarray
    wrong: np.ndarray
    missing: np.ndarray

    def columns(self) -> np.ndarray:
        """Lay all counts side by side. Shape (documents, 3 * labels)."""
        return np.concatenate([self.right, self.wrong, self.missing], axis=1)


def tally(
    labels: Sequence[str],
    true: Sequence[Iterable[Claim]],
    predicted: Sequence[Iterable[Claim]],
) -> Tally:
    """Count labels by document.

    Args:
        labels: All of them.
        true: What is true of each document.
        predicted: What is predicted of each document.
    """
    column = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((3, len(true), len(labels)), dtype="f")
    for doc, pair in enumerate(zip(true, predicted, strict=True)):
        gold, found = map(set, pair)
        for kind, claims in enumerate((found & gold, found - gold, gold - found)):
            for _, label in claims:
                counts[kind, doc, column[label]] += 1.0
    return Tally(tuple(labels), *counts)


def precision_recall_f1(
    right: np.ndarray, wrong: np.ndarray, missing: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make scores of counts, 0 where there is nothing to divide by, as in spaCy."""
    found, true = right + wrong, right + missing
    scores = (right / np.maximum(total, 1.0) for total in (found, true))
    f1 = 2.0 * right / np.maximum(found + true, 1.0)
    return *scores, f1  # type: ignore[return-value]


def confusions(
    true: Sequence[Iterable[Claim]], predicted: Sequence[Iterable[Claim]]
) -> dict[tuple[str, str], float]:
    """Count which label is taken for which one.

    At each place, a label that is predicted and true is counted with itself. Where one
    is missing, it is counted with the wrong ones at its place, in equal parts if they
    are several, or with none. What is wrong where nothing is missing is counted with
    none, too. So the counts of a true label sum to how often there is one.
    """
    counts: dict[tuple[str, str], float] = defaultdict(float)
    for gold, found in zip(true, predicted, strict=True):
        places: Mapping[Hashable, tuple[set[str], set[str]]] = defaultdict(
            lambda: (set(), set())
        )
        for kind, claims in enumerate((gold, found)):
            for place, label in claims:
                places[place][kind].add(label)
        for have, got in places.values():
            for label in have & got:
                counts[label, label] += 1.0
            missing, wrong = have - got, got - have
            for label in missing:
                for other in wrong or {NONE}:
                    counts[label, other] += 1.0 / max(1, len(wrong))
            for label in wrong if not missing else ():
                counts[NONE, label] += 1.0
    return dict(counts)


def confusion_matrix(
    counts: Mapping[tuple[str, str], float], labels: Sequence[str], most: int
) -> tuple[list[str], list[list[float]]]:
    """Lay out which label is taken for which one.

    Args:
        counts: As from `confusions`.
        labels: The labels, in the order in which they are wanted.
        most: How many labels to tell apart; the others are put together.

    Returns:
        The names of rows and columns, with those for others and for none at the end if
        there are any, and the counts: a list for each true label.
    """
    shown = list(labels[:most])
    names = [*shown, *([OTHER] if len(labels) > most else [])]
    if any(NONE in pair for pair in counts):
        names.append(NONE)
    place = {name: i for i, name in enumerate(names)}
    rows = np.zeros((len(names), len(names)))
    for pair, count in counts.items():
        i, j = (place[label if label in place else OTHER] for label in pair)
        rows[i, j] += count
    return names, rows.tolist()
