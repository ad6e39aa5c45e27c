"""Read annotated tokens from JSONL and column files, one sentence at a time."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from spacy_rnn.corpora.files.lines import Location, Reading, has_suffix, read_lines
from spacy_rnn.corpora.files.rows import (
    DOCBIN_SUFFIX,
    JSON_SUFFIXES,
    get_value,
    join_names,
    read_jsonl,
    shorten,
)

COLUMN_SUFFIXES = tuple(
    suffix + end for suffix in (".conll", ".iob", ".tsv", ".txt") for end in ("", ".gz")
)
TOKEN_SUFFIXES = (DOCBIN_SUFFIX, *JSON_SUFFIXES, *COLUMN_SUFFIXES)

# A line of a column file that begins with this begins a document and is no token.
DOCUMENT_MARK = "-DOCSTART-"


class Sentence(NamedTuple):
    """The tokens of a sentence and what a file says about them."""

    location: Location  # of the first token
    lines_per_token: int  # 1 in a column file, 0 in JSONL
    tokens: list[str]
    spaces: list[bool] | None  # whether a space follows each token, None: unknown
    document: Any  # equal in all sentences of a document, as far as they follow
    values: dict[str, list[str | None]]  # by column, one for each token

    def locate(self, token: int) -> Location:
        """Return the place of a token, given its index."""
        path, line = self.location
        return Location(path, line + self.lines_per_token * token)


def read_sentences(
    path: Path,
    names: Collection[str],
    how: Reading,
    *,
    token_column: str = "tokens",
    columns: Sequence[str] | None = None,
) -> Iterator[Sentence]:
    """Read the sentences of one file, lazily.

    Args:
        path: A file that ends in one of `JSON_SUFFIXES` or `COLUMN_SUFFIXES`.
        names: Keys or columns to read beside the tokens.
        how: How to read it.
        token_column: Key or column that holds the tokens.
        columns: Names of all columns of a column file.
    """
    if has_suffix(path, *JSON_SUFFIXES):
        sentences = _read_objects(path, names, token_column, how)
    else:
        sentences = _read_columns(path, names, token_column, columns or (), how)
    for sentence in sentences:
        if "" in sentence.tokens:
            where = sentence.locate(sentence.tokens.index(""))
            raise ValueError(f"{where}: a token without a character")
        yield sentence


def _read_objects(
    path: Path, names: Collection[str], token_column: str, how: Reading
) -> Iterator[Sentence]:
    for location, row in read_jsonl(path, how):
        tokens = get_value(row, token_column, location)
        _check_list(tokens, token_column, location, str)
        spaces = row.get("spaces")
        if spaces is not None:
            _check_list(spaces, "spaces", location, bool, length=len(tokens))
        values = {}
        for name in names:
            values[name] = get_value(row, name, location)
            if values[name] is None:
                values[name] = [None] * len(tokens)
            types = (str, type(None))
            _check_list(values[name], name, location, *types, length=len(tokens))
        yield Sentence(location, 0, tokens, spaces, row.get("doc"), values)


def _check_list(
    values: Any, name: str, location: Location, *types: type, length: int | None = None
) -> None:
    if not isinstance(values, list):
        raise ValueError(
            f"{location}: {name!r} must be a list with a value for each token, got "
            f"{shorten(values)}"
        )
    if not set(map(type, values)).issubset(types):
        wrong = next(value for value in values if type(value) not in types)
        expected = "true or false" if bool in types else "a string"
        raise ValueError(
            f"{location}: each value in {name!r} must be {expected}, got "
            f"{shorten(wrong)}"
        )
    if length not in (None, len(values)):
        raise ValueError(
            f"{location}: {len(values)} values in {name!r} for {length} tokens"
        )


def _read_columns(
    path: Path,
    names: Collection[str],
    token_column: str,
    columns: Sequence[str],
    how: Reading,
) -> Iterator[Sentence]:
    for location, document, rows in _read_rows(path, columns, how):
        cells = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
        values = {name: cells[name] for name in names}
        yield Sentence(location, 1, cells[token_column], None, document, values)


def _read_rows(
    path: Path, columns: Sequence[str], how: Reading
) -> Iterator[tuple[Location, int, list[list[str]]]]:
    """Read the place, the number of the document and the cells of each sentence."""
    rows: list[list[str]] = []
    document = 0
    number = 0
    has_tabs: bool | None = None  # found out in the first line with a token
    for number, line in enumerate(read_lines(path, how, newline="\n"), start=1):
        line = line.rstrip("\r\n")
        is_mark = line.startswith(DOCUMENT_MARK)
        if is_mark or not line.strip(" \t"):
            if rows:
                yield Location(path, number - len(rows)), document, rows
                rows = []
            document += is_mark
            continue
        if has_tabs is None:
            has_tabs = "\t" in line
        cells = split_cells(line, has_tabs)
        if len(cells) != len(columns):
            raise ValueError(
                f"{path}:{number}: expected {len(columns)} columns with "
                f"{'tabs' if has_tabs else 'spaces'} between them "
                f"({join_names(columns)}), got {len(cells)}"
            )
        rows.append(cells)
    if rows:
        yield Location(path, number + 1 - len(rows)), document, rows


def split_cells(line: str, has_tabs: bool) -> list[str]:
    """Split a line at every tab, or at every run of spaces.

    Other white space is part of a cell: a no-break space can stand in a token.
    """
    if has_tabs:
        return [cell.strip(" ") for cell in line.split("\t")]
    return [cell for cell in line.split(" ") if cell]
