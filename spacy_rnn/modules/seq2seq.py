"""A network that reads a text and writes another one, but for its encoder."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from spacy_rnn.modules.chunked_softmax import ChunkedLoss
from spacy_rnn.modules.copying import copy_of, may_follow, track_copies
from spacy_rnn.modules.decoder_cells import CELLS, Weights
from spacy_rnn.modules.decoder_loop import DecoderLoop, Loop, Source, State
from spacy_rnn.modules.devices import to_device
from spacy_rnn.modules.dropout import keep_mask
from spacy_rnn.modules.linear import Linear, product
from spacy_rnn.modules.pieces import PADDING, START, Pieces, lay_out, pad
from spacy_rnn.modules.steps import SortedSteps


class Seq2Seq(nn.Module):
    """Vectors of pieces, and a decoder that reads what an encoder made of them.

    The decoder is that of Luong et al. (2015), with input feeding. The vectors of the
    target's pieces are the weights of the softmax (Press & Wolf, 2017), and those of
    the source's too, where both have one vocabulary.
    """

    def __init__(
        self,
        n_pieces: int,
        n_source_pieces: int,
        memory_width: int,
        token_width: int,
        *,
        width: int,
        hidden_width: int,
        cell: str,
        attention: str,
        tied: bool,
        copying: bool,
        coverage: bool,
    ) -> None:
        """Make the module.

        Args:
            n_pieces: Size of the target's vocabulary.
            n_source_pieces: Size of the source's, or 0 for the same one.
            memory_width: Width of what the encoder makes.
            token_width: Width of token vectors that belong to the pieces, or 0.
            width: Width of the vectors of pieces, and of attention vectors.
            hidden_width: Width of the decoder's state.
            cell: "lstm" or "gru".
            attention: "dot", "general" or "additive".
            tied: Whether the softmax uses the vectors of the target pieces.
            copying: Whether pieces of the source can be copied (See et al., 2017).
            coverage: Whether attention sees what has been read (See et al., 2017).
        """
        super().__init__()
        self.kinds = (cell, attention)
        self.width = width
        self.scale = math.sqrt(width)
        # Products of so many features would leave the softmax no choice from the start
        # on, and no gradient, so they are scaled as by Vaswani et al. (2017).
        self.key_scale = 1.0 if attention == "additive" else hidden_width**-0.5
        gates = CELLS[cell].n_gates * hidden_width
        self.target = nn.Embedding(n_pieces, width)
        self.source = nn.Embedding(n_source_pieces, width) if n_source_pieces else None
        self.softmax = None if tied else nn.Linear(width, n_pieces, bias=False)
        self.bias = nn.Parameter(torch.zeros(n_pieces))
        self.tokens = nn.Linear(token_width, width, bias=False) if token_width else None
        self.inputs = Linear(width, gates)
        self.recurrent = nn.Linear(width + hidden_width, gates, bias=False)
        self.reset = nn.Parameter(torch.zeros(hidden_width)) if cell == "gru" else None
        self.first = nn.Linear(memory_width, 2 * hidden_width)
        self.keys = None
        if attention != "dot":
            self.keys = nn.Linear(memory_width, hidden_width, bias=False)
        self.values = nn.Linear(memory_width, width)
        self.mix = nn.Linear(hidden_width, width, bias=False)
        self.read = nn.Parameter(torch.zeros(1)) if coverage else None
        self.query = self.answer = None
        if attention == "additive":
            self.query = nn.Linear(hidden_width, hidden_width, bias=False)
            self.answer = nn.Parameter(torch.empty(hidden_width))
        self.gate = nn.Linear(width + hidden_width, 1) if copying else None
        self.init(hidden_width)

    def init(self, hidden_width: int) -> None:
        """Start with vectors of length 1, and with states that are remembered."""
        for table in (self.source, self.target, self.softmax):
            if table is not None:
                nn.init.normal_(table.weight, std=1.0 / self.scale)
        with torch.no_grad():
            for gate in self.recurrent.weight.split(hidden_width):
                nn.init.orthogonal_(gate[:, self.width :])
            if self.kinds[0] == "lstm":
                self.inputs.bias[2 * hidden_width : 3 * hidden_width] = 1.0
            if self.answer is not None:
                nn.init.normal_(self.answer, std=hidden_width**-0.5)

    def forward(self, X: Tensor, part: str, *args: Any, **options: Any) -> Tensor:
        """Compute a part of the network: "embed" or "loss"."""
        return getattr(self, part)(X, *args, **options)

    def embed(self, X: Tensor, source: Pieces, *, dropout: float = 0.0) -> Tensor:
        """Make a vector of each piece of the sources. Shape (N, width).

        Args:
            X: Vectors of all tokens. Shape (tokens, token width).
            source: The sources.
            dropout: Probability, in [0, 1), of zeroing a feature.
        """
        table = self.target if self.source is None else self.source
        Y = self.scale * table(source.pieces)
        if self.tokens is not None:
            Y = Y + self.tokens(X).index_select(0, source.token_of)
        return drop(Y, dropout)

    def loss(
        self,
        memory: Tensor,
        source: Pieces,
        target: Pieces,
        *,
        smoothing: float = 0.0,
        coverage_loss: float = 0.0,
        dropout: float = 0.0,
    ) -> Tensor:
        """Find how improbable targets are.

        Args:
            memory: What the encoder made of the sources. Shape (N, memory width).
            source: The sources.
            target: The target of each, with the piece that ends it.
            smoothing: Share of the truth that is spread over all pieces, in [0, 1).
            coverage_loss: How much it costs to read anything again (See et al., 2017).
            dropout: Probability, in [0, 1), of zeroing a feature.

        Returns:
            What is to become small, per piece; then the negative log-likelihood of each
            target, in nats, which has no gradient. Shape (1 + B,).
        """
        order = target.lengths.argsort(descending=True, stable=True)
        steps = SortedSteps.of(target.lengths[order], memory.device)
        starts = (target.lengths.cumsum(0) - target.lengths)[order]
        starts = to_device(starts, memory.device)
        right = target.pieces[starts[steps.rows] + steps.times]
        before = steps.shift(right.new_full((len(order), 1), START), right[:, None])[
            :, 0
        ]
        read, state = self.open(memory, source, order)
        outputs, shares = DecoderLoop.apply(
            self.kinds,
            steps,
            read.barred,
            self.inputs(drop(self.scale * self.target(before), dropout)),
            state.output,
            state.memory,
            read.keys,
            read.values,
            *self.weights(),
        )
        gate = copied = None
        if self.gate is not None:
            allowed = track_copies(read, steps, before)
            gate, copies = copy_of(self.gate(outputs), shares, allowed)
            copied = (copies * (read.pieces[steps.rows] == right[:, None])).sum(1)
        loss, losses = ChunkedLoss.apply(
            drop(outputs[:, : self.width], dropout),
            *self.vocabulary(),
            right,
            smoothing,
            gate,
            copied,
        )
        if coverage_loss:
            loss = loss + coverage_loss * read_again(steps, shares)
        of_text = losses.new_zeros(len(order)).index_add(
            0, to_device(order, losses.device)[steps.rows], losses
        )
        return torch.cat([loss[None] / len(right), of_text])

    def open(
        self, memory: Tensor, source: Pieces, order: Tensor
    ) -> tuple[Source, State]:
        """Get ready to read sources.

        Args:
            memory: What the encoder made of all sources. Shape (N, memory width).
            source: The sources.
            order: Which of them, on the CPU. Shape (B,).

        Returns:
            The sources, and the state before the first piece of each target.
        """
        places = to_device(lay_out(source.lengths, order), memory.device)
        starts = torch.ones_like(source.pieces, dtype=torch.bool)
        starts[1:] = source.token_of[1:] != source.token_of[:-1]
        known = (places >= 0).to(memory.dtype)
        # A source of its own has the padding: it is zero whatever stands there.
        grid = pad(memory, 0.0)[places]
        mean = torch.bmm((known / known.sum(1, keepdim=True))[:, None], grid)[:, 0]
        h, c = torch.tanh(self.first(mean)).chunk(2, dim=1)
        output = torch.cat([h.new_zeros(len(h), self.width), h], dim=1)
        keys = memory if self.keys is None else self.keys(memory)
        keys = self.key_scale * keys
        read = Source(
            pad(keys, 0.0)[places],
            pad(self.values(memory), 0.0)[places],
            torch.zeros_like(known).masked_fill_(places < 0, -torch.inf),
            pad(source.pieces, PADDING)[places],
            pad(starts, False)[places],
        )
        nothing = torch.zeros_like(known)
        return read, State(output, c, nothing, nothing.bool())

    @torch.no_grad()
    def step(
        self, source: Source, state: State, last: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, State]:
        """Go one step in some texts.

        Args:
            source: Their sources. As many texts in a row belong to each of them.
            state: Where the texts are.
            last: The last piece of each. Shape (R,).

        Returns:
            Log-probabilities of the next piece, shape (R, V); how much of each piece of
            the source was read for it, shape (R, S); the probability of copying it,
            shape (R, S), or (R, 0) where there is no copying; the state after it.
        """
        steps = SortedSteps([len(last)], last.device)
        inputs = self.inputs(self.scale * self.target(last))
        loop = Loop(self.kinds, steps, inputs, state, source, self.weights())
        state = loop.forward()
        log_probs = torch.log_softmax(
            product(loop.outputs[:, : self.width], *self.vocabulary()), dim=1
        )
        if self.gate is None:
            return log_probs, loop.shares, loop.shares[:, :0], state
        beams = len(last) // len(source.pieces)
        pieces = source.pieces.repeat_interleave(beams, dim=0)
        starts = source.starts.repeat_interleave(beams, dim=0)
        state = state._replace(
            copied=may_follow(state.copied, starts) & (pieces == last[:, None])
        )
        allowed = may_follow(state.copied, starts)
        gate, copies = copy_of(self.gate(loop.outputs), loop.shares, allowed)
        odds = log_probs.exp_().mul_(gate[:, None]).scatter_add_(1, pieces, copies)
        return odds.log_(), loop.shares, copies, state

    def vocabulary(self) -> tuple[Tensor, Tensor]:
        """Return the weights of the softmax and its bias."""
        table = self.target if self.softmax is None else self.softmax
        return table.weight, self.bias

    def weights(self) -> Weights:
        """Return the parameters of a `Loop`."""
        return Weights(
            recurrent=self.recurrent.weight,
            mix=self.mix.weight,
            reset=self.reset,
            read=self.read,
            query=None if self.query is None else self.query.weight,
            answer=self.answer,
        )


def drop(X: Tensor, rate: float) -> Tensor:
    """Zero features with a probability in [0, 1)."""
    return X * keep_mask(X, tuple(X.shape), rate) if rate else X


def read_again(steps: SortedSteps, shares: Tensor) -> Tensor:
    """Sum up how much is read of what had been read before (See et al., 2017)."""
    grid = steps.spread(shares)
    return torch.minimum(grid, grid.cumsum(dim=1) - grid).sum()
