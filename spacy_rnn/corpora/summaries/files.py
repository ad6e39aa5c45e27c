"""Read articles and their summaries from files, one at a time."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from spacy_rnn.corpora.files.archives import ARCHIVE_SUFFIXES, TextFile, read_text_files
from spacy_rnn.corpora.files.lines import Location, OnError, RowErrors, has_suffix
from spacy_rnn.corpora.files.rows import (
    DOCBIN_SUFFIX,
    JSON_SUFFIXES,
    TABLE_SUFFIXES,
    read_csv,
    read_jsonl,
)
from spacy_rnn.corpora.summaries.articles import Article, NoArticle, NoSummary
from spacy_rnn.corpora.summaries.rows import Columns, parse_row

STORY_SUFFIXES = (".story", ".story.gz")
PAIR_SUFFIXES = (".txt", ".txt.gz")
SUMMARY_SUFFIXES = (
    DOCBIN_SUFFIX,
    *JSON_SUFFIXES,
    *TABLE_SUFFIXES,
    *STORY_SUFFIXES,
    *ARCHIVE_SUFFIXES,
)

HIGHLIGHT = re.compile(r"^@highlight[ \t]*$", re.MULTILINE)

Finish = Callable[[Article], Article]


def read_articles(
    path: Path,
    columns: Columns,
    finish: Finish,
    errors: RowErrors,
    on_error: OnError,
) -> Iterator[Article]:
    """Read the articles of one file, lazily.

    Args:
        path: A file or archive that ends in one of `SUMMARY_SUFFIXES`, not in .spacy.
        columns: What to read in JSONL and tables.
        finish: Completes an article, or raises an error.
        errors: What becomes of text that is not valid Unicode: "replace" puts U+FFFD
            in its place, all else makes it an error.
        on_error: Raises the error of a record, or takes note of it; the record is left
            out.
    """
    for make in _find_records(path, columns, errors, on_error):
        try:
            article = finish(make())
        except ValueError as error:
            on_error(error)
        else:
            yield article


def read_pairs(
    articles: Path,
    summaries: Path,
    finish: Finish,
    errors: RowErrors,
    on_error: OnError,
) -> Iterator[Article]:
    """Read articles and their summaries, which are in files of the same name.

    Args:
        articles: A folder or an archive of text files, which are read lazily.
        summaries: Another one. They are in memory until their article was read.
        finish: As for `read_articles`.
        errors: As for `read_articles`.
        on_error: As for `read_articles`.
    """
    files = read_text_files(summaries, PAIR_SUFFIXES, on_error)
    unused = {file.name: file for file in files}
    for file in read_text_files(articles, PAIR_SUFFIXES, on_error):
        summary = unused.pop(file.name, None)
        try:
            if summary is None:
                raise NoSummary(f"{file.path}: no summary of that name in {summaries}")
            article = finish(_pair(file, summary, errors))
        except ValueError as error:
            on_error(error)
        else:
            yield article
    for file in unused.values():
        on_error(NoArticle(f"{file.path}: no article of that name in {articles}"))


def _find_records(
    path: Path, columns: Columns, errors: RowErrors, on_error: OnError
) -> Iterator[Callable[[], Article]]:
    """Find the records of a file. What each of them says is still to be read."""
    is_table = has_suffix(path, *TABLE_SUFFIXES)
    if is_table or has_suffix(path, *JSON_SUFFIXES):
        parse = partial(parse_row, columns=columns, is_table=is_table, errors=errors)
        for location, row in (read_csv if is_table else read_jsonl)(
            path, errors, on_error
        ):
            yield partial(parse, location, row)
    else:
        for file in read_text_files(path, STORY_SUFFIXES, on_error):
            yield partial(_parse_story, file, errors)


def _parse_story(file: TextFile, errors: RowErrors) -> Article:
    """Parse a file as CNN/DailyMail has them (Hermann et al., 2015)."""
    text, *highlights = HIGHLIGHT.split(file.decode(errors))
    summary = "\n".join(" ".join(highlight.split()) for highlight in highlights)
    return Article(Location(file.path, 1), text.strip(), references=[summary])


def _pair(article: TextFile, summary: TextFile, errors: RowErrors) -> Article:
    text = article.decode(errors).strip()
    return Article(Location(article.path, 1), text, references=[summary.decode(errors)])
