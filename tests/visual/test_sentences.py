"""Documents with the weights of their sentences."""

import re

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, SpanGroup

from spacy_rnn.explain import Explanation
from spacy_rnn.visual.heat_map import draw_texts, render
from spacy_rnn.visual.sentences import BLOCKS, draw_bar, weigh_by_summary
from spacy_rnn.visual.tokens import MORE

WORDS = ["It", "<rained>", ".", "We", "stayed", ".", "Good", "."]
STARTS = [True, False, False, True, False, False, True, False]
SCORES = [0.25, 0.5, 0.125]
CODES = re.compile("\x1b\\[[0-9;]*m")


def make_doc(lang="en", chosen=(0, 1), sent_starts=STARTS):
    doc = Doc(spacy.blank(lang).vocab, words=WORDS, sent_starts=sent_starts)
    if sent_starts:
        spans = [list(doc.sents)[i] for i in chosen]
        attrs = {"sentence_scores": SCORES}
        doc.spans["summary"] = SpanGroup(doc, name="summary", spans=spans, attrs=attrs)
    return doc


def explanation(doc, sentences=SCORES):
    words = np.array([0.2, 0.6, 0.2, 0.5, 0.3, 0.2, 0.9, 0.1])
    attention = {"sentences": np.array(sentences), "words": words}
    return Explanation(
        doc, "rnn_textcat", "good", 0, len(doc), 1.0, 0.0, words, attention
    )


def rows_of(html):
    """Return for each row whether it stands out, its weight and its text."""
    rows = re.findall(r"<li(.*?)>(.*?)</li>", html)
    found = []
    for about, row in rows:
        weight, text = re.fullmatch(r"<div>(.*?)%.*</div><p>(.*)</p>", row).groups()
        found.append(("chosen" in about, float(weight), re.sub("<.*?>", "", text)))
    return found


def test_a_summary_is_drawn_with_all_sentences_and_those_that_are_in_it():
    assert rows_of(render([make_doc()], jupyter=False)) == [
        (True, 25.0, "It &lt;rained&gt; . "),
        (True, 50.0, "We stayed . "),
        (False, 12.5, "Good . "),
    ]


def test_attention_of_sentences_is_drawn_with_that_of_their_words():
    each = explanation(make_doc(chosen=()))
    html = render([each], weights="sentences", jupyter=False)
    assert "was looked at</mark>" in html
    assert [row[:2] for row in rows_of(html)] == [
        (False, 25.0),
        (False, 50.0),
        (False, 12.5),
    ]
    strengths = [float(each) for each in re.findall(r"<span style=\"--w:(.*?)\"", html)]
    of_sentences = [strengths[i] for i in (1, 3, 6)]  # of their strongest words
    assert of_sentences == pytest.approx([0.5**0.5, 1.0, 0.25**0.5], abs=0.01)
    assert strengths[0] == pytest.approx(strengths[1] / 3, abs=0.01)


def test_sentences_of_a_summary_that_are_explained_make_one_picture():
    doc = make_doc()
    spans = [
        Explanation(doc, "rnn_summarizer", "summary", s.start, s.end, 1, 0, None, {})
        for s in doc.spans["summary"]
    ]
    html = render([*spans, *spans[:1]], weights="sentences", jupyter=False)
    assert html.count("<figure") == 1
    assert "</mark>" not in html  # there are no shades


@pytest.mark.parametrize(("lang", "direction"), [("en", "ltr"), ("ar", "rtl")])
def test_sentences_run_in_the_direction_of_their_language(lang, direction):
    html = render([make_doc(lang)], jupyter=False)
    assert re.findall(r"<li[^>]* dir=\"(.*?)\"", html) == [direction] * 3


def test_a_terminal_gets_a_line_for_each_sentence():
    (drawn,) = draw_texts([make_doc(chosen=[1])])
    title, *lines = CODES.sub("", drawn).splitlines()
    assert title == "summary 1 of 3 sentences"
    assert [line.lstrip("▸ ").split()[0] for line in lines] == [
        "25.0%",
        "50.0%",
        "12.5%",
    ]
    assert [line.startswith("▸") for line in lines] == [False, True, False]
    firsts = ("It", "We", "Good")
    columns = {line.index(word) for line, word in zip(lines, firsts, strict=True)}
    assert len(columns) == 1


def test_without_colours_a_summary_has_the_same_lines_in_plain():
    (coloured,) = draw_texts([make_doc()])
    (plain,) = draw_texts([make_doc()], colours=False)
    assert plain == CODES.sub("", coloured) != coloured


def test_without_colours_words_that_attention_is_paid_to_are_below_their_sentence():
    each = explanation(make_doc(chosen=()), sentences=[0.29, 0.705, 0.005])
    (drawn,) = draw_texts([each], "sentences", colours=False)
    assert "\x1b" not in drawn
    lines = [" ".join(line.split()) for line in drawn.splitlines()[1:]]
    assert lines == [
        f"29.0% {draw_bar(0.29 / 0.705).strip()} It <rained> .",
        "<rained> 60% It 20% . 20%",
        f"70.5% {draw_bar(1.0)} We stayed .",
        "We 50% stayed 30% . 20%",
        "0.5% ▏ Good .",  # whose words would have no colour
    ]


@pytest.mark.parametrize("eighths", range(8 * BLOCKS + 1))
def test_bars_are_all_as_wide_and_none_is_shorter_than_a_smaller_one(eighths):
    bar = draw_bar(eighths / (8 * BLOCKS))
    assert len(bar) == BLOCKS
    filled = sum(" ▏▎▍▌▋▊▉█".index(cell) for cell in bar)
    assert filled == eighths


def test_words_in_a_terminal_are_as_strong_as_their_sentence():
    (drawn,) = draw_texts([explanation(make_doc(chosen=()))], weights="sentences")
    strongest = [
        max(MORE.index(int(code)) for code in re.findall(r"48;5;(\d+)", line))
        for line in drawn.splitlines()[1:]
    ]
    assert strongest[1] == len(MORE) - 1
    assert np.argsort(strongest).tolist() == np.argsort(SCORES).tolist()


def test_a_document_without_a_sentence_has_no_rows():
    doc = Doc(spacy.blank("en").vocab)
    group = SpanGroup(doc, name="summary", attrs={"sentence_scores": []})
    doc.spans["summary"] = group
    assert rows_of(render([doc], jupyter=False)) == []
    (drawn,) = draw_texts([doc])
    assert CODES.sub("", drawn) == "summary 0 of 0 sentences"


def test_what_has_no_such_weights_is_refused():
    doc = make_doc(chosen=())
    doc.spans.clear()
    with pytest.raises(ValueError, match="no scores of sentences"):
        weigh_by_summary(doc)
    without = explanation(doc)
    without.attention.pop("sentences")
    with pytest.raises(ValueError, match="no attention of sentences"):
        render([without], weights="sentences", jupyter=False)
    unparted = explanation(make_doc(sent_starts=None))
    with pytest.raises(ValueError, match="has 0 sentences, but there are 3 weights"):
        render([unparted], weights="sentences", jupyter=False)
