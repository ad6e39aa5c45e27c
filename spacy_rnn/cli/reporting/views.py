"""How each kind of component is looked at. Scores come out as its scorer's do."""

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline import (
    EntityRecognizer,
    Morphologizer,
    SentenceRecognizer,
    SpanCategorizer,
    Tagger,
    TextCategorizer,
)
from spacy.pipeline.textcat_multilabel import MultiLabel_TextCategorizer
from spacy.training import Example

from spacy_rnn.cli.reporting.span_views import (
    view_entities,
    view_rnn_entities,
    view_spans,
)
from spacy_rnn.cli.reporting.summary_views import view_summaries
from spacy_rnn.cli.reporting.token_views import view_morphology, view_tags
from spacy_rnn.cli.reporting.view import Claims, Prediction, View, gather
from spacy_rnn.metrics.tally import Claim
from spacy_rnn.pipeline.labels import read_categories
from spacy_rnn.pipeline.ner import RNNEntityRecognizer
from spacy_rnn.pipeline.summarizer import RNNSummarizer
from spacy_rnn.pipeline.thresholds import decide, read_scores


@singledispatch
def make_views(pipe: Any, nlp: Language, examples: Sequence[Example]) -> list[View]:
    """Look at what a component predicted of documents. Of some there is nothing.

    Args:
        pipe: The component.
        nlp: Its pipeline, which has processed the documents.
        examples: The documents.
    """
    return []


def view_categories(
    pipe: TextCategorizer, nlp: Language, examples: Sequence[Example]
) -> list[View]:
    scores = read_scores(pipe, (each.predicted for each in examples))
    truths = read_categories(examples, pipe.labels)[0].astype("d")
    exclusive = not isinstance(pipe, MultiLabel_TextCategorizer)
    is_known = ~np.isnan(truths)
    if exclusive:  # one label is right, and the others are not
        is_known |= is_known.any(axis=1, keepdims=True)
        best = np.nan_to_num(truths, nan=-1.0).argmax(axis=1)
        truths = np.where(
            is_known, best[:, None] == np.arange(len(pipe.labels)), truths
        )
    chosen = decide(pipe, scores) & is_known
    rows: list[Claims] = []
    for example, row, is_true, is_chosen in zip(
        examples, scores, truths == 1.0, chosen, strict=True
    ):
        length = len(example.predicted)
        true: set[Claim] = {("", pipe.labels[k]) for k in np.flatnonzero(is_true)}
        found: dict[Claim, Prediction] = {
            ("", pipe.labels[k]): Prediction(float(row[k]), 0, length)
            for k in np.flatnonzero(is_chosen)
        }
        rows.append((true, found))
    view = gather(pipe.name, "doc.cats", "documents", "cats", rows, exclusive=exclusive)
    view.labels, view.scores = pipe.labels, (scores, truths)
    return [view]


def is_viewed(pipe: Any) -> bool:
    """Return whether predictions of a component are looked at one by one."""
    nothing = make_views.dispatch(object)
    return make_views.dispatch(type(pipe)) is not nothing


make_views.register(TextCategorizer, view_categories)
make_views.register(Tagger, view_tags)
make_views.register(Morphologizer, view_morphology)
make_views.register(EntityRecognizer, view_entities)
make_views.register(RNNEntityRecognizer, view_rnn_entities)
make_views.register(SpanCategorizer, view_spans)
make_views.register(RNNSummarizer, view_summaries)
# It is a tagger, whose tags are no annotation.
make_views.register(SentenceRecognizer, make_views.dispatch(object))
