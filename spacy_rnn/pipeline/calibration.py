"""Probabilities that were calibrated after training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from thinc.api import get_array_module

from spacy_rnn.checks import check_finite, check_positive, list_names

ByLabel = float | dict[str, float]  # for all labels, or for each that is named

TINY = float(np.finfo("f").tiny)
# The model computes in single precision: what it takes to be certain may be this far
# from it.
UNCERTAIN = 2.0**-24


def check_calibration(name: str, value: Any, labels: Sequence[str] | None) -> None:
    """Raise a ValueError for a temperature or a bias that can't be.

    Args:
        name: "temperature" or "bias".
        value: A number, or numbers by label.
        labels: All labels of the component, empty as long as they aren't known; None if
            they can't have numbers of their own.
    """
    check = check_positive if name == "temperature" else check_finite
    named = value if isinstance(value, dict) and labels is not None else {name: value}
    for label, each in named.items():
        title = name if named is not value else f"The {name} of {label!r}"
        if not isinstance(each, int | float):
            more = "" if labels is None else ", or a mapping of label to number"
            raise ValueError(f"{title} has to be a number{more}, but it is {each!r}")
        check(title, each)
    unknown = sorted(value.keys() - set(labels or ())) if named is value else []
    if labels and unknown:
        raise ValueError(
            f"{name} names labels that there aren't: {unknown}. The labels are "
            f"{list_names(sorted(labels), unknown[0])}."
        )


def spread(value: ByLabel, labels: Sequence[str], default: float) -> np.ndarray:
    """Give each label its own value. Shape (K,)."""
    values = value if isinstance(value, dict) else dict.fromkeys(labels, value)
    return np.array([values.get(label, default) for label in labels], dtype="d")


def scale_softmax(probabilities: Any, temperature: float) -> Any:
    """Divide the scores that a softmax made probabilities of (Guo et al., 2017).

    The order of labels stays as it is: the result is in double precision, so that what
    differs goes on to do so.

    Args:
        probabilities: Shape (N, K).
        temperature: Above 0. With more than 1, probabilities are less extreme.
    """
    if temperature == 1.0:
        return probabilities
    xp = get_array_module(probabilities)
    scores = xp.log(probabilities.astype("d") + TINY) / temperature
    scores -= scores.max(axis=1, keepdims=True)
    xp.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


def scale_logistic(probabilities: Any, temperature: Any, bias: Any) -> Any:
    """Divide log odds by a temperature and add a bias (Platt, 1999).

    Thresholds go through the same: what was above one stays there.

    Args:
        probabilities: Shape (N, K), or (N,).
        temperature: Above 0, shape (K,), or a single one.
        bias: In nats, the same.
    """
    if np.all(temperature == 1.0) and np.all(bias == 0.0):
        return probabilities
    xp = get_array_module(probabilities)
    scores = log_odds(probabilities) / xp.asarray(temperature) + xp.asarray(bias)
    return xp.exp(-xp.logaddexp(0.0, -scores))


def log_odds(probabilities: Any) -> Any:
    """Return the log odds of probabilities, finite, in double precision."""
    xp = get_array_module(probabilities)
    p = xp.clip(probabilities.astype("d"), TINY, 1.0 - UNCERTAIN)
    return xp.log(p) - xp.log1p(-p)
