"""Find files and read their lines and rows, with the place that each comes from.

Whatever is wrong in a file is a ValueError that begins with the file and the line.
"""

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

DecodeErrors = Literal["strict", "replace"]

DOCBIN_SUFFIX = ".spacy"
JSON_SUFFIXES = (".jsonl", ".jsonl.gz")
TABLE_SUFFIXES = (".csv", ".tsv")

Row = Mapping[str, Any]  # from key or column to value


class Location(NamedTuple):
    """A place in a file, written as editors and terminals understand it."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def find_files(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """List the files to read, in the order of their names.

    Args:
        path: A file, or a folder that is searched with all its subfolders, but for
            hidden files and folders.
        suffixes: The ends of the names that are read, in lower case.
    """
    if path.is_file() and has_suffix(path, *suffixes):
        return [path]
    if path.is_file():
        raise ValueError(f"{path}: expected a file that ends in {', '.join(suffixes)}")
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder")
    files = [
        file
        for file in sorted(path.rglob("*"))
        if has_suffix(file, *suffixes)
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
    if not files:
        raise ValueError(f"{path}: no file in it ends in {', '.join(suffixes)}")
    return files


def has_suffix(path: Path, *suffixes: str) -> bool:
    return path.name.lower().endswith(suffixes)


def read_jsonl(path: Path, errors: DecodeErrors) -> Iterator[tuple[Location, Row]]:
    """Read a file of one JSON object a line. Blank lines are skipped."""
    for number, line in enumerate(read_lines(path, errors, newline="\n"), start=1):
        if not line.strip():
            continue
        location = Location(path, number)
        row = parse_json(line, location, errors)
        if not isinstance(row, dict):
            raise ValueError(
                f"{location}: expected a JSON object on each line, got {shorten(row)}"
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
    delimiter = "\t" if has_suffix(path, ".tsv") else ","
    lines = read_lines(path, errors, newline="")
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
                f"{location}: expected {len(header)} cells ({join_names(header)}), "
                f"got {len(cells)}"
            )
        else:
            yield location, dict(zip(header, cells, strict=True))


def read_lines(path: Path, errors: DecodeErrors, *, newline: str) -> Iterator[str]:
    """Read lines with their ends, each of them valid Unicode."""
    number = 0
    opener: Callable[..., Any] = gzip.open if has_suffix(path, ".gz") else open
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
                if not is_unicode(line):
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


def parse_json(string: str, location: Location, errors: DecodeErrors) -> Any:
    """Parse JSON, all of whose strings are then valid Unicode."""
    try:
        value = json.loads(string)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{location}: malformed JSON: {error}. Found {shorten(string)}"
        ) from error
    if "\\u" not in string:
        return value
    # An escape can spell what Unicode does not have: half of a surrogate pair.
    spelled_out = json.dumps(value, ensure_ascii=False)
    if is_unicode(spelled_out):
        return value
    if errors == "strict":
        raise ValueError(
            f"{location}: half of a surrogate pair, which is no character; "
            'errors = "replace" reads it as U+FFFD'
        )
    raw = spelled_out.encode("utf-16", "surrogatepass")
    return json.loads(raw.decode("utf-16", "replace"))


def get_value(row: Row, column: str, location: Location) -> Any:
    if column not in row:
        raise ValueError(
            f"{location}: no column {column!r}; there is {join_names(row)}"
        )
    return row[column]


def is_unicode(string: str) -> bool:
    """Tell whether a string can be written as UTF-8: it has no half surrogate pair."""
    try:
        string.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def join_names(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def shorten(value: Any, length: int = 60) -> str:
    string = repr(value)
    return string if len(string) <= length else string[: length - 1] + "…"


def _check_header(cells: list[str], location: Location) -> list[str]:
    twice = sorted({name for name in cells if cells.count(name) > 1})
    if twice:
        raise ValueError(
            f"{location}: more than one column is named {join_names(twice)}"
        )
    return cells


def _first_bad_byte(line: str) -> int:
    return next(ord(char) - 0xDC00 for char in line if "\udc80" <= char <= "\udcff")
