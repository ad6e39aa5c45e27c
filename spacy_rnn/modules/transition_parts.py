"""The parts of transitions: what many tags lead to, and steps within spans."""

import torch
from torch import Tensor

from spacy_rnn.modules import transitions
from spacy_rnn.modules.transitions import Diagonal, Transitions


def lay_out(scores: Tensor) -> Transitions:
    """Find the parts of transitions, of which many may be impossible. Shape (K, K)."""
    everything = slice(0, len(scores))
    if len(scores) <= transitions.SMALL:
        return Transitions(scores, None, everything, everything, scores, ())
    possible = ~scores.isneginf()
    is_target = possible.sum(0, dtype=torch.int32) > 2
    is_source = possible[:, is_target].any(1)
    # First what is a source only, then what is a target, too, then targets only.
    order = torch.where(is_source, 1 * is_target, 3 - 1 * is_target).argsort(
        stable=True
    )
    first, n_targets = int((is_source & ~is_target).sum()), int(is_target.sum())
    sources, targets = slice(0, int(is_source.sum())), slice(first, first + n_targets)
    dense = scores[order[sources]][:, order[targets]]
    (bound,) = (~is_target).nonzero(as_tuple=True)
    before, which = possible[:, bound].nonzero(as_tuple=True)
    diagonals = find_diagonals(scores, order.argsort(), before, bound[which])
    return Transitions(scores, order, sources, targets, dense, diagonals)


def find_diagonals(
    scores: Tensor, columns: Tensor, before: Tensor, tags: Tensor
) -> tuple[Diagonal, ...]:
    """Join steps from neighbouring columns to neighbouring ones.

    Args:
        scores: Of all transitions. Shape (K, K).
        columns: The column of each tag. Shape (K,).
        before: The tags that steps are from. Shape (steps,).
        tags: The tags that they lead to. Shape (steps,).
    """
    sources, targets = columns[before], columns[tags]
    in_line, by_place = ((targets - sources) * 2 * len(columns) + sources).sort()
    runs = in_line - torch.arange(len(in_line), device=in_line.device)
    sizes = runs.unique_consecutive(return_counts=True)[1].tolist()
    diagonals = []
    for steps in by_place.split(sizes):
        source, target = int(sources[steps[0]]), int(targets[steps[0]])
        diagonals.append(
            Diagonal(
                slice(source, source + len(steps)),
                slice(target, target + len(steps)),
                scores[before[steps], tags[steps]],
            )
        )
    return tuple(diagonals)
