"""`python -m spacy rnn tune-thresholds`, through the command line."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import spacy
import srsly
from numpy import eye, nan
from numpy.testing import assert_array_equal
from spacy.cli import app
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.api import Config, fix_random_seed
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)
from spacy_rnn.cli.tune_thresholds import print_report
from spacy_rnn.cli.tuning import LabelRow, Report, choose_labels, read_data

WORDS = {"food": "soup", "staff": "waiter", "price": "bill"}
MULTILABEL = [
    {"text": f"The {WORDS[first]} and the {WORDS[second]}", "labels": [first, second]}
    for first in WORDS
    for second in WORDS
    if first != second
] + [{"text": "Nothing to say", "labels": []}]
EXCLUSIVE = [
    {"text": "Good soup.", "label": "good"},
    {"text": "Bad soup, bad staff.", "label": "bad"},
    {"text": "Good, good staff.", "label": "good"},
]


def train(path, factory, rows, labels):
    """Save a pipeline that has learned a little, with a corpus in its config."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe(factory)
    examples = [
        Example.from_dict(
            nlp.make_doc(row["text"]),
            {
                "cats": {
                    k: float(k in row.get("labels", [row.get("label")])) for k in labels
                }
            },
        )
        for row in rows
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(5):
        nlp.update(examples, sgd=optimizer)
    reader = {"@readers": "spacy-rnn.TextCorpus.v1", "path": None}
    nlp.config = Config({**nlp.config, "corpora": {"train": reader, "dev": reader}})
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="module")
def multilabel(tmp_path_factory):
    path = tmp_path_factory.mktemp("multilabel")
    return train(path, "rnn_textcat_multilabel", MULTILABEL, WORDS)


@pytest.fixture(scope="module")
def exclusive(tmp_path_factory):
    path = tmp_path_factory.mktemp("exclusive")
    return train(path, "rnn_textcat", EXCLUSIVE, ["bad", "good"])


def write(path, rows):
    srsly.write_jsonl(path, rows)
    return path


@pytest.fixture
def data(tmp_path):
    return write(tmp_path / "dev.jsonl", MULTILABEL)


@pytest.fixture
def reviews(tmp_path):
    return write(tmp_path / "reviews.jsonl", EXCLUSIVE)


def run(*arguments, command="tune-thresholds"):
    result = CliRunner().invoke(app, ["rnn", command, *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def run_plainly(*arguments, command="tune-thresholds"):
    """Return the exit code and the output, without colours and line breaks."""
    result = run(*arguments, command=command)
    plain = re.sub(r"\x1b\[[\d;]*m|=+", " ", result.output)
    return result.exit_code, " ".join(plain.split())


def read_json(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def read_files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_help_shows_an_example():
    exit_code, output = run_plainly("--help")
    assert exit_code == 0
    assert "rnn tune-thresholds training/emotions/model-best" in output


def test_thresholds_are_saved_and_the_evaluation_goes_by_them(
    multilabel, data, tmp_path
):
    before = read_files(multilabel)
    tuned = tmp_path / "new" / "tuned"
    report = read_json(multilabel, data, "--output", tuned, "--min-positives", 2)
    assert read_files(multilabel) == before
    assert report["saved"] == str(tuned)
    cfg = spacy.load(tuned).get_pipe("rnn_textcat_multilabel").cfg
    assert cfg["threshold"] == pytest.approx(report["threshold"], rel=1e-12)
    assert cfg["thresholds"] == pytest.approx(
        {row["label"]: row["threshold"] for row in report["labels"]}, rel=1e-12
    )
    for path, key in ((multilabel, "before"), (tuned, "after")):
        output = tmp_path / f"{key}.json"
        assert run(path, data, "-o", output, command="evaluate").exit_code == 0
        scores = srsly.read_json(output)
        assert scores["cats_macro_f"] == pytest.approx(report[key])
        for row in report["labels"]:
            found = scores["cats_f_per_type"][row["label"]]["f"]
            assert found == pytest.approx(row[key])
    assert report["after"] > report["before"]


def test_a_table_says_what_was_tuned_and_that_the_data_is_used_up(
    multilabel, data, tmp_path
):
    rows = [*MULTILABEL, {"text": "Soup", "labels": ["food"]}]
    exit_code, output = run_plainly(
        multilabel, write(data, rows), "--min-positives", 5, "-o", tmp_path / "tuned"
    )
    assert exit_code == 0, output
    assert "Threshold F1 before after Support" in output
    assert re.search(r"food [\d.]+ [\d.]+ [\d.]+ 5 ", output)
    assert re.search(r"staff [\d.]+ \* [\d.]+ [\d.]+ 4 ", output)
    assert re.search(r"mean [\d.]+ [\d.]+ ", output)
    assert "2 labels that fewer than 5 documents have" in output
    assert "tested on data that its thresholds were not tuned on" in output


@pytest.mark.parametrize("expected", [0.5, 0.7])
def test_thresholds_that_promise_nothing_are_called_that(expected, capsys):
    report = Report("textcat", "f1", 0.4, [], 0.6, 0.8, expected)
    print_report(report, Path("dev.jsonl"), 10, per_label=True)
    output = " ".join(capsys.readouterr().out.split())
    assert ("no more than before" in output) == (expected < 0.6)


def test_one_threshold_for_all_takes_no_word_on_labels_that_few_texts_have(capsys):
    rows = [LabelRow(label, 0.4, False, 20, 0.5, 0.6) for label in WORDS]
    report = Report("textcat", "f1", 0.4, rows, 0.5, 0.6, 0.6)
    print_report(report, Path("dev.jsonl"), 10, per_label=False)
    assert "*" not in capsys.readouterr().out


def make_pipe(labels, *, exclusive):
    return SimpleNamespace(name="cats", labels=labels, exclusive=exclusive, cfg={})


def test_what_is_not_known_of_a_text_stays_so_unless_one_label_is_right():
    examples = []
    for cats in ({"a": 1.0}, {"a": 0.0, "b": 0.0}, {}):
        doc = Doc(Vocab(), words=["text"])
        example = Example(doc.copy(), doc)
        example.reference.cats = cats
        example.predicted.cats = {"a": 0.8, "b": 0.3}
        examples.append(example)
    scores, truths = read_data(make_pipe(["a", "b"], exclusive=False), examples)
    assert len(scores) == 3
    assert_array_equal(truths, [[1, nan], [0, 0], [nan, nan]])
    scores, truths = read_data(make_pipe(["a", "b"], exclusive=True), examples)
    assert_array_equal(scores, [[0.8, 0.3]])
    assert_array_equal(truths, [[1, 0]])
    with pytest.raises(ValueError, match="No document has a label that 'cats' knows"):
        read_data(make_pipe(["b"], exclusive=False), examples)


@pytest.mark.parametrize(
    ("labels", "positive", "message"),
    [
        (["a", "b", "c"], None, "chooses one of 3 labels, the most probable one"),
        (["a", "b"], "c", r"--positive-label c: the labels are \['a', 'b'\]"),
    ],
)
def test_only_one_of_two_labels_can_have_a_threshold(labels, positive, message):
    pipe = make_pipe(labels, exclusive=True)
    with pytest.raises(ValueError, match=message):
        choose_labels(pipe, eye(len(labels)), positive, 1)


def test_the_rarer_label_has_the_threshold_unless_another_was_named():
    pipe, truths = make_pipe(["a", "b"], exclusive=True), eye(2)[[0, 0, 0, 1]]
    assert choose_labels(pipe, truths, None, 1) == ["b"]
    assert choose_labels(pipe, truths, "a", 1) == ["a"]
    pipe.cfg["positive_label"] = "a"  # in training
    assert choose_labels(pipe, truths, None, 1) == ["a"]
    assert choose_labels(pipe, truths, "b", 1) == ["b"]


def test_nothing_is_saved_unless_asked_for(multilabel, data):
    before = read_files(multilabel)
    exit_code, output = run_plainly(multilabel, data)
    assert exit_code == 0
    assert "Nothing was saved" in output
    assert read_files(multilabel) == before


def test_a_pipeline_is_changed_in_place_and_keeps_what_is_beside_it(tmp_path, data):
    path = train(tmp_path / "model", "rnn_textcat_multilabel", MULTILABEL, WORDS)
    (path / "NOTES").write_text("mine")
    report = read_json(path, data, "--in-place", "--one")
    cfg = spacy.load(path).get_pipe("rnn_textcat_multilabel").cfg
    assert cfg["thresholds"] is None
    assert cfg["threshold"] == pytest.approx(report["threshold"], rel=1e-12) != 0.5
    assert (path / "NOTES").read_text() == "mine"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["dev.jsonl", "model"]


def test_one_of_two_labels_gets_a_threshold(exclusive, reviews, tmp_path):
    options = ("--min-positives", 1, "--output", tmp_path / "tuned")
    report = read_json(exclusive, reviews, *options)
    cfg = spacy.load(tmp_path / "tuned").get_pipe("rnn_textcat").cfg
    assert list(cfg["thresholds"]) == ["bad"]  # the rarer one
    found = {row["label"]: row["threshold"] for row in report["labels"]}
    assert found.pop("good") is None
    assert found == pytest.approx(cfg["thresholds"], rel=1e-12)
    (bad,) = (row for row in report["labels"] if row["label"] == "bad")
    assert (report["before"], report["after"]) == (bad["before"], bad["after"])
    options = ("--min-positives", 1, "--positive-label", "good")
    labels = read_json(exclusive, reviews, *options)["labels"]
    assert [row["is_own"] for row in labels] == [
        row["label"] == "good" for row in labels
    ]


def test_labels_that_are_not_known_are_named_beside_the_json(multilabel, tmp_path):
    rows = [*MULTILABEL, {"text": "Music", "labels": ["noise"]}]
    result = run(multilabel, write(tmp_path / "data.jsonl", rows), "--json")
    assert result.exit_code == 0
    assert {row["label"] for row in json.loads(result.stdout)["labels"]} == set(WORDS)
    assert "'noise'" in result.stderr


def test_another_metric_can_be_raised(multilabel, data):
    for metric in ("f2", "balanced-accuracy"):
        report = read_json(multilabel, data, "--metric", metric)
        assert report["metric"] == metric
        assert report["after"] >= report["before"]


def test_settings_of_the_corpus_can_be_changed(multilabel, tmp_path):
    rows = [{"body": row["text"], "labels": row["labels"]} for row in MULTILABEL]
    data = write(tmp_path / "other.jsonl", rows)
    assert run(multilabel, data).exit_code == 1
    assert run(multilabel, data, "--corpora.dev.text_column", "body").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--component", "nope"], "'nope' is no rnn_textcat"),
        (["--positive-label", "food"], "gives each label a threshold"),
        (["--output", "new", "--in-place"], "not both"),
        (["--corpora.train.text_column", "body"], "not a setting of the corpus"),
    ],
)
def test_what_can_not_be_is_said_in_one_message(multilabel, data, options, message):
    exit_code, output = run_plainly(multilabel, data, *options)
    assert exit_code == 1
    assert message in output


def test_a_pipeline_without_such_a_component_is_refused(tmp_path, data):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path / "model")
    exit_code, output = run_plainly(tmp_path / "model", data)
    assert exit_code == 1
    assert "no rnn_textcat or rnn_textcat_multilabel, only ['sentencizer']" in output


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": "Soup", "labels": ["odd"]}], "no label of doc.cats is known"),
        ([{"text": "Soup"}, {"text": "Bill"}], "label"),
        ([], "no document"),
    ],
)
def test_data_without_labels_that_are_known_is_refused(
    multilabel, tmp_path, rows, message
):
    data = write(tmp_path / "data.jsonl", rows)
    exit_code, output = run_plainly(multilabel, data, "-o", tmp_path / "tuned")
    assert exit_code == 1
    assert message in output
    assert not (tmp_path / "tuned").exists()


def test_too_few_documents_for_the_only_threshold_are_refused(exclusive, reviews):
    exit_code, output = run_plainly(exclusive, reviews)
    assert exit_code == 1
    assert "The label 'bad' is only that of 1 document:" in output


def test_an_output_that_is_there_is_left_alone(multilabel, data, tmp_path):
    output = tmp_path / "tuned"
    output.mkdir()
    (output / "mine").write_text("mine")
    exit_code, message = run_plainly(multilabel, data, "--output", output)
    assert exit_code == 1
    assert "is there already" in message
    assert [each.name for each in output.iterdir()] == ["mine"]


def test_an_output_that_can_not_be_written_is_found_before_the_work(
    multilabel, data, tmp_path, monkeypatch
):
    monkeypatch.setattr(spacy, "load", None)
    (tmp_path / "file").write_text("mine")
    output = tmp_path / "file" / "tuned"
    exit_code, message = run_plainly(multilabel, data, "--output", output)
    assert exit_code == 1
    assert "Not a directory" in message
