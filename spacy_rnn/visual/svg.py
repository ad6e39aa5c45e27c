"""Charts as SVG, of plain strings: they scale, and follow the theme of their page."""

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, inf, isfinite, log10
from typing import NamedTuple

from spacy_rnn.visual.chart import N_COLOURS, Axis, Chart, Series
from spacy_rnn.visual.page import THEME
from spacy_rnn.visual.width import count_columns

WIDTH, HEIGHT = 380, 264  # as wide as a phone, where it is drawn as it is
TOP, BOTTOM, LEFT, RIGHT = 50, 42, 42, 14
LETTER = 6.2  # mean width of one, at the size of labels
LINE = 13  # height of a label
LONGEST = 20  # letters of a label, Chinese ones twice
STYLE = """.rnn-chart { display: block; width: 100%; height: auto; overflow: visible; }
.rnn-chart text { font: 11px system-ui, sans-serif; fill: var(--faint);
  font-variant-numeric: tabular-nums; }
.rnn-chart .title { font-size: 13px; font-weight: 600; fill: var(--ink); }
.rnn-chart .name { font-weight: 600; fill: currentColor; }
.rnn-chart .grid { stroke: var(--line); stroke-width: 1; }
.rnn-chart .axis { stroke: var(--faint); stroke-width: 1; }
.rnn-chart .line { fill: none; stroke: currentColor; stroke-width: 1.8;
  stroke-linejoin: round; stroke-linecap: round; }
.rnn-chart .thin { stroke-width: 1.2; }
.rnn-chart .dashed { stroke-dasharray: 5 4; stroke-width: 1.3; }
.rnn-chart .dot { fill: currentColor; }
.rnn-chart .bar { fill: currentColor; opacity: .75; }
.rnn-chart .background .bar { opacity: .28; }
.rnn-chart .background { color: var(--faint); }
.rnn-chart .cell { fill: rgb(var(--more)); }
.rnn-chart .numbered { opacity: var(--full); }
.rnn-chart .wrong { fill: rgb(var(--less)); }
.rnn-chart .count { fill: var(--ink); text-anchor: middle; }
.rnn-charts { display: grid; gap: 1.5rem 2rem; align-items: start; padding: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
.rnn .wide { overflow-x: auto; }
.rnn .wide svg { min-width: var(--least); }
""" + "".join(f".rnn-chart .c{i} {{ color: var(--c{i}); }}\n" for i in range(N_COLOURS))


class Line(NamedTuple):
    """The range of an axis, and where it lies in the picture."""

    low: float
    high: float
    begin: float
    end: float
    is_log: bool

    def place(self, value: float) -> float:
        """Return where a value lies; not a number for what can't be shown."""
        low, high = self.low, self.high
        if self.is_log:
            if not value > 0:
                return float("nan")
            value, low, high = log10(value), log10(low), log10(high)
        return self.begin + (value - low) / (high - low) * (self.end - self.begin)


def draw_chart(chart: Chart) -> str:
    """Draw a chart."""
    names = [each.name for each in chart.series if each.name]
    right = WIDTH - RIGHT - (find_width(names) if len(names) > 1 else 0)
    x = lay_out(chart.x, [v for each in chart.series for v in each.x], LEFT, right)
    y = lay_out(chart.y, find_heights(chart.series), HEIGHT - BOTTOM, TOP)
    parts = [*draw_axes(chart, x, y)]
    for each in chart.series:
        kind = "background" if each.colour is None else f"c{each.colour % N_COLOURS}"
        parts.append(f'<g class="{kind}">{"".join(draw_series(each, x, y))}</g>')
    if len(names) > 1:
        parts += write_names(chart.series, y, right + 6)
    if chart.note:
        middle = (TOP + HEIGHT - BOTTOM) / 2
        parts.append(write(chart.note, (LEFT + right) / 2, middle, "middle"))
    return wrap(parts, WIDTH, HEIGHT, chart.title)


def find_heights(series: Sequence[Series]) -> list[float]:
    """List all values that have to fit into a chart."""
    values = [v for each in series for v in (*each.y, *each.low, *each.high)]
    return [0.0, *values] if any(each.mark == "bars" for each in series) else values


def lay_out(axis: Axis, values: Sequence[float], begin: float, end: float) -> Line:
    """Choose the range of an axis."""
    is_log = axis.scale == "log"
    values = [v for v in values if isfinite(v) and (v > 0 or not is_log)]
    low = min(values, default=0.1 if is_log else 0.0) if axis.low is None else axis.low
    high = max(values, default=1.0) if axis.high is None else axis.high
    if is_log:
        bounds = floor(log10(low)), ceil(log10(high))
        low, high = (10.0 ** min(max(n, -300), 300) for n in bounds)  # as floats can be
        high = high if high > low else 10.0 * low
    else:
        spare = 0.04 * (high - low) or 0.5
        low = low - spare if axis.low is None and min(values, default=0) else low
        high = high + spare if axis.high is None else high
    return Line(low, high, begin, end, is_log)


def find_ticks(axis: Axis, line: Line) -> list[tuple[float, str]]:
    """Choose a few round values, with their labels."""
    if axis.ticks:
        return list(axis.ticks)
    if line.is_log:
        first, last = round(log10(line.low)), round(log10(line.high))
        step = max(1, ceil((last - first) / 5))
        return [(10.0**n, f"{10.0**n:g}") for n in range(first, last + 1, step)]
    rough = (line.high - line.low) / 4
    size = 10.0 ** floor(log10(rough))
    wide = next(size * n for n in (1, 2, 2.5, 5, 10) if size * n >= rough * 0.999)
    first = ceil(line.low / wide - 1e-9)
    values = [n * wide for n in range(first, floor(line.high / wide + 1e-9) + 1)]
    return [(v, format_value(v, axis)) for v in values]


def format_value(value: float, axis: Axis) -> str:
    """Write a value of an axis."""
    if axis.percent:
        return f"{100 * value:.3g} %"
    return f"{value / 1000:g}k" if abs(value) >= 10_000 else f"{value:.4g}"


def draw_axes(chart: Chart, x: Line, y: Line) -> Iterator[str]:
    """Draw the frame, with lines at the ticks of y."""
    for value, label in find_ticks(chart.y, y):
        at = y.place(value)
        yield draw_line(x.begin, at, x.end, at, "grid")
        yield write(label, x.begin - 6, at + 4, "end")
    yield draw_line(x.begin, y.begin, x.end, y.begin, "axis")
    for value, label in find_ticks(chart.x, x):
        yield write(label, x.place(value), y.begin + 15, "middle")
    yield write(chart.x.label, (x.begin + x.end) / 2, HEIGHT - 8, "middle")
    yield write(chart.y.label, 2, 32, "start")


def draw_series(series: Series, x: Line, y: Line) -> Iterator[str]:
    """Draw the points of a series."""
    places = [(x.place(a), y.place(b)) for a, b in zip(series.x, series.y, strict=True)]
    for at, low, high in zip(series.x, series.low, series.high, strict=False):
        if isfinite(y.place(low)) and isfinite(y.place(high)):
            column = x.place(at)
            yield draw_line(column, y.place(low), column, y.place(high), "line thin")
    if series.mark == "bars":
        yield from draw_bars(places, y.begin)
        return
    if series.mark in ("line", "dashed"):
        kind = "line dashed" if series.mark == "dashed" else "line"
        for run in split_at_gaps(places):
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in run)
            yield f'<polyline class="{kind}" points="{points}"/>'
    if series.mark == "points" or len(places) == 1:
        for a, b in places:
            if isfinite(a) and isfinite(b):
                yield f'<circle class="dot" cx="{a:.1f}" cy="{b:.1f}" r="3.2"/>'


def draw_bars(places: Sequence[tuple[float, float]], base: float) -> Iterator[str]:
    """Draw bars that are as wide as their places allow."""
    columns = sorted(a for a, _ in places)
    pairs = zip(columns, columns[1:], strict=False)
    width = 0.86 * min((b - a for a, b in pairs), default=30.0)
    for a, b in places:
        if isfinite(b) and b < base:
            yield (
                f'<rect class="bar" x="{a - width / 2:.1f}" y="{b:.1f}" '
                f'width="{width:.1f}" height="{base - b:.1f}"/>'
            )


def split_at_gaps(
    places: Sequence[tuple[float, float]],
) -> Iterator[list[tuple[float, float]]]:
    """Yield the runs of points that can be shown."""
    run: list[tuple[float, float]] = []
    for a, b in [*places, (inf, inf)]:
        if isfinite(a) and isfinite(b):
            run.append((a, b))
        elif run:
            yield run
            run = []


def write_names(series: Sequence[Series], y: Line, left: float) -> Iterator[str]:
    """Write the names of series beside their last points, none over another."""
    rows = []
    for each in series:
        ends = [v for v in map(y.place, each.y) if isfinite(v)]
        if each.name and ends:
            rows.append((ends[-1], each))
    rows.sort(key=lambda row: row[0])
    heights: list[float] = []
    for height, _ in rows:
        heights.append(max(height, heights[-1] + LINE if heights else TOP))
    for i in reversed(range(len(heights))):  # up again, what fell out
        limit = y.begin if i == len(heights) - 1 else heights[i + 1] - LINE
        heights[i] = min(heights[i], limit)
    for height, (_, each) in zip(heights, rows, strict=True):
        kind = "background" if each.colour is None else f"c{each.colour % N_COLOURS}"
        yield f'<g class="{kind}">'
        yield write_name(each.name, left, height + 4, "start", "name")
        yield "</g>"


def wrap(parts: Sequence[str], width: float, height: float, title: str) -> str:
    """Put parts of a picture together."""
    return (
        f'<svg class="rnn-chart" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{1.3 * width:.0f}px">'
        f"<title>{escape(title)}</title>{write(title, 2, 15, 'start', 'title')}"
        f"{''.join(parts)}</svg>"
    )


def draw_line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return (
        f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" '
        f'y2="{y2:.1f}"/>'
    )


def write(text: str, x: float, y: float, anchor: str, kind: str = "") -> str:
    """Write text, which may be anybody's."""
    return put(escape(text), x, y, anchor, kind)


def write_name(name: str, x: float, y: float, anchor: str, kind: str = "") -> str:
    """Write a label, see `fit`."""
    return put(fit(name), x, y, anchor, kind)


def put(markup: str, x: float, y: float, anchor: str, kind: str) -> str:
    about = f' class="{kind}"' if kind else ""
    at = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text{about} {at}>{markup}</text>"


def fit(name: str) -> str:
    """Return the markup of a label, with a tooltip of all of it if it has to be cut."""
    short = shorten(name)
    title = "" if short == name else f"<title>{escape(name)}</title>"
    return f"{title}{escape(short)}"


def find_width(names: Sequence[str]) -> float:
    """Guess the width of the longest label; capitals are wider."""
    return max(
        (
            LETTER * count_columns(name) + 2 * sum(map(str.isupper, name))
            for name in map(shorten, names)
        ),
        default=0.0,
    )


def shorten(name: str) -> str:
    """Cut a label that is too long to be read beside others."""
    if count_columns(name) <= LONGEST:
        return name
    kept = name[:LONGEST]
    while count_columns(kept) >= LONGEST:
        kept = kept[:-1]
    return kept + "…"


def make_grid(pictures: Sequence[str]) -> str:
    """Put charts side by side on a page, as many as there is room for."""
    cells = "".join(f"<div>{each}</div>" for each in pictures)
    return f'<div class="rnn-charts">{cells}</div>'


def make_sheet(pictures: Sequence[str]) -> str:
    """Put charts below each other in an SVG that stands by itself."""
    height = HEIGHT * len(pictures)
    placed = (
        f'<svg y="{HEIGHT * i}" width="{WIDTH}" height="{HEIGHT}">{each}</svg>'
        for i, each in enumerate(pictures)
    )
    return (
        f'<svg class="rnn" xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" '
        f'height="{2 * height}" viewBox="0 0 {WIDTH} {height}">'
        f"<style>{THEME}{STYLE}</style>{''.join(placed)}</svg>"
    )
