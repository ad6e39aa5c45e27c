"""The charts of a report."""

from collections.abc import Iterator, Sequence

from spacy_rnn.cli.reporting.facts import Task, Training
from spacy_rnn.visual.chart import Axis, Chart, Matrix, Series
from spacy_rnn.visual.matrix import draw_matrix, draw_wide_matrix
from spacy_rnn.visual.svg import draw_chart, make_grid

WIDE = 12  # labels, from which on a matrix takes a row by itself


def draw_charts(task: Task) -> str:
    """Draw the charts of what a component does."""
    small = [draw_chart(chart) for chart in make_charts(task)]
    wide = ""
    if task.confusion is not None:
        names = task.confusion.labels
        matrix = Matrix("What is taken for what", names, names, task.confusion.counts)
        if len(names) > WIDE:
            wide = draw_wide_matrix(matrix)
        else:
            small.insert(0, draw_matrix(matrix))
    return make_grid(small) + wide


def make_charts(task: Task) -> Iterator[Chart]:
    """Make the charts that there is something for."""
    if any(task.kinds.values()):
        yield chart_kinds(task)
    if task.curves:
        yield chart_curves(task)
    if task.reliability is not None:
        yield chart_reliability(task)
    if len(task.lengths) > 1:
        yield chart_lengths(task)


def chart_kinds(task: Task) -> Chart:
    """Show in which way spans are wrong."""
    places = [float(i) for i in range(len(task.kinds))]
    names = zip(places, task.kinds, strict=True)
    series = Series("", places, [*map(float, task.kinds.values())], "bars")
    x = Axis("", low=-0.5, high=len(places) - 0.5, ticks=list(names))
    return Chart("What is wrong about spans", [series], x, Axis("spans"))


def chart_curves(task: Task) -> Chart:
    """Show precision by recall."""
    series = [
        Series(
            f"{each.average_precision:.2f} {each.label or 'all'}",
            each.recall,
            each.precision,
            colour=i,
        )
        for i, each in enumerate(task.curves)
    ]
    first, *others = task.curves
    mean = "averages beside names" if others else f"mean {first.average_precision:.2f}"
    return Chart(
        "Precision by recall",
        series,
        Axis("recall", low=0.0, high=1.0, percent=True),
        Axis(f"precision, {mean}", low=0.0, high=1.0, percent=True),
    )


def chart_reliability(task: Task) -> Chart:
    """Show how often what is so probable is right."""
    found = task.reliability
    assert found is not None
    total = sum(found.counts)
    n = len(found.counts)
    middles = [(i + 0.5) / n for i in range(n)]
    series = [
        Series("", middles, [c / total for c in found.counts], "bars", colour=None),
        Series("", [0.0, 1.0], [0.0, 1.0], "dashed", colour=None),
        Series("", found.confidence, found.accuracy, "line", colour=0),
        Series("", found.confidence, found.accuracy, "points", colour=0),
    ]
    error = found.expected_calibration_error
    return Chart(
        f"How often it is right (calibration error {error:.1%})",
        series,
        Axis("probability", low=0.0, high=1.0, percent=True),
        Axis(
            "share of predictions that is right; bars: how many there are",
            low=0.0,
            high=1.0,
            percent=True,
        ),
    )


def chart_lengths(task: Task) -> Chart:
    """Show F1 by length."""
    places = [float(i) for i in range(len(task.lengths))]
    ticks = [
        (at, "–".join(dict.fromkeys([f"{each.shortest}", f"{each.longest}"])))
        for at, each in zip(places, task.lengths, strict=True)
    ]
    series = Series(
        "",
        places,
        [each.value for each in task.lengths],
        "points",
        low=[each.low for each in task.lengths],
        high=[each.high for each in task.lengths],
    )
    x = Axis("tokens of the document", low=-0.5, high=len(places) - 0.5, ticks=ticks)
    return Chart(
        "F1 by length",
        [series],
        x,
        Axis("F1 over all labels, with intervals of 95 %", percent=True, high=1.0),
    )


def draw_training(training: Training) -> str:
    """Draw the curves of a training."""
    charts = [
        chart_steps("Loss", training.steps, training.losses, log=True),
        chart_steps("Scores on dev", training.steps, training.scores, log=False),
    ]
    return make_grid([draw_chart(each) for each in charts])


def chart_steps(
    title: str, steps: Sequence[int], values: dict[str, list[float]], *, log: bool
) -> Chart:
    """Show values by step."""
    kept = {name: row for name, row in values.items() if any(v == v and v for v in row)}
    series = [
        Series(name, steps, row, colour=i) for i, (name, row) in enumerate(kept.items())
    ]
    label = "" if len(kept) > 1 else ", ".join(kept)
    y = Axis(label, scale="log") if log else Axis(label, percent=True)
    return Chart(title, series, Axis("step"), y)
