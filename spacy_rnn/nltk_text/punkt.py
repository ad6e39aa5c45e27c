"""What Punkt (Kiss & Strunk, 2006) knows of a language: built in, loaded, learned."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from spacy_rnn.nltk_text import english
from spacy_rnn.nltk_text.spans import Span, spans_between

_NUMBER = "##number##"  # what Punkt writes for any number


class _Contexts(dict[str, int]):
    """The contexts of each word, none for one that is not known.

    NLTK has a defaultdict here, which grows with every word that it is asked about.
    """

    def __missing__(self, word: str) -> int:
        return 0


class PunktModel:
    """What Punkt knows of a language. It does not change.

    Args:
        abbreviations: Words in lower case, without their last period.
        collocations: Pairs of words, in lower case, that a period between them does
            not separate. The first is without it.
        sentence_starters: Words that often begin a sentence, in lower case.
        orthography: For each word, in lower case, in which contexts it was met in
            upper and lower case, as NLTK's bits.
    """

    def __init__(
        self,
        *,
        abbreviations: Iterable[str] = (),
        collocations: Iterable[tuple[str, str]] = (),
        sentence_starters: Iterable[str] = (),
        orthography: Mapping[str, int] | None = None,
    ) -> None:
        self.abbreviations = frozenset(abbreviations)
        self.collocations = frozenset(collocations)
        self.sentence_starters = frozenset(sentence_starters)
        self.orthography: Mapping[str, int] = _Contexts(orthography or {})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PunktModel) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def split(self, text: str) -> list[Span]:
        """Find sentences.

        Returns:
            The offsets of the sentences, in order. None is empty, begins or ends with
            white space, and there is nothing but white space between them.
        """
        from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

        parameters = PunktParameters()
        parameters.abbrev_types = self.abbreviations
        parameters.collocations = self.collocations
        parameters.sent_starters = self.sentence_starters
        parameters.ortho_context = self.orthography
        punkt = PunktSentenceTokenizer(parameters, lang_vars=_language_vars())
        starts = sorted({0, *(start for start, _ in punkt.span_tokenize(text))})
        return list(spans_between(text, starts))

    def join(self, other: "PunktModel") -> "PunktModel":
        """Return what one of two models knows or the other."""
        words = self.orthography.keys() | other.orthography.keys()
        return PunktModel(
            abbreviations=self.abbreviations | other.abbreviations,
            collocations=self.collocations | other.collocations,
            sentence_starters=self.sentence_starters | other.sentence_starters,
            orthography={
                word: self.orthography[word] | other.orthography[word] for word in words
            },
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold, in order."""
        return {
            "abbreviations": sorted(self.abbreviations),
            "collocations": [list(pair) for pair in sorted(self.collocations)],
            "sentence_starters": sorted(self.sentence_starters),
            "orthography": dict(sorted(self.orthography.items())),
        }

    def to_json(self) -> bytes:
        """Return JSON, in an order that depends on nothing but what is known."""
        data = json.dumps(self.to_dict(), ensure_ascii=False, indent=1)
        return data.encode("utf-8")

    @classmethod
    def from_json(cls, data: bytes, source: str) -> "PunktModel":
        """Return the model that `to_json` was called of.

        Args:
            data: What `to_json` returned.
            source: Where it is from, for the error.
        """
        try:
            found = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{source}: malformed JSON: {error}") from error
        return cls.from_dict(found, source)

    @classmethod
    def from_dict(cls, data: Any, source: str) -> "PunktModel":
        """Return the model that `to_dict` was called of.

        Args:
            data: What `to_dict` returned.
            source: Where it is from, for the error.
        """
        keys = ("abbreviations", "collocations", "sentence_starters", "orthography")
        if not isinstance(data, dict) or set(data) != set(keys):
            raise ValueError(
                f"{source}: expected a mapping with the keys {keys}, as "
                "`python -m spacy rnn punkt` writes it"
            )
        *lists, orthography = (data[key] for key in keys)
        if (
            not all(isinstance(each, list) for each in lists)
            or not _are_strings([*lists[0], *lists[2]])
            or not all(
                isinstance(pair, list) and len(pair) == 2 and _are_strings(pair)
                for pair in lists[1]
            )
            or not isinstance(orthography, dict)
            or not all(type(bits) is int for bits in orthography.values())
        ):
            raise ValueError(
                f"{source}: expected lists of words for abbreviations and "
                "sentence_starters, a list of pairs of words for collocations, and a "
                "mapping from word to integer for orthography"
            )
        return cls(
            abbreviations=lists[0],
            collocations=(tuple(pair) for pair in lists[1]),
            sentence_starters=lists[2],
            orthography=orthography,
        )


@cache
def built_in_punkt() -> PunktModel:
    """Return a model of common English abbreviations, which needs no data."""
    return PunktModel(
        abbreviations=english.ABBREVIATIONS,
        collocations=((word, _NUMBER) for word in english.BEFORE_NUMBERS),
        sentence_starters=english.SENTENCE_STARTERS,
    )


def load_punkt(language: str | None) -> PunktModel:
    """Load a model from NLTK's data, or return the one that is built in.

    Args:
        language: Its English name in lower case, such as "english" or "german". None
            takes what is built in, for English.

    Raises:
        LookupError: If it is not on this machine.
    """
    if language is None:
        return built_in_punkt()
    import nltk
    from nltk.tokenize.punkt import PunktTokenizer

    try:
        return _to_model(PunktTokenizer(language)._params)
    except (LookupError, ValueError) as error:
        raise LookupError(
            f"NLTK's Punkt data of the language {language!r} is not on this machine. "
            "Download the data of all its languages with\n\n"
            "    python -m nltk.downloader punkt_tab\n\n"
            "or set the environment variable NLTK_DATA to the folder that has it as "
            f"tokenizers/punkt_tab/{language}. NLTK has looked in "
            f"{', '.join(map(str, nltk.data.path))}."
        ) from error


def train_punkt(texts: Iterable[str]) -> PunktModel:
    """Learn from texts without annotation.

    All of them are in memory until it is done, some 300 bytes for each word: Punkt
    takes a word for a rare abbreviation if it was rare until then.
    """
    from nltk.tokenize.punkt import PunktTrainer

    # A blank line, which Punkt takes for the end of a sentence when it learns.
    text = "\n\n".join(texts)
    return _to_model(PunktTrainer(text, lang_vars=_language_vars()).get_params())


def read_punkt(path: Path) -> PunktModel:
    """Read a file that `python -m spacy rnn punkt` has written."""
    return PunktModel.from_json(path.read_bytes(), str(path))


class _AllAtOnce:
    """A regular expression that finds all matches before it gives the first one.

    NLTK stops a search after some seconds, and counts what is done between matches.
    """

    def __init__(self, pattern: Any) -> None:
        self.pattern = pattern

    def finditer(self, text: str) -> Iterator[Any]:
        return iter(list(self.pattern.finditer(text)))


@cache
def _language_vars() -> Any:
    """Return the regular expressions of Punkt, which take long to compile."""
    from nltk.tokenize.punkt import PunktLanguageVars

    class LanguageVars(PunktLanguageVars):
        def period_context_re(self) -> _AllAtOnce:
            return _AllAtOnce(super().period_context_re())

    return LanguageVars()


def _to_model(parameters: Any) -> PunktModel:
    return PunktModel(
        abbreviations=parameters.abbrev_types,
        collocations=parameters.collocations,
        sentence_starters=parameters.sent_starters,
        orthography=parameters.ortho_context,
    )


def _are_strings(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
