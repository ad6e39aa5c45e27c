"""Spans that may overlap, in a group of `doc.spans`."""

from collections import Counter
from typing import Any

from spacy.training import Example

from spacy_rnn.cli.debugging.documents import measure_lengths
from spacy_rnn.cli.debugging.labels import compare_labels, judge_missing
from spacy_rnn.cli.debugging.topics import (
    Contradictions,
    Topic,
    percent,
)
from spacy_rnn.corpora.files.rows import shorten
from spacy_rnn.pipeline.entity_gold import as_tuples


class SpanTally:
    """Counts of spans, and of those that the component can't find."""

    def __init__(self, name: str, pipe: Any, given: list[str] | None) -> None:
        self.name = name
        self.given = given
        self.pipe = pipe
        self.key = pipe.cfg.get("training_key") or pipe.cfg["spans_key"]
        self.labels: Counter[str] = Counter()
        self.lengths: Counter[int] = Counter()  # in tokens
        self.n_docs: Counter[bool] = Counter()  # whether anything is annotated
        self.n_empty = 0  # texts without spans
        self.missed: list[str] = []  # spans that are never suggested
        self.contradictions = Contradictions()

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
        self.contradictions.add(key, frozenset(as_tuples(spans)), doc)
        if spans:
            self.note_missed(example)

    def note_missed(self, example: Example) -> None:
        """Look whether spans are among those that the component chooses from."""
        suggester = getattr(self.pipe, "suggester", None)
        if suggester is None:
            return
        suggested = suggester([example.predicted], ops=self.pipe.model.ops)
        found = set(map(tuple, suggested.data.tolist()))
        aligned = example.get_aligned_spans_y2x(
            example.reference.spans[self.key], allow_overlap=True
        )
        self.missed += [
            f"{span.text!r} in {shorten(span.doc.text)}"
            for span in aligned
            if (span.start, span.end) not in found
        ]

    def describe(self, dev: "SpanTally") -> Topic:
        """Say what is found about spans."""
        topic = Topic.of_parts(self.name, self.facts(), dev.facts())
        place = f"doc.spans[{self.key!r}]"
        for name, part in (("train", self), ("dev", dev)):
            judge_missing(
                topic, name, place, has=part.n_docs[True], lack=part.n_docs[False]
            )
            part.judge(topic, name, place)
        compare_labels(topic, self.labels, dev.labels, unit="span", given=self.given)
        self.contradictions.describe(topic)
        return topic

    def facts(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "spans": self.lengths.total(),
            "texts_without_spans": self.n_empty,
            "never_suggested": len(self.missed),
        }

    def judge(self, topic: Topic, name: str, place: str) -> None:
        """Say what is wrong with a part."""
        topic.facts[name]["lengths"] = measure_lengths(self.lengths)
        if not self.labels and self.n_docs[True]:
            topic.add("fail", f"No text of {name} has a span in {place}")
        if self.missed:
            topic.add(
                "warn",
                f"{len(self.missed):,} spans of {name} "
                f"({percent(len(self.missed), self.lengths.total())}) are never found, "
                f"since the suggester of {self.name!r} leaves them out: "
                f"{'; '.join(self.missed[:3])}",
            )
