"""Corpora of labelled texts for `[corpora]`, from the files that people have."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_rnn.checks import check_text
from spacy_rnn.corpora.file_corpus import FileCorpus
from spacy_rnn.corpora.files.lines import MAX_SIZE, Reading, RowErrors, has_suffix
from spacy_rnn.corpora.files.rows import DOCBIN_SUFFIX, find_files
from spacy_rnn.corpora.references import (
    EMPTY_TEXTS,
    Augmenter,
    Contents,
    Report,
    check_texts,
    read_docs,
)
from spacy_rnn.corpora.texts.records import (
    TEXT_SUFFIXES,
    Record,
    check_labels,
    no_label,
    read_records,
)


class Labels(NamedTuple):
    names: list[str]  # of all documents, in their order
    are_needed: bool  # whether a text without one is left out


class TextCorpus(FileCorpus[Labels]):
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
        label_separator: What is between several labels in a string, such as ";". None:
            "|" in a CSV or TSV file's column "labels", and nothing elsewhere.
        labels: All labels, where the files may lack some of them. None takes those
            that the files have.
        keep: Keep the reference documents in memory. False reads the files again
            whenever examples are asked for, one document at a time.
        errors: What becomes of a record that is not as it should be: "strict" raises
            an error, "skip" leaves it out and counts it. "replace" is strict, but
            puts U+FFFD in the place of what is not valid Unicode.
        max_size: Characters in a line at most; 0: any number.
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
        label_separator: str | None = None,
        labels: list[str] | None = None,
        keep: bool = True,
        errors: RowErrors = "strict",
        max_size: int = MAX_SIZE,
    ) -> None:
        if labels is not None and (
            not all(isinstance(label, str) for label in labels)
            or not 0 < len(set(labels)) == len(labels)
        ):
            raise ValueError(
                f"labels = {json.dumps(labels)} must be one or more different labels"
            )
        check_text("label_separator", label_separator)
        if label_separator == "":
            raise ValueError("label_separator has to be a character or more")
        super().__init__(
            path,
            limit=limit,
            max_length=max_length,
            gold_preproc=gold_preproc,
            augmenter=augmenter,
            keep=keep,
            errors=errors,
            max_size=max_size,
        )
        self.files = find_files(self.path, TEXT_SUFFIXES)
        self.text_column = text_column
        self.label_column = label_column
        self.label_separator = label_separator
        self.labels = labels

    def _find_contents(self) -> Contents[Labels]:
        report = Report()
        how = report.note(self._how)
        names: set[str] = set()
        first: dict[bool, Record] = {}  # that has a label, and that has none
        unlabelled: list[ValueError] = []  # what may turn out to be left out
        n_docs = 0
        for item in self._read_items(Vocab(), how, self.labels):
            if isinstance(item, Doc):
                names.update(item.cats)
                n_docs += len(item) > 0
                continue
            names.update(item.names or ())
            is_labelled = item.names is not None
            first.setdefault(is_labelled, item)
            if len(first) == 2 and how.errors != "skip":
                how.on_error(_unlike(item, first[not is_labelled]))
            if not item.text:
                report.add(EMPTY_TEXTS, item.location)
            elif is_labelled or how.errors != "skip":
                n_docs += 1
            else:
                unlabelled.append(no_label(item))
        if True in first:
            for error in unlabelled:
                report.add_error(error)
        else:
            n_docs += len(unlabelled)
            report.remarks += [f"No label: {no_label(each)}" for each in first.values()]
        check_texts(self.path, n_docs, report)
        known = Labels(self.labels or sorted(names), True in first)
        return Contents(n_docs, report, known)

    def _read(self, nlp: Language) -> Iterator[Doc]:
        labels, are_needed = self.contents.known
        for item in self._read_items(nlp.vocab, self._how, labels):
            if isinstance(item, Doc):
                yield item
            elif are_needed and item.names is None:
                continue
            elif self._is_short_enough(nlp, item.location, item.text):
                yield _make_doc(nlp, item, labels)

    def _read_items(
        self, vocab: Vocab, how: Reading, labels: list[str] | None
    ) -> Iterator[Record | Doc]:
        for path in self.files:
            if has_suffix(path, DOCBIN_SUFFIX):
                yield from read_docs(
                    path,
                    vocab,
                    how,
                    lambda doc, name: check_labels(name, doc.cats, labels),
                )
            else:
                yield from read_records(
                    path,
                    how,
                    text_column=self.text_column,
                    label_column=self.label_column,
                    label_separator=self.label_separator,
                    labels=labels,
                )


def _unlike(record: Record, other: Record) -> ValueError:
    has, others = ("a", "none") if record.names is not None else ("no", "one")
    return ValueError(
        f"{record.location}: this text has {has} label, but that at {other.location} "
        f"has {others}"
    )


def _make_doc(nlp: Language, record: Record, labels: list[str]) -> Doc:
    doc = nlp.make_doc(record.text)
    if record.cats is not None:
        doc.cats = record.cats
    elif record.labels is not None:
        doc.cats = {name: float(name in record.labels) for name in labels}
    return doc
