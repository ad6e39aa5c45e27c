"""Charts as PNG, for places that take no SVG. Only this needs matplotlib."""

import io
from collections.abc import Sequence
from typing import Any

from spacy_rnn.visual.chart import Chart

STYLES = {"line": "-", "dashed": "--", "points": "o"}


def draw_png(charts: Sequence[Chart]) -> bytes:
    """Draw charts below each other.

    Raises:
        ImportError: If matplotlib isn't there.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "PNG needs matplotlib, which comes with an extra of this package. From a "
            "clone of its repository: pip install '.[plots]'. SVG and HTML don't"
        ) from error
    figure = Figure(figsize=(8, 3.2 * len(charts)), layout="constrained")
    all_axes = figure.subplots(len(charts), squeeze=False)[:, 0]
    for axes, chart in zip(all_axes, charts, strict=True):
        plot(axes, chart)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=150)
    return data.getvalue()


def plot(axes: Any, chart: Chart) -> None:
    """Draw the lines and points of a chart."""
    for each in chart.series:
        colour = "grey" if each.colour is None else f"C{each.colour}"
        axes.plot(each.x, each.y, STYLES[each.mark], color=colour, label=each.name)
    axes.set_title(f"{chart.title}\n{chart.y.label}", loc="left", fontsize="medium")
    axes.set_xlabel(chart.x.label)
    axes.set(xscale=chart.x.scale, yscale=chart.y.scale)
    axes.set_ylim(chart.y.low, chart.y.high)
    axes.text(0.5, 0.5, chart.note, ha="center", transform=axes.transAxes)
    if chart.series:
        axes.legend(fontsize="small")
