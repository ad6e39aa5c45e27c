from collections import deque
from pathlib import Path

import pytest

from spacy_rnn.corpora.files.lines import Location
from spacy_rnn.distributed.run import TRIES, Run
from spacy_rnn.distributed.texts import Shard

PLACE = Location(Path("texts.jsonl"), 1)


class FakeEngine:
    """Workers that die as often with a text as a plan says."""

    def __init__(self, n_workers, plan):
        self.n_workers = n_workers
        self.plan = dict(plan)
        self.given = deque()

    def submit(self, worker, table):
        assert worker not in [each for each, _ in self.given]
        self.given.append((worker, table))

    def wait(self):
        worker, table = self.given.popleft()
        (text,) = table["text"].to_pylist()
        if self.plan.get(text, 0):
            self.plan[text] -= 1
            return worker, None
        return worker, table

    def close(self):
        pass


def shards(n):
    for i in range(n):
        yield Shard(i, [i], [str(i)], PLACE, PLACE)


@pytest.mark.parametrize("n_workers", [1, 2, 5])
def test_what_a_worker_died_with_is_tried_again_and_nothing_is_lost_or_doubled(
    n_workers,
):
    run = Run(FakeEngine(n_workers, {"0": 2, "4": 1, "9": 2}), has_numbers=True)
    found = [(s.number, t["id"].to_pylist()) for s, t in run.annotate(shards(10))]
    assert sorted(found) == [(i, [i]) for i in range(10)]
    assert not run.given_up


def test_a_shard_that_kills_its_workers_is_given_up_and_no_other():
    deaths = []
    run = Run(FakeEngine(2, {"3": 99}), has_numbers=True)
    found = run.annotate(shards(6), lambda shard, n: deaths.append((shard.number, n)))
    assert sorted(s.number for s, _ in found) == [0, 1, 2, 4, 5]
    assert [shard.number for shard in run.given_up] == [3]
    assert deaths == [(3, n + 1) for n in range(TRIES)]


def test_workers_that_never_live_end_the_run():
    run = Run(FakeEngine(2, {str(i): 99 for i in range(100)}), has_numbers=True)
    with pytest.raises(RuntimeError, match="before they have annotated anything"):
        list(run.annotate(shards(100)))


def test_no_more_shards_are_read_than_there_are_workers():
    read = []

    def reading():
        for shard in shards(10):
            read.append(shard.number)
            yield shard

    run = Run(FakeEngine(3, {}), has_numbers=True)
    for n_done, _ in enumerate(run.annotate(reading())):
        assert len(read) <= n_done + 3
