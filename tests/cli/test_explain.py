"""`python -m spacy rnn explain`, through the command line."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import spacy
import srsly
from spacy.cli import app
from spacy.training import Example
from thinc.api import Config
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)
from spacy_rnn.cli.explain import has_colours

ROWS = [("Good soup.", "good"), ("Bad soup, bad staff.", "bad")]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("rnn_textcat")
    examples = [
        Example.from_dict(
            nlp.make_doc(text),
            {"cats": {name: float(name == label) for name in ("good", "bad")}},
        )
        for text, label in ROWS
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(10):
        nlp.update(examples, sgd=optimizer)
    path = tmp_path_factory.mktemp("classifier")
    nlp.to_disk(path)
    return path


def explain(*args, **settings):
    return CliRunner().invoke(app, ["rnn", "explain", *map(str, args)], **settings)


@pytest.fixture(scope="module")
def tagger_of_few(tmp_path_factory):
    """Save a tagger that has learned to say "A" of good things only."""
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_tagger")
    examples = [
        Example.from_dict(nlp.make_doc("Good soup."), {"tags": ["A", "A", "B"]}),
        Example.from_dict(nlp.make_doc("Bad staff."), {"tags": ["B", "B", "B"]}),
    ]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(20):
        nlp.update(examples, sgd=optimizer)
    path = tmp_path_factory.mktemp("tagger")
    nlp.to_disk(path)
    return path


def read(result):
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_help_shows_an_example():
    result = explain("--help")
    assert result.exit_code == 0
    assert "rnn explain training/sentiment/model-best" in result.stdout


def test_texts_are_drawn_with_what_is_predicted(classifier):
    result = explain(classifier, "Good soup.", "Bad staff.")
    assert result.exit_code == 0
    lines = [line for line in result.stdout.splitlines() if line]
    assert [line.split()[0] for line in lines[::3]] == ["good", "bad"]
    assert lines[1::3] == ["Good soup.", "Bad staff."]
    for line, text in zip(lines[2::3], ("Good soup .", "Bad staff ."), strict=True):
        words = line.split("  ")  # no colours in a file, but numbers
        assert {word.split()[0] for word in words} <= {*text.split(), "the"}
        assert any(float(word.split()[-1]) > 0 for word in words)


@pytest.mark.parametrize(
    ("settings", "is_terminal", "are_there"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"ANSI_COLORS_DISABLED": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_a_terminal_has_colours_unless_they_are_not_wanted(
    monkeypatch, settings, is_terminal, are_there
):
    for name in ("NO_COLOR", "ANSI_COLORS_DISABLED", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: is_terminal))
    assert has_colours() is are_there


@pytest.fixture(scope="module")
def several(classifier, tagger_of_few, tmp_path_factory):
    """Save a pipeline of both."""
    nlp = spacy.load(classifier)
    nlp.add_pipe("rnn_tagger", source=spacy.load(tagger_of_few), first=True)
    path = tmp_path_factory.mktemp("several")
    nlp.to_disk(path)
    return path


def test_other_components_that_can_be_explained_are_named_once(several, classifier):
    texts = ("Good soup.", "Bad staff.")
    remark = "predictions of 'rnn_textcat'; --component has those of 'rnn_tagger'"
    result = explain(several, *texts)
    assert result.exit_code == 0
    assert " ".join(result.stdout.split()).count(remark) == 1
    for args in (
        (several, *texts, "--component", "rnn_tagger"),
        (several, *texts, "--json"),
        (classifier, *texts),
    ):
        assert "--component" not in explain(*args).stdout


def test_a_program_gets_a_line_of_json_for_each_text(classifier):
    first, second = read(explain(classifier, "Good soup.", "", "--json"))
    assert first["tokens"] == ["Good", "soup", "."]
    (found,) = first["explanations"]
    assert found["label"] == "good"
    total = found["score"] - found["baseline"]
    assert abs(np.sum(found["contributions"]) - total) <= 0.01 * abs(total)
    assert len(found["attention"]["words"]) == 3
    assert second == {"tokens": [], "explanations": []}


def test_labels_can_be_chosen(classifier):
    args = ("--label", "bad", "--label", "good", "--component", "rnn_textcat", "--json")
    (row,) = read(explain(classifier, "Good soup.", *args))
    assert {each["label"] for each in row["explanations"]} == {"good", "bad"}


@pytest.mark.parametrize("name", ["texts.jsonl", "texts.csv", "texts.txt"])
def test_texts_are_read_from_a_file(classifier, tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".jsonl":
        srsly.write_jsonl(path, [{"body": "Good soup."}, {"body": "Bad."}])
    elif path.suffix == ".csv":
        path.write_text("body,n\nGood soup.,1\nBad.,2\n")
    else:
        path.write_bytes("\ufeffGood soup.".encode("utf8"))
    rows = read(explain(classifier, path, "--text-column", "body", "--json"))
    assert [row["tokens"][0] for row in rows] == ["Good", "Bad"][: len(rows)]
    (row,) = read(
        explain(classifier, path, "--text-column", "body", "--json", "--limit", 1)
    )
    assert row["tokens"] == ["Good", "soup", "."]


def test_texts_are_read_from_the_column_that_the_config_of_the_pipeline_names(
    classifier, tmp_path
):
    nlp = spacy.load(classifier)
    corpus = {"@readers": "spacy-rnn.TextCorpus.v1", "text_column": "body"}
    corpora = {"dev": {**corpus, "path": "dev.csv"}}
    nlp.config = Config({**nlp.config, "corpora": corpora})
    nlp.to_disk(tmp_path / "model")
    for column in ("body", "text"):
        path = tmp_path / f"{column}.csv"
        path.write_text(f"n,{column}\n1,Good soup.\n")
        (row,) = read(explain(tmp_path / "model", path, "--json"))
        assert row["tokens"] == ["Good", "soup", "."]


def test_a_text_may_name_a_file(classifier):
    (row,) = read(explain(classifier, "Good is notes.txt", "--json"))
    assert row["tokens"][:2] == ["Good", "is"]


def test_a_text_that_is_too_long_for_a_path_is_a_text(classifier):
    (row,) = read(explain(classifier, "Good soup. " * 30, "--json"))
    assert len(row["tokens"]) == 90


def test_a_text_is_read_from_standard_input(classifier):
    (row,) = read(explain(classifier, "-", "--json", input="Good soup."))
    assert row["tokens"] == ["Good", "soup", "."]


def test_a_page_is_written(classifier, tmp_path):
    path = tmp_path / "page.html"
    result = explain(classifier, "Good <soup>.", "--output", path, "-w", "attention")
    assert result.exit_code == 0
    assert "Explained 1 prediction and wrote" in " ".join(result.stdout.split())
    assert "&lt;" in path.read_text("utf8")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["Good.", "--component", "nope"], "no component 'nope'"),
        (["Good.", "--component", "sentencizer"], "can't be explained"),
        (["Good.", "--label", "odd"], r"doesn't know the labels ['odd']"),
        ([""], "no text with a token"),
        (["Good.", "--output", "page.pdf"], "must end in .html"),
        (["data.jsonl"], "data.jsonl:1: no column 'text'"),
        (["data.xml"], "expected a file that ends in one of .txt"),
        (["latin.txt"], "latin.txt:2: byte 0xe9 is not UTF-8"),
        (["missing.csv"], "missing.csv: no such file"),
        (["."], ". is a folder: name files in it"),
        (
            ["Good.", "--weights", "alignment", "--label", "good"],
            "--label is of no use with --weights alignment",
        ),
    ],
)
def test_what_cant_be_done_is_said_in_one_message(
    classifier, tmp_path, monkeypatch, args, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.jsonl").write_text('{"body": "Good."}\n')
    (tmp_path / "data.xml").write_text("<p>Good.</p>")
    (tmp_path / "latin.txt").write_bytes(b"Good.\nA caf\xe9.")
    result = explain(classifier, *args)
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert "errors" not in result.output  # of which there is no option
    assert not list(tmp_path.glob("*.html"))


def test_a_page_and_json_come_together(classifier, tmp_path):
    path = tmp_path / "page.html"
    (row,) = read(explain(classifier, "Good soup.", "--json", "-o", path))
    assert row["tokens"] == ["Good", "soup", "."]
    assert "soup" in path.read_text("utf8")


def test_a_missing_pipeline_is_named():
    result = explain("no/such/model", "Good.")
    assert result.exit_code == 1
    assert "no/such/model" in result.output


def test_tokens_are_told_of_a_text_in_which_nothing_is_predicted(tagger_of_few):
    rows = read(explain(tagger_of_few, "Good soup.", "Bad staff.", "-l", "A", "--json"))
    assert [row["tokens"] for row in rows] == [
        ["Good", "soup", "."],
        ["Bad", "staff", "."],
    ]
    assert [bool(row["explanations"]) for row in rows] == [True, False]


def test_an_output_that_cant_be_written_is_refused_before_the_work(
    classifier, tmp_path, monkeypatch
):
    monkeypatch.setattr("spacy.load", lambda *_: pytest.fail("the work began"))
    (tmp_path / "file").touch()
    result = explain(classifier, "Good.", "--output", tmp_path / "file" / "page.html")
    assert result.exit_code == 1
    assert "page.html" in result.output


def test_a_page_that_cant_be_made_leaves_the_old_one(classifier, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old")
    assert explain(classifier, "", "--output", path).exit_code == 1
    assert path.read_text() == "old"


def test_sentences_are_drawn_with_their_attention_or_refused(classifier):
    result = explain(classifier, "Good soup. Bad staff.", "--weights", "sentences")
    assert result.exit_code == 1
    assert "no attention of sentences to show" in " ".join(result.output.split())


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    nlp = spacy.blank("en")
    model = {
        "@architectures": "spacy-rnn.Seq2Seq.v1",
        "width": 8,
        "hidden_width": 8,
        "encode": {"@architectures": "spacy-rnn.RNNEncoder.v1", "width": 8},
        "subwords": {"@architectures": "spacy-rnn.Subwords.v1", "size": 300},
    }
    nlp.add_pipe("rnn_translator", config={"model": model, "max_length": 9})
    reference = nlp.make_doc("Good soup.")
    reference._.translation = "Gute Suppe."
    nlp.initialize(lambda: [Example(nlp.make_doc("Good soup."), reference)])
    path = tmp_path_factory.mktemp("translator")
    nlp.to_disk(path)
    return path


def test_a_text_that_was_written_is_shown_with_what_was_read(translator, tmp_path):
    args = (translator, "Good soup.", " ", "--weights", "alignment")
    first, second = read(explain(*args, "--json"))
    assert first["tokens"] == ["Good", "soup", "."]
    (found,) = first["alignments"]
    assert found["extension"] == "translation"
    assert np.array(found["attention"]).shape == (len(found["pieces"]), 3)
    assert second["alignments"] == []
    printed = explain(*args)
    lines = printed.stdout.splitlines()
    assert lines[0].startswith("translation ")
    assert [line.split()[0] for line in lines[1:-1]] == found["pieces"]
    page = tmp_path / "page.html"
    result = explain(*args, "--output", page)
    assert "Explained 2 texts" in result.output
    assert page.read_text("utf8").count("<svg") == 1


@pytest.mark.parametrize("names", [[], ["--component", "rnn_textcat"]])
def test_an_alignment_of_what_writes_nothing_is_refused(classifier, names):
    result = explain(classifier, "Good soup.", "--weights", "alignment", *names)
    assert result.exit_code == 1
    message = " ".join((result.output + result.stderr).split())
    assert "that writes texts" in message
