"""Which column has the texts, where the user doesn't say."""

from itertools import chain
from pathlib import Path

from spacy.util import dot_to_object, load_config

from spacy_rnn.corpora.files.lines import RowErrors
from spacy_rnn.distributed.texts import Texts

USUAL = "text"
SETTINGS = ("text_column", "source_column")  # of a corpus, for what a pipeline reads


def find_text_column(folder: Path, path: Path, errors: RowErrors) -> str:
    """Find the column that a pipeline was evaluated on, if the data has texts there.

    Args:
        folder: That of the pipeline.
        path: File or folder with texts, of which the first is read.
        errors: As for `Texts`.

    Returns:
        The column; the usual one if the pipeline's config names none, or one that the
        data doesn't have.
    """
    column = read_text_column(folder)
    if column is None:
        return USUAL
    try:
        next(iter(Texts(path, text=column, id=None, errors=errors)), None)
    except ValueError:
        return USUAL
    return column


def read_text_column(folder: Path) -> str | None:
    """Read which column the corpus for evaluation reads, None if it isn't said."""
    # A package has the pipeline in a folder of its own.
    places = chain(folder.glob("config.cfg"), folder.glob("*/config.cfg"))
    if (place := next(places, None)) is None:
        return None
    config = load_config(place, interpolate=True)
    try:
        corpus = dot_to_object(config, config["training"]["dev_corpus"])
        return next((corpus[key] for key in SETTINGS if corpus.get(key)), None)
    except (KeyError, AttributeError, TypeError):
        return None
