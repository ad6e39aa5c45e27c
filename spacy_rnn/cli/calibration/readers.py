"""Let components predict on data, and read what they say before it is calibrated."""

from collections.abc import Iterable, Iterator, Sequence
from functools import singledispatch
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.training import Example
from spacy.util import minibatch
from thinc.util import to_numpy

from spacy_rnn.cli.calibration.predictions import (
    NEUTRAL,
    TEMPERATURES,
    BestLabels,
    Entities,
    Labels,
    Predictions,
)
from spacy_rnn.cli.progress import predict, progress
from spacy_rnn.pipeline.calibration import log_odds
from spacy_rnn.pipeline.entity_docs import find_entities
from spacy_rnn.pipeline.entity_gold import read_gold
from spacy_rnn.pipeline.labels import read_categories
from spacy_rnn.pipeline.ner import RNNEntityRecognizer
from spacy_rnn.pipeline.summarizer import RNNSummarizer
from spacy_rnn.pipeline.summary_gold import sentence_truths
from spacy_rnn.pipeline.text_categorizer import RNNTextCategorizer
from spacy_rnn.tags.decoding import span_confidences
from spacy_rnn.tags.known import BEGIN, INSIDE, MISSING, KnownEntities

Batches = Iterable[list[Example]]


def read_components(
    nlp: Language, names: Sequence[str], examples: list[Example], min_positives: int
) -> Iterator[tuple[str, Predictions]]:
    """Yield what components predict, with those before them in the pipeline.

    Args:
        nlp: The pipeline.
        names: The components. Settings that change their probabilities are taken back.
        examples: The data; documents are processed.
        min_positives: See `Labels`.
    """
    for name in nlp.pipe_names:
        if name in names:
            pipe: Any = nlp.get_pipe(name)
            pipe.configure(**{k: v for k, v in NEUTRAL.items() if k in pipe.cfg})
            batches = minibatch(progress(examples, name), nlp.batch_size)
            yield name, read_predictions(pipe, batches, min_positives)
        if name == names[-1]:
            return
        with nlp.select_pipes(enable=[name]):
            predict(nlp, examples, name)


@singledispatch
def read_predictions(pipe: Any, batches: Batches, min_positives: int) -> Predictions:
    """Read what a component predicts, and what is right.

    Args:
        pipe: The component.
        batches: The data.
        min_positives: See `Labels`.
    """
    raise TypeError(type(pipe).__name__)


@read_predictions.register
def read_labels(
    pipe: RNNTextCategorizer, batches: Batches, min_positives: int
) -> Predictions:
    scores, truths = [], []
    for batch in batches:
        scores.append(to_numpy(pipe.predict([each.predicted for each in batch])))
        truths.append(read_categories(batch, pipe.labels)[0])
    P, Y = np.concatenate(scores).astype("d"), np.concatenate(truths).astype("d")
    rows = np.arange(len(P))
    if not pipe.exclusive:
        return Labels(P, Y, pipe.labels, rows, min_positives)
    is_known = np.nan_to_num(Y).any(axis=1)
    best = np.nan_to_num(Y)[is_known].argmax(axis=1)
    return BestLabels(P[is_known], best, rows[is_known])


@read_predictions.register
def read_sentences(
    pipe: RNNSummarizer, batches: Batches, min_positives: int
) -> Predictions:
    scores, truths = [np.zeros(0)], [np.zeros(0)]
    for batch in batches:
        scores += pipe.predict([each.predicted for each in batch])
        for found, example in zip(scores[-len(batch) :], batch, strict=True):
            truth = sentence_truths(example, pipe.cfg["spans_key"])
            truths.append(np.full(len(found), np.nan) if truth is None else truth)
    P, Y = np.concatenate(scores).astype("d"), np.concatenate(truths).astype("d")
    rows = np.arange(len(scores)).repeat([len(each) for each in scores])
    return Labels(P[:, None], Y[:, None], (), rows, min_positives)


@read_predictions.register
def read_entities(
    pipe: RNNEntityRecognizer, batches: Batches, min_positives: int
) -> Predictions:
    tag_set, keep = pipe.tag_set, pipe.cfg["annotate_ents"]
    tables = [np.zeros((len(TEMPERATURES), 0))]
    correct, doc_of, n_docs = [np.zeros(0)], [np.zeros(0, dtype=int)], 0
    for examples in batches:
        batch = [each for each in examples if len(each.predicted)]
        if not batch:
            continue
        docs = [each.predicted for each in batch]
        lattice, spans = find_entities(pipe.model, tag_set, docs, keep)
        gold = read_gold(tag_set, batch, pipe.gold_key, ignore_others=True)
        right = judge(spans, gold)
        found = [span_confidences(lattice, tag_set, spans, T) for T in TEMPERATURES]
        is_known = ~np.isnan(right)
        tables.append(log_odds(np.array(found)[:, is_known]))
        correct.append(right[is_known])
        doc_of.append(n_docs + gold.doc_of(spans[is_known, 0]))
        n_docs += len(batch)
    return Entities(
        np.concatenate(tables, axis=1), np.concatenate(correct), np.concatenate(doc_of)
    )


def judge(spans: np.ndarray, gold: KnownEntities) -> np.ndarray:
    """Say which spans are entities, with their labels and boundaries.

    Args:
        spans: As from `find_spans`. Shape (spans, 3).
        gold: What is known of the same documents.

    Returns:
        1 or 0, NaN where that isn't known. Shape (spans,).
    """
    iob = np.append(gold.iob, BEGIN)
    found = np.zeros(len(spans))
    for i, (start, end, row) in enumerate(spans.tolist()):
        if (iob[start:end] == MISSING).any():
            found[i] = np.nan
            continue
        found[i] = (
            iob[start] == BEGIN
            and (iob[start + 1 : end] == INSIDE).all()
            and (gold.labels[start:end] == row).all()
            and iob[end] != INSIDE
        )
    return found
