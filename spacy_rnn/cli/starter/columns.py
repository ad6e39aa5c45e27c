"""Find out what is in a data file, and by which settings a reader reads it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import spacy

from spacy_rnn.cli.readers import PAIRS, SUFFIXES, SUMMARIES, options_of
from spacy_rnn.cli.starter.configs import WRITERS
from spacy_rnn.cli.starter.text_columns import find_texts
from spacy_rnn.cli.starter.token_columns import (
    find_token_columns,
    find_token_lists,
    gather_cells,
    has_token_lines,
)
from spacy_rnn.cli.starter.ways import SAMPLE, Columns, Given, Way
from spacy_rnn.corpora.files.lines import MAX_SIZE, Reading, has_suffix
from spacy_rnn.corpora.files.rows import (
    DOCBIN_SUFFIX,
    JSON_SUFFIXES,
    TABLE_SUFFIXES,
    find_files,
    join_names,
    read_rows,
)
from spacy_rnn.corpora.references import make_reading, read_docs
from spacy_rnn.corpora.summaries.docs import SUMMARY
from spacy_rnn.corpora.tokens.records import TOKEN_SUFFIXES
from spacy_rnn.extensions import register_text

SPANS_KEY = "sc"  # as spaCy's spancat and the reader have it


def find_ways(path: Path, given: Given) -> list[Way]:
    """List the ways in which a file can be read, the best guess first.

    Args:
        path: A file, or a folder of files that are alike.
        given: Settings of readers that the user has named.

    Raises:
        ValueError: If it can't be read, or there is nothing in it that a task is for.
    """
    if "target_path" in given:
        return [Way(PAIRS, {}, WRITERS)]
    file = find_files(path, SUFFIXES)[0]
    how = make_reading(given.get("errors", "strict"), MAX_SIZE)
    if has_suffix(file, DOCBIN_SUFFIX):
        if named := sorted(given.keys() - {"errors"}):
            option = named[0].replace("_", "-")
            raise ValueError(
                f"{file}: --{option} is for files of other kinds; a {DOCBIN_SUFFIX} "
                "file has documents, whose annotation needs no names"
            )
        found = _find_annotations(file, how)
        return [Way(None, {}, {task: WRITERS.get(task, {}) for task in found})]
    has_lines = has_token_lines(file, given, how)
    is_table = has_suffix(file, *TABLE_SUFFIXES) and not has_lines
    if is_table or has_suffix(file, *JSON_SUFFIXES):
        columns = _gather(row for _, row in read_rows(file, how))
        tokens = None if is_table else find_token_lists(columns, given)
        ways = [*([tokens] if tokens else []), *find_texts(columns, given)]
    elif has_suffix(file, *TOKEN_SUFFIXES):
        columns = gather_cells(file, given, how)
        ways = [find_token_columns(columns, given)]
    else:
        return [Way(SUMMARIES, {}, {"summarizer": {}})]
    if not columns:
        raise ValueError(f"{file}: no document with a text")
    ways = [way for way in ways if way.tasks]
    if not ways:
        raise ValueError(
            f"{file}: no task fits the columns {join_names(columns)}. Name those that "
            "hold the texts and the labels, the tokens and their tags, or the sources "
            "and their targets, by options"
        )
    # What a reader has no option for is meant for another one.
    return sorted(ways, key=lambda way: len(given.keys() - options_of(way.reader)))


def _gather(rows: Iterable[Mapping[str, Any]]) -> Columns:
    """Collect the values of each key of the first rows, those of the usual kind."""
    columns: dict[str, list[Any]] = {}
    for row in islice(rows, SAMPLE):
        for key, value in row.items():
            columns.setdefault(key, []).append(value)
    return {key: _keep_usual(values) for key, values in columns.items()}


def _keep_usual(values: Sequence[Any]) -> list[Any]:
    """Leave out values that aren't of the kind that most are of: readers tell those."""
    kinds = Counter(type(value) for value in values if value is not None)
    usual = max(kinds, key=lambda kind: kinds[kind], default=object)
    return [value if isinstance(value, usual) else None for value in values]


def _find_annotations(path: Path, how: Reading) -> list[str]:
    """List the tasks that a .spacy file has annotation for, the best guess first."""
    for settings in WRITERS.values():
        register_text(settings["extension"])
    docs = list(islice(read_docs(path, spacy.blank("xx").vocab, how), SAMPLE))
    groups = {key for doc in docs for key in doc.spans}
    has_cats = any(doc.cats for doc in docs)
    has = {
        "ner": any(doc.ents for doc in docs),
        "tagger": any(doc.has_annotation("TAG") for doc in docs),
        "morphologizer": any(doc.has_annotation("MORPH") for doc in docs),
        "spans": SPANS_KEY in groups,
        "summarizer": SUMMARY in groups or any(doc._.get(SUMMARY) for doc in docs),
        "textcat": has_cats,
        "textcat-multilabel": has_cats,
        **{
            task: any(doc._.get(settings["extension"]) for doc in docs)
            for task, settings in WRITERS.items()
        },
    }
    found = [task for task, is_there in has.items() if is_there]
    if not found:
        raise ValueError(f"{path}: the documents have no annotation that a task is for")
    return found
