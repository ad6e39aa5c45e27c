"""What the network learns: to copy and to reverse symbols."""

import pytest
import torch

from spacy_rnn.modules.hypotheses import SearchSettings
from spacy_rnn.modules.pieces import END, PADDING, START, UNKNOWN, Pieces
from spacy_rnn.modules.rnn import RNNEncoder
from spacy_rnn.modules.search import Search
from spacy_rnn.modules.seq2seq import Seq2Seq

BATCH = 32


class Task:
    """Texts of random symbols, and a network that learns what becomes of them."""

    def __init__(self, *, length, reverse, attends=True, n_symbols=20, width=64):
        torch.manual_seed(0)
        self.length, self.reverse, self.attends = length, reverse, attends
        self.n_pieces, self.memory_width = END + 1 + n_symbols, 2 * width
        self.network = Seq2Seq(
            self.n_pieces,
            0,
            self.memory_width,
            0,
            width=width,
            hidden_width=width,
            cell="lstm",
            attention="additive",
            tied=True,
            copying=False,
            coverage=False,
        )
        self.encoder = RNNEncoder(width, self.memory_width)
        self.parameters = [*self.network.parameters(), *self.encoder.parameters()]

    def draw(self, n):
        sources = torch.randint(END + 1, self.n_pieces, (n, self.length))
        written = sources.flip(1) if self.reverse else sources
        targets = torch.cat([written, torch.full((n, 1), END)], dim=1)
        return as_pieces(sources), as_pieces(targets), targets

    def encode(self, source):
        memory = self.encoder(self.network.embed(None, source), source.lengths)
        if self.attends:
            return memory, source
        # The last state of each direction is all that there is to read.
        grid = memory.view(-1, self.length, self.memory_width)
        forward, backward = grid.chunk(2, dim=2)
        last = torch.cat([forward[:, -1], backward[:, 0]], dim=1)
        return last, as_pieces(source.pieces.view(-1, self.length)[:, :1])

    def learn(self, steps, *, rate):
        optimizer = torch.optim.Adam(self.parameters, lr=rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min((step + 1) / 50, 1 - step / steps)
        )
        for _ in range(steps):
            source, target, _ = self.draw(BATCH)
            optimizer.zero_grad()
            self.network.loss(*self.encode(source), target)[0].backward()
            torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
            optimizer.step()
            schedule.step()
        return self

    def share_of_right_ones(self, n=300):
        source, _, targets = self.draw(n)
        with torch.inference_mode():
            memory, read = self.encode(source)
            opened, state = self.network.open(memory, read, torch.arange(n))
            found = Search(
                self.network.step,
                opened,
                state,
                SearchSettings(beam_width=1, max_length=2 * self.length),
                first=START,
                end=END,
                never=[PADDING, UNKNOWN, START],
            ).run()
        pairs = zip(found, targets.tolist(), strict=True)
        return sum(best.pieces.tolist() == right for (best,), right in pairs) / n


def as_pieces(rows):
    flat = rows.flatten()
    lengths = torch.full((len(rows),), rows.shape[1])
    return Pieces(flat, lengths, torch.arange(len(flat)))


def test_six_symbols_are_written_from_their_end():
    task = Task(length=6, reverse=True, n_symbols=12, width=32)
    assert task.learn(200, rate=0.01).share_of_right_ones() >= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True])
def test_twenty_symbols_are_written_as_they_are_and_from_their_end(reverse):
    task = Task(length=20, reverse=reverse)
    assert task.learn(800, rate=0.004).share_of_right_ones() >= 0.99


@pytest.mark.slow
def test_without_attention_twenty_symbols_are_not_remembered():
    task = Task(length=20, reverse=True, attends=False)
    assert task.learn(800, rate=0.004).share_of_right_ones() < 0.5
