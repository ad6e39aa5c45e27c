"""What the models are trained to do."""

import numpy as np
from thinc.api import Ops
from thinc.types import Floats2d


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
        truths: 0 or 1. Shape (B, K).
        weights: How much each value counts, 0 where the truth is unknown. Shape (B, K);
            if exclusive, the same along a row.
        exclusive: Whether exactly one label of a document is right.
        label_smoothing: Share of the truth, in [0, 1), that is spread evenly over the
            possible outcomes (Szegedy et al., 2016).

    Returns:
        The loss per document, in nats, and its gradient with respect to the scores
        that the probabilities were made from, not divided by B, shape (B, K).
    """
    outcomes = truths.shape[1] if exclusive else 2
    truths = truths * (1.0 - label_smoothing) + label_smoothing / outcomes
    tiny = float(np.finfo("f").tiny)
    log_likelihood = truths * ops.xp.log(probabilities + tiny)
    if not exclusive:
        log_likelihood += (1.0 - truths) * ops.xp.log(1.0 - probabilities + tiny)
    loss = -float((log_likelihood * weights).sum()) / max(1, len(truths))
    return loss, (probabilities - truths) * weights


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
