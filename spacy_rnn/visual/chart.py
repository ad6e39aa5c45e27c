"""What a chart shows, whoever draws it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Mark = Literal["line", "dashed", "points", "bars"]
Scale = Literal["linear", "log"]
N_COLOURS = 8


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        label: What it measures, with its unit.
        scale: "linear" or "log".
        low: Where it begins, None for where the data does.
        high: Where it ends.
        percent: Whether values are shares, written in percent.
        ticks: Positions with their labels, instead of round numbers.
    """

    label: str
    scale: Scale = "linear"
    low: float | None = None
    high: float | None = None
    percent: bool = False
    ticks: Sequence[tuple[float, str]] = ()


@dataclass(frozen=True)
class Series:
    """Some points, in the order in which they are joined.

    Attributes:
        name: What they are of, written beside the last one.
        x: Their places. What isn't finite makes a gap.
        y: Their values.
        mark: How they are drawn.
        low: The lower end of the interval of each, none if empty.
        high: The upper end.
        colour: The number of its colour, None for what stays in the background.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    mark: Mark = "line"
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    colour: int | None = 0


@dataclass(frozen=True)
class Chart:
    """Series in a frame."""

    title: str
    series: Sequence[Series]
    x: Axis
    y: Axis
    note: str = ""  # in the frame, where there is nothing to draw


@dataclass(frozen=True)
class Matrix:
    """Counts of pairs, or shares of rows.

    Attributes:
        title: What they are.
        rows: Labels.
        columns: Labels.
        counts: Not negative, a list for each row.
        about: What rows and columns stand for.
        are_shares: Whether they are shares, in [0, 1], which are drawn without their
            numbers, and of which none is wrong.
    """

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    counts: Sequence[Sequence[float]]
    about: str = "rows are true, columns predicted"
    are_shares: bool = False
