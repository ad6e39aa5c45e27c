"""Categories of texts, in `doc.cats`."""

from collections import Counter
from typing import Any, Self

from spacy.pipeline.textcat_multilabel import MultiLabel_TextCategorizer
from spacy.tokens import Doc
from spacy.training import Example

from spacy_rnn.cli.debugging.labels import LabelTally
from spacy_rnn.cli.debugging.topics import (
    Cases,
    Component,
    Contradictions,
    Topic,
    count,
    percent,
    quote,
)
from spacy_rnn.pipeline.labels import true_labels

ONE_SIDED = 0.9  # share of a label above which accuracy says little


class CategoryTally(LabelTally):
    """Counts of the categories that a classifier learns."""

    place = "doc.cats"
    unit = "texts"

    def __init__(self, component: Component) -> None:
        super().__init__(component)
        self.exclusive = not isinstance(component.pipe, MultiLabel_TextCategorizer)
        self.per_text: Counter[int] = Counter()  # labels
        self.several = Cases()
        self.graded = Cases()  # texts with values between 0 and 1, or beyond
        self.contradictions = Contradictions(differ)

    def add(self, example: Example, key: int) -> None:
        """Count the categories of a text."""
        doc = example.reference
        given = self.component.given
        cats = {k: v for k, v in doc.cats.items() if given is None or k in given}
        self.n_docs[bool(cats)] += 1
        if not cats:
            return
        labels = true_labels(doc)
        self.labels.update(labels)
        own = [label for label in labels if label in cats]
        self.per_text[len(own)] += 1
        if len(own) > 1:
            self.several.add(f"{quote(doc)}: {join(own)}")
        if any(value not in (0, 1) for value in cats.values()):
            self.graded.add(quote(doc))
        self.contradictions.add(key, tuple(sorted(own)), doc)

    def facts(self) -> dict[str, Any]:
        """Return the counts of texts."""
        return {
            "texts_with_one_label": self.per_text[1],
            "with_several": self.several.n,
            "with_none": self.per_text[0],
            "not_annotated": self.n_docs[False],
        }

    def judge(self, topic: Topic, part: str) -> None:
        """Say what is wrong with a part."""
        if self.n_docs[True] and not self.labels:
            topic.fail(f"{part} has no text with a label, whose value is 1")
        if self.graded.n:
            topic.fail(
                f"{part} has {count(self.graded.n, 'text')} with categories that are "
                f"neither 0 nor 1: {self.graded}"
            )
        if self.exclusive and self.several.n:
            topic.fail(
                f"{part} has {count(self.several.n, 'text')} with several labels, of "
                f"which {self.component.name!r} can learn one only; "
                f"rnn_textcat_multilabel can learn all. {self.several}"
            )
        if self.exclusive and self.per_text[0]:
            topic.warn(
                f"{part} has {count(self.per_text[0], 'text')} with none of the "
                f"labels, which count nothing where one has to be right"
            )

    def judge_both(self, topic: Topic, dev: Self) -> None:
        """Say whether labels are as evenly spread as the classifier needs it."""
        if self.labels and self.exclusive:
            self.judge_balance(topic, dev)
        elif self.labels:
            self.judge_everywhere(topic)

    def judge_balance(self, topic: Topic, dev: Self) -> None:
        """Say what always choosing the most frequent label comes to."""
        (label, n), *others = self.labels.most_common()
        if not others and self.component.given is None:
            topic.fail(f"Train has nothing but texts with the label {label!r}")
            return
        n_right, n_dev = dev.labels[label], dev.labels.total()
        if n_right:
            accuracy = n_right / n_dev
            topic.facts["baseline"] = {"label": label, "accuracy": accuracy}
            topic.info(
                f"Always choosing {label!r}, the most frequent label of train, is "
                f"right for {percent(n_right, n_dev)} of dev"
            )
        if n > ONE_SIDED * self.labels.total():
            topic.warn(
                f"Train has the label {label!r} for {percent(n, self.labels.total())} "
                f"of texts, so look at the macro F1 rather than at the accuracy, and "
                f'try class_weights = "balanced"'
            )

    def judge_everywhere(self, topic: Topic) -> None:
        """Say which labels all texts have, and whether any text has several."""
        everywhere = [k for k, n in self.labels.items() if n == self.n_docs[True]]
        if everywhere:
            topic.add(
                "fail" if len(everywhere) == len(self.labels) else "warn",
                f"Train has no text without {join(everywhere)}, so there is nothing to "
                f"tell apart",
            )
        if not self.several.n and not self.per_text[0] and len(self.labels) > 1:
            topic.warn(
                "Train has exactly one label for each text, which is what rnn_textcat "
                "is for"
            )


def differ(first: tuple[str, ...], second: tuple[str, ...], doc: Doc) -> str:
    """Say in what the categories of two texts differ."""
    return f"{join(first)} or {join(second)}"


def join(labels: tuple[str, ...] | list[str]) -> str:
    """Name labels."""
    return " and ".join(map(repr, labels)) or "no label"
