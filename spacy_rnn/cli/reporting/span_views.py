"""How recognizers of entities and of other spans are looked at."""

from collections.abc import Sequence
from typing import Any

from spacy.language import Language
from spacy.pipeline import EntityRecognizer, SpanCategorizer
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_rnn.cli.reporting.view import UNKNOWN, Claims, Prediction, View, gather
from spacy_rnn.metrics.tally import Claim
from spacy_rnn.pipeline.ner import RNNEntityRecognizer


def view_entities(
    pipe: EntityRecognizer, nlp: Language, examples: Sequence[Example]
) -> list[View]:
    return [view_ents(pipe, examples, None)]


def view_rnn_entities(
    pipe: RNNEntityRecognizer, nlp: Language, examples: Sequence[Example]
) -> list[View]:
    key = pipe.cfg["spans_key"]
    if pipe.cfg["annotate_ents"]:
        return [view_ents(pipe, examples, key)]
    return [view_group(pipe, examples, key)]


def view_spans(
    pipe: SpanCategorizer, nlp: Language, examples: Sequence[Example]
) -> list[View]:
    return [view_group(pipe, examples, pipe.cfg["spans_key"])]


def view_ents(pipe: Any, examples: Sequence[Example], key: str | None) -> View:
    """Look at entities, as `get_ner_prf` does.

    Args:
        pipe: The component.
        examples: The documents.
        key: The group of spans that has their confidences.
    """
    rows: list[Claims] = []
    for example in examples:
        gold = example.reference
        found: dict[Claim, Prediction] = {}
        if not gold.has_annotation("ENT_IOB"):
            rows.append((set(), {}))
            continue
        for span, sure in with_confidences(example.predicted, key):
            places = example.alignment.x2y[span.start : span.end]
            about = Prediction(sure, span.start, span.end)
            if len(places):
                start, end = int(places[0]), int(places[-1]) + 1
                if all(token.ent_iob for token in gold[start:end]):
                    place: tuple[int, ...] = (start, end)
                    while (place, span.label_) in found:  # in parts: each one counts
                        place += (1,)
                    found[place, span.label_] = about
        rows.append(({((e.start, e.end), e.label_) for e in gold.ents}, found))
    return gather(pipe.name, "doc.ents", "spans", "ents", rows)


def view_group(pipe: Any, examples: Sequence[Example], key: str) -> View:
    """Look at a group of spans, as `Scorer.score_spans` does."""
    rows = [claim_group(example, key) for example in examples]
    return gather(pipe.name, f"doc.spans[{key!r}]", "spans", f"spans_{key}", rows)


def claim_group(example: Example, key: str, label: str | None = None) -> Claims:
    """Say which spans are in a group, all with one label if that is given."""
    gold = example.reference.spans.get(key)
    if gold is None:
        return set(), {}
    found: dict[Claim, Prediction] = {}
    spans = example.predicted.spans.get(key) or []
    for span, sure in zip(spans, read_confidences(spans), strict=True):
        for each in example.get_aligned_spans_x2y([span], True):
            about = Prediction(sure, span.start, span.end)
            found[(each.start, each.end), label or span.label_] = about
    return {((s.start, s.end), label or s.label_) for s in gold}, found


def with_confidences(doc: Doc, key: str | None) -> list[tuple[Span, float]]:
    """Return the entities of a document, with what a group of spans says of them."""
    spans = doc.spans.get(key) or []
    sure = {
        (span.start, span.end, span.label): confidence
        for span, confidence in zip(spans, read_confidences(spans), strict=True)
    }
    return [(e, sure.get((e.start, e.end, e.label), UNKNOWN)) for e in doc.ents]


def read_confidences(spans: Any) -> list[float]:
    """Read how probable spans are, NaN if they don't say."""
    scores = getattr(spans, "attrs", {}).get("scores")
    if scores is None or len(scores) != len(spans):
        return [UNKNOWN] * len(spans)
    return [float(score) for score in scores]
