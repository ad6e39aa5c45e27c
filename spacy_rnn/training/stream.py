"""The batches of a run, those of steps that were done before left empty."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import count

from spacy.training import Example

from spacy_rnn.training.random_states import StreamState

Batch = tuple[int, list[Example]]


class Stream:
    """Batches with their epochs, and a record of the random numbers drawn for them.

    Steps before `start` get an empty batch: nothing is updated, but everything that
    counts steps counts on. The batches are read all the same, with the random states
    that they were read with, so that shuffling and batch sizes go on as they would
    have.

    Attributes:
        step: The step that the last batch is for.
        batch: The last batch, as it was read.
        words: Words in all batches so far.
        draws: By step, states of the generators that its batch drew from, where they
            were not what the last batch that drew from them had left.
        drawing: Gives the context to read in.
    """

    def __init__(
        self,
        batches: Iterable[Batch],
        *,
        start: int,
        draws: dict[int, StreamState],
        drawing: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.batches = batches
        self.drawing = drawing
        self.start = start
        self.draws = draws
        self.step = -1
        self.batch: list[Example] = []
        self.words = 0
        self._left = StreamState()  # of each generator, by the last batch that drew

    def __iter__(self) -> Iterator[Batch]:
        batches = iter(self.batches)
        for step in count():
            with self.drawing():
                read = self._read(step, batches)
            if read is None:
                return
            epoch, batch = read
            self.step, self.batch = step, list(batch)
            self.words += sum(len(example) for example in self.batch)
            yield epoch, [] if step < self.start else self.batch

    def _read(self, step: int, batches: Iterator[Batch]) -> Batch | None:
        """Read a batch, None after the last one, and take down what was drawn from."""
        if step < self.start and step in self.draws:
            self.draws[step].restore()
        before = StreamState.now()
        read = next(batches, None)
        states = list(zip(before, StreamState.now(), self._left, strict=True))
        drawn = StreamState(
            *(x if x not in (y, left) else None for x, y, left in states)
        )
        if any(drawn):
            self.draws[step] = drawn
        self._left = StreamState(*(y if x != y else left for x, y, left in states))
        return read


def batch_all(
    batcher: Callable[[Iterable[Example]], Iterable[list[Example]]],
    examples: Iterable[Example],
) -> Iterator[list[Example]]:
    """Yield the batches of an epoch.

    Raises:
        ValueError: If there are none, of which epochs without end can follow.
    """
    is_empty = True
    for batch in batcher(examples):
        is_empty = False
        yield batch
    if is_empty:
        raise ValueError(
            "No step can be made, since [training.batcher] makes no batch: its size is "
            "0, or less than any document has, or the training corpus has no documents"
        )
