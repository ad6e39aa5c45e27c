"""Labels of both parts of the data, side by side."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from math import pi, sqrt
from typing import Any, Self

from spacy_rnn.cli.debugging.topics import (
    Component,
    Contradictions,
    Level,
    Topic,
    count,
    list_counts,
    list_few,
    percent,
)
from spacy_rnn.cli.tables import Table

FEW = 20  # of a label, which is little to learn from
EXPECTED = 5  # of a label in dev, if there is none, that chance doesn't explain
MAX_ROWS = 30  # of a table
SHIFT = 0.2  # of labels between parts, in total variation, that is worth a word
NOT_MEANT = frozenset(("", "_", "-", "?", "nan", "none", "null", "n/a"))


class LabelTally:
    """Counts of labels, whatever has them: a tally begins with what all have to say."""

    place: str  # of the annotation, such as "doc.cats"
    unit: str  # what has a label, in the plural
    title = "Label"  # what a label is called
    if_rare: Level = "warn"  # how to speak of labels that hardly anything has
    contradictions: Contradictions
    facts: Callable[[], dict[str, Any]]  # the counts
    judge: Callable[[Topic, str], None]  # says what is wrong with a part

    def __init__(self, component: Component) -> None:
        self.component = component
        self.n_docs: Counter[bool] = Counter()  # whether anything is annotated
        self.labels: Counter[str] = Counter()

    def follow(self) -> Self:
        """Return an empty one."""
        return type(self)(self.component)

    def judge_both(self, topic: Topic, dev: Self) -> None:
        """Say what else is odd about the training data, or about `dev` beside them."""

    def shown_labels(self) -> Counter[str]:
        """Return the counts for a table."""
        return self.labels

    def describe(self, dev: Self) -> Topic:
        """Say what is found about the annotation."""
        name = self.component.name
        topic = Topic.of_parts(f"{name}: {self.place}", self.facts(), dev.facts())
        shown = (self.shown_labels(), dev.shown_labels())
        topic.tables.append(label_table(self.title, *shown))
        for part, tally in (("Train", self), ("Dev", dev)):
            judge_missing(topic, part, self.place, tally.n_docs)
            tally.judge(topic, part)
        self.compare_labels(topic, dev.labels)
        self.judge_both(topic, dev)
        self.contradictions.describe(topic)
        return topic

    def compare_labels(self, topic: Topic, dev: Counter[str]) -> None:
        """Say what labels there are, and what is odd about them."""
        train = self.labels
        if self.component.given is not None:
            train, dev = keep_given(topic, train, dev, self.component.given)
        topic.facts["labels"] = {
            label: {"train": train[label], "dev": dev[label]}
            for label in {**train, **dev}
        }
        if train and dev:
            judge_unknown(topic, train, dev)
        if not train.keys().isdisjoint(dev):
            judge_unseen(topic, train, dev)
            judge_shift(topic, train, dev)
        judge_names(topic, train + dev)
        rare = {label: n for label, n in train.items() if n < FEW}
        if rare:
            topic.add(
                self.if_rare,
                f"Train has {count(len(rare), 'label')} with fewer than {FEW} "
                f"{self.unit}, which is little to learn from: {list_counts(rare)}",
            )


def label_table(title: str, train: Counter[str], dev: Counter[str] | None) -> Table:
    """Make a table of how often each label occurs, the most frequent first."""
    parts = {"Train": train} if dev is None else {"Train": train, "Dev": dev}
    both = Counter(train)
    for label in parts.get("Dev", ()):
        both.setdefault(label, 0)
    rows = [
        (label, *(f"{part[label]:,}" for part in parts.values()))
        for label, _ in both.most_common(MAX_ROWS)
    ]
    more = len(both) - len(rows)
    return Table((title, *parts), rows, f"and {count(more, 'label')} more" * (more > 0))


def keep_given(
    topic: Topic, train: Counter[str], dev: Counter[str], given: Sequence[str]
) -> tuple[Counter[str], Counter[str]]:
    """Leave out labels that the config doesn't name, and say so."""
    others = {k: n for k, n in (train + dev).items() if k not in given}
    if others:
        topic.info(
            f"Labels that the config doesn't name are ignored: {list_counts(others)}"
        )
    lacking = [repr(label) for label in given if not train[label]]
    if lacking:
        topic.warn(
            f"The config names {count(len(lacking), 'label')} that train lacks: "
            f"{list_few(lacking, len(lacking))}"
        )
    kept = [Counter({k: part[k] for k in given if part[k]}) for part in (train, dev)]
    return kept[0], kept[1]


def judge_unknown(topic: Topic, train: Counter[str], dev: Counter[str]) -> None:
    """Say which labels only the development data have."""
    unknown = Counter({label: n for label, n in dev.items() if label not in train})
    if not unknown:
        topic.good("Train has all labels of dev")
    elif len(unknown) == len(dev):
        topic.fail(
            f"Train has no label of dev. Dev has {list_counts(dev)}. Train has "
            f"{list_counts(train)}"
        )
    else:
        topic.warn(
            f"Train lacks {count(len(unknown), 'label')} of dev, "
            f"{percent(unknown.total(), dev.total())} of what is to be predicted, "
            f"which count as mistakes: {list_counts(unknown)}"
        )


def judge_unseen(topic: Topic, train: Counter[str], dev: Counter[str]) -> None:
    """Say which labels only the training data have."""
    unseen = {label: n for label, n in train.items() if label not in dev}
    if unseen:
        expected = max(unseen.values()) * dev.total() / train.total()
        topic.add(
            "warn" if expected > EXPECTED else "info",
            f"Dev lacks {count(len(unseen), 'label')} of train, so that no score says "
            f"how well they are learned: {list_counts(unseen)}",
        )


def judge_names(topic: Topic, labels: Counter[str]) -> None:
    """Say which labels may be slips of the pen."""
    alike: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for label, n in labels.items():
        alike[" ".join(label.lower().split())][label] = n
    for group in alike.values():
        if len(group) > 1:
            topic.warn(
                f"Labels that differ only in case or white space: {list_counts(group)}"
            )
    odd = {k: n for k, n in labels.items() if k.strip().lower() in NOT_MEANT}
    if odd:
        topic.warn(f"Labels that look like missing ones: {list_counts(odd)}")


def judge_shift(topic: Topic, train: Counter[str], dev: Counter[str]) -> None:
    """Say whether labels have other shares in one part than in the other."""
    n_train, n_dev = train.total(), dev.total()
    differences = {
        label: dev[label] / n_dev - train[label] / n_train for label in {**train, **dev}
    }
    distance = sum(map(abs, differences.values())) / 2
    by_chance = sqrt(len(differences) / (2 * pi)) * sqrt(1 / n_train + 1 / n_dev)
    topic.facts["label_shift"] = distance
    if distance > max(SHIFT, 2 * by_chance):
        label = max(differences, key=lambda label: abs(differences[label]))
        topic.warn(
            f"Dev has other shares of the labels than train, {label!r} "
            f"{percent(dev[label], n_dev)} instead of "
            f"{percent(train[label], n_train)}. Are the texts of another kind, or was "
            f"the data sorted when it was split?"
        )


def judge_missing(topic: Topic, name: str, place: str, docs: Counter[bool]) -> None:
    """Say how many texts of a part have no annotation.

    Args:
        topic: Where to say it.
        name: The part.
        place: Where annotation is looked for.
        docs: How many texts have some, and how many have none.
    """
    if not docs[True]:
        topic.fail(f"{name} has no text with annotation in {place}")
    elif docs[False]:
        topic.info(
            f"{name} has {count(docs[False], 'text')} "
            f"({percent(docs[False], docs.total())}) without annotation in {place}, "
            f"which are skipped"
        )
