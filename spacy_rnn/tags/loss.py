"""What models that score tag sequences are trained to do."""

from collections.abc import Sequence

import numpy as np
import torch
from thinc.api import Ops
from torch import Tensor

from spacy_rnn.modules.crf import log_partition
from spacy_rnn.modules.lattice import Lattice
from spacy_rnn.tags.schemes import Constraints, Scheme, Span, check_span, sets_without
from spacy_rnn.tags.scores import (
    check_possible,
    from_gradient,
    join_sets,
    to_lattice,
)
from spacy_rnn.types import TagScores


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
