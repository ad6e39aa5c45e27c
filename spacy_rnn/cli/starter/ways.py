"""What is common to the search for columns: a sample, and the choice by names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

SAMPLE = 1000  # rows, or lines with a token, that columns are judged by

Columns = Mapping[str, Sequence[Any]]  # the values of a sample, by key or column
Given = Mapping[str, Any]  # settings of readers that the user has named


class Way(NamedTuple):
    """A way to read a file.

    Attributes:
        reader: TEXTS, TOKENS, SUMMARIES or PAIRS. None: .spacy, which any reads.
        settings: Those of the reader, whatever the task.
        tasks: Further settings for each task that the file is fit for.
    """

    reader: str | None
    settings: dict[str, Any]
    tasks: Mapping[str, Mapping[str, Any]]


def is_list_of(kind: Any, value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, kind) for each in value)


def pick(
    columns: Iterable[str],
    names: Iterable[str] = (),
    *,
    key: Callable[[str], Any] = lambda _: 0,
) -> str | None:
    """Pick the first with one of the names, or else that with the highest key."""
    columns = list(columns)
    named = next((name for name in names if name in columns), None)
    return named or max(columns, key=key, default=None)
