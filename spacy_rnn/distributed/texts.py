"""Texts of files, with their ids, cut into shards of so many."""

from array import array
from collections.abc import Iterator
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from spacy.util import minibatch

from spacy_rnn.corpora.files.lines import Location, Reading, RowErrors, has_suffix
from spacy_rnn.corpora.files.rows import (
    ROW_SUFFIXES,
    Row,
    find_files,
    get_value,
    is_table,
    join_names,
    read_rows,
    shorten,
)
from spacy_rnn.distributed.extras import need

PARQUET_SUFFIX = ".parquet"
SUFFIXES = (*ROW_SUFFIXES, PARQUET_SUFFIX)
BATCH = 1024  # rows of a Parquet file that are read at once
INT64 = 2**63


class Text(NamedTuple):
    """A text to annotate; None where there is none."""

    id: str | int
    text: str | None
    location: Location


class Shard(NamedTuple):
    """Texts that are annotated and written together."""

    number: int
    texts: list[Text]

    def __str__(self) -> str:
        first, last = self.texts[0].location, self.texts[-1].location
        return f"shard {self.number} ({first} to {last})"


class Contents(NamedTuple):
    """What is known of all texts once they have been read.

    Attributes:
        n_texts: How many there are.
        has_numbers: Whether the ids are whole numbers.
    """

    n_texts: int
    has_numbers: bool


class Texts:
    """The texts of a file, or of all files in a folder: JSONL, CSV, TSV or Parquet."""

    def __init__(
        self,
        path: Path,
        *,
        text: str,
        id: str | None,  # noqa: A002
        errors: RowErrors = "strict",
    ) -> None:
        """Find the files.

        Args:
            path: A file or a folder.
            text: The column with the texts, strings or null, which an empty cell of a
                table stands for.
            id: The column that says whose they are, strings or whole numbers. None
                names a text by its file and line, such as "mails.jsonl:12".
            errors: What becomes of text that is not valid Unicode, see `Reading`.

        Raises:
            ValueError: If there is no file of a kind that is read.
        """
        self.files = find_files(path, SUFFIXES)
        self.path = path
        self.folder = path if path.is_dir() else path.parent
        self.how = Reading(errors)
        self.text = text
        self.id = id

    def __iter__(self) -> Iterator[Text]:
        """Read all files.

        Raises:
            ValueError: For what can't be read, with its file and line.
        """
        for file in self.files:
            if has_suffix(file, PARQUET_SUFFIX):
                rows = read_parquet(file, [self.text, self.id])
            else:
                rows = read_rows(file, self.how)
            for location, row in rows:
                text = get_value(row, self.text, location)
                if text == "" and is_table(file):
                    text = None  # as pandas and others write it
                if text is not None and not isinstance(text, str):
                    raise ValueError(
                        f"{location}: {self.text!r} must be a string or null, got "
                        f"{shorten(text)}"
                    )
                yield Text(self._find_id(row, location), text, location)

    def _find_id(self, row: Row, location: Location) -> str | int:
        if self.id is None:
            name = location.path.relative_to(self.folder).as_posix()
            return f"{name}:{location.line}"
        value = get_value(row, self.id, location)
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if not (is_number or (isinstance(value, str) and value)):
            raise ValueError(
                f"{location}: {self.id!r} must be a string or a whole number, got "
                f"{shorten(value)}"
            )
        return value

    def check(self) -> Contents:
        """Read everything once, to know that it can be read and that ids differ.

        Of an id only 8 bytes are kept, so that it takes 0.8 GB for 100 million.

        Raises:
            ValueError: If there is no text, something can't be read, or an id occurs
                twice.
        """
        hashes = array("q")
        has_numbers = self.id is not None
        for each in self:
            hashes.append(hash(str(each.id)))
            if not (isinstance(each.id, int) and -INT64 <= each.id < INT64):
                has_numbers = False
        if not hashes:
            raise ValueError(f"{self.path}: there is no text in it")
        self._check_distinct(np.sort(np.frombuffer(hashes, dtype="i8")))
        return Contents(len(hashes), has_numbers)

    def _check_distinct(self, hashes: np.ndarray) -> None:
        twice = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
        if not twice:
            return
        seen: dict[str, Location] = {}
        for each in self:
            name = str(each.id)
            if hash(name) not in twice:
                continue
            if name in seen:
                raise ValueError(
                    f"{each.location}: the id {name!r} is that of {seen[name]}, too. "
                    "Each text needs an id of its own"
                )
            seen[name] = each.location

    def cut(self, size: int, *, has_numbers: bool) -> Iterator[Shard]:
        """Cut shards of so many texts, the last one of what is left.

        Args:
            size: Texts in a shard.
            has_numbers: Whether ids are whole numbers, as `check` says; else, those
                that are become strings.
        """
        texts = self if has_numbers else (x._replace(id=str(x.id)) for x in self)
        return starmap(Shard, enumerate(minibatch(texts, size)))


def read_parquet(
    path: Path, columns: list[str | None]
) -> Iterator[tuple[Location, Row]]:
    """Read a Parquet file, whose rows are counted from 1."""
    pa, pq = need("pyarrow", "apply"), need("pyarrow.parquet", "apply")
    try:
        with pq.ParquetFile(path) as file:
            names = [name for name in columns if name in file.schema_arrow.names]
            if absent := [name for name in columns if name and name not in names]:
                raise ValueError(
                    f"{path}: no column {absent[0]!r}; there is "
                    f"{join_names(file.schema_arrow.names)}"
                )
            number = 0
            for batch in file.iter_batches(BATCH, columns=names):
                for row in batch.to_pylist():
                    number += 1
                    yield Location(path, number), row
    except pa.ArrowException as error:
        raise ValueError(f"{path}: damaged Parquet file: {error}") from error


def to_table(shard: Shard) -> Any:
    """Make the table that is annotated, with the columns id and text."""
    pa = need("pyarrow", "apply")
    ids = pa.array([each.id for each in shard.texts])
    texts = pa.array([each.text for each in shard.texts], pa.string())
    return pa.table([ids, texts], names=["id", "text"])
