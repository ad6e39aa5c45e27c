"""Tokens with their weights: as colours, in HTML and a terminal, or as numbers."""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from spacy.tokens import Doc, Token

# A page and a cell of a notebook have the same rules, which reach nothing else.
STYLE = """.rnn-texts { font-size: 16px; line-height: 1.9; max-width: 60rem;
  margin: 0 auto; padding: 1rem; }
.rnn-texts figure { margin: 0 0 1.5rem; padding: 0 0 1rem;
  border-bottom: 1px solid var(--line); }
.rnn-texts figcaption, .rnn-texts .key { color: var(--faint); font-size: .875rem;
  overflow-wrap: anywhere; }
.rnn-texts details { color: var(--faint); font-size: .8125rem;
  overflow-wrap: anywhere; }
.rnn-texts summary { cursor: pointer; width: fit-content; }
.rnn-texts .key { margin: 0 0 1.5rem; }
.rnn-texts figcaption b { color: var(--ink); font-size: 1rem; }
.rnn-texts p { margin: .25rem 0 0; overflow-wrap: anywhere; white-space: pre-wrap; }
.rnn-texts p span, .rnn-texts mark { border-radius: .2em; padding: .1em 0;
  color: var(--ink); background: rgb(var(--more) / calc(var(--w) * var(--full))); }
.rnn-texts .less { background: rgb(var(--less) / calc(var(--w) * var(--full))); }
.rnn-texts mark { --w: .5; padding: .1em .3em; }
.rnn-texts u { text-decoration: underline 2px; text-underline-offset: .25em; }
"""
# What colours mean, on pages that may be in any language
KEY = """<div class="key" lang="en" dir="ltr"><mark>speaks for the prediction</mark>
<mark class="less">speaks against it</mark> the stronger, the more; tooltips have the
numbers, in log odds</div>"""
ATTENTION_KEY = """<div class="key" lang="en" dir="ltr"><mark>was looked at</mark>
the stronger, the more; tooltips have the numbers</div>"""
SHADES = 5  # of a colour in the terminal
MORE = (189, 153, 117, 75, 33)  # blue, of the 256 colours of a terminal
LESS = (223, 216, 215, 209, 202)  # orange
BOLD, BLUE = "1", "38;5;33"
# Control characters, which a terminal would obey, spelled out; all but white space.
SPELLED = {
    i: f"\\x{i:02x}" for i in (*range(32), *range(127, 160)) if not chr(i).isspace()
}
LISTED = 10  # tokens with their numbers, where there are no colours


def mark_tokens(
    texts: Sequence[str],
    spaces: Sequence[str],
    values: np.ndarray | None,
    underlined: range = range(0),
    strength: float = 1.0,
) -> str:
    """Put the weights of tokens behind them, as HTML.

    Args:
        texts: The tokens.
        spaces: What is behind each.
        values: Their weights, None if there are none. Shape (tokens,).
        underlined: Those that are underlined.
        strength: Of the strongest colour, in [0, 1].
    """
    parts = []
    weights = np.zeros(len(texts)) if values is None else values
    for i, (token, share) in enumerate(zip(texts, shares(weights), strict=True)):
        text = f"<u>{escape(token)}</u>" if i in underlined else escape(token)
        if values is not None:
            kind = ' class="less"' if share < 0 else ""
            about = f'style="--w:{strength * abs(share):.2f}" title="{weights[i]:+.3f}"'
            text = f"<span{kind} {about}>{text}</span>"
        parts += [text, escape(spaces[i])]
    return "".join(parts)


def shade_tokens(
    tokens: Iterable[Token],
    values: np.ndarray | None,
    underlined: range = range(0),
    strength: float = 1.0,
) -> str:
    """Put the weights of tokens behind them, for a terminal with 256 colours.

    White space has none, as a line break would colour what is beside the text.

    Args:
        tokens: The tokens.
        values: Their weights, None if there are none. Shape (tokens,).
        underlined: The numbers of those that are underlined, in their document.
        strength: Of the strongest colour, in [0, 1].
    """
    tokens, parts = list(tokens), []
    weights = np.zeros(len(tokens)) if values is None else values
    for token, shade in zip(tokens, find_shades(weights, strength), strict=True):
        codes = ["4"] if token.i in underlined else []
        if shade and not token.is_space:
            colours = LESS if shade < 0 else MORE
            codes += ["38;5;16", f"48;5;{colours[abs(shade) - 1]}"]
        parts.append(paint(token.text, *codes) + token.whitespace_)
    return "".join(parts)


def draw_strongest(
    texts: Sequence[str], values: np.ndarray, *, are_shares: bool
) -> str:
    """List the tokens that weigh most as HTML, for who has no mouse to point at them.

    Args:
        texts: The tokens.
        values: Their weights. Shape (tokens,).
        are_shares: See `find_strongest`.
    """
    parts = [
        f"<bdi>{escape(name)}</bdi>&nbsp;{number}"
        for name, number in find_strongest(texts, values, are_shares=are_shares)
    ]
    return (
        '<details lang="en" dir="ltr"><summary>numbers</summary>'
        f"{' · '.join(parts)}</details>"
    )


def list_strongest(
    texts: Sequence[str],
    values: np.ndarray,
    *,
    are_shares: bool,
    strength: float = 1.0,
) -> str:
    """List the tokens that weigh most, for a terminal without colours.

    Args:
        texts: See `find_strongest`.
        values: See `find_strongest`.
        are_shares: See `find_strongest`.
        strength: See `find_strongest`.
    """
    pairs = find_strongest(texts, values, are_shares=are_shares, strength=strength)
    return "  ".join(f"{paint(name)} {number}" for name, number in pairs)


def find_strongest(
    texts: Sequence[str],
    values: np.ndarray,
    *,
    are_shares: bool,
    strength: float = 1.0,
) -> list[tuple[str, str]]:
    """Find the tokens that weigh most, with their numbers.

    White space, which can't be read in a list, counts among the rest.

    Args:
        texts: The tokens.
        values: Their weights. Shape (tokens,).
        are_shares: Whether they are shares of attention, or else contributions, of
            which those of the rest are added up.
        strength: Of the strongest colour that there would be, in [0, 1]: tokens that
            would have none are left out.
    """
    shades = find_shades(values, strength)
    order = np.argsort(-np.abs(values), kind="stable").tolist()
    chosen = [i for i in order if shades[i] and not texts[i].isspace()][:LISTED]
    form = ".0%" if are_shares else "+z.2f"
    pairs = [(" ".join(texts[i].split()), f"{values[i]:{form}}") for i in chosen]
    if not are_shares and len(chosen) < len(texts):
        pairs.append(("the rest", f"{values.sum() - values[chosen].sum():{form}}"))
    return pairs


def paint(text: str, *codes: str, colours: bool = True) -> str:
    """Give a text what codes of a terminal say, if it has colours.

    Codes that are in the text itself are spelled out, so that none has an effect. A
    return without a line feed, by which a line is written over, ends it instead.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(SPELLED)
    return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if codes and colours else text


def find_shades(values: np.ndarray, strength: float) -> list[int]:
    """Return the shades of weights, up to `SHADES` and with their signs; 0 for none."""
    return np.rint(strength * shares(values) * SHADES).astype(int).tolist()


def check_weights(label: str, *weights: np.ndarray | None) -> None:
    """Raise a ValueError for weights that no colour can stand for.

    Args:
        label: What is predicted.
        weights: Of tokens or sentences, or None.
    """
    if not all(np.isfinite(each).all() for each in weights if each is not None):
        raise ValueError(
            f"The weights for {label!r} can't be drawn: they are NaN or infinite in "
            f"part, so the model that they are from may be broken"
        )


def shares(values: np.ndarray) -> np.ndarray:
    """Scale weights to at most 1, the sign kept. Shape (tokens,)."""
    largest = np.abs(values).max(initial=0.0)
    return values / largest if largest else values


def direction_of(doc: Doc) -> str:
    """Return "ltr", or "rtl" where the language is written from right to left."""
    return str(doc.vocab.writing_system.get("direction", "ltr"))
