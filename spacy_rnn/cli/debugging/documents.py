"""Documents, whatever they are annotated with: how many, how long, and which twice."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from spacy.training import Example

from spacy_rnn.cli.debugging.topics import (
    Topic,
    count,
    list_texts,
    note,
    percent,
)

PERCENTILES = (5, 50, 95)


class DocumentTally:
    """Counts of documents.

    Args:
        known: Those of the training data, while others are read.
    """

    def __init__(self, known: "DocumentTally | None" = None) -> None:
        self.known = known
        self.lengths: Counter[int] = Counter()  # in tokens
        self.n_blank = 0
        self.keys: set[int] = set()
        self.n_repeated = 0
        self.repeated: list[str] = []
        self.n_leaked = 0
        self.leaked: list[str] = []

    def add(self, example: Example, key: int) -> None:
        """Count a document."""
        doc = example.predicted
        self.lengths[len(doc)] += 1
        if not doc.text.strip():
            self.n_blank += 1
            return
        if key in self.keys:
            self.n_repeated += 1
            note(self.repeated, doc)
        self.keys.add(key)
        if self.known is not None and key in self.known.keys:
            self.n_leaked += 1
            note(self.leaked, doc)

    def describe(self, dev: "DocumentTally") -> Topic:
        """Say what documents there are."""
        topic = Topic.of_parts("Documents", self.facts(), dev.facts())
        topic.facts["dev_in_train"] = {"n": dev.n_leaked, "examples": dev.leaked}
        for name, part in (("train", self), ("dev", dev)):
            part.judge(topic, name)
        if dev.lengths:
            judge_leakage(topic, dev)
        return topic

    def facts(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "documents": self.lengths.total(),
            "tokens": sum(length * n for length, n in self.lengths.items()),
            **measure_lengths(self.lengths),
            "blank": self.n_blank,
            "repeated": self.n_repeated,
        }

    def judge(self, topic: Topic, name: str) -> None:
        """Say what is wrong with a part."""
        n_docs = self.lengths.total()
        if not n_docs:
            topic.add("fail", f"There is no document in {name}")
        if self.n_blank:
            topic.add("warn", f"{count(self.n_blank, 'document')} of {name} are blank")
        if self.n_repeated:
            topic.add(
                "warn",
                f"{count(self.n_repeated, 'document')} of {name} "
                f"({percent(self.n_repeated, n_docs)}) repeat another one: "
                f"{list_texts(self.repeated, self.n_repeated)}",
            )


def measure_lengths(lengths: Mapping[int, int]) -> dict[str, int]:
    """Return the shortest and the longest length, and some between, by their names."""
    found = np.sort(np.repeat(list(lengths) or [0], list(lengths.values()) or [1]))
    levels = (0, *PERCENTILES, 100)
    values = np.percentile(found, levels, method="inverted_cdf").astype(int).tolist()
    names = ("shortest", *(f"{level}%" for level in PERCENTILES), "longest")
    return dict(zip(names, values, strict=True))


def judge_leakage(topic: Topic, dev: DocumentTally) -> None:
    """Say how much of the development data is in the training data as well."""
    n_docs = dev.lengths.total()
    if not dev.n_leaked:
        topic.add("good", "No text of dev is in train")
        return
    is_all = dev.n_leaked == n_docs
    examples = list_texts(dev.leaked, dev.n_leaked)
    topic.add(
        "fail" if is_all else "warn",
        f"{'All ' * is_all}{count(dev.n_leaked, 'text')} of dev "
        f"({percent(dev.n_leaked, n_docs)}) are in train, too, so the scores will be "
        f"too good: {examples}",
    )
