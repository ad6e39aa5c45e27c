"""What the readers share: how the annotated documents of a corpus are read and kept."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import logger

from spacy_rnn.corpora.files.lines import DamagedFile, Unreadable

EMPTY_TEXTS = "Empty texts"

Known = TypeVar("Known")
Augmenter = Callable[[Language, Example], Iterator[Example]]


class References:
    """The annotated documents of a corpus, read when a pipeline asks for them."""

    def __init__(
        self,
        read: Callable[[Language], Iterable[Doc]],
        *,
        limit: int = 0,
        keep: bool = True,
    ) -> None:
        """Remember how to read the documents.

        Args:
            read: Reads all documents, lazily.
            limit: Number of documents to read, empty ones not counted; 0 reads all.
            keep: Keep the documents in memory, for as long as the same pipeline asks.
        """
        self._read = read
        self._limit = limit
        self._keep = keep
        self._kept: tuple[Language, list[Doc]] | None = None

    def __call__(self, nlp: Language) -> Iterable[Doc]:
        """Read the documents, from memory where they are kept."""
        if self._kept is not None and self._kept[0] is nlp:
            return self._kept[1]
        docs = (doc for doc in self._read(nlp) if len(doc))
        limited = islice(docs, self._limit or None)
        if not self._keep:
            return limited
        self._kept = (nlp, list(limited))
        return self._kept[1]


class LeftOut:
    """What a corpus leaves out: where, and of which kind."""

    def __init__(self) -> None:
        self.places: dict[str, list[str]] = {}  # by kind

    def add(self, kind: str, place: object) -> None:
        """Add something, with its place or a message that begins with that."""
        self.places.setdefault(kind, []).append(str(place))

    def add_error(self, error: ValueError) -> None:
        """Add what could not be read."""
        self.add(
            error.kind if isinstance(error, Unreadable) else Unreadable.kind, error
        )

    def describe(self) -> list[str]:
        """Count each kind, and name the first place of it."""
        return [
            f"{kind} left out: {len(places)}, the first {places[0]}"
            for kind, places in self.places.items()
        ]


class Contents(NamedTuple, Generic[Known]):
    """What the first reading of a corpus finds."""

    n_docs: int | None  # that are not empty; None: not known
    left_out: LeftOut
    known: Known  # what documents are made with: all labels, or the schemes of tags


def check_texts(path: Path, n_docs: int, left_out: LeftOut) -> None:
    """Refuse a corpus without a text, and warn of what is left out.

    Args:
        path: The corpus.
        n_docs: Number of texts that are not empty.
        left_out: What else was there.
    """
    if not n_docs:
        message = f"{path}: no document with a text"
        raise ValueError(". ".join([message, *left_out.describe()]))
    for line in left_out.describe():
        logger.warning("%s", line)


def load_docbin(path: Path) -> DocBin:
    try:
        return DocBin().from_disk(path)
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise DamagedFile(f"{path}: not a readable .spacy file: {error}") from error
