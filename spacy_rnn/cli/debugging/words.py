"""Words: how many of them training meets, and whether they have vectors."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from spacy.attrs import IS_SPACE, LOWER
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_rnn.cli.debugging.topics import Topic, count, percent
from spacy_rnn.pipeline.labels import list_counts

MANY = 0.3  # share of unknown words above which both parts may differ in kind


class WordTally:
    """Counts of words, whatever their case."""

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab
        self.counts: Counter[int] = Counter()

    def add(self, example: Example, key: int) -> None:
        """Count the words of a text."""
        rows = example.predicted.to_array([LOWER, IS_SPACE]).reshape(-1, 2)
        self.counts.update(rows[rows[:, 1] == 0, 0].tolist())

    def describe(self, dev: "WordTally") -> Topic:
        """Say which words only the development data have, and which have no vector."""
        unknown = dev.select(lambda word: word not in self.counts)
        topic = Topic.of_parts("Words", self.facts(), dev.facts())
        topic.facts["unknown"] = unknown.total()
        topic.facts["distinct_unknown"] = len(unknown)
        topic.tables[0].rows.extend(
            [
                ("Unknown", "", percent(unknown.total(), dev.counts.total())),
                ("Distinct unknown", "", percent(len(unknown), len(dev.counts))),
            ]
        )
        if unknown:
            is_many = unknown.total() > MANY * dev.counts.total()
            topic.add(
                "warn" if is_many else "info",
                f"The most frequent words of dev that train lacks: "
                f"{list_counts(dev.spell(unknown))}",
            )
        self.judge_vectors(topic)
        return topic

    def facts(self) -> dict[str, Any]:
        """Return the counts."""
        return {"words": self.counts.total(), "distinct_words": len(self.counts)}

    def select(self, is_wanted: Callable[[int], bool]) -> Counter[int]:
        """Return the counts of some words."""
        return Counter({k: n for k, n in self.counts.items() if is_wanted(k)})

    def spell(self, counts: Counter[int]) -> Counter[str]:
        """Put words in the place of their numbers."""
        return Counter({self.vocab.strings[k]: n for k, n in counts.items()})

    def judge_vectors(self, topic: Topic) -> None:
        """Say which words of the training data have no vector, if any have one."""
        vectors = self.vocab.vectors
        if not vectors.n_keys or vectors.n_keys < 0:  # -1: floret, which has all
            return
        without = self.select(lambda word: not self.vocab.has_vector(word))
        topic.facts["without_vector"] = without.total()
        share = without.total() / max(1, self.counts.total())
        topic.add(
            "warn" if share > MANY else "info",
            f"{count(without.total(), 'word')} of train "
            f"({percent(without.total(), self.counts.total())}) have no vector: "
            f"{list_counts(self.spell(without))}",
        )
