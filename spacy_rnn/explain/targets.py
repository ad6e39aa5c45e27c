"""What can be explained: a category, a tag, an entity, a sentence of a summary."""

from collections.abc import Sequence
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
from spacy.pipeline import Tagger, TextCategorizer
from spacy.tokens import Doc
from thinc.util import to_numpy

from spacy_rnn.pipeline.entity_docs import possible_tags
from spacy_rnn.pipeline.ner import RNNEntityRecognizer
from spacy_rnn.pipeline.summarizer import RNNSummarizer
from spacy_rnn.pipeline.thresholds import decide
from spacy_rnn.tags.odds import span_log_odds
from spacy_rnn.tags.scores import from_gradient, to_lattice

TINY = float(np.finfo("f").tiny)


class Target(NamedTuple):
    """Something that a component predicted of a document.

    Attributes:
        label: A category, a tag, the label of an entity, or what spans of a summary
            are called.
        start: The first token that it is about.
        end: The token after the last one.
        column: The number of its label, or of its sentence.
    """

    label: str
    start: int
    end: int
    column: int


Rows = Sequence[tuple[Doc, Target]]
Scored = tuple[np.ndarray, Any]  # log odds, shape (B,), and the gradient of their sum


@singledispatch
def find_targets(
    pipe: Any, docs: Sequence[Doc], labels: Sequence[str] | None
) -> list[list[Target]]:
    """Find what a component predicts of documents, or of its labels, some only.

    Args:
        pipe: The component.
        docs: The documents.
        labels: Labels. For a classifier, the categories to explain, predicted or not.
    """
    raise ValueError(
        f"Predictions of '{pipe.name}', a {type(pipe).__name__}, can't be explained. "
        f"Those of text classifiers, taggers, rnn_ner and rnn_summarizer can."
    )


@find_targets.register
def find_categories(
    pipe: TextCategorizer, docs: Sequence[Doc], labels: Sequence[str] | None
) -> list[list[Target]]:
    known, scores = list(pipe.labels), to_numpy(pipe.predict(docs))
    if labels is not None:
        chosen = [[known.index(label) for label in labels]] * len(docs)
    else:
        chosen = [
            np.flatnonzero(is_chosen).tolist() or [int(row.argmax())]
            for is_chosen, row in zip(decide(pipe, scores), scores, strict=True)
        ]
    return [
        [Target(known[column], 0, len(doc), column) for column in columns]
        for doc, columns in zip(docs, chosen, strict=True)
    ]


@find_targets.register
def find_tags(
    pipe: Tagger, docs: Sequence[Doc], labels: Sequence[str] | None
) -> list[list[Target]]:
    known = list(pipe.labels)
    wanted = set(known if labels is None else labels)
    return [
        [
            Target(known[column], i, i + 1, column)
            for i, column in enumerate(to_numpy(columns).tolist())
            if known[column] in wanted
        ]
        for columns in pipe.predict(docs)
    ]


@find_targets.register
def find_entities(
    pipe: RNNEntityRecognizer, docs: Sequence[Doc], labels: Sequence[str] | None
) -> list[list[Target]]:
    wanted = set(pipe.labels if labels is None else labels)
    rows = pipe.tag_set.rows
    return [
        [
            Target(label, start, end, rows[label])
            for start, end, label in entities.spans
            if label in wanted
        ]
        for entities in pipe.predict(docs)
    ]


@find_targets.register
def find_sentences(
    pipe: RNNSummarizer, docs: Sequence[Doc], labels: Sequence[str] | None
) -> list[list[Target]]:
    key = pipe.cfg["spans_key"]
    targets = []
    for doc in docs:
        summarized = pipe(doc.copy())
        chosen = {span.start for span in summarized.spans[key]}
        targets.append(
            [
                Target(key, sentence.start, sentence.end, i)
                for i, sentence in enumerate(doc.sents)
                if sentence.start in chosen
            ]
        )
    return targets


@singledispatch
def score_targets(pipe: Any, scores: Any, rows: Rows) -> Scored:
    """Find the log odds of targets, and their gradient in the form of the scores.

    Args:
        pipe: The component.
        scores: What its model says of a batch.
        rows: Each document of the batch, with its target.
    """
    raise TypeError(type(pipe).__name__)


@score_targets.register
def score_categories(pipe: TextCategorizer, scores: Any, rows: Rows) -> Scored:
    columns = np.array([target.column for _, target in rows])
    exclusive = not pipe.model.attrs["multi_label"]
    found, gradient = label_log_odds(to_numpy(scores), columns, exclusive=exclusive)
    return found, pipe.model.ops.asarray2f(gradient)


@score_targets.register
def score_tags(pipe: Tagger, scores: Any, rows: Rows) -> Scored:
    tokens = [target.start for _, target in rows]
    columns = np.array([target.column for _, target in rows])
    pairs = zip(scores, tokens, strict=True)
    # In training, a tagger gives probabilities.
    read = np.log(np.array([to_numpy(Y[token]) for Y, token in pairs]) + TINY)
    found, slopes = label_log_odds(read, columns, exclusive=True)
    gradient = [pipe.model.ops.alloc2f(*Y.shape) for Y in scores]
    for dY, token, slope in zip(gradient, tokens, slopes, strict=True):
        dY[token] = pipe.model.ops.asarray(slope)
    return found, gradient


@score_targets.register
def score_sentences(pipe: RNNSummarizer, scores: Any, rows: Rows) -> Scored:
    columns = [target.column for _, target in rows]
    gradient = [pipe.model.ops.alloc1f(len(Y)) for Y in scores]
    for dY, column in zip(gradient, columns, strict=True):
        dY[column] = 1.0
    pairs = zip(scores, columns, strict=True)
    return np.array([float(Y[column]) for Y, column in pairs]), gradient


@score_targets.register
def score_entities(pipe: RNNEntityRecognizer, scores: Any, rows: Rows) -> Scored:
    docs, targets = zip(*rows, strict=True)
    allowed = possible_tags(pipe.tag_set, docs, keep_entities=False)
    lattice = to_lattice(scores, pipe.tag_set, allowed)
    ends = lattice.lengths.cumsum(0).numpy()
    spans = np.array([target[1:] for target in targets])
    spans[:, :2] += (ends - lattice.lengths.numpy())[:, None]
    found, gradient = span_log_odds(lattice, pipe.tag_set, spans)
    return found, from_gradient(pipe.model.ops, gradient, scores)


def label_log_odds(
    scores: np.ndarray, columns: np.ndarray, *, exclusive: bool
) -> tuple[np.ndarray, Any]:
    """Find the log odds of labels, and their gradient for the scores.

    Args:
        scores: Of which a softmax makes probabilities, or a logistic function. Shape
            (B, K).
        columns: The label of each row. Shape (B,).
        exclusive: Whether it's a softmax.

    Returns:
        Shapes (B,) and (B, K).
    """
    rows, gradient = np.arange(len(scores)), np.zeros(scores.shape)
    scores = scores.astype("f8")
    found = scores[rows, columns]
    if exclusive:
        scores[rows, columns] = -np.inf
        highest = scores.max(axis=1, keepdims=True)
        others = np.exp(scores - highest)
        total = others.sum(axis=1, keepdims=True)
        found = found - (highest + np.log(total))[:, 0]
        gradient = -others / total
    gradient[rows, columns] = 1.0
    return found, gradient
