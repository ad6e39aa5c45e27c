"""Ranks played by threads of one process, of which one runs at a time."""

import io
import threading

import torch

from spacy_rnn.training.loop import open_output, train_into
from spacy_rnn.training.output import Output
from spacy_rnn.training.random_states import (
    StreamState,
    restore_torch,
    torch_states,
)
from spacy_rnn.training.ranks import Ranks


class Hub:
    """Where threads meet. Between two meetings each runs alone, one after another."""

    def __init__(self, size):
        self.size = size
        self.turn = 0
        self.done = set()
        self.rounds = []
        self.lost = False
        self.condition = threading.Condition()

    def wait(self, rank):
        """Wait for the turn of a rank, and give it the random numbers it left."""
        with self.condition:
            assert self.condition.wait_for(lambda: self.turn == rank, timeout=1800)

    def pass_on(self, rank):
        """Give the turn to the next rank that isn't done."""
        with self.condition:
            others = [(rank + i) % self.size for i in range(1, self.size + 1)]
            left = [other for other in others if other not in self.done]
            self.turn = left[0] if left else None
            self.condition.notify_all()

    def meet(self, rank, number, value):
        """Return what each rank has brought to a meeting."""
        if number == len(self.rounds):
            self.rounds.append({})
        self.rounds[number][rank] = value
        stream, generators = StreamState.now(), torch_states()
        self.pass_on(rank)
        self.wait(rank)
        stream.restore()
        restore_torch(generators)
        if len(self.rounds[number]) < self.size:
            raise RuntimeError("Another process of this run has ended")
        return [self.rounds[number][each] for each in range(self.size)]


class FakeRanks(Ranks):
    """What `Ranks` is for real processes."""

    def __init__(self, rank, hub):
        super().__init__(rank, hub.size)
        object.__setattr__(self, "hub", hub)
        object.__setattr__(self, "calls", [])

    def _meet(self, kind, value):
        self.calls.append(kind)
        return self.hub.meet(self.rank, len(self.calls) - 1, value)

    def gather(self, value):
        return self._meet("gather", value)

    def hand_on(self, value):
        return self._meet("hand_on", value)[0]

    def add(self, buffer):
        buffer.copy_(torch.stack(self._meet("add", buffer.clone())).sum(0))


def play(size, work):
    """Let so many ranks do something, each given itself, and return what they return.

    Raises:
        Exception: What the first rank that failed has raised.
    """
    hub, results, errors = Hub(size), [None] * size, []

    def run(rank):
        hub.wait(rank)
        try:
            results[rank] = work(FakeRanks(rank, hub))
        except Exception as error:
            errors.append(error)
        hub.done.add(rank)
        hub.pass_on(rank)

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def train_ranks(size, make_nlp, path, *, resume=False, **options):
    """Train as so many processes would, of which the first one has a folder.

    Returns:
        What `train_into` returned on each, and what the first one printed.
    """
    printed = [io.StringIO() for _ in range(size)]

    def work(ranks):
        nlp, stdout = make_nlp(), printed[ranks.rank]
        output = Output(path if ranks.is_first else path / "missing")
        with open_output(output, nlp.config.interpolate(), ranks, resume=resume):
            return train_into(
                output, nlp, ranks=ranks, stdout=stdout, stderr=stdout, **options
            )

    finished = play(size, work)
    first, *others = (each.getvalue() for each in printed)
    assert not any(others)
    return finished, first
