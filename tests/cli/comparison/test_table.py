"""Rows are means over seeds, and charts show them."""

import math

import pytest

from spacy_rnn.cli.comparison.runs import Result
from spacy_rnn.cli.comparison.table import draw, list_powers, make_charts, make_row


def make_results(*scores, seconds=2.0):
    return [
        Result("<gru>", seed, score, {"cats_score": score}, seconds, 1000, 5000)
        for seed, score in enumerate(scores)
    ]


def test_a_row_has_the_mean_and_the_deviation_of_its_seeds():
    row = make_row("gru", make_results(0.5, 0.7, 0.9), 100.0, None)
    assert row.seeds == [0, 1, 2]
    assert row.score == pytest.approx(0.7)
    assert row.deviation == pytest.approx(0.2)
    assert row.scores == {"cats_score": pytest.approx(0.7)}
    assert make_row("gru", make_results(0.5), 100.0, None).deviation is None


def test_a_time_that_is_not_known_of_all_runs_is_not_known():
    results = make_results(0.5, 0.7)
    results[1] = results[1]._replace(seconds=None)
    assert make_row("gru", results, 100.0, None).seconds is None


def test_charts_show_all_that_is_known():
    rows = [
        make_row("<gru>", make_results(0.5, 0.7), 100.0, None),
        make_row("lstm", make_results(0.8, seconds=None), 300.0, None),
        make_row("failed", [], None, "why"),
    ]
    charts = make_charts(rows)
    assert [chart.x.label.split()[0] for chart in charts] == [
        "words",
        "seconds",
        "parameters",
    ]
    for chart in charts:
        assert [series.name for series in chart.series] == ["<gru>", "lstm"]
        first, second = chart.series
        assert (first.low[0], first.y[0], first.high[0]) == pytest.approx(
            (0.6 - math.sqrt(0.02), 0.6, 0.6 + math.sqrt(0.02))
        )
        assert second.low == second.high
    text = draw(rows).decode()
    assert text.startswith("<svg")
    assert "&lt;gru&gt;" in text
    assert "<gru>" not in text


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([20_000, 900_000], ["10k", "100k", "1M"]),
        ([0.5, 3], ["0.1", "1", "10"]),
        ([1000], ["1k", "10k"]),
    ],
)
def test_powers_of_ten_are_written_shortly(values, labels):
    assert [label for _, label in list_powers(values)] == labels
