"""Whether probabilities are what they say: how often what is 90 % certain is right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spacy_rnn.checks import check_at_least

N_BINS = 15  # as Guo et al. (2017)


@dataclass(frozen=True)
class ReliabilityBins:
    """Predictions in bins of equal width by their confidence (Guo et al., 2017).

    This is what a reliability diagram shows. The bins are open below and closed above,
    but for the first one, which has 0, too.

    Attributes:
        edges: Where bins begin and end, in [0, 1], rising. Shape (M + 1,).
        counts: Number of predictions in each bin. Shape (M,).
        confidence: Their mean confidence, NaN in an empty bin. Shape (M,).
        accuracy: Share of them that is right, NaN in an empty bin. Shape (M,).
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def gaps(self) -> np.ndarray:
        """What predictions are too sure of themselves in a bin, in [-1, 1], or NaN."""
        return self.confidence - self.accuracy

    @property
    def expected_error(self) -> float:
        """The distance of confidence and accuracy, averaged over predictions."""
        if not self.counts.any():
            return float("nan")
        distances = np.nan_to_num(np.abs(self.gaps))
        return float(distances @ self.counts / self.counts.sum())

    @property
    def maximum_error(self) -> float:
        """The distance of confidence and accuracy in the worst bin."""
        found = np.abs(self.gaps)[self.counts > 0]
        return float(found.max(initial=0.0)) if len(found) else float("nan")


def reliability_bins(
    confidences: Sequence[float] | np.ndarray,
    correct: Sequence[bool] | np.ndarray,
    n_bins: int = N_BINS,
) -> ReliabilityBins:
    """Put predictions in bins by their confidence, and see how many are right there.

    Args:
        confidences: Of each prediction, in [0, 1].
        correct: Whether each prediction is right.
        n_bins: Number of bins, at least 1.

    Raises:
        ValueError: If a number is out of range, or there aren't as many of both.
    """
    check_at_least("n_bins", n_bins, 1)
    p, right = check_predictions(confidences, correct)
    edges = np.arange(n_bins + 1) / n_bins
    bin_of = np.searchsorted(edges[1:-1], p)
    counts = np.bincount(bin_of, minlength=n_bins)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN
        means, shares = (
            np.bincount(bin_of, weights=values, minlength=n_bins) / counts
            for values in (p, right)
        )
    return ReliabilityBins(edges, counts, means, shares)


def expected_calibration_error(
    confidences: Sequence[float] | np.ndarray,
    correct: Sequence[bool] | np.ndarray,
    n_bins: int = N_BINS,
) -> float:
    """Compare the confidence of predictions with how many of them are right.

    The error is the distance between the mean confidence and the share of correct
    predictions in a bin, averaged over the predictions (Naeini et al., 2015). It
    depends on the number of bins.

    Args:
        confidences: Of each prediction, in [0, 1].
        correct: Whether each prediction is right.
        n_bins: Number of bins, at least 1.

    Returns:
        The error in [0, 1], 0 being the best; NaN if there are no predictions.

    Raises:
        ValueError: If a number is out of range, or there aren't as many of both.
    """
    return reliability_bins(confidences, correct, n_bins).expected_error


def maximum_calibration_error(
    confidences: Sequence[float] | np.ndarray,
    correct: Sequence[bool] | np.ndarray,
    n_bins: int = N_BINS,
) -> float:
    """Find the greatest distance of confidence and accuracy in any bin.

    A bin with few predictions in it is as good as one with many (Naeini et al., 2015).
    For arguments, result and errors see `expected_calibration_error`.
    """
    return reliability_bins(confidences, correct, n_bins).maximum_error


def error_by_chance(
    confidences: Sequence[float] | np.ndarray, n_bins: int = N_BINS
) -> float:
    """Find the calibration error of so many predictions that are as sure as they ought.

    Even what is 90 % certain isn't right in 90 of each 100 cases. What is left of the
    expected calibration error after that is worth mending.

    Args:
        confidences: Of each prediction, in [0, 1].
        n_bins: Number of bins, at least 1.

    Returns:
        About the error to be expected of perfect confidences, in [0, 1]: the share that
        is right in a bin is taken as normally distributed. NaN without predictions.
    """
    bins = reliability_bins(confidences, np.zeros(len(confidences)), n_bins)
    p = np.asarray(confidences, dtype="d")
    bin_of = np.searchsorted(bins.edges[1:-1], p)
    variances = np.bincount(bin_of, weights=p * (1.0 - p), minlength=n_bins)
    distances = np.sqrt(2.0 / np.pi * variances)
    return float(distances.sum() / len(p)) if len(p) else float("nan")


def brier_score(
    confidences: Sequence[float] | np.ndarray, correct: Sequence[bool] | np.ndarray
) -> float:
    """Find the mean squared distance of confidences from 1 if right, 0 if wrong.

    It needs no bins, and also rewards telling right from wrong (Brier, 1950). For
    arguments, result and errors see `expected_calibration_error`.
    """
    p, right = check_predictions(confidences, correct)
    return float(np.square(p - right).mean()) if len(p) else float("nan")


def check_predictions(
    confidences: Sequence[float] | np.ndarray, correct: Sequence[bool] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return both as numbers in double precision.

    Raises:
        ValueError: If a confidence is out of range, or there aren't as many of both.
    """
    p, right = np.asarray(confidences, dtype="d"), np.asarray(correct, dtype="d")
    if len(p) != len(right):
        raise ValueError(
            f"Expected as many confidences as there are predictions, "
            f"{len(right)}, but got {len(p)}"
        )
    out_of_range = p[~((p >= 0.0) & (p <= 1.0))]
    if len(out_of_range):
        raise ValueError(
            f"A confidence has to be in [0, 1], but one is {out_of_range[0]}"
        )
    return p, right
