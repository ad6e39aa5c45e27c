"""What models that score tag sequences are trained to do."""

import numpy as np
import torch
from torch import Tensor

from spacy_rnn.modules.crf import log_partition
from spacy_rnn.modules.devices import to_device
from spacy_rnn.modules.lattice import Lattice
from spacy_rnn.tags.scores import check_possible, docs_of, restrict
from spacy_rnn.tags.tag_set import TagSet, span_sets

NO_SPANS = np.zeros((0, 3), dtype="i8")


def crf_loss(
    lattice: Lattice,
    tag_set: TagSet | None,
    allowed: np.ndarray,
    forbidden: np.ndarray = NO_SPANS,
) -> tuple[float, tuple[Tensor, ...]]:
    """Compute how improbable an annotation is, and the gradient of that.

    What isn't annotated is summed over (Tsuboi et al., 2008).

    Args:
        lattice: All legal sequences.
        tag_set: The tags. Nothing but forbidden spans depends on them.
        allowed: The tags that each token may have. Shape (N, K), bool. Where a document
            may have them all, nothing is annotated, and nothing lost.
        forbidden: Spans that documents don't have, as from `find_spans`, shape
            (spans, 3). A span of probability P adds -log(1 - P) to the loss.

    Returns:
        The loss per document, in nats, and its gradient, not divided by B, for the
        lattice's leaves.

    Raises:
        ValueError: If no legal sequence is allowed for a document, or the arrays don't
            fit together.
    """
    if not len(lattice.emissions):
        return 0.0, tuple(torch.zeros_like(leaf) for leaf in lattice.leaves)
    for leaf in lattice.leaves:
        leaf.requires_grad_()
    both = lattice.append(restrict(lattice, allowed))
    free, given = log_partition(both).chunk(2)
    is_known = to_device(torch.from_numpy(~allowed.all(1)), free.device).to(free)
    n_known = torch.zeros_like(free).index_add(0, lattice.steps.doc_of, is_known)
    loss = torch.where(n_known > 0, free - given, 0.0).sum()
    if tag_set is not None and len(forbidden):
        docs = to_device(torch.from_numpy(docs_of(lattice, forbidden)), free.device)
        without = log_without(lattice, tag_set, forbidden)
        loss = loss + (free[docs].sum() - without.sum())
    gradient = torch.autograd.grad(loss, lattice.leaves)
    check_possible(given)  # a GPU has all of that to do now
    return loss.item() / len(lattice.lengths), gradient


def divergence(lattice: Lattice, before: Lattice) -> tuple[float, tuple[Tensor, ...]]:
    """Compute how far the distribution of sequences is from what it was before.

    Args:
        lattice: All legal sequences.
        before: The same, with the scores of before.

    Returns:
        The Kullback-Leibler divergence per document, in nats, and its gradient, not
        divided by B, for the lattice's leaves.
    """
    if not len(lattice.emissions):
        return 0.0, tuple(torch.zeros_like(leaf) for leaf in lattice.leaves)
    totals, all_uses = [], []
    for each in (lattice, before):
        for leaf in each.leaves:
            leaf.requires_grad_()
        totals.append(log_partition(each).sum())
        all_uses.append(torch.autograd.grad(totals[-1], each.leaves))
    uses, uses_before = all_uses
    loss = (totals[0] - totals[1]).item()
    for n, x, y in zip(uses_before, lattice.leaves, before.leaves, strict=True):
        loss += torch.where(n > 0, n * (y - x), 0.0).sum().item()
    gradient = tuple(x - y for x, y in zip(uses, uses_before, strict=True))
    return loss / len(lattice.lengths), gradient


def log_without(lattice: Lattice, tag_set: TagSet, spans: np.ndarray) -> Tensor:
    """Sum the exponentiated scores of all sequences without a span, for each span.

    These are summed up in disjoint groups: each departs from the span at another of its
    tokens. So nothing cancels, however probable the span is.

    Returns:
        Logarithms. Shape (spans,).
    """
    lengths, docs = lattice.lengths.numpy(), docs_of(lattice, spans)
    within = spans.copy()
    within[:, :2] -= (lengths.cumsum() - lengths)[docs, None]
    groups = [
        sets_without(tag_set, span, lengths[doc])
        for doc, span in zip(docs, within, strict=True)
    ]
    sizes = [len(group) for group in groups]
    pieces = lattice.select(torch.from_numpy(docs.repeat(sizes)))
    sets = np.concatenate([group.reshape(-1, group.shape[2]) for group in groups])
    all_without = log_partition(restrict(pieces, sets)).split(sizes)
    return torch.stack([each.logsumexp(0) for each in all_without])


def sets_without(tag_set: TagSet, span: np.ndarray, length: int) -> np.ndarray:
    """Say by disjoint groups of sets of tags that a document doesn't have a span.

    In the i-th group all goes as with the span up to its i-th token, and then not.

    Args:
        tag_set: The tags.
        span: Its first token, its end and the row of its label.
        length: Tokens in the document.

    Returns:
        The tags that are left to each token. Shape (groups, length, K), bool.
    """
    inside = span_sets(tag_set, span, length)
    groups = np.ones((len(inside), length, inside.shape[1]), dtype=bool)
    for i, sets in enumerate(inside):
        groups[i, span[0] + i] = ~sets
        groups[i + 1 :, span[0] + i] = sets
    return groups
