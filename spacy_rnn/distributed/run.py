"""A run: shards go to workers, come back as parts, and go again if a worker dies."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from spacy_rnn.distributed.engines import Engine
from spacy_rnn.distributed.texts import Shard, to_table

if TYPE_CHECKING:  # only installed with the extra
    import pyarrow

TRIES = 3  # how often a shard may kill its worker


def annotate_shards(
    engine: Engine,
    shards: Iterable[Shard],
    on_death: Callable[[Shard, int], object] = lambda shard, n: None,
) -> "Iterator[tuple[Shard, pyarrow.Table | None]]":
    """Yield shards with their annotation, in the order of getting ready.

    A shard whose workers died, each time, is given up, and comes without any.

    Args:
        engine: The workers.
        shards: Shards, of which there are no more in memory than workers.
        on_death: Told of a shard whose worker died, and how often it has.

    Raises:
        RuntimeError: If a worker can't work, or all die before they have annotated
            anything.
    """
    waiting = iter(shards)
    again: deque[Shard] = deque()
    deaths: Counter[int] = Counter()
    free = list(range(engine.n_workers))
    busy: dict[int, Shard] = {}
    n_done = n_given_up = 0
    while True:
        while free and (shard := again.popleft() if again else next(waiting, None)):
            busy[free[-1]] = shard
            engine.submit(free.pop(), to_table(shard))
        if not busy:
            return
        worker, table = engine.wait()
        free.append(worker)
        shard = busy.pop(worker)
        if table is not None:
            n_done += 1
            yield shard, table
            continue
        deaths[shard.number] += 1
        on_death(shard, deaths[shard.number])
        if deaths[shard.number] < TRIES:
            again.append(shard)
            continue
        n_given_up += 1
        if not n_done and n_given_up == TRIES:
            raise RuntimeError(
                f"Workers die before they have annotated anything, {TRIES} times with "
                f"each of {TRIES} shards. Is there memory for {engine.n_workers} "
                f"pipelines?"
            )
        yield shard, None
