"""What examples say about entities: in `doc.ents`, or in a group of `doc.spans`.

`doc.ents` says nothing of tokens whose value is missing. A group says that what is in
none of its spans is no entity; of a document without the group nothing is known.
Nothing is known either of an entity's tokens where the predicted ones don't begin and
end with it.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from spacy.attrs import ENT_IOB, ENT_TYPE, IS_SPACE
from spacy.strings import get_string_id
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_rnn.alignment import same_tokens
from spacy_rnn.checks import list_names
from spacy_rnn.tags.known import (
    BEGIN,
    INSIDE,
    MISSING,
    OUTSIDE,
    KnownEntities,
    concatenate,
    find_known,
)
from spacy_rnn.tags.tag_set import TagSet

ATTRS = [ENT_IOB, ENT_TYPE, IS_SPACE]


def read_gold(
    tag_set: TagSet,
    examples: Sequence[Example],
    spans_key: str | None,
    *,
    ignore_others: bool = False,
) -> KnownEntities:
    """Read what is known of the entities in the predicted documents.

    Args:
        tag_set: The tags that there are.
        examples: The examples.
        spans_key: The group that holds the entities, None if `doc.ents` does.
        ignore_others: Whether entities with unknown labels count as none.

    Raises:
        ValueError: If entities overlap, or have an unknown label that isn't ignored.
    """
    if spans_key is None:
        rows = read_ents(examples)
    else:
        rows = concatenate([read_group(each, spans_key) for each in examples], 3)
    iob, types, is_space = rows.T
    lengths = [len(example.predicted) for example in examples]
    gold = find_known(tag_set, lengths, iob, types)
    gold.iob[gold.is_entity & (types == 0)] = MISSING  # a blocked token
    unknown = np.flatnonzero(gold.is_entity & (gold.labels < 0))
    if ignore_others:
        gold.iob[unknown] = OUTSIDE
    elif len(unknown):
        doc = examples[int(gold.doc_of(unknown[:1])[0])].reference
        label = doc.vocab.strings[int(types[unknown[0]])]
        raise ValueError(
            f"The document {excerpt(doc)} has an entity with the label {label!r}, "
            f"which the model doesn't know. It knows "
            f"{list_names(sorted(tag_set.rows), label)}."
        )
    trim(gold, is_space == 1)
    return gold


def trim(known: KnownEntities, is_space: np.ndarray) -> None:
    """Take white space off the edges of entities, which can't be predicted there."""
    while True:
        goes_on = np.append(known.iob[1:] == INSIDE, False)[: len(is_space)]
        begins = known.iob == BEGIN
        blank = is_space & known.is_entity & (begins | ~goes_on)
        if not blank.any():
            return
        known.iob[np.flatnonzero(blank & goes_on) + 1] = BEGIN
        known.iob[blank] = OUTSIDE


def read_ents(examples: Sequence[Example]) -> np.ndarray:
    """Align ENT_IOB and ENT_TYPE as spaCy's `ner` does, and add IS_SPACE.

    Returns:
        For each token of the predictions. Shape (N, 3).
    """
    each = [
        example.reference.to_array(ATTRS) if is_same else align_ents(example)
        for example, is_same in zip(examples, same_tokens(examples), strict=True)
    ]
    rows = concatenate(each, 3)
    iob, _, space = rows.T
    doc_of = np.repeat(np.arange(len(each)), list(map(len, each)))
    says_any = np.bincount(doc_of[iob != MISSING], minlength=len(each)) > 0
    iob[says_any[doc_of] & (iob == MISSING) & (space == 1)] = OUTSIDE
    return rows


def align_ents(example: Example) -> np.ndarray:
    """Do what `read_ents` does where tokens differ. Shape (tokens, 3)."""
    share_labels(example, example.reference.ents)
    _, tags = example.get_aligned_ents_and_ner()
    rows = nothing_known(example)
    for row, tag in zip(rows, tags, strict=True):
        if tag == "O":
            row[0] = OUTSIDE
        elif tag is not None:
            row[:2] = BEGIN if tag[0] in "BU" else INSIDE, get_string_id(tag[2:])
    return rows


def nothing_known(example: Example) -> np.ndarray:
    rows = example.predicted.to_array(ATTRS)
    rows[:, :2] = 0
    return rows


def read_group(example: Example, spans_key: str) -> np.ndarray:
    """Read the spans of a group as `read_ents` does entities. Shape (tokens, 3)."""
    rows = nothing_known(example)
    if spans_key not in example.reference.spans:
        return rows
    rows[:, 0] = OUTSIDE
    spans = gold_spans(example.reference, spans_key)
    if not same_tokens([example]).all():
        for span in spans:
            rows[example.alignment.y2x[span.start : span.end], 0] = MISSING
        spans = align_spans(example, spans)
    for span in spans:
        rows[span.start : span.end, :2] = INSIDE, span.label
        rows[span.start, 0] = BEGIN
    return rows


def read_incorrect(
    tag_set: TagSet,
    examples: Sequence[Example],
    incorrect_key: str | None,
    spans_key: str | None,
) -> np.ndarray:
    """Read which spans are known not to be entities with their label.

    Args:
        tag_set: The tags that there are. Spans with other labels are left out.
        examples: The examples.
        incorrect_key: The group of `doc.spans` that holds these, None for none.
        spans_key: The group that holds the entities, None if `doc.ents` does.

    Returns:
        For each span, of documents that lie end to end, its first token, its end and
        the row of its label. Shape (spans, 3).

    Raises:
        ValueError: If a span is an entity as well.
    """
    incorrect: list[tuple[int, int, int]] = []
    offset = 0
    for example in [] if incorrect_key is None else examples:
        spans = list(example.reference.spans.get(incorrect_key, []))
        both = as_tuples(spans) & as_tuples(gold_spans(example.reference, spans_key))
        if both:
            raise ValueError(
                f"The document {excerpt(example.reference)} has entities that are also "
                f"in doc.spans[{incorrect_key!r}], which says that they are none: "
                f"{sorted(both)}"
            )
        if not same_tokens([example]).all():
            spans = align_spans(example, spans, allow_overlap=True)
        incorrect += [
            (offset + start, offset + end, tag_set.rows[label])
            for start, end, label in sorted(as_tuples(spans))
            if label in tag_set.rows
        ]
        offset += len(example.predicted)
    return np.array(incorrect, dtype="i8").reshape(-1, 3)


def gold_spans(doc: Doc, spans_key: str | None) -> list[Span]:
    """Return the entities that a document says it has, in their order.

    Raises:
        ValueError: If they overlap.
    """
    if spans_key is None:
        return list(doc.ents)
    spans = sorted(doc.spans.get(spans_key, []))
    for first, second in pairwise(spans):
        if second.start < first.end:
            raise ValueError(
                f"The document {excerpt(doc)} has overlapping spans in "
                f"doc.spans[{spans_key!r}], of which a token can be in one only: "
                f"{as_tuples([first])} and {as_tuples([second])}"
            )
    return spans


def align_spans(
    example: Example, spans: Iterable[Span], *, allow_overlap: bool = False
) -> list[Span]:
    """Find spans of the reference in the prediction, where they don't cross tokens."""
    share_labels(example, spans)
    aligned: list[Span] = example.get_aligned_spans_y2x(spans, allow_overlap)
    return aligned


def share_labels(example: Example, spans: Iterable[Span]) -> None:
    """Let the prediction know the labels, which spaCy looks up in its vocab.

    It is another one where documents were read before there was a pipeline.
    """
    for span in spans:
        example.predicted.vocab.strings.add(span.label_)


def as_tuples(spans: Iterable[Span]) -> set[tuple[int, int, str]]:
    return {(span.start, span.end, span.label_) for span in spans}


def excerpt(doc: Doc) -> str:
    """Quote the beginning of a document, so that it can be found."""
    return repr(doc.text[:60])
