"""What the models are trained to do."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from thinc.api import Ops
from thinc.types import Floats2d, Ints1d
from torch import Tensor

from spacy_rnn.modules.crf import log_partition
from spacy_rnn.modules.lattice import Lattice
from spacy_rnn.tag_schemes import Constraints, Scheme, Span, check_span, sets_without
from spacy_rnn.tag_scores import (
    check_possible,
    from_gradient,
    join_sets,
    to_lattice,
)
from spacy_rnn.types import TagScores


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


def token_cross_entropy(
    ops: Ops,
    probabilities: Floats2d,
    truths: Ints1d,
    *,
    wrong: Ints1d,
    label_smoothing: float,
) -> tuple[float, Floats2d]:
    """Compute the cross-entropy of partly annotated tokens, and its gradient.

    Args:
        ops: Where to compute.
        probabilities: From a softmax. Shape (N, K).
        truths: The label of each token, -1 where it's unknown. Shape (N,).
        wrong: A label that a token is only known not to have, else -1. Shape (N,).
        label_smoothing: Share of the truth, in [0, (K - 1) / K), that is spread evenly
            over the other labels (Szegedy et al., 2016).

    Returns:
        The loss per annotated token, in nats, and the gradient of the sum of them with
        respect to the scores that the probabilities were made from, shape (N, K).

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
    gradient = xp.zeros_like(probabilities)
    (right,), (not_right,) = xp.nonzero(truths >= 0), xp.nonzero(wrong >= 0)
    loss_right, gradient[right] = pull_up(
        xp, probabilities[right], truths[right], label_smoothing
    )
    loss_wrong, gradient[not_right] = push_down(
        xp, probabilities[not_right], wrong[not_right]
    )
    return (loss_right + loss_wrong) / max(1, len(right) + len(not_right)), gradient


def pull_up(
    xp: Any, probabilities: Floats2d, labels: Ints1d, label_smoothing: float
) -> tuple[float, Floats2d]:
    """Compute the cross-entropy, and its gradient, of tokens with these labels."""
    n_labels = probabilities.shape[1]
    rows, tiny = xp.arange(len(labels)), float(np.finfo("f").tiny)
    spread = label_smoothing / (n_labels - 1) if label_smoothing else 0.0
    top = 1.0 - label_smoothing - spread  # what the true label has more than the others
    loss = -top * float(xp.log(probabilities[rows, labels] + tiny).sum())
    if spread:
        loss -= spread * float(xp.log(probabilities + tiny).sum())
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
    return -float(xp.log(rest).sum()), gradient


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


def crf_loss(
    ops: Ops,
    scores: TagScores,
    constraints: Constraints,
    allowed: Sequence[np.ndarray],
    *,
    forbidden: Sequence[Sequence[Span]] = (),
    tags: Sequence[str] = (),
    scheme: Scheme = "BIO",
) -> tuple[float, TagScores]:
    """Compute how improbable an annotation is, and the gradient of that.

    What isn't annotated is summed over (Tsuboi et al., 2008).

    Args:
        ops: Where the gradient goes.
        scores: Scores of tag sequences, or of tokens alone.
        constraints: The legal sequences.
        allowed: The tags that each token may have. For each document an array of shape
            (number of tokens, K), bool. Where a document may have them all, nothing is
            annotated, and nothing lost.
        forbidden: For each document the spans that it doesn't have; none if empty. A
            span of probability P adds -log(1 - P) to the loss.
        tags: The K tags, needed if there are forbidden spans.
        scheme: The scheme of the tags.

    Returns:
        The loss per document, in nats, and its gradient, not divided by B, in the form
        of the scores.

    Raises:
        ValueError: If no legal sequence is allowed for a document, the arrays don't
            fit together, or a forbidden span reaches out of its document.
    """
    lattice = to_lattice(scores, constraints)
    leaves = (lattice.emissions, lattice.transitions, lattice.start, lattice.end)
    sets = join_sets(allowed, lattice)
    if not len(sets):
        return 0.0, from_gradient(ops, [torch.zeros_like(x) for x in leaves], scores)
    for leaf in leaves:
        leaf.requires_grad_()
    both = lattice.append(lattice.restrict(sets))
    free, given = log_partition(both).chunk(2)
    check_possible(given)
    doc_of = both.steps.doc_of[: len(sets)]
    n_known = torch.zeros_like(free).index_add(0, doc_of, (~sets.all(1)).to(free))
    loss = torch.where(n_known > 0, free - given, 0.0).sum()
    if any(forbidden):
        loss = loss + span_unlikelihood(lattice, free, forbidden, tags, scheme)
    gradient = torch.autograd.grad(loss, leaves)
    return loss.item() / len(allowed), from_gradient(ops, gradient, scores)


def span_unlikelihood(
    lattice: Lattice,
    log_Z: Tensor,
    forbidden: Sequence[Sequence[Span]],
    tags: Sequence[str],
    scheme: Scheme,
) -> Tensor:
    """Sum -log(1 - P) over spans of probability P.

    The sequences without a span are summed up in disjoint groups: each departs from the
    span at another of its tokens. So nothing cancels, however probable the span is.

    Args:
        lattice: The sequences.
        log_Z: Its log partition. Shape (B,).
        forbidden: The spans of each document.
        tags: The K tags.
        scheme: Their scheme.
    """
    if len(tags) != len(lattice.start):
        raise ValueError(
            f"Forbidden spans need the names of all {len(lattice.start)} tags, but "
            f"tags is {list(tags)}"
        )
    spans = [(doc, span) for doc, each in enumerate(forbidden) for span in each]
    lengths = lattice.lengths.tolist()
    for doc, span in spans:
        check_span(span, lengths[doc])
    groups = [sets_without(span, lengths[doc], tags, scheme) for doc, span in spans]
    sizes = [len(group) for group in groups]
    docs = torch.tensor([doc for doc, _ in spans])
    sets = np.concatenate([group.reshape(-1, len(tags)) for group in groups])
    pieces = lattice.select(docs.repeat_interleave(torch.tensor(sizes)))
    pieces = pieces.restrict(torch.from_numpy(sets).to(log_Z.device))
    without = [Z.logsumexp(0) for Z in log_partition(pieces).split(sizes)]
    return log_Z[docs.to(log_Z.device)].sum() - torch.stack(without).sum()
