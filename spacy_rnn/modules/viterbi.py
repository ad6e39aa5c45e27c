"""The best tag sequence (Viterbi, 1967)."""

import torch
from torch import Tensor

from spacy_rnn.modules.lattice import Lattice, Steps
from spacy_rnn.modules.recursion import cut, run
from spacy_rnn.modules.transitions import Transitions

SAME = 1e-9  # nats


class Best:
    """Of several ways the best one counts; scores are in nats."""

    one = 0.0

    def __init__(self, transitions: Transitions) -> None:
        self.transitions = transitions

    def times(self, X: Tensor, Y: Tensor) -> None:
        X += Y

    def follow(self, X: Tensor) -> Tensor:
        return self.transitions.best(X[0]).unsqueeze(0)

    def rescale(self, X: Tensor) -> Tensor:
        highest = X.amax(2)
        X -= highest.nan_to_num(neginf=0.0).unsqueeze(2)
        return highest

    def differ(self, X: Tensor, Y: Tensor) -> Tensor:
        return (X != Y) & ~((X - Y).abs() <= SAME)


@torch.no_grad()
def best_paths(lattice: Lattice) -> tuple[Tensor, Tensor]:
    """Find the best sequence of each document.

    Returns:
        Its score, -inf where no sequence is possible, shape (B,), and its tags, shape
        (N,), int64.
    """
    E = lattice.emissions
    best = E.new_zeros(len(lattice.lengths), dtype=torch.float64)
    if not len(E):
        return best, torch.zeros(0, dtype=torch.long, device=E.device)
    steps, links = lattice.steps, lattice.forward
    E, start, end = map(links.arrange, (E, lattice.start, lattice.end))
    (scores,), (scales,) = run(steps, E, start[None], Best(links))
    best.index_add_(0, steps.doc_of, scales)
    finals, last = (scores[steps.last] + end).max(1)
    best[steps.order] += finals
    path = torch.empty(len(E), dtype=torch.long, device=E.device)
    path[steps.last] = last
    trace(lattice, scores, path)
    return best, path if links.order is None else links.order[path]


def trace(lattice: Lattice, scores: Tensor, path: Tensor) -> None:
    """Walk back from the last tag of each document, which is in its path already.

    As in `run`, pieces of long documents are walked through side by side: from the best
    tags of their last tokens first, and again from where the next one leads to.

    Args:
        lattice: The sequences.
        scores: Of the best ways to each tag. Shape (N, K).
        path: Is filled with columns of tags. Shape (N,).
    """
    to_tag = lattice.forward.backward.square.contiguous()
    pieces = cut(lattice.steps)
    if pieces is None:
        walk_back(scores, path, to_tag, lattice.steps)
        return
    device = path.device
    borders = pieces.starts[pieces.inner].to(device)
    path[borders - 1] = scores[borders - 1].argmax(1)
    stale = torch.arange(len(pieces.lengths))
    while len(stale):
        walk_back(scores, path, to_tag, pieces.select(stale, device))
        fresh = (to_tag[path[borders]] + scores[borders - 1]).argmax(1)
        moved = (fresh != path[borders - 1]).cpu()
        path[borders - 1] = fresh
        stale = pieces.inner[moved] - 1


def walk_back(scores: Tensor, path: Tensor, to_tag: Tensor, steps: Steps) -> None:
    """Follow the best ways back from the last tags, which are in the path already."""
    by_step = steps.token[0].split(steps.counts)
    last = path[steps.last]
    tags = last[: steps.counts[-1]]
    for count, tokens in zip(steps.counts[-2::-1], by_step[-2::-1], strict=True):
        before = scores.index_select(0, tokens[: len(tags)])
        ways = to_tag.index_select(0, tags).add_(before)
        # Longer documents go on towards their start, others begin at their end.
        tags = torch.cat([ways.argmax(1), last[len(tags) : count]])
        path[tokens] = tags
