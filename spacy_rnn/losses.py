"""What the models are trained to do."""

from functools import partial
from typing import Any

import numpy as np
from thinc.api import Ops
from thinc.types import Floats2d, Ints1d


def cross_entropy(
    ops: Ops,
    probabilities: Floats2d,
    truths: Floats2d,
    weights: Floats2d,
    *,
    exclusive: bool,
    label_smoothing: float,
) -> tuple[float, Floats2d]:
    """Compute the cross-entropy of label probabilities, and its gradient.

    Args:
        ops: Where to compute.
        probabilities: In [0, 1], from a softmax if exclusive, else logistic. Shape
            (B, K).
        truths: 0 or 1, or if not exclusive, anything between. Shape (B, K).
        weights: How much each value counts, 0 where the truth is unknown. Shape (B, K);
            if exclusive, the same along a row.
        exclusive: Whether exactly one label of a document is right.
        label_smoothing: Share of the truth, in [0, 1), that is spread evenly over the
            possible outcomes (Szegedy et al., 2016).

    Returns:
        The loss per document, in nats, on a GPU in an array without dimensions, and its
        gradient with respect to the scores that the probabilities were made from, not
        divided by B, shape (B, K).
    """
    outcomes = truths.shape[1] if exclusive else 2
    truths = truths * (1.0 - label_smoothing) + label_smoothing / outcomes
    tiny = float(np.finfo("f").tiny)
    log_likelihood = truths * ops.xp.log(probabilities + tiny)
    if not exclusive:
        log_likelihood += (1.0 - truths) * ops.xp.log(1.0 - probabilities + tiny)
    loss = -(log_likelihood * weights).sum(dtype="f8") / max(1, len(truths))
    return loss, (probabilities - truths) * weights


def divergence(
    ops: Ops, probabilities: Floats2d, before: Floats2d, *, exclusive: bool
) -> tuple[float, Floats2d]:
    """Compute how far probabilities are from what they were before.

    Args:
        ops: Where to compute.
        probabilities: In [0, 1], from a softmax if exclusive, else logistic. Shape
            (B, K).
        before: The same, of before.
        exclusive: Whether exactly one label is right.

    Returns:
        The Kullback-Leibler divergence per row, in nats, on a GPU in an array without
        dimensions, and its gradient with respect to the scores that the probabilities
        were made from, not divided by B, shape (B, K).
    """
    (loss, gradient), (entropy, _) = (
        cross_entropy(
            ops,
            predicted,
            before,
            ops.xp.ones_like(before),
            exclusive=exclusive,
            label_smoothing=0.0,
        )
        for predicted in (probabilities, before)
    )
    return loss - entropy, gradient


def token_cross_entropy(
    ops: Ops,
    probabilities: Floats2d,
    truths: np.ndarray,
    *,
    wrong: np.ndarray,
    label_smoothing: float,
) -> tuple[float, Floats2d]:
    """Compute the cross-entropy of partly annotated tokens, and its gradient.

    Args:
        ops: Where to compute.
        probabilities: From a softmax. Shape (N, K).
        truths: The label of each token, -1 where it's unknown. On the CPU. Shape (N,).
        wrong: A label that a token is only known not to have, else -1. On the CPU.
            Shape (N,).
        label_smoothing: Share of the truth, in [0, (K - 1) / K), that is spread evenly
            over the other labels (Szegedy et al., 2016).

    Returns:
        The loss per annotated token, in nats, on a GPU in an array without dimensions,
        and the gradient of the sum of them with respect to the scores that the
        probabilities were made from, shape (N, K).

    Raises:
        ValueError: If smoothing would leave the true label less than the others.
    """
    n_tokens, n_labels = probabilities.shape
    if label_smoothing and n_tokens and label_smoothing >= (n_labels - 1) / n_labels:
        raise ValueError(
            f"label_smoothing has to be below (K - 1) / K, so that the true label out "
            f"of {n_labels} gets most, but it is {label_smoothing}"
        )
    xp = ops.xp
    gradient, loss, n_known = xp.zeros_like(probabilities), 0.0, 0
    pull = partial(pull_up, label_smoothing=label_smoothing)
    for labels, find_loss in ((truths, pull), (wrong, push_down)):
        known = np.flatnonzero(labels >= 0)
        if len(known):
            tokens = xp.asarray(known)
            found, gradient[tokens] = find_loss(
                xp, probabilities[tokens], xp.asarray(labels[known])
            )
            loss, n_known = loss + found, n_known + len(known)
    return loss / max(1, n_known), gradient


def pull_up(
    xp: Any, probabilities: Floats2d, labels: Ints1d, label_smoothing: float
) -> tuple[float, Floats2d]:
    """Compute the cross-entropy, and its gradient, of tokens with these labels."""
    n_labels = probabilities.shape[1]
    rows, tiny = xp.arange(len(labels)), float(np.finfo("f").tiny)
    spread = label_smoothing / (n_labels - 1) if label_smoothing else 0.0
    top = 1.0 - label_smoothing - spread  # what the true label has more than the others
    loss = -top * xp.log(probabilities[rows, labels] + tiny).sum(dtype="f8")
    if spread:
        loss -= spread * xp.log(probabilities + tiny).sum(dtype="f8")
    gradient = probabilities - spread
    gradient[rows, labels] -= top
    return loss, gradient


def push_down(
    xp: Any, probabilities: Floats2d, labels: Ints1d
) -> tuple[float, Floats2d]:
    """Compute the cross-entropy, and its gradient, of tokens without these labels."""
    rows, tiny = xp.arange(len(labels)), float(np.finfo("f").tiny)
    found = probabilities[rows, labels]
    others = probabilities.copy()
    others[rows, labels] = 0.0
    rest = others.sum(axis=1) + tiny  # 1 - found would have no digits near 0
    gradient = others * (-found / rest)[:, None]
    gradient[rows, labels] = found
    return -xp.log(rest).sum(dtype="f8"), gradient


def balanced_classes(counts: dict[str, tuple[int, int]]) -> dict[str, float]:
    """Weigh exclusive classes so that each counts as much as any other.

    Args:
        counts: For each label the documents that have it, and those that don't.

    Returns:
        A weight per label, 1 on average over the documents, 1 for an unseen label.
    """
    seen = {label: have for label, (have, _) in counts.items() if have}
    total = sum(seen.values())
    return {
        label: total / (len(seen) * seen[label]) if label in seen else 1.0
        for label in counts
    }


def balanced_labels(counts: dict[str, tuple[int, int]]) -> dict[str, float]:
    """Weigh a label's documents so that they count as much as those without it.

    Args:
        counts: For each label the documents that have it, and those that don't.

    Returns:
        A weight per label, for the documents that have it; 1 for an unseen label.
    """
    return {
        label: lack / have if have and lack else 1.0
        for label, (have, lack) in counts.items()
    }
