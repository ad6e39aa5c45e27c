"""Sums over tag sequences: conditional random fields on chains (Lafferty et al., 2001).

The forward-backward algorithm runs over time for all documents of a batch and both
directions side by side.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from spacy_rnn.modules.lattice import Lattice, Steps
from spacy_rnn.modules.messages import Messages
from spacy_rnn.modules.recursion import Algebra, run
from spacy_rnn.modules.transitions import Transitions, finite, least, least_of_rows

# Sums of exponentiated scores, rescaled at each token, lose nothing in double precision
# as long as no sum or product comes near its smallest number, 1e-308. Where one could,
# everything is done with logarithms, which takes many times as long.
WIDEST_STEP = 200.0  # in nats
SMALLEST_SUM = 1e-100
# The same for single precision, whose smallest number is 1e-38.
WIDEST_ROUGH_STEP = 50.0
SMALLEST_ROUGH_SUM = 1e-36
SAME, ROUGHLY_SAME = 1e-11, 1e-6  # relative
FEW_TAGS = 160  # up to so many, both directions side by side are faster than in parts


class Sums:
    """Ways add up; scores are exponentiated."""

    one = 1.0

    def __init__(self, *links: Transitions) -> None:
        self.links, self.stacked = links[0], None
        if len(links) > 1:
            scores = [each.square - each.highest for each in links]
            self.stacked = torch.stack(scores).exp_()

    def times(self, X: Tensor, Y: Tensor) -> None:
        X *= Y

    def follow(self, X: Tensor) -> Tensor:
        if self.stacked is not None:
            return torch.bmm(X, self.stacked)
        return self.links.sums(X[0]).unsqueeze(0)

    def rescale(self, X: Tensor) -> Tensor:
        totals = X.sum(2, keepdim=True)
        X /= totals.clamp_(min=torch.finfo(X.dtype).tiny)
        return totals

    def log(self, scales: Tensor) -> Tensor:
        return scales.double().log_()

    def differ(self, X: Tensor, Y: Tensor) -> Tensor:
        is_rough = X.dtype == torch.float32
        return (X - Y).abs() > (ROUGHLY_SAME if is_rough else SAME) * X


class LogSums:
    """Ways add up; scores are in nats."""

    one = 0.0

    def __init__(self, *links: Transitions) -> None:
        self.links = links

    def times(self, X: Tensor, Y: Tensor) -> None:
        X += Y

    def follow(self, X: Tensor) -> Tensor:
        return torch.stack([T.log_sums(x) for T, x in zip(self.links, X, strict=True)])

    def rescale(self, X: Tensor) -> Tensor:
        totals = X.logsumexp(2, keepdim=True)
        X -= finite(totals)
        return totals

    def log(self, scales: Tensor) -> Tensor:
        return scales

    def differ(self, X: Tensor, Y: Tensor) -> Tensor:
        return (X != Y) & ~((X - Y).abs() <= SAME * X.abs().clamp(min=1.0))


def log_partition(lattice: Lattice) -> Tensor:
    """Sum the exponentiated scores of all sequences of each document.

    The gradient for a score is the expected number of its uses in a sequence.

    Returns:
        The logarithm of the sum, -inf where no sequence is possible, 0 for an empty
        document. Shape (B,).
    """
    return LogPartition.apply(*lattice.leaves, lattice.steps, posterior(lattice))


@torch.no_grad()
def posterior(lattice: Lattice, within: Tensor | None = None) -> Messages:
    """Find the distribution of each document's tag sequences.

    Args:
        lattice: The sequences.
        within: The first and the last token of each document that are asked for, on the
            CPU. Shape (2, B). What lies outside may be left out, and probabilities have
            a relative error of up to 1e-5. All tokens, exactly, if not given.
    """
    E, links = lattice.emissions, lattice.forward
    if not len(E):
        E = links.arrange(E)
        return Messages(E, E, E, E[:, 0], E[:, 0], E.sum(), links, in_logs=True)
    ahead = behind = lattice.steps
    if within is not None and E.shape[1] > FEW_TAGS:
        (first, last), starts, ends = within, ahead.starts, ahead.starts + ahead.lengths
        ahead = Steps(last + 1 - starts, E.device, starts)
        behind = Steps(ends - first, E.device, first)
    # A GPU's product of single precision may be one of less, by the user's settings.
    may_be_rough = ahead is not behind and not E.is_cuda and links.may_be_rough
    found = None
    if may_be_rough:
        found = scaled_messages(lattice, ahead, behind, torch.float32)
    if found is None:
        found = scaled_messages(lattice, ahead, behind, torch.float64)
    return log_messages(lattice, ahead, behind) if found is None else found


@torch.no_grad()
def scaled_messages(
    lattice: Lattice, ahead: Steps, behind: Steps, dtype: torch.dtype
) -> Messages | None:
    """Compute messages, each token's up to a factor; None if they wouldn't be exact."""
    links, leaves = lattice.forward, (lattice.emissions, lattice.start, lattice.end)
    widest = WIDEST_STEP if dtype == torch.float64 else WIDEST_ROUGH_STEP
    E, S, F = (links.arrange(x, torch.promote_types(x.dtype, dtype)) for x in leaves)
    e0 = finite(E.amax(1, keepdim=True))
    s0, t0, f0 = finite(S.amax()), links.highest, finite(F.amax())
    inner = links.lowest - t0 + least(E.sub_(e0), -torch.inf)
    edges = least(S.sub_(s0), -torch.inf) + least(F.sub_(f0), -torch.inf)
    step, ends = torch.stack([inner, edges]).tolist()
    if step + ends < -widest:
        return None
    E, S, F = (x.exp_().to(dtype) for x in (E, S, F))
    before, beyond, passed, scales = both_ways(Sums, links, E, S, F, ahead, behind)
    if is_too_small(before, passed, step) or is_too_small(beyond, scales, step):
        return None
    passed = passed + e0.squeeze(1) + t0
    return Messages(before, beyond, E, passed, scales, s0 + f0 - t0, links, False)


def is_too_small(sums: Tensor, scales: Tensor, step: float) -> bool:
    """Return whether rescaled sums came near the smallest number.

    Args:
        sums: Shape (N, K).
        scales: Logarithms of what they were divided by. Shape (N,).
        step: What a step adds to the logarithm of a sum, at least.
    """
    if sums.dtype == torch.float64:
        return bool(0.0 < least(sums, 0.0) < SMALLEST_SUM)
    # Before a step and a scale could make a sum 0, which nobody would see, it's seen.
    limits = torch.finfo(sums.dtype)
    floor = math.log(limits.tiny * limits.eps) - step + scales.amax().clamp(min=0.0)
    lowest = least_of_rows(sums, 0.0).log_() + scales.clamp(max=0.0)
    return bool((lowest < floor.clamp(min=math.log(SMALLEST_ROUGH_SUM))).any())


@torch.no_grad()
def log_messages(lattice: Lattice, ahead: Steps, behind: Steps) -> Messages:
    """Compute the logarithms of messages, each token's up to a summand."""
    links = lattice.forward
    E, S, F = map(links.arrange, (lattice.emissions, lattice.start, lattice.end))
    before, beyond, passed, scales = both_ways(LogSums, links, E, S, F, ahead, behind)
    return Messages(before, beyond, E, passed, scales, E.new_zeros(()), links, True)


def both_ways(
    kind: Callable[..., Algebra],
    links: Transitions,
    E: Tensor,
    S: Tensor,
    F: Tensor,
    ahead: Steps,
    behind: Steps,
) -> tuple[Tensor, ...]:
    """Run forwards and backwards, side by side if there are few tags."""
    if len(S) <= FEW_TAGS and ahead is behind:
        algebra = kind(links, links.backward)
        messages, scales = run(ahead, E, torch.stack([S, F]), algebra, (0, 1))
        return (*messages, *scales)
    (before,), (passed,) = run(ahead, E, S[None], kind(links), (0,))
    (beyond,), (scales,) = run(behind, E, F[None], kind(links.backward), (1,))
    return before, beyond, passed, scales


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
        log_Z = messages.log_partition(steps)
        ctx.impossible = log_Z.isneginf()
        return log_Z

    @staticmethod
    def backward(  # type: ignore[override]
        ctx: Any, dZ: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, None, None]:
        steps: Steps = ctx.steps
        messages: Messages = ctx.messages
        weights = dZ.masked_fill(ctx.impossible, 0.0)[steps.doc_of]
        uses, pairs = messages.uses(weights, steps.last)
        starts, ends = uses[steps.first].sum(0), uses[steps.last].sum(0)
        return uses, pairs, starts, ends, None, None
