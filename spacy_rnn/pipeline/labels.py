"""The labels of a classifier's examples: known, counted, weighed."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np
from spacy.training import Example

ClassWeights = Literal["balanced"] | dict[str, float] | None


def check_class_weights(class_weights: ClassWeights) -> None:
    """Raise a ValueError for weights that can't be."""
    if class_weights is None or class_weights == "balanced":
        return
    if not isinstance(class_weights, dict):
        raise ValueError(
            f'class_weights has to be null, "balanced" or a mapping of label to '
            f"weight, but it is {class_weights!r}"
        )
    for label, weight in class_weights.items():
        if not 0.0 <= weight < float("inf"):
            raise ValueError(
                f"The class weight of '{label}' has to be 0 or more, but it is {weight}"
            )


def prepare_labels(
    get_examples: Callable[[], Iterable[Example]], labels: Iterable[str] | None
) -> list[str] | None:
    """Check that the examples have no other labels than the given ones."""
    if labels is None:
        return None
    labels = list(labels)
    check_known(get_examples(), labels)
    return labels


def check_known(examples: Iterable[Example], labels: Sequence[str]) -> None:
    """Raise a ValueError if a document has a label that isn't one of these."""
    for example in examples:
        for label, value in example.reference.cats.items():
            if value and label not in labels:
                raise ValueError(
                    f"The document {example.reference.text[:60]!r} has the label "
                    f"'{label}', which the model doesn't know. It knows "
                    f"{sorted(labels)}."
                )


def read_categories(
    examples: Sequence[Example], labels: Sequence[str]
) -> tuple[np.ndarray, bool]:
    """Read the categories of a batch, each document's once.

    Returns:
        The value of each label, NaN where a document doesn't say, shape (B, K); and
        whether all that the documents say is in it, and is 0 or 1.
    """
    cats = [example.reference.cats for example in examples]
    rows = [list(map(each.get, labels)) for each in cats]
    values = np.array(rows, dtype="f").reshape(len(cats), len(labels))
    n_plain = np.count_nonzero((values == 0.0) | (values == 1.0))
    return values, n_plain == sum(map(len, cats))


def count_labels(
    examples: Iterable[Example], labels: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Count for each label the documents that have it, and those that don't."""
    have: Counter[str] = Counter()
    lack: Counter[str] = Counter()
    for example in examples:
        for label, value in example.reference.cats.items():
            (have if value else lack)[label] += 1
    return {label: (have[label], lack[label]) for label in labels}
