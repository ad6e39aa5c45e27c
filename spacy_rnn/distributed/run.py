"""A run: shards go to workers, come back as parts, and go again if a worker dies."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from spacy_rnn.distributed.engines import Engine
from spacy_rnn.distributed.texts import Shard, to_table

if TYPE_CHECKING:  # only installed with the extra
    import pyarrow

TRIES = 3  # how often a shard may kill its worker


class Run:
    """The way of shards through an engine.

    Attributes:
        given_up: The shards whose workers died, each time.
    """

    def __init__(self, engine: Engine, *, has_numbers: bool) -> None:
        self.engine = engine
        self.has_numbers = has_numbers
        self.given_up: list[Shard] = []

    def annotate(
        self,
        shards: Iterable[Shard],
        on_death: Callable[[Shard, int], object] = lambda shard, n: None,
    ) -> "Iterator[tuple[Shard, pyarrow.Table]]":
        """Yield shards with their annotation, in the order of getting ready.

        Args:
            shards: Shards, of which there are no more in memory than workers.
            on_death: Told of a shard whose worker died, and how often it has.

        Raises:
            RuntimeError: If a worker can't work, or all die before they have
                annotated anything.
        """
        waiting = iter(shards)
        again: deque[Shard] = deque()
        deaths: Counter[int] = Counter()
        free = list(range(self.engine.n_workers))
        busy: dict[int, Shard] = {}
        n_done = 0
        while True:
            while free and (shard := take(again, waiting)) is not None:
                busy[free[-1]] = shard
                table = to_table(shard, has_numbers=self.has_numbers)
                self.engine.submit(free.pop(), table)
            if not busy:
                return
            worker, result = self.engine.wait()
            free.append(worker)
            shard = busy.pop(worker)
            if result is not None:
                n_done += 1
                yield shard, result
                continue
            deaths[shard.number] += 1
            on_death(shard, deaths[shard.number])
            if deaths[shard.number] < TRIES:
                again.append(shard)
            else:
                self.given_up.append(shard)
            if not n_done and len(self.given_up) == TRIES:
                raise RuntimeError(
                    f"Workers die before they have annotated anything, {TRIES} times "
                    f"with each of {TRIES} shards. Is there memory for "
                    f"{self.engine.n_workers} pipelines?"
                )


def take(again: deque[Shard], waiting: Iterator[Shard]) -> Shard | None:
    """Return the next shard, None if there is none."""
    return again.popleft() if again else next(waiting, None)
