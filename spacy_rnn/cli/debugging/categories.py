"""Categories of texts, in `doc.cats`."""

from collections import Counter
from typing import Any

from spacy.pipeline.textcat_multilabel import MultiLabel_TextCategorizer
from spacy.training import Example

from spacy_rnn.cli.debugging.labels import compare_labels
from spacy_rnn.cli.debugging.topics import (
    Contradictions,
    Topic,
    count,
    list_texts,
    note,
    percent,
)
from spacy_rnn.pipeline.labels import true_labels

ONE_SIDED = 0.9  # share of a label above which accuracy says little


class CategoryTally:
    """Counts of the categories that a classifier learns."""

    def __init__(self, name: str, pipe: Any, given: list[str] | None) -> None:
        self.name = name
        self.given = given
        self.exclusive = not isinstance(pipe, MultiLabel_TextCategorizer)
        self.labels: Counter[str] = Counter()
        self.per_text: Counter[int] = Counter()  # labels of texts with annotation
        self.n_missing = 0
        self.several: list[str] = []
        self.n_graded = 0  # values between 0 and 1, or beyond
        self.contradictions = Contradictions()

    def add(self, example: Example, key: int) -> None:
        """Count the categories of a text."""
        doc = example.reference
        if not doc.cats:
            self.n_missing += 1
            return
        found = true_labels(doc)
        if self.given is not None:
            found = [label for label in found if label in self.given]
        self.labels.update(true_labels(doc))
        self.per_text[len(found)] += 1
        if len(found) > 1:
            note(self.several, doc)
        self.n_graded += any(value not in (0, 1) for value in doc.cats.values())
        self.contradictions.add(key, frozenset(found), doc)

    def describe(self, dev: "CategoryTally") -> Topic:
        """Say what is found about categories."""
        topic = Topic.of_parts(self.name, self.facts(), dev.facts())
        for name, part in (("train", self), ("dev", dev)):
            part.judge(topic, name)
        compare_labels(topic, self.labels, dev.labels, unit="text", given=self.given)
        if self.exclusive:
            self.judge_balance(topic, dev)
        self.contradictions.describe(topic)
        return topic

    def facts(self) -> dict[str, Any]:
        """Return the counts of texts."""
        n_several = sum(n for size, n in self.per_text.items() if size > 1)
        return {
            "texts_with_one_label": self.per_text[1],
            "with_several": n_several,
            "with_none": self.per_text[0],
            "not_annotated": self.n_missing,
        }

    def judge(self, topic: Topic, name: str) -> None:
        """Say what is wrong with a part."""
        facts = self.facts()
        n_texts = self.per_text.total()
        if not n_texts or not self.labels:
            topic.add("fail", f"No text of {name} has a label in doc.cats")
            return
        if self.n_missing:
            share = percent(self.n_missing, n_texts + self.n_missing)
            topic.add(
                "info",
                f"{count(self.n_missing, 'text')} of {name} ({share}) have no "
                f"categories, and are skipped",
            )
        if self.n_graded:
            topic.add(
                "fail",
                f"{count(self.n_graded, 'text')} of {name} have categories whose value "
                f"is neither 0 nor 1",
            )
        if self.exclusive and facts["with_several"]:
            topic.add(
                "fail",
                f"{count(facts['with_several'], 'text')} of {name} have several "
                f"labels, but {self.name!r} chooses one: "
                f"{list_texts(self.several, facts['with_several'])}. The component "
                f"for such texts is rnn_textcat_multilabel",
            )
        if self.exclusive and facts["with_none"]:
            topic.add(
                "warn",
                f"{count(facts['with_none'], 'text')} of {name} have none of the "
                f"labels, and count nothing where one has to be right",
            )

    def judge_balance(self, topic: Topic, dev: "CategoryTally") -> None:
        """Say what always choosing the most frequent label comes to."""
        if not self.labels:
            return
        if len(self.labels) == 1 and self.given is None:
            (label,) = self.labels
            topic.add("fail", f"All texts of train have the label {label!r}")
            return
        label, n = self.labels.most_common(1)[0]
        n_dev = dev.labels.total()
        if n_dev:
            topic.facts["baseline"] = {
                "label": label,
                "accuracy": dev.labels[label] / n_dev,
            }
            topic.add(
                "info",
                f"Always {label!r}, the most frequent label of train, is right for "
                f"{percent(dev.labels[label], n_dev)} of dev",
            )
        if n > ONE_SIDED * self.labels.total():
            topic.add(
                "warn",
                f"{percent(n, self.labels.total())} of train have the label {label!r}: "
                f'look at the macro F1, and try class_weights = "balanced"',
            )
