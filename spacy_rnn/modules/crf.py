"""Sums over tag sequences: conditional random fields on chains (Lafferty et al., 2001).

The forward-backward algorithm runs over time for all documents of a batch and both
directions side by side.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from spacy_rnn.modules.lattice import Lattice, Steps
from spacy_rnn.modules.recursion import run
from spacy_rnn.modules.transitions import Transitions

# Sums of exponentiated scores, rescaled at each token, lose nothing in double precision
# as long as no sum or product comes near its smallest number, 1e-308. Where one could,
# everything is done with logarithms, which takes many times as long.
WIDEST_STEP = 200.0  # in nats
SMALLEST_SUM = 1e-100
TINY = 1e-300
SAME = 1e-11  # relative
FEW_TAGS = 160  # up to so many, both directions side by side are faster than in parts


class Messages(NamedTuple):
    """Sums over the ways through the lattice, or their logarithms.

    They say how each document's tag sequences are distributed: as a Markov chain. Where
    a document has no possible sequence, they mean nothing.

    Attributes:
        log_partition: Logarithm of the sum over all sequences. Shape (B,).
        before: Sum over the ways from the start to a tag, this token included. Shape
            (N, K).
        beyond: Sum over the ways from a tag to the end, this token included. Shape
            (N, K).
        own: What tags contribute at their token. Shape (N, K).
        scales: Logarithm of the scale of each token's `beyond`. Shape (N,).
        transitions: What a transition contributes.
        in_logs: Whether the sums are logarithms.
    """

    log_partition: Tensor
    before: Tensor
    beyond: Tensor
    own: Tensor
    scales: Tensor
    transitions: Transitions
    in_logs: bool

    def after(self, tokens: Any = slice(None), tags: Any = slice(None)) -> Tensor:
        """Sum over the ways from tags to the end, this token not included.

        Returns:
            Shape (tokens, K), or (tokens,) if each of them has one tag.
        """
        beyond, own = self.beyond[tokens, tags], self.own[tokens, tags]
        scales = self.scales[tokens].view(-1, *[1] * (beyond.ndim - 1))
        if self.in_logs:
            return (beyond + finite(scales)).sub_(own).nan_to_num_(nan=-torch.inf)
        return (beyond * scales.exp()).div_(own).nan_to_num_(nan=0.0)

    def marginals(self, tokens: Any = slice(None)) -> Tensor:
        """Find the probability of each tag at some tokens. Shape (tokens, K)."""
        before, after = self.before[tokens], self.after(tokens)
        if self.in_logs:
            return torch.softmax(before + after, 1)
        uses = before * after
        return uses.div_(uses.sum(1, keepdim=True))

    def conditional(self, tokens: Any, tags_before: Any, tags: Any) -> Tensor:
        """Find the probability of tags at some tokens, given those right before.

        Args:
            tokens: None of them is the first of its document. Shape (M,).
            tags_before: The tag of the token before each. Shape (M,).
            tags: Its own tag. Shape (M,).

        Returns:
            Probabilities, NaN after what is impossible. Shape (M,).
        """
        step = self.transitions.scores[tags_before, tags]
        beyond, all_ways = (
            self.beyond[tokens, tags],
            self.after(tokens - 1, tags_before),
        )
        if self.in_logs:
            return (step + beyond - all_ways).exp()
        return (step - self.transitions.highest).exp_() * beyond / all_ways

    def uses(self, weights: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """Find how often tags and transitions are expected to be used.

        Args:
            weights: How much each token counts, 0 where no sequence is possible. Shape
                (N,).
            last: The last tokens of documents. Shape (B,).

        Returns:
            Of the tags, shape (N, K), and of transitions, shape (K, K).
        """
        if self.in_logs:
            tags = self.marginals().mul_(weights[:, None]).nan_to_num_(nan=0.0)
            weights = weights.index_fill(0, last, 0.0)
            (here,) = weights.nonzero(as_tuple=True)
            before = self.before[here]
            before -= (before + self.after(here)).logsumexp(1, keepdim=True)
            weights, beyond = weights[here, None], self.beyond[here + 1]
            return tags, self.transitions.log_uses(before, beyond, weights)
        tags = self.after().mul_(self.before)
        Z = tags.sum(1)
        shares = (weights / Z).masked_fill_(Z == 0, 0.0).unsqueeze(1)
        tags *= shares
        onward = self.before * shares
        onward[last] = 0.0
        return tags, self.transitions.uses(onward[:-1], self.beyond[1:])


class Sums:
    """Ways add up; scores are exponentiated."""

    one = 1.0

    def __init__(self, transitions: Transitions) -> None:
        self.both = transitions, transitions.backward
        self.stacked: Tensor | None = None
        if len(transitions.scores) <= FEW_TAGS:
            scores = torch.stack([T.scores - T.highest for T in self.both])
            self.stacked = scores.exp_()

    def times(self, X: Tensor, Y: Tensor) -> None:
        X *= Y

    def follow(self, X: Tensor) -> Tensor:
        if self.stacked is not None:
            return torch.bmm(X, self.stacked)
        return torch.stack([T.sums(x) for T, x in zip(self.both, X, strict=True)])

    def rescale(self, X: Tensor) -> Tensor:
        totals = X.sum(2, keepdim=True).clamp_(min=TINY)
        X /= totals
        return totals.squeeze(2).log_()

    def differ(self, X: Tensor, Y: Tensor) -> Tensor:
        return (X - Y).abs() > SAME * X


class LogSums:
    """Ways add up; scores are in nats."""

    one = 0.0

    def __init__(self, transitions: Transitions) -> None:
        self.both = transitions, transitions.backward

    def times(self, X: Tensor, Y: Tensor) -> None:
        X += Y

    def follow(self, X: Tensor) -> Tensor:
        return torch.stack([T.log_sums(x) for T, x in zip(self.both, X, strict=True)])

    def rescale(self, X: Tensor) -> Tensor:
        totals = X.logsumexp(2)
        X -= finite(totals).unsqueeze(2)
        return totals

    def differ(self, X: Tensor, Y: Tensor) -> Tensor:
        return (X != Y) & ~((X - Y).abs() <= SAME * X.abs().clamp(min=1.0))


def log_partition(lattice: Lattice) -> Tensor:
    """Sum the exponentiated scores of all sequences of each document.

    The gradient for a score is the expected number of its uses in a sequence.

    Returns:
        The logarithm of the sum, -inf where no sequence is possible, 0 for an empty
        document. Shape (B,).
    """
    if not len(lattice.emissions):
        return lattice.emissions.new_zeros(len(lattice.lengths))
    result: Tensor = LogPartition.apply(
        *lattice.leaves, lattice.steps, posterior(lattice)
    )
    return result


@torch.no_grad()
def posterior(lattice: Lattice) -> Messages:
    """Find the distribution of each document's tag sequences."""
    if not len(lattice.emissions):
        zeros = lattice.emissions.new_zeros(len(lattice.lengths))
        E, T = lattice.emissions, lattice.forward
        return Messages(zeros, E, E, E, E[:, 0], T, in_logs=True)
    return scaled_messages(lattice) or log_messages(lattice)


@torch.no_grad()
def scaled_messages(lattice: Lattice) -> Messages | None:
    """Compute messages, each token's up to a factor; None if they wouldn't be exact."""
    steps = lattice.steps
    E, T, S, F = lattice.leaves
    e0 = finite(E.amax(1, keepdim=True))
    t0, s0, f0 = (finite(scores.amax()) for scores in (T, S, F))
    E, T, S, F = E - e0, T - t0, S - s0, F - f0
    if float(sum(least(scores, -torch.inf) for scores in (E, T, S, F))) < -WIDEST_STEP:
        return None
    E, S, F = E.exp_(), S.exp_(), F.exp_()
    algebra = Sums(lattice.forward)
    (before, beyond), scales = run(lattice, E, torch.stack([S, F]), algebra)
    if any(0.0 < least(sums, 0.0) < SMALLEST_SUM for sums in (before, beyond)):
        return None
    per_token = scales[0] + e0.squeeze(1) + t0
    Z = per_token.new_zeros(len(lattice.lengths)).index_add(0, steps.doc_of, per_token)
    Z[steps.order] += (before[steps.last] @ F).log() + s0 + f0 - t0
    links = lattice.forward
    return Messages(Z, before, beyond, E, scales[1], links, in_logs=False)


@torch.no_grad()
def log_messages(lattice: Lattice) -> Messages:
    """Compute the logarithms of messages, each token's up to a summand."""
    steps = lattice.steps
    E, T, S, F = lattice.leaves
    algebra = LogSums(lattice.forward)
    (before, beyond), scales = run(lattice, E, torch.stack([S, F]), algebra)
    Z = E.new_zeros(len(lattice.lengths)).index_add(0, steps.doc_of, scales[0])
    Z[steps.order] += torch.logsumexp(before[steps.last] + F, 1)
    links = lattice.forward
    return Messages(Z, before, beyond, E, scales[1], links, in_logs=True)


def finite(scores: Tensor) -> Tensor:
    return scores.nan_to_num(neginf=0.0)


def least(scores: Tensor, impossible: float) -> Tensor:
    """Find the least score but for that of what is impossible, 0 if there is none."""
    lowest = scores.amin(-1)
    is_mixed = lowest == impossible  # few rows, as a rule
    rest = scores[is_mixed]
    rest = rest.masked_fill_(rest == impossible, torch.inf).amin(-1)
    found = lowest.masked_scatter_(is_mixed, rest).amin()
    return found.nan_to_num_(posinf=0.0)


class LogPartition(torch.autograd.Function):
    """The log partition, with its gradient from messages."""

    @staticmethod
    def forward(
        ctx: Any,
        emissions: Tensor,
        transitions: Tensor,
        start: Tensor,
        end: Tensor,
        steps: Steps,
        messages: Messages,
    ) -> Tensor:
        ctx.steps, ctx.messages = steps, messages
        return messages.log_partition

    @staticmethod
    def backward(  # type: ignore[override]
        ctx: Any, dZ: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, None, None]:
        steps: Steps = ctx.steps
        messages: Messages = ctx.messages
        weights = dZ.masked_fill(messages.log_partition.isneginf(), 0.0)[steps.doc_of]
        uses, pairs = messages.uses(weights, steps.last)
        starts, ends = uses[steps.first].sum(0), uses[steps.last].sum(0)
        return uses, pairs, starts, ends, None, None
