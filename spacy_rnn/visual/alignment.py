"""What was read of a document for each piece of a text that was written about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import numpy as np
from spacy.tokens import Doc

from spacy_rnn.visual.chart import Matrix
from spacy_rnn.visual.matrix import draw_wide_matrix
from spacy_rnn.visual.tokens import BLUE, BOLD, direction_of, paint
from spacy_rnn.visual.width import count_columns

SUFFIX = "_candidates"
LEAST = 0.1  # share that a terminal is told of


@dataclass
class Alignment:
    """A text that was written about a document, and what was read for it.

    Attributes:
        doc: The document.
        title: The name of the extension that the text stands in.
        text: The text.
        probability: In [0, 1].
        pieces: What it is made of, T of them.
        attention: How much of each token was read for each piece, adding up to 1. Shape
            (T, tokens).
    """

    doc: Doc
    title: str
    text: str
    probability: float
    pieces: list[str]
    attention: np.ndarray


def each_alignment(doc: Doc) -> Iterator[Alignment]:
    """Find the best text of each component that wrote one, with its attention."""
    for key, candidates in doc.user_data.items():
        if not isinstance(key, tuple) or key[0] != "._.":
            continue
        name = key[1]
        if not name.endswith(SUFFIX) or not candidates:
            continue
        best = candidates[0]
        # Somebody else's extension may be named like this.
        if isinstance(best, dict) and best.get("attention") is not None:
            yield Alignment(
                doc,
                name.removesuffix(SUFFIX),
                best["text"],
                best["probability"],
                best["pieces"],
                best["attention"],
            )


def align(doc: Doc) -> list[Alignment]:
    """Find what was written about a document, see `each_alignment`.

    Raises:
        ValueError: If nothing was, or without its attention.
    """
    found = list(each_alignment(doc))
    if not found and doc.text.strip():
        raise ValueError(
            f"The document {doc.text[:60]!r} has no text with its attention. "
            f"'rnn_translator' and 'rnn_abstractive_summarizer' write one with the "
            f"settings n_best = 1 and attention = true"
        )
    return found


def draw_alignment_html(picture: Alignment) -> str:
    """Draw a text as a figure: a row for each of its pieces, a column for each token.

    Columns run in the direction of the document.
    """
    doc = picture.doc
    order = slice(None, None, -1 if direction_of(doc) == "rtl" else 1)
    matrix = Matrix(
        picture.title,
        picture.pieces,
        [token.text for token in doc][order],
        picture.attention[:, order].tolist(),
        "rows are written, columns read",
        are_shares=True,
    )
    return (
        f'<figure lang="{escape(doc.lang_)}"><figcaption dir="auto"><b>'
        f"{escape(picture.text)}</b> {picture.probability:.1%}</figcaption>"
        f"{draw_wide_matrix(matrix)}</figure>"
    )


def draw_alignment_text(picture: Alignment, *, colours: bool = True) -> str:
    """Draw a text for a terminal: a line for each piece, with what was read for it."""
    tokens = [paint(token.text) for token in picture.doc]
    pieces = list(map(paint, picture.pieces))
    width = max(map(count_columns, pieces))
    title = paint(picture.title, BOLD, colours=colours)
    lines = [f"{title} {paint(picture.text)} {picture.probability:.1%}"]
    for piece, shares in zip(pieces, picture.attention, strict=True):
        read = [
            f"{' '.join(tokens[i].split())} "
            f"{paint(f'{shares[i]:.0%}', BLUE, colours=colours)}"
            for i in np.flatnonzero(shares >= LEAST)
        ]
        space = " " * (width - count_columns(piece))
        lines.append(f"{piece}{space}  {'  '.join(read)}")
    return "\n".join(lines)
