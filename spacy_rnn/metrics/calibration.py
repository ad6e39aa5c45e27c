"""Whether probabilities are what they say: how often what is 90 % certain is right."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import groupby

from spacy_rnn.checks import check_at_least


def expected_calibration_error(
    confidences: Sequence[float], correct: Sequence[bool], bins: int = 10
) -> float:
    """Compare the confidence of predictions with how many of them are right.

    Predictions are put into bins of equal width by their confidence (Guo et al., 2017),
    which are open below and closed above; the error is the distance between the mean
    confidence and the share of correct predictions in a bin, averaged over the
    predictions (Naeini et al., 2015). It depends on the number of bins.

    Args:
        confidences: Of each prediction, in [0, 1].
        correct: Whether each prediction is right.
        bins: Number of bins, at least 1.

    Returns:
        The error in [0, 1], 0 being the best; NaN if there are no predictions.

    Raises:
        ValueError: If a number is out of range, or there aren't as many of both.
    """
    check_at_least("bins", bins, 1)
    if len(confidences) != len(correct):
        raise ValueError(
            f"Expected as many confidences as there are predictions, "
            f"{len(correct)}, but got {len(confidences)}"
        )
    for confidence in confidences:
        if not 0.0 <= confidence <= 1.0:
            raise ValueError(
                f"A confidence has to be in [0, 1], but one is {confidence}"
            )
    if not len(correct):
        return float("nan")
    edges = [i / bins for i in range(1, bins + 1)]

    def bin_of(prediction: tuple[float, bool]) -> int:
        return bisect_left(edges, prediction[0])

    pairs = sorted(zip(map(float, confidences), correct, strict=True))
    gaps = [
        abs(sum(confidence - right for confidence, right in group))
        for _, group in groupby(pairs, key=bin_of)
    ]
    return sum(gaps) / len(pairs)
