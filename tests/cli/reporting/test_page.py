"""A report becomes a page, whatever stands in it and however much it is."""

import random
import re
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser

import numpy as np

from spacy_rnn.cli.reporting.facts import Mistake, Report, Training
from spacy_rnn.cli.reporting.measure import measure
from spacy_rnn.cli.reporting.page import draw_report
from spacy_rnn.cli.reporting.view import Prediction, View

NASTY = "<script>alert('1')</script>&amp;"
CARD = {
    **dict.fromkeys(("name", "version", "description", "author", "licence"), NASTY),
    **{"parameters": 10, "size_on_disk": None, "words_per_second": 10},
    **{"licences_of_data": [NASTY], "device": NASTY, "trained_with": NASTY},
    **{"versions": {NASTY: NASTY}, "date": NASTY},
    "components": {
        NASTY: {
            "factory": NASTY,
            "labels": 2,
            "architectures": [{"name": NASTY, "settings": {NASTY: NASTY}}],
        }
    },
}


def make_view(n_docs, n_labels, unit="spans", name="label"):
    draw = random.Random(0)
    labels = [f"{name}{i}" for i in range(n_labels)]

    def make_claims():
        return {((i, i + 1), draw.choice(labels)) for i in range(3)}

    true = [make_claims() for _ in range(n_docs)]
    predicted = [
        {claim: Prediction(draw.random(), *claim[0]) for claim in make_claims() | gold}
        for gold in true
    ]
    return View("rnn_ner", "doc.ents", unit, "ents", labels, true, predicted)


def make_report(task, text="text"):
    mistake = Mistake(3, text, False, [text], 0.9, [text] * 100, [" "] * 100, 2, 4)
    weights = np.linspace(-1, 1, 100).tolist()
    mistakes = [mistake, replace(mistake, contributions=weights, is_cut=(True, True))]
    task.mistakes = mistakes * 6
    training = Training(list(range(500)), {text: [1.0] * 500}, {text: [0.5] * 500}, [])
    return Report(text, text, 9, 9, 9, [task], {text: {text: 0.5}}, CARD, training)


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = set(), ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


def test_texts_and_labels_are_written_as_they_are():
    view = make_view(20, 3, name=NASTY)
    view.component = view.annotation = NASTY
    html = draw_report(make_report(measure(view, [3] * 20, n=20), NASTY))
    reader = Reader()
    reader.feed(html)
    assert "script" not in reader.tags
    assert reader.text.count(NASTY) > 200


def test_a_page_of_10000_documents_and_300_labels_is_less_than_3_mb():
    view = make_view(10_000, 300)
    task = measure(view, [3] * 10_000, n=5)
    assert len(draw_report(make_report(task)).encode()) < 3_000_000


def test_what_is_unknown_leaves_no_trace():
    view = make_view(5, 1)
    view.predicted = [
        {
            claim: about._replace(confidence=float("nan"))
            for claim, about in each.items()
        }
        for each in view.predicted
    ]
    task = measure(view, [0] * 5, n=5)
    assert (task.curves, task.reliability, task.confusion) == ([], None, None)
    assert not re.search(r"\bnan\b|None", draw_report(make_report(task)))


def test_one_is_not_written_as_several():
    task = replace(measure(make_view(5, 3), [3] * 5, n=5), documents=1)
    report = replace(make_report(task), documents=1, tokens=1)
    about = {"factory": "ner", "labels": 1, "parameters": 1}
    report.card = {**CARD, "components": {"ner": about}}
    html = draw_report(report)
    assert ": 1 document, 1 token." in html
    assert ">1 document with labels<" in html
    assert "1 label, 1 parameter<" in html


def test_everything_in_a_report_is_a_fact_that_json_can_hold():
    task = measure(make_view(5, 3), [3] * 5, n=5)

    def check(value):
        if is_dataclass(value):
            for each in fields(value):
                check(getattr(value, each.name))
        elif isinstance(value, dict):
            for each in value.values():
                check(each)
        elif isinstance(value, list | tuple):
            for each in value:
                check(each)
        else:
            assert value is None or type(value) in (str, int, float, bool)

    check(make_report(task))
