"""Plot what `spacy-rnn.GradientLogger.v1` wrote."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from spacy_rnn.visual.chart import Axis, Chart, Mark, Series
from spacy_rnn.visual.page import make_page
from spacy_rnn.visual.png import draw_png
from spacy_rnn.visual.svg import STYLE, draw_chart, make_grid, make_sheet

Line = dict[str, Any]
NAN = float("nan")
CURVES = 6  # steps whose gradients by distance are shown
FORMATS = (".png", ".svg", ".html")
SIDES: tuple[tuple[str, str, Mark], ...] = (
    ("high", "> 0.9", "line"),
    ("low", "< 0.1", "dashed"),
)


class Cell(NamedTuple):
    """A recurrent cell, with its report at each step that has one."""

    name: str
    reports: dict[int, dict[str, Any]]


def read_log(path: Path) -> list[Line]:
    """Read the lines of a log, by rising step.

    Of a run that was resumed, or followed by another one, what counts is what was
    written last. Blank lines are left out, and a last one that isn't whole.

    Raises:
        ValueError: With file and line, for what the logger can't have written, or for
            the file if it has no lines.
    """
    lines: list[Line] = []
    for number, text in enumerate(path.read_text("utf8").splitlines(True), start=1):
        try:
            line = json.loads(text)
            step, _ = line["step"], line["components"].items()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if not text.endswith("\n") or not text.strip():
                continue
            raise ValueError(
                f"{path}:{number}: expected a line of spacy-rnn.GradientLogger.v1, got "
                f"{text[:60]!r}"
            ) from error
        while lines and lines[-1]["step"] >= step:
            lines.pop()
        lines.append(line)
    if not lines:
        raise ValueError(f"{path}: there is nothing in it to plot")
    return lines


def plot_gradients(lines: list[Line], form: str) -> bytes:
    """Draw norms by step, saturated gates by step, and gradients by distance.

    Args:
        lines: The lines of a log.
        form: ".png", ".svg" or ".html", which is a page.

    Raises:
        ImportError: If matplotlib isn't there, which ".png" needs.
    """
    charts = make_charts(lines)
    if form == ".png":
        return draw_png(charts)
    pictures = [draw_chart(each) for each in charts]
    if form == ".svg":
        return make_sheet(pictures).encode()
    body = f"<main>{make_grid(pictures)}</main>"
    return make_page(body, title="Gradients", style=STYLE).encode()


def make_charts(lines: list[Line]) -> list[Chart]:
    """Make a chart for each component, and two for each cell."""
    components = dict.fromkeys(name for each in lines for name in each["components"])
    charts = [chart_norms(lines, each) for each in components]
    for cell in find_cells(lines):
        charts += [chart_gates(cell), chart_distances(cell)]
    return charts


def chart_norms(lines: list[Line], component: str) -> Chart:
    """Show the norms of a component, and of its layers."""
    rows = [line["components"].get(component, {}) for line in lines]
    steps = [line["step"] for line in lines]
    layers = dict.fromkeys(name for row in rows for name in row.get("layers", {}))
    series = [
        Series(
            name,
            steps,
            norms_of([row.get("layers", {}).get(name) for row in rows]),
            colour=i,
        )
        for i, name in enumerate(layers)
    ]
    series.append(Series("all", steps, norms_of(rows), colour=None))
    y = Axis("norm of the gradient", scale="log")
    return Chart(component, series, Axis("step"), y)


def chart_gates(cell: Cell) -> Chart:
    """Show the shares of saturated gates."""
    reports = cell.reports.values()
    series = [
        Series(
            f"{gate} {sign}",
            [*cell.reports],
            [report[side].get(gate, NAN) for report in reports],
            mark,
            colour=i,
        )
        for i, gate in enumerate(
            dict.fromkeys(g for each in reports for g in each["low"])
        )
        for side, sign, mark in SIDES
    ]
    y = Axis("share of saturated values", low=0.0, high=1.0, percent=True)
    note = "" if series else "no gates"
    return Chart(cell.name, series, Axis("step"), y, note=note)


def chart_distances(cell: Cell) -> Chart:
    """Show the gradient by distance, at a few steps from the first to the last."""
    steps = list(cell.reports)
    last = len(steps) - 1
    chosen = sorted({round(i * last / (CURVES - 1)) for i in range(CURVES)})
    series = []
    for i in chosen:
        gradient = [number(each) for each in cell.reports[steps[i]]["gradient"]]
        colour = 0 if i == last else None
        distances = range(len(gradient))
        series.append(Series(f"step {steps[i]}", distances, gradient, colour=colour))
    y = Axis("norm of the Jacobian of the last output by the inputs", scale="log")
    return Chart(cell.name, series, Axis("distance in tokens"), y)


def find_cells(lines: list[Line]) -> Iterator[Cell]:
    """Yield every cell that some line tells of."""
    cells: dict[str, Cell] = {}
    for line in lines:
        for component, found in line["components"].items():
            for layer, about in found["layers"].items():
                for cell, report in about.get("cells", {}).items():
                    name = f"{component}: {layer}: {cell}"
                    known = cells.setdefault(name, Cell(name, {}))
                    known.reports[line["step"]] = report
    yield from cells.values()


def number(value: float | None) -> float:
    """Read a number that JSON may not have had."""
    return NAN if value is None else value


def norms_of(rows: list[dict[str, Any] | None]) -> list[float]:
    """Read the norms that there are."""
    return [number((row or {}).get("norm")) for row in rows]
