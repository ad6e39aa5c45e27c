"""Entities of documents: what may be predicted, and how it is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.attrs import ENT_IOB, ENT_TYPE, IS_SPACE, SENT_START
from spacy.tokens import Doc, Span, SpanGroup
from thinc.api import Model

from spacy_rnn.tags.decoding import best_paths
from spacy_rnn.tags.known import (
    BEGIN,
    INSIDE,
    MISSING,
    OUTSIDE,
    concatenate,
    find_known,
    first_tokens,
    restrict,
)
from spacy_rnn.tags.scores import to_lattice
from spacy_rnn.tags.tag_set import TagSet, find_spans
from spacy_rnn.types import TagScores


@dataclass
class Entities:
    """The entities that are predicted for a document.

    Attributes:
        spans: First token, end (exclusive) and label of each, in the order of the text.
        confidences: The probability of each, in [0, 1]; None if nobody wants to know.
    """

    spans: list[tuple[int, int, str]]
    confidences: list[float] | None


def possible_tags(
    tag_set: TagSet, docs: Sequence[Doc], *, keep_entities: bool
) -> np.ndarray | None:
    """Find the tags that may be predicted for documents, as spaCy's `ner` does.

    No entity begins with white space or goes on in another sentence. If they are kept,
    the entities of `doc.ents` stay, and blocked tokens don't become part of one.

    Returns:
        Shape (N, K), bool, documents end to end; None where anything is possible.
    """
    attrs = [IS_SPACE, SENT_START, ENT_IOB, ENT_TYPE]
    rows = [doc.to_array(attrs).reshape(-1, 4) for doc in docs]
    lengths = [len(row) for row in rows]
    space, starts, iob, types = concatenate(rows, len(attrs)).T
    begins_sentence = starts == 1
    begins_sentence[first_tokens(lengths)] = False
    preset = keep_entities & ((iob == INSIDE) | (iob == BEGIN))
    if not (space.any() or begins_sentence.any() or preset.any()):
        return None
    known = find_known(tag_set, lengths, np.where(preset, iob, MISSING), types)
    known.iob[preset & (known.labels < 0)] = OUTSIDE  # for the model
    allowed = np.ones((len(iob), len(tag_set.start)), dtype=bool)
    allowed[np.ix_(space == 1, tag_set.begins)] = False
    allowed[np.ix_(begins_sentence, tag_set.continues)] = False
    restrict(allowed, tag_set, known)
    return allowed


def find_entities(
    model: Model[list[Doc], TagScores],
    tag_set: TagSet,
    docs: list[Doc],
    keep_entities: bool,
) -> tuple[Any, np.ndarray]:
    """Find the most probable entities of documents, of which one at least has a token.

    Returns:
        All tag sequences that are possible, and first token, end and row of the label
        of each entity, documents end to end. Shape (spans, 3).
    """
    allowed = possible_tags(tag_set, docs, keep_entities=keep_entities)
    lattice = to_lattice(model.predict(docs), tag_set, allowed)
    return lattice, find_spans(tag_set, best_paths(lattice))


def split_entities(
    docs: Sequence[Doc],
    labels: Sequence[str],
    spans: np.ndarray,
    confidences: np.ndarray | None,
) -> list[Entities]:
    """Part the entities of documents that lie end to end.

    Args:
        docs: The documents.
        labels: The labels.
        spans: First token, end and row of the label of each. Shape (spans, 3).
        confidences: Of each, None for none. Shape (spans,).
    """
    found = [Entities([], None if confidences is None else []) for _ in docs]
    ends = np.cumsum([len(doc) for doc in docs])
    doc_of = np.searchsorted(ends, spans[:, 0], side="right").tolist()
    for doc, (start, end, row) in zip(doc_of, spans.tolist(), strict=True):
        offset = int(ends[doc]) - len(docs[doc])
        found[doc].spans.append((start - offset, end - offset, labels[row]))
    if confidences is not None:
        for doc, confidence in zip(doc_of, confidences.tolist(), strict=True):
            found[doc].confidences.append(confidence)
    return found


def add_preset(
    doc: Doc,
    spans: list[Span],
    confidences: list[float] | None,
    spans_key: str | None,
) -> tuple[list[Span], list[float] | None]:
    """Put what is in `doc.ents` already among predicted entities.

    Its confidence is what a recognizer has written to the group, otherwise 1.
    """
    written = read_confidences(doc, spans_key)
    scores = confidences or [1.0] * len(spans)
    found = {s.start: (s, score) for s, score in zip(spans, scores, strict=True)}
    found |= {e.start: (e, written.get(extent(e), 1.0)) for e in doc.ents}
    both = [found[start] for start in sorted(found)]
    return [span for span, _ in both], [score for _, score in both]


def read_confidences(
    doc: Doc, spans_key: str | None
) -> dict[tuple[int, int, str], float]:
    """Return the confidences that are in a group already, none if it hasn't any."""
    group = doc.spans.get(spans_key) or ()
    scores = group.attrs.get("scores", ()) if group else ()
    if len(scores) != len(group):
        return {}
    return dict(zip(map(extent, group), map(float, scores), strict=True))


def extent(span: Span) -> tuple[int, int, str]:
    return span.start, span.end, span.label_


def annotate(
    doc: Doc, entities: Entities, *, annotate_ents: bool, spans_key: str | None
) -> None:
    """Write predicted entities to `doc.ents`, if so, and to a group, if it is named.

    Blocked tokens stay blocked, all others become outside.
    """
    spans = [Span(doc, *span) for span in entities.spans]
    confidences = entities.confidences
    if annotate_ents:
        blocked = []
        if doc.has_annotation("ENT_IOB"):
            spans, confidences = add_preset(doc, spans, confidences, spans_key)
            blocked = [t for t in doc if t.ent_iob == BEGIN and not t.ent_type]
        doc.set_ents(spans, blocked=[doc[t.i : t.i + 1] for t in blocked])
    if spans_key is not None:
        attrs = {"scores": np.array(confidences, dtype="f")}
        group = SpanGroup(doc, name=spans_key, spans=spans, attrs=attrs)
        doc.spans[spans_key] = group
