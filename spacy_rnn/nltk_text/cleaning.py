"""Clean texts for summarization: named steps, in the order that one asks for.

Every step takes any text, and gives a text that is equal to itself where there is
nothing to clean. Except for `unescape_entities`, `strip_markup` (both take off one
layer) and `stem`, doing a step twice is doing it once.
"""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, get_args

from spacy_rnn.checks import check_choice
from spacy_rnn.nltk_text.news import strip_bylines, strip_datelines

CleaningStep = Literal[
    "strip_markup",
    "unescape_entities",
    "normalize_quotes",
    "normalize_spaces",
    "strip_bylines",
    "strip_datelines",
    "lower",
    "remove_stop_words",
    "stem",
]

_NAME = r"[A-Za-z][\w:.-]*"
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"'<>`]+)"""
_FLAG = "async|checked|controls|defer|disabled|hidden|multiple|nowrap|readonly|selected"
_TAG = re.compile(
    # What has no end is no script or comment, or the rest of the text went with it.
    r"<(script|style)\b[^<>]*>(?:(?!<\1\b).)*?</\1\s*>"
    r"|<!--(?:(?!<!--).)*?-->"
    r"|<!doctype\b[^<>]*>|<\?[^<>]*\?>|<!\[CDATA\[|\]\]>"
    rf"|</?(?P<name>{_NAME})(?:\s+{_NAME}\s*=\s*{_VALUE}|\s+(?:{_FLAG}))*\s*/?>",
    re.IGNORECASE | re.DOTALL,
)
_BREAKS = {  # what an element begins and ends with
    "\n\n": """
        address article aside blockquote body div dl fieldset figure footer form h1 h2
        h3 h4 h5 h6 header headline hr main nav ol p pre section table text title ul
        """,
    "\n": "br caption dd dt figcaption li option tr",
    " ": "td th",
}
_BREAK_OF = {
    name: break_ for break_, names in _BREAKS.items() for name in names.split()
}

_STRAIGHT = str.maketrans(dict.fromkeys("“”„‟«»″", '"') | dict.fromkeys("‘’‚‛′`´", "'"))
# Control characters, soft hyphens, and what has no width. Joiners are part of words.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u180e\u200b\u2060\ufeff]"
)
_NEWLINE = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028]")
_WORD = re.compile(r"(?<!\w)[^\W\d_]+(?:['’][^\W\d_]+)*(?!\w)")


def clean(
    text: str, steps: Sequence[CleaningStep], *, language: str = "english"
) -> str:
    """Clean a text, step by step.

    Args:
        text: Any text, also an empty one.
        steps: Names of functions of this module and of `news`, in their order.
        language: That of the stop words and of the stemmer, as NLTK calls it.

    Raises:
        LookupError: If a step needs data of NLTK that is not on this machine.
        ValueError: If there is no such step, or it doesn't know the language.
    """
    check_steps(steps)
    for step in steps:
        if step in _OF_LANGUAGE:
            text = _OF_LANGUAGE[step](text, language)
        else:
            text = _STEPS[step](text)
    return text


def check_steps(steps: Sequence[CleaningStep]) -> None:
    """Raise a ValueError if there is no such step, or a text instead of a list."""
    if isinstance(steps, str):
        raise ValueError(
            f"steps has to be a list of names of cleaning steps, but it is {steps!r}"
        )
    for step in steps:
        check_choice("a cleaning step", step, get_args(CleaningStep))


def strip_markup(text: str) -> str:
    """Take off tags, comments, scripts and styles, as HTML, XML and SGML have them.

    What only looks like a tag stays: "a < b", "<3", "<jo@example.com>". The end of a
    paragraph becomes a blank line, that of a line a line break.
    """
    return _TAG.sub(_replace_tag, text)


def unescape_entities(text: str) -> str:
    """Turn character references such as "&amp;" and "&#8217;" into characters."""
    return html.unescape(text)


def normalize_quotes(text: str) -> str:
    """Write all quotes, primes and accents that stand for them as " or '."""
    return text.translate(_STRAIGHT).replace("''", '"')


def normalize_spaces(text: str) -> str:
    r"""Write white space as single " ", "\n" or "\n\n", and drop invisible signs."""
    text = _NEWLINE.sub("\n", _INVISIBLE.sub("", text)).replace("\u2029", "\n\n")
    text = re.sub(r"[^\S\n]+", " ", text)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r" ?\n ?", "\n", text)).strip()


def lower(text: str) -> str:
    """Write all letters in lower case."""
    return text.lower()


def remove_stop_words(text: str, language: str = "english") -> str:
    """Leave out the most frequent words, which NLTK lists in its data `stopwords`."""
    stop_words = _read_stop_words(language)

    def replace(match: re.Match) -> str:
        word: str = match.group()
        return "" if word.lower().replace("’", "'") in stop_words else word

    text = re.sub(r"[^\S\n]+", " ", _WORD.sub(replace, text))
    return re.sub(r"^ | $", "", text, flags=re.MULTILINE)


def stem(text: str, language: str = "english") -> str:
    """Write stems in place of the words, in lower case (Snowball; Porter, 2001)."""
    stemmer = _make_stemmer(language)
    return _WORD.sub(lambda match: stemmer.stem(match.group()), text)


_STEPS: Mapping[str, Callable[[str], str]] = {
    step.__name__: step
    for step in (
        strip_markup,
        unescape_entities,
        normalize_quotes,
        normalize_spaces,
        strip_bylines,
        strip_datelines,
        lower,
    )
}
_OF_LANGUAGE: Mapping[str, Callable[[str, str], str]] = {
    "remove_stop_words": remove_stop_words,
    "stem": stem,
}


def _replace_tag(match: re.Match) -> str:
    return _BREAK_OF.get((match["name"] or "").lower(), "")


@cache
def _read_stop_words(language: str) -> frozenset[str]:
    import nltk
    from nltk.corpus import stopwords

    try:
        languages = stopwords.fileids()
    except LookupError as error:
        raise LookupError(
            "NLTK's stop words are not on this machine. Download them with\n\n"
            "    python -m nltk.downloader stopwords\n\n"
            "or set the environment variable NLTK_DATA to the folder that has them as "
            "corpora/stopwords or corpora/stopwords.zip. NLTK has looked in "
            f"{', '.join(map(str, nltk.data.path))}."
        ) from error
    check_choice("the language of stop words", language, tuple(languages))
    return frozenset(stopwords.words(language))


@cache
def _make_stemmer(language: str) -> Any:
    from nltk.stem import SnowballStemmer

    check_choice("the language of the stemmer", language, SnowballStemmer.languages)
    return SnowballStemmer(language)
