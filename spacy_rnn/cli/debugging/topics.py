"""What there is to say of data: a topic has facts, tables of them, and remarks."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partialmethod
from typing import Any, Literal, NamedTuple, Protocol, Self

from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import walk_dict

from spacy_rnn.cli.tables import Table
from spacy_rnn.corpora.files.rows import shorten

Level = Literal["good", "info", "warn", "fail"]
KEPT = 10  # examples of a kind
LONGEST = 100  # characters of a text that are kept
ROOM = 180  # characters for those that a remark names


class Component(NamedTuple):
    """A component that trains."""

    name: str
    pipe: Any
    given: list[str] | None  # the only labels that the config allows; None: any


class Remark(NamedTuple):
    """A sentence about data. With "fail", training on them would be meaningless."""

    level: Level
    text: str


@dataclass
class Topic:
    """All that is said of one matter.

    Attributes:
        title: What it is called.
        facts: Plain values, for programs.
        tables: Some of them, for people.
        remarks: What people should know.
    """

    title: str
    facts: dict[str, Any] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    @classmethod
    def of_parts(cls, title: str, train: dict[str, Any], dev: dict[str, Any]) -> Self:
        """Begin with the same facts of both parts, and a table of them."""
        pairs = zip(walk_dict(train), walk_dict(dev), strict=True)
        rows = [
            (", ".join(place).replace("_", " ").capitalize(), write(one), write(other))
            for (place, one), (_, other) in pairs
        ]
        table = Table(("", "Train", "Dev"), rows)
        return cls(title, {"train": train, "dev": dev}, [table])

    def add(self, level: Level, text: str) -> None:
        """Add a remark."""
        self.remarks.append(Remark(level, text))

    good = partialmethod(add, "good")
    info = partialmethod(add, "info")
    warn = partialmethod(add, "warn")
    fail = partialmethod(add, "fail")

    def count(self, level: Level) -> int:
        """Return how many remarks of a level there are."""
        return sum(remark.level == level for remark in self.remarks)


class Tally(Protocol):
    """Counts of what a part of the data has, made in one pass."""

    def follow(self) -> Self:
        """Return an empty one, for the development data after the training data."""

    def add(self, example: Example, key: int) -> None:
        """Count an example. Texts with the same key are alike, see `key_of`."""

    def describe(self, dev: Self) -> Topic:
        """Say what is found in the training data, which these are, and in `dev`."""


class Cases:
    """How often something was met, and the first examples."""

    def __init__(self) -> None:
        self.n = 0
        self.examples: list[str] = []

    def add(self, example: str) -> None:
        """Count one."""
        self.n += 1
        if self.n <= KEPT:
            self.examples.append(example)

    def __str__(self) -> str:
        return list_few(self.examples, self.n)


class Contradictions:
    """Texts that are there several times, and not with the same annotation."""

    def __init__(self, differ: Callable[[Any, Any, Doc], str]) -> None:
        """Remember how to say in what annotation differs.

        Args:
            differ: Gets that of two texts that are alike, and the second text.
        """
        self._differ = differ
        self._seen: dict[int, Any] = {}
        self._keys: set[int] = set()
        self.cases = Cases()

    def add(self, key: int, annotation: Any, doc: Doc) -> None:
        """Compare a text with the first that was like it, unless they are blank."""
        if not key:
            return
        first = self._seen.setdefault(key, annotation)
        if first != annotation and key not in self._keys:
            self._keys.add(key)
            difference = self._differ(first, annotation, doc)
            self.cases.add(f"{quote(doc)}: {difference}")

    def describe(self, topic: Topic) -> None:
        """Say how many there are in the training data."""
        topic.facts["contradictions"] = vars(self.cases)
        if self.cases.n:
            topic.warn(
                f"Train has {count(self.cases.n, 'text')} with one annotation here and "
                f"another there. {self.cases}"
            )


def key_of(doc: Doc) -> int:
    """Return a number that texts share which differ in case and white space at most.

    That of a blank text is 0.
    """
    return int(get_string_id(" ".join(doc.text.lower().split())))


def quote(doc: Doc) -> str:
    """Quote the beginning of a text."""
    return shorten(excerpt(doc))


def excerpt(doc: Doc) -> str:
    """Return the beginning of a text, on one line."""
    return " ".join(doc.text[:LONGEST].split())


def list_few(examples: list[str], total: int) -> str:
    """List the first of all examples, and say how many more there are."""
    used = 0
    listed: list[str] = []
    for example in examples:
        used += len(example)
        if listed and used > ROOM:
            break
        listed.append(example)
    more = total - len(listed)
    return "; ".join(listed) + (f"; and {more:,} more" if more else "")


def list_counts(counts: Mapping[str, int]) -> str:
    """List what occurs most, and how often."""
    pairs = Counter(counts).most_common(KEPT)
    return list_few([f"{shorten(k)} ({n:,})" for k, n in pairs], len(counts))


def count(n: int, noun: str) -> str:
    """Write a number with its noun, whose plural ends in s."""
    return f"{n:,} {noun}{'s' * (n != 1)}"


def percent(part: float, whole: float) -> str:
    """Write a share; what is above 0 or below 1 is never rounded to that."""
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.05:
        return "<0.1%"
    return f"{min(share, 99.9) if part < whole else share:.1f}%"


def write(value: Any) -> str:
    """Write a number as it is read best."""
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
