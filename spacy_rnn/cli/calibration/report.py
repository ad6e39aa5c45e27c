"""Calibrate the probabilities of components, and tell what that brings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.training import Example

from spacy_rnn.cli.calibration.predictions import (
    NEUTRAL,
    Entities,
    Labels,
    Predictions,
    Settings,
)
from spacy_rnn.cli.calibration.readers import read_components
from spacy_rnn.metrics.calibration import (
    brier_score,
    error_by_chance,
    expected_calibration_error,
    reliability_bins,
)
from spacy_rnn.pipeline.thresholds import carry_thresholds, decide

FOLDS = 5


@dataclass
class Measures:
    """How far probabilities are from what they say.

    Attributes:
        ece: Expected calibration error, in [0, 1].
        mce: That of the worst bin, in [0, 1].
        chance: The expected error that perfect probabilities would have, in [0, 1].
        nll: Negative log-likelihood of the truth, in nats per prediction.
        brier: Brier score, in [0, 1].
    """

    ece: float
    mce: float
    chance: float
    nll: float
    brier: float


@dataclass
class LabelRow:
    """What was found for a label of which any number may be right.

    Attributes:
        label: The label.
        temperature: What its log odds are divided by.
        bias: What is added to them then.
        support: How many documents have the label.
        before: Expected calibration error before, in [0, 1].
        after: The same afterwards.
    """

    label: str
    temperature: float
    bias: float
    support: int
    before: float
    after: float


@dataclass
class Report:
    """What was calibrated.

    Attributes:
        component: Its name.
        kind: What it predicts with a probability, such as "entities".
        n_predictions: How many of them there are.
        accuracy: Share of them that is right, in [0, 1], before and after; None of
            sentences, which are chosen by their order.
        settings: Temperature and, where there is one, bias, by label if there are
            several that may be right.
        before: Measures before.
        after: Measures afterwards.
        expected: Measures where no document had a part in its calibration.
        labels: A row for each label of several that may be right.
    """

    component: str
    kind: str
    n_predictions: int
    accuracy: tuple[float | None, float | None]
    settings: Settings
    before: Measures
    after: Measures
    expected: Measures
    labels: list[LabelRow]


def calibrate(
    nlp: Language, names: Sequence[str], examples: list[Example], min_positives: int
) -> Iterator[Report]:
    """Find what makes the probabilities of components mean what they say, and set it.

    Args:
        nlp: The pipeline.
        names: The components.
        examples: The data; documents are processed.
        min_positives: As many predictions that are right, and that are wrong, a
            temperature takes. Labels that have fewer get the one for all.

    Raises:
        ValueError: If there are too few.
    """
    settings = {name: read_settings(nlp.get_pipe(name)) for name in names}
    for name, predictions in read_components(nlp, names, examples, min_positives):
        check_enough(name, predictions, min_positives)
        yield calibrate_component(nlp.get_pipe(name), predictions, settings[name])


def read_settings(pipe: Any) -> Settings:
    return {name: pipe.cfg[name] for name in NEUTRAL if name in pipe.cfg}


def check_enough(name: str, predictions: Predictions, at_least: int) -> None:
    """Raise a ValueError if there are too few predictions to learn from."""
    total, right = len(predictions.correct), float(predictions.correct.sum())
    if total < 2 * at_least or right < at_least:
        raise ValueError(
            f"'{name}' predicts {total} {predictions.kind} of which it is known "
            f"whether they are right, and {right:.0f} are. It takes {2 * at_least} "
            f"and {at_least}, see --min-positives"
        )
    if right == total:
        raise ValueError(
            f"All of the {total} {predictions.kind} that '{name}' predicts are right. "
            f"Only mistakes tell how sure it may be: take data that it wasn't trained "
            f"on"
        )


def calibrate_component(pipe: Any, predictions: Predictions, old: Settings) -> Report:
    """Calibrate a component by its predictions, of which `old` are the settings."""
    everything = np.ones(len(predictions.correct), dtype=bool)
    new = predictions.fit(everything)
    before, after = (measure(predictions, each) for each in (old, new))
    right = share_right(pipe, predictions, old)
    if hasattr(pipe, "exclusive"):
        pipe.configure(**new, thresholds=carry_thresholds(pipe, old, new))
    else:
        pipe.configure(**new)
    after_right = share_right(pipe, predictions, new)
    return Report(
        component=pipe.name,
        kind=predictions.kind,
        n_predictions=len(everything),
        accuracy=(right, after_right),
        settings=new,
        before=before,
        after=after,
        expected=measure_by_others(predictions),
        labels=make_rows(predictions, old, new),
    )


def measure(predictions: Predictions, settings: Settings) -> Measures:
    return to_measures(
        predictions.confidences(settings),
        predictions.correct,
        predictions.losses(settings),
    )


def to_measures(p: np.ndarray, correct: np.ndarray, losses: np.ndarray) -> Measures:
    bins = reliability_bins(p, correct)
    return Measures(
        bins.expected_error,
        bins.maximum_error,
        error_by_chance(p),
        float(losses.mean()),
        brier_score(p, correct),
    )


def measure_by_others(predictions: Predictions) -> Measures:
    """Measure each prediction as it is calibrated by other documents only."""
    p, losses = np.zeros((2, len(predictions.correct)))
    n_docs = int(predictions.doc_of.max()) + 1
    # Files may be sorted by their labels.
    folds = np.random.default_rng(0).permutation(n_docs) % FOLDS
    for fold in range(FOLDS):
        here = folds[predictions.doc_of] == fold
        settings = predictions.fit(~here)
        p[here] = predictions.confidences(settings)[here]
        losses[here] = predictions.losses(settings)[here]
    return to_measures(p, predictions.correct, losses)


def share_right(
    pipe: Any, predictions: Predictions, settings: Settings
) -> float | None:
    """Return the accuracy of a component with settings, by its thresholds if any."""
    if isinstance(predictions, Entities):
        return float(predictions.correct.mean())
    if not hasattr(pipe, "exclusive"):
        return None
    decided = decide(pipe, predictions.scale(settings))
    if isinstance(predictions, Labels):
        is_right = (decided == (predictions.truths > 0.5))[predictions.is_known]
    else:
        is_right = decided.argmax(axis=1) == predictions.truths
    return float(is_right.mean())


def make_rows(predictions: Predictions, old: Settings, new: Settings) -> list[LabelRow]:
    """Return a row for each label of several that may be right."""
    if not isinstance(predictions, Labels) or not predictions.names:
        return []
    errors = [
        [
            expected_calibration_error(p[known], truths[known])
            for p, truths, known in zip(
                predictions.scale(each).T,
                predictions.truths.T,
                predictions.is_known.T,
                strict=True,
            )
        ]
        for each in (old, new)
    ]
    supports = np.nansum(predictions.truths, axis=0).astype(int).tolist()
    return [
        LabelRow(label, new["temperature"][label], new["bias"][label], *row)
        for label, *row in zip(predictions.names, supports, *errors, strict=True)
    ]
