"""Find the thresholds for probabilities that are the best for a measure."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

# Of the documents with a label that were found, all that were found, all that have it,
# and all documents, the value in [0, 1] for that label.
Measure = Callable[[Any, Any, Any, Any], Any]
MIN_POSITIVES = 10  # documents with a label that a threshold of its own takes
FOLDS = 5
DECIMALS = 10  # of the settings that spaCy saves
MARGIN = 1e-12  # for what reading them changes
ALIKE = 1e-9  # values that differ by less are the same, but for rounding


def f_beta(hits: Any, found: Any, positives: Any, total: Any, *, beta: float) -> Any:
    return (1 + beta**2) * hits / np.maximum(found + beta**2 * positives, 1e-300)


def accuracy(hits: Any, found: Any, positives: Any, total: Any) -> Any:
    return (total - found - positives + 2 * hits) / np.maximum(total, 1)


def balanced_accuracy(hits: Any, found: Any, positives: Any, total: Any) -> Any:
    negatives = total - positives
    rejected = negatives - (found - hits)
    return (hits / np.maximum(positives, 1) + rejected / np.maximum(negatives, 1)) / 2


MEASURES: dict[str, Measure] = {
    "f1": partial(f_beta, beta=1.0),
    "f0.5": partial(f_beta, beta=0.5),
    "f2": partial(f_beta, beta=2.0),
    "accuracy": accuracy,
    "balanced-accuracy": balanced_accuracy,
}


class Thresholds(NamedTuple):
    """What was found.

    Attributes:
        common: The one threshold that is the best for the mean over labels.
        own: Of each label, NaN for those that the common one is for, shape (K,).
    """

    common: float
    own: np.ndarray

    def decide(self, scores: np.ndarray) -> np.ndarray:
        """Return whether documents have labels, by their scores of shape (N, K)."""
        return scores >= np.where(np.isnan(self.own), self.common, self.own)


def find_thresholds(
    scores: np.ndarray,
    truths: np.ndarray,
    measure: Measure,
    *,
    common: float,
    min_positives: int = MIN_POSITIVES,
    per_label: bool = True,
) -> Thresholds:
    """Find the best threshold for all labels, and that of each.

    Args:
        scores: Probabilities in [0, 1], shape (N, K).
        truths: 1 where a document has a label, 0 where not, NaN where it isn't known.
        measure: What to raise, of a label or in the mean over labels.
        common: The threshold so far. Of several that are the best, the nearest to it
            is taken.
        min_positives: A label that fewer documents have gets none of its own: what is
            best for a few is chance.
        per_label: Whether labels get some of their own.
    """
    common = best_threshold(scores, truths, measure, near=common)
    own = np.full(scores.shape[1], np.nan)
    if per_label:
        for k in np.flatnonzero(np.nansum(truths, axis=0) >= min_positives):
            column = slice(k, k + 1)
            own[k] = best_threshold(
                scores[:, column], truths[:, column], measure, near=common
            )
    return Thresholds(common, own)


def best_threshold(
    scores: np.ndarray, truths: np.ndarray, measure: Measure, *, near: float
) -> float:
    """Find the threshold with the highest mean over labels, by trying all there are.

    Between two neighbouring scores all are alike, so the middle is taken. Scores that
    no threshold tells apart once it was saved count as one.

    Args:
        scores: Probabilities in [0, 1], shape (N, K).
        truths: As for `find_thresholds`.
        measure: What to raise.
        near: Which of several best ones to take.
    """
    found = [
        follow_measure(*column, measure)
        for column in zip(scores.T, truths.T, strict=True)
    ]
    cuts = np.concatenate([label_cuts for label_cuts, _ in found])
    if not len(cuts):
        return near
    # Each cut changes the value of one label, so the sum is followed by the changes.
    changes = np.concatenate([np.diff(values) for _, values in found])
    order = np.argsort(-cuts, kind="stable")
    cuts, sums = cuts[order], np.cumsum(changes[order])
    last = np.append(cuts[1:] != cuts[:-1], True)
    cuts, sums = cuts[last], np.append(0.0, sums[last])
    above, below = np.append(1.0, cuts), np.append(cuts, 0.0)
    middles = np.round((above + below) / 2, DECIMALS)
    is_between = (middles > below + MARGIN) & (middles < above - MARGIN)
    # Where nothing fits below the lowest score, there is still 0, from which on all is.
    middles[-1] *= is_between[-1]
    is_between[-1] = True
    sums[~is_between] = -np.inf
    best = middles[sums >= sums.max() - ALIKE]
    return float(best[np.abs(best - near).argmin()])


def follow_measure(
    scores: np.ndarray, truths: np.ndarray, measure: Measure
) -> tuple[np.ndarray, np.ndarray]:
    """Follow the measure of a label as the threshold falls.

    Returns:
        The distinct scores, falling, shape (C,), and the value where nothing is found,
        then where all from each of them on is, shape (C + 1,).
    """
    is_known = ~np.isnan(truths)
    scores, truths = scores[is_known], truths[is_known]
    order = np.argsort(-scores, kind="stable")
    scores = scores[order]
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], scores.size > 0))
    hits = np.append(0, np.cumsum(truths[order])[last])
    found = np.append(0, last + 1)
    return scores[last], measure(hits, found, truths.sum(), truths.size)


def measure_labels(
    decided: np.ndarray, truths: np.ndarray, measure: Measure
) -> np.ndarray:
    """Return the value of each label, shape (K,).

    Args:
        decided: Whether documents were given a label, shape (N, K).
        truths: As for `find_thresholds`.
        measure: What to measure.
    """
    is_known = ~np.isnan(truths)
    return measure(
        (decided & (truths == 1)).sum(axis=0),
        (decided & is_known).sum(axis=0),
        np.nansum(truths, axis=0),
        is_known.sum(axis=0),
    )


def decide_by_others(
    scores: np.ndarray, truths: np.ndarray, measure: Measure, **settings: Any
) -> np.ndarray:
    """Decide on each document by thresholds that were found without it.

    What is measured so is what can be hoped for on new data: thresholds look too good
    on the data that they were found on.

    Args:
        scores: As for `find_thresholds`.
        truths: Likewise.
        measure: Likewise.
        **settings: The settings of `find_thresholds`.
    """
    decided = np.zeros(scores.shape, dtype=bool)
    # Files may be sorted by their labels.
    folds = np.random.default_rng(0).permutation(len(scores)) % FOLDS
    for fold in range(FOLDS):
        here = folds == fold
        found = find_thresholds(scores[~here], truths[~here], measure, **settings)
        decided[here] = found.decide(scores[here])
    return decided
