"""Words by NLTK's tokenizers, with the offsets that they have in the text."""

import html
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from typing import Any, Literal, get_args

from spacy_rnn.checks import check_choice
from spacy_rnn.nltk_text.punkt import PunktModel
from spacy_rnn.nltk_text.sentences import split_sentences
from spacy_rnn.nltk_text.spans import Span, trim

Characters = list[tuple[str, int, int]]  # each with its offsets in the text
WordRules = Literal["nltk_word", "treebank", "tweet", "regexp", "whitespace"]

# Rules for one sentence: a period within the text is part of the word before it.
RULES_OF_SENTENCES = ("nltk_word", "treebank")

# What is split as a tweet by itself: a line, of which no token goes beyond the end, but
# only a part of a very long word. NLTK takes the square of its length, and gives up.
_PIECES = re.compile(r"(?:[^\S\n]+|\S{1,2000}(?!\S))+|\S{1,2000}")


def check_word_rules(rules: WordRules, *, pattern: str | None, gaps: bool) -> None:
    """Raise a ValueError for rules that can't be, or settings that aren't theirs."""
    check_choice("rules", rules, get_args(WordRules))
    if (rules == "regexp") != (pattern is not None):
        raise ValueError(
            'pattern is of rules = "regexp", which need it, but rules is '
            f"{rules!r} and pattern is {pattern!r}"
        )
    if gaps and rules != "regexp":
        raise ValueError(f'gaps is of rules = "regexp", but rules is {rules!r}')
    if pattern is not None:
        try:
            list(_regexp_splitter(pattern, gaps)(""))
        except re.error as error:
            raise ValueError(
                f"pattern is no regular expression: {error}. It is {pattern!r}"
            ) from error


def split_words(
    text: str,
    rules: WordRules = "nltk_word",
    *,
    pattern: str | None = None,
    gaps: bool = False,
    punkt: PunktModel | None = None,
) -> list[Span]:
    """Find the words of a text.

    Args:
        text: Any text, also an empty one.
        rules: The tokenizer of NLTK: "nltk_word" (that of `nltk.word_tokenize`),
            "treebank" (Penn Treebank), "tweet", "regexp" or "whitespace".
        pattern: The regular expression of "regexp".
        gaps: Whether it matches what is between words, and not the words.
        punkt: Finds the sentences, one of which "nltk_word" and "treebank" expect: only
            at its end is a period a word of its own. None takes the text for one.

    Returns:
        The offsets of the words, in order. None is empty, begins or ends with white
        space. What NLTK changes (quotes, character references, long repetitions) has
        the offsets of what was there before.
    """
    check_word_rules(rules, pattern=pattern, gaps=gaps)
    split = _find_splitter(rules, pattern, gaps)
    pieces = [(0, len(text))]
    if punkt is not None and rules in RULES_OF_SENTENCES:
        pieces = split_sentences(text, punkt, line_breaks="never")
    return [
        (start + i, start + j)
        for start, stop in pieces
        for i, j in split(text[start:stop])
    ]


@lru_cache(maxsize=32)
def _find_splitter(
    rules: WordRules, pattern: str | None, gaps: bool
) -> Callable[[str], Iterable[Span]]:
    if rules == "whitespace":
        return _split_at_white_space
    if rules == "tweet":
        return lambda text: trim(_split_tweet(text), text)
    if rules == "regexp":
        assert pattern is not None
        split = _regexp_splitter(pattern, gaps)
        return lambda text: trim(split(text), text)
    from nltk.tokenize import NLTKWordTokenizer, TreebankWordTokenizer

    of_sentence = NLTKWordTokenizer if rules == "nltk_word" else TreebankWordTokenizer
    return of_sentence().span_tokenize


@lru_cache(maxsize=32)
def _regexp_splitter(pattern: str, gaps: bool) -> Callable[[str], Iterable[Span]]:
    from nltk.tokenize import RegexpTokenizer

    return RegexpTokenizer(pattern, gaps=gaps).span_tokenize


def _split_at_white_space(text: str) -> Iterator[Span]:
    return (match.span() for match in re.finditer(r"\S+", text))


def _split_tweet(text: str) -> Iterator[Span]:
    for piece in _PIECES.finditer(text):
        for i, j in _split_tweet_piece(piece.group()):
            yield piece.start() + i, piece.start() + j


def _split_tweet_piece(text: str) -> Iterator[Span]:
    """Split what NLTK makes of a text, and say where that was before."""
    from nltk.tokenize.casual import ENT_RE, HANG_RE

    pattern = _tweet_pattern()
    if not ENT_RE.search(text) and not HANG_RE.search(text):
        yield from (match.span() for match in pattern.finditer(text, timeout=None))
        return
    characters = [(char, i, i + 1) for i, char in enumerate(text)]
    characters = _shorten_runs(_replace_references(characters))
    for match in pattern.finditer(_join(characters), timeout=None):
        i, j = match.span()
        yield characters[i][1], characters[j - 1][2]


def _replace_references(characters: Characters) -> Characters:
    """Replace each HTML character reference by the character, if it is a single one."""
    from nltk.tokenize.casual import ENT_RE

    replaced: Characters = []
    end = 0
    for match in ENT_RE.finditer(_join(characters)):
        char = html.unescape(match.group())
        if len(char) == 1:
            replaced += characters[end : match.start()]
            replaced.append((char, *match.span()))
            end = match.end()
    return replaced + characters[end:]


def _shorten_runs(characters: Characters) -> Characters:
    """Shorten repetitions as NLTK does. What is left out belongs to the last one."""
    from nltk.tokenize.casual import HANG_RE

    shortened: Characters = []
    end = 0
    for match in HANG_RE.finditer(_join(characters)):
        char, start, _ = characters[match.start() + 2]
        shortened += characters[end : match.start() + 2]
        shortened.append((char, start, characters[match.end() - 1][2]))
        end = match.end()
    return shortened + characters[end:]


@cache
def _tweet_pattern() -> Any:
    from nltk.tokenize import TweetTokenizer

    return TweetTokenizer().PHONE_WORD_RE


def _join(characters: Characters) -> str:
    return "".join(char for char, _, _ in characters)
