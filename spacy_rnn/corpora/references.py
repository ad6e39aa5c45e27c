"""What the readers share: how the annotated documents of a corpus are read and kept."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, get_args

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import logger
from spacy.vocab import Vocab

from spacy_rnn.checks import check_at_least, check_choice
from spacy_rnn.corpora.files.lines import (
    DamagedFile,
    NoColumn,
    Reading,
    RowErrors,
    Unreadable,
)

EMPTY_TEXTS = "Empty texts"

Known = TypeVar("Known")
Augmenter = Callable[[Language, Example], Iterator[Example]]


class References:
    """The annotated documents of a corpus, read when a pipeline asks for them."""

    def __init__(
        self,
        read: Callable[[Language], Iterable[Doc]],
        *,
        limit: int,
        keep: bool = True,
    ) -> None:
        """Remember how to read the documents.

        Args:
            read: Reads all documents, lazily.
            limit: Number of documents to read, empty ones not counted; 0 reads all.
            keep: Keep the documents in memory, for as long as the same pipeline asks;
                not those of a memory zone, which end with it.
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
        vocab: Any = nlp.vocab
        if not self._keep or vocab.in_memory_zone:
            return limited
        self._kept = (nlp, list(limited))
        return self._kept[1]


class Report:
    """What a reading finds that the user should know, by kind."""

    def __init__(self) -> None:
        self.places: dict[str, list[str]] = {}  # of what is left out, by kind
        self.remarks: list[str] = []
        self._is_told = False

    def add(self, kind: str, place: object) -> None:
        """Add what is left out, with its place or a message that begins with that."""
        self.places.setdefault(kind, []).append(str(place))

    def add_error(self, error: ValueError) -> None:
        """Add what could not be read."""
        self.add(getattr(error, "kind", Unreadable.kind), error)

    def note(self, how: Reading) -> Reading:
        """Take note of what would be left out without a word."""
        return how._replace(on_error=self.add_error) if how.errors == "skip" else how

    def describe(self) -> list[str]:
        """Count each kind, and name the first place of it."""
        return [
            f"{kind} left out: {len(places)}, the first {places[0]}"
            for kind, places in self.places.items()
        ] + self.remarks

    def take(self) -> list[str]:
        """Describe all to what tells the user, once."""
        if self._is_told:
            return []
        self._is_told = True
        return self.describe()

    def warn(self) -> None:
        """Tell the user, once."""
        for line in self.take():
            logger.warning("%s", line)


class Contents(NamedTuple, Generic[Known]):
    """What the first reading of a corpus finds."""

    n_docs: int | None  # that are not empty; None: not known
    report: Report
    known: Known  # what documents are made with: all labels, or the schemes of tags


def make_reading(errors: RowErrors, max_size: int) -> Reading:
    """Leave out without a word what cannot be read, or refuse it, as the user says."""
    check_choice("errors", errors, get_args(RowErrors))
    check_at_least("max_size", max_size, 0)
    return Reading(errors, _leave_out if errors == "skip" else _refuse, max_size)


def _leave_out(error: ValueError) -> None:
    pass


def _refuse(error: ValueError) -> None:
    if isinstance(error, NoColumn):  # mostly that of all records
        raise error
    raise ValueError(f'{error}. errors = "skip" leaves it out') from error


def check_texts(path: Path, n_docs: int, report: Report) -> None:
    """Refuse a corpus without a text.

    Args:
        path: The corpus.
        n_docs: Number of texts that are not empty.
        report: What else was there.
    """
    if not n_docs:
        message = f"{path}: no document with a text"
        raise ValueError(". ".join([message, *report.describe()]))


def read_docs(
    path: Path,
    vocab: Vocab,
    how: Reading,
    check: Callable[[Doc, str], object] = lambda doc, name: None,
) -> Iterator[Doc]:
    """Read the documents of a .spacy file, one at a time.

    Args:
        path: The file.
        vocab: The vocabulary of the documents.
        how: What becomes of documents or a file that cannot be read.
        check: Is called with each document and what to call it, and raises an error
            for one that is not as it should be.
    """
    for number, doc in enumerate(_unpack(path, vocab, how), start=1):
        try:
            check(doc, f"{path}: document {number}")
        except ValueError as error:
            how.on_error(error)
        else:
            yield doc


def _unpack(path: Path, vocab: Vocab, how: Reading) -> Iterator[Doc]:
    try:
        for doc in DocBin().from_disk(path).get_docs(vocab):
            for group in doc.spans.values():
                list(group)  # spaCy only checks spans that are asked for
            yield doc
    except OSError:  # of the disk
        raise
    except Exception as error:  # zlib, msgpack, NumPy and spaCy each have their own
        problem = f"{type(error).__name__}: {error}"
        how.on_error(DamagedFile(f"{path}: not a readable .spacy file: {problem}"))
