"""Read texts of which nothing but the text is wanted."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from spacy_rnn.corpora.files.archives import read_text_files
from spacy_rnn.corpora.files.lines import Reading, has_suffix, read_each
from spacy_rnn.corpora.files.rows import (
    ROW_SUFFIXES,
    get_text,
    read_rows,
)

WHOLE_SUFFIXES = (".txt", ".txt.gz")  # the file is one text
SUFFIXES = (*WHOLE_SUFFIXES, *ROW_SUFFIXES)


def read_texts(
    files: Iterable[Path], how: Reading, *, text_column: str
) -> Iterator[str]:
    """Read the texts of files, one after the other.

    Raises:
        ValueError: With file and line, if there is no such column, or it has no text,
            or bytes are no valid Unicode, unless `how` leaves it out.
    """
    for file in files:
        if has_suffix(file, *WHOLE_SUFFIXES):
            whole = read_text_files(file, WHOLE_SUFFIXES, how)
            yield from read_each(lambda text: text.decode(how), whole, how)
        else:
            rows = read_rows(file, how)
            yield from read_each(
                lambda found: get_text(found[1], text_column, found[0]), rows, how
            )
