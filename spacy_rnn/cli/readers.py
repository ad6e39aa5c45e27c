"""Choose a reader by the options of a command, which are the arguments of readers."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from inspect import signature
from itertools import combinations
from pathlib import Path
from typing import Any

from spacy import registry

from spacy_rnn.corpora.file_corpus import FileCorpus
from spacy_rnn.corpora.files.archives import ARCHIVE_SUFFIXES
from spacy_rnn.corpora.files.lines import has_suffix
from spacy_rnn.corpora.files.rows import walk_folder
from spacy_rnn.corpora.summaries.files import STORY_SUFFIXES, SUMMARY_SUFFIXES
from spacy_rnn.corpora.texts.records import TEXT_SUFFIXES
from spacy_rnn.corpora.tokens.records import COLUMN_SUFFIXES, TOKEN_SUFFIXES

SUFFIXES = tuple(dict.fromkeys((*TEXT_SUFFIXES, *TOKEN_SUFFIXES, *SUMMARY_SUFFIXES)))
TEXTS = "labelled texts"
TOKENS = "annotated tokens"
SUMMARIES = "articles with summaries"
PAIRS = "texts with what they become"
READERS = {  # in the order in which one is looked for
    TEXTS: "spacy-rnn.TextCorpus.v1",
    SUMMARIES: "spacy-rnn.SummaryCorpus.v1",
    TOKENS: "spacy-rnn.TokenCorpus.v1",
    PAIRS: "spacy-rnn.PairCorpus.v1",
}


def open_corpus(
    path: Path, options: Mapping[str, Any], settings: Mapping[str, Any]
) -> FileCorpus:
    """Make the reader that has all the options that are given.

    Args:
        path: A file or a folder.
        options: Arguments of all readers.
        settings: Arguments of some of the readers, None where none is given.
    """
    given: dict[str, Any] = {
        name: value for name, value in settings.items() if value is not None
    }
    kind = _find_kind(path, given)
    if kind == TEXTS:
        _check_no_tokens(path)
    elif kind == SUMMARIES:
        # A blank pipeline has no component that finds sentences.
        given = {"sentences": "punkt", "keep_summary": False, **given}
    reader: Any = registry.readers.get(READERS[kind])
    return reader(path, **options, **given)


@cache
def options_of(kind: str) -> frozenset[str]:
    """Name the arguments that a kind of reader has beside those of all."""
    reader = registry.readers.get(READERS[kind])
    return frozenset(signature(reader).parameters) - {*signature(FileCorpus).parameters}


def _find_kind(path: Path, given: Iterable[str]) -> str:
    kinds = [kind for kind in READERS if options_of(kind).issuperset(given)]
    if TEXTS in kinds:
        return SUMMARIES if _has_stories(path) and SUMMARIES in kinds else TEXTS
    if kinds:
        return kinds[0]
    for one, other in combinations(given, 2):
        if not any({one, other} <= options_of(kind) for kind in READERS):
            raise ValueError(
                f"{_spell(one)} is of {_kind_of(one)}, but {_spell(other)} of "
                f"{_kind_of(other)}"
            )
    raise AssertionError("options of which each two go together do so all")


def _has_stories(path: Path) -> bool:
    """Tell whether a path leads to files that can be nothing but summaries."""
    files = walk_folder(path) if path.is_dir() else [path]
    return any(has_suffix(file, *STORY_SUFFIXES, *ARCHIVE_SUFFIXES) for file in files)


def _check_no_tokens(path: Path) -> None:
    """Say what it takes to read files of columns, which say nothing of it."""
    files = list(walk_folder(path)) if path.is_dir() else [path]
    columns = [file for file in files if has_suffix(file, *COLUMN_SUFFIXES)]
    if columns and not any(has_suffix(file, *TEXT_SUFFIXES) for file in files):
        raise ValueError(
            f"{columns[0]}: such a file has annotated tokens. Name its columns with "
            "--columns, such as tokens,ner, and what to read with --entity-column, "
            "--span-column, --tag-column or --pos-column. Texts without labels can be "
            "summarized: name the folder of summaries with --summary-path. If its "
            "lines are sources, name the file of the targets with --target-path"
        )


def spell(message: str) -> str:
    """Put the arguments of readers, as a config writes them, as options."""
    names = {"errors", "max_size"}.union(*map(options_of, READERS))
    either = "|".join(sorted(names, key=len, reverse=True))
    message = re.sub(
        rf'\b({either}) = (\[.*?\]|".*?"|\d+)',
        lambda match: f"{_spell(match[1])} {_spell_value(match[2])}",
        message,
    )
    # A word that is no setting has no underscore, and what is quoted is in the data.
    either = "|".join(name for name in names if "_" in name)
    return re.sub(
        rf"(?<![\w'\"-])({either})(?![\w'\"])", lambda m: _spell(m[1]), message
    )


def _spell_value(value: str) -> str:
    try:
        found = json.loads(value)
    except ValueError:  # it is the user's, and looks like a setting
        return value
    return ",".join(map(str, found)) if isinstance(found, list) else str(found)


def _spell(option: str) -> str:
    return "--" + option.replace("_", "-")


def _kind_of(option: str) -> str:
    return next(kind for kind in READERS if option in options_of(kind))
