"""Words: how many of them training meets, and whether they have vectors."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from spacy.attrs import IS_SPACE, LOWER
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_rnn.cli.debugging.topics import Topic, count, list_counts, percent

MANY = 0.3  # share of unknown words above which both parts may differ in kind


class WordTally:
    """Counts of words, whatever their case."""

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab
        self.counts: Counter[int] = Counter()

    def follow(self) -> "WordTally":
        """Return an empty one."""
        return WordTally(self.vocab)

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
        shares = (
            ("Unknown", percent(unknown.total(), dev.counts.total())),
            ("Distinct unknown", percent(len(unknown), len(dev.counts))),
        )
        topic.tables[0].rows.extend((name, "", share) for name, share in shares)
        if unknown and self.counts:
            is_many = unknown.total() > MANY * dev.counts.total()
            topic.add(
                "warn" if is_many else "info",
                f"Dev has {count(len(unknown), 'distinct word')} that train lacks: "
                f"{list_counts(self.spell(unknown))}",
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
        if self.vocab.vectors.n_keys <= 0:  # none, or of floret, which has all
            return
        without = self.select(lambda word: not self.vocab.has_vector(word))
        topic.facts["without_vector"] = without.total()
        topic.add(
            "warn" if without.total() > MANY * self.counts.total() else "info",
            f"Train has no vector for {percent(without.total(), self.counts.total())} "
            f"of its words: {list_counts(self.spell(without))}",
        )
