"""Read lines of text. What is wrong in a file is an error that names the line."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Literal, NamedTuple

DecodeErrors = Literal["strict", "replace"]
RowErrors = Literal["strict", "skip", "replace"]
OnError = Callable[[ValueError], None]  # told of what cannot be read


class Location(NamedTuple):
    """A place in a file, written as editors and terminals understand it."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Unreadable(ValueError):
    """Something in a file that cannot be read, of a kind that a report names."""

    kind = "Malformed records"


class NoUnicode(Unreadable):
    kind = "Records that are no valid Unicode"


class NoColumn(Unreadable):
    kind = "Records without a column"


class DamagedFile(Unreadable):
    kind = "Damaged files"


def raise_error(error: ValueError) -> None:
    raise error


class Reading(NamedTuple):
    """How files are read, and what becomes of what cannot be.

    Attributes:
        errors: What becomes of text that is not valid Unicode: "replace" puts U+FFFD
            in its place, all else makes it an error. With "strict", bytes that are not
            UTF-8 are raised without `on_error` being asked.
        on_error: Raises the error of a record or a file, or takes note of it; what
            cannot be read is left out then, and what comes before it is read.
    """

    errors: RowErrors = "strict"
    on_error: OnError = raise_error


def read_lines(path: Path, how: Reading, *, newline: str) -> Iterator[str]:
    """Read lines with their ends, as `decode_lines` does."""
    opener: Callable[..., Any] = gzip.open if has_suffix(path, ".gz") else open
    with opener(path, "rb") as file:
        yield from decode_lines(file, path, how, newline=newline)


def decode_lines(
    file: BinaryIO, path: Path, how: Reading, *, newline: str | None
) -> Iterator[str]:
    """Decode lines with their ends.

    Args:
        file: An open file, or an unpacked one.
        path: Its name in messages.
        how: With "skip", a line that is not valid Unicode is left for `check_unicode`
            to find.
        newline: As for `open`.
    """
    number = 0
    try:
        # surrogateescape lets through what is not UTF-8, so that its line is known.
        with io.TextIOWrapper(
            file, encoding="utf-8-sig", errors="surrogateescape", newline=newline
        ) as text:
            for line in text:
                number += 1
                if how.errors == "replace" and not is_unicode(line):
                    raw = line.encode("utf-8", "surrogateescape")
                    line = raw.decode("utf-8", "replace")
                if how.errors != "skip":
                    check_unicode(line, Location(path, number))
                yield line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        how.on_error(DamagedFile(f"{path}:{number + 1}: damaged gzip data: {error}"))


def check_unicode(string: str, location: Location) -> None:
    """Raise an error for what is no text in UTF-8, as `decode_lines` reads it."""
    if "\0" in string:
        raise NoUnicode(f"{location}: NUL byte. Is the file text, and in UTF-8?")
    if not is_unicode(string):
        raise NoUnicode(
            f"{location}: byte {_first_bad_byte(string):#x} is not UTF-8; "
            'errors = "replace" reads it as U+FFFD'
        )


def has_suffix(path: PurePath, *suffixes: str) -> bool:
    return path.name.lower().endswith(suffixes)


def is_unicode(string: str) -> bool:
    """Tell whether a string can be written as UTF-8: it has no half surrogate pair."""
    try:
        string.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _first_bad_byte(line: str) -> int:
    return next(ord(char) - 0xDC00 for char in line if "\udc80" <= char <= "\udcff")
