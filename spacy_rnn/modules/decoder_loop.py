"""The recurrence of a decoder: a cell, attention, and what both say fed back.

At each step the cell reads the piece before and the attention vector of the step before
(input feeding, Luong et al., 2015). So no step can be computed before the last one, and
torch would record two dozen operations of each for its backward pass, and add to the
gradient of each weight at each step. Here a backward pass does at each step what hangs
on another step, and the rest for all steps at once.

Training and search run the same code: search goes one step at a time.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spacy_rnn.modules.decoder_cells import CELLS
from spacy_rnn.modules.source_attention import ATTENTIONS
from spacy_rnn.modules.steps import Steps


class Source(NamedTuple):
    """What a decoder reads of a batch of sources.

    Attributes:
        keys: What a state is compared with, of each piece. Shape (B, S, H).
        values: What is read of each piece. Shape (B, S, D).
        barred: 0 for pieces, minus infinity for padding. Shape (B, S).
        pieces: Their rows in the vocabulary. Shape (B, S).
        starts: Whether a piece begins a token. Shape (B, S).
    """

    keys: Tensor
    values: Tensor
    barred: Tensor
    pieces: Tensor
    starts: Tensor

    def take(self, rows: Tensor) -> "Source":
        """Select sources, in an order."""
        return Source(*(each.index_select(0, rows) for each in self))


class State(NamedTuple):
    """Where a decoder is, in each of some texts.

    Attributes:
        output: The attention vector and the cell's state side by side. Shape (B, D + H).
        memory: What the cell keeps besides. Shape (B, H).
        read: How much of each piece has been read. Shape (B, S).
        copied: Whether the last pieces of the text are those of a token from its
            beginning to this piece. Shape (B, S).
    """

    output: Tensor
    memory: Tensor
    read: Tensor
    copied: Tensor

    def take(self, rows: Tensor) -> "State":
        """Select texts, in an order."""
        return State(*(each.index_select(0, rows) for each in self))


class Loop:
    """A decoder on its way through the steps of a batch."""

    def __init__(
        self,
        kinds: tuple[str, str],
        steps: Steps,
        inputs: Tensor,
        state: State,
        source: Source,
        weights: Sequence[Tensor | None],
    ) -> None:
        """Get ready.

        Args:
            kinds: One of `CELLS` and one of `ATTENTIONS`.
            steps: Where the rows stand.
            inputs: The part of the cell's gates that is known before, of each row.
                Shape (N, gates * H).
            state: Before the first step.
            source: As many rows of the state belong to each of them.
            weights: Of the cell, two; of the attention vector's part that is made of
                the state, shape (D, H); of what has been read, shape (1,), or None; of
                the attention.
        """
        cell, attention = kinds
        W, b, self.W_out, self.w_read, *others = weights
        self.cell = CELLS[cell](inputs, state.memory, W, b)
        self.attention = ATTENTIONS[attention](source.keys, *others)
        self.steps, self.first, self.source = steps, state, source
        self.beams = len(state.output) // len(source.keys)
        self.width = source.values.shape[2]
        n_pieces = source.keys.shape[1]
        self.outputs = inputs.new_empty(len(inputs), state.output.shape[1])
        self.shares = inputs.new_empty(len(inputs), n_pieces)
        self.read = None if self.w_read is None else torch.empty_like(self.shares)

    def forward(self) -> State:
        """Go all steps, and return where the decoder is after the last one.

        What has been read is counted there whether it's attended to or not.
        """
        before, read = self.first.output, self.first.read
        for rows, size in zip(self.steps.slices, self.steps.sizes, strict=True):
            outputs, shares = self.outputs[rows], self.shares[rows]
            Y, states = self.split(outputs)
            self.cell.forward(rows, before[:size], states)
            n_sources = size // self.beams
            scores = self.attention.score(states, n_sources)
            scores += self.source.barred[:n_sources, None]
            if self.read is not None:
                self.read[rows] = read[:size]
                scores += (self.w_read * read[:size]).view_as(scores)
            torch.softmax(scores, dim=2, out=shares.view_as(scores))
            context = torch.bmm(shares.view_as(scores), self.source.values[:n_sources])
            Y.copy_(context.flatten(0, 1).addmm_(states, self.W_out.t()).tanh_())
            before, read = outputs, read[:size] + shares
        return self.first._replace(output=before, memory=self.cell.memory, read=read)

    def split(self, outputs: Tensor) -> Sequence[Tensor]:
        """Part attention vectors from states."""
        return outputs.split([self.width, outputs.shape[1] - self.width], dim=1)

    def backward(self, d_outputs: Tensor, d_shares: Tensor) -> tuple[Tensor | None, ...]:
        """Go all steps back.

        Args:
            d_outputs: Gradient of the outputs, used up. Shape (N, D + H).
            d_shares: Gradient of the shares, used up. Shape (N, S).

        Returns:
            Gradients of inputs, the first state's output and memory, keys, values, and
            the weights.
        """
        Y, states = self.split(self.outputs)
        slope = 1.0 - Y.square()
        d_scores = torch.empty_like(d_shares)
        d_first = torch.zeros_like(self.first.output)
        d_read = torch.zeros_like(self.first.read)
        read_before = self.steps.shift(self.first.output, self.outputs)
        self.cell.start_back(self.steps, read_before)
        self.attention.start_back(states)
        places = zip(self.steps.slices, self.steps.sizes, strict=True)
        for (rows, size), before in zip(
            reversed(list(places)), [*self.steps.slices[-2::-1], None], strict=True
        ):
            d_Y, d_states = self.split(d_outputs[rows])
            d_Y.mul_(slope[rows])
            d_states.addmm_(d_Y, self.W_out)
            read_back = torch.bmm(
                self.source.values[:size], d_Y[:, :, None]
            )
            d_shares_t = d_shares[rows].add_(read_back[:, :, 0])
            if self.read is not None:
                d_shares_t += d_read[:size]
            shares = self.shares[rows]
            total = torch.sum(d_shares_t * shares, dim=1, keepdim=True)
            d_scores_t = torch.mul(
                d_shares_t - total, shares, out=d_scores[rows]
            )
            if self.read is not None:
                d_read[:size] += self.w_read * d_scores_t
            self.attention.backward(rows, d_scores_t, d_states)
            d_before = d_first if before is None else d_outputs[before]
            self.cell.backward(rows, d_states, d_before[:size])
        return self.gradients(d_outputs, d_scores, d_first, read_before)

    def gradients(
        self, d_outputs: Tensor, d_scores: Tensor, d_first: Tensor, before: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Compute what no step waits for, see `backward`."""
        d_Y, _ = self.split(d_outputs)
        _, states = self.split(self.outputs)
        d_inputs, d_memory, *d_cell = self.cell.gradients(before)
        d_keys, *d_attention = self.attention.gradients(d_scores, self.steps)
        grid = self.steps.spread(self.shares).transpose(1, 2)
        d_values = torch.bmm(grid, self.steps.spread(d_Y))
        d_w_read = None
        if self.read is not None:
            d_w_read = torch.sum(d_scores * self.read).view(1)
        d_W_out = d_Y.t() @ states
        return (
            *(d_inputs, d_first, d_memory, d_keys, d_values),
            *(*d_cell, d_W_out, d_w_read, *d_attention),
        )


class DecoderLoop(torch.autograd.Function):
    """A `Loop` of one text for each source, from where nothing has been read."""

    @staticmethod
    def forward(
        ctx: Any,
        kinds: tuple[str, str],
        steps: Steps,
        barred: Tensor,
        inputs: Tensor,
        output: Tensor,
        memory: Tensor,
        keys: Tensor,
        values: Tensor,
        *weights: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return attention vectors beside states, shape (N, D + H), and shares (N, S).

        Args:
            ctx: Torch's record for the backward pass.
            kinds: One of `CELLS` and one of `ATTENTIONS`.
            steps: Where the rows stand.
            barred: 0 for pieces, minus infinity for padding. Shape (B, S).
            inputs: See `Loop`.
            output: Attention vector and state before the first step. Shape (B, D + H).
            memory: What the cell keeps besides then. Shape (B, H).
            keys: Shape (B, S, H).
            values: Shape (B, S, D).
            weights: See `Loop`.
        """
        nothing = torch.zeros_like(barred)
        state = State(output, memory, nothing, nothing)
        source = Source(keys, values, barred, nothing, nothing)
        ctx.loop = Loop(kinds, steps, inputs, state, source, weights)
        ctx.loop.forward()
        # Not the same objects, which would hold themselves in memory.
        return ctx.loop.outputs.detach(), ctx.loop.shares.detach()

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, d_outputs: Tensor, d_shares: Tensor
    ) -> tuple[Any, ...]:
        gradients = ctx.loop.backward(d_outputs.clone(), d_shares.clone())
        return None, None, None, *gradients
