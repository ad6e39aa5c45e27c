"""Recursions over the tokens of documents, in which long ones go in pieces at once."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from spacy_rnn.modules.lattice import Lattice, Steps, list_tokens

PIECE = 128  # tokens
LONG = 4 * PIECE  # documents of more tokens are cut


class Algebra(Protocol):
    """How scores are put together along a way, and ways with each other."""

    one: float  # the score that changes nothing

    def times(self, X: Tensor, Y: Tensor) -> None:
        """Lengthen ways, in place."""

    def follow(self, X: Tensor) -> Tensor:
        """Put together all ways to the tags that come next. Shape (D, B, K)."""

    def rescale(self, X: Tensor) -> Tensor:
        """Rescale each token's values in place. Return the logarithms, shape (D, B)."""

    def differ(self, X: Tensor, Y: Tensor) -> Tensor:
        """Return whether values are not the same up to rounding."""


class Pieces(NamedTuple):
    """Documents, of which the long ones are cut.

    Attributes:
        lengths: Tokens in each piece. Shape (P,).
        inner: The pieces that go on from the one before.
        borders: The first token of each of these.
    """

    lengths: Tensor
    inner: Tensor
    borders: Tensor


def cut(lengths: Tensor) -> Pieces | None:
    """Cut long documents. How depends on nothing but their own length.

    Returns:
        The pieces, but for those of no tokens; None if no document is long.
    """
    lengths = lengths[lengths > 0]
    if not (lengths > LONG).any():
        return None
    counts = torch.where(lengths > LONG, -(-lengths // PIECE), 1)
    doc_of = torch.repeat_interleave(counts)
    number = torch.arange(len(doc_of)) - (counts.cumsum(0) - counts)[doc_of]
    left = lengths[doc_of] - number * PIECE
    is_last = number == counts[doc_of] - 1
    sizes = torch.where(is_last, left, PIECE)
    inner = number.nonzero().squeeze(1)
    return Pieces(sizes, inner, (sizes.cumsum(0) - sizes)[inner])


def run(
    lattice: Lattice, values: Tensor, edges: Tensor, algebra: Algebra
) -> tuple[Tensor, Tensor]:
    """Run over time, forwards and perhaps backwards, rescaling at each token.

    Long documents are cut. Their pieces run side by side from guesses of what comes
    before and behind, and again from what the neighbours found, as long as that
    differs. After some tokens hardly anything depends on the guess, so this comes to an
    end soon; at worst the pieces become right one after the other.

    Args:
        lattice: The documents.
        values: What the tags of each token contribute. Shape (N, K).
        edges: What the first tag contributes, forwards, and the last one, backwards.
            Shape (D, K), with D of 1 or 2.
        algebra: The operations.

    Returns:
        For each token the value of all ways that lead there, the token included, shape
        (D, N, K), and the logarithm of its scale, shape (D, N).
    """
    edges = edges.unsqueeze(1)
    pieces = cut(lattice.lengths)
    if pieces is None:
        edge = edges.expand(-1, len(lattice.steps.order), -1)
        return sweep(values, edge, lattice.steps, algebra)
    device, inner = values.device, pieces.inner
    borders = pieces.borders.to(device)
    sides = torch.stack([borders - 1, borders])[: len(edges), :, None]
    to = torch.stack([inner, inner - 1])[: len(edges)].to(device)
    direction = torch.arange(len(edges), device=device)[:, None]
    edge = edges.repeat(1, len(pieces.lengths), 1)
    edge[direction, to] = algebra.one
    messages = values.new_empty(len(edges), *values.shape)
    scales = values.new_empty(len(edges), len(values))
    stale = torch.arange(len(pieces.lengths))
    while len(stale):
        tokens = list_tokens(pieces.lengths, stale).to(device)
        steps = Steps(pieces.lengths[stale], device)
        starts = edge[:, stale.to(device)][:, steps.order]
        found = sweep(values[tokens], starts, steps, algebra)
        messages[:, tokens], scales[:, tokens] = found
        ends = messages.gather(1, sides.expand(-1, -1, values.shape[1]))
        fresh = algebra.follow(ends)
        moved = torch.zeros(edge.shape[:2], dtype=torch.bool, device=device)
        moved[direction, to] = algebra.differ(fresh, edge[direction, to]).any(2)
        edge[direction, to] = fresh
        stale = moved.any(0).nonzero().squeeze(1).cpu()
    return messages, scales


def sweep(
    values: Tensor, edge: Tensor, steps: Steps, algebra: Algebra
) -> tuple[Tensor, Tensor]:
    """Run over time, see `run`.

    Args:
        values: What the tags of each token contribute. Shape (N, K).
        edge: What comes before each document, in the order of the steps. Shape
            (D, B, K).
        steps: The documents at each step.
        algebra: The operations.
    """
    n_directions, n_tokens = len(edge), len(values)
    token = steps.token[:n_directions]
    shift = torch.arange(n_directions, device=token.device)[:, None] * n_tokens
    by_step = [each.split(steps.counts, dim=1) for each in (token, token + shift)]
    messages = values.new_empty(n_directions * n_tokens, values.shape[1])
    scales, here = [], None
    # Reading and writing rows step by step needs no copy of all in the order of time.
    for tokens, rows in zip(*by_step, strict=True):
        before = edge if here is None else algebra.follow(here[:, : tokens.shape[1]])
        here = values.index_select(0, tokens.flatten()).view(before.shape)
        algebra.times(here, before)
        scales.append(algebra.rescale(here))
        messages.index_copy_(0, rows.flatten(), here.flatten(0, 1))
    in_order = torch.cat(scales, dim=1).gather(1, steps.place[:n_directions])
    return messages.view(n_directions, *values.shape), in_order
