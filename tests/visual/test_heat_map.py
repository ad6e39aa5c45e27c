"""Texts with the weights of their tokens."""

import re
import socket
import sys
from html import escape
from html.parser import HTMLParser
from http.client import HTTPConnection
from threading import Thread
from types import SimpleNamespace
from wsgiref import simple_server

import numpy as np
import pytest
import spacy
from chromium import look_at
from spacy.tokens import Doc

from spacy_rnn.explain import Explanation
from spacy_rnn.visual import heat_map
from spacy_rnn.visual.heat_map import draw_text, draw_texts, render, serve
from spacy_rnn.visual.tokens import LISTED, shares

WORDS = ["<b>Warm</b>", "&", "cold", "soup", "."]
VALUES = [2.0, 0.0, -1.0, 0.5, -0.1]
CODES = re.compile("\x1b\\[[0-9;]*m")


def explanation(lang="en", label="good", **settings):
    doc = Doc(spacy.blank(lang).vocab, words=WORDS, spaces=[True] * 3 + [False] * 2)
    fields = {
        "doc": doc,
        "component": "rnn_textcat",
        "label": label,
        "start": 0,
        "end": len(doc),
        "score": 1.4,
        "baseline": 0.0,
        "contributions": np.array(VALUES),
        "attention": {},
    }
    return Explanation(**{**fields, **settings})


class Reader(HTMLParser):
    """Reads the text of the paragraphs, and the attributes of all tags."""

    def __init__(self):
        super().__init__()
        self.inside, self.text, self.tags = False, "", []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside |= tag == "p"

    def handle_endtag(self, tag):
        self.inside &= tag != "p"

    def handle_data(self, data):
        self.text += data if self.inside else ""


def read(html):
    reader = Reader()
    reader.feed(html)
    return reader


@pytest.mark.parametrize("page", [True, False])
def test_a_text_is_drawn_as_it_is_whatever_stands_in_it(page):
    each = explanation(label="<script>alert(1)</script>")
    found = read(render([each], page=page, jupyter=False))
    assert found.text == each.doc.text
    assert "script" not in {tag for tag, _ in found.tags}


def test_every_token_has_its_weight_and_its_sign():
    found = read(render([explanation()], jupyter=False))
    spans = [attrs for tag, attrs in found.tags if tag == "span"]
    assert [float(attrs["title"]) for attrs in spans] == VALUES
    for attrs, value in zip(spans, VALUES, strict=True):
        assert float(attrs["style"].removeprefix("--w:")) == abs(value) / 2.0
        assert (attrs.get("class") == "less") == (value < 0)


def test_a_page_asks_for_nothing_else():
    html = render([explanation()], page=True, jupyter=False)
    assert "default-src 'none'" in html
    assert not re.search(r"(src=|href|url|@import|https?:)", html)


@pytest.mark.parametrize(("lang", "direction"), [("en", "ltr"), ("ar", "rtl")])
def test_a_text_runs_in_the_direction_of_its_language(lang, direction):
    found = read(render([explanation(lang)], page=True, jupyter=False))
    assert [a["dir"] for tag, a in found.tags if tag == "p"] == [direction]
    langs = {a["lang"] for tag, a in found.tags if tag in ("html", "figure")}
    assert langs == {lang}


def test_what_is_predicted_of_is_underlined_unless_it_is_all():
    html = render([explanation(start=2, end=4)], jupyter=False)
    assert re.findall(r"<u>(.*?)</u>", html) == ["cold", "soup"]
    assert "<u>" not in render([explanation()], jupyter=False)


@pytest.mark.parametrize("weights", ["contributions", "attention"])
def test_a_line_says_what_the_colours_that_are_there_mean(weights):
    each = explanation("ar", attention={"words": np.array(VALUES)})
    html = render([each] * 2, weights=weights, jupyter=False)
    (key,) = re.findall(r'<div class="key" lang="en" dir="ltr">(.*?)</div>', html, re.S)
    assert ("speaks against" in key) == (weights == "contributions")
    assert html.index("</mark>") < html.index("<figure")
    assert "</mark>" not in render([], jupyter=False)


def test_attention_is_drawn_on_request():
    weights = np.array([0.5, 0.1, 0.2, 0.1, 0.1])
    each = explanation(attention={"words": weights})
    found = read(render([each], weights="attention", jupyter=False))
    titles = [float(a["title"]) for tag, a in found.tags if tag == "span"]
    assert titles == weights.tolist()
    with pytest.raises(ValueError, match="no attention"):
        render([explanation()], weights="attention", jupyter=False)


def test_the_strongest_tokens_are_listed_for_who_cant_point_at_them():
    html = render([explanation(), explanation("ar")], jupyter=False)
    lists = re.findall('<details lang="en" dir="ltr">(.*?)</details>', html, re.S)
    found = [re.findall(r"<bdi>(.*?)</bdi>&nbsp;([-+.\d]+)", each) for each in lists]
    listed = draw_text(explanation(), colours=False).splitlines()[-1].split("  ")
    expected = [tuple(escape(each).rsplit(" ", 1)) for each in listed]
    assert found == [expected] * 2


def test_a_terminal_gets_the_text_with_more_colour_for_more_weight():
    drawn = draw_text(explanation())
    assert CODES.sub("", drawn).splitlines()[1] == explanation().doc.text
    strong, weak = drawn.index("48;5;33m<b>Warm"), drawn.index("48;5;189msoup")
    assert strong < weak
    assert "48;5;216mcold" in drawn
    assert " & " in drawn  # without a colour


def test_without_colours_the_tokens_that_count_most_are_listed_with_their_numbers():
    (drawn,) = draw_texts([explanation()], colours=False)
    assert "\x1b" not in drawn
    title, text, numbers = drawn.splitlines()
    assert title.startswith("good 80.2%")
    assert text == explanation().doc.text
    assert numbers == "<b>Warm</b> +2.00  cold -1.00  soup +0.50  the rest -0.10"


def test_white_space_has_no_colour_in_a_terminal():
    doc = Doc(spacy.blank("en").vocab, words=["\n\n", "Warm"], spaces=[False] * 2)
    each = explanation(doc=doc, end=2, contributions=np.array([1.0, 0.5]))
    assert "m\n" not in draw_text(each).split("\n", 1)[1]


def test_without_colours_what_is_predicted_of_is_in_brackets_unless_it_is_all():
    drawn = draw_text(explanation(start=2, end=4), colours=False)
    assert drawn.splitlines()[1] == "<b>Warm</b> & [cold soup]."
    assert "[" not in draw_text(explanation(), colours=False)


@pytest.mark.parametrize("colours", [True, False])
def test_codes_in_a_text_have_no_effect_on_the_terminal(colours):
    words = ["\x1b[31mred", "\x9b1m", "soup\x07", "over\rwritten"]
    doc = Doc(spacy.blank("en").vocab, words=words)
    found = explanation(
        doc=doc, end=1, contributions=np.array([1.0, 0.5, 2.0, 0.5]), label="\x1bgood"
    )
    drawn = CODES.sub("", draw_text(found, colours=colours))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", drawn)
    for text in ("\\x1bgood", "\\x1b[31mred", "\\x9b1m", "soup\\x07"):
        assert text in drawn


def test_without_colours_a_long_text_has_a_short_list_that_adds_up():
    values = np.linspace(-1.0, 2.0, 500)
    doc = Doc(spacy.blank("en").vocab, words=[f"word{i}" for i in range(500)])
    each = explanation(doc=doc, end=500, contributions=values)
    parts = draw_text(each, colours=False).splitlines()[-1].split("  ")
    assert len(parts) == LISTED + 1
    numbers = [float(part.split()[-1]) for part in parts]
    assert numbers[:-1] == sorted(numbers[:-1], reverse=True)
    assert sum(numbers) == pytest.approx(values.sum(), abs=0.1)


def test_without_colours_white_space_is_not_listed_but_counted():
    doc = Doc(spacy.blank("en").vocab, words=["\n\n", "Warm"])
    each = explanation(doc=doc, end=2, contributions=np.array([1.0, 0.5]))
    assert draw_text(each, colours=False).endswith("\nWarm +0.50  the rest +1.00")


def test_without_colours_attention_is_listed_in_percent():
    each = explanation(attention={"words": np.array([0.5, 0.02, 0.3, 0.1, 0.08])})
    drawn = draw_text(each, "attention", colours=False)
    assert drawn.splitlines()[-1] == "<b>Warm</b> 50%  cold 30%  soup 10%  . 8%"


def test_weights_of_nothing_have_no_share():
    assert shares(np.zeros(0)).shape == (0,)
    assert not shares(np.zeros(3)).any()


def test_no_explanation_is_an_empty_page():
    assert "<figure" not in render([], page=True, jupyter=False)


def test_a_notebook_shows_the_picture_unless_it_is_asked_not_to(monkeypatch):
    shown = []
    notebook = SimpleNamespace(HTML=str, display=shown.append)
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    for inside, jupyter in [(True, None), (False, True), (True, True)]:
        monkeypatch.setattr(heat_map, "is_in_jupyter", lambda inside=inside: inside)
        assert render([explanation()], jupyter=jupyter) == ""
    html = render([explanation()], jupyter=False)
    assert shown == [html] * 3
    monkeypatch.setattr(heat_map, "is_in_jupyter", lambda: False)
    assert render([explanation()]) == html


def test_a_page_is_served_until_it_is_interrupted(monkeypatch):
    def serve_once(server):
        get = Thread(target=fetch, args=[server.server_port])
        get.start()
        server.handle_request()
        get.join()
        raise KeyboardInterrupt

    def fetch(port):
        connection = HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/")
        response = connection.getresponse()
        found.append((response.status, response.read().decode()))
        connection.close()

    found = []
    monkeypatch.setattr(simple_server.WSGIServer, "serve_forever", serve_once)
    monkeypatch.setattr(heat_map, "is_in_jupyter", lambda: True)  # or anywhere else
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve([explanation()], port=port)
    assert found == [(200, render([explanation()], page=True, jupyter=False))]


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_draws_the_page(tmp_path, dark, width):
    page = tmp_path / "page.html"
    texts = [explanation(), explanation(label="a_label_" * 40)]
    page.write_text(render(texts, page=True, jupyter=False), "utf8")
    look = look_at(page, width=width, dark=dark, height=600)
    assert (look.width, look.needed, look.outside) == (width, width, "")
    assert look.messages == []
    bright = look.pixels.mean()
    assert bright < 0.3 if dark else bright > 0.8
    blue = (look.pixels[:, :, 2] - look.pixels[:, :, 0]).max()
    orange = (look.pixels[:, :, 0] - look.pixels[:, :, 2]).max()
    assert min(blue, orange) > 0.1


def test_one_that_stands_alone_is_drawn_as_in_a_list():
    each = explanation()
    assert render(each, jupyter=False) == render([each], jupyter=False)
    assert [*draw_texts(each)] == [*draw_texts([each])]


@pytest.mark.parametrize("value", [np.nan, -np.inf])
@pytest.mark.parametrize("weights", ["contributions", "attention", "sentences"])
def test_weights_that_are_no_numbers_are_refused_with_what_they_are_for(weights, value):
    one = explanation(attention={"words": np.ones(5), "sentences": np.ones(1)})
    for token in one.doc:
        token.is_sent_start = token.i == 0
    values = {"contributions": one.contributions, "attention": one.attention["words"]}
    values.get(weights, one.attention["sentences"])[0] = value
    message = "weights for 'good' can't be drawn: they are NaN or infinite"
    with pytest.raises(ValueError, match=message):
        list(draw_texts(one, weights))
    with pytest.raises(ValueError, match=message):
        render(one, weights=weights, jupyter=False)


def test_the_explanations_of_several_texts_are_refused():
    with pytest.raises(TypeError, match="got a list. `explain` returns a list for"):
        render([[], []], jupyter=False)
