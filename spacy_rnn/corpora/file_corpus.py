"""What the corpora of files have in common."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Generic

from spacy.errors import Errors
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from spacy_rnn.checks import check_at_least
from spacy_rnn.corpora.files.lines import RowErrors, TooLarge
from spacy_rnn.corpora.references import (
    Augmenter,
    Contents,
    Known,
    References,
    make_reading,
)


class FileCorpus(Corpus, ABC, Generic[Known]):
    """spaCy's corpus, which reads documents from files of other kinds as well.

    The first call reads everything once before it yields anything, so that a mistake
    in the last line is found before training has begun.

    Attributes:
        files: What is read.
        extension: The extension of documents that has a text, None for none.
        are_whole: Whether documents that are too long are left out, instead of split
            into sentences.
        read_references: Reads the annotated documents for a pipeline.
    """

    files: list[Path]
    extension: str | None = None
    are_whole = False

    def __init__(
        self,
        path: str | Path | None,
        *,
        limit: int,
        max_length: int,
        augmenter: Augmenter | None,
        keep: bool,
        errors: RowErrors,
        max_size: int,
        gold_preproc: bool = False,
    ) -> None:
        if path is None:
            raise ValueError(Errors.E913)
        check_at_least("limit", limit, 0)
        check_at_least("max_length", max_length, 0)
        super().__init__(
            path,
            limit=limit,
            max_length=max_length,
            gold_preproc=gold_preproc,
            augmenter=augmenter,
        )
        self._how = make_reading(errors, max_size)
        self.read_references = References(self._read, limit=limit, keep=keep)

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Yield the examples of the corpus.

        Args:
            nlp: Its tokenizer and vocabulary make the documents.
        """
        self.contents.report.warn()
        references: Iterable[Doc] = self.read_references(nlp)
        if self.are_whole and self.max_length:
            references = (doc for doc in references if len(doc) < self.max_length)
        make = self.make_examples
        if self.gold_preproc:
            make = self.make_examples_gold_preproc
        for example in make(nlp, references):
            yield from self._augment(nlp, example)

    @cached_property
    def contents(self) -> Contents[Known]:
        """What is in the files. Reads, and so checks, all of them."""
        return self._find_contents()

    @abstractmethod
    def _find_contents(self) -> Contents[Known]: ...

    @abstractmethod
    def _read(self, nlp: Language) -> Iterator[Doc]:
        """Read the annotated documents, after the contents."""

    def _is_short_enough(self, nlp: Language, location: object, text: str) -> bool:
        """Leave out, with a warning, or refuse a text that the pipeline would."""
        if len(text) <= nlp.max_length:
            return True
        problem = TooLarge(
            f"{location}: the text has {len(text)} characters, but the pipeline takes "
            f"no more than {nlp.max_length}, its nlp.max_length"
        )
        self._how.on_error(problem)
        warnings.warn(f"Left out: {problem}", stacklevel=2)
        return False

    def _augment(self, nlp: Language, example: Example) -> Iterator[Example]:
        return self.augmenter(nlp, example)
