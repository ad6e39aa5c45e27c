"""How probable spans are beside everything else, and what that depends on."""

import numpy as np
import torch
from torch import Tensor

from spacy_rnn.modules.crf import log_partition
from spacy_rnn.modules.lattice import Lattice
from spacy_rnn.tags.loss import log_without
from spacy_rnn.tags.scores import restrict
from spacy_rnn.tags.tag_set import TagSet, span_sets


def span_log_odds(
    lattice: Lattice, tag_set: TagSet, spans: np.ndarray
) -> tuple[np.ndarray, tuple[Tensor, ...]]:
    """Find the log odds of spans, and the gradient of their sum.

    Args:
        lattice: All legal sequences, of one document for each span.
        tag_set: The tags.
        spans: The span of each document, as from `find_spans`. Shape (B, 3).

    Returns:
        In nats, shape (B,), and the gradient for the lattice's leaves.
    """
    for leaf in lattice.leaves:
        leaf.requires_grad_()
    sets = np.ones(lattice.emissions.shape, dtype=bool)
    for span, end in zip(spans, lattice.lengths.cumsum(0).tolist(), strict=True):
        inside = span_sets(tag_set, span, end)
        sets[span[0] : span[0] + len(inside)] = inside
    with_span = log_partition(restrict(lattice, sets))
    odds = with_span - log_without(lattice, tag_set, spans)
    return odds.detach().cpu().numpy(), torch.autograd.grad(odds.sum(), lattice.leaves)
