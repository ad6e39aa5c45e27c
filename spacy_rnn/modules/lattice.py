"""The tag sequences of a batch of documents, laid out for recursions over time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from spacy_rnn.modules.devices import to_device
from spacy_rnn.modules.transition_parts import lay_out
from spacy_rnn.modules.transitions import Transitions

# Bytes, at most. glibc returns larger pieces of memory to the system each time.
PART = 2**24


@dataclass(frozen=True)
class Lattice:
    """All tag sequences of each document, and their scores.

    What is impossible has the score -inf. Documents lie end to end, so there is no
    padding. An empty document has one sequence, the empty one, with score 0. Whatever
    the precision of the scores, they are added up in double precision.

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
        return lay_out(self.transitions)

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
        lengths, starts = self.lengths[docs], self.lengths.cumsum(0) - self.lengths
        tokens = to_device(list_tokens(starts[docs], lengths), self.emissions.device)
        emissions = self.emissions.index_select(0, tokens)
        return self.vary(emissions=emissions, lengths=lengths)

    def parts(self, itemsize: int = 8) -> Iterator[tuple[int, "Lattice"]]:
        """Cut into lattices of few documents, so that memory is used again for each.

        Args:
            itemsize: Bytes of each number that is computed.

        Yields:
            The first token of each part, and the part.
        """
        size = max(1, PART // (itemsize * self.emissions.shape[1]))
        if len(self.emissions) <= size or self.emissions.is_cuda:
            yield 0, self
            return
        starts = self.lengths.cumsum(0) - self.lengths
        counts = (starts // size).unique_consecutive(return_counts=True)[1].tolist()
        sizes = [int(lengths.sum()) for lengths in self.lengths.split(counts)]
        rows, first = self.emissions.split(sizes), 0
        for emissions, lengths in zip(rows, self.lengths.split(counts), strict=True):
            yield first, self.vary(emissions=emissions, lengths=lengths)
            first += len(emissions)

    def append(self, other: "Lattice") -> "Lattice":
        """Put the documents of another lattice, of the same transitions, behind."""
        return self.vary(
            emissions=torch.cat([self.emissions, other.emissions]),
            lengths=torch.cat([self.lengths, other.lengths]),
        )


def list_tokens(starts: Tensor, lengths: Tensor) -> Tensor:
    """List tokens from where each document starts. Shape (N,)."""
    shift = (starts - lengths.cumsum(0) + lengths).repeat_interleave(lengths)
    return torch.arange(len(shift)) + shift


class Steps:
    """Tokens of a batch in the order of time, as in torch's `PackedSequence`.

    First come the first tokens of all documents, longest document first, then the
    second ones of those that have two, and so on. So a step needs no padding, and the
    documents that go on are always the first ones of the step before.

    Attributes:
        lengths: Tokens in each document, on the CPU. Shape (B,).
        starts: The first token of each document, on the CPU. Shape (B,).
        counts: Number of documents at each step.
        order: The documents that have tokens, in their order at each step.
        token: The tokens in the order of time, and in that of the documents read from
            their end. Shape (2, N).
        first: The first token of the documents in `order`.
        last: Their last token.
        doc_of: The document of each token, rising. Shape (N,).
    """

    def __init__(
        self, lengths: Tensor, device: torch.device, starts: Tensor | None = None
    ) -> None:
        """Order the tokens of documents that lie end to end, or have other starts."""
        order = lengths.argsort(descending=True, stable=True)
        rank = torch.empty_like(order).scatter_(0, order, torch.arange(len(order)))
        order = order[: int(lengths.count_nonzero())]
        ends = lengths.cumsum(0)
        doc_of = torch.repeat_interleave(lengths)
        number = torch.arange(len(doc_of))
        passed, left = number - (ends - lengths)[doc_of], ends[doc_of] - 1 - number
        counts = torch.bincount(passed)
        step = counts.cumsum(0) - counts
        place = step[torch.stack([passed, left])] + rank[doc_of]
        self.lengths = lengths
        self.starts = ends - lengths if starts is None else starts
        tokens = list_tokens(self.starts, lengths)
        token = torch.empty_like(place).scatter_(1, place, tokens.expand(2, -1))
        self.counts: list[int] = counts.tolist()
        self.order = to_device(order, device)
        self.token = to_device(token, device)
        self.first, self.last = self.token[:, : len(order)]
        self.doc_of = to_device(doc_of, device)

    def blocks(self, size: int) -> list[list[int]]:
        """Put neighbouring steps together, of `size` tokens or a little more."""
        block_of = torch.tensor(self.counts).cumsum(0).sub_(1) // size
        n_steps = block_of.unique_consecutive(return_counts=True)[1].tolist()
        ends = list(accumulate(n_steps))
        return [
            self.counts[end - n : end] for n, end in zip(n_steps, ends, strict=True)
        ]
