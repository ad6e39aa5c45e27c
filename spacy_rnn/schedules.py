"""Learning rates that follow the score on the development data."""

from collections.abc import Iterator
from weakref import WeakSet

from spacy_rnn.checks import check_at_least, check_not_negative, check_share


class Plateau(Iterator[float]):
    """A rate that is reduced whenever the score has not risen for a while.

    The optimizer takes the next value at every step. Scores come from outside, by
    `report_score`, since no schedule sees an evaluation.
    """

    def __init__(
        self, initial_rate: float, *, factor: float, patience: int, min_rate: float
    ) -> None:
        check_not_negative("initial_rate", initial_rate)
        check_not_negative("min_rate", min_rate)
        check_share("factor", factor)
        check_at_least("patience", patience, 0)
        self.rate = initial_rate
        self.factor = factor
        self.patience = patience
        self.min_rate = min_rate
        self.best = float("-inf")
        self.without_gain = 0
        self.last_step = -1
        LIVE.add(self)

    def __next__(self) -> float:
        return self.rate

    def report(self, score: float, step: int) -> None:
        """Take note of a score, reduce the rate if it is time to.

        Args:
            score: The score on the development data, higher is better.
            step: The step it belongs to. The second report of a step is ignored.
        """
        if step <= self.last_step:
            return
        self.last_step = step
        if score > self.best:
            self.best, self.without_gain = score, 0
            return
        self.without_gain += 1
        if self.without_gain > self.patience:
            self.rate = max(self.rate * self.factor, min(self.rate, self.min_rate))
            self.without_gain = 0


LIVE: "WeakSet[Plateau]" = WeakSet()


def report_score(score: float, step: int) -> None:
    """Tell every plateau schedule of a score on the development data.

    Args:
        score: As the training table shows it, higher is better.
        step: The training step, counted from 0.
    """
    for schedule in list(LIVE):
        schedule.report(score, step)


def make_plateau(
    initial_rate: float,
    factor: float = 0.5,
    patience: int = 2,
    min_rate: float = 0.0,
) -> Iterator[float]:
    """Reduce a rate whenever the score on the development data stops rising.

    Scores reach it under `spacy rnn train`, and under `spacy train` through the loggers
    `spacy-rnn.ConsoleLogger.v1` and `spacy-rnn.GradientLogger.v1`. With another logger
    there the rate stays as it is.

    Args:
        initial_rate: The first rate, 0 or more.
        factor: What the rate is multiplied by, in (0, 1).
        patience: Evaluations without a higher score than the best that are let pass
            each time; the next one reduces the rate.
        min_rate: Lowest rate, 0 or more.
    """
    return Plateau(initial_rate, factor=factor, patience=patience, min_rate=min_rate)
