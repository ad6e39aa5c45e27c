"""Predictions with probabilities, which settings change, and whether they are right.

The classes differ in what is predicted, and have in common:

* `kind`, what is predicted, in the plural; `correct`, in [0, 1], and `doc_of`, whether
  each prediction is right and the number of its document, both of shape (M,);
* `fit`, which finds the settings that suit some of the predictions best;
* `confidences` and `losses`, the probability of each prediction with settings, and the
  negative log-likelihood of what is true, in nats, both of shape (M,).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spacy_rnn.pipeline.calibration import (
    log_odds,
    scale_logistic,
    scale_softmax,
    spread,
)
from spacy_rnn.pipeline.calibration_search import (
    HIGHEST,
    LOWEST,
    fit_logistic,
    fit_temperature,
)

Settings = dict[str, Any]
NEUTRAL: Settings = {"temperature": 1.0, "bias": 0.0}
# Confidences of spans are computed at these, and in between they are interpolated.
TEMPERATURES = np.geomspace(LOWEST, HIGHEST, 61)


@dataclass
class BestLabels:
    """The most probable of several labels of which one is right.

    Attributes:
        probabilities: Of all labels. Shape (M, K).
        truths: The label that is right. Shape (M,).
        doc_of: See above.
    """

    probabilities: np.ndarray
    truths: np.ndarray
    doc_of: np.ndarray
    kind = "documents"

    @property
    def correct(self) -> np.ndarray:
        return self.probabilities.argmax(axis=1) == self.truths

    def fit(self, chosen: np.ndarray) -> Settings:
        return fit_one(BestLabels(*(x[chosen] for x in vars(self).values())))

    def scale(self, settings: Mapping[str, Any]) -> np.ndarray:
        """Return the probabilities of all labels. Shape (M, K)."""
        return scale_softmax(self.probabilities, settings["temperature"])

    def confidences(self, settings: Mapping[str, Any]) -> np.ndarray:
        return self.scale(settings).max(axis=1)

    def losses(self, settings: Mapping[str, Any]) -> np.ndarray:
        return -log(self.scale(settings)[np.arange(len(self.truths)), self.truths])


@dataclass
class Labels:
    """Labels of which any number may be right, or sentences, which are one such label.

    Attributes:
        probabilities: Of the labels. Shape (N, K).
        truths: 1 where a label is right, 0 where not, NaN where it isn't known. Shape
            (N, K).
        names: The labels, none for a single one. Shape (K,).
        rows_of: The number of the document of each row. Shape (N,).
        min_positives: As many of either kind a label takes for settings of its own.
    """

    probabilities: np.ndarray
    truths: np.ndarray
    names: Sequence[str]
    rows_of: np.ndarray
    min_positives: int

    def __post_init__(self) -> None:
        self.kind = "labels" if self.names else "sentences"
        self.is_known = ~np.isnan(self.truths)
        self.correct = self.truths[self.is_known]
        self.doc_of = self.rows_of.repeat(self.is_known.sum(axis=1))

    def fit(self, chosen: np.ndarray) -> Settings:
        used = np.zeros(self.truths.shape, dtype=bool)
        used[self.is_known] = chosen
        scores = log_odds(self.probabilities)
        temperature, bias = fit_logistic(scores[used], self.truths[used])
        if not 0.0 < temperature < np.inf:
            temperature, bias = 1.0, 0.0
        if not self.names:
            return {"temperature": temperature, "bias": bias}
        settings: Settings = {"temperature": {}, "bias": {}}
        for k, name in enumerate(self.names):
            column = scores[used[:, k], k], self.truths[used[:, k], k]
            own = self.fit_label(*column) or (temperature, bias)
            settings["temperature"][name], settings["bias"][name] = own
        return settings

    def fit_label(
        self, scores: np.ndarray, truths: np.ndarray
    ) -> tuple[float, float] | None:
        """Return settings of a label's own, None if it has too few documents."""
        positives = truths.sum()
        if min(positives, len(truths) - positives) < self.min_positives:
            return None
        temperature, bias = fit_logistic(scores, truths)
        return (temperature, bias) if 0.0 < temperature < np.inf else None

    def scale(self, settings: Mapping[str, Any]) -> np.ndarray:
        """Return the probabilities of all labels. Shape (N, K)."""
        temperature, bias = (
            spread(settings[name], self.names, default)
            if self.names
            else settings[name]
            for name, default in NEUTRAL.items()
        )
        return scale_logistic(self.probabilities, temperature, bias)

    def confidences(self, settings: Mapping[str, Any]) -> np.ndarray:
        return self.scale(settings)[self.is_known]

    def losses(self, settings: Mapping[str, Any]) -> np.ndarray:
        return binary_losses(self.confidences(settings), self.correct)


@dataclass
class Entities:
    """Entities that were found.

    Attributes:
        table: Log odds of each at TEMPERATURES. Shape (temperatures, M).
        correct: See above.
        doc_of: Likewise.
    """

    table: np.ndarray
    correct: np.ndarray
    doc_of: np.ndarray
    kind = "entities"

    def fit(self, chosen: np.ndarray) -> Settings:
        return fit_one(
            Entities(self.table[:, chosen], self.correct[chosen], self.doc_of)
        )

    def confidences(self, settings: Mapping[str, Any]) -> np.ndarray:
        steps = np.log(TEMPERATURES)
        place = (np.log(settings["temperature"]) - steps[0]) / (steps[1] - steps[0])
        below = min(max(int(place), 0), len(steps) - 2)
        share = place - below
        scores = (1.0 - share) * self.table[below] + share * self.table[below + 1]
        return np.exp(-np.logaddexp(0.0, -scores))

    def losses(self, settings: Mapping[str, Any]) -> np.ndarray:
        return binary_losses(self.confidences(settings), self.correct)


Predictions = BestLabels | Labels | Entities


def fit_one(some: BestLabels | Entities) -> Settings:
    """Find the one temperature that suits predictions best."""

    def loss(temperature: float) -> float:
        return float(some.losses({"temperature": temperature}).sum())

    return {"temperature": fit_temperature(loss)}


def log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, 1e-38))


def binary_losses(p: np.ndarray, truths: np.ndarray) -> np.ndarray:
    return -truths * log(p) - (1.0 - truths) * log(1.0 - p)
