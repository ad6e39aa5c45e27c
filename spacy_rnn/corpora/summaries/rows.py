"""Find an article and its summary in a row of JSONL, CSV or TSV."""

from collections.abc import Callable
from typing import Any, NamedTuple

from spacy_rnn.corpora.files.lines import Location, NoColumn, RowErrors
from spacy_rnn.corpora.files.rows import (
    Row,
    find_column,
    get_value,
    join_names,
    parse_json,
    shorten,
)
from spacy_rnn.corpora.summaries.articles import Article, join_lines

# Where things are looked for unless the user names the key or column.
SENTENCE_COLUMN = "sents"
TEXT_COLUMNS = ("text", "document", "article")
SUMMARY_COLUMNS = ("summary", "highlights")
REFERENCE_COLUMN = "refs"
LABEL_COLUMN = "sent_labels"


class Columns(NamedTuple):
    """The keys or columns to read, None for those with one of the usual names."""

    text: str | None = None
    summary: str | None = None
    references: str | None = None
    labels: str | None = None


def parse_row(
    location: Location,
    row: Row,
    columns: Columns,
    *,
    is_table: bool,
    errors: RowErrors,
) -> Article:
    """Make an article of a row.

    Args:
        location: The place of the row.
        row: The value of each key or column.
        columns: The keys or columns to read.
        is_table: Whether the values are cells of a table, where a list is in JSON.
        errors: As for `parse_json`.
    """

    def read(column: str, *, is_list: bool) -> Any:
        value = get_value(row, column, location)
        if is_table and is_list:
            return parse_json(value, location, errors) if value else None
        return value

    column = columns.text or _find_text_column(row, location)
    value = read(column, is_list=column == SENTENCE_COLUMN)
    text, sentences = _check_text(value, column, location)
    label_column, labels = columns.labels, None
    if label_column is None and sentences is not None and LABEL_COLUMN in row:
        label_column = LABEL_COLUMN
    if label_column is not None:
        value = read(label_column, is_list=True)
        labels = _check_labels(value, label_column, len(sentences or ()), location)
    references = _read_references(row, columns, read, location)
    if references is None and label_column is None:
        raise NoColumn(
            f"{location.header}: no column "
            f"{join_names((*SUMMARY_COLUMNS, REFERENCE_COLUMN))} or {LABEL_COLUMN!r}; "
            f"there is {join_names(row)}"
        )
    return Article(location, text, sentences, labels, references or [])


def _read_references(
    row: Row, columns: Columns, read: Callable[..., Any], location: Location
) -> list[str] | None:
    """Read the summaries, None if there is no column with any."""
    column = columns.references
    if column is None and columns.summary is None and REFERENCE_COLUMN in row:
        column = REFERENCE_COLUMN
    if column is not None:
        value = read(column, is_list=True)
        values = value if isinstance(value, list) else [value]
        references = [_check_summary(each, column, location) for each in values]
        if any(references) or columns.references is not None:
            return references
    column = columns.summary or find_column(
        row, SUMMARY_COLUMNS, "summary_column", location
    )
    if column is not None:
        value = read(column, is_list=False)
        return [_check_summary(value, column, location)]
    return [] if REFERENCE_COLUMN in row else None


def _find_text_column(row: Row, location: Location) -> str:
    if SENTENCE_COLUMN in row:
        return SENTENCE_COLUMN
    column = find_column(row, TEXT_COLUMNS, "text_column", location)
    if column is None:
        raise NoColumn(
            f"{location.header}: no column "
            f"{join_names((SENTENCE_COLUMN, *TEXT_COLUMNS))}; there is "
            f"{join_names(row)}"
        )
    return column


def _check_text(
    value: Any, column: str, location: Location
) -> tuple[str, list[str] | None]:
    """Tell a text from the list of its sentences. No value is an empty text."""
    if isinstance(value, list):
        _check_strings(value, column, location)
        return "", value
    if not isinstance(value, str | None):
        raise ValueError(
            f"{location}: {column!r} must be a string or a list of sentences, got "
            f"{shorten(value)}"
        )
    return value or "", None


def _check_labels(
    values: Any, column: str, n_sentences: int, location: Location
) -> list[bool] | None:
    if values is None:
        return None
    if not isinstance(values, list) or any(value not in (0, 1) for value in values):
        raise ValueError(
            f"{location}: {column!r} must be a list with 0, 1, true or false for each "
            f"sentence, got {shorten(values)}"
        )
    if len(values) != n_sentences:
        raise ValueError(
            f"{location}: {len(values)} values in {column!r} for a list of "
            f"{n_sentences} sentences"
        )
    return [value == 1 for value in values]


def _check_summary(value: Any, column: str, location: Location) -> str:
    """Put the sentences of a summary into lines. No value is an empty one."""
    if isinstance(value, list):
        _check_strings(value, column, location)
        return join_lines(value)
    if not isinstance(value, str | None):
        raise ValueError(
            f"{location}: a summary in {column!r} must be a string or a list of "
            f"sentences, got {shorten(value)}"
        )
    return value or ""


def _check_strings(values: list[Any], column: str, location: Location) -> None:
    for value in values:
        if not isinstance(value, str):
            raise ValueError(
                f"{location}: each sentence in {column!r} must be a string, got "
                f"{shorten(value)}"
            )
