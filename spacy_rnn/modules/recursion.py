"""Recursions over the tokens of documents, in which long ones go in pieces at once."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from spacy_rnn.modules.devices import to_device
from spacy_rnn.modules.lattice import Steps

PIECE = 128  # tokens
LONG = 4 * PIECE  # documents of more tokens are cut
BLOCK = 2**17  # numbers that are put in the order of time at once


class Algebra(Protocol):
    """How scores are put together along a way, and ways with each other."""

    one: float  # the score that changes nothing

    def times(self, X: Tensor, Y: Tensor) -> None:
        """Lengthen ways, in place."""

    def follow(self, X: Tensor) -> Tensor:
        """Put together all ways to the tags that come next. Shape (D, B, K)."""

    def rescale(self, X: Tensor) -> Tensor:
        """Rescale each token's values in place. Return the scales, shape (D, B, 1)."""

    def log(self, scales: Tensor) -> Tensor:
        """Return the logarithms of scales, float64."""

    def differ(self, X: Tensor, Y: Tensor) -> Tensor:
        """Return whether values are not the same up to rounding."""


class Pieces(NamedTuple):
    """Documents, of which the long ones are cut.

    Attributes:
        lengths: Tokens in each piece. Shape (P,).
        starts: The first token of each piece. Shape (P,).
        inner: The pieces that go on from the one before.
    """

    lengths: Tensor
    starts: Tensor
    inner: Tensor

    def select(self, chosen: Tensor, device: torch.device) -> Steps:
        """Lay out some of the pieces."""
        return Steps(self.lengths[chosen], device, self.starts[chosen])


def cut(steps: Steps) -> Pieces | None:
    """Cut long documents. How depends on nothing but their own length.

    Returns:
        The pieces, but for those of no tokens; None if no document is long.
    """
    if not (steps.lengths > LONG).any():
        return None
    lengths, starts = (x[steps.lengths > 0] for x in (steps.lengths, steps.starts))
    counts = torch.where(lengths > LONG, -(-lengths // PIECE), 1)
    doc_of = torch.repeat_interleave(counts)
    number = torch.arange(len(doc_of)) - (counts.cumsum(0) - counts)[doc_of]
    passed = number * PIECE
    is_last = number == counts[doc_of] - 1
    sizes = torch.where(is_last, lengths[doc_of] - passed, PIECE)
    return Pieces(sizes, starts[doc_of] + passed, number.nonzero().squeeze(1))


def run(
    steps: Steps,
    values: Tensor,
    edges: Tensor,
    algebra: Algebra,
    directions: Sequence[int] = (0,),
) -> tuple[Tensor, Tensor]:
    """Run over time, forwards, backwards or both ways, rescaling at each token.

    Long documents are cut. Their pieces run side by side from guesses of what comes
    before and behind, and again from what the neighbours found, as long as that
    differs. After some tokens hardly anything depends on the guess, so this comes to an
    end soon; at worst the pieces become right one after the other.

    Args:
        steps: The documents.
        values: What the tags of each token contribute. Shape (N, K).
        edges: What the first tag contributes, or read from their end, the last one, in
            the precision of the result. Shape (D, K).
        algebra: The operations.
        directions: 0 for forwards, 1 for backwards. Shape (D,).

    Returns:
        For each token the value of all ways that lead there, the token included, shape
        (D, N, K), and the logarithm of its scale, shape (D, N), float64. 1 and 0 for
        other tokens than those of the steps.
    """
    found = (
        edges.new_empty(len(edges), *values.shape),
        edges.new_empty(len(edges), len(values), dtype=torch.float64),
    )
    if steps.token.shape[1] < len(values):
        found[0].fill_(1.0)
        found[1].zero_()
    edges = edges.unsqueeze(1)
    pieces = cut(steps)
    if pieces is None:
        edge = edges.expand(-1, len(steps.order), -1)
        sweep(values, edge, steps, algebra, directions, *found)
        return found
    device, inner = values.device, pieces.inner
    borders, ahead = (to_device(x, device) for x in (pieces.starts[inner], inner))
    chosen = list(directions)
    sides = torch.stack([borders - 1, borders])[chosen, :, None]
    to = torch.stack([ahead, ahead - 1])[chosen]
    side = torch.arange(len(edges), device=device)[:, None]
    edge = edges.repeat(1, len(pieces.lengths), 1)
    edge[side, to] = algebra.one
    stale = torch.arange(len(pieces.lengths))
    while len(stale):
        part = pieces.select(stale, device)
        starts = edge[:, to_device(stale, device)][:, part.order]
        sweep(values, starts, part, algebra, directions, *found)
        ends = found[0].gather(1, sides.expand(-1, -1, values.shape[1]))
        fresh = algebra.follow(ends)
        moved = torch.zeros(edge.shape[:2], dtype=torch.bool, device=device)
        moved[side, to] = algebra.differ(fresh, edge[side, to]).any(2)
        edge[side, to] = fresh
        stale = moved.any(0).nonzero().squeeze(1).cpu()
    return found


def sweep(
    values: Tensor,
    edge: Tensor,
    steps: Steps,
    algebra: Algebra,
    directions: Sequence[int],
    messages: Tensor,
    scales: Tensor,
) -> None:
    """Run over time and fill in what is found, see `run`.

    Args:
        values: What the tags of each token contribute. Shape (N, K).
        edge: What comes before each document, in the order of the steps. Shape
            (D, B, K).
        steps: The documents at each step.
        algebra: The operations.
        directions: 0 for forwards, 1 for backwards. Shape (D,).
        messages: The values of ways. Shape (D, N, K).
        scales: The logarithms of their scales. Shape (D, N).
    """
    token = steps.token[list(directions)]
    shift = torch.arange(len(token), device=token.device)[:, None] * len(values)
    flat, found, last = messages.view(-1, values.shape[1]), [], None
    blocks = steps.blocks(max(1, BLOCK // values[0].numel() // len(token)))
    sizes = [sum(counts) for counts in blocks]
    by_block = [each.split(sizes, dim=1) for each in (token, token + shift)]
    for counts, tokens, rows in zip(blocks, *by_block, strict=True):
        block = values.index_select(0, tokens.flatten()).to(messages.dtype)
        block = block.unflatten(0, tokens.shape)
        for here in block.split(counts, dim=1):
            n_docs = here.shape[1]
            before = edge if last is None else algebra.follow(last.narrow(1, 0, n_docs))
            algebra.times(here, before)
            found.append(algebra.rescale(here))
            last = here
        flat.index_copy_(0, rows.flatten(), block.flatten(0, 1))
    logs = algebra.log(torch.cat(found, dim=1))
    scales.scatter_(1, token, logs.squeeze(2))
