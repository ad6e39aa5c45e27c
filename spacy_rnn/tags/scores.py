"""From a model's scores to the lattice of the tag sequences they score, and back."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from thinc.api import Ops, get_array_module
from thinc.util import torch2xp
from torch import Tensor

from spacy_rnn.modules.devices import to_device
from spacy_rnn.modules.lattice import Lattice
from spacy_rnn.ragged import RaggedList, count
from spacy_rnn.tags.tag_set import TagSet
from spacy_rnn.types import CRFScores, TagScores


def to_lattice(
    scores: TagScores, tag_set: TagSet, allowed: np.ndarray | None = None
) -> Lattice:
    """Lay out the legal tag sequences of documents.

    Args:
        scores: Scores of sequences, or of tokens alone; then transitions score nothing.
        tag_set: Says which sequences are legal.
        allowed: The tags that each token may have, all if not given. Shape (N, K).

    Raises:
        ValueError: If the arrays don't fit together.
    """
    n_tags = len(tag_set.start)
    if isinstance(scores, list):
        emissions = tagger_scores(join_scores(scores, n_tags))
        zeros: Any = np.zeros((n_tags, n_tags), dtype="f")
        scores = CRFScores(scores, zeros, zeros[0], zeros[0])
    else:
        emissions = join_scores(scores.emissions, n_tags)
    lattice = Lattice(
        emissions,
        torch.from_numpy(count(scores.emissions)),
        mask(scores.transitions, tag_set.transitions, emissions.device),
        mask(scores.start, tag_set.start, emissions.device),
        mask(scores.end, tag_set.end, emissions.device),
    )
    return lattice if allowed is None else restrict(lattice, allowed)


def restrict(lattice: Lattice, allowed: np.ndarray) -> Lattice:
    """Leave only some tags to each token.

    Args:
        lattice: The sequences.
        allowed: The tags that each token may have. Shape (N, K), bool.

    Raises:
        ValueError: If it hasn't that shape.
    """
    if allowed.shape != lattice.emissions.shape:
        raise ValueError(
            f"The array of allowed tags has to have the shape "
            f"{tuple(lattice.emissions.shape)}, but it has {allowed.shape}"
        )
    return lattice.restrict(
        to_device(torch.from_numpy(allowed), lattice.emissions.device)
    )


def join_scores(emissions: Sequence[Any], n_tags: int) -> Tensor:
    """Lay the scores of all documents end to end. Shape (N, K)."""
    if isinstance(emissions, RaggedList) and emissions.data is not None:
        parts = [emissions.data]
    else:
        parts = list(emissions)
    for i, rows in enumerate(parts):
        if rows.ndim != 2 or rows.shape[1] != n_tags:
            raise ValueError(
                f"Sequence {i} of the batch has scores of shape {rows.shape}, but "
                f"there have to be {n_tags} at each step"
            )
    if not parts:
        return torch.zeros(0, n_tags)
    xp = get_array_module(parts[0])
    joined = parts[0] if len(parts) == 1 else xp.concatenate(parts)
    # torch ends the program where strides are negative.
    return torch.from_dlpack(xp.ascontiguousarray(joined))


def tagger_scores(rows: Tensor) -> Tensor:
    """Turn the probabilities that a tagger gives tokens into scores of sequences.

    The gradient of a loss for their logarithms is, as it sums to 0, the same for the
    scores that a softmax made them of. That is what such models expect. Of a tagger
    that doesn't end in a softmax the scores are taken as they are.
    """
    if are_probabilities(rows):
        return rows.double().add_(float(np.finfo("f").tiny)).log_()
    return rows


def are_probabilities(rows: Any) -> bool:
    """Tell a softmax's rows, as an array or a tensor, from those of scores."""
    return bool((rows >= 0).all() and (abs(rows.sum(1) - 1) < 1e-3).all())


def mask(scores: Any, legal: np.ndarray, device: torch.device) -> Tensor:
    """Make what isn't legal impossible."""
    tensor = torch.from_dlpack(scores.astype("f8")).to(device)
    return tensor.masked_fill(to_device(torch.from_numpy(~legal), device), -torch.inf)


def from_gradient(ops: Ops, gradient: Sequence[Tensor], scores: TagScores) -> TagScores:
    """Return a gradient in the form of the scores that it is for.

    Args:
        ops: Where it goes.
        gradient: For emissions, transitions, start and end.
        scores: The scores.
    """
    joined, *shared = (cast(Any, torch2xp(each.float(), ops=ops)) for each in gradient)
    rows = scores if isinstance(scores, list) else scores.emissions
    emissions = RaggedList(joined, count(rows))
    return emissions if isinstance(scores, list) else CRFScores(emissions, *shared)


def check_possible(log_partition: Tensor) -> None:
    """Raise a ValueError for an impossible sequence. Shape (B,)."""
    impossible = torch.isneginf(log_partition).nonzero().flatten().tolist()
    if impossible:
        among = f" (the first of {len(impossible)})" if impossible[1:] else ""
        raise ValueError(
            f"Sequence {impossible[0]} of the batch{among} is impossible: whatever "
            f"labels it may have, its score is minus infinity"
        )


def docs_of(lattice: Lattice, spans: np.ndarray) -> np.ndarray:
    """Say in which document each span is. Shape (spans,)."""
    return np.searchsorted(lattice.lengths.numpy().cumsum(), spans[:, 0], side="right")
