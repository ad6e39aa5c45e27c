"""Read lines of text. What is wrong in a file is an error that names the line."""

import errno
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Literal, NamedTuple, TypeVar

RowErrors = Literal["strict", "skip", "replace"]
OnError = Callable[[ValueError], None]  # told of what cannot be read
Found = TypeVar("Found")
Record = TypeVar("Record")

MAX_SIZE = 100_000_000

# What the modules that unpack raise for data that is not whole, or locked, or packed in
# a way that they don't know.
BROKEN = (
    EOFError,
    OSError,
    RuntimeError,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
# How files begin that are no text in UTF-8, as decode_lines sees it.
OTHER_FORMATS = (
    ("\x1f\udc8b", "gzipped data, whose name has to end in .gz"),
    ("PK\x03\x04", "a zip archive, which a spreadsheet also is"),
    ("\udcff\udcfe", "text in UTF-16"),
    ("\udcfe\udcff", "text in UTF-16"),
)


class Location(NamedTuple):
    """A place in a file, written as editors and terminals understand it."""

    path: Path
    line: int
    header_line: int = 0  # that names the columns; 0: each record does

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"

    @property
    def header(self) -> "Location":
        """The place that names the columns."""
        return self._replace(line=self.header_line or self.line)


class Unreadable(ValueError):
    """Something in a file that cannot be read, of a kind that a report names."""

    kind = "Malformed records"


class NoUnicode(Unreadable):
    kind = "Records that are no valid Unicode"


class NoColumn(Unreadable):
    kind = "Records without a column"


class DamagedFile(Unreadable):
    kind = "Damaged files"


class TooLarge(Unreadable):
    kind = "Lines and files that are too large"


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
        max_size: Characters in a line, and bytes in a file that is read at once, at
            most; 0: any number.
    """

    errors: RowErrors = "strict"
    on_error: OnError = raise_error
    max_size: int = MAX_SIZE


def read_each(
    read: Callable[[Found], Record], found: Iterable[Found], how: Reading
) -> Iterator[Record]:
    """Read what was found, and leave out or refuse what raises a ValueError."""
    for each in found:
        try:
            record = read(each)
        except ValueError as error:
            how.on_error(error)
        else:
            yield record


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
            limit = how.max_size or sys.maxsize - 1
            for line in iter(partial(text.readline, limit + 1), ""):
                number += 1
                if number == 1:
                    line = line.lstrip("\ufeff")  # a second byte order mark
                if number == 1 or len(line) > limit:
                    problem = _find_problem(line, Location(path, number), limit)
                    if problem is not None:
                        how.on_error(problem)
                        return
                if how.errors == "replace" and not is_unicode(line):
                    raw = line.encode("utf-8", "surrogateescape")
                    line = raw.decode("utf-8", "replace")
                if how.errors != "skip":
                    check_unicode(line, path, number)
                yield line
    except BROKEN as error:
        how.on_error(damaged(error, f"{path}:{number + 1}: damaged gzip data"))


def _find_problem(line: str, location: Location, limit: int) -> Unreadable | None:
    """Find what makes it pointless to read on."""
    if len(line) > limit:
        return TooLarge(
            f"{location}: a line of more than {limit} characters; max_size = 0 reads "
            "any"
        )
    for beginning, content in OTHER_FORMATS:
        if line.startswith(beginning):
            return NoUnicode(
                f"{location}: expected text in UTF-8, but this is {content}"
            )
    return None


def read_whole(file: BinaryIO, place: Path, how: Reading) -> bytes:
    """Read all bytes of a file, unless there are too many of them."""
    data = file.read(how.max_size + 1 if how.max_size else -1)
    if how.max_size and len(data) > how.max_size:
        raise TooLarge(
            f"{place}: more than {how.max_size} bytes; max_size = 0 reads any number"
        )
    return data


def damaged(error: Exception, what: str) -> DamagedFile:
    """Return the error of damaged data, or raise again that of the disk.

    That is an OSError with a number. Those of modules that unpack have none, or say
    that they were sent to a place that is not there.
    """
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        raise error
    return DamagedFile(f"{what}: {error}")


def check_unicode(string: str, path: Path, line: int) -> None:
    """Raise an error for what is no text in UTF-8, as `decode_lines` reads it."""
    if "\0" in string:
        raise NoUnicode(f"{path}:{line}: NUL byte. Is the file text, and in UTF-8?")
    if not is_unicode(string):
        raise NoUnicode(
            f"{path}:{line}: byte {_first_bad_byte(string):#x} is not UTF-8; "
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
