"""The best tag sequence (Viterbi, 1967)."""

import torch
from torch import Tensor

from spacy_rnn.modules.devices import to_device
from spacy_rnn.modules.lattice import Lattice, Steps
from spacy_rnn.modules.recursion import cut, run
from spacy_rnn.modules.transitions import Transitions, finite

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
        highest = X.amax(2, keepdim=True)
        X -= finite(highest)
        return highest

    def log(self, scales: Tensor) -> Tensor:
        return scales

    def differ(self, X: Tensor, Y: Tensor) -> Tensor:
        return (X != Y) & ~((X - Y).abs() <= SAME)


class Origins:
    """Where the best ways to tags come from."""

    def __init__(self, links: Transitions, scores: Tensor) -> None:
        """Take the scores of the best ways to each tag at each token. Shape (N, K)."""
        self.scores, self.of_sources = scores, scores[:, links.sources]
        self.from_sources = links.square[links.sources].T.contiguous()
        # What one tag of its own, or a few, lead to: their columns and scores.
        shape = (len(links.scores), len(links.diagonals))
        self.columns = torch.zeros(shape, dtype=torch.long, device=scores.device)
        self.steps = scores.new_full(shape, -torch.inf)
        for i, (source, target, steps) in enumerate(reversed(links.diagonals)):
            self.columns[target, i] = torch.arange(len(steps), device=scores.device)
            self.columns[target, i] += source.start
            self.steps[target, i] = steps
        self.is_bound = self.steps.isfinite().any(1)

    def find(self, tags: Tensor, tokens: Tensor) -> Tensor:
        """Find the columns that lead to tags, shape (B,), from the tokens before."""
        ways = self.from_sources.index_select(0, tags)
        ways += self.of_sources.index_select(0, tokens)
        found = ways.argmax(1)
        if not self.columns.shape[1]:
            return found
        # For all of them, so that a GPU needn't be asked which are bound.
        columns = self.columns.index_select(0, tags)
        ways = self.scores[tokens[:, None], columns]
        ways += self.steps.index_select(0, tags)
        bound = columns.gather(1, ways.argmax(1, keepdim=True)).squeeze(1)
        return torch.where(self.is_bound.index_select(0, tags), bound, found)


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
    start, end = map(links.arrange, (lattice.start, lattice.end))
    E = links.arrange(E, E.dtype)
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
    origins, pieces = Origins(lattice.forward, scores), cut(lattice.steps)
    if pieces is None:
        walk_back(path, origins, lattice.steps)
        return
    device = path.device
    borders = to_device(pieces.starts[pieces.inner], device)
    path[borders - 1] = scores[borders - 1].argmax(1)
    stale = torch.arange(len(pieces.lengths))
    while len(stale):
        walk_back(path, origins, pieces.select(stale, device))
        fresh = origins.find(path[borders], borders - 1)
        moved = (fresh != path[borders - 1]).cpu()
        path[borders - 1] = fresh
        stale = pieces.inner[moved] - 1


def walk_back(path: Tensor, origins: Origins, steps: Steps) -> None:
    """Follow the best ways back from the last tags, which are in the path already."""
    token, counts = steps.token[0], steps.counts
    by_step, last = token.split(counts), path[steps.last]
    found = [last[: counts[-1]]]
    for count, tokens in zip(counts[-2::-1], by_step[-2::-1], strict=True):
        n_behind = len(found[-1])
        before = origins.find(found[-1], tokens[:n_behind])
        # Longer documents go on towards their start, others begin at their end.
        if count > n_behind:
            before = torch.cat([before, last[n_behind:count]])
        found.append(before)
    path[token] = torch.cat(found[::-1])
