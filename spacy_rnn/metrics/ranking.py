"""How well probabilities tell what is right from what is wrong."""

from typing import NamedTuple

import numpy as np

from spacy_rnn.metrics.bootstrap import RESAMPLES, interval, resamples


class PrecisionRecall(NamedTuple):
    """What comes out at each probability from which on something is predicted.

    Attributes:
        thresholds: Falling, each that makes a difference. Shape (n,).
        precision: In [0, 1]. Shape (n,).
        recall: In [0, 1], rising. Shape (n,).
    """

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    @property
    def average_precision(self) -> float:
        """The mean precision over recall, by steps. In [0, 1]."""
        return float(self.precision @ np.diff(self.recall, prepend=0.0))


def precision_recall(
    confidences: np.ndarray, correct: np.ndarray, n_true: float
) -> PrecisionRecall:
    """Find precision and recall at all thresholds.

    Args:
        confidences: Of each candidate. Shape (N,).
        correct: Whether it is true. Shape (N,).
        n_true: How many there are to be found, also where no candidate is.
    """
    order = np.argsort(-confidences, kind="stable")
    falling = confidences[order]
    right = np.cumsum(correct[order], dtype="d")
    is_last = np.append(falling[1:] < falling[:-1], True)[: len(falling)]
    ends = np.flatnonzero(is_last)
    return PrecisionRecall(
        falling[ends], right[ends] / (ends + 1), right[ends] / max(n_true, 1.0)
    )


def thin_out(curve: PrecisionRecall, most: int = 120) -> PrecisionRecall:
    """Keep so many points of a curve, about evenly by recall, the ends among them."""
    n = len(curve.recall)
    if n <= most:
        return curve
    wanted = np.linspace(curve.recall[0], curve.recall[-1], most)
    kept = np.unique(np.append(np.searchsorted(curve.recall, wanted), n - 1))
    return PrecisionRecall(*(each[kept] for each in curve))


def area_under_roc(
    scores: np.ndarray, truths: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Find how probably what is true scores higher than what isn't, ties half.

    Args:
        scores: Shape (N,).
        truths: 0 or 1. Shape (N,).
        weights: How often each counts. Shape (n, N).

    Returns:
        Shape (n,), in [0, 1]; NaN where there is nothing of one of them.
    """
    order = np.argsort(scores, kind="stable")
    rising = scores[order]
    starts = np.flatnonzero(np.append(True, rising[1:] > rising[:-1])[: len(rising)])
    weights = weights[:, order]
    true = np.add.reduceat(weights * truths[order], starts, axis=1, dtype="d")
    false = np.add.reduceat(weights, starts, axis=1, dtype="d") - true
    below = np.cumsum(false, axis=1) - 0.5 * false
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN
        return (true * below).sum(axis=1) / (true.sum(axis=1) * false.sum(axis=1))


def macro_area(
    scores: np.ndarray, truths: np.ndarray, n: int = RESAMPLES
) -> tuple[float, float, float]:
    """Find the area under the curve, averaged over labels, with its interval.

    Args:
        scores: Probabilities. Shape (documents, labels).
        truths: 0, 1, or NaN if unknown. Shape (documents, labels).
        n: Number of resamples.

    Returns:
        The area, 0 for a label that all documents have or none, as in spaCy, and the
        ends of the interval that holds 95 % of the resamples' areas. There a label of
        which that is so by chance counts as the mean of the others.
    """

    def find_areas(weights: np.ndarray) -> np.ndarray:
        areas = [
            area_under_roc(scores[known, k], truths[known, k], weights[:, known])
            for k, known in enumerate(~np.isnan(truths.T))
        ]
        return np.array(areas).reshape(-1, len(weights))

    once = find_areas(np.ones((1, len(scores)), dtype="f"))
    share = (~np.isnan(once)).sum() / max(1, len(once))

    def mean(areas: np.ndarray) -> np.ndarray:
        n_known = np.maximum((~np.isnan(areas)).sum(axis=0), 1)
        return share * np.nansum(areas, axis=0) / n_known

    draws = resamples(len(scores), n)
    drawn = np.concatenate([mean(find_areas(counts)) for counts in draws])
    low, high = interval(drawn[:, None])
    return float(mean(once)[0]), float(low[0]), float(high[0])
