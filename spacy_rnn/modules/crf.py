"""Sums over tag sequences: conditional random fields on chains (Lafferty et al., 2001).

The forward-backward algorithm runs over time for all documents of a batch and both
directions side by side.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from spacy_rnn.modules.lattice import Lattice, Steps

# Sums of exponentiated scores, rescaled at each token, lose nothing in double precision
# as long as no sum or product comes near its smallest number, 1e-308. Where one could,
# everything is done with logarithms, which takes many times as long.
WIDEST_STEP = 200.0  # in nats
SMALLEST_SUM = 1e-100
TINY = 1e-300
IMPOSSIBLE = -1e30  # instead of -inf, where gradients are taken


class Messages(NamedTuple):
    """Sums over the ways through the lattice, or their logarithms.

    They say how each document's tag sequences are distributed: as a Markov chain. Where
    a document has no possible sequence, they mean nothing.

    Attributes:
        log_partition: Logarithm of the sum over all sequences. Shape (B,).
        before: Sum over the ways from the start to a tag, this token included. Shape
            (N, K).
        after: Sum over the ways from a tag to the end, this token not included. Shape
            (N, K).
        beyond: The same, this token included. Shape (N, K).
        transitions: What a transition contributes. Shape (K, K).
        in_logs: Whether all but the first are logarithms.
    """

    log_partition: Tensor
    before: Tensor
    after: Tensor
    beyond: Tensor
    transitions: Tensor
    in_logs: bool

    def marginals(self, tokens: Any = slice(None)) -> Tensor:
        """Find the probability of each tag at some tokens. Shape (tokens, K)."""
        before, after = self.before[tokens], self.after[tokens]
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
        step = self.transitions[tags_before, tags]
        beyond, all_ways = (
            self.beyond[tokens, tags],
            self.after[tokens - 1, tags_before],
        )
        if self.in_logs:
            return (step + beyond - all_ways).exp()
        return step * beyond / all_ways


def log_partition(lattice: Lattice) -> Tensor:
    """Sum the exponentiated scores of all sequences of each document.

    The gradient for a score is the expected number of its uses in a sequence.

    Returns:
        The logarithm of the sum, -inf where no sequence is possible, 0 for an empty
        document. Shape (B,).
    """
    if not len(lattice.emissions):
        return lattice.emissions.new_zeros(len(lattice.lengths))
    messages = scaled_messages(lattice)
    if messages is None:
        return log_messages(lattice).log_partition
    result: Tensor = LogPartition.apply(
        lattice.emissions,
        lattice.transitions,
        lattice.start,
        lattice.end,
        lattice.steps,
        messages,
    )
    return result


@torch.no_grad()
def posterior(lattice: Lattice) -> Messages:
    """Find the distribution of each document's tag sequences."""
    if not len(lattice.emissions):
        zeros = lattice.emissions.new_zeros(len(lattice.lengths))
        E = lattice.emissions
        return Messages(zeros, E, E, E, lattice.transitions, in_logs=True)
    return scaled_messages(lattice) or log_messages(lattice)


@torch.no_grad()
def scaled_messages(lattice: Lattice) -> Messages | None:
    """Compute messages, each token's up to a factor; None if they wouldn't be exact."""
    steps = lattice.steps
    E, T, S, F = lattice.emissions, lattice.transitions, lattice.start, lattice.end
    e0 = finite(E.amax(1, keepdim=True))
    t0, s0, f0 = (finite(scores.amax()) for scores in (T, S, F))
    E, T, S, F = E - e0, T - t0, S - s0, F - f0
    if float(sum(finite(scores).amin() for scores in (E, T, S, F))) < -WIDEST_STEP:
        return None
    E, T, S, F = E.exp_(), T.exp_(), S.exp_(), F.exp_()
    sums, scales = scaled_recursion(E[steps.token], T, S, F, steps)
    if float(torch.where(sums > 0, sums, 1.0).amin()) < SMALLEST_SUM:
        return None
    before, beyond = sums[0][steps.place[0]], sums[1][steps.place[1]]
    after = torch.empty_like(beyond)
    torch.mm(beyond[1:], T.T, out=after[:-1])
    after[steps.last] = F
    per_token = scales[steps.place[0]].log() + e0.squeeze(1) + t0
    Z = per_token.new_zeros(len(lattice.lengths)).index_add(0, steps.doc_of, per_token)
    Z[steps.order] += (before[steps.last] @ F).log() + s0 + f0 - t0
    return Messages(Z, before, after, beyond, T, in_logs=False)


def scaled_recursion(
    sums: Tensor, T: Tensor, S: Tensor, F: Tensor, steps: Steps
) -> tuple[Tensor, Tensor]:
    """Run over time in both directions, rescaling each token's sums to a total of 1.

    Args:
        sums: What the tags of each token contribute, in the order of the steps; is
            overwritten with the sums. Shape (2, N, K).
        T: What a transition contributes. Shape (K, K).
        S: What the first tag contributes. Shape (K,).
        F: What the last tag contributes. Shape (K,).
        steps: The documents at each step.

    Returns:
        The sums, and the forward ones' totals before they were rescaled, shape (N,).
    """
    both = torch.stack([T, T.T])
    here, *rest = sums.split(steps.counts, dim=1)
    here *= torch.stack([S, F]).unsqueeze(1)
    totals = [rescale(here)]
    for following in rest:
        following *= torch.bmm(here[:, : following.shape[1]], both)
        totals.append(rescale(following))
        here = following
    return sums, torch.cat(totals, dim=1)[0]


def rescale(sums: Tensor) -> Tensor:
    """Rescale each token's sums, shape (2, B, K), in place; return the totals."""
    totals = sums.sum(2, keepdim=True).clamp_(min=TINY)
    sums /= totals
    return totals.squeeze(2)


def log_messages(lattice: Lattice) -> Messages:
    """Compute the logarithms of messages, by operations that torch differentiates."""
    steps = lattice.steps
    E, T, S, F = (
        scores.clamp(min=IMPOSSIBLE)
        for scores in (
            lattice.emissions,
            lattice.transitions,
            lattice.start,
            lattice.end,
        )
    )
    both = torch.stack([T, T.T]).unsqueeze(1)
    first, *rest = E[steps.token].split(steps.counts, dim=1)
    sums = [first + torch.stack([S, F]).unsqueeze(1)]
    for e in rest:
        ways = sums[-1][:, : e.shape[1], :, None] + both
        sums.append(ways.logsumexp(2) + e)
    forward, backward = torch.cat(sums, dim=1)
    before, beyond = forward[steps.place[0]], backward[steps.place[1]]
    Z = E.new_zeros(len(lattice.lengths)).index_copy(
        0, steps.order, torch.logsumexp(before[steps.last] + F, 1)
    )
    Z = Z.masked_fill(Z < IMPOSSIBLE / 2, -torch.inf)
    return Messages(Z, before, beyond - E, beyond, T, in_logs=True)


def finite(scores: Tensor) -> Tensor:
    return scores.nan_to_num(neginf=0.0)


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
        _, before, after, beyond, T, _ = ctx.messages
        uses = before * after
        Z = uses.sum(1)
        weights = (dZ[steps.doc_of] / Z).masked_fill(Z == 0, 0.0).unsqueeze(1)
        uses *= weights
        shares = before * weights
        shares[steps.last] = 0.0
        pairs = T * (shares[:-1].T @ beyond[1:])
        return (
            uses,
            pairs,
            uses[steps.first].sum(0),
            uses[steps.last].sum(0),
            None,
            None,
        )
