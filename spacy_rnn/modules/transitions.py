"""Steps from tag to tag, of which a tag scheme leaves few possible."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

SMALL = 40  # up to so many tags, all at once is faster than in parts
ROUGH_SPREAD = 40.0  # nats, up to which single precision loses no transition
TILE = 2**21  # numbers that are made at once, at most


class Diagonal(NamedTuple):
    """Steps from each of some tags to one tag of its own.

    Attributes:
        sources: Columns of the tags.
        targets: Columns of the tags that follow them.
        scores: Of the steps. Shape (D,).
    """

    sources: slice
    targets: slice
    scores: Tensor


@dataclass(frozen=True)
class Transitions:
    """Transitions from the tags of rows to those of columns, in parts.

    A tag in the midst of a span can only follow those of its own label. Where there are
    many tags, such ones, which at most two others lead to, are kept apart, so that
    their cost grows with the number of labels and not with its square. All tags are put
    in an order in which the parts are slices.

    Attributes:
        scores: -inf where a transition is impossible, tags as they were given. Shape
            (K, K).
        order: The tag of each column, None if they are as they were given. Shape (K,).
        sources: Columns of the tags that lead to `targets`.
        targets: Columns of the tags that many others lead to.
        dense: Scores between them. Shape (R, C).
        diagonals: All other steps.
    """

    scores: Tensor
    order: Tensor | None
    sources: slice
    targets: slice
    dense: Tensor
    diagonals: tuple[Diagonal, ...]

    @cached_property
    def backward(self) -> "Transitions":
        """The same, from the tags of columns to those of rows."""
        return replace(
            self,
            scores=self.scores.T,
            sources=self.targets,
            targets=self.sources,
            dense=self.dense.T,
            diagonals=tuple(Diagonal(t, s, scores) for s, t, scores in self.diagonals),
        )

    @cached_property
    def columns(self) -> Tensor:
        """The column of each tag. Shape (K,)."""
        if self.order is None:
            return torch.arange(len(self.scores), device=self.scores.device)
        return self.order.argsort()

    @cached_property
    def square(self) -> Tensor:
        """The scores, with tags in their order. Shape (K, K)."""
        if self.order is None:
            return self.scores
        square = torch.full_like(self.scores, -torch.inf)
        square[self.sources, self.targets] = self.dense
        for source, target, scores in self.diagonals:
            square[source, target].diagonal().copy_(scores)
        return square

    @cached_property
    def extremes(self) -> tuple[Tensor, Tensor]:
        """The least and the greatest score from each source. Shape (R,) each."""
        return self.dense.aminmax(dim=1)

    @cached_property
    def highest(self) -> Tensor:
        """The score that exponentiated ones are relative to. Shape ()."""
        return finite(self.scores.amax())

    @cached_property
    def lowest(self) -> Tensor:
        """The least score of a possible transition. Shape ()."""
        parts = [self.dense, *(each.scores for each in self.diagonals)]
        return torch.stack([least(each, -torch.inf) for each in parts]).amin()

    @cached_property
    def exponentiated(self) -> tuple[Tensor, list[Diagonal]]:
        """The exponentiated parts, relative to the highest score."""
        diagonals = [
            each._replace(scores=(each.scores - self.highest).exp_())
            for each in self.diagonals
        ]
        return (self.dense - self.highest).exp_(), diagonals

    @cached_property
    def rough(self) -> tuple[Tensor, list[Diagonal]]:
        """The exponentiated parts in single precision."""
        dense, diagonals = self.exponentiated
        return dense.float(), [s._replace(scores=s.scores.float()) for s in diagonals]

    @property
    def may_be_rough(self) -> bool:
        """Whether `sums` may be rough: the dense part's least weight isn't tiny."""
        least, _ = self.extremes
        return bool(self.highest - least.amin() < ROUGH_SPREAD)

    def arrange(self, X: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
        """Make a copy with the tags of columns in order. Shape (..., K)."""
        if self.order is None:
            return X.to(dtype, copy=True)
        return X.index_select(-1, self.order).to(dtype)

    def restore(self, X: Tensor) -> Tensor:
        """Undo `arrange`. Shape (..., K)."""
        return X if self.order is None else X.gather(-1, self.columns.expand(X.shape))

    def restore_both(self, X: Tensor) -> Tensor:
        """Undo `arrange` of rows, too. Shape (K, K)."""
        return X if self.order is None else self.restore(X[self.columns])

    def sums(self, X: Tensor) -> Tensor:
        """Sum up the ways to each tag, given what leads to the tags before.

        Transitions count relative to the highest.

        Args:
            X: Sums of exponentiated scores, tags in order. Shape (B, K).

        Returns:
            Shape (B, K), in the same precision.
        """
        is_rough = X.dtype == torch.float32
        dense, diagonals = self.rough if is_rough else self.exponentiated
        Y, targets = self.make_room(X, 0.0)
        torch.mm(X[:, self.sources], dense, out=targets)
        in_turn = zip(diagonals, self.firsts[0], strict=True)
        for (source, target, weights), is_first in in_turn:
            x, y = X[:, source], Y[:, target]
            torch.mul(x, weights, out=y) if is_first else y.addcmul_(x, weights)
        return Y

    def log_sums(self, X: Tensor) -> Tensor:
        """Do what `sums` does in logarithms. Shape (B, K)."""
        Y, targets = self.make_room(X, -torch.inf)
        size = max(1, TILE // max(1, self.dense.numel()))
        tiles = X[:, self.sources].split(size), targets.split(size)
        for x, y in zip(*tiles, strict=True):
            torch.logsumexp(x[:, :, None] + self.dense, 1, out=y)
        for (source, target, scores), is_first in self.in_turn:
            way, y = X[:, source] + scores, Y[:, target]
            y.copy_(way) if is_first else torch.logaddexp(y, way, out=y)
        return Y

    def best(self, X: Tensor) -> Tensor:
        """Find the score of the best way to each tag. Shape (B, K)."""
        if self.order is None:
            # The documents come last: so the maximum is taken for many of them at once.
            return (X.T[:, None] + self.dense[:, :, None]).amax(0).T
        Y, targets = self.make_room(X, -torch.inf)
        # A GPU would be waited for to learn which ways can be left out.
        find = self.best_of_all if X.is_cuda else self.best_dense
        find(X[:, self.sources], targets)
        for (source, target, scores), is_first in self.in_turn:
            way, y = X[:, source] + scores, Y[:, target]
            y.copy_(way) if is_first else torch.maximum(y, way, out=y)
        return Y

    def best_of_all(self, X: Tensor, Y: Tensor) -> None:
        """Fill Y with the best way to each of the targets."""
        size = max(1, TILE // max(1, self.dense.numel()))
        for x, y in zip(X.split(size), Y.split(size), strict=True):
            torch.amax(x[:, :, None] + self.dense, 1, out=y)

    def best_dense(self, X: Tensor, Y: Tensor) -> None:
        """Do what `best_of_all` does, from the best sources on.

        A source from which even the best way is worse than the worst one from another
        is on the best way to no target.
        """
        least, greatest = self.extremes
        highest = X + greatest
        first = highest.argmax(1, keepdim=True)
        score = X.gather(1, first)
        torch.add(self.dense.index_select(0, first[:, 0]), score, out=Y)
        n_near = (highest > score + least[first]).sum(1)
        (several,) = (n_near > 1).nonzero(as_tuple=True)
        size = max(1, TILE // (int(n_near.amax()) * Y.shape[1] + 1))
        for docs in several.split(size) if len(several) else ():
            tags = highest[docs].topk(int(n_near[docs].amax()), dim=1).indices
            ways = self.dense[tags].add_(X[docs].gather(1, tags).unsqueeze(2))
            Y[docs] = ways.amax(1)

    def make_room(self, X: Tensor, nothing: float) -> tuple[Tensor, Tensor]:
        """Make room for values of all tags, and point to that of targets in it."""
        Y = X.new_empty(X.shape)
        if not self.firsts[1]:
            Y[:, : self.targets.start] = nothing
            Y[:, self.targets.stop :] = nothing
        return Y, Y[:, self.targets]

    @property
    def in_turn(self) -> Iterator[tuple[Diagonal, bool]]:
        """The diagonals, and whether each is the first to lead to its targets."""
        return zip(self.diagonals, self.firsts[0], strict=True)

    @cached_property
    def firsts(self) -> tuple[list[bool], bool]:
        """Which diagonals are the first to lead to their targets.

        Returns:
            Whether each of them is, and whether those that are reach all tags but
            `targets`.
        """
        seen = torch.zeros(len(self.scores), dtype=torch.bool)
        seen[self.targets] = True
        covered, is_first = seen.clone(), []
        for each in self.diagonals:
            is_first.append(not seen[each.targets].any())
            seen[each.targets] = True
            covered[each.targets] |= is_first[-1]
        return is_first, bool(covered.all())

    def uses(self, before: Tensor, beyond: Tensor) -> Tensor:
        """Add up how often each transition is used.

        Args:
            before: Weighted sums of the ways to the tags of some tokens. Shape (M, K).
            beyond: Sums of the ways from the tags of the tokens right after, these
                included. Shape (M, K).

        Returns:
            Shape (K, K).
        """
        dense, diagonals = self.exponentiated
        total = before.new_zeros(self.scores.shape)
        ways = before[:, self.sources].T @ beyond[:, self.targets]
        torch.mul(ways, dense, out=total[self.sources, self.targets])
        for source, target, weights in diagonals:
            here = torch.einsum("mk,mk->k", before[:, source], beyond[:, target])
            total[source, target].diagonal().add_(here.mul_(weights))
        return self.restore_both(total)

    def log_uses(self, before: Tensor, beyond: Tensor, weights: Tensor) -> Tensor:
        """Do what `uses` does with logarithms, and weights, shape (M, 1), beside them.

        No logarithm of a use may be much above 0.
        """
        total = torch.zeros_like(self.square)
        size = max(1, TILE // total.numel())
        parts = (each.split(size) for each in (before, beyond, weights))
        for x, y, w in zip(*parts, strict=True):
            ways = x[:, :, None] + self.square + y[:, None]
            total += (ways.exp_() * w[:, None]).sum(0)
        return self.restore_both(total)


def finite(scores: Tensor) -> Tensor:
    return scores.nan_to_num(neginf=0.0)


def least(scores: Tensor, impossible: float) -> Tensor:
    """Find the least score but for that of what is impossible, 0 if there is none."""
    if scores.shape[-1] <= SMALL:  # for which torch is slow row by row
        found = torch.where(scores == impossible, torch.inf, scores).amin()
    else:
        found = least_of_rows(scores, impossible).amin()
    return found.nan_to_num_(posinf=0.0)


def least_of_rows(scores: Tensor, impossible: float) -> Tensor:
    """Find the least score of each row in that way, infinity if there is none."""
    lowest = scores.amin(-1)
    is_mixed = lowest == impossible  # few rows, as a rule
    rest = scores[is_mixed]
    rest = rest.masked_fill_(rest == impossible, torch.inf).amin(-1)
    return lowest.masked_scatter_(is_mixed, rest)
