"""Labels without times: connectionist temporal classification (Graves et al., 2006).

A sequence of vectors, of sound or handwriting, has fewer labels than vectors, and which
vector belongs to which isn't known. Each vector is given a score for each label, and
for none, the blank, which is label 0. A path names a label for each vector; it stands
for the labels that are left once repetitions are taken for one, and blanks are taken
away. The probability of labels is that of all their paths.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from math import inf, log
from typing import Any

import numpy as np
import torch
from thinc.api import torch2xp, xp2torch
from thinc.backends import get_array_ops
from thinc.types import Floats2d
from torch.nn.functional import ctc_loss as torch_ctc_loss
from torch.nn.utils.rnn import pad_sequence

from spacy_rnn.checks import check_at_least

__all__ = ["align", "best_path", "ctc_loss", "prefix_search"]

BLANK = 0


def ctc_loss(
    Ys: Sequence[Floats2d], labels: Sequence[Sequence[int]]
) -> tuple[float, list[Floats2d]]:
    """Compare scores with the labels that they should give.

    Args:
        Ys: Scores of each sequence, of any size, but finite. Shape (T, K) each.
        labels: Of each sequence, in order, from 1 to K - 1.

    Returns:
        The loss, which is the negative logarithm of the probability of all labels, in
        nats, and its gradient with respect to the scores of each sequence.

    Raises:
        ValueError: If there are labels for more or fewer sequences; if one is too short
            for its labels: each takes a vector, and the same one twice a blank between;
            if there is no such label, or a score is infinite or NaN.
    """
    if len(Ys) != len(labels):
        raise ValueError(f"There are scores of {len(Ys)}, labels of {len(labels)}")
    for i, (Y, each) in enumerate(zip(Ys, labels, strict=True)):
        check_labels(each, Y, f"Sequence {i}")
        needed = len(each) + sum(first == second for first, second in pairwise(each))
        if needed > len(Y):
            raise ValueError(
                f"Sequence {i} has {len(Y)} vectors, but its labels take {needed}"
            )
    if not any(map(len, Ys)):
        return 0.0, list(Ys)
    ops = get_array_ops(Ys[0])
    xp: Any = ops.xp
    scores = [xp2torch(xp.ascontiguousarray(Y), requires_grad=True) for Y in Ys]
    device = scores[0].device
    with torch.enable_grad():
        padded = pad_sequence(scores)
        if not padded.isfinite().all():
            raise ValueError("A score is infinite or NaN, but all have to be finite")
        loss = torch_ctc_loss(
            padded.log_softmax(dim=2),
            torch.tensor([label for each in labels for label in each], device=device),
            torch.tensor([len(Y) for Y in Ys]),
            torch.tensor([len(each) for each in labels]),
            blank=BLANK,
            reduction="sum",
        )
    grads = torch.autograd.grad(loss, scores)
    dYs: list[Any] = [torch2xp(grad, ops=ops) for grad in grads]
    return loss.item(), dYs


def check_labels(labels: Sequence[int], Y: Any, name: str) -> None:
    """Raise a ValueError for a label that has no score, or is the blank."""
    for label in labels:
        if not BLANK < label < Y.shape[1]:
            raise ValueError(
                f"{name} has the label {label}, but with scores of shape {Y.shape} "
                f"labels are from 1 to {Y.shape[1] - 1}"
            )


def best_path(Y: np.ndarray) -> list[int]:
    """Return the labels of the most probable path. Y has the shape (T, K)."""
    path = Y.argmax(axis=1).tolist()
    starts = [label for i, label in enumerate(path) if not i or label != path[i - 1]]
    return [label for label in starts if label != BLANK]


def prefix_search(Y: np.ndarray, beam: int) -> tuple[list[int], float]:
    """Search for the most probable labels, all their paths taken together.

    The most probable prefixes are kept, from vector to vector (Hannun et al., 2014).

    Args:
        Y: Scores of one sequence. Shape (T, K).
        beam: How many prefixes are kept, at least 1. If they are all there are, the
            result is exact.

    Returns:
        The labels, and the logarithm of their probability, in nats.

    Raises:
        ValueError: If a score is NaN or plus infinity, or all of a vector are minus
            infinity.
    """
    check_at_least("beam", beam, 1)
    # A prefix is another one, given by its number, and the label that follows there.
    prefixes: list[tuple[int, int]] = [(-1, BLANK)]  # the first one is empty
    numbers = {prefixes[0]: 0}
    # Probability of each prefix, by whether its paths end with a blank or a label,
    # relative to that of all that were kept before.
    kept = {prefixes[0]: (1.0, 0.0)}
    scale = 0.0
    for row in np.exp(log_softmax(Y)).tolist():
        found: defaultdict[tuple[int, int], list[float]]
        found = defaultdict(lambda: [0.0, 0.0])
        for prefix, (blank, label) in kept.items():
            number, last = numbers[prefix], prefix[1]
            found[prefix][0] += (blank + label) * row[BLANK]
            if last != BLANK:
                found[prefix][1] += label * row[last]
            for i, probability in enumerate(row[1:], start=1):
                before = blank if i == last else blank + label
                found[number, i][1] += before * probability
        best = sorted(found, key=lambda prefix: sum(found[prefix]), reverse=True)[:beam]
        total = sum(sum(found[prefix]) for prefix in best)
        scale += log(total)
        kept = {
            prefix: (found[prefix][0] / total, found[prefix][1] / total)
            for prefix in best
        }
        for prefix in best:
            if numbers.setdefault(prefix, len(prefixes)) == len(prefixes):
                prefixes.append(prefix)
    prefix = max(kept, key=lambda prefix: sum(kept[prefix]))
    probability, labels = sum(kept[prefix]), []
    while prefix[1] != BLANK:
        labels.append(prefix[1])
        prefix = prefixes[prefix[0]]
    return labels[::-1], scale + log(probability)


def align(Y: np.ndarray, labels: Sequence[int]) -> list[tuple[int, int]]:
    """Find where labels stand, on the most probable of their paths.

    Args:
        Y: Scores of one sequence. Shape (T, K).
        labels: From 1 to K - 1, in order.

    Returns:
        For each label its first vector, and the one after its last.

    Raises:
        ValueError: If the sequence is too short for its labels, there is no such label,
            a score is NaN or plus infinity, or all of a vector are minus infinity.
    """
    check_labels(labels, Y, "The sequence")
    states = np.zeros(2 * len(labels) + 1, dtype=int)  # a blank before and after each
    states[1::2] = labels
    no_skip = np.ones(len(states), dtype=bool)  # from one label to the next
    no_skip[3::2] = states[3::2] == states[1:-2:2]
    best = np.full(len(states), -inf)
    best[0], moves = 0.0, []
    for row in log_softmax(Y)[:, states]:
        before = np.concatenate([[-inf, -inf], best])
        skip = np.where(no_skip, -inf, before[:-2])
        options = np.stack([best, before[1:-1], skip])
        moves.append(options.argmax(axis=0))
        best = options.max(axis=0) + row
    state = len(states) - 1
    if len(labels) and len(Y) and best[-2] > best[-1]:
        state -= 1
    if best[state] == -inf:
        raise ValueError(f"{len(Y)} vectors are too few for {len(labels)} labels")
    path = []
    for move in reversed(moves):
        path.append(state)
        state -= move[state]
    of_labels = range(1, len(states), 2)
    starts, ends = (
        np.searchsorted(path[::-1], of_labels, side).tolist()
        for side in ("left", "right")
    )
    return list(zip(starts, ends, strict=True))


def log_softmax(Y: np.ndarray) -> np.ndarray:
    """Return logarithms of probabilities. Shape (T, K), float64."""
    highest = Y.max(axis=1, keepdims=True, initial=-inf)
    if not np.isfinite(highest).all():
        raise ValueError(
            "A score is NaN or plus infinity, or all of a vector are minus infinity"
        )
    Y = Y.astype("float64") - highest
    return Y - np.log(np.exp(Y).sum(axis=1, keepdims=True))
