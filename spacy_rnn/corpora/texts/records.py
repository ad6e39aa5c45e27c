"""Read labelled texts from JSONL, CSV and TSV files, one record at a time."""

import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from spacy_rnn.checks import list_names
from spacy_rnn.corpora.files.lines import (
    Location,
    NoColumn,
    Reading,
    RowErrors,
    read_each,
)
from spacy_rnn.corpora.files.rows import (
    DOCBIN_SUFFIX,
    ROW_SUFFIXES,
    Row,
    find_column,
    get_text,
    get_value,
    is_table,
    join_names,
    parse_json,
    read_rows,
    shorten,
)

TEXT_SUFFIXES = (DOCBIN_SUFFIX, *ROW_SUFFIXES)

# Where a label is looked for unless the user names the column. In a CSV or TSV file,
# which has only strings, the name also says how a cell is read.
LABEL_COLUMNS = ("label", "labels", "cats")
LABEL_SEPARATOR = "|"


class NoLabel(NoColumn):
    kind = "Records without a label"


class Record(NamedTuple):
    """A text and what a file says about its categories.

    At most one of `labels` and `cats` is set, none of them where the file has no
    labels at all.
    """

    location: Location
    columns: Collection[str]  # that its file has
    text: str
    labels: tuple[str, ...] | None = None  # that apply, so that all others do not
    cats: dict[str, float] | None = None  # 1.0 or 0.0; what is missing is unknown

    @property
    def names(self) -> Collection[str] | None:
        """The labels that are spoken of. None where the file has no labels."""
        return self.cats if self.labels is None else self.labels


def read_records(
    path: Path,
    how: Reading,
    *,
    text_column: str = "text",
    label_column: str | None = None,
    label_separator: str | None = None,
    labels: Collection[str] | None = None,
) -> Iterator[Record]:
    """Read the records of one file, lazily.

    Args:
        path: A .jsonl, .jsonl.gz, .csv or .tsv file.
        how: How to read it.
        text_column: Key or column that holds the text.
        label_column: Key or column that holds the label or labels. None looks for
            "label", "labels" or "cats", and finds no label where there is none.
        label_separator: What is between several labels in a string. None: "|" in a
            cell of the column "labels", and nothing elsewhere.
        labels: Those that there may be. None: any.
    """
    is_of_cells = is_table(path)

    def parse(found: tuple[Location, Row]) -> Record:
        location, row = found
        text = get_text(row, text_column, location)
        column = _find_label_column(row, label_column, location)
        if column is None:
            return Record(location, row.keys(), text)
        value = row[column]
        separator = label_separator
        if is_of_cells:
            value = _parse_cell(column, value, location, how.errors)
            if column == "labels" and separator is None:
                separator = LABEL_SEPARATOR
        if separator is not None and isinstance(value, str):
            value = part_labels(value, separator)
        record = Record(
            location, row.keys(), text, *_read_annotation(column, value, location)
        )
        check_labels(location, record.names or (), labels)
        return record

    yield from read_each(parse, read_rows(path, how), how)


def part_labels(cell: str, separator: str) -> list[str]:
    """Part several labels in a string; where two separators meet, there is none."""
    return [
        label
        for each in cell.split(separator.strip() or separator)
        if (label := each.strip())
    ]


def check_labels(
    where: Location | str, names: Iterable[str], labels: Collection[str] | None
) -> None:
    """Raise an error for a label that is not one of those that there may be."""
    unknown = sorted(set(names).difference(labels)) if labels is not None else []
    if labels is not None and unknown:
        raise ValueError(
            f"{where}: label {unknown[0]!r} is not one of the labels "
            f"{list_names(labels, unknown[0])}"
        )


def no_label(record: Record) -> NoLabel:
    return NoLabel(
        f"{record.location.header}: no column {join_names(LABEL_COLUMNS)}, so no "
        f"label; there is {join_names(record.columns)}. label_column names another"
    )


def _find_label_column(
    row: Row, label_column: str | None, location: Location
) -> str | None:
    if label_column is not None:
        get_value(row, label_column, location)
        return label_column
    return find_column(row, LABEL_COLUMNS, "label_column", location)


def _read_annotation(
    column: str, value: Any, location: Location
) -> tuple[tuple[str, ...] | None, dict[str, float] | None]:
    """Read the labels that apply, or the mapping from label to truth."""
    if isinstance(value, dict):
        return None, {
            _label(label, column, location): _truth(label, value[label], location)
            for label in value
        }
    if column == "cats":
        raise ValueError(
            f"{location}: 'cats' must map each label to 0 or 1, got {shorten(value)}"
        )
    values = value if isinstance(value, list) else [value]
    return tuple(_label(label, column, location) for label in values), None


def _label(value: Any, column: str, location: Location) -> str:
    if isinstance(value, bool | int):
        return json.dumps(value)
    if not isinstance(value, str) or not value:
        raise ValueError(
            f"{location}: a label in {column!r} must be a string that is not empty, "
            f"an integer, true or false, got {shorten(value)}"
        )
    return value


def _truth(label: str, value: Any, location: Location) -> float:
    if value not in (0, 1):
        raise ValueError(
            f"{location}: the value of label {label!r} must be 0, 1, true or false, "
            f"got {shorten(value)}"
        )
    return float(value)


def _parse_cell(column: str, cell: str, location: Location, errors: RowErrors) -> Any:
    """Give a cell the type that the same value has in JSON."""
    if column == "cats":
        return parse_json(cell, location, errors)
    if cell[:1].isspace() and cell.lstrip().startswith('"'):
        raise ValueError(
            f"{location}: white space before the quote in {column!r}. A cell that is "
            f"quoted has to begin with its quote, got {shorten(cell)}"
        )
    return cell.strip()
