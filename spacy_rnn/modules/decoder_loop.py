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

from spacy_rnn.modules.decoder_cells import CELLS, Weights
from spacy_rnn.modules.source_attention import ATTENTIONS
from spacy_rnn.modules.steps import SortedSteps


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


class State(NamedTuple):
    """Where a decoder is, in each of some texts.

    Attributes:
        output: Attention vector and state of the cell side by side. Shape (B, D + H).
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
        steps: SortedSteps,
        inputs: Tensor,
        state: State,
        source: Source,
        weights: Weights,
    ) -> None:
        """Get ready.

        Args:
            kinds: One of `CELLS` and one of `ATTENTIONS`.
            steps: Where the rows stand.
            inputs: The part of the cell's gates that is known before, of each row.
                Shape (N, gates * H).
            state: Before the first step.
            source: As many rows of the state belong to each of them.
            weights: Parameters.
        """
        cell, attention = kinds
        self.cell = CELLS[cell](inputs, state.memory, weights)
        self.attention = ATTENTIONS[attention](source.keys, weights)
        self.W_mix, self.w_read = weights.mix, weights.read
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
            if self.read is not None and self.w_read is not None:
                self.read[rows] = read[:size]
                scores += (self.w_read * read[:size]).view_as(scores)
            torch.softmax(scores, dim=2, out=shares.view_as(scores))
            context = torch.bmm(shares.view_as(scores), self.source.values[:n_sources])
            Y.copy_(context.flatten(0, 1).addmm_(states, self.W_mix.t()).tanh_())
            before, read = outputs, read[:size] + shares
        return self.first._replace(output=before, memory=self.cell.memory, read=read)

    def split(self, outputs: Tensor) -> Sequence[Tensor]:
        """Part attention vectors from states."""
        return outputs.split([self.width, outputs.shape[1] - self.width], dim=1)

    def backward(
        self, d_outputs: Tensor, d_shares: Tensor
    ) -> tuple[State, Source, Tensor, Weights]:
        """Go all steps back.

        Args:
            d_outputs: Gradient of the outputs, used up. Shape (N, D + H).
            d_shares: Gradient of the shares, used up. Shape (N, S).

        Returns:
            Gradients of the state before the first step, the source, the inputs and the
            weights.
        """
        Y, states = self.split(self.outputs)
        self.slope = 1.0 - Y.square()
        d_first = torch.zeros_like(self.first.output)
        d_read = torch.zeros_like(self.first.read)
        before = self.steps.shift(self.first.output, self.outputs)
        self.cell.start_back(self.steps, before)
        self.attention.start_back(states)
        for step in reversed(range(len(self.steps.sizes))):
            rows, size = self.steps.slices[step], self.steps.sizes[step]
            d_states = self.step_back(rows, d_outputs[rows], d_shares[rows], d_read)
            d_before = d_outputs[self.steps.slices[step - 1]] if step else d_first
            self.cell.backward(rows, d_states, d_before[:size])
        # What no step waits for is left.
        d_Y, _ = self.split(d_outputs)
        d_inputs, d_memory, d_cell = self.cell.gradients(before)
        d_keys, d_attention = self.attention.gradients(d_shares, self.steps)
        grid = self.steps.spread(self.shares).transpose(1, 2)
        d_values = torch.bmm(grid, self.steps.spread(d_Y))
        if self.read is not None:
            d_attention["read"] = torch.sum(d_shares * self.read).view(1)
        return (
            self.first._replace(output=d_first, memory=d_memory),
            self.source._replace(keys=d_keys, values=d_values),
            d_inputs,
            Weights(mix=d_Y.t() @ states, **d_cell, **d_attention),
        )

    def step_back(
        self, rows: slice, d_outputs: Tensor, d_shares: Tensor, d_read: Tensor
    ) -> Tensor:
        """Go back from what a step gives to the state that the cell gave it.

        Args:
            rows: The rows of the step.
            d_outputs: Gradient of its outputs, changed. Shape (n, D + H).
            d_shares: Gradient of its shares, which becomes that of its scores. Shape
                (n, S).
            d_read: Gradient of what has been read before the step behind this one,
                which becomes that of before this one. Shape (B, S).

        Returns:
            Gradient of the states, a view of that of the outputs. Shape (n, H).
        """
        size = len(d_outputs)
        d_Y, d_states = self.split(d_outputs)
        d_Y.mul_(self.slope[rows])
        d_states.addmm_(d_Y, self.W_mix)
        values = self.source.values[:size].transpose(1, 2)
        d_shares += torch.bmm(d_Y[:, None], values)[:, 0]
        if self.w_read is not None:
            d_shares += d_read[:size]
        shares = self.shares[rows]
        mean = torch.sum(d_shares * shares, dim=1, keepdim=True)
        d_scores = d_shares.sub_(mean).mul_(shares)
        if self.w_read is not None:
            d_read[:size] += self.w_read * d_scores
        self.attention.backward(rows, d_scores, d_states)
        return d_states


class DecoderLoop(torch.autograd.Function):
    """A `Loop` of one text for each source, from where nothing has been read."""

    @staticmethod
    def forward(
        ctx: Any,
        kinds: tuple[str, str],
        steps: SortedSteps,
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
            weights: The fields of `Weights`.
        """
        nothing = torch.zeros_like(barred)
        state = State(output, memory, nothing, nothing)
        source = Source(keys, values, barred, nothing, nothing)
        ctx.loop = Loop(kinds, steps, inputs, state, source, Weights(*weights))  # type: ignore[arg-type]
        ctx.loop.forward()
        # Not the same objects, which would hold themselves in memory.
        return ctx.loop.outputs.detach(), ctx.loop.shares.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor, d_shares: Tensor) -> tuple[Any, ...]:
        state, source, d_inputs, weights = ctx.loop.backward(
            d_outputs.clone(), d_shares.clone()
        )
        return (
            *(None, None, None, d_inputs, state.output, state.memory),
            *(source.keys, source.values, *weights),
        )
