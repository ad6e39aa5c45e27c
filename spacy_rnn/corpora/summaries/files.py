"""Read articles and their summaries from files, one at a time."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from spacy_rnn.corpora.files.archives import ARCHIVE_SUFFIXES, TextFile, read_text_files
from spacy_rnn.corpora.files.lines import Location, Reading, has_suffix, read_each
from spacy_rnn.corpora.files.rows import (
    DOCBIN_SUFFIX,
    ROW_SUFFIXES,
    Row,
    is_table,
    read_rows,
)
from spacy_rnn.corpora.summaries.articles import Article, NoArticle, NoSummary
from spacy_rnn.corpora.summaries.rows import Columns, parse_row

STORY_SUFFIXES = (".story", ".story.gz")
PAIR_SUFFIXES = (".txt", ".txt.gz")
SUMMARY_SUFFIXES = (
    DOCBIN_SUFFIX,
    *ROW_SUFFIXES,
    *STORY_SUFFIXES,
    *ARCHIVE_SUFFIXES,
)

HIGHLIGHT = re.compile(r"^@highlight[ \t]*$", re.MULTILINE)

Finish = Callable[[Article], Article]


def read_articles(
    path: Path, columns: Columns, finish: Finish, how: Reading
) -> Iterator[Article]:
    """Read the articles of one file, lazily.

    Args:
        path: A file or archive that ends in one of `SUMMARY_SUFFIXES`, not in .spacy.
        columns: What to read in JSONL and tables.
        finish: Completes an article, or raises an error.
        how: How to read it.
    """
    cells = is_table(path)

    def read(found: tuple[Location, Row]) -> Article:
        return finish(parse_row(*found, columns, is_table=cells, errors=how.errors))

    if has_suffix(path, *ROW_SUFFIXES):
        yield from read_each(read, read_rows(path, how), how)
    else:
        stories = read_text_files(path, STORY_SUFFIXES, how)
        yield from read_each(lambda file: finish(_parse_story(file, how)), stories, how)


def read_pairs(
    articles: Path, summaries: Path, finish: Finish, how: Reading
) -> Iterator[Article]:
    """Read articles and their summaries, which are in files of the same name.

    Args:
        articles: A folder or an archive of text files, which are read lazily.
        summaries: Another one. They are in memory until their article was read.
        finish: As for `read_articles`.
        how: How to read them.
    """
    files = read_text_files(summaries, PAIR_SUFFIXES, how)
    unused = {file.name: file for file in files}

    def read(article: TextFile) -> Article:
        summary = unused.pop(article.name, None)
        if summary is None:
            raise NoSummary(f"{article.path}: no summary of that name in {summaries}")
        text, reference = article.decode(how).strip(), summary.decode(how)
        place = Location(article.path, 1)
        return finish(Article(place, text, references=[reference]))

    found = read_text_files(articles, PAIR_SUFFIXES, how)
    yield from read_each(read, found, how)
    for file in unused.values():
        how.on_error(NoArticle(f"{file.path}: no article of that name in {articles}"))


def _parse_story(file: TextFile, how: Reading) -> Article:
    """Parse a file as CNN/DailyMail has them (Hermann et al., 2015)."""
    text, *highlights = HIGHLIGHT.split(file.decode(how))
    summary = "\n".join(" ".join(highlight.split()) for highlight in highlights)
    return Article(Location(file.path, 1), text.strip(), references=[summary])
