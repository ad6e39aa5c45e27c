"""The tag sequences of a batch of documents, laid out for recursions over time."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from spacy_rnn.modules.transitions import Transitions


@dataclass(frozen=True)
class Lattice:
    """All tag sequences of each document, and their scores.

    What is impossible has the score -inf. Documents lie end to end, so there is no
    padding. An empty document has one sequence, the empty one, with score 0.

    Attributes:
        emissions: Score of each tag at each token. Shape (N, K).
        lengths: Tokens in each document, 0 allowed, summing to N, on the CPU. Shape
            (B,).
        transitions: Score of a tag (column) after another (row). Shape (K, K).
        start: Score of a document's first tag. Shape (K,).
        end: Score of a document's last tag. Shape (K,).
    """

    emissions: Tensor
    lengths: Tensor
    transitions: Tensor
    start: Tensor
    end: Tensor

    @cached_property
    def steps(self) -> "Steps":
        return Steps(self.lengths, self.emissions.device)

    @property
    def leaves(self) -> tuple[Tensor, ...]:
        """The scores, in the order in which gradients for them are given."""
        return self.emissions, self.transitions, self.start, self.end

    @cached_property
    @torch.no_grad()
    def forward(self) -> Transitions:
        """The transitions, laid out for steps over time."""
        return Transitions(self.transitions)

    def vary(self, **changes: Any) -> "Lattice":
        """Change what the documents are, and keep what is known of transitions."""
        varied = replace(self, **changes)
        vars(varied)["forward"] = self.forward
        return varied

    def restrict(self, allowed: Tensor) -> "Lattice":
        """Leave only some tags to each token. Shape (N, K), bool."""
        emissions = self.emissions.masked_fill(~allowed, -torch.inf)
        return self.vary(emissions=emissions)

    def select(self, docs: Tensor) -> "Lattice":
        """Make a lattice of some documents, which may repeat, given on the CPU."""
        tokens = list_tokens(self.lengths, docs).to(self.emissions.device)
        emissions = self.emissions.index_select(0, tokens)
        return self.vary(emissions=emissions, lengths=self.lengths[docs])

    def append(self, other: "Lattice") -> "Lattice":
        """Put the documents of another lattice, of the same transitions, behind."""
        return self.vary(
            emissions=torch.cat([self.emissions, other.emissions]),
            lengths=torch.cat([self.lengths, other.lengths]),
        )


def list_tokens(lengths: Tensor, docs: Tensor) -> Tensor:
    """List the tokens of some of the documents that lie end to end."""
    chosen = lengths[docs]
    first = (lengths.cumsum(0) - lengths)[docs]
    shift = (first - chosen.cumsum(0) + chosen).repeat_interleave(chosen)
    return torch.arange(len(shift)) + shift


class Steps:
    """The tokens of a batch in the order of time, as in torch's `PackedSequence`.

    First come the first tokens of all documents, longest document first, then the
    second ones of those that have two, and so on. So a step needs no padding, and the
    documents that go on are always the first ones of the step before.

    Attributes:
        counts: Number of documents at each step.
        order: The documents that have tokens, in their order at each step.
        place: Of each token its place in the order of time, and in that of the
            documents read from their end. Shape (2, N).
        token: The tokens in these two orders. Shape (2, N).
        first: The first token of the documents in `order`.
        last: Their last token.
        doc_of: The document of each token, rising. Shape (N,).
    """

    def __init__(self, lengths: Tensor, device: torch.device) -> None:
        order = lengths.argsort(descending=True, stable=True)
        rank = torch.empty_like(order).scatter_(0, order, torch.arange(len(order)))
        order = order[: int(lengths.count_nonzero())]
        ends = lengths.cumsum(0)
        doc_of = torch.repeat_interleave(lengths)
        tokens = torch.arange(len(doc_of))
        passed, left = tokens - (ends - lengths)[doc_of], ends[doc_of] - 1 - tokens
        counts = torch.bincount(passed)
        starts = counts.cumsum(0) - counts
        place = starts[torch.stack([passed, left])] + rank[doc_of]
        token = torch.empty_like(place).scatter_(1, place, tokens.expand(2, -1))
        self.counts: list[int] = counts.tolist()
        self.order = order.to(device)
        self.place = place.to(device)
        self.token = token.to(device)
        self.first, self.last = token[:, : len(order)].to(device)
        self.doc_of = doc_of.to(device)
