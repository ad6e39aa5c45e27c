"""Sentence boundaries by Punkt, as NLTK has it."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from spacy.attrs import IDX, IS_SPACE, SENT_START
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.pipeline.senter import senter_score
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from spacy.util import from_bytes, from_disk, to_bytes, to_disk
from spacy.vocab import Vocab

from spacy_rnn.nltk_text import (
    LineBreaks,
    PunktModel,
    load_punkt,
    read_punkt,
    split_sentences,
    train_punkt,
)
from spacy_rnn.pipeline.guards import naming_the_path
from spacy_rnn.pipeline.settings import configure, join_settings, note_settings

YES, NO = np.uint64(1), np.int64(-1).astype("uint64")  # as doc.to_array has them


@Language.factory(
    "nltk_sentencizer",
    assigns=["token.is_sent_start", "doc.sents"],
    default_config={
        "language": None,
        "line_breaks": "blank",
        "overwrite": False,
        "scorer": {"@scorers": "spacy.senter_scorer.v1"},
    },
    # It doesn't learn, so it has no say in which model is the best one.
    default_score_weights={"sents_f": 0.0, "sents_p": None, "sents_r": None},
)
def make_nltk_sentencizer(
    nlp: Language,
    name: str,
    language: str | None,
    line_breaks: LineBreaks,
    overwrite: bool,
    scorer: Callable | None,
) -> "NLTKSentencizer":
    """Create a sentencizer.

    Args:
        nlp: The pipeline.
        name: Name of the component.
        language: The language whose Punkt data of NLTK is used, such as "english". None
            takes what is built in, for English, or what it is initialized with.
        line_breaks: Which line breaks end a sentence in any case: "never", "blank" for
            those before a blank line, or "always".
        overwrite: Whether to replace boundaries that are there already.
        scorer: The scoring method.
    """
    return NLTKSentencizer(
        nlp.vocab,
        name,
        language=language,
        line_breaks=line_breaks,
        overwrite=overwrite,
        scorer=scorer,
    )


class NLTKSentencizer(Pipe):
    """Splits documents into sentences by Punkt (Kiss & Strunk, 2006)."""

    configure = configure

    def __init__(
        self,
        vocab: Vocab,
        name: str = "nltk_sentencizer",
        *,
        language: str | None = None,
        line_breaks: LineBreaks = "blank",
        overwrite: bool = False,
        scorer: Callable | None = senter_score,
    ) -> None:
        self.vocab = vocab
        self.name = name
        self.cfg: dict[str, Any] = {
            "language": language,
            "line_breaks": line_breaks,
            "overwrite": overwrite,
        }
        note_settings(self)
        self.scorer = scorer

    @cached_property
    def punkt(self) -> PunktModel:
        """What is known of the language.

        NLTK's data is looked for when it is first needed. A pipeline that was saved has
        it, and so loads where NLTK has none.
        """
        return load_punkt(self.cfg["language"])

    def __call__(self, doc: Doc) -> Doc:
        """Split a document into sentences."""
        self.set_annotations([doc], self.predict([doc]))
        return doc

    def predict(self, docs: Iterable[Doc]) -> list[np.ndarray]:
        """Find sentences without changing the documents.

        Returns:
            For each document whether its tokens begin a sentence. Shape (tokens,).
        """
        line_breaks = self.cfg["line_breaks"]
        starts = []
        for doc in docs:
            sentences = split_sentences(doc.text, self.punkt, line_breaks=line_breaks)
            starts.append(find_starts(doc, [start for start, _ in sentences]))
        return starts

    def set_annotations(
        self, docs: Iterable[Doc], starts: Sequence[np.ndarray]
    ) -> None:
        """Write boundaries, but not where there are some unless `overwrite` is set."""
        for doc, is_start in zip(docs, starts, strict=True):
            values: Any = np.where(is_start, YES, NO)
            if not self.cfg["overwrite"]:
                preset = doc.to_array([SENT_START]).reshape(-1)
                values = np.where(preset == 0, values, preset)
            doc.from_array([SENT_START], values)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        punkt: Path | None = None,
        learn: bool = False,
    ) -> None:
        """Find out what is known of the language.

        Args:
            get_examples: Returns examples.
            nlp: The pipeline.
            punkt: A file that `python -m spacy rnn punkt` has written, in place of the
                language and of what is built in.
            learn: Whether to also learn from the texts of the examples, which need
                no annotation for that.

        Raises:
            LookupError: If NLTK doesn't have the data of the language.
        """
        known = self.punkt if punkt is None else read_punkt(punkt)
        if learn:
            validate_get_examples(get_examples, "NLTKSentencizer.initialize")
            texts = (example.reference.text for example in get_examples())
            known = known.join(train_punkt(texts))
        self.punkt = known

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Save the component to a string of bytes."""
        parts = {"cfg": lambda: _to_json(self.cfg), "punkt": self.punkt.to_json}
        return to_bytes(parts, exclude)

    def from_bytes(
        self, bytes_data: bytes, *, exclude: Iterable[str] = ()
    ) -> "NLTKSentencizer":
        """Load the component from bytes."""
        exclude = list(exclude)
        parts: dict[str, Any] = {
            "cfg": lambda data: self._set_cfg(data, exclude),
            "punkt": self._set_punkt,
        }
        from_bytes(bytes_data, parts, exclude)
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the component to a folder."""
        parts = {
            "cfg": lambda file: file.write_bytes(_to_json(self.cfg)),
            "punkt": lambda file: file.write_bytes(self.punkt.to_json()),
        }
        to_disk(path, parts, exclude)

    def from_disk(
        self, path: str | Path, *, exclude: Iterable[str] = ()
    ) -> "NLTKSentencizer":
        """Load the component from a folder.

        Raises:
            ValueError: If a file is damaged.
        """
        exclude = list(exclude)
        parts = {
            "cfg": lambda file: self._set_cfg(file.read_bytes(), exclude),
            "punkt": lambda file: self._set_punkt(file.read_bytes()),
        }
        with naming_the_path(self.name, path):
            from_disk(path, parts, exclude)
        return self

    def _set_cfg(self, data: bytes, exclude: Iterable[str]) -> None:
        warn = "vocab" in exclude  # which a pipeline leaves out that is loaded
        self.cfg = join_settings(self, json.loads(data), warn=warn)

    def _set_punkt(self, data: bytes) -> None:
        self.punkt = PunktModel.from_json(data, "punkt")


def find_starts(doc: Doc, offsets: Sequence[int]) -> np.ndarray:
    """Find the tokens that begin a sentence.

    The first token does; white space before the first word belongs to its sentence. Any
    other sentence begins with the first word that is not before its offset: white space
    belongs to the sentence before, and so does a token that a sentence would divide.

    Args:
        doc: The document.
        offsets: Where sentences begin in its text, in order.

    Returns:
        Whether each token begins a sentence. Shape (tokens,).
    """
    is_start = np.zeros(len(doc), dtype=bool)
    if len(doc):
        words = np.flatnonzero(doc.to_array([IS_SPACE]) == 0)
        positions = np.searchsorted(doc.to_array([IDX])[words], offsets[1:])
        is_start[words[positions[positions < len(words)]]] = True
        is_start[0] = True
    return is_start


def _to_json(cfg: dict[str, Any]) -> bytes:
    return json.dumps(cfg).encode("utf-8")
