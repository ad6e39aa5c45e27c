"""Charts are drawn where their numbers are."""

import re
import unicodedata
import xml.etree.ElementTree as ET
from itertools import pairwise
from math import log10

import pytest

from spacy_rnn.visual.chart import Axis, Chart, Matrix, Series
from spacy_rnn.visual.matrix import draw_matrix
from spacy_rnn.visual.svg import (
    BOTTOM,
    HEIGHT,
    LEFT,
    LINE,
    TOP,
    WIDTH,
    draw_chart,
    find_ticks,
    lay_out,
    make_sheet,
)

NAN = float("nan")
NASTY = "<b>&\"'</b>"
SVG = "{http://www.w3.org/2000/svg}"


def draw(*series, x=None, y=None, **settings):
    x, y = x or Axis("step"), y or Axis("loss")
    return ET.fromstring(draw_chart(Chart("Chart", series, x, y, **settings)))


def all_of(svg, tag, kind=""):
    return [e for e in svg.iter(SVG + tag) if kind in e.get("class", "")]


def points_of(line):
    pairs = (pair.split(",") for pair in line.get("points").split())
    return [(float(a), float(b)) for a, b in pairs]


def test_points_lie_where_their_values_are():
    axis = Axis("", low=0.0, high=10.0)
    svg = draw(Series("", [0, 5, 10], [0, 10, 5]), x=axis, y=axis)
    (line,) = all_of(svg, "polyline")
    (x0, y0), (x1, y1), (x2, y2) = points_of(line)
    assert (x0, y0, y1) == (LEFT, HEIGHT - BOTTOM, TOP)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.11)
    assert y2 == pytest.approx((y0 + y1) / 2, abs=0.11)


def test_a_logarithmic_axis_has_equal_steps_for_equal_ratios():
    svg = draw(Series("", [0, 1, 2], [0.01, 1.0, 100.0]), y=Axis("", scale="log"))
    heights = [b for _, b in points_of(all_of(svg, "polyline")[0])]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.11)


@pytest.mark.parametrize(("scale", "gap"), [("linear", NAN), ("log", 0.0)])
def test_what_cant_be_drawn_makes_a_gap(scale, gap):
    svg = draw(Series("", range(5), [1, 2, gap, 3, 4]), y=Axis("", scale=scale))
    assert [len(points_of(e)) for e in all_of(svg, "polyline")] == [2, 2]
    assert "nan" not in ET.tostring(svg, "unicode")


@pytest.mark.parametrize("mark", ["line", "points"])
@pytest.mark.parametrize("ends", [(NAN, 1.0), (1.0, NAN)])
def test_what_has_no_place_or_no_end_is_left_out(mark, ends):
    low, high = ([each] * 3 for each in ends)
    svg = draw(Series("", [0, NAN, 2], [1, 2, NAN], mark, low=low, high=high))
    assert "nan" not in ET.tostring(svg, "unicode")
    assert not all_of(svg, "line", "thin")
    if mark == "points":
        assert len(all_of(svg, "circle")) == 1


@pytest.mark.parametrize("values", [[], [NAN], [0.0], [3.0, 3.0], [-1e-9, 1e12]])
@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("mark", ["line", "bars", "points", "dashed"])
def test_any_numbers_make_a_picture(values, scale, mark):
    svg = draw(Series("a", range(len(values)), values, mark), y=Axis("", scale=scale))
    assert not re.search("nan|inf", ET.tostring(svg, "unicode"))


@pytest.mark.parametrize("high", [1e-6, 0.3, 1.0, 7.0, 99.0, 123456.0])
def test_ticks_are_few_and_round_and_inside(high):
    axis = Axis("", low=0.0, high=high)
    line = lay_out(axis, [], 0.0, 100.0)
    ticks = find_ticks(axis, line)
    assert 3 <= len(ticks) <= 6
    assert len({label for _, label in ticks}) == len(ticks)
    steps = [b - a for (a, _), (b, _) in pairwise(ticks)]
    assert steps == pytest.approx([steps[0]] * len(steps))
    assert all(-1e-9 <= line.place(value) <= 100.0 + 1e-9 for value, _ in ticks)


@pytest.mark.parametrize("decades", [1, 2, 5, 6, 17, 300])
def test_ticks_of_a_logarithmic_axis_are_a_few_powers_of_ten(decades):
    axis = Axis("", scale="log")
    ticks = find_ticks(axis, lay_out(axis, [1e-3, 10.0 ** (decades - 3)], 0.0, 100.0))
    powers = [log10(value) for value, _ in ticks]
    assert 2 <= len(ticks) <= 6
    assert powers[0] == -3
    steps = {round(b - a, 9) for a, b in pairwise(powers)}
    assert len(steps) == 1
    assert all(step == round(step) for step in steps)
    assert [float(label) for _, label in ticks] == pytest.approx(
        [10**n for n in powers]
    )


def test_shares_are_written_in_percent_and_large_numbers_by_the_thousand():
    for percent, high, expected in [
        (True, 1.0, ["0 %", "50 %", "100 %"]),
        (False, 1.0, ["0", "0.5", "1"]),
        (False, 20_000.0, ["0", "10k", "20k"]),
    ]:
        axis = Axis("", low=0.0, high=high, percent=percent)
        ticks = dict(find_ticks(axis, lay_out(axis, [], 0.0, 100.0)))
        assert [ticks[each] for each in (0.0, high / 2, high)] == expected


@pytest.mark.parametrize("n", [2, 5, 12])
def test_names_beside_lines_dont_lie_over_each_other(n):
    svg = draw(*(Series(f"line {i}", [0, 1], [0.0, 1.0 + i / 100]) for i in range(n)))
    names = all_of(svg, "text", "name")
    heights = sorted(float(e.get("y")) for e in names)
    assert len(heights) == n
    assert all(b - a >= LINE - 0.11 for a, b in pairwise(heights))
    assert TOP <= heights[0] < heights[-1] <= HEIGHT - BOTTOM + 5
    assert all(float(e.get("x")) < WIDTH for e in names)


def test_intervals_reach_from_one_end_to_the_other():
    axis = Axis("", low=0.0, high=1.0)
    series = Series("", [0.5], [0.5], "points", low=[0.0], high=[1.0])
    (line,) = all_of(draw(series, x=axis, y=axis), "line", "thin")
    assert {float(line.get("y1")), float(line.get("y2"))} == {HEIGHT - BOTTOM, TOP}


def test_bars_stand_on_the_axis_and_dont_touch():
    svg = draw(Series("", [0, 1, 2], [1.0, 0.0, 2.0], "bars"))
    bars = [(float(e.get("x")), float(e.get("width"))) for e in all_of(svg, "rect")]
    assert len(bars) == 2
    assert bars[0][0] + bars[0][1] < bars[1][0]
    step = (bars[1][0] - bars[0][0]) / 2  # the bar between them has no height
    assert step / 2 < bars[0][1] == bars[1][1] < step
    for each in all_of(svg, "rect"):
        assert float(each.get("y")) + float(each.get("height")) == HEIGHT - BOTTOM


def test_texts_are_written_as_they_are():
    axis = Axis(NASTY, ticks=[(0.0, NASTY)])
    chart = Chart(NASTY, [Series(NASTY, [0], [0])] * 2, axis, axis, note=NASTY)
    matrix = Matrix(NASTY, [NASTY], [NASTY], [[1]], about=NASTY)
    for picture in (draw_chart(chart), draw_matrix(matrix)):
        texts = [e.text for e in all_of(ET.fromstring(picture), "text")]
        assert texts.count(NASTY) >= 3
        assert "<b>" not in picture


def test_a_sheet_is_one_picture_that_stands_by_itself():
    sheet = make_sheet([draw_chart(Chart("", [], Axis(""), Axis("")))] * 3)
    svg = ET.fromstring(sheet)
    assert svg.get("viewBox") == f"0 0 {WIDTH} {3 * HEIGHT}"
    assert "prefers-color-scheme" in sheet
    assert not re.search(r"href|url\(|@import|script", sheet)


@pytest.mark.parametrize("values", [[5e-324, 1.0], [1e308], [5e-324], [5e-324, 1e308]])
def test_a_logarithmic_axis_takes_whatever_a_float_can_be(values):
    steps = list(range(len(values)))
    svg = draw(Series("", steps, values), y=Axis("", scale="log"))
    assert not re.search("nan|inf", ET.tostring(svg, "unicode"))


@pytest.mark.parametrize(
    "name", ["积极的评论", "nai\u0308ve", "LONG " * 9, "很长的名字" * 9]
)
def test_there_is_room_for_names_of_any_script_and_cut_ones_have_a_tooltip(name):
    svg = draw(Series(name, [0, 1], [0, 2]), Series("b", [0, 1], [0, 1]))
    text = all_of(svg, "text", "name")[0]
    title = text.findtext(f"{SVG}title", "")
    shown = "".join(text.itertext()).removeprefix(title)
    assert (title or shown) == name
    letters = [each for each in shown if not unicodedata.combining(each)]
    widths = [1.0 if unicodedata.east_asian_width(c) == "W" else 0.5 for c in letters]
    size = 11  # pixels, those of a Chinese character
    assert float(text.get("x")) + size * sum(widths) <= WIDTH
