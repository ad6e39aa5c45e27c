"""Plot what `spacy-rnn.GradientLogger.v1` wrote."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

Line = dict[str, Any]
NAN = float("nan")
CURVES = 6  # steps whose gradients by distance are shown
FORMATS = (".png", ".svg", ".html")
PAGE = '<!doctype html>\n<meta charset="utf-8">\n<title>{title}</title>\n{svg}\n'


class Cell(NamedTuple):
    """A recurrent cell, with its report at each step that has one."""

    name: str
    reports: dict[int, dict[str, Any]]


def read_log(path: Path) -> list[Line]:
    """Read the lines of a log, by rising step.

    Of a run that was resumed, or followed by another one, what counts is what was
    written last. A last line that isn't whole is left out.

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
            if not text.endswith("\n"):
                continue
            raise ValueError(
                f"{path}:{number}: expected a line of spacy-rnn.GradientLogger.v1, got "
                f"{text[:60]!r}"
            ) from error
        lines = [before for before in lines if before["step"] < step] + [line]
    if not lines:
        raise ValueError(f"{path}: there is nothing in it to plot")
    return lines


def plot_gradients(lines: list[Line], form: str) -> bytes:
    """Draw norms by step, saturated gates by step, and gradients by distance.

    Args:
        lines: The lines of a log.
        form: ".png", ".svg" or ".html", which is a page with an SVG in it.

    Raises:
        ImportError: If matplotlib isn't there.
    """
    figure = draw(lines)
    data = io.BytesIO()
    figure.savefig(data, format="png" if form == ".png" else "svg", dpi=150)
    if form == ".html":
        svg = data.getvalue().decode("utf8")
        page = PAGE.format(title="Gradients", svg=svg[svg.index("<svg") :])
        return page.encode("utf8")
    return data.getvalue()


def draw(lines: list[Line]) -> Any:
    """Make a figure: a row for each component, and one for each cell."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Plots need matplotlib, which comes with an extra of this package. From "
            "a clone of its repository: pip install '.[plots]'"
        ) from error
    components = [*dict.fromkeys(name for each in lines for name in each["components"])]
    cells = list(find_cells(lines))
    n_rows = len(components) + len(cells)
    figure = Figure(figsize=(11, 3.2 * n_rows), layout="constrained")
    grid = figure.add_gridspec(n_rows, 2)
    for row, component in enumerate(components):
        draw_norms(figure.add_subplot(grid[row, :]), lines, component)
    for row, cell in enumerate(cells, start=len(components)):
        draw_gates(figure.add_subplot(grid[row, 0]), cell)
        draw_distances(figure.add_subplot(grid[row, 1]), cell)
    return figure


def draw_norms(axes: Any, lines: list[Line], component: str) -> None:
    """Draw the norms of a component, and of its layers."""
    rows = [line["components"].get(component, {}) for line in lines]
    steps = [line["step"] for line in lines]
    norms = [number(row.get("norm")) for row in rows]
    axes.plot(steps, norms, color="black", linewidth=2, label="all")
    for name in dict.fromkeys(name for row in rows for name in row.get("layers", {})):
        layers = [row.get("layers", {}).get(name, {}) for row in rows]
        axes.plot(steps, [number(layer.get("norm")) for layer in layers], label=name)
    axes.set(yscale="log", xlabel="step", ylabel="norm of the gradient")
    axes.set_title(component)
    axes.legend(fontsize="small")


def draw_gates(axes: Any, cell: Cell) -> None:
    """Draw the shares of saturated gates."""
    reports = cell.reports.values()
    gates = dict.fromkeys(gate for report in reports for gate in report["low"])
    for i, gate in enumerate(gates):
        for side, style in (("high", "-"), ("low", "--")):
            shares = [report[side].get(gate, NAN) for report in reports]
            label = f"{gate} {'> 0.9' if side == 'high' else '< 0.1'}"
            axes.plot([*cell.reports], shares, style, color=f"C{i}", label=label)
    if gates:
        axes.legend(fontsize="small")
    else:
        axes.text(0.5, 0.5, "no gates", ha="center", transform=axes.transAxes)
    axes.set(xlabel="step", ylabel="share of values", ylim=(0, 1))
    axes.set_title(cell.name, fontsize="medium")


def draw_distances(axes: Any, cell: Cell) -> None:
    """Draw the gradient by distance, at a few steps from the first to the last."""
    steps = list(cell.reports)
    chosen = {round(i * (len(steps) - 1) / (CURVES - 1)) for i in range(CURVES)}
    for i in sorted(chosen):
        gradient = [number(each) for each in cell.reports[steps[i]]["gradient"]]
        shade = str(0.75 * (1 - i / max(1, len(steps) - 1)))  # of grey, the last black
        axes.plot(gradient, color=shade, label=f"step {steps[i]}")
    axes.set(yscale="log", xlabel="distance in tokens", ylabel="norm of the Jacobian")
    axes.set_title("the last output by the inputs before", fontsize="medium")
    axes.legend(fontsize="small")


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
