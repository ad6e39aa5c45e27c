"""From probabilities of categories to labels, and the scores of these."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from spacy.pipeline.textcat import TextCategorizer
from spacy.pipeline.textcat_multilabel import MultiLabel_TextCategorizer
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example

from spacy_rnn.checks import check_portion, list_names
from spacy_rnn.pipeline.calibration import scale_logistic, spread

Thresholds = dict[str, float] | None


def check_thresholds(
    thresholds: Thresholds, labels: Collection[str], *, exclusive: bool
) -> None:
    """Raise a ValueError for thresholds that can't be.

    Args:
        thresholds: By label.
        labels: All labels of the component, empty as long as they aren't known.
        exclusive: Whether exactly one label is right.
    """
    if thresholds is None:
        return
    if not isinstance(thresholds, dict):
        raise ValueError(
            f"thresholds has to be null or a mapping of label to probability, but it "
            f"is {thresholds!r}"
        )
    for label, threshold in thresholds.items():
        check_portion(f"The threshold of {label!r} in thresholds", threshold)
    unknown = sorted(thresholds.keys() - set(labels))
    if labels and unknown:
        raise ValueError(
            f"thresholds names labels that there aren't: {unknown}. The labels are "
            f"{list_names(sorted(labels), unknown[0])}."
        )
    if exclusive and thresholds and (len(thresholds) > 1 or len(labels) not in (0, 2)):
        raise ValueError(
            f"Where exactly one label is right, thresholds has to name one of two "
            f"labels, but it names {sorted(thresholds)}, and the labels are "
            f"{list_names(sorted(labels))}."
        )


def decide(pipe: TextCategorizer, scores: np.ndarray) -> np.ndarray:
    """Choose the labels of documents.

    Args:
        pipe: A text classifier, spaCy's among them.
        scores: Probabilities, shape (B, K).

    Returns:
        Whether a document has a label, shape (B, K).
    """
    own = pipe.cfg.get("thresholds") or {}
    if isinstance(pipe, MultiLabel_TextCategorizer):
        common = pipe.cfg["threshold"]
        return scores >= np.array([own.get(label, common) for label in pipe.labels])
    best = scores.argmax(axis=1)
    for label, threshold in own.items():  # one of two
        column = pipe.labels.index(label)
        best = np.where(scores[:, column] >= threshold, column, 1 - column)
    return best[:, None] == np.arange(len(pipe.labels))


def predict_labels(pipe: TextCategorizer, doc: Doc) -> list[str]:
    """List the labels of a document, by its probabilities and the thresholds.

    Args:
        pipe: A text classifier, spaCy's among them.
        doc: A document that it has processed.

    Raises:
        ValueError: If it has not.
    """
    (chosen,) = decide(pipe, read_scores(pipe, [doc]))
    return [
        label for label, is_chosen in zip(pipe.labels, chosen, strict=True) if is_chosen
    ]


def carry_thresholds(
    pipe: TextCategorizer, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Thresholds:
    """Find the thresholds by which documents keep their labels when it is calibrated.

    Args:
        pipe: A text classifier of ours, with the thresholds of before.
        before: The temperature and, where there is one, the bias so far.
        after: Those to come.

    Returns:
        By label; None if half remains half for all.
    """
    own, common = pipe.cfg["thresholds"] or {}, pipe.cfg["threshold"]
    exclusive = not isinstance(pipe, MultiLabel_TextCategorizer)
    labels = list(own) if exclusive else pipe.labels
    found = np.array([own.get(label, common) for label in labels], dtype="d")
    (T1, b1), (T2, b2) = (
        (
            spread(settings["temperature"], labels, 1.0),
            spread(settings.get("bias", 0.0), labels, 0.0),
        )
        for settings in (before, after)
    )
    carried = scale_logistic(scale_logistic(found, 1.0 / T1, -b1 * T1), T2, b2)
    if not own and np.allclose(carried, common, rtol=0.0, atol=1e-9):
        return None
    return dict(zip(labels, carried.tolist(), strict=True))


def read_scores(pipe: TextCategorizer, docs: Iterable[Doc]) -> np.ndarray:
    """Read the probabilities of labels that documents were given, shape (B, K).

    Raises:
        ValueError: If a document lacks one.
    """
    try:
        rows = [[doc.cats[label] for label in pipe.labels] for doc in docs]
    except KeyError as error:
        raise ValueError(
            f"A document has no probability of {error.args[0]!r}: '{pipe.name}' has "
            f"not processed it."
        ) from error
    return np.array(rows, dtype="d").reshape(len(rows), len(pipe.labels))


def score_decisions(
    pipe: TextCategorizer, examples: Sequence[Example], scores: Mapping[str, Any]
) -> dict[str, Any]:
    """Put in scores what differs for labels that thresholds of their own decide on.

    That are precision, recall and F-scores. The area under the curve needs none.

    Args:
        pipe: The component, with thresholds.
        examples: Examples with predictions.
        scores: What spaCy's scorer gives at its one threshold. Others stay as they are.
    """
    exclusive = not isinstance(pipe, MultiLabel_TextCategorizer)
    decided = decide(pipe, read_scores(pipe, (each.predicted for each in examples)))
    pairs: Any = [
        SimpleNamespace(
            predicted=SimpleNamespace(
                cats=dict(zip(pipe.labels, map(float, row), strict=True))
            ),
            reference=example.reference,
        )
        for row, example in zip(decided, examples, strict=True)
    ]
    found = Scorer.score_cats(
        pairs,
        "cats",
        labels=pipe.labels,
        multi_label=not exclusive,
        positive_label=pipe.cfg.get("positive_label"),
        threshold=0.5,
    )
    return {
        key: found[key]
        if key in found
        and "auc" not in key
        and (exclusive or not key.startswith("cats_score"))
        else value
        for key, value in scores.items()
    }
