"""Read labelled texts from JSONL, CSV and TSV files, one record at a time."""

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

DecodeErrors = Literal["strict", "replace"]

# Where a label is looked for unless the user names the column. In a CSV or TSV file,
# which has only strings, the name also says how a cell is read.
LABEL_COLUMNS = ("label", "labels", "cats")
LABEL_SEPARATOR = "|"


class Location(NamedTuple):
    """A place in a file, written as editors and terminals understand it."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Record(NamedTuple):
    """A text and what a file says about its categories.

    At most one of `labels` and `cats` is set, none of them where the file has no
    labels at all.
    """

    location: Location
    text: str
    labels: tuple[str, ...] | None  # those that apply, so that all others do not
    cats: dict[str, float] | None  # 1.0 or 0.0; a label that is missing is unknown

    @property
    def names(self) -> Collection[str] | None:
        """The labels that are spoken of. None where the file has no labels."""
        return self.cats if self.labels is None else self.labels


def read_records(
    path: Path,
    *,
    text_column: str = "text",
    label_column: str | None = None,
    errors: DecodeErrors = "strict",
) -> Iterator[Record]:
    """Read the records of one file, lazily.

    Args:
        path: A file whose name ends in one of `TEXT_SUFFIXES`.
        text_column: Key or column that holds the text.
        label_column: Key or column that holds the label or labels. None looks for
            "label", "labels" or "cats", and finds no label where there is none.
        errors: What becomes of bytes that are not UTF-8 and of half surrogate pairs:
            "strict" raises an error, "replace" puts U+FFFD in their place.
    """
    columns_before: list[str | None] = []
    for location, row in _row_reader(path)(path, errors):
        text = _text(row, text_column, location)
        column = _find_label_column(row, label_column, location)
        columns_before = columns_before or [column]
        if column != columns_before[0]:
            raise ValueError(
                f"{location}: the label is expected in {columns_before[0]!r}, as in "
                f"the records before, but this one has {_names(row)}"
            )
        labels, cats = _annotation(row, column, location)
        if not _is_utf8(text, *(labels or ()), *(cats or ())):
            if errors == "strict":
                raise ValueError(
                    f"{location}: half of a surrogate pair, which is no character; "
                    'errors = "replace" reads it as U+FFFD'
                )
            text = _mend(text)
            labels = labels and tuple(_mend(label) for label in labels)
            cats = cats and {_mend(label): value for label, value in cats.items()}
        yield Record(location, text, labels, cats)


Row = Mapping[str, Any]
RowReader = Callable[[Path, DecodeErrors], Iterator[tuple[Location, Row]]]


def read_jsonl(path: Path, errors: DecodeErrors) -> Iterator[tuple[Location, Row]]:
    """Read a file of one JSON object a line. Blank lines are skipped."""
    for number, line in enumerate(_read_lines(path, errors, newline="\n"), start=1):
        if not line.strip():
            continue
        location = Location(path, number)
        row = _parse_json(line, location)
        if not isinstance(row, dict):
            raise ValueError(
                f"{location}: expected a JSON object such as "
                f'{{"text": "…", "label": "…"}}, got {_shorten(row)}'
            )
        yield location, row


def read_csv(path: Path, errors: DecodeErrors) -> Iterator[tuple[Location, Row]]:
    """Read a file of comma-separated values, or of tab-separated ones if it is .tsv.

    The first row names the columns. A cell that holds a separator, a line break or a
    leading quote is quoted, and a quote in it doubled. The location of a record is the
    line that it begins in.
    """
    # The limit is global to the process and far below the length of a book. Raising it
    # once, to what a C long holds everywhere, is safe beside other threads.
    csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    lines = _read_lines(path, errors, newline="")
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        location = Location(path, rows.line_num + 1)
        try:
            cells = next(rows, None)
        except csv.Error as error:
            raise ValueError(
                f"{location}: malformed row: {error}. A cell that begins with a quote "
                'must end with one, and a quote inside it is written as ""'
            ) from error
        if cells is None:
            return
        if not cells:
            continue
        if header is None:
            header = _check_header(cells, location)
        elif len(cells) != len(header):
            raise ValueError(
                f"{location}: expected {len(header)} cells ({_names(header)}), "
                f"got {len(cells)}"
            )
        else:
            row = zip(header, cells, strict=True)
            yield location, {k: _parse_cell(k, v, location) for k, v in row}


_ROW_READERS: dict[str, RowReader] = {
    ".jsonl": read_jsonl,
    ".jsonl.gz": read_jsonl,
    ".csv": read_csv,
    ".tsv": read_csv,
}
TEXT_SUFFIXES = tuple(_ROW_READERS)


def _row_reader(path: Path) -> RowReader:
    for suffix, reader in _ROW_READERS.items():
        if path.name.lower().endswith(suffix):
            return reader
    raise ValueError(f"{path}: expected a file that ends in {', '.join(TEXT_SUFFIXES)}")


def _read_lines(path: Path, errors: DecodeErrors, *, newline: str) -> Iterator[str]:
    """Read lines with their ends, each of them valid Unicode."""
    number = 0
    opener: Callable[..., Any] = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        # surrogateescape lets through what is not UTF-8, so that its line is known.
        with opener(
            path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline=newline
        ) as file:
            for line in file:
                number += 1
                if "\0" in line:
                    raise ValueError(
                        f"{path}:{number}: NUL byte. Is the file text, and in UTF-8?"
                    )
                if not _is_utf8(line):
                    if errors == "strict":
                        raise ValueError(
                            f"{path}:{number}: byte {_first_bad_byte(line):#x} is not "
                            'UTF-8; errors = "replace" reads it as U+FFFD'
                        )
                    raw = line.encode("utf-8", "surrogateescape")
                    line = raw.decode("utf-8", "replace")
                yield line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}:{number + 1}: damaged gzip data: {error}") from error


def _check_header(cells: list[str], location: Location) -> list[str]:
    twice = sorted({name for name in cells if cells.count(name) > 1})
    if twice:
        raise ValueError(f"{location}: more than one column is named {_names(twice)}")
    return cells


def _parse_cell(column: str, cell: str, location: Location) -> Any:
    """Give a cell the type that the same value has in JSON."""
    if column == "labels":
        return [label.strip() for label in cell.split(LABEL_SEPARATOR)] if cell else []
    if column == "cats":
        return _parse_json(cell, location)
    return cell


def _parse_json(string: str, location: Location) -> Any:
    try:
        return json.loads(string)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{location}: malformed JSON: {error}. Found {_shorten(string)}"
        ) from error


def _text(row: Row, column: str, location: Location) -> str:
    if column not in row:
        raise ValueError(f"{location}: no column {column!r}; there is {_names(row)}")
    if not isinstance(row[column], str):
        raise ValueError(
            f"{location}: {column!r} must be a string, got {_shorten(row[column])}"
        )
    return row[column]


def _find_label_column(
    row: Row, label_column: str | None, location: Location
) -> str | None:
    if label_column is not None:
        if label_column not in row:
            raise ValueError(
                f"{location}: no column {label_column!r}; there is {_names(row)}"
            )
        return label_column
    found = [column for column in LABEL_COLUMNS if column in row]
    if len(found) > 1:
        raise ValueError(
            f"{location}: labels in {_names(found)}; say which to read as label_column"
        )
    return found[0] if found else None


def _annotation(
    row: Row, column: str | None, location: Location
) -> tuple[tuple[str, ...] | None, dict[str, float] | None]:
    """Read the labels that apply, or the mapping from label to truth."""
    if column is None:
        return None, None
    value = row[column]
    if isinstance(value, dict):
        return None, {
            _label(label, column, location): _truth(label, value[label], location)
            for label in value
        }
    if column == "cats":
        raise ValueError(
            f"{location}: 'cats' must map each label to 0 or 1, got {_shorten(value)}"
        )
    values = value if isinstance(value, list) else [value]
    return tuple(_label(label, column, location) for label in values), None


def _label(value: Any, column: str, location: Location) -> str:
    if isinstance(value, bool | int):
        return json.dumps(value)
    if not isinstance(value, str) or not value:
        raise ValueError(
            f"{location}: a label in {column!r} must be a string that is not empty, "
            f"an integer, true or false, got {_shorten(value)}"
        )
    return value


def _truth(label: str, value: Any, location: Location) -> float:
    if not isinstance(value, bool | int | float) or value not in (0, 1):
        raise ValueError(
            f"{location}: the value of label {label!r} must be 0, 1, true or false, "
            f"got {_shorten(value)}"
        )
    return float(value)


def _is_utf8(*strings: str) -> bool:
    try:
        for string in strings:
            string.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _first_bad_byte(line: str) -> int:
    return next(ord(char) - 0xDC00 for char in line if "\udc80" <= char <= "\udcff")


def _mend(string: str) -> str:
    return string.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _shorten(value: Any, length: int = 60) -> str:
    string = repr(value)
    return string if len(string) <= length else string[: length - 1] + "…"
