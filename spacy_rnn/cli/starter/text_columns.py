"""Find the columns of texts with labels, with summaries, or with what they become."""

from collections.abc import Iterator, Sequence
from typing import Any

from spacy_rnn.cli.readers import PAIRS, SUMMARIES, TEXTS
from spacy_rnn.cli.starter.pair_columns import SUMMARIZING, find_pairs
from spacy_rnn.cli.starter.ways import Columns, Given, Way, is_list_of, pick
from spacy_rnn.corpora.summaries.rows import (
    LABEL_COLUMN,
    REFERENCE_COLUMN,
    SENTENCE_COLUMN,
    SUMMARY_COLUMNS,
    TEXT_COLUMNS,
)
from spacy_rnn.corpora.texts.records import LABEL_COLUMNS, part_labels

TEXT_NAMES = ("text",)
SEPARATORS = ("|", ";", ",")
MIN_SUMMARY = 3  # words of what may be one, where only lengths tell


def find_texts(columns: Columns, given: Given) -> Iterator[Way]:
    """Look for texts with anything about them, by names and then by values."""
    lengths = {  # in words, of rows that have a value: which haven't, readers tell
        name: sum(len(value.split()) for value in found) / len(found)
        for name, values in columns.items()
        if (found := [value for value in values if value is not None])
        and all(isinstance(value, str) for value in found)
    }
    summaries = list(_find_summaries(columns, given))
    yield from summaries
    text = given.get("text_column") or pick(
        lengths, TEXT_NAMES, key=lambda name: lengths[name]
    )
    if text is None:
        return
    labels = _find_labels(columns, text, given)
    texts = [
        Way(
            TEXTS,
            {"text_column": text, "label_column": name},
            _find_labelling(columns.get(name, ()), given),
        )
        for name in labels
    ]
    pairs = list(find_pairs(columns, given, labels))
    if any("translator" in way.tasks for way in pairs):
        # Their names tell more than that others look like labels, or are shorter.
        are_named = not set(labels).isdisjoint(LABEL_COLUMNS)
        yield from texts + pairs if are_named else pairs + texts
        return
    yield from texts
    shorter = {
        name: length
        for name, length in lengths.items()
        if MIN_SUMMARY <= length <= lengths.get(text, 0) / 2
    }
    if shorter and not summaries:
        summary = pick(shorter, key=lambda name: shorter[name])
        settings = {"text_column": text, "summary_column": summary}
        yield Way(SUMMARIES, settings, {"summarizer": {}})
        settings = {"source_column": text, "target_column": summary}
        pairs = pairs or [Way(PAIRS, settings, SUMMARIZING)]
    yield from pairs


def _find_summaries(columns: Columns, given: Given) -> Iterator[Way]:
    """Look for the columns that the reader of summaries looks for itself."""
    names = [name for name in (SENTENCE_COLUMN, *TEXT_COLUMNS) if name in columns]
    text = given.get("text_column") or pick(names)
    settings = {"text_column": text}
    if LABEL_COLUMN in columns and text == SENTENCE_COLUMN:
        settings["label_column"] = LABEL_COLUMN
    summaries = [name for name in SUMMARY_COLUMNS if name in columns]
    summary = given.get("summary_column") or pick(summaries)
    if summary and (REFERENCE_COLUMN not in columns or "summary_column" in given):
        settings["summary_column"] = summary
    if text and (len(settings) > 1 or REFERENCE_COLUMN in columns):
        yield Way(SUMMARIES, settings, {"summarizer": {}})


def _find_labels(columns: Columns, text: str, given: Given) -> list[str]:
    """List the columns that may hold labels; by its name, there is only one."""
    named = [name for name in LABEL_COLUMNS if name in columns and name != text]
    if given.get("label_column") or named:
        return [given.get("label_column") or named[0]]
    others = {name: values for name, values in columns.items() if name != text}
    found = [name for name, values in others.items() if _are_labels(values)]
    return found or [  # with gaps, which the reader tells
        name
        for name, values in others.items()
        if _are_labels([value for value in values if value not in (None, "")])
    ]


def _find_labelling(values: Sequence[Any], given: Given) -> dict[str, dict[str, Any]]:
    """List the tasks that labels are for, the best guess first."""
    separator = None if "label_separator" in given else _find_separator(values)
    if separator is None:
        return {"textcat": {}, "textcat-multilabel": {}}
    return {"textcat-multilabel": {"label_separator": separator}, "textcat": {}}


def _find_separator(values: Sequence[Any]) -> str | None:
    """Find what parts strings into labels, of which there are fewer than strings."""
    strings = {each for each in values if isinstance(each, str)}
    for separator in SEPARATORS:
        parts = {part for each in strings for part in part_labels(each, separator)}
        is_there = any(separator in each for each in strings)
        # One stands alone at least, which in "Paris, TX" and "Rome, TX" none does.
        if is_there and len(parts) < len(strings) and parts & strings:
            return separator
    return None


def _are_labels(values: Sequence[Any]) -> bool:
    """Tell labels, each of which several texts have, from other values."""
    if all(is_list_of(str, value) for value in values):
        labels = [label for value in values for label in value]
    elif all(isinstance(value, str | int) and value != "" for value in values):
        labels = list(map(str, values))
    else:
        return False
    n_different = len(set(labels))
    n_words = sum(len(label.split()) for label in labels)
    return 2 <= n_different <= len(labels) / 2 and n_words <= 4 * len(labels)
