"""What a comparison shows: means over seeds, as rows and as charts."""

from collections.abc import Mapping, Sequence
from math import ceil, floor, isfinite, log10
from statistics import fmean, stdev
from typing import NamedTuple

from spacy_rnn.cli.comparison.runs import Result
from spacy_rnn.visual.chart import Axis, Chart, Series
from spacy_rnn.visual.svg import draw_chart, make_sheet

UNITS = ("", "k", "M", "G", "T")  # powers of 1000


class Row(NamedTuple):
    """A config, in the mean over its seeds.

    Attributes:
        name: Its name.
        seeds: Those of the runs that have a result.
        score: Mean score in [0, 1], None without any run.
        deviation: Standard deviation of the score, None of a single run.
        scores: Means of all that it is made of.
        seconds: Mean time of training, None where it isn't known of each run.
        speed: Words a second of `nlp.pipe`.
        parameters: Number of all weights.
        size: Bytes on disk.
        error: Why a run has no result, None if all have one.
    """

    name: str
    seeds: list[int]
    score: float | None = None
    deviation: float | None = None
    scores: Mapping[str, float] | None = None
    seconds: float | None = None
    speed: float | None = None
    parameters: int | None = None
    size: int | None = None
    error: str | None = None


def make_row(
    name: str, results: Sequence[Result], speed: float | None, error: str | None
) -> Row:
    """Take the means of the runs of a config."""
    if not results:
        return Row(name, [], error=error)
    scores = [each.score for each in results]
    seconds = [each.seconds for each in results if each.seconds is not None]
    return Row(
        name,
        [each.seed for each in results],
        score=fmean(scores),
        deviation=stdev(scores) if len(scores) > 1 else None,
        scores={
            key: fmean(each.scores[key] for each in results)
            for key in results[0].scores
        },
        seconds=fmean(seconds) if len(seconds) == len(results) else None,
        speed=speed,
        parameters=results[0].parameters,
        size=results[0].size,
        error=error,
    )


def make_charts(rows: Sequence[Row]) -> list[Chart]:
    """Show the score beside the speed, the time of training, and the size."""
    shown = [row for row in rows if row.score is not None]
    axes = {
        "speed": "words a second",
        "seconds": "seconds of training",
        "parameters": "parameters",
    }
    return [
        make_chart(shown, name, label)
        for name, label in axes.items()
        if any(getattr(row, name) for row in shown)
    ]


def make_chart(rows: Sequence[Row], name: str, label: str) -> Chart:
    """Show the score beside one thing, with its standard deviation."""
    series = []
    for i, row in enumerate(rows):
        assert row.score is not None
        spread = row.deviation or 0.0
        series.append(
            Series(
                row.name,
                [getattr(row, name) or float("nan")],
                [row.score],
                mark="points",
                low=[row.score - spread],
                high=[row.score + spread],
                colour=i,
            )
        )
    values = [each.x[0] for each in series if isfinite(each.x[0])]
    scores = [each for row in series for each in (*row.low, *row.high)]
    has_spread = any(row.deviation for row in rows)
    margin = 0.1 * (max(scores) - min(scores)) + 0.001
    return Chart(
        f"Score by {label}",
        series,
        Axis(label, scale="log", ticks=list_powers(values)),
        Axis(
            "score and its standard deviation" if has_spread else "score",
            low=max(0.0, min(scores) - margin),
            high=min(1.0, max(scores) + margin),
            percent=True,
        ),
    )


def list_powers(values: Sequence[float]) -> list[tuple[float, str]]:
    """List the powers of ten around some numbers, with their labels."""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return [
        (10.0**n, f"{10.0**n:g}" if n < 0 else f"{10 ** (n % 3)}{UNITS[n // 3]}")
        for n in range(low, max(high, low + 1) + 1)
    ]


def draw(rows: Sequence[Row]) -> bytes:
    """Draw the charts of a comparison, as an SVG that stands by itself."""
    return make_sheet([draw_chart(each) for each in make_charts(rows)]).encode()
