"""From arrays of tag scores to the lattice of the sequences they score, and back."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from thinc.api import Ops, get_array_module
from thinc.util import torch2xp
from torch import Tensor

from spacy_rnn.modules.lattice import Lattice
from spacy_rnn.tags.schemes import Constraints
from spacy_rnn.types import CRFScores, TagScores


def to_lattice(
    scores: TagScores,
    constraints: Constraints,
    allowed: Sequence[np.ndarray] | None = None,
) -> Lattice:
    """Lay out the possible tag sequences of documents, with scores in double precision.

    Args:
        scores: Scores of sequences, or of tokens alone; then transitions score nothing.
        constraints: The legal sequences.
        allowed: The tags that each token may have, all if not given. For each document
            an array of shape (number of tokens, K), bool.

    Raises:
        ValueError: If the arrays don't fit together.
    """
    n_tags = len(constraints.start)
    if isinstance(scores, list):
        zeros: Any = np.zeros((n_tags, n_tags), dtype="f")
        scores = CRFScores(scores, zeros, zeros[0], zeros[0])
    emissions = join_scores(scores.emissions, n_tags)
    lattice = Lattice(
        emissions,
        torch.tensor([len(rows) for rows in scores.emissions], dtype=torch.long),
        mask(scores.transitions, constraints.transitions, emissions.device),
        mask(scores.start, constraints.start, emissions.device),
        mask(scores.end, constraints.end, emissions.device),
    )
    if allowed is None:
        return lattice
    return lattice.restrict(join_sets(allowed, lattice))


def join_scores(emissions: Sequence[Any], n_tags: int) -> Tensor:
    """Lay the scores of all documents end to end. Shape (N, K)."""
    for i, rows in enumerate(emissions):
        if rows.ndim != 2 or rows.shape[1] != n_tags:
            raise ValueError(
                f"Each token needs a score for each of {n_tags} tags, but document {i} "
                f"has scores of shape {rows.shape}"
            )
    if not emissions:
        return torch.zeros(0, n_tags, dtype=torch.float64)
    xp = get_array_module(emissions[0])
    return torch.from_dlpack(xp.concatenate(emissions).astype("f8"))


def join_sets(allowed: Sequence[np.ndarray], lattice: Lattice) -> Tensor:
    """Lay the sets of allowed tags of all documents end to end. Shape (N, K), bool."""
    n_tags = len(lattice.start)
    if len(allowed) != len(lattice.lengths):
        raise ValueError(
            f"allowed needs an array for each of {len(lattice.lengths)} documents, but "
            f"has {len(allowed)}"
        )
    for i, (sets, length) in enumerate(
        zip(allowed, lattice.lengths.tolist(), strict=True)
    ):
        if sets.shape != (length, n_tags):
            raise ValueError(
                f"The array of allowed tags for document {i} has to have the shape "
                f"{(length, n_tags)}, but it has {sets.shape}"
            )
    device = lattice.emissions.device
    if not allowed:
        return torch.zeros(0, n_tags, dtype=torch.bool, device=device)
    return torch.from_numpy(np.concatenate(allowed).astype(bool)).to(device)


def mask(scores: Any, legal: np.ndarray, device: torch.device) -> Tensor:
    """Make what isn't legal impossible."""
    tensor = torch.from_dlpack(scores.astype("f8")).to(device)
    return tensor.masked_fill(torch.from_numpy(~legal).to(device), -torch.inf)


def from_gradient(ops: Ops, gradient: Sequence[Tensor], scores: TagScores) -> TagScores:
    """Return a gradient in the form of the scores that it is for.

    Args:
        ops: Where it goes.
        gradient: For emissions, transitions, start and end.
        scores: The scores.
    """
    joined, *shared = (cast(Any, torch2xp(each.float(), ops=ops)) for each in gradient)
    rows = scores if isinstance(scores, list) else scores.emissions
    ends = np.cumsum([len(each) for each in rows])
    emissions = [
        joined[end - len(each) : end] for end, each in zip(ends, rows, strict=True)
    ]
    return emissions if isinstance(scores, list) else CRFScores(emissions, *shared)


def check_possible(log_partition: Tensor) -> None:
    """Raise a ValueError for a document without any possible sequence. Shape (B,)."""
    impossible = torch.isneginf(log_partition).nonzero().flatten().tolist()
    if impossible:
        raise ValueError(
            f"No legal sequence of tags is allowed for document {impossible[0]} of the "
            f"batch"
            + (f", nor for {len(impossible) - 1} others" if impossible[1:] else "")
        )
