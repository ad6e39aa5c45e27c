"""Find the columns of annotated tokens."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from spacy_rnn.cli.readers import TOKENS
from spacy_rnn.cli.starter.ways import SAMPLE, Columns, Given, Way, is_list_of, pick
from spacy_rnn.corpora.files.lines import Reading, has_suffix, read_lines
from spacy_rnn.corpora.tokens.chunk_tags import PREFIXES
from spacy_rnn.corpora.tokens.docs import UNIVERSAL_POS, UNKNOWN_TAGS
from spacy_rnn.corpora.tokens.records import DOCUMENT_MARK, split_cells

MAX_TAGS = 500  # different ones; what has more is no column of tags
UNREAD = "_"  # name of a column that isn't read
LETTERS = frozenset("".join(PREFIXES.values()))  # that chunk tags begin with

# Names that say what a column is, the most telling first.
TOKEN_NAMES = ("tokens", "words", "token", "word", "form")
TAG_NAMES = ("tag", "tags", "xpos", "pos", "upos", "pos_tags")
POS_NAMES = ("pos", "upos", "pos_tags", "tag", "tags")
ENTITY_NAMES = ("ner", "ents", "entities", "ner_tags", "tags")
SPAN_NAMES = ("spans", "chunks", "chunk", *ENTITY_NAMES)


def find_token_lists(columns: Columns, given: Given) -> Way | None:
    """Look for lists of tokens and, in others of their lengths, tags."""
    n_rows = max(map(len, columns.values()), default=0)
    lists = {
        name: [value or [] for value in values]
        for name, values in columns.items()
        if len(values) == n_rows
        and any(values)
        and all(value is None or is_list_of(str | None, value) for value in values)
    }
    tokens = given.get("token_column") or pick(
        lists, TOKEN_NAMES, key=lambda name: len(set().union(*lists[name]))
    )
    if tokens not in lists:
        return None
    lengths = list(map(len, lists.pop(tokens)))
    tags = {
        name: list(chain.from_iterable(values))
        for name, values in lists.items()
        if all(len(v) in (0, n) for v, n in zip(values, lengths, strict=True))
    }
    return Way(TOKENS, {"token_column": tokens}, _find_tags(tags, given))


def find_token_columns(columns: Columns, given: Given) -> Way:
    """Look for tokens and tags in a column file, and name the columns that are read."""
    tokens = given.get("token_column") or pick(
        columns, TOKEN_NAMES, key=lambda name: len(set(columns[name]))
    )
    others = {
        name: values for name, values in columns.items() if name not in (tokens, UNREAD)
    }
    tasks = _find_tags(others, given)
    if given.get("columns"):
        return Way(TOKENS, {"token_column": tokens}, tasks)
    named = {tokens: "tokens"}
    for settings in tasks.values():
        for setting, number in settings.items():
            named.setdefault(number, setting.removesuffix("_column"))
    return Way(
        TOKENS,
        {
            "token_column": "tokens",
            "columns": [named.get(number, UNREAD) for number in columns],
        },
        {
            task: {setting: named[number] for setting, number in settings.items()}
            for task, settings in tasks.items()
        },
    )


def has_token_lines(file: Path, given: Given, how: Reading) -> bool:
    """Tell a table with a token a line, in sentences, from one of texts."""
    if given.get("columns"):
        return True
    if not has_suffix(file, ".tsv", ".tsv.gz"):
        return False
    lines = [line.strip() for line in islice(_read(file, how), SAMPLE)]
    return "" in lines[:-1] or any(line.startswith(DOCUMENT_MARK) for line in lines[:1])


def _read(file: Path, how: Reading) -> Iterator[str]:
    return read_lines(file, how, newline="\n")


def gather_cells(file: Path, given: Given, how: Reading) -> Columns:
    """Collect the cells of each column, under its name if it has one, or its number."""
    lines = (line.strip("\r\n") for line in _read(file, how))
    filled = (
        line for line in lines if line.strip() and not line.startswith(DOCUMENT_MARK)
    )
    sample = list(islice(filled, SAMPLE))
    rows = [split_cells(line, "\t" in sample[0]) for line in sample]
    names = given.get("columns") or [
        str(i + 1) for i in range(len(rows[0]) if rows else 0)
    ]
    return {
        name: [row[i] for row in rows if i < len(row)] for i, name in enumerate(names)
    }


def _find_tags(
    columns: Mapping[str, Sequence[str | None]], given: Given
) -> dict[str, dict[str, Any]]:
    """Say for each task on tokens which column its labels are in."""
    chunks: list[str] = []
    tags: list[str] = []
    pos: list[str] = []
    for name, values in columns.items():
        different = {value for value in values if value not in UNKNOWN_TAGS}
        if _are_chunk_tags(different):
            chunks.append(name)
        elif 2 <= len(different) <= min(MAX_TAGS, len(values) / 2):
            tags.append(name)
            if different <= UNIVERSAL_POS:
                pos.append(name)
    last = list(columns).index  # where no name says which, it is the last one
    found = {
        "ner": ("entity_column", pick(chunks, ENTITY_NAMES, key=last)),
        "tagger": ("tag_column", pick(tags, TAG_NAMES)),
        "morphologizer": ("pos_column", pick(pos, POS_NAMES)),
        "spans": ("span_column", pick(chunks, SPAN_NAMES, key=last)),
    }
    named = {
        task: (setting, given.get(setting) or name)
        for task, (setting, name) in found.items()
    }
    return {task: {setting: name} for task, (setting, name) in named.items() if name}


def _are_chunk_tags(tags: set[str | None]) -> bool:
    chunks = [tag for tag in tags if tag not in ("O", "-", None)]
    return bool(chunks) and all(
        tag[:1] in LETTERS and tag[1:2] == "-" and tag[2:] for tag in chunks if tag
    )
