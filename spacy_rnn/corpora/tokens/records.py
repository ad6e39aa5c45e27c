"""Read annotated tokens from JSONL and column files, one sentence at a time."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from spacy_rnn.corpora.files.lines import (
    Location,
    Reading,
    RowErrors,
    check_unicode,
    has_suffix,
    read_each,
    read_lines,
)
from spacy_rnn.corpora.files.rows import (
    DOCBIN_SUFFIX,
    JSON_SUFFIXES,
    Row,
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
    chunks: Mapping[str, list[str]] = {}  # those that are chunk tags, in BIO

    def locate(self, token: int) -> Location:
        """Return the place of a token, given its index."""
        line = self.location.line + self.lines_per_token * token
        return self.location._replace(line=line)


def read_sentences(
    path: Path,
    names: Collection[str],
    finish: Callable[[Sentence], Sentence],
    how: Reading,
    *,
    token_column: str,
    columns: Sequence[str] | None,
) -> Iterator[Sentence]:
    """Read the sentences of one file, lazily.

    Args:
        path: A file that ends in one of `JSON_SUFFIXES` or `COLUMN_SUFFIXES`.
        names: Keys or columns to read beside the tokens.
        finish: Completes a sentence, or raises an error.
        how: How to read it.
        token_column: Key or column that holds the tokens.
        columns: Names of all columns of a column file.
    """
    found: Iterable[Any]
    if has_suffix(path, *JSON_SUFFIXES):
        found = read_jsonl(path, how)
        read = partial(_read_object, names=names, token_column=token_column)
    else:
        found = _split_blocks(path, how)
        read = partial(
            _read_block,
            names=names,
            token_column=token_column,
            columns=columns or (),
            errors=how.errors,
        )
    yield from read_each(lambda each: finish(read(*each)), found, how)


def _read_object(
    location: Location, row: Row, names: Collection[str], token_column: str
) -> Sentence:
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
    return Sentence(location, 0, tokens, spaces, row.get("doc"), values)


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


def _read_block(
    location: Location,
    document: int,
    lines: list[str],
    has_tabs: bool,
    *,
    names: Collection[str],
    token_column: str,
    columns: Sequence[str],
    errors: RowErrors,
) -> Sentence:
    """Read the lines of a sentence in a file of columns."""
    rows = [split_cells(line, has_tabs) for line in lines]
    for number, (line, cells) in enumerate(
        zip(lines, rows, strict=True), start=location.line
    ):
        if errors == "skip":
            check_unicode(line, location.path, number)
        if "\r" in line:
            raise ValueError(
                f"{location.path}:{number}: a line has to end in \\n or \\r\\n, but "
                "here is \\r alone"
            )
        if len(cells) != len(columns):
            raise ValueError(
                f"{location.path}:{number}: expected {len(columns)} columns with "
                f"{'tabs' if has_tabs else 'spaces'} between them "
                f"({join_names(columns)}), got {len(cells)}"
            )
    table = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
    values = {name: table[name] for name in names}
    return Sentence(location, 1, table[token_column], None, document, values)


def _split_blocks(
    path: Path, how: Reading
) -> Iterator[tuple[Location, int, list[str], bool]]:
    """Find the sentences of a file of columns. Their lines are still to be read.

    Yields:
        The place of a sentence, the number of its document, its lines, and whether tabs
        part cells, as in the first line with a token.
    """
    lines: list[str] = []
    document = 0
    has_tabs: bool | None = None
    ended = chain(read_lines(path, how, newline="\n"), [""])
    for number, line in enumerate(ended, start=1):
        line = line.rstrip("\r\n")
        is_mark = line.startswith(DOCUMENT_MARK)
        if is_mark or not line.strip(" \t"):
            if lines:
                has_tabs = "\t" in lines[0] if has_tabs is None else has_tabs
                yield Location(path, number - len(lines)), document, lines, has_tabs
                lines = []
            document += is_mark
        else:
            lines.append(line)


def split_cells(line: str, has_tabs: bool) -> list[str]:
    """Split a line at every tab, or at every run of spaces.

    Other white space is part of a cell: a no-break space can stand in a token.
    """
    if has_tabs:
        return [cell.strip(" ") for cell in line.split("\t")]
    return [cell for cell in line.split(" ") if cell]
