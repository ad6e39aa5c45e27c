"""Sentences by Punkt (Kiss & Strunk, 2006), as NLTK has it."""

import re
from typing import Literal, get_args

from spacy_rnn.checks import check_choice
from spacy_rnn.nltk_text.punkt import PunktModel, built_in_punkt
from spacy_rnn.nltk_text.spans import Span, spans_between

LineBreaks = Literal["never", "blank", "always"]

_NEWLINE = r"(?:\r\n?|[\n\x85\u2028])"
_BLANK_LINE = re.compile(rf"\u2029|{_NEWLINE}(?:[^\S\r\n\x85\u2028]*{_NEWLINE})+")
_LINE_END = re.compile(rf"\u2029|{_NEWLINE}")


def split_sentences(
    text: str, punkt: PunktModel | None = None, *, line_breaks: LineBreaks = "blank"
) -> list[Span]:
    """Find the sentences of a text.

    Args:
        text: Any text, also an empty one.
        punkt: Where periods are not the end of a sentence. None takes what is built
            in, for English.
        line_breaks: Which line breaks end a sentence in any case: none ("never", as
            NLTK does it), those before a blank line ("blank"), or all ("always").

    Returns:
        The offsets of the sentences, in order. None is empty, begins or ends with
        white space, and there is nothing but white space between them.
    """
    check_choice("line_breaks", line_breaks, get_args(LineBreaks))
    punkt = built_in_punkt() if punkt is None else punkt
    if line_breaks == "never":
        return punkt.split(text)
    separator = _BLANK_LINE if line_breaks == "blank" else _LINE_END
    starts = [0, *(match.end() for match in separator.finditer(text))]
    sentences = []
    for start, stop in spans_between(text, starts):
        found = punkt.split(text[start:stop])
        sentences += [(start + i, start + j) for i, j in found]
    return sentences
