"""Sums over the ways through a lattice, and what they say about its sequences."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from spacy_rnn.modules.lattice import Steps
from spacy_rnn.modules.transitions import Transitions, finite


class Messages(NamedTuple):
    """Sums over the ways through the lattice, or their logarithms.

    They say how each document's tag sequences are distributed: as a Markov chain. Where
    a document has no possible sequence, they mean nothing. Tags are in the order of
    `links`.

    Attributes:
        before: Sum over the ways from the start to a tag, this token included. Shape
            (N, K).
        beyond: Sum over the ways from a tag to the end, this token included. Shape
            (N, K).
        own: What tags contribute at their token. Shape (N, K).
        passed: Logarithm of what each token's `before` was divided by. Shape (N,).
        scales: Logarithm of the scale of each token's `beyond`. Shape (N,).
        shift: What a document's log partition has beside all that. Shape ().
        links: What a transition contributes.
        in_logs: Whether the sums are logarithms.
    """

    before: Tensor
    beyond: Tensor
    own: Tensor
    passed: Tensor
    scales: Tensor
    shift: Tensor
    links: Transitions
    in_logs: bool

    def after(self, tokens: Any = slice(None), columns: Any = slice(None)) -> Tensor:
        """Sum over the ways from tags to the end, this token not included.

        Returns:
            Shape (tokens, K), or (tokens,) if each of them has one tag.
        """
        beyond, own = self.beyond[tokens, columns].double(), self.own[tokens, columns]
        scales = self.scales[tokens].view(-1, *[1] * (beyond.ndim - 1))
        if self.in_logs:
            return (beyond + finite(scales)).sub_(own).nan_to_num_(nan=-torch.inf)
        return (beyond * scales.exp()).div_(own).nan_to_num_(nan=0.0)

    def log_partition(self, steps: Steps) -> Tensor:
        """Sum up all sequences of each document. Shape (B,), -inf if there is none."""
        Z = self.passed.new_zeros(len(steps.lengths))
        Z.index_add_(0, steps.doc_of, self.passed)
        before, after = self.before[steps.last], self.after(steps.last)
        if self.in_logs:
            Z[steps.order] += torch.logsumexp(before + after, 1)
        else:
            Z[steps.order] += (before * after).sum(1).log() + self.shift
        return Z

    def ordered_marginals(self, tokens: Any = slice(None)) -> Tensor:
        """Find the probability of each tag, in order, at some tokens."""
        before, after = self.before[tokens].double(), self.after(tokens)
        if self.in_logs:
            return torch.softmax(before + after, 1)
        uses = before * after
        return uses.div_(uses.sum(1, keepdim=True))

    def marginals(self) -> Tensor:
        """Find the probability of each tag at each token. Shape (N, K)."""
        return self.links.restore(self.ordered_marginals())

    def marginal(self, tokens: Any, tags: Any) -> Tensor:
        """Find the probability of one tag at each of some tokens. Shape (tokens,)."""
        columns = self.links.columns[tags].unsqueeze(1)
        return self.ordered_marginals(tokens).gather(1, columns).squeeze(1)

    def conditional(self, tokens: Any, tags_before: Any, tags: Any) -> Tensor:
        """Find the probability of tags at some tokens, given those right before.

        Args:
            tokens: None of them is the first of its document. Shape (M,).
            tags_before: The tag of the token before each. Shape (M,).
            tags: Its own tag. Shape (M,).

        Returns:
            Probabilities, NaN after what is impossible. Shape (M,).
        """
        links = self.links
        step, columns = links.scores[tags_before, tags], links.columns
        beyond = self.beyond[tokens, columns[tags]]
        all_ways = self.after(tokens - 1, columns[tags_before])
        if self.in_logs:
            return (step + beyond - all_ways).exp()
        return (step - links.highest).exp_() * beyond / all_ways

    def uses(self, weights: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """Find how often tags and transitions are expected to be used.

        Args:
            weights: How much each token counts, 0 where no sequence is possible. Shape
                (N,).
            last: The last tokens of documents. Shape (B,).

        Returns:
            Of the tags, shape (N, K), and of transitions, shape (K, K).
        """
        links = self.links
        if self.in_logs:
            tags = self.ordered_marginals().mul_(weights[:, None]).nan_to_num_(nan=0.0)
            weights = weights.index_fill(0, last, 0.0)
            (here,) = weights.nonzero(as_tuple=True)
            before = self.before[here]
            before -= (before + self.after(here)).logsumexp(1, keepdim=True)
            weights, beyond = weights[here, None], self.beyond[here + 1]
            pairs = links.log_uses(before, beyond, weights)
            return links.restore(tags), pairs
        tags = self.after().mul_(self.before)
        Z = tags.sum(1)
        shares = (weights / Z).masked_fill_(Z == 0, 0.0).unsqueeze(1)
        tags *= shares
        onward = self.before * shares
        onward[last] = 0.0
        return links.restore(tags), links.uses(onward[:-1], self.beyond[1:])
