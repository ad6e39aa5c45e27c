"""Texts with the weights of their tokens, as HTML and for the terminal."""

from collections.abc import Sequence
from html import escape
from typing import Any, Literal
from wsgiref import simple_server

import numpy as np
from spacy.util import find_available_port, is_in_jupyter

from spacy_rnn.explain import Explanation
from spacy_rnn.visual.page import THEME, make_page

Weights = Literal["contributions", "attention"]

# A page and a cell of a notebook have the same rules, which reach nothing else.
STYLE = """.rnn-texts { font-size: 16px; line-height: 1.9; max-width: 60rem;
  margin: 0 auto; padding: 1rem; }
.rnn-texts figure { margin: 0 0 1.5rem; padding: 0 0 1rem;
  border-bottom: 1px solid var(--line); }
.rnn-texts figcaption { color: var(--faint); font-size: .875rem; }
.rnn-texts figcaption b { color: var(--ink); font-size: 1rem; }
.rnn-texts p { margin: .25rem 0 0; overflow-wrap: anywhere; white-space: pre-wrap; }
.rnn-texts p span { border-radius: .2em; padding: .1em 0;
  background: rgb(var(--more) / calc(var(--w) * .65)); }
.rnn-texts p span.less { background: rgb(var(--less) / calc(var(--w) * .65)); }
.rnn-texts u { text-decoration: underline 2px; text-underline-offset: .25em; }
"""
SHADES = 5  # of a colour in the terminal
MORE = (189, 153, 117, 75, 33)  # blue, of the 256 colours of a terminal
LESS = (223, 216, 215, 209, 202)  # orange


def render(
    explanations: Sequence[Explanation],
    *,
    weights: Weights = "contributions",
    page: bool = False,
    jupyter: bool | None = None,
) -> str:
    """Draw explanations as HTML, as `displacy.render` draws documents.

    What adds to the prediction is blue, what takes away from it orange; the number is
    in the token's tooltip. The tokens that are predicted of are underlined, unless they
    are all.

    Args:
        explanations: Explanations, such as `explain` returns of a document.
        weights: "contributions", or "attention" of the words.
        page: Whether to make a whole page.
        jupyter: Whether to show it in a notebook. None finds out if there is one.

    Returns:
        The markup, empty where it is shown in a notebook.

    Raises:
        ValueError: If there is no attention to show.
    """
    figures = [draw_html(each, weights) for each in explanations]
    body = "\n".join(['<div class="rnn rnn-texts">', *figures, "</div>"])
    cell = f"<style>{THEME}{STYLE}</style>\n{body}"
    if jupyter or (jupyter is None and is_in_jupyter()):
        from IPython.display import HTML, display

        display(HTML(cell))
        return ""
    if not page:
        return cell
    lang = explanations[0].doc.lang_ if explanations else "en"
    return make_page(body, title="Explanations", lang=lang, style=STYLE)


def serve(
    explanations: Sequence[Explanation],
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


def draw_html(explanation: Explanation, weights: Weights) -> str:
    """Draw one explanation as a figure."""
    doc = explanation.doc
    direction = doc.vocab.writing_system.get("direction", "ltr")
    values = find_weights(explanation, weights)
    is_whole = explanation.end - explanation.start == len(doc)
    text = mark_tokens(
        [token.text for token in doc],
        [token.whitespace_ for token in doc],
        values,
        range(0) if is_whole else range(explanation.start, explanation.end),
    )
    return (
        f'<figure lang="{escape(doc.lang_)}"><figcaption><b>{escape(explanation.label)}'
        f"</b> {describe(explanation)}</figcaption>"
        f'<p dir="{escape(direction)}">{text}</p></figure>'
    )


def mark_tokens(
    texts: Sequence[str],
    spaces: Sequence[str],
    values: np.ndarray | None,
    underlined: range,
) -> str:
    """Put the weights of tokens behind them.

    Args:
        texts: The tokens.
        spaces: What is behind each.
        values: Their weights, None if there are none. Shape (tokens,).
        underlined: Those that are underlined.
    """
    parts = []
    weights = np.zeros(len(texts)) if values is None else values
    for i, (token, share) in enumerate(zip(texts, shares(weights), strict=True)):
        text = f"<u>{escape(token)}</u>" if i in underlined else escape(token)
        if values is not None:
            kind = ' class="less"' if share < 0 else ""
            about = f'style="--w:{abs(share):.2f}" title="{weights[i]:+.3f}"'
            text = f"<span{kind} {about}>{text}</span>"
        parts += [text, escape(spaces[i])]
    return "".join(parts)


def draw_text(explanation: Explanation, weights: Weights = "contributions") -> str:
    """Draw one explanation for a terminal with 256 colours."""
    values = find_weights(explanation, weights)
    parts = []
    for token, share in zip(explanation.doc, shares(values), strict=True):
        shade = round(abs(share) * SHADES)
        codes = ["4"] if has_underline(explanation, token.i) else []
        if shade:
            colours = LESS if share < 0 else MORE
            codes += ["38;5;16", f"48;5;{colours[shade - 1]}"]
        text = token.text
        if codes:
            text = f"\x1b[{';'.join(codes)}m{text}\x1b[0m"
        parts.append(text + token.whitespace_)
    return (
        f"\x1b[1m{explanation.label}\x1b[0m {describe(explanation)}\n{''.join(parts)}"
    )


def find_weights(explanation: Explanation, weights: Weights) -> np.ndarray:
    """Return the weights of tokens. Shape (tokens,).

    Raises:
        ValueError: If there are none of this kind.
    """
    if weights == "contributions":
        return explanation.contributions
    if "words" not in explanation.attention:
        raise ValueError(
            f"The model of {explanation.component!r} has no attention to show"
        )
    return explanation.attention["words"]


def shares(values: np.ndarray) -> np.ndarray:
    """Scale weights to at most 1, the sign kept. Shape (tokens,)."""
    largest = np.abs(values).max(initial=0.0)
    return values / largest if largest else values


def has_underline(explanation: Explanation, i: int) -> bool:
    """Whether a token is what is predicted of, if not all are."""
    start, end = explanation.start, explanation.end
    return start <= i < end and end - start < len(explanation.doc)


def describe(explanation: Explanation) -> str:
    """Say how probable a prediction is, and how it would be of unknown words."""
    unknown = 0.5 * (1.0 + np.tanh(0.5 * explanation.baseline))
    return f"{explanation.probability:.1%}, of unknown words {unknown:.1%}"
