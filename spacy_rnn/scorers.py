"""Scoring methods of components."""

from collections.abc import Callable, Iterable
from typing import Any

from spacy.pipeline.spancat import spancat_score
from spacy.scorer import get_ner_prf
from spacy.training import Example


def ner_score(
    examples: Iterable[Example], *, annotate_ents: bool, **settings: Any
) -> dict[str, Any]:
    """Score entities: those of `doc.ents` if they were written, else a group of spans.

    Args:
        examples: Examples with predictions.
        annotate_ents: Whether `doc.ents` was written.
        settings: Further settings of the component, `spans_key` among them.

    Returns:
        Precision, recall and F-score in [0, 1], as `ents_p`, `ents_r`, `ents_f`, and
        those of each label as `ents_per_type`; for a group `spans_{spans_key}_p`, etc.
    """
    if annotate_ents:
        return get_ner_prf(examples)
    return spancat_score(examples, **settings)


def make_ner_scorer() -> Callable:
    """Return the scoring method of `rnn_ner`."""
    return ner_score
