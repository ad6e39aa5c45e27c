"""Spans that may overlap, in a group of `doc.spans`."""

from collections import Counter
from typing import Any

from spacy.training import Example

from spacy_rnn.cli.debugging.documents import measure_lengths
from spacy_rnn.cli.debugging.entities import LEVELS, differ
from spacy_rnn.cli.debugging.labels import LabelTally
from spacy_rnn.cli.debugging.topics import (
    Cases,
    Component,
    Contradictions,
    Topic,
    percent,
    quote,
)
from spacy_rnn.pipeline.entity_gold import as_tuples


class SpanTally(LabelTally):
    """Counts of spans, and of those that the component can't find."""

    unit = "spans"

    def __init__(self, component: Component) -> None:
        super().__init__(component)
        cfg = component.pipe.cfg
        self.key = cfg.get("training_key") or cfg["spans_key"]
        self.place = f"doc.spans[{self.key!r}]"
        self.lengths: Counter[int] = Counter()  # in tokens
        self.n_empty = 0  # texts without spans
        self.missed = Cases()  # spans that the component doesn't choose from
        self.contradictions = Contradictions(differ)

    def add(self, example: Example, key: int) -> None:
        """Count the spans of a text."""
        doc = example.reference
        self.n_docs[self.key in doc.spans] += 1
        if self.key not in doc.spans:
            return
        spans = list(doc.spans[self.key])
        self.n_empty += not spans
        self.labels.update(span.label_ for span in spans)
        self.lengths.update(map(len, spans))
        self.contradictions.add(key, as_tuples(spans), doc)
        if spans and hasattr(self.component.pipe, "suggester"):
            self.look_for_missed(example)

    def look_for_missed(self, example: Example) -> None:
        """Look which spans aren't among those that are suggested to the component."""
        pipe, doc = self.component.pipe, example.predicted
        suggested = pipe.suggester([doc], ops=pipe.model.ops).data.tolist()
        found = set(map(tuple, suggested))
        spans = example.reference.spans[self.key]
        for span in example.get_aligned_spans_y2x(spans, allow_overlap=True):
            if (span.start, span.end) not in found:
                self.missed.add(f"{span.text!r} in {quote(doc)}")

    def facts(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "spans": self.lengths.total(),
            "length": measure_lengths(self.lengths, LEVELS),
            "texts_without_spans": self.n_empty,
            "never_suggested": self.missed.n,
        }

    def judge(self, topic: Topic, part: str) -> None:
        """Say what is wrong with a part."""
        if self.n_docs[True] and not self.labels:
            topic.fail(f"{part} has no span in {self.place}")
        if self.missed.n:
            is_all = self.missed.n == self.lengths.total()
            topic.add(
                "fail" if is_all else "warn",
                f"{part} has spans ({self.missed.n:,}, "
                f"{percent(self.missed.n, self.lengths.total())}) that are never "
                f"found, since the suggester of {self.component.name!r} lacks them: "
                f"{self.missed}",
            )
