"""The best tag sequence (Viterbi, 1967), the n best (Seshadri & Sundberg, 1994)."""

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


def n_best_paths(lattice: Lattice, n: int) -> tuple[Tensor, Tensor]:
    """Find the n best sequences of each document, the best one first.

    Args:
        lattice: The sequences.
        n: How many, at least 1.

    Returns:
        Their scores, -inf where there are fewer, shape (B, n), and their tags, shape
        (n, N), int64.
    """
    n_tokens, n_tags = lattice.emissions.shape
    best = lattice.emissions.new_full((len(lattice.lengths), n), -torch.inf)
    best[:, 0] = 0.0
    if not n_tokens:
        return best, torch.zeros(n, 0, dtype=torch.long, device=best.device)
    steps = lattice.steps
    first, *rest = lattice.emissions[steps.token[0]].split(steps.counts)
    # A state is a tag and a rank: the n best ways to each tag are kept.
    ranked = first.new_full((*first.shape, n), -torch.inf)
    ranked[:, :, 0] = first + lattice.start
    history, origins = [ranked], []
    for e in rest:
        ways = ranked[: len(e), None] + lattice.transitions.T[:, :, None]
        ranked, origin = ways.flatten(2).topk(n, dim=2)
        ranked = ranked + e[:, :, None]
        history.append(ranked)
        origins.append(origin.flatten(1))
    ends = steps.place[0][steps.last]
    final = torch.cat(history)[ends] + lattice.end[:, None]
    best[steps.order], last = final.flatten(1).topk(n, dim=1)
    states = [last[: steps.counts[-1]]]
    for count, origin in zip(steps.counts[-2::-1], origins[::-1], strict=True):
        before = origin.gather(1, states[-1])
        states.append(torch.cat([before, last[len(before) : count]]))
    return best, torch.cat(states[::-1])[steps.place[0]].T // n
