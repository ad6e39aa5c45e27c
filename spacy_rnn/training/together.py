"""What the processes of a run do together; one process does nothing of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from spacy.language import Language
from spacy.training import Example
from thinc.api import Config, Model

from spacy_rnn.gradients import once_before_update, stop_waiting
from spacy_rnn.training.exchange import Exchange
from spacy_rnn.training.identity import check_alike
from spacy_rnn.training.interrupts import Interrupts
from spacy_rnn.training.random_states import SharedStream
from spacy_rnn.training.ranks import Ranks
from spacy_rnn.training.shares import Shares
from spacy_rnn.training.weights import checksums

ENDS = ("max_steps", "max_epochs", "patience")


class Together:
    """A run's ranks, the random numbers that they share, and their agreement to stop.

    Attributes:
        ranks: This process among all.
        shared: The random numbers that all draw alike.
        interrupts: The signals that this process gets.
    """

    def __init__(self, ranks: Ranks, models: dict[str, Model]) -> None:
        self.ranks = ranks
        self.models = models
        self.shared = SharedStream()
        self.interrupts = Interrupts()
        self._stop = False

    @property
    def must_stop(self) -> bool:
        """Whether a signal asks to stop after this step, whichever process it met."""
        return bool(self._stop if self.ranks.size > 1 else self.interrupts.received)

    def start(self, nlp: Language, config: Config, identity: dict[str, Any]) -> None:
        """Make sure that all ranks begin with the same, and let each draw its numbers.

        Args:
            nlp: The initialized pipeline.
            config: Its config, interpolated.
            identity: What makes two runs the same.

        Raises:
            ValueError: If they don't, or can't.
        """
        if self.ranks.size == 1:
            return
        settings = config["training"]
        if settings["seed"] is None:
            raise ValueError(
                "[training] seed is null. Where several processes train, it has to be "
                "a number, so that all of them start with the same weights."
            )
        ends = {f"training.{name}": settings[name] for name in ENDS}
        labels = {
            f"labels of {name}": getattr(nlp.get_pipe(name), "labels", ())
            for name in self.models
        }
        state = identity | ends | labels | checksums(self.models)
        check_alike(self.ranks.gather(state))
        self.shared.part(settings["seed"], self.ranks.rank)

    def learner(self, nlp: Language) -> Any:
        """Return what is updated with whole batches in the place of a pipeline."""
        if self.ranks.size == 1:
            return nlp
        return Shares(nlp, self.models, self.ranks, self.shared.drawn)

    @contextmanager
    def exchanging(self, learned: Callable[[], list[Example] | None]) -> Iterator[None]:
        """Add up the gradients of all ranks, in each step while in the context.

        Whoever waits for gradients inside it sees those of the whole batch.

        Args:
            learned: Returns the batch of the step, None if it is only replayed.
        """
        if self.ranks.size == 1:
            yield
            return
        first = next(iter(self.models.values()))  # to be updated
        exchange = Exchange(self.ranks, self.models)

        def add_up() -> None:
            once_before_update(first, add_up)  # ahead of whoever waits again
            if (batch := learned()) is not None:
                asked = self.interrupts.received is not None
                self._stop = exchange.add_up(batch, stop=asked)

        once_before_update(first, add_up)
        try:
            yield
        finally:
            stop_waiting(first, add_up)

    def add_losses(self, losses: dict[str, float]) -> dict[str, float]:
        """Add up the losses of all ranks, by pipe, and compare their weights.

        Raises:
            ValueError: If the weights have come to differ.
        """
        if self.ranks.size == 1:
            return losses
        told = self.ranks.gather((losses, checksums(self.models)))
        check_alike([weights for _, weights in told])
        total: dict[str, float] = {}
        for each, _ in told:
            for name, loss in each.items():
                total[name] = total.get(name, 0.0) + loss
        return total
