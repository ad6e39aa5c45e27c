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

from spacy_rnn.modules.crf import posterior
from spacy_rnn.modules.lattice import Lattice
from spacy_rnn.ragged import RaggedList, count
from spacy_rnn.tags import decoding, loss
from spacy_rnn.tags.scores import check_possible, from_gradient, join_scores
from spacy_rnn.types import CRFScores

__all__ = ["best_labels", "crf_loss", "marginals"]

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
        nats, and its gradient with respect to the scores, float32.

    Raises:
        ValueError: If there are labels for more or fewer sequences or steps, there is
            no such label, a sequence is impossible, or arrays don't fit together.
    """
    lattice = lay_out(scores)
    allowed = allow(labels, lattice.lengths.tolist(), lattice.emissions.shape[1])
    with torch.enable_grad():
        mean, gradient = loss.crf_loss(lattice, None, allowed)
    d_scores = from_gradient(get_array_ops(scores.start), gradient, scores)
    return mean * len(labels), cast(CRFScores, d_scores)


def allow(
    labels: Sequence[Sequence[int]], sizes: Sequence[int], n_labels: int
) -> np.ndarray:
    """Say which labels each step may have, given the steps. Shape (N, K), bool."""
    if len(labels) != len(sizes):
        raise ValueError(f"There are scores of {len(sizes)}, labels of {len(labels)}")
    for i, (each, size) in enumerate(zip(labels, sizes, strict=True)):
        if len(each) != size:
            raise ValueError(
                f"The steps of sequence {i} with scores are {size}, but those with "
                f"labels are {len(each)}"
            )
    of_step = np.fromiter(chain.from_iterable(labels), dtype=np.int64, count=sum(sizes))
    wrong = of_step[(of_step < UNKNOWN) | (of_step >= n_labels)]
    if len(wrong):
        raise ValueError(
            f"There is the label {wrong[0]}, but labels are from 0 to {n_labels - 1}, "
            f"or {UNKNOWN} where they aren't known"
        )
    return (of_step[:, None] == np.arange(n_labels)) | (of_step == UNKNOWN)[:, None]


def best_labels(scores: CRFScores) -> list[np.ndarray]:
    """Find the most probable labels of each sequence (Viterbi, 1967).

    Raises:
        ValueError: If a sequence is impossible, or arrays don't fit together.
    """
    return cut(decoding.best_paths(lay_out(scores)), scores)


def marginals(scores: CRFScores) -> list[np.ndarray]:
    """Find the probability of each label at each step. Shape (T, K) each, float64.

    Raises:
        ValueError: If a sequence is impossible, or arrays don't fit together.
    """
    lattice = lay_out(scores)
    found = posterior(lattice)
    check_possible(found.log_partition(lattice.steps))
    return cut(found.marginals().cpu().numpy(), scores)


def cut(rows: np.ndarray, scores: CRFScores) -> list[np.ndarray]:
    return list(RaggedList(rows, count(scores.emissions)))


def lay_out(scores: CRFScores) -> Lattice:
    """Lay out all sequences, in double precision."""
    n_labels = len(scores.start)
    for name, n_dims in (("transitions", 2), ("start", 1), ("end", 1)):
        shape = getattr(scores, name).shape
        if shape != (n_labels,) * n_dims:
            raise ValueError(
                f"{name} has the shape {shape}, but with {n_labels} labels it has to "
                f"be {(n_labels,) * n_dims}"
            )
    emissions = join_scores(scores.emissions, n_labels).double()
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
