"""Texts with the weights of their tokens and sentences: HTML, and for the terminal."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, Literal
from wsgiref import simple_server

import numpy as np
from spacy.tokens import Doc
from spacy.util import find_available_port, is_in_jupyter

from spacy_rnn.explain import Explanation
from spacy_rnn.visual import sentences, svg, tokens
from spacy_rnn.visual.alignment import (
    Alignment,
    align,
    draw_alignment_html,
    draw_alignment_text,
    each_alignment,
)
from spacy_rnn.visual.page import THEME, make_page
from spacy_rnn.visual.sentences import (
    WeightedSentences,
    draw_sentences_html,
    draw_sentences_text,
    weigh_by_attention,
    weigh_by_summary,
)
from spacy_rnn.visual.tokens import (
    ATTENTION_KEY,
    BOLD,
    KEY,
    check_weights,
    direction_of,
    draw_strongest,
    list_strongest,
    mark_tokens,
    paint,
    shade_tokens,
)

Weights = Literal["contributions", "attention", "sentences", "alignment"]
Picture = Explanation | WeightedSentences | Alignment

STYLE = tokens.STYLE + sentences.STYLE + svg.STYLE


def render(
    explanations: Sequence[Explanation | Doc] | Explanation | Doc,
    *,
    weights: Weights = "contributions",
    page: bool = False,
    jupyter: bool | None = None,
) -> str:
    """Draw explanations as HTML, as `displacy.render` draws documents.

    What adds to the prediction is blue, what takes away from it orange, as a line above
    the texts says; the number is in the token's tooltip. The tokens that are predicted
    of are underlined, unless they are all.

    Args:
        explanations: Explanations, such as `explain` returns of a document, or
            documents, or one of either. Documents for which a text was written, with
            its attention, are drawn with that, and those that `rnn_summarizer` has
            processed with the probabilities of their sentences.
        weights: "contributions", "attention" of the words, "sentences", which draws a
            row for each of them, with its attention or its probability, or "alignment",
            a row for each piece of a text that was written, with what was read for it.
        page: Whether to make a whole page.
        jupyter: Whether to show it in a notebook. None finds out if there is one.

    Returns:
        The markup, empty where it is shown in a notebook.

    Raises:
        ValueError: If there are no such weights to show.
    """
    pictures = list(find_pictures(explanations, weights))
    figures = [draw_html(each, weights) for each in pictures]
    if any(has_shades(each) for each in pictures):
        figures.insert(0, KEY if weights == "contributions" else ATTENTION_KEY)
    body = "\n".join(['<div class="rnn rnn-texts">', *figures, "</div>"])
    cell = f"<style>{THEME}{STYLE}</style>\n{body}"
    if jupyter or (jupyter is None and is_in_jupyter()):
        from IPython.display import HTML, display

        display(HTML(cell))
        return ""
    if not page:
        return cell
    lang = pictures[0].doc.lang_ if pictures else "en"
    return make_page(body, title="Explanations", lang=lang, style=STYLE)


def serve(
    explanations: Sequence[Explanation | Doc] | Explanation | Doc,
    *,
    weights: Weights = "contributions",
    port: int = 5000,
    host: str = "127.0.0.1",
) -> None:
    """Serve a page of explanations until interrupted, as `displacy.serve` does.

    Args:
        explanations: See `render`.
        weights: See `render`.
        port: The port, or the next one that is free.
        host: The address to listen to.
    """
    html = render(explanations, weights=weights, page=True, jupyter=False).encode()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-type", "text/html; charset=utf-8")])
        return [html]

    port = find_available_port(port, host, auto_select=True)
    with simple_server.make_server(host, port, app) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def draw_texts(
    explanations: Sequence[Explanation | Doc] | Explanation | Doc,
    weights: Weights = "contributions",
    *,
    colours: bool = True,
) -> Iterator[str]:
    """Draw explanations for a terminal with 256 colours, or without any.

    Args:
        explanations: See `render`.
        weights: See `render`.
        colours: Whether there are colours. If not, the tokens that weigh most are
            listed with their numbers, and those predicted of are in brackets.

    Raises:
        ValueError: If there are no such weights to show.
    """
    for each in find_pictures(explanations, weights):
        if isinstance(each, WeightedSentences):
            yield draw_sentences_text(each, colours=colours)
        elif isinstance(each, Alignment):
            yield draw_alignment_text(each, colours=colours)
        else:
            yield draw_text(each, weights, colours=colours)


def find_pictures(
    explanations: Sequence[Explanation | Doc] | Explanation | Doc, weights: Weights
) -> Iterator[Picture]:
    """Find what there is to draw. All sentences of a summary make one picture."""
    if isinstance(explanations, Explanation | Doc):
        explanations = [explanations]
    last: Doc | None = None
    for each in explanations:
        if not isinstance(each, Explanation | Doc):
            raise TypeError(
                f"Expected an explanation or a document, but got a "
                f"{type(each).__name__}. `explain` returns a list for each text"
            )
        if weights == "alignment":
            yield from align(each if isinstance(each, Doc) else each.doc)
        elif isinstance(each, Doc):
            found: list[Picture] = [*each_alignment(each)]
            if weights == "sentences" or not found:
                found = [weigh_by_summary(each)]
            yield from found
        elif weights != "sentences":
            yield each
        elif "sentence_scores" not in getattr(
            each.doc.spans.get(each.label), "attrs", {}
        ):
            yield weigh_by_attention(each, describe(each))
        elif each.doc is not last:
            last = each.doc
            yield weigh_by_summary(each.doc, each.label)


def has_shades(picture: Picture) -> bool:
    """Return whether tokens are drawn with their weights."""
    if isinstance(picture, WeightedSentences):
        return picture.words is not None
    return isinstance(picture, Explanation)


def draw_html(picture: Picture, weights: Weights) -> str:
    """Draw a picture as a figure."""
    if isinstance(picture, WeightedSentences):
        return draw_sentences_html(picture)
    if isinstance(picture, Alignment):
        return draw_alignment_html(picture)
    doc, values = picture.doc, find_weights(picture, weights)
    texts = [token.text for token in doc]
    spaces = [token.whitespace_ for token in doc]
    text = mark_tokens(texts, spaces, values, find_underlined(picture))
    are_shares = weights == "attention"
    numbers = draw_strongest(texts, values, are_shares=are_shares)
    return (
        f'<figure lang="{escape(doc.lang_)}"><figcaption><b>{escape(picture.label)}'
        f"</b> {describe(picture)}</figcaption>"
        f'<p dir="{escape(direction_of(doc))}">{text}</p>{numbers}</figure>'
    )


def draw_text(
    explanation: Explanation,
    weights: Weights = "contributions",
    *,
    colours: bool = True,
) -> str:
    """Draw one explanation for a terminal, see `draw_texts`."""
    doc, values = explanation.doc, find_weights(explanation, weights)
    underlined = find_underlined(explanation)
    title = f"{paint(explanation.label, BOLD, colours=colours)} {describe(explanation)}"
    if colours:
        return f"{title}\n{shade_tokens(doc, values, underlined)}"
    text = doc.text
    if underlined:
        start, end = explanation.span.start_char, explanation.span.end_char
        text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
    texts = [token.text for token in doc]
    strongest = list_strongest(texts, values, are_shares=weights == "attention")
    return f"{title}\n{paint(text)}\n{strongest}"


def find_weights(explanation: Explanation, weights: Weights) -> np.ndarray:
    """Return the weights of tokens. Shape (tokens,).

    Raises:
        ValueError: If there are none of this kind, or they are no numbers.
    """
    values = explanation.contributions
    if weights != "contributions":
        if "words" not in explanation.attention:
            raise ValueError(
                f"The model of {explanation.component!r} has no attention to show"
            )
        values = explanation.attention["words"]
    check_weights(explanation.label, values)
    return values


def find_underlined(explanation: Explanation) -> range:
    """Return the tokens that are predicted of, none if they are all."""
    start, end = explanation.start, explanation.end
    return range(0) if end - start == len(explanation.doc) else range(start, end)


def describe(explanation: Explanation) -> str:
    """Say how probable a prediction is, and how it would be of unknown words."""
    unknown = 0.5 * (1.0 + np.tanh(0.5 * explanation.baseline))
    return f"{explanation.probability:.1%}, of unknown words {unknown:.1%}"
