"""Texts that were written, with what was read for each of their pieces."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import spacy
from chromium import look_at
from spacy.tokens import Doc

from spacy_rnn.extensions import register_text
from spacy_rnn.visual.heat_map import draw_texts, render

WORDS = ["The", "<dog>", "sleeps"]
PIECES = ["▁Der", "▁&", "Hund", "</s>"]
SHARES = [[0.9, 0.1, 0.0], [0.05, 0.95, 0.0], [0.0, 1.0, 0.0], [0.2, 0.3, 0.5]]
CODES = re.compile("\x1b\\[[0-9;]*m")
SVG = "{http://www.w3.org/2000/svg}"


def make_doc(lang="en", words=WORDS, pieces=PIECES, shares=SHARES, name="translation"):
    doc = Doc(spacy.blank(lang).vocab, words=words)
    register_text(f"{name}_candidates")
    best = {
        "text": "Der <b>",
        "probability": 0.25,
        "pieces": pieces,
        "attention": None if shares is None else np.array(shares, dtype="f"),
    }
    doc._.set(f"{name}_candidates", [best, {**best, "text": "worse"}])
    return doc


def cells_of(html):
    """Return the tooltip and the place of each cell, and the labels of columns."""
    svg = ET.fromstring(re.search("<svg.*?</svg>", html, re.DOTALL)[0])
    cells = [
        (cell.findtext(f"{SVG}title"), float(cell.get("x")), float(cell.get("y")))
        for cell in svg.iter(f"{SVG}rect")
        if cell.find(f"{SVG}title") is not None
    ]
    labels = [t.text for t in svg.iter(f"{SVG}text") if t.get("transform")]
    return cells, labels


def test_codes_in_what_was_read_or_written_have_no_effect_on_the_terminal():
    doc = make_doc(words=["The\x1b[0m", "dog", "\x9b"], pieces=["\x1b", *PIECES[1:]])
    (drawn,) = draw_texts([doc], colours=False)
    assert "\x1b" not in drawn
    assert "The\\x1b[0m" in drawn


def test_each_piece_has_a_row_with_what_was_read_for_it():
    html = render([make_doc()], jupyter=False)
    cells, labels = cells_of(html)
    assert labels == WORDS
    expected = [
        f"{piece} → {word}: {share:.0%}"
        for piece, row in zip(PIECES, SHARES, strict=True)
        for word, share in zip(WORDS, row, strict=True)
        if share
    ]
    assert [about for about, _, _ in cells] == expected
    heights = [height for _, _, height in cells]
    assert heights == sorted(heights)
    assert len(set(heights)) == len(PIECES)


def test_nothing_that_is_written_or_read_becomes_markup():
    for page in (True, False):
        html = render([make_doc()], page=page, jupyter=False)
        assert "<b>Der &lt;b&gt;</b> 25.0%" in html
        assert "<dog>" not in html


def test_columns_run_in_the_direction_of_the_language():
    orders = []
    for lang in ("en", "ar"):
        doc = make_doc(lang, pieces=["x"], shares=[[0.2, 0.3, 0.5]])
        cells, labels = cells_of(render([doc], jupyter=False))
        by_place = sorted(cells, key=lambda cell: cell[1])
        orders.append(([about for about, _, _ in by_place], labels))
    (left_to_right, words), (right_to_left, others) = orders
    assert left_to_right == right_to_left[::-1]
    assert words == others[::-1] == WORDS


def test_a_long_text_is_scrolled_and_has_no_cells_for_what_was_not_read():
    words, pieces = [f"word{i}" for i in range(400)], [f"p{i}" for i in range(60)]
    shares = np.full((60, 400), 0.1 / 398)
    shares[np.arange(60), np.arange(60)] = shares[:, 399] = 0.45
    html = render([make_doc(words=words, pieces=pieces, shares=shares)], jupyter=False)
    cells, labels = cells_of(html)
    assert len(labels) == 400
    assert len(cells) == 120
    least = int(re.search(r'style="--least:(\d+)px"', html)[1])
    assert least > 400 * 15


def test_every_text_that_was_written_is_drawn():
    doc = make_doc()
    register_text("summary_candidates")
    doc._.summary_candidates = doc._.translation_candidates
    register_text("mayor_candidates")
    doc._.mayor_candidates = ["Ada", "Grace"]
    html = render([doc, make_doc()], jupyter=False)
    assert html.count("<figure") == 3
    assert html.count(">summary</text>") == 1


def test_what_else_a_document_has_is_passed_over():
    doc = make_doc()
    others = {("._.", f"{name}_candidates", None, None): [] for name in ("a", "b")}
    others |= {"note": 1, ("._.", "mayor", None, None): "Ada"}
    doc.user_data = {**others, **doc.user_data}
    assert render([doc], jupyter=False).count("<figure") == 1


def test_a_terminal_gets_a_line_for_each_piece():
    (drawn,) = draw_texts([make_doc()])
    assert CODES.sub("", drawn).splitlines() == [
        "translation Der <b> 25.0%",
        "▁Der  The 90%  <dog> 10%",
        "▁&    <dog> 95%",
        "Hund  <dog> 100%",
        "</s>  The 20%  <dog> 30%  sleeps 50%",
    ]


def test_columns_of_a_terminal_are_even_though_some_letters_take_two():
    (drawn,) = draw_texts(
        [make_doc(pieces=["汤", "很好", "ok", "</s>"])], colours=False
    )
    assert [
        line.split("The")[0].split("<dog>")[0] for line in drawn.splitlines()[1:]
    ] == [
        "汤    ",
        "很好  ",
        "ok    ",
        "</s>  ",
    ]


def test_without_colours_the_same_lines_are_plain():
    (coloured,) = draw_texts([make_doc()])
    (plain,) = draw_texts([make_doc()], colours=False)
    assert plain == CODES.sub("", coloured) != coloured


@pytest.mark.parametrize("shares", [None, "nothing"])
def test_without_attention_there_is_nothing_to_draw(shares):
    doc = make_doc(shares=None)
    if shares == "nothing":
        doc._.translation_candidates = None
    with pytest.raises(ValueError, match=r"has no text with its attention.*n_best = 1"):
        render([doc], weights="alignment", jupyter=False)


def test_a_document_without_a_word_has_no_picture():
    for words in ([], [" "]):
        doc = Doc(spacy.blank("en").vocab, words=words)
        html = render([doc], weights="alignment", jupyter=False)
        assert "<figure" not in html


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_draws_the_page(tmp_path, width):
    page = tmp_path / "page.html"
    words = [f"word{i}" for i in range(90)]
    shares = np.eye(40, 90)
    long = make_doc(words=words, pieces=words[:40], shares=shares)
    page.write_text(render([make_doc(), long], page=True, jupyter=False), "utf8")
    look = look_at(page, width=width, dark=False, height=1000)
    assert (look.width, look.needed, look.outside) == (width, width, "")
    assert look.messages == []
    assert (look.pixels[:, :, 2] - look.pixels[:, :, 0]).max() > 0.5
