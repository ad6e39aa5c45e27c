"""The best tag sequence (Viterbi, 1967)."""

import torch
from torch import Tensor

from spacy_rnn.modules.lattice import Lattice


def best_paths(lattice: Lattice) -> tuple[Tensor, Tensor]:
    """Find the best sequence of each document.

    Returns:
        Its score, -inf where no sequence is possible, shape (B,), and its tags, shape
        (N,), int64.
    """
    T = lattice.transitions
    best = T.new_zeros(len(lattice.lengths))
    if not len(lattice.emissions):
        return best, torch.zeros(0, dtype=torch.long, device=T.device)
    steps = lattice.steps
    # The documents come last: so the maximum is taken for many of them at once.
    emissions = lattice.emissions[steps.token[0]].T.contiguous()
    first, *rest = emissions.split(steps.counts, dim=1)
    scores = [first + lattice.start[:, None]]
    for e in rest:
        ways = scores[-1][:, None, : e.shape[1]] + T[:, :, None]
        scores.append(ways.amax(0).add_(e))
    ends = steps.place[0][steps.last]
    finals = torch.cat(scores, dim=1)[:, ends] + lattice.end[:, None]
    best[steps.order], last = finals.max(0)
    tags, to_tag = [last[: steps.counts[-1]]], T.T.contiguous()
    for count, before in zip(steps.counts[-2::-1], scores[-2::-1], strict=True):
        ways = to_tag.index_select(0, tags[-1]).add_(before[:, : len(tags[-1])].T)
        # Longer documents go on towards their start, others begin at their end.
        tags.append(torch.cat([ways.argmax(1), last[len(tags[-1]) : count]]))
    return best, torch.cat(tags[::-1])[steps.place[0]]
