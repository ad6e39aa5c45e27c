"""Corpora of labelled texts for `[corpora]`, from the files that people have."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from spacy.errors import Errors
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example
from spacy.util import logger

from spacy_rnn.corpora.formats import (
    DOCBIN_SUFFIX,
    DecodeErrors,
    Location,
    find_files,
    has_suffix,
)
from spacy_rnn.corpora.records import Record, read_records

Augmenter = Callable[[Language, Example], Iterator[Example]]


def create_text_reader(
    path: Path | None,
    limit: int = 0,
    max_length: int = 0,
    gold_preproc: bool = False,
    augmenter: Augmenter | None = None,
    text_column: str = "text",
    label_column: str | None = None,
    labels: list[str] | None = None,
    keep: bool = True,
    errors: DecodeErrors = "strict",
) -> Callable[[Language], Iterable[Example]]:
    """Read examples from a .spacy, .jsonl, .jsonl.gz, .csv or .tsv file or a folder.

    Args:
        path: A file, or a folder that is searched with all its subfolders.
        limit: Number of documents to read, for debugging; 0 reads all.
        max_length: Documents of so many tokens or more are split into sentences where
            sentences are annotated, and left out elsewhere; 0 keeps all.
        gold_preproc: Train on the sentences and tokens of the annotation. Only .spacy
            files have such annotation.
        augmenter: Makes examples from each example, as `spacy.lower_case.v1` does.
        text_column: Key or column that holds the text.
        label_column: Key or column that holds the label or labels. None looks for
            "label", "labels" or "cats".
        labels: All labels, where the files may lack some of them. None takes those
            that the files have.
        keep: Keep the reference documents in memory. False reads the files again
            whenever examples are asked for, one document at a time.
        errors: What becomes of text that is not valid Unicode: "strict" raises an
            error, "replace" puts U+FFFD in its place.
    """
    if path is None:
        raise ValueError(Errors.E913)
    return TextCorpus(
        path,
        limit=limit,
        max_length=max_length,
        gold_preproc=gold_preproc,
        augmenter=augmenter,
        text_column=text_column,
        label_column=label_column,
        labels=labels,
        keep=keep,
        errors=errors,
    )


class Contents(NamedTuple):
    """What the first reading of a corpus finds."""

    labels: list[str]  # in the order in which documents have them
    empty: list[Location]  # texts without a character, which are left out


class TextCorpus(Corpus):
    """spaCy's corpus, which also reads labelled texts from JSONL, CSV and TSV files.

    The first call reads everything once before it yields anything, so that a mistake
    in the last line is found before training has begun, and the set of labels is
    known before the first document gets its categories.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        limit: int = 0,
        max_length: int = 0,
        gold_preproc: bool = False,
        augmenter: Augmenter | None = None,
        text_column: str = "text",
        label_column: str | None = None,
        labels: list[str] | None = None,
        keep: bool = True,
        errors: DecodeErrors = "strict",
    ) -> None:
        for name, value in (("limit", limit), ("max_length", max_length)):
            if value < 0:
                raise ValueError(f"{name} must be 0 (no limit) or more, got {value}")
        if labels is not None and not 0 < len(set(labels)) == len(labels):
            raise ValueError(
                f"labels must be one or more different labels, got {labels}"
            )
        super().__init__(
            path,
            limit=limit,
            max_length=max_length,
            gold_preproc=gold_preproc,
            augmenter=augmenter,
        )
        self.files = find_files(Path(path))
        self._docbins = [file for file in self.files if has_suffix(file, DOCBIN_SUFFIX)]
        self._text_files = [file for file in self.files if file not in self._docbins]
        self.text_column = text_column
        self.label_column = label_column
        self.labels = labels
        self.keep = keep
        self.errors = errors
        self._kept: tuple[Language, list[Doc]] | None = None

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Yield the examples of the corpus.

        Args:
            nlp: Its tokenizer and vocabulary make the documents.
        """
        references = self.read_references(nlp)
        if self.gold_preproc:
            examples = self.make_examples_gold_preproc(nlp, references)
        else:
            examples = self.make_examples(nlp, references)
        for example in examples:
            yield from self.augmenter(nlp, example)

    def read_references(self, nlp: Language) -> Iterable[Doc]:
        """Read the annotated documents, from memory where they are kept.

        Args:
            nlp: Its tokenizer and vocabulary make the documents.
        """
        if self._kept is not None and self._kept[0] is nlp:
            return self._kept[1]
        labels = self.contents.labels
        docs = (doc for path in self.files for doc in self._read(nlp, path, labels))
        limited = islice((doc for doc in docs if len(doc)), self.limit or None)
        if not self.keep:
            return limited
        self._kept = (nlp, list(limited))
        return self._kept[1]

    @cached_property
    def contents(self) -> Contents:
        """The labels and the empty texts. Reads, and so checks, all files."""
        labels: set[str] = set()
        empty: list[Location] = []
        n_docs = 0
        for path in self._docbins:
            doc_bin = load_docbin(path)
            names: set[str] = set().union(*doc_bin.cats)
            check_labels(path, names, self.labels)
            labels.update(names)
            n_docs += sum(len(tokens) > 0 for tokens in doc_bin.tokens)
        for record in self._read_alike():
            check_labels(record.location, record.names or (), self.labels)
            labels.update(record.names or ())
            if record.text:
                n_docs += 1
            else:
                empty.append(record.location)
        if not n_docs:
            raise ValueError(f"{self.path}: no document with a text")
        if empty:
            logger.warning(
                "Empty texts left out: %d, the first %s", len(empty), empty[0]
            )
        return Contents(sorted(labels) if self.labels is None else self.labels, empty)

    def _read(self, nlp: Language, path: Path, labels: list[str]) -> Iterator[Doc]:
        if path in self._docbins:
            yield from load_docbin(path).get_docs(nlp.vocab)
            return
        for record in self._read_records(path):
            check_labels(record.location, record.names or (), labels)
            doc = nlp.make_doc(record.text)
            if record.cats is not None:
                doc.cats = record.cats
            elif record.labels is not None:
                doc.cats = {name: float(name in record.labels) for name in labels}
            yield doc

    def _read_alike(self) -> Iterator[Record]:
        """Read the records of all files, of which all or none must be labelled."""
        is_labelled: bool | None = None
        for path in self._text_files:
            for record in self._read_records(path):
                if is_labelled not in (None, record.names is not None):
                    raise ValueError(
                        f"{record.location}: some files have labels and some have "
                        "none; read them as two corpora"
                    )
                is_labelled = record.names is not None
                yield record

    def _read_records(self, path: Path) -> Iterator[Record]:
        return read_records(
            path,
            text_column=self.text_column,
            label_column=self.label_column,
            errors=self.errors,
        )


def check_labels(
    where: Path | Location, names: Iterable[str], labels: list[str] | None
) -> None:
    unknown = sorted(set(names).difference(labels)) if labels is not None else []
    if unknown:
        raise ValueError(
            f"{where}: label {unknown[0]!r} is not one of the labels {labels}"
        )


def load_docbin(path: Path) -> DocBin:
    try:
        return DocBin().from_disk(path)
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise ValueError(f"{path}: not a readable .spacy file: {error}") from error
