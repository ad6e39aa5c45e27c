"""What a component says of documents beside what is true, of whatever kind it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from spacy_rnn.metrics.tally import Claim

Unit = Literal["documents", "tokens", "spans", "sentences"]
UNKNOWN = float("nan")  # the confidence of who doesn't tell


class Prediction(NamedTuple):
    """A label that was predicted.

    Attributes:
        confidence: Its probability, in [0, 1], or NaN.
        start: The first token that it is of.
        end: The token after the last one.
    """

    confidence: float
    start: int
    end: int


Claims = tuple[set[Claim], dict[Claim, Prediction]]  # what is true, and predicted


class Statistic(NamedTuple):
    """Scores of other things than labels, made of sums over documents.

    Attributes:
        keys: Names of the scores, as the scorer of the component has them.
        titles: What people call them.
        columns: What is summed. Shape (documents, C).
        score: Makes scores of sums: from shape (n, C) to (n, scores).
    """

    keys: tuple[str, ...]
    titles: tuple[str, ...]
    columns: np.ndarray
    score: Callable[[np.ndarray], np.ndarray]


@dataclass
class View:
    """The predictions of a component, beside what is true.

    Attributes:
        component: Its name.
        annotation: Where the labels are, such as "doc.cats".
        unit: What has a label.
        prefix: How the names of its scores begin, such as "cats".
        labels: All labels.
        true: The labels of each document, by their place in the reference.
        predicted: What was predicted of each document, at places of the reference.
        exclusive: Whether each place has exactly one label.
        scores: Where all labels have a probability in a document: these, and whether
            they are true, 0, 1, or NaN if unknown. Shape (documents, labels) each.
        ranked: What might have been predicted: probabilities, and whether it is true.
            Shape (n,) each. None for what was predicted, or all labels with scores.
        statistics: Further scores.
    """

    component: str
    annotation: str
    unit: Unit
    prefix: str
    labels: Sequence[str]
    true: list[set[Claim]]
    predicted: list[dict[Claim, Prediction]]
    exclusive: bool = True
    scores: tuple[np.ndarray, np.ndarray] | None = None
    ranked: tuple[np.ndarray, np.ndarray] | None = None
    statistics: list[Statistic] = field(default_factory=list)

    def has_gold(self) -> bool:
        """Whether there is anything to compare with."""
        return any(self.true) or bool(self.statistics)

    def candidates(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return what might be predicted, for a curve of precision and recall.

        Returns:
            Probabilities, shape (n,), empty if there are none; whether they are of
            what is true, shape (n,); how much there is to be found.
        """
        if self.ranked is not None:
            return *self.ranked, float(self.ranked[1].sum())
        if self.scores is not None:
            known = ~np.isnan(self.scores[1])
            scores, truths = (each[known] for each in self.scores)
            return scores, truths, float(truths.sum())
        return *self.decisions(), float(sum(map(len, self.true)))

    def decisions(self) -> tuple[np.ndarray, np.ndarray]:
        """Return confidences and whether they are right. Shape (n,) each, or empty.

        Where any number of labels may be right, each of them is a decision.
        """
        if self.ranked is not None or (self.scores is not None and not self.exclusive):
            return self.candidates()[:2]
        pairs = [
            (found.confidence, claim in true)
            for true, predicted in zip(self.true, self.predicted, strict=True)
            for claim, found in predicted.items()
            if found.confidence == found.confidence
        ]
        confidences, correct = np.array(pairs, dtype="d").reshape(-1, 2).T
        return confidences, correct


def gather(
    component: str,
    annotation: str,
    unit: Unit,
    prefix: str,
    rows: Sequence[Claims],
    *,
    exclusive: bool = True,
) -> View:
    """Put what is said of documents together, with the labels that occur."""
    labels = sorted({label for row in rows for claims in row for _, label in claims})
    true, predicted = (list(column) for column in zip(*rows, strict=True))
    return View(component, annotation, unit, prefix, labels, true, predicted, exclusive)
