"""Corpora of pairs of texts for `[corpora]`, from the files that people have."""

from collections.abc import Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_rnn.checks import check_at_least
from spacy_rnn.corpora.file_corpus import FileCorpus
from spacy_rnn.corpora.files.lines import (
    MAX_SIZE,
    Reading,
    RowErrors,
    Unreadable,
    has_suffix,
)
from spacy_rnn.corpora.files.rows import DOCBIN_SUFFIX, find_files, shorten
from spacy_rnn.corpora.pairs.files import (
    PAIR_SUFFIXES,
    Columns,
    Pair,
    make_pair,
    read_aligned,
    read_pairs,
)
from spacy_rnn.corpora.references import (
    Augmenter,
    Contents,
    Report,
    check_texts,
    read_docs,
)
from spacy_rnn.extensions import keep_texts, register_text, written_texts

EMPTY_PAIRS = "Empty pairs"
LONG_TARGETS = "Pairs with a target that is too long"


class PairCorpus(FileCorpus[None]):
    """spaCy's corpus, which also reads pairs of a text and what it becomes.

    The source is the text of a document, and the target `reference._.translation`. The
    first call reads everything once before it yields anything, so that a mistake in
    the last line is found before training has begun.

    Args:
        path: A .jsonl, .csv or .tsv file, .gz after it or not, a .spacy file, or a
            folder that is searched with all its subfolders. With `target_path`, a text
            file with a source in each line, which may end in .gz.
        target_path: Text file whose lines are the targets of those in `path`, or a list
            of several such files.
        limit: Number of documents to read, for debugging; 0 reads all.
        max_length: Documents of so many tokens or more are left out; 0 keeps all.
        max_target_length: Pairs are left out, and counted, whose first target has so
            many words or more, with white space between them; 0 keeps all.
        augmenter: Makes examples from each example, as `spacy.lower_case.v1` does.
        source_column: Key or column that holds the source. None looks for "source",
            "text", "document" or "article".
        target_column: Key or column that holds the target, or a list of several
            columns. None looks for "refs", or "target", "translation", "summary" or
            "highlights".
        extension: Where the targets are kept: the name of an extension of documents.
            It is a text, or the list of them where there are several, of which the
            first is trained on.
        keep: Keep the reference documents in memory. False reads the files again
            whenever examples are asked for, one document at a time.
        errors: What becomes of a record that is not as it should be: "strict" raises
            an error, "skip" leaves it out and counts it. "replace" is strict, but
            puts U+FFFD in the place of what is not valid Unicode.
        max_size: Characters in a line at most; 0: any number.
    """

    extension: str
    are_whole = True  # a part of a source has no target

    def __init__(
        self,
        path: str | Path | None,
        target_path: str | Path | list[str] | None = None,
        *,
        limit: int = 0,
        max_length: int = 0,
        max_target_length: int = 0,
        augmenter: Augmenter | None = None,
        source_column: str | None = None,
        target_column: str | list[str] | None = None,
        extension: str = "translation",
        keep: bool = True,
        errors: RowErrors = "strict",
        max_size: int = MAX_SIZE,
    ) -> None:
        check_at_least("max_target_length", max_target_length, 0)
        super().__init__(
            path,
            limit=limit,
            max_length=max_length,
            augmenter=augmenter,
            keep=keep,
            errors=errors,
            max_size=max_size,
        )
        if isinstance(target_column, str):
            target_column = [target_column]
        self.columns = Columns(source_column, target_column)
        self.max_target_length = max_target_length
        self.extension = extension
        self.are_aligned = target_path is not None
        if target_path is None:
            self.files = _find_rows(self.path)
        else:
            several = target_path if isinstance(target_path, list) else [target_path]
            self.files = _check_aligned([self.path, *map(Path, several)])
        register_text(extension)

    def _augment(self, nlp: Language, example: Example) -> Iterator[Example]:
        targets = written_texts(example.reference, self.extension)
        for augmented in self.augmenter(nlp, example):
            # Augmenters of spaCy leave extensions out.
            keep_texts(augmented.reference, self.extension, targets)
            yield augmented

    def _find_contents(self) -> Contents[None]:
        report = Report()
        n_docs = 0
        for item in self._read_items(Vocab(), report.note(self._how)):
            excess = self._find_excess(item)
            if excess is None:
                n_docs += 1
            else:
                report.add(*excess)
        check_texts(self.path, n_docs, report)
        return Contents(n_docs, report, None)

    def _read(self, nlp: Language) -> Iterator[Doc]:
        _ = self.contents  # what is wrong is raised there
        for item in self._read_items(nlp.vocab, self._how):
            if self._find_excess(item) is not None:
                continue
            if not isinstance(item, Pair):
                yield item
            elif self._is_short_enough(nlp, item.location, item.source):
                doc = nlp.make_doc(item.source)
                keep_texts(doc, self.extension, item.targets)
                yield doc

    def _read_items(self, vocab: Vocab, how: Reading) -> Iterator[Pair | Doc]:
        """Read pairs, and the documents of .spacy files."""
        if self.are_aligned:
            source, *targets = self.files
            yield from read_aligned(source, targets, how)
            return
        for path in self.files:
            if has_suffix(path, DOCBIN_SUFFIX):
                yield from read_docs(path, vocab, how, self._check_doc)
            else:
                yield from read_pairs(path, self.columns, how)

    def _check_doc(self, doc: Doc, name: str) -> None:
        try:
            targets = written_texts(doc, self.extension)
        except TypeError as error:
            raise Unreadable(f"{name}: {error}") from error
        make_pair(name, doc.text, targets)

    def _find_excess(self, item: Pair | Doc) -> tuple[str, str] | None:
        """Return of what kind a pair is that is left out, and where it is."""
        if isinstance(item, Pair):
            place, targets = str(item.location), item.targets
        else:
            place = f"the document {shorten(item.text)}"
            targets = written_texts(item, self.extension)
        if not targets:
            return EMPTY_PAIRS, place
        n_words = len(targets[0].split())
        if self.max_target_length and n_words >= self.max_target_length:
            return LONG_TARGETS, f"{place}: {n_words} words"
        return None


def _find_rows(path: Path) -> list[Path]:
    """List the files whose rows are pairs."""
    if path.is_file() and not has_suffix(path, *PAIR_SUFFIXES):
        raise ValueError(
            f"{path}: expected a file that ends in {', '.join(PAIR_SUFFIXES)}, or a "
            "text file whose lines are sources, with that of the targets in target_path"
        )
    return find_files(path, PAIR_SUFFIXES)


def _check_aligned(paths: list[Path]) -> list[Path]:
    """Raise an error for a path that leads to no text file."""
    if len(paths) < 2:
        raise ValueError(
            "target_path has to name a file or several, but the list is []"
        )
    for path in paths:
        if has_suffix(path, *PAIR_SUFFIXES):
            raise ValueError(
                f"{path}: with target_path, sources and targets are the lines of text "
                "files. Without it, the columns of such a file are read"
            )
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
    return paths
