"""Find the columns of texts and of what they become."""

from collections.abc import Collection, Iterator

from spacy_rnn.cli.readers import PAIRS
from spacy_rnn.cli.starter.configs import WRITERS
from spacy_rnn.cli.starter.ways import Columns, Given, Way, pick
from spacy_rnn.corpora.pairs.files import SOURCE_COLUMNS, TARGET_COLUMNS
from spacy_rnn.corpora.summaries.rows import REFERENCE_COLUMN, SUMMARY_COLUMNS

SUMMARIZING = {"abstractive-summarizer": WRITERS["abstractive-summarizer"]}


def find_pairs(
    columns: Columns, given: Given, labels: Collection[str]
) -> Iterator[Way]:
    """Look for the columns that the reader of pairs looks for itself.

    Args:
        columns: The values of a sample.
        given: Settings that the user has named.
        labels: Columns of labels, which are targets only where the user says so.
    """
    sources = [name for name in SOURCE_COLUMNS if name in columns]
    targets = [
        name
        for name in (*TARGET_COLUMNS, REFERENCE_COLUMN)
        if name in columns and name not in labels
    ]
    source = given.get("source_column") or pick(sources)
    target = given.get("target_column") or pick(targets)
    if not (source and target):
        return
    settings = {"source_column": source}
    is_summary = target in SUMMARY_COLUMNS
    # Where a row has several in REFERENCE_COLUMN, the reader takes these if it may.
    if not is_summary and REFERENCE_COLUMN not in columns:
        settings["target_column"] = target
    yield Way(PAIRS, settings, SUMMARIZING if is_summary else WRITERS)
