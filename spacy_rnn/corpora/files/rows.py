"""Find files and read their rows, with the place that each comes from.

Whatever is wrong in a file is a ValueError that begins with the file and the line.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path, PurePath
from typing import Any

from spacy_rnn.corpora.files.lines import (
    Location,
    NoColumn,
    NoUnicode,
    Reading,
    RowErrors,
    check_unicode,
    has_suffix,
    is_unicode,
    read_lines,
)

DOCBIN_SUFFIX = ".spacy"
JSON_SUFFIXES = (".jsonl", ".jsonl.gz")
TABLE_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
ROW_SUFFIXES = (*JSON_SUFFIXES, *TABLE_SUFFIXES)

OTHERS = {  # what becomes one of these, and how
    ".conllu": "python -m spacy convert makes a .spacy file of it",
    ".json": "python -m spacy convert makes a .spacy file of it, if it is spaCy's; "
    "others need an object on each line, and .jsonl",
    ".parquet": "pandas makes a .jsonl of it, "
    "read_parquet(...).to_json(..., orient='records', lines=True)",
    ".xlsx": "spreadsheets save it as .csv",
}

Row = Mapping[str, Any]  # from key or column to value


def find_files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """List the files to read, in the order of their names.

    Args:
        path: A file, or a folder that is searched as by `walk_folder`.
        suffixes: The ends of the names that are read, in lower case.
    """
    if path.is_file() and has_suffix(path, *suffixes):
        return [path]
    if path.is_file():
        hint = OTHERS.get(path.suffix.lower())
        raise ValueError(
            f"{path}: expected a file that ends in {', '.join(suffixes)}"
            f"{'' if hint is None else '; ' + hint}"
        )
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder")
    files = [
        file
        for file in walk_folder(path)
        if has_suffix(file, *suffixes) and file.is_file()
    ]
    if not files:
        raise ValueError(f"{path}: no file in it ends in {', '.join(suffixes)}")
    return files


def walk_folder(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Yield what is in a folder and all its subfolders, but no folders.

    Hidden files and folders are left out. Links are followed, as spaCy's corpus does,
    but not into a folder that they are in.

    Args:
        folder: The folder.
        above: The real paths of those that it is in.
    """
    above |= {folder.resolve()}
    for entry in sorted(folder.iterdir()):
        if is_hidden(Path(entry.name)):
            continue
        if not entry.is_dir():
            yield entry
        elif entry.resolve() not in above:
            yield from walk_folder(entry, above)


def is_hidden(path: PurePath) -> bool:
    return any(part.startswith(".") for part in path.parts)


def is_table(path: Path) -> bool:
    """Tell a file with cells, which are all strings, from one with JSON."""
    return has_suffix(path, *TABLE_SUFFIXES)


def read_rows(path: Path, how: Reading) -> Iterator[tuple[Location, Row]]:
    """Read a file that ends in one of `ROW_SUFFIXES`."""
    return read_csv(path, how) if is_table(path) else read_jsonl(path, how)


def read_jsonl(path: Path, how: Reading) -> Iterator[tuple[Location, Row]]:
    """Read a file of one JSON object a line. Blank lines are skipped."""
    lines = read_lines(path, how, newline="\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        location = Location(path, number)
        try:
            row = _parse_object(line, location, how.errors)
        except ValueError as error:
            how.on_error(error)
        else:
            yield location, row


def _parse_object(line: str, location: Location, errors: RowErrors) -> Row:
    if errors == "skip":
        check_unicode(line, *location[:2])
    if line.lstrip().startswith("["):
        raise ValueError(
            f"{location}: expected a JSON object on each line, but an array begins "
            "here; each of its objects needs a line of its own"
        )
    row = parse_json(line, location, errors)
    if not isinstance(row, dict):
        raise ValueError(
            f"{location}: expected a JSON object on each line, got {shorten(row)}"
        )
    return row


def read_csv(path: Path, how: Reading) -> Iterator[tuple[Location, Row]]:
    """Read a file of comma-separated values, or of tab-separated ones if it is .tsv.

    The first row names the columns. If that has no such separator, but semicolons, as
    spreadsheets write them in many countries, or the other one, these separate. A cell
    that holds a separator, a line break or a leading quote is quoted, and a quote in it
    doubled. The location of a record is the line that it begins in.
    """
    header: list[str] | None = None
    for location, cells in _read_cells(path, how):
        try:
            if how.errors == "skip":
                check_unicode("".join(cells), *location[:2])
            if header is None:
                header = _check_header(cells, location)
                continue
            if len(cells) == 1 < len(header) and not cells[0].strip():
                continue  # a blank line
            if len(cells) != len(header):
                raise ValueError(
                    f"{location}: expected {len(header)} cells "
                    f"({join_names(header)}), got {len(cells)}"
                )
        except ValueError as error:
            how.on_error(error)
            if header is None:
                return  # what is in the columns is not known
        else:
            yield location, dict(zip(header, cells, strict=True))


def _read_cells(path: Path, how: Reading) -> Iterator[tuple[Location, list[str]]]:
    # The limit is global to the process and far below the length of a book. Raising it,
    # to no more than a C long holds everywhere, is safe beside other threads.
    limit = min(how.max_size or 2**31, 2**31 - 1)
    csv.field_size_limit(max(csv.field_size_limit(), limit))
    lines = read_lines(path, how, newline="")
    beginning, header = [], ""
    for header in lines:
        beginning.append(header)
        if header.strip():
            break
        beginning[-1] = "\n"
    delimiter = _find_delimiter(path, header)
    rows = csv.reader(chain(beginning, lines), delimiter=delimiter, strict=True)
    header_line = len(beginning)
    while True:
        location = Location(path, rows.line_num + 1, header_line)
        try:
            cells = next(rows, None)
        except csv.Error as error:
            how.on_error(
                ValueError(
                    f"{location}: malformed row: {error}. A cell that begins with a "
                    'quote must end with one, and a quote inside it is written as ""'
                )
            )
            continue
        if cells is None:
            return
        if cells:
            yield location, cells


def _find_delimiter(path: Path, header: str) -> str:
    """Find what separates the names of columns, which hardly ever hold such a thing."""
    usual = ",;\t" if has_suffix(path, ".csv", ".csv.gz") else "\t;,"
    for delimiter in usual:
        try:
            (names,) = csv.reader([header], delimiter=delimiter, strict=True)
        except (ValueError, csv.Error):
            continue
        if len(names) > 1:
            return delimiter
    return usual[0]


def parse_json(string: str, location: Location, errors: RowErrors) -> Any:
    """Parse JSON, all of whose strings are then valid Unicode."""
    try:
        value = json.loads(string)
    except (ValueError, RecursionError) as error:
        hint = _explain(string, getattr(error, "pos", 0))
        raise ValueError(
            f"{location}: malformed JSON: {error}. {hint}Found {shorten(string)}"
        ) from error
    if "\\u" not in string:
        return value
    # An escape can spell what Unicode does not have: half of a surrogate pair.
    spelled_out = json.dumps(value, ensure_ascii=False)
    if is_unicode(spelled_out):
        return value
    if errors != "replace":
        raise NoUnicode(
            f"{location}: half of a surrogate pair, which is no character; "
            'errors = "replace" reads it as U+FFFD'
        )
    raw = spelled_out.encode("utf-16", "surrogatepass")
    return json.loads(raw.decode("utf-16", "replace"))


def _explain(string: str, position: int) -> str:
    """Guess what somebody did who wrote JSON that is malformed at a position."""
    if "\r" in string.rstrip():
        return "A line has to end in \\n or \\r\\n, but here is \\r alone. "
    if string.startswith("\ufeff"):
        return "A byte order mark can only begin a file. "
    if position >= len(string.rstrip()):
        return "An object has to end in the line that it begins in. "
    return ""


def get_value(row: Row, column: str, location: Location) -> Any:
    if column not in row:
        raise NoColumn(
            f"{location.header}: no column {column!r}; there is {join_names(row)}"
        )
    return row[column]


def get_text(row: Row, column: str, location: Location) -> str:
    text = get_value(row, column, location)
    if not isinstance(text, str):
        raise ValueError(
            f"{location}: {column!r} must be a string, got {shorten(text)}"
        )
    return text


def find_column(
    row: Row, names: Iterable[str], setting: str, location: Location
) -> str | None:
    """Find the one of several usual names that is there, None if there is none.

    Args:
        row: A row.
        names: The usual names.
        setting: What the user can name the column with.
        location: The place of the row.
    """
    found = [name for name in names if name in row]
    if len(found) > 1:
        raise ValueError(
            f"{location}: there is {join_names(found)}; name the one to read with "
            f"{setting}"
        )
    return found[0] if found else None


def join_names(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def shorten(value: Any, length: int = 60) -> str:
    string = repr(value)
    return string if len(string) <= length else string[: length - 1] + "…"


def _check_header(cells: list[str], location: Location) -> list[str]:
    # Spreadsheets write columns without a name, which nobody can ask for.
    names = [name for name in cells if name.strip()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"{location}: more than one column is named {join_names(twice)}"
        )
    return cells
