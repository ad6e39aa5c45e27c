"""Documents, whatever they are annotated with: how many, how long, and which twice."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from spacy.training import Example

from spacy_rnn.cli.debugging.topics import Topic, count, excerpt, list_counts, percent

LEVELS = {"minimum": 0, "5%": 5, "median": 50, "95%": 95, "maximum": 100}
REPEATED = 0.05  # share of repeated documents above which they matter


class DocumentTally:
    """Counts of documents.

    Args:
        known: The texts of the training data, by key, while others are read.
    """

    def __init__(self, known: Mapping[int, int] | None = None) -> None:
        self.known = known or {}
        self.lengths: Counter[int] = Counter()  # in tokens
        self.n_blank = 0
        self.texts: Counter[int] = Counter()  # by key
        self.repeated: dict[int, str] = {}
        self.leaked: dict[int, str] = {}

    def follow(self) -> "DocumentTally":
        """Return one that looks for these texts in others."""
        return DocumentTally(self.texts)

    def add(self, example: Example, key: int) -> None:
        """Count a document."""
        doc = example.predicted
        self.lengths[len(doc)] += 1
        if not doc.text.strip():
            self.n_blank += 1
            return
        self.texts[key] += 1
        if self.texts[key] == 2:
            self.repeated[key] = excerpt(doc)
        if key in self.known:
            self.leaked.setdefault(key, excerpt(doc))

    def describe(self, dev: "DocumentTally") -> Topic:
        """Say what documents there are."""
        topic = Topic.of_parts("Documents", self.facts(), dev.facts())
        for name, part in (("Train", self), ("Dev", dev)):
            part.judge(topic, name)
        dev.judge_leakage(topic)
        return topic

    def facts(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "documents": self.lengths.total(),
            "tokens": sum(length * n for length, n in self.lengths.items()),
            "length": measure_lengths(self.lengths, LEVELS),
            "blank": self.n_blank,
            "repeated": self.texts.total() - len(self.texts),
        }

    def judge(self, topic: Topic, name: str) -> None:
        """Say what is wrong with a part."""
        n_docs = self.lengths.total()
        if not n_docs:
            topic.fail(f"{name} has no documents")
        if self.n_blank:
            topic.warn(f"{name} has {count(self.n_blank, 'blank document')}")
        n_repeated = self.texts.total() - len(self.texts)
        if n_repeated:
            texts = Counter({self.repeated[k]: self.texts[k] for k in self.repeated})
            topic.facts[name.lower()]["repeated_texts"] = dict(texts.most_common(10))
            topic.add(
                "warn" if n_repeated > REPEATED * n_docs else "info",
                f"{name} has {count(n_repeated, 'repeated document')} "
                f"({percent(n_repeated, n_docs)}): {list_counts(texts)}",
            )

    def judge_leakage(self, topic: Topic) -> None:
        """Say how much of the development data is in the training data as well."""
        n_leaked = sum(self.texts[key] for key in self.leaked)
        n_docs = self.texts.total()
        texts = {text: self.texts[key] for key, text in self.leaked.items()}
        topic.facts["leaked"] = {"n": n_leaked, "texts": texts}
        if n_docs and not n_leaked:
            topic.good("Dev shares no text with train")
        elif n_docs and n_leaked == n_docs:
            topic.fail(
                "Dev shares all texts with train, so it says nothing of new ones"
            )
        elif n_docs:
            topic.warn(
                f"Dev shares {count(n_leaked, 'document')} "
                f"({percent(n_leaked, n_docs)}) with train, which say nothing of new "
                f"texts: {list_counts(texts)}"
            )


def measure_lengths(
    lengths: Mapping[int, int], levels: Mapping[str, int]
) -> dict[str, int]:
    """Return percentiles of lengths in tokens, each as it is called.

    Args:
        lengths: How often each occurs.
        levels: The percentiles, in [0, 100], by their names.
    """
    found = np.repeat(list(lengths) or [0], list(lengths.values()) or [1])
    values = np.percentile(found, list(levels.values()), method="inverted_cdf")
    return dict(zip(levels, values.astype(int).tolist(), strict=True))
