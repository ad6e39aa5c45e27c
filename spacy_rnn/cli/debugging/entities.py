"""Entities, in `doc.ents` or in a group of `doc.spans`."""

from collections import Counter
from typing import Any

from spacy.attrs import ENT_IOB
from spacy.tokens import Doc
from spacy.training import Example

from spacy_rnn.alignment import same_tokens
from spacy_rnn.cli.debugging.documents import measure_lengths
from spacy_rnn.cli.debugging.labels import compare_labels, judge_missing
from spacy_rnn.cli.debugging.topics import (
    Contradictions,
    Topic,
    count,
    percent,
)
from spacy_rnn.corpora.files.rows import shorten
from spacy_rnn.pipeline.entity_gold import as_tuples, gold_spans
from spacy_rnn.pipeline.entity_labels import check_label, find_problems
from spacy_rnn.tags.known import MISSING

Form = tuple[str, ...]  # the tokens of a name


class EntityTally:
    """Counts of entities."""

    def __init__(self, name: str, pipe: Any, given: list[str] | None) -> None:
        self.name = name
        self.given = given
        self.vocab = pipe.vocab
        self.spans_key = getattr(pipe, "gold_key", None)
        self.labels: Counter[str] = Counter()
        self.forms: Counter[tuple[Form, str]] = Counter()  # names with their labels
        self.lengths: Counter[int] = Counter()  # in tokens
        self.n_docs: Counter[bool] = Counter()  # whether anything is annotated
        self.n_empty = 0  # texts without entities
        self.n_missing = 0  # tokens of which nothing is known
        self.overlapping: list[str] = []
        self.problems: dict[str, list[str]] = {}
        self.contradictions = Contradictions()

    @property
    def place(self) -> str:
        """Where the entities are."""
        key = self.spans_key
        return "doc.ents" if key is None else f"doc.spans[{key!r}]"

    def add(self, example: Example, key: int) -> None:
        """Count the entities of a text."""
        doc = example.reference
        is_annotated = self.is_annotated(doc)
        self.n_docs[is_annotated] += 1
        if not is_annotated:
            return
        try:
            spans = gold_spans(doc, self.spans_key)
        except ValueError as error:
            self.overlapping.append(str(error))
            return
        self.n_empty += not spans
        same = same_tokens(example)
        for span in spans:
            self.labels[span.label_] += 1
            self.lengths[len(span)] += 1
            self.forms[tuple(token.text for token in span), span.label_] += 1
            for problem in find_problems(span, None if same else example):
                where = f"{span.text!r} in {shorten(doc.text)}"
                self.problems.setdefault(problem, []).append(where)
        self.contradictions.add(key, frozenset(as_tuples(spans)), doc)

    def is_annotated(self, doc: Doc) -> bool:
        """Whether a text says anything of entities. Counts tokens that don't."""
        if self.spans_key is not None:
            return self.spans_key in doc.spans
        n_missing = int((doc.to_array(ENT_IOB) == MISSING).sum())
        self.n_missing += n_missing if n_missing < len(doc) else 0
        return n_missing < len(doc)

    def describe(self, dev: "EntityTally") -> Topic:
        """Say what is found about entities."""
        topic = Topic.of_parts(self.name, self.facts(), dev.facts())
        for name, part in (("train", self), ("dev", dev)):
            judge_missing(
                topic, name, self.place, has=part.n_docs[True], lack=part.n_docs[False]
            )
            part.judge(topic, name)
        compare_labels(topic, self.labels, dev.labels, unit="entity", given=self.given)
        self.judge_labels(topic)
        self.judge_names(topic, dev)
        self.contradictions.describe(topic)
        return topic

    def facts(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "entities": self.lengths.total(),
            "distinct_names": len({form for form, _ in self.forms}),
            "texts_without_entities": self.n_empty,
            "tokens_not_annotated": self.n_missing,
        }

    def judge(self, topic: Topic, name: str) -> None:
        """Say what is wrong with a part."""
        topic.facts[name]["lengths"] = measure_lengths(self.lengths)
        if not self.labels and self.n_docs[True]:
            topic.add("fail", f"No text of {name} has an entity in {self.place}")
        if self.overlapping:
            topic.add(
                "fail",
                f"{count(len(self.overlapping), 'text')} of {name} have entities that "
                f"overlap. {self.overlapping[0]}",
            )
        for problem, examples in self.problems.items():
            topic.add(
                "warn",
                f"{len(examples):,} entities of {name} "
                f"({percent(len(examples), self.lengths.total())}) {problem}: "
                f"{'; '.join(examples[:3])}",
            )
        topic.facts[name]["problems"] = {k: len(v) for k, v in self.problems.items()}

    def judge_labels(self, topic: Topic) -> None:
        """Say which labels can't be."""
        for label in self.labels:
            try:
                check_label(label)
            except ValueError as error:
                topic.add("fail", str(error))

    def judge_names(self, topic: Topic, dev: "EntityTally") -> None:
        """Say how many names of the development data are new."""
        known = {form for form, _ in self.forms}
        found = {form for form, _ in dev.forms}
        new = found - known
        topic.facts["new_names"] = len(new)
        if found:
            topic.add(
                "info",
                f"{count(len(new), 'distinct name')} of dev "
                f"({percent(len(new), len(found))}) are not in train",
            )
