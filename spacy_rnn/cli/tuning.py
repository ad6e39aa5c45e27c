"""Tune the thresholds of text classifiers, and tell what that brings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.training import Example

from spacy_rnn.checks import list_names
from spacy_rnn.cli.debugging.topics import count
from spacy_rnn.pipeline.labels import read_categories
from spacy_rnn.pipeline.threshold_search import (
    MEASURES,
    decide_by_others,
    find_thresholds,
    measure_labels,
)
from spacy_rnn.pipeline.thresholds import decide, read_scores


@dataclass
class LabelRow:
    """What was tuned for a label.

    Attributes:
        label: The label.
        threshold: The new one, None if another label has it.
        is_own: Whether it is for this label only.
        support: How many documents have the label.
        before: The metric before, in [0, 1].
        after: The metric with the new thresholds.
    """

    label: str
    threshold: float | None
    is_own: bool
    support: int
    before: float
    after: float


@dataclass
class Report:
    """What was tuned.

    Attributes:
        component: Its name.
        metric: What the thresholds are the best for.
        threshold: The one for all labels without one of their own, None if those are
            two of which one is right.
        labels: A row for each.
        before: Mean of the metric over the labels, in [0, 1]; of two labels of which
            one is right, that of the one with the threshold.
        after: The same with the new thresholds.
        expected: The same where no document had a part in finding its thresholds.
    """

    component: str
    metric: str
    threshold: float | None
    labels: list[LabelRow]
    before: float
    after: float
    expected: float


def tune(
    pipe: Any,
    examples: Sequence[Example],
    *,
    metric: str,
    per_label: bool,
    min_positives: int,
    positive_label: str | None,
) -> Report:
    """Find the thresholds of a text classifier, and give them to it.

    Args:
        pipe: The component.
        examples: What it predicted.
        metric: Name of what to raise.
        per_label: Whether each label gets a threshold.
        min_positives: How many documents have to have it for that.
        positive_label: Of two labels of which one is right, which gets it.

    Raises:
        ValueError: If there is nothing to tune.
    """
    scores, truths = read_data(pipe, examples)
    chosen = choose_labels(pipe, truths, positive_label, min_positives)
    columns = [pipe.labels.index(label) for label in chosen]
    measure = MEASURES[metric]
    data = (scores[:, columns], truths[:, columns], measure)
    settings: dict[str, Any] = {
        "common": 0.5 if pipe.exclusive else pipe.cfg["threshold"],
        "min_positives": min_positives,
        "per_label": per_label or pipe.exclusive,
    }
    by_others = decide_by_others(*data, **settings)
    before = decide(pipe, scores)
    found = find_thresholds(*data, **settings)
    own = dict(zip(chosen, found.own.tolist(), strict=True))
    pipe.configure(
        thresholds={k: v for k, v in own.items() if not np.isnan(v)} or None,
        threshold=pipe.cfg["threshold"] if pipe.exclusive else found.common,
    )
    old, new = (
        measure_labels(decided, truths, measure)
        for decided in (before, decide(pipe, scores))
    )
    return Report(
        pipe.name,
        metric,
        None if pipe.exclusive else found.common,
        make_rows(pipe, np.nansum(truths, axis=0), old, new),
        float(old[columns].mean()),
        float(new[columns].mean()),
        float(measure_labels(by_others, truths[:, columns], measure).mean()),
    )


def make_rows(
    pipe: Any, supports: np.ndarray, before: np.ndarray, after: np.ndarray
) -> list[LabelRow]:
    """Return a row for each label of a component whose thresholds were tuned."""
    own = pipe.cfg["thresholds"] or {}
    common = None if pipe.exclusive else pipe.cfg["threshold"]
    columns = (supports.tolist(), before.tolist(), after.tolist())
    return [
        LabelRow(label, own.get(label, common), label in own, int(support), *values)
        for label, support, *values in zip(pipe.labels, *columns, strict=True)
    ]


def read_data(pipe: Any, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities and truths, NaN for what isn't known, both of shape (N, K).

    Raises:
        ValueError: If no document has a label that the component knows.
    """
    truths, _ = read_categories(examples, pipe.labels)
    scores = read_scores(pipe, (example.predicted for example in examples))
    if pipe.exclusive:  # a label that isn't named is wrong, and one has to be right
        truths = np.nan_to_num(truths)
        is_labelled = truths.any(axis=1)
        truths, scores = truths[is_labelled], scores[is_labelled]
    if not np.nansum(truths):
        raise ValueError(
            f"No document has a label that '{pipe.name}' knows: "
            f"{list_names(sorted(pipe.labels))}"
        )
    return scores, truths


def choose_labels(
    pipe: Any, truths: np.ndarray, positive_label: str | None, min_positives: int
) -> Sequence[str]:
    """Return the labels that thresholds are for.

    Raises:
        ValueError: If that can't be said, or too few documents have the only one.
    """
    labels: Sequence[str] = pipe.labels
    if not pipe.exclusive:
        if positive_label is not None:
            raise ValueError(
                f"--positive-label: '{pipe.name}' gives each label a threshold"
            )
        return labels
    if len(labels) != 2:
        raise ValueError(
            f"'{pipe.name}' chooses one of {len(labels)} labels, the most "
            f"probable one. Only of two labels can one have a threshold"
        )
    counts = dict(zip(labels, truths.sum(axis=0), strict=True))
    rarer = min(labels, key=lambda label: counts[label])
    positive = positive_label or pipe.cfg.get("positive_label") or rarer
    if positive not in labels:
        raise ValueError(
            f"--positive-label {positive}: the labels are "
            f"{list_names(sorted(labels), positive)}"
        )
    if min(counts.values()) < min_positives:
        raise ValueError(
            f"The label {rarer!r} is only that of "
            f"{count(int(counts[rarer]), 'document')}: a threshold takes "
            f"{min_positives}, see --min-positives"
        )
    return [positive]
