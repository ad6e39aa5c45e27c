"""Matrices are drawn with a cell for each pair."""

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from spacy_rnn.visual.chart import Matrix
from spacy_rnn.visual.matrix import draw_matrix
from spacy_rnn.visual.svg import LETTER

SVG = "{http://www.w3.org/2000/svg}"


def all_of(svg, tag, kind=""):
    return [e for e in svg.iter(SVG + tag) if kind in e.get("class", "")]


def boxes_of(svg):
    """Return left, top, width and height of each cell that has a tooltip."""
    cells = [e for e in svg.iter(SVG + "rect") if e.find(SVG + "title") is not None]
    return [
        [float(e.get(name)) for name in ("x", "y", "width", "height")] for e in cells
    ]


@pytest.mark.parametrize("n", [2, 14, 15, 40])
@pytest.mark.parametrize("are_shares", [False, True])
def test_cells_lie_in_a_grid_within_the_picture(n, are_shares):
    names, counts = [f"label {i}" for i in range(n)], [[1] * n] * n
    svg = ET.fromstring(
        draw_matrix(Matrix("", names, names, counts, are_shares=are_shares))
    )
    boxes = boxes_of(svg)
    lefts, tops = sorted({box[0] for box in boxes}), sorted({box[1] for box in boxes})
    assert [box[:2] for box in boxes] == [[x, y] for y in tops for x in lefts]
    assert len(lefts) == len(tops) == n
    ((_, _, width, height),) = {(0, 0, *box[2:]) for box in boxes}
    steps = {round(b - a, 1) for x in (lefts, tops) for a, b in pairwise(x)}
    assert all(width < step < width + 3 for step in steps)
    _, _, *size = map(float, svg.get("viewBox").split())
    assert 0 < lefts[0] < lefts[-1] + width < size[0]
    assert 0 < tops[0] < tops[-1] + height < size[1]
    numbers = all_of(svg, "text", "count")
    assert len(numbers) == (0 if are_shares else n * n)
    for (left, top, *_), text in zip(boxes, numbers, strict=False):
        assert float(text.get("x")) == pytest.approx(left + width / 2, abs=0.1)
        assert top + height / 2 < float(text.get("y")) < top + height


def test_cells_get_smaller_where_there_are_many_or_no_numbers():
    widths = []
    for n, are_shares in [(14, False), (15, False), (3, True)]:
        counts = [[1] * n] * n
        matrix = Matrix("", "x" * n, "x" * n, counts, are_shares=are_shares)
        widths.append(boxes_of(ET.fromstring(draw_matrix(matrix)))[0][2])
    assert widths == sorted(widths, reverse=True)
    assert len({*widths}) == 3


@pytest.mark.parametrize("name", ["title", "about"])
def test_all_names_are_written_and_there_is_room_for_long_ones(name):
    names = {"rows": ["first", "second"], "columns": ["<one>", "two", "three"]}
    texts = {"title": "title", "about": "about", name: "A long text of a matrix " * 9}
    svg = ET.fromstring(draw_matrix(Matrix(counts=[[1, 0, 1]] * 2, **names, **texts)))
    written = [text.text for text in all_of(svg, "text") if not text.get("class")]
    assert written == [*names["columns"], *names["rows"], texts["about"]]
    assert svg.findtext(f"{SVG}text[@class='title']") == texts["title"]
    assert float(svg.get("viewBox").split()[2]) > LETTER * len(texts[name])


def test_large_counts_are_shortened():
    svg = ET.fromstring(draw_matrix(Matrix("", "a", "abc", [[9999, 10_000, 0]])))
    assert [e.text for e in all_of(svg, "text", "count")] == ["9999", "10k"]


def test_cells_of_a_matrix_are_stronger_for_a_larger_share_of_their_row():
    svg = ET.fromstring(draw_matrix(Matrix("", "ab", "ab", [[9, 1], [0, 0]])))
    strengths = [float(e.get("fill-opacity")) for e in all_of(svg, "rect")]
    assert strengths[0] > strengths[1] > strengths[2] == strengths[3]
    assert [e.text for e in all_of(svg, "text", "count")] == ["9", "1"]
    assert len(all_of(svg, "rect", "numbered")) == 4  # which leaves numbers readable
    wrong = ["wrong" in e.get("class") for e in all_of(svg, "rect")]
    assert wrong == [False, True, True, False]
    assert svg.findtext(f".//{SVG}rect/{SVG}title") == "a → a: 9 (90%)"
