"""Read pairs from files, one at a time."""

from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from spacy_rnn.corpora.files.lines import (
    Location,
    NoColumn,
    Reading,
    Unreadable,
    check_unicode,
    read_each,
    read_lines,
)
from spacy_rnn.corpora.files.rows import (
    DOCBIN_SUFFIX,
    ROW_SUFFIXES,
    Row,
    find_column,
    get_value,
    is_table,
    join_names,
    parse_json,
    read_rows,
    shorten,
)
from spacy_rnn.corpora.summaries.articles import join_lines
from spacy_rnn.corpora.summaries.rows import (
    REFERENCE_COLUMN,
    SUMMARY_COLUMNS,
    TEXT_COLUMNS,
)

PAIR_SUFFIXES = (DOCBIN_SUFFIX, *ROW_SUFFIXES)

# Where things are looked for unless the user names the keys or columns.
SOURCE_COLUMNS = ("source", *TEXT_COLUMNS)
TARGET_COLUMNS = ("target", "translation", *SUMMARY_COLUMNS)


class NoSource(Unreadable):
    kind = "Pairs without a source"


class NoTarget(Unreadable):
    kind = "Pairs without a target"


class Pair(NamedTuple):
    """A source and its targets, without white space around them."""

    location: Location | str  # in a file, or what errors call it
    source: str
    targets: list[str]  # that are not empty; the first is trained on


class Columns(NamedTuple):
    """The keys or columns to read, None for those with one of the usual names."""

    source: str | None = None
    targets: list[str] | None = None


def read_pairs(path: Path, columns: Columns, how: Reading) -> Iterator[Pair]:
    """Read the pairs of one file of JSONL or of a table, lazily.

    Args:
        path: A file that ends in one of `PAIR_SUFFIXES`, not in .spacy.
        columns: What to read.
        how: How to read it.
    """
    cells = is_table(path)

    def parse(found: tuple[Location, Row]) -> Pair:
        location, row = found

        def read(column: str) -> Any:
            value = get_value(row, column, location)
            if cells and column == REFERENCE_COLUMN and value:
                return parse_json(value, location, how.errors)
            return value

        return parse_row(location, row, columns, read)

    yield from read_each(parse, read_rows(path, how), how)


def parse_row(
    location: Location, row: Row, columns: Columns, read: Callable[[str], Any]
) -> Pair:
    """Make a pair of a row.

    Args:
        location: The place of the row.
        row: The value of each key or column.
        columns: The keys or columns to read.
        read: Returns the value of one of them.
    """
    column = columns.source or _find(row, SOURCE_COLUMNS, "source_column", location)
    source = read(column)
    if not isinstance(source, str | None):
        raise ValueError(
            f"{location}: {column!r} must be a string, got {shorten(source)}"
        )
    targets: list[str] = []
    for column in columns.targets or _find_targets(row, location):
        targets += _check_targets(read(column), column, location)
    return make_pair(location, source or "", targets)


def read_aligned(source: Path, targets: list[Path], how: Reading) -> Iterator[Pair]:
    r"""Read pairs from text files whose lines belong together, lazily.

    A line ends in "\n" or "\r\n", and in nothing else that might be taken for its end.

    Args:
        source: The file of sources.
        targets: The file of targets, or several.
        how: How to read them.

    Raises:
        ValueError: If they have not the same number of lines, whatever `how` says:
            nobody knows then which of them belong together.
    """
    damages: list[ValueError] = []

    def note(error: ValueError) -> None:
        damages.append(error)
        how.on_error(error)

    paths = [source, *targets]
    noting = how._replace(on_error=note)
    files = [read_lines(path, noting, newline="\n") for path in paths]
    for number, lines in enumerate(zip_longest(*files), start=1):
        if None in lines:
            if not damages:
                lengths = [
                    number - (line is None) + sum(1 for _ in file)
                    for line, file in zip(lines, files, strict=True)
                ]
                raise ValueError(_describe_lengths(paths, lengths))
            return
        try:
            if how.errors == "skip":
                for path, line in zip(paths, lines, strict=True):
                    check_unicode(line, path, number)
            pair = make_pair(Location(source, number), lines[0], list(lines[1:]))
        except ValueError as error:
            how.on_error(error)
        else:
            yield pair


def make_pair(location: Location | str, source: str, targets: list[str]) -> Pair:
    """Make a pair, which is empty on both sides or on neither.

    Raises:
        NoSource: If nothing but the source is empty.
        NoTarget: If nothing but the targets is empty.
    """
    source = source.strip()
    targets = [target.strip() for target in targets]
    targets = [target for target in targets if target]
    if targets and not source:
        raise NoSource(f"{location}: there is nothing in the source")
    if source and not targets:
        raise NoTarget(f"{location}: there is nothing in the target")
    return Pair(location, source, targets)


def _describe_lengths(paths: list[Path], lengths: list[int]) -> str:
    counted = ", ".join(
        f"{length} in {path}" for path, length in zip(paths, lengths, strict=True)
    )
    return (
        f"{paths[0]}: expected as many lines in each file, since line by line they "
        f"belong together, but there are {counted}"
    )


def _find(row: Row, names: tuple[str, ...], setting: str, location: Location) -> str:
    column = find_column(row, names, setting, location)
    if column is None:
        raise NoColumn(
            f"{location.header}: no column {join_names(names)}; there is "
            f"{join_names(row)}. Name the one to read with {setting}"
        )
    return column


def _find_targets(row: Row, location: Location) -> list[str]:
    is_only = REFERENCE_COLUMN in row and row.keys().isdisjoint(TARGET_COLUMNS)
    if is_only or row.get(REFERENCE_COLUMN):
        return [REFERENCE_COLUMN]
    return [_find(row, TARGET_COLUMNS, "target_column", location)]


def _check_targets(value: Any, column: str, location: Location) -> list[str]:
    """Return the strings of a value, which is one or a list. No value is none.

    A list in a column for summaries has the sentences of one, as everywhere.
    """
    values = value if isinstance(value, list) else [value]
    for each in values:
        if not isinstance(each, str | None):
            raise ValueError(
                f"{location}: {column!r} must be a string or a list of strings, got "
                f"{shorten(value)}"
            )
    targets = [each for each in values if each is not None]
    return [join_lines(targets)] if column in SUMMARY_COLUMNS else targets
