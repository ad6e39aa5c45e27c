"""A log of gradients is read and drawn."""

import json
import sys
from dataclasses import replace

import pytest

from spacy_rnn.visual import png
from spacy_rnn.visual.chart import Axis
from spacy_rnn.visual.gradients import FORMATS, make_charts, plot_gradients, read_log
from spacy_rnn.visual.png import plot

CELL = "layers.0.forward_cell"


def make_line(step, norm=2.0, gradient=(1.0, 0.5, 0.1), gates=("input", "forget")):
    shares = dict.fromkeys(gates, 0.25)
    report = {"low": shares, "high": shares, "gradient": list(gradient)}
    lstm = {"norm": norm, "parameters": {"bias": norm}, "cells": {CELL: report}}
    layers = {"lstm": lstm, "linear": {"norm": 1.0, "parameters": {"W": 1.0}}}
    component = {"norm": norm, "layers": layers}
    return {"step": step, "components": {"tok2vec": component}}


def write(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.jsonl"


def steps_of(path):
    return [line["step"] for line in read_log(path)]


def test_steps_are_read_in_their_order(path):
    lines = [make_line(step) for step in (0, 10, 20)]
    assert read_log(write(path, lines)) == lines


def test_of_two_runs_the_second_counts(path):
    lines = [make_line(step) for step in (0, 10, 20, 0, 10)]
    assert steps_of(write(path, lines)) == [0, 10]


def test_of_a_resumed_run_each_step_counts_once(path):
    lines = [make_line(step, norm=n) for n, step in enumerate((0, 10, 20, 20, 30))]
    found = read_log(write(path, lines))
    norms = [line["components"]["tok2vec"]["norm"] for line in found]
    assert steps_of(path) == [0, 10, 20, 30]
    assert norms == [0, 1, 3, 4]


def test_a_last_line_that_is_being_written_is_left_out(path):
    write(path, [make_line(0)])
    with path.open("a") as stream:
        stream.write('{"step": 10, "compo')
    assert steps_of(path) == [0]


def test_blank_lines_are_left_out(path):
    first, second = json.dumps(make_line(0)), json.dumps(make_line(10))
    path.write_text(f"\n{first}\n \n\n{second}\n")
    assert steps_of(path) == [0, 10]


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"step": 1}', "3"])
def test_foreign_lines_are_refused_with_their_place(path, text):
    path.write_text(json.dumps(make_line(0)) + "\n" + text + "\n")
    with pytest.raises(ValueError, match=r"log\.jsonl:2: expected a line of spacy-rnn"):
        read_log(path)


def test_a_log_without_lines_is_refused(path):
    path.write_text("")
    with pytest.raises(ValueError, match="nothing in it to plot"):
        read_log(path)


def test_there_is_a_chart_for_each_component_and_two_for_each_cell():
    norms, gates, distances = make_charts([make_line(0), make_line(10)])
    assert norms.title == "tok2vec"
    assert gates.title == distances.title == f"tok2vec: lstm: {CELL}"
    assert [each.name for each in norms.series] == ["lstm", "linear", "all"]
    assert [each.colour for each in norms.series] == [0, 1, None]
    assert len(gates.series) == 4
    assert list(distances.series[0].y) == [1.0, 0.5, 0.1]
    assert norms.y.scale == distances.y.scale == "log"
    assert (gates.y.low, gates.y.high, gates.y.percent) == (0.0, 1.0, True)


def test_many_steps_are_drawn_as_a_few_curves():
    distances = make_charts([make_line(step) for step in range(50)])[2]
    names = [each.name for each in distances.series]
    assert (names[0], names[-1], len(names)) == ("step 0", "step 49", 6)
    assert [each.colour for each in distances.series] == [None] * 5 + [0]


def test_a_simple_network_has_no_gates_to_draw():
    gates = make_charts([make_line(0, gates=())])[1]
    assert (gates.note, gates.series) == ("no gates", [])


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_missing_is_left_out_of_the_plot(form):
    if form == ".png":
        pytest.importorskip("matplotlib")
    failed = {"step": 5, "components": {"tok2vec": {"norm": None, "layers": {}}}}
    lines = [make_line(0, gradient=[1.0, 0.0, None]), failed, make_line(9)]
    data = plot_gradients(lines, form)
    beginnings = {".png": b"\x89PNG", ".svg": b"<svg", ".html": b"<!DOCTYPE html>"}
    assert data.startswith(beginnings[form])
    assert b"nan" not in data


def test_a_png_says_what_its_charts_are(monkeypatch):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    charts = make_charts([make_line(0), make_line(9)])
    charts += make_charts([make_line(step, gates=()) for step in (1, 9)])
    charts.append(replace(charts[0], x=Axis("steps", scale="log"), series=[]))
    for chart in charts:
        axes = figure.subplots()
        plot(axes, chart)
        assert axes.get_title("left") == f"{chart.title}\n{chart.y.label}"
        assert axes.get_xlabel() == chart.x.label
        assert (axes.get_xscale(), axes.get_yscale()) == (chart.x.scale, chart.y.scale)
        assert chart.y.low is None or axes.get_ylim() == (chart.y.low, chart.y.high)
        assert [text.get_text() for text in axes.texts] == [chart.note]
        names = [each.name for each in chart.series]
        legend = axes.get_legend()
        assert names == ([each.get_text() for each in legend.texts] if legend else [])
        figure.clear()
    drawn = []
    monkeypatch.setattr(png, "plot", lambda axes, chart: drawn.append(chart))
    png.draw_png(charts[:2])
    assert drawn == charts[:2]


def test_only_png_needs_matplotlib_and_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert plot_gradients([make_line(0)], ".svg")
    with pytest.raises(ImportError, match=r"pip install '\.\[plots\]'"):
        plot_gradients([make_line(0)], ".png")
