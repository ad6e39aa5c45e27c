"""`python -m spacy rnn report`, through the command line."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path

import pytest
import spacy
import srsly
from chromium import look_at
from mixed_pipelines import EMBED, ENCODERS
from spacy.cli import app
from spacy.tokens import DocBin
from spacy.training import Example
from thinc.api import Config, fix_random_seed
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)

BUNDLED = Path(__file__).parents[2] / "corpus" / "sentiment" / "dev.jsonl"
READER = {"@readers": "spacy-rnn.TextCorpus.v1", "path": None}
NASTY = '<script>alert("1")</script>'
SMALL_TOK2VEC = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": EMBED,
    "encode": ENCODERS["ours"],
}
SMALL = {
    "@architectures": "spacy-rnn.TextCat.v1",
    "exclusive_classes": True,
    "tok2vec": SMALL_TOK2VEC,
    "linear_model": None,
}
LOG = [
    {"epoch": 0, "step": step, "losses": {"rnn_textcat": 2.0}, "scores": {}, "score": 1}
    for step in (0, 10)
]


def train(path, rows, labels):
    """Save a pipeline that has learned a little."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_textcat", config={"model": SMALL})
    examples = [
        Example.from_dict(
            nlp.make_doc(row["text"]),
            {"cats": {label: float(label == row["label"]) for label in labels}},
        )
        for row in rows
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(3):
        nlp.update(examples, sgd=optimizer)
    nlp.config = Config({**nlp.config, "corpora": {"train": READER, "dev": READER}})
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    rows = list(islice(srsly.read_jsonl(BUNDLED), 40))
    return train(tmp_path_factory.mktemp("model"), rows, ["negative", "positive"])


@pytest.fixture
def data(tmp_path):
    """Two documents, one of them wrong."""
    rows = [
        {"text": f"Warm {NASTY} soup.", "label": "positive"},
        {"text": f"Warm {NASTY} soup.", "label": "negative"},
    ]
    path = tmp_path / "data.jsonl"
    srsly.write_jsonl(path, rows)
    return path


def report(*args):
    return CliRunner().invoke(app, ["rnn", "report", *map(str, args)])


def message(result):
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def page(classifier, tmp_path_factory):
    """A page on bundled data, with the curves of a training."""
    folder = tmp_path_factory.mktemp("page")
    srsly.write_jsonl(folder / "log.jsonl", LOG)
    path = folder / "report.html"
    result = report(classifier, BUNDLED, "-o", path, "--log", folder / "log.jsonl")
    assert result.exit_code == 0, result.output
    return path


class Reader(HTMLParser):
    """Reads tags with their attributes, and text."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def read(path):
    reader = Reader()
    reader.feed(path.read_text("utf8"))
    return reader


def test_help_shows_an_example():
    result = report("--help")
    assert result.exit_code == 0
    assert "rnn report training/sentiment/model-best" in message(result)


def test_bundled_data_becomes_a_page_and_the_same_facts_for_a_program(
    classifier, tmp_path
):
    path = tmp_path / "new" / "report.html"
    result = report(classifier, BUNDLED, "-o", path, "--json", "--licence", "CC0")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    (task,) = facts["tasks"]
    assert facts["documents"] == task["documents"] == 278
    assert [each["key"] for each in task["scores"]] == [
        "cats_micro_f",
        "cats_macro_f",
        "cats_macro_auc",
    ]
    for score in task["scores"]:
        assert 0.0 <= score["low"] <= score["value"] <= score["high"] <= 1.0
    assert sum(map(sum, task["confusion"]["counts"])) == 278
    assert task["mistakes"]
    assert facts["card"]["licences_of_data"] == ["CC0"]
    text = read(path).text
    for score in task["scores"]:
        assert f"{100 * score['value']:.1f}" in text
    assert task["mistakes"][0]["tokens"][0] in text


def test_a_page_asks_for_nothing_and_is_as_it_was_written(classifier, data, tmp_path):
    path = tmp_path / "report.html"
    assert report(classifier, data, "-o", path, "--licence", NASTY).exit_code == 0
    html = path.read_text("utf8")
    assert not re.search(r"src=|href=\"(?!#)|url\(|@import|<link|<script", html)
    page = read(path)
    assert page.text.count(NASTY) == 2
    assert "script" not in {tag for tag, _ in page.tags}


def test_a_log_is_drawn(page):
    assert "Loss" in read(page).text


def test_settings_of_the_corpus_can_be_changed(classifier, tmp_path):
    path = tmp_path / "data.jsonl"
    srsly.write_jsonl(path, [{"body": "Warm soup.", "label": "negative"}])
    result = report(classifier, path, "--json", "--corpora.dev.text_column", "body")
    assert json.loads(result.stdout)["documents"] == 1


def test_mistakes_of_one_label_can_be_asked_for(classifier):
    result = report(classifier, BUNDLED, "--json", "--label", "negative")
    (task,) = json.loads(result.stdout)["tasks"]
    for each in task["mistakes"]:
        assert "negative" in (each["predicted"], *each["true"])


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([], "Name the page to write, --output"),
        (["-o", "report.pdf"], "must end in .html"),
        (["-o", "old.html"], "--force replaces it"),
        (["-o", "file/report.html"], "Not a directory"),
        (["--json", "-C", "rnn_ner"], "no component 'rnn_ner'. It has ['rnn_textcat']"),
        (["--json", "-l", "odd"], "--label odd: the labels are"),
        (["--json", "--log", "file"], "there is no evaluation in it"),
        (["--json", "--corpora.dev.text_column", "body"], "no column 'body'"),
    ],
)
def test_what_cant_be_done_is_said_in_one_message(
    classifier, data, monkeypatch, args, expected
):
    monkeypatch.chdir(data.parent)
    for name in ("old.html", "file"):
        Path(name).write_text("old")
    result = report(classifier, data, *args)
    assert result.exit_code == 1
    assert expected in message(result)
    assert {each.name for each in data.parent.iterdir()} == {
        *("data.jsonl", "old.html", "file")
    }
    assert Path("old.html").read_text() == "old"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "no document"),
        ([{"text": "", "label": "positive"}], "no document with a text"),
        ([{"text": "Warm soup.", "label": "odd"}], "no label of doc.cats is known"),
    ],
)
def test_data_that_says_nothing_is_refused(classifier, tmp_path, rows, expected):
    path = tmp_path / "data.jsonl"
    srsly.write_jsonl(path, rows)
    result = report(classifier, path, "--json")
    assert result.exit_code == 1
    assert expected in message(result)


def test_data_without_annotation_is_refused(classifier, tmp_path):
    path = tmp_path / "data.spacy"
    DocBin(docs=[spacy.blank("en")("Warm soup.")]).to_disk(path)
    result = report(classifier, path, "--json")
    assert result.exit_code == 1
    assert "no annotation of what any of ['rnn_textcat'] predicts" in message(result)


def test_force_replaces_a_page_only_when_the_new_one_is_there(classifier, data):
    path = data.parent / "report.html"
    path.write_text("old")
    assert report(classifier, data, "-o", path, "-F", "-l", "odd").exit_code == 1
    assert path.read_text() == "old"
    assert report(classifier, data, "-o", path, "-F").exit_code == 0
    assert path.read_text() != "old"


def test_who_stops_reading_gets_no_traceback(classifier, data):
    with subprocess.Popen(
        [sys.executable, "-m", "spacy", "rnn", "report", classifier, data, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        errors = process.stderr.read().decode()
    assert process.returncode != 0
    assert "Traceback" not in errors


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_draws_the_page(page, dark, width):
    look = look_at(page, width=width, dark=dark)
    assert (look.width, look.needed, look.outside) == (width, width, "")
    assert look.messages == []
    bright = look.pixels.mean()
    assert bright < 0.4 if dark else bright > 0.8
    blue = look.pixels[:, :, 2] - look.pixels[:, :, 0]
    assert (blue > 0.2).mean() > 0.002  # curves and bars


def test_a_command_that_is_interrupted_leaves_no_page(classifier, data, monkeypatch):
    def interrupt(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("spacy_rnn.cli.reporting.page.draw_report", interrupt)
    path = data.parent / "report.html"
    result = report(classifier, data, "-o", path)
    assert result.exit_code != 0
    assert not path.exists()
