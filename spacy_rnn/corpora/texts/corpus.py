"""Corpora of labelled texts for `[corpora]`, from the files that people have."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from spacy.errors import Errors
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from spacy_rnn.checks import check_at_least
from spacy_rnn.corpora.files.lines import DecodeErrors, Location, Reading, has_suffix
from spacy_rnn.corpora.files.rows import DOCBIN_SUFFIX, find_files
from spacy_rnn.corpora.references import (
    EMPTY_TEXTS,
    Augmenter,
    Contents,
    LeftOut,
    References,
    check_texts,
    load_docbin,
)
from spacy_rnn.corpora.texts.records import TEXT_SUFFIXES, Record, read_records


class TextCorpus(Corpus):
    """spaCy's corpus, which also reads labelled texts from JSONL, CSV and TSV files.

    The first call reads everything once before it yields anything, so that a mistake
    in the last line is found before training has begun, and the set of labels is
    known before the first document gets its categories.

    Args:
        path: A file, or a folder that is searched with all its subfolders. All but
            .spacy files may be gzipped, with .gz at the end of the name.
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

    def __init__(
        self,
        path: str | Path | None,
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
        if path is None:
            raise ValueError(Errors.E913)
        check_at_least("limit", limit, 0)
        check_at_least("max_length", max_length, 0)
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
        self.files = find_files(Path(path), TEXT_SUFFIXES)
        self._docbins = [file for file in self.files if has_suffix(file, DOCBIN_SUFFIX)]
        self._text_files = [file for file in self.files if file not in self._docbins]
        self.text_column = text_column
        self.label_column = label_column
        self.labels = labels
        self.errors = errors
        self.read_references = References(self._read, limit=limit, keep=keep)

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

    @cached_property
    def contents(self) -> Contents[list[str]]:
        """What is in the files. Reads, and so checks, all of them."""
        labels: set[str] = set()
        left_out = LeftOut()
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
                left_out.add(EMPTY_TEXTS, record.location)
        check_texts(self.path, n_docs, left_out)
        return Contents(n_docs, left_out, self.labels or sorted(labels))

    def _read(self, nlp: Language) -> Iterator[Doc]:
        labels = self.contents.known
        for path in self.files:
            if path in self._docbins:
                yield from load_docbin(path).get_docs(nlp.vocab)
                continue
            for record in self._read_records(path):
                yield _make_doc(nlp, record, labels)

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
            Reading(self.errors),
            text_column=self.text_column,
            label_column=self.label_column,
        )


def check_labels(
    where: Path | Location, names: Iterable[str], labels: list[str] | None
) -> None:
    unknown = sorted(set(names).difference(labels)) if labels is not None else []
    if unknown:
        raise ValueError(
            f"{where}: label {unknown[0]!r} is not one of the labels {labels}"
        )


def _make_doc(nlp: Language, record: Record, labels: list[str]) -> Doc:
    check_labels(record.location, record.names or (), labels)
    doc = nlp.make_doc(record.text)
    if record.cats is not None:
        doc.cats = record.cats
    elif record.labels is not None:
        doc.cats = {name: float(name in record.labels) for name in labels}
    return doc
