"""Matrices of counts and of shares as SVG."""

from collections.abc import Iterator
from html import escape

from spacy_rnn.visual.chart import Matrix
from spacy_rnn.visual.svg import LETTER, TOP, find_width, fit, wrap, write, write_name

CELL, SMALL_CELL = 34, 26  # the latter where there are many
SHARE_CELL = 18  # one without a number
LEAST = 0.01  # share that can be seen
WEAKEST = 0.08  # opacity of a cell without anything


def draw_matrix(matrix: Matrix) -> str:
    """Draw a matrix, each cell darker the larger its share of its row is."""
    side = find_side(matrix)
    left = 12 + find_width(matrix.rows)
    slope = 0.72 * find_width(matrix.columns)
    top = TOP + 8 + slope
    width = left + side * len(matrix.columns) + slope + 8
    draw_cells = draw_shares if matrix.are_shares else draw_counts
    parts = []
    for j, name in enumerate(matrix.columns):
        at = left + side * (j + 0.5)
        parts.append(
            f'<text transform="translate({at:.1f} {top - 6:.1f}) rotate(-45)">'
            f"{fit(name)}</text>"
        )
    for i, row in enumerate(matrix.rows):
        height = top + side * i
        parts.append(write_name(row, left - 6, height + side / 2 + 4, "end"))
        parts += draw_cells(matrix, i, left, height, side)
    parts.append(write(matrix.about, 2, 32, "start"))
    height = top + side * len(matrix.rows) + 8
    least = max(LETTER * len(matrix.about), 1.3 * LETTER * len(matrix.title))
    return wrap(parts, max(width, 4 + least), height, matrix.title)


def draw_wide_matrix(matrix: Matrix) -> str:
    """Draw a matrix that is scrolled where it would get too small to be read."""
    least = find_side(matrix) * len(matrix.columns) + 120
    style = f"--least:{least}px"
    return f'<div class="wide" tabindex="0" style="{style}">{draw_matrix(matrix)}</div>'


def find_side(matrix: Matrix) -> int:
    """Choose how wide and high cells are."""
    if matrix.are_shares:
        return SHARE_CELL
    return CELL if len(matrix.columns) <= 14 else SMALL_CELL


def draw_counts(
    matrix: Matrix, i: int, left: float, top: float, side: float
) -> Iterator[str]:
    """Draw a row of a matrix of counts."""
    total = sum(matrix.counts[i])
    name = matrix.rows[i]
    for j, (column, count) in enumerate(
        zip(matrix.columns, matrix.counts[i], strict=True)
    ):
        at, share = left + side * j, count / total if total else 0.0
        kind = "cell numbered" if column == name else "cell numbered wrong"
        about = f"{name} → {column}: {count:g} ({share:.0%})"
        yield draw_cell(kind, at, top, side, share, about)
        if round(count):
            text = f"{count:.0f}" if count < 10_000 else f"{count / 1000:.0f}k"
            x, y = at + side / 2 - 0.75, top + side / 2 + 3.5
            yield f'<text class="count" x="{x:.1f}" y="{y:.1f}">{text}</text>'


def draw_shares(
    matrix: Matrix, i: int, left: float, top: float, side: float
) -> Iterator[str]:
    """Draw a row of a matrix of shares, on a bar that leads to its name."""
    width = side * len(matrix.columns) - 1.5
    yield (
        f'<rect class="cell" x="{left:.1f}" y="{top:.1f}" width="{width}" '
        f'height="{side - 1.5}" rx="2" fill-opacity="{WEAKEST}"/>'
    )
    for j, (column, share) in enumerate(
        zip(matrix.columns, matrix.counts[i], strict=True)
    ):
        if share >= LEAST:
            about = f"{matrix.rows[i]} → {column}: {share:.0%}"
            yield draw_cell("cell", left + side * j, top, side, share, about)


def draw_cell(
    kind: str, left: float, top: float, side: float, share: float, about: str
) -> str:
    """Draw a cell, of a class, with a tooltip."""
    opacity = WEAKEST + (1.0 - WEAKEST) * share
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{side - 1.5}" '
        f'height="{side - 1.5}" rx="2" fill-opacity="{opacity:.2f}">'
        f"<title>{escape(about)}</title></rect>"
    )
