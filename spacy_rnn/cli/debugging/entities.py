"""Entities, in `doc.ents` or in a group of `doc.spans`."""

from collections import Counter, defaultdict
from typing import Any, Self

from spacy.attrs import ENT_IOB
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_rnn.alignment import same_tokens
from spacy_rnn.cli.debugging.documents import measure_lengths
from spacy_rnn.cli.debugging.labels import LabelTally
from spacy_rnn.cli.debugging.names import KnownNames
from spacy_rnn.cli.debugging.topics import (
    Cases,
    Component,
    Contradictions,
    Topic,
    count,
    percent,
    quote,
)
from spacy_rnn.pipeline.entity_gold import as_tuples, gold_spans
from spacy_rnn.pipeline.entity_labels import check_label, find_problems
from spacy_rnn.tags.known import MISSING

LEVELS = {"median": 50, "maximum": 100}


class EntityTally(LabelTally):
    """Counts of entities.

    Args:
        component: What learns them.
        known: Finds names of the training data, while others are read.
    """

    unit = "entities"

    def __init__(self, component: Component, known: KnownNames | None = None) -> None:
        super().__init__(component)
        self.known = known
        self.key = getattr(component.pipe, "gold_key", None)  # of a group of spans
        self.place = "doc.ents" if self.key is None else f"doc.spans[{self.key!r}]"
        self.names: Counter[tuple[str, ...]] = Counter()  # tokens, and the label
        self.lengths: Counter[int] = Counter()  # in tokens
        self.n_empty = 0  # texts without entities
        self.n_missing = 0  # tokens of which nothing is known
        self.overlapping = Cases()
        self.problems: defaultdict[str, Cases] = defaultdict(Cases)
        self.contradictions = Contradictions(differ)

    def follow(self) -> Self:
        """Return one that looks for these names in other texts."""
        known = KnownNames(self.component.pipe.vocab, self.names)
        return type(self)(self.component, known)

    def add(self, example: Example, key: int) -> None:
        """Count the entities of a text."""
        doc = example.reference
        is_annotated = self.is_annotated(doc)
        self.n_docs[is_annotated] += 1
        if not is_annotated:
            return
        try:
            spans = gold_spans(doc, self.key)
        except ValueError as error:
            self.overlapping.add(str(error))
            return
        self.n_empty += not spans
        same = same_tokens([example]).all()
        for span in spans:
            self.add_span(span, None if same else example)
        self.contradictions.add(key, as_tuples(spans), doc)
        if self.known is not None:
            self.known.compare(doc, spans)

    def is_annotated(self, doc: Doc) -> bool:
        """Whether a text says anything of entities. Counts tokens that don't."""
        if self.key is not None:
            return self.key in doc.spans
        n_missing = int((doc.to_array(ENT_IOB) == MISSING).sum())
        self.n_missing += n_missing % len(doc)  # other than whole texts
        return n_missing < len(doc)

    def add_span(self, span: Span, example: Example | None) -> None:
        """Count an entity; the example is needed where tokens are to be aligned."""
        self.labels[span.label_] += 1
        self.lengths[len(span)] += 1
        self.names[(*(token.text for token in span), span.label_)] += 1
        for problem in find_problems(span, example):
            self.problems[problem].add(f"{span.text!r} in {quote(span.doc)}")

    def facts(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "entities": self.lengths.total(),
            "distinct_names": len({name[:-1] for name in self.names}),
            "length": measure_lengths(self.lengths, LEVELS),
            "texts_without_entities": self.n_empty,
            "tokens_not_annotated": self.n_missing,
        }

    def judge(self, topic: Topic, part: str) -> None:
        """Say what is wrong with a part."""
        if self.n_docs[True] and not self.labels and not self.overlapping.n:
            topic.fail(f"{part} has no entity in {self.place}")
        if self.overlapping.n:
            topic.fail(
                f"{part} has {count(self.overlapping.n, 'text')} with entities that "
                f"overlap. {self.overlapping}"
            )
        for problem, cases in self.problems.items():
            share = percent(cases.n, self.lengths.total())
            topic.warn(
                f"{part} has entities ({cases.n:,}, {share}) that {problem}: {cases}"
            )
        topic.facts[part.lower()]["problems"] = {
            problem: vars(cases) for problem, cases in self.problems.items()
        }

    def judge_both(self, topic: Topic, dev: Self) -> None:
        """Say which labels can't be, and how far the names of train go in dev."""
        for label in self.labels if self.component.given is None else ():
            try:
                check_label(label)
            except ValueError as error:
                topic.fail(str(error))
        if self.labels and dev.known is not None:
            dev.known.describe(topic)


def differ(
    first: set[tuple[int, int, str]], second: set[tuple[int, int, str]], doc: Doc
) -> str:
    """Say in what the entities of two texts differ."""
    start, end, _ = min(first ^ second)
    labels = (
        next((label for *place, label in each if place == [start, end]), "no entity")
        for each in (first, second)
    )
    return f"{doc[start:end].text!r} as {' or '.join(labels)}"
