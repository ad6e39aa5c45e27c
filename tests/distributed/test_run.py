from collections import deque
from pathlib import Path

import pytest

from spacy_rnn.corpora.files.lines import Location
from spacy_rnn.distributed.run import TRIES, annotate_shards
from spacy_rnn.distributed.texts import Shard, Text

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
        yield Shard(i, [Text(i, str(i), PLACE)])


@pytest.mark.parametrize("n_workers", [1, 2, 5])
def test_what_a_worker_died_with_is_tried_again_and_nothing_is_lost_or_doubled(
    n_workers,
):
    engine = FakeEngine(n_workers, {"0": 2, "4": 1, "9": 2})
    annotated = annotate_shards(engine, shards(10))
    found = [(shard.number, table["id"].to_pylist()) for shard, table in annotated]
    assert sorted(found) == [(i, [i]) for i in range(10)]


def test_a_shard_that_kills_its_workers_is_given_up_and_no_other():
    engine, deaths = FakeEngine(2, {"3": 99}), []

    def note(shard, n):
        deaths.append((shard.number, n))

    annotated = annotate_shards(engine, shards(6), note)
    is_lost = {shard.number: table is None for shard, table in annotated}
    assert is_lost == {number: number == 3 for number in range(6)}
    assert deaths == [(3, n + 1) for n in range(TRIES)]


def test_workers_that_never_live_end_the_run():
    engine = FakeEngine(2, {str(i): 99 for i in range(100)})
    with pytest.raises(RuntimeError, match="before they have annotated anything"):
        list(annotate_shards(engine, shards(100)))


def test_no_more_shards_are_read_than_there_are_workers():
    read = []

    def reading():
        for shard in shards(10):
            read.append(shard.number)
            yield shard

    annotated = annotate_shards(FakeEngine(3, {}), reading())
    for n_done, _ in enumerate(annotated):
        assert len(read) <= n_done + 3
