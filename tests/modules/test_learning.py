"""What the network learns: to copy and to reverse 20 symbols."""

import pytest
import torch

from spacy_rnn.modules.pieces import END, PADDING, START, UNKNOWN, Pieces
from spacy_rnn.modules.rnn import RNNEncoder
from spacy_rnn.modules.search import Search, SearchSettings
from spacy_rnn.modules.seq2seq import Seq2Seq

LENGTH, N_PIECES, WIDTH, STEPS = 20, 24, 64, 2500


class Task:
    """Texts of random symbols, and a network that learns what becomes of them."""

    def __init__(self, *, reverse, attends, copying=False):
        torch.manual_seed(0)
        self.reverse, self.attends = reverse, attends
        self.network = Seq2Seq(
            N_PIECES,
            0,
            WIDTH,
            0,
            width=WIDTH,
            hidden_width=WIDTH,
            cell="lstm",
            attention="general",
            tied=True,
            copying=copying,
            coverage=False,
        )
        self.encoder = RNNEncoder(WIDTH, WIDTH)
        self.parameters = [*self.network.parameters(), *self.encoder.parameters()]

    def draw(self, n):
        sources = torch.randint(END + 1, N_PIECES, (n, LENGTH))
        written = sources.flip(1) if self.reverse else sources
        targets = torch.cat([written, torch.full((n, 1), END)], dim=1)
        return as_pieces(sources), as_pieces(targets), targets

    def encode(self, source):
        memory = self.encoder(self.network.embed(None, source), source.lengths)
        if self.attends:
            return memory, source
        # The last state of each direction is all that there is to read.
        half, grid = WIDTH // 2, memory.view(-1, LENGTH, WIDTH)
        last = torch.cat([grid[:, -1, :half], grid[:, 0, half:]], dim=1)
        return last, as_pieces(source.pieces.view(-1, LENGTH)[:, :1])

    def learn(self):
        optimizer = torch.optim.Adam(self.parameters, lr=0.004)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min((step + 1) / 50, 1 - step / STEPS)
        )
        for _ in range(STEPS):
            source, target, _ = self.draw(32)
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
                SearchSettings(beam_width=1),
                torch.full((n,), 2 * LENGTH),
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


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True])
def test_twenty_symbols_are_written_as_they_are_and_from_their_end(reverse):
    assert Task(reverse=reverse, attends=True).learn().share_of_right_ones() >= 0.99


@pytest.mark.slow
def test_without_attention_twenty_symbols_are_not_remembered():
    assert Task(reverse=True, attends=False).learn().share_of_right_ones() < 0.5
