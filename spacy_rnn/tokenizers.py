"""NLTK's tokenizers for `nlp`."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.training import Example, validate_examples
from spacy.util import DummyTokenizer
from spacy.vocab import Vocab

from spacy_rnn.nltk_text import (
    RULES_OF_SENTENCES,
    PunktModel,
    Span,
    WordRules,
    check_word_rules,
    load_punkt,
    read_punkt,
    split_words,
)

_PIECES = re.compile(r"\s+|\S+")


def create_nltk_tokenizer(
    rules: WordRules = "nltk_word",
    pattern: str | None = None,
    gaps: bool = False,
    sentences: bool = True,
    language: str | None = None,
) -> Callable[[Language], "NLTKTokenizer"]:
    """Make tokens with a tokenizer of NLTK.

    Args:
        rules: "nltk_word" (that of `nltk.word_tokenize`), "treebank" (Penn Treebank),
            "tweet", "regexp" or "whitespace".
        pattern: The regular expression of "regexp".
        gaps: Whether it matches what is between words, and not the words.
        sentences: Whether "nltk_word" and "treebank", which take the period at the end
            of their text for a word of its own, get each sentence by itself.
        language: The language whose Punkt data of NLTK finds these sentences, such as
            "english". None takes what is built in, for English.
    """

    def make_tokenizer(nlp: Language) -> NLTKTokenizer:
        return NLTKTokenizer(
            nlp.vocab,
            rules,
            pattern=pattern,
            gaps=gaps,
            sentences=sentences,
            language=language,
        )

    return make_tokenizer


class NLTKTokenizer(DummyTokenizer):
    """A tokenizer of NLTK that leaves the text as it is: `doc.text == text`.

    White space is treated as spaCy does it: a single space belongs to the token before
    it, and any other white space is a token. So is whatever NLTK leaves out.
    """

    def __init__(
        self,
        vocab: Vocab,
        rules: WordRules = "nltk_word",
        *,
        pattern: str | None = None,
        gaps: bool = False,
        sentences: bool = True,
        language: str | None = None,
    ) -> None:
        check_word_rules(rules, pattern=pattern, gaps=gaps)
        self.vocab = vocab
        self.rules = rules
        self.pattern = pattern
        self.gaps = gaps
        self.sentences = sentences
        self.language = language
        self._punkt: PunktModel | None = None
        if language is not None:
            self._check_use("language", language)

    @property
    def punkt(self) -> PunktModel | None:
        """What finds sentences, None if text isn't split at them.

        NLTK's data is looked for when it is first needed. A pipeline that was saved has
        it, and so loads where NLTK has none.
        """
        if self._punkt is None and self._finds_sentences:
            self._punkt = load_punkt(self.language)
        return self._punkt

    def __call__(self, text: str) -> Doc:
        """Make a document of a text."""
        spans = split_words(
            text,
            self.rules,
            pattern=self.pattern,
            gaps=self.gaps,
            punkt=self.punkt,
        )
        words, spaces = fill_gaps(text, spans)
        return Doc(self.vocab, words=words, spaces=spaces)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]] | None = None,
        *,
        nlp: Language | None = None,
        punkt: Path | None = None,
    ) -> None:
        """Find what finds sentences, so that training doesn't begin without it.

        Args:
            get_examples: Not used, as by spaCy's tokenizers.
            nlp: The pipeline.
            punkt: A file that `python -m spacy rnn punkt` has written, in place of the
                language.

        Raises:
            LookupError: If NLTK doesn't have the data of the language.
            ValueError: If there is a file, but the rules don't need it.
        """
        if punkt is None:
            self._punkt = self.punkt
        else:
            self._check_use("punkt", str(punkt))
            self._punkt = read_punkt(punkt)

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """Score tokens, as spaCy's tokenizer does."""
        examples = list(examples)
        validate_examples(examples, "NLTKTokenizer.score")
        return Scorer.score_tokenization(examples)

    def to_bytes(self, **kwargs: Any) -> bytes:
        """Save the settings and what finds sentences, but not the vocabulary."""
        punkt = self.punkt
        data = {
            "rules": self.rules,
            "pattern": self.pattern,
            "gaps": self.gaps,
            "sentences": self.sentences,
            "language": self.language,
            "punkt": None if punkt is None else punkt.to_dict(),
        }
        return json.dumps(data, ensure_ascii=False).encode("utf-8")

    def from_bytes(self, data: bytes, **kwargs: Any) -> "NLTKTokenizer":
        """Load what was saved.

        Raises:
            ValueError: If it is damaged, or that of another tokenizer.
        """
        try:
            settings = json.loads(data)
            punkt = settings.pop("punkt")
            loaded = NLTKTokenizer(self.vocab, **settings)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"Not saved by an NLTKTokenizer: {error!r}") from error
        if punkt is not None:
            loaded._punkt = PunktModel.from_dict(punkt, "tokenizer")
        vars(self).update(vars(loaded))
        return self

    def to_disk(self, path: str | Path, **kwargs: Any) -> None:
        """Save the settings to a file."""
        Path(path).write_bytes(self.to_bytes())

    def from_disk(self, path: str | Path, **kwargs: Any) -> "NLTKTokenizer":
        """Load the settings from a file.

        Raises:
            ValueError: If it is damaged, or that of another tokenizer.
        """
        try:
            return self.from_bytes(Path(path).read_bytes())
        except ValueError as error:
            raise ValueError(f"Can't load {path}: {error}") from error

    @property
    def _finds_sentences(self) -> bool:
        return self.sentences and self.rules in RULES_OF_SENTENCES

    def _check_use(self, name: str, value: str) -> None:
        if not self._finds_sentences:
            raise ValueError(
                f"{name} is for finding sentences, which rules {self.rules!r} with "
                f"sentences {self.sentences!r} don't, but it is {value!r}"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.vocab, self.to_bytes())


def fill_gaps(text: str, spans: Sequence[Span]) -> tuple[list[str], list[bool]]:
    """Say of which words, with a space after them or not, a text is made.

    Args:
        text: The text.
        spans: Words in it, in order, without white space around them.
    """
    words: list[str] = []
    spaces: list[bool] = []
    end = 0
    for start, stop in [*spans, (len(text), len(text))]:
        for piece in _PIECES.findall(text[end:start]):
            if piece[0] == " " and words:
                spaces[-1] = True
                piece = piece[1:]
            if piece:
                words.append(piece)
                spaces.append(False)
        if stop > start:
            words.append(text[start:stop])
            spaces.append(False)
        end = stop
    return words, spaces


def _restore(vocab: Vocab, data: bytes) -> NLTKTokenizer:
    return NLTKTokenizer(vocab).from_bytes(data)
