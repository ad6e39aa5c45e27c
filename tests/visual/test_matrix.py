"""Matrices are drawn with a cell for each pair."""

import xml.etree.ElementTree as ET

from spacy_rnn.visual.chart import Matrix
from spacy_rnn.visual.matrix import draw_matrix

SVG = "{http://www.w3.org/2000/svg}"


def all_of(svg, tag, kind=""):
    return [e for e in svg.iter(SVG + tag) if kind in e.get("class", "")]


def test_cells_of_a_matrix_are_stronger_for_a_larger_share_of_their_row():
    svg = ET.fromstring(draw_matrix(Matrix("", "ab", "ab", [[9, 1], [0, 0]])))
    strengths = [float(e.get("fill-opacity")) for e in all_of(svg, "rect")]
    assert strengths[0] > strengths[1] > strengths[2] == strengths[3]
    assert [e.text for e in all_of(svg, "text", "count")] == ["9", "1"]
    wrong = ["wrong" in e.get("class") for e in all_of(svg, "rect")]
    assert wrong == [False, True, True, False]
    assert svg.findtext(f".//{SVG}rect/{SVG}title") == "a → a: 9 (90%)"
