"""Labels that depend on their neighbours: conditional random fields on chains.

`spacy_rnn.layers.CRF` gives sequences of labels a score (Lafferty et al., 2001). The
probability of one is its exponential, divided by the sum of all of the same length.
"""

from collections.abc import Sequence
from itertools import chain
from typing import cast

import numpy as np
import torch
from thinc.backends import get_array_ops

from spacy_rnn.modules.crf import log_partition
from spacy_rnn.modules.lattice import Lattice
from spacy_rnn.ragged import RaggedList, count
from spacy_rnn.tags import decoding
from spacy_rnn.tags.scores import (
    check_possible,
    from_gradient,
    join_scores,
    restrict,
)
from spacy_rnn.types import CRFScores

UNKNOWN = -1


def crf_loss(
    scores: CRFScores, labels: Sequence[Sequence[int]]
) -> tuple[float, CRFScores]:
    """Compare scores with the labels that they should give.

    Args:
        scores: Of sequences, of any size, but no NaN; minus infinity is impossible.
        labels: Of each step of each sequence, from 0 to K - 1, or -1 where it isn't
            known. Then all labels that it could have are summed over (Tsuboi et al.,
            2008).

    Returns:
        The loss, which is the negative logarithm of the probability of all labels, in
        nats, and its gradient with respect to the scores.

    Raises:
        ValueError: If there are labels for more or fewer sequences or steps, there is
            no such label, a sequence is impossible, or arrays don't fit together.
    """
    lattice = lay_out(scores)
    sizes, n_labels = lattice.lengths.tolist(), lattice.emissions.shape[1]
    if list(map(len, labels)) != sizes:
        raise ValueError(
            f"The sequences have {sizes} steps, but labels for {list(map(len, labels))}"
        )
    of_step = np.fromiter(chain.from_iterable(labels), dtype=np.int64, count=sum(sizes))
    wrong = of_step[(of_step < UNKNOWN) | (of_step >= n_labels)]
    if len(wrong):
        raise ValueError(
            f"There is the label {wrong[0]}, but with scores for {n_labels} labels are "
            f"from 0 to {n_labels - 1}, or {UNKNOWN} for one that isn't known"
        )
    allowed = (of_step[:, None] == np.arange(n_labels)) | (of_step == UNKNOWN)[:, None]
    for leaf in lattice.leaves:
        leaf.requires_grad_()
    free, given = log_partition(lattice.append(restrict(lattice, allowed))).chunk(2)
    check_possible(given)
    loss = (free - given).sum()
    gradient = torch.autograd.grad(loss, lattice.leaves)
    d_scores = from_gradient(get_array_ops(scores.start), gradient, scores)
    return loss.item(), cast(CRFScores, d_scores)


def best_labels(scores: CRFScores) -> list[np.ndarray]:
    """Find the most probable labels of each sequence (Viterbi, 1967).

    Raises:
        ValueError: If a sequence is impossible, or arrays don't fit together.
    """
    return cut(decoding.best_paths(lay_out(scores)), scores)


def marginals(scores: CRFScores) -> list[np.ndarray]:
    """Find the probability of each label at each step. Shape (T, K), float64.

    Raises:
        ValueError: If a sequence is impossible, or arrays don't fit together.
    """
    lattice = lay_out(scores)
    lattice.emissions.requires_grad_()
    total = log_partition(lattice)
    check_possible(total)
    (found,) = torch.autograd.grad(total.sum(), lattice.emissions)
    return cut(found.cpu().numpy(), scores)


def cut(rows: np.ndarray, scores: CRFScores) -> list[np.ndarray]:
    return list(RaggedList(rows, count(scores.emissions)))


def lay_out(scores: CRFScores) -> Lattice:
    """Lay out all sequences, in double precision."""
    emissions = join_scores(scores.emissions, len(scores.start)).double()
    lattice = Lattice(
        emissions,
        torch.from_numpy(count(scores.emissions)),
        *(
            torch.from_dlpack(each.astype("float64")).to(emissions.device)
            for each in (scores.transitions, scores.start, scores.end)
        ),
    )
    for leaf in lattice.leaves:
        if not (leaf < torch.inf).all():  # NaN isn't
            raise ValueError("A score is NaN or plus infinity, which none can be")
    return lattice
