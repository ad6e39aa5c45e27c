"""Steps from tag to tag, of which a tag scheme leaves few possible."""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

SMALL = 40  # up to so many tags, all at once is faster than in parts
TILE = 2**21  # numbers that are made at once, at most


class Transitions:
    """Transitions from the tags of rows to those of columns.

    A tag in the midst of a span can only follow those of its own label. Where there are
    many tags, such columns, which at most two others lead to, are kept apart, so that
    their cost grows with the number of labels and not with its square.

    Attributes:
        scores: -inf where a transition is impossible. Shape (K, K).
        sources: The tags that lead to `targets`. Shape (R,).
        targets: The tags that many others lead to. Shape (C,).
        dense: Scores between them. Shape (R, C).
        bound: The other tags. Shape (D,).
        before: The two tags that lead to each of these. Shape (2, D).
        few: Their scores. Shape (2, D).
    """

    def __init__(self, scores: Tensor) -> None:
        possible = ~scores.isneginf()
        self.scores, self.is_small = scores, len(scores) <= SMALL
        is_bound = (possible.sum(0) <= 2) & (not self.is_small)
        self.targets = (~is_bound).nonzero().squeeze(1)
        self.bound = is_bound.nonzero().squeeze(1)
        leads = possible[:, self.targets].any(1) | (not len(self.bound))
        self.sources = leads.nonzero().squeeze(1)
        self.dense = scores[self.sources][:, self.targets]
        self.few, self.before = scores[:, self.bound].topk(min(2, len(scores)), dim=0)

    @cached_property
    def backward(self) -> "Transitions":
        """The same, from the tags of columns to those of rows."""
        return Transitions(self.scores.T)

    @cached_property
    def extremes(self) -> tuple[Tensor, Tensor]:
        """The least and the greatest score from each source. Shape (R,) each."""
        return self.dense.aminmax(dim=1)

    @cached_property
    def highest(self) -> Tensor:
        """The score that exponentiated ones are relative to. Shape ()."""
        return self.scores.amax().nan_to_num(neginf=0.0)

    @cached_property
    def exp_dense(self) -> Tensor:
        return (self.dense - self.highest).exp_()

    @cached_property
    def exp_few(self) -> Tensor:
        return (self.few - self.highest).exp_()

    def sums(self, X: Tensor) -> Tensor:
        """Sum up the ways to each tag, given what leads to the tags before.

        Transitions count relative to the highest.

        Args:
            X: Sums of exponentiated scores. Shape (B, K).

        Returns:
            Shape (B, K).
        """
        sources = X.index_select(1, self.sources) if len(self.bound) else X
        return self.join(sources @ self.exp_dense, lambda: self.bound_sums(X))

    def log_sums(self, X: Tensor) -> Tensor:
        """Do what `sums` does in logarithms. Shape (B, K)."""
        tiles = X[:, self.sources].split(max(1, TILE // self.dense.numel()))
        ways = [torch.logsumexp(x[:, :, None] + self.dense, 1) for x in tiles]
        return self.join(torch.cat(ways), lambda: torch.logaddexp(*self.bound_ways(X)))

    def bound_sums(self, X: Tensor) -> Tensor:
        ways = [
            X.index_select(1, tags).mul_(weights)
            for tags, weights in zip(self.before, self.exp_few, strict=True)
        ]
        return ways[0].add_(ways[1])

    def best(self, X: Tensor) -> Tensor:
        """Find the score of the best way to each tag. Shape (B, K)."""
        if self.is_small:
            # The documents come last: so the maximum is taken for many of them at once.
            return (X.T[:, None] + self.dense[:, :, None]).amax(0).T
        return self.join(self.best_dense(X), lambda: torch.maximum(*self.bound_ways(X)))

    def best_dense(self, X: Tensor) -> Tensor:
        """Find the best way to each of the targets, from the best sources on.

        A source from which even the best way is worse than the worst one from another
        is on the best way to no target.
        """
        X, (least, greatest) = X.index_select(1, self.sources), self.extremes
        highest = X + greatest
        is_near = highest > (X + least).amax(1, keepdim=True)
        n_near = max(1, int(is_near.sum(1).amax()))
        tags = highest.topk(n_near, dim=1).indices
        scores = X.gather(1, tags)
        found = self.dense[tags[:, 0]] + scores[:, :1]
        for rank in range(1, n_near):
            way = self.dense[tags[:, rank]].add_(scores[:, rank, None])
            torch.maximum(found, way, out=found)
        return found

    def bound_ways(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Find the scores of the two ways to each bound tag. Shape (B, D) each."""
        first, second = self.before
        return (
            X.index_select(1, first).add_(self.few[0]),
            X.index_select(1, second).add_(self.few[1]),
        )

    def join(self, targets: Tensor, bound: Callable[[], Tensor]) -> Tensor:
        """Put values of targets, shape (B, C), and of bound tags, (B, D), together."""
        if not len(self.bound):
            return targets
        joined = targets.new_empty(len(targets), len(self.scores))
        joined.index_copy_(1, self.targets, targets)
        return joined.index_copy_(1, self.bound, bound())

    def uses(self, before: Tensor, beyond: Tensor) -> Tensor:
        """Add up how often each transition is used.

        Args:
            before: Weighted sums of the ways to the tags of some tokens. Shape (M, K).
            beyond: Sums of the ways from the tags of the tokens right after, these
                included. Shape (M, K).

        Returns:
            Shape (K, K).
        """
        dense = before[:, self.sources].T @ beyond[:, self.targets]
        total = before.new_zeros(self.scores.shape)
        total[self.sources[:, None], self.targets] = dense * self.exp_dense
        for tags, weights in zip(self.before, self.exp_few, strict=True):
            here = before[:, tags] * beyond[:, self.bound]
            total[tags, self.bound] += here.sum(0) * weights
        return total

    def log_uses(self, before: Tensor, beyond: Tensor, weights: Tensor) -> Tensor:
        """Do what `uses` does with logarithms, and weights, shape (M, 1), beside them.

        No logarithm of a use may be much above 0.
        """
        total = torch.zeros_like(self.scores)
        size = max(1, TILE // total.numel())
        parts = (each.split(size) for each in (before, beyond, weights))
        for x, y, w in zip(*parts, strict=True):
            ways = x[:, :, None] + self.scores + y[:, None]
            total += (ways.exp_() * w[:, None]).sum(0)
        return total
