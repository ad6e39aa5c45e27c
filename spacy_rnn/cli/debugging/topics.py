"""What there is to say of data: a topic has facts, tables of them, and remarks."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, Self

from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.training import Example

from spacy_rnn.corpora.files.rows import shorten

Level = Literal["good", "info", "warn", "fail"]
SHOWN = 3  # texts that a remark names


class Remark(NamedTuple):
    """A sentence about data. With "fail", training on them would be meaningless."""

    level: Level
    text: str


class Table(NamedTuple):
    """Facts as they are printed, the first column to the left, others to the right."""

    header: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    left_out: str = ""  # what the table has no room for


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
    def of_parts(
        cls, title: str, train: dict[str, Any], dev: dict[str, Any]
    ) -> "Topic":
        """Begin with the same facts of both parts, and a table of them."""
        rows = [
            (name.replace("_", " ").capitalize(), write(value), write(dev[name]))
            for name, value in train.items()
        ]
        table = Table(("", "Train", "Dev"), rows)
        return cls(title, {"train": train, "dev": dev}, [table])

    def add(self, level: Level, text: str) -> None:
        """Add a remark."""
        self.remarks.append(Remark(level, text))

    def count(self, level: Level) -> int:
        """Return how many remarks of a level there are."""
        return sum(remark.level == level for remark in self.remarks)


class Tally(Protocol):
    """Counts of what a part of the data has, made in one pass."""

    def add(self, example: Example, key: int) -> None:
        """Count an example. Texts with the same key are alike, see `key_of`."""

    def describe(self, dev: Self) -> Topic:
        """Say what is found in the training data, which these are, and in `dev`."""


class Contradictions:
    """Texts that are there several times, and not with the same annotation."""

    def __init__(self) -> None:
        self._seen: dict[int, Hashable] = {}
        self._keys: set[int] = set()
        self.examples: list[str] = []

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: int, annotation: Hashable, doc: Doc) -> None:
        """Compare a text with the first that was like it."""
        first = self._seen.setdefault(key, annotation)
        if first != annotation and key not in self._keys:
            self._keys.add(key)
            note(self.examples, doc)

    def describe(self, topic: Topic) -> None:
        """Say how many there are in the training data."""
        topic.facts["contradictions"] = len(self)
        if self._keys:
            topic.add(
                "warn",
                f"{count(len(self), 'text')} of train recur with other annotation: "
                f"{list_texts(self.examples, len(self))}",
            )


def key_of(doc: Doc) -> int:
    """Return a number that texts share which differ in case and white space at most."""
    return int(get_string_id(" ".join(doc.text.lower().split())))


def note(examples: list[str], doc: Doc) -> None:
    """Keep a text as an example, if it is one of the first."""
    if len(examples) < SHOWN:
        examples.append(doc.text)


def list_texts(examples: list[str], total: int) -> str:
    """Quote a few texts, and say how many more there are."""
    more = total - len(examples)
    listed = ", ".join(map(shorten, examples))
    return f"{listed} and {more:,} more" if more > 0 else listed


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
