"""`python -m spacy rnn calibrate`, through the command line."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import spacy
import srsly
from spacy.cli import app
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import registry
from thinc.api import Config, fix_random_seed
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)
from spacy_rnn.cli.calibrate import print_report
from spacy_rnn.cli.calibration.report import LabelRow, Measures, Report
from spacy_rnn.metrics.calibration import expected_calibration_error

CORPUS = Path(__file__).parent.parent.parent / "corpus"
TOK2VEC = {
    "@architectures": "spacy-rnn.HashEmbedRNN.v1",
    "width": 16,
    "depth": 1,
    "embed_size": 500,
}
MODELS = {
    "rnn_textcat": {
        "@architectures": "spacy-rnn.TextCat.v1",
        "tok2vec": TOK2VEC,
        "exclusive_classes": True,
        "pooling": ["max"],
    },
    "rnn_ner": {"@architectures": "spacy-rnn.CRFTagger.v1", "tok2vec": TOK2VEC},
}
MODELS["rnn_textcat_multilabel"] = {
    **MODELS["rnn_textcat"],
    "exclusive_classes": False,
}
NAMES = {"Ada": "PERSON", "Bern": "PLACE", "Cleo": "PERSON", "Dover": "PLACE"}
QUALITIES = {"good": "praise", "warm": "praise", "slow": "blame", "cold": "blame"}


def make_docs(n_docs, seed):
    """Texts of whose labels every fourth is wrong, which can't be known."""
    rng = np.random.default_rng(seed)
    vocab = spacy.blank("en").vocab
    docs = []
    for _ in range(n_docs):
        name, quality = (str(rng.choice(list(x))) for x in (NAMES, QUALITIES))
        doc = Doc(vocab, words=[name, "was", quality, f"w{rng.integers(50)}"])
        wrong, other = rng.random(2) < 0.25
        label = {"PERSON": "PLACE", "PLACE": "PERSON"}[NAMES[name]]
        doc.ents = [Span(doc, 0, 1, label=label if wrong else NAMES[name])]
        doc.cats = {
            each: float((each == QUALITIES[quality]) != other)
            for each in ("praise", "blame")
        }
        docs.append(doc)
    return docs


def train(path, factories, examples, corpus, *, epochs):
    """Save a pipeline that is far too sure of what it has learned by heart."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    for factory in factories:
        nlp.add_pipe(factory, config={"model": MODELS[factory]})
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.03
    for _ in range(epochs):
        nlp.update(examples, sgd=optimizer)
    nlp.config = Config({**nlp.config, "corpora": {"train": corpus, "dev": corpus}})
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Entities and any number of labels in one pipeline."""
    examples = [Example(Doc(d.vocab, words=[t.text for t in d]), d) for d in DOCS]
    reader = {"@readers": "spacy.Corpus.v1", "path": None}
    path = tmp_path_factory.mktemp("model")
    return train(
        path, ["rnn_textcat_multilabel", "rnn_ner"], examples, reader, epochs=30
    )


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """A classifier of the bundled reviews."""
    reader = {"@readers": "spacy-rnn.TextCorpus.v1"}
    path = str(CORPUS / "sentiment" / "train.jsonl")
    corpus = registry.resolve({"corpus": {**reader, "path": path, "limit": 300}})
    examples = list(corpus["corpus"](spacy.blank("en")))
    return train(
        tmp_path_factory.mktemp("reviews"),
        ["rnn_textcat"],
        examples,
        {**reader, "path": None},
        epochs=15,
    )


DOCS = make_docs(150, seed=0)


def write(path, docs):
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


@pytest.fixture
def data(tmp_path):
    return write(tmp_path / "dev.spacy", make_docs(200, seed=1))


def run(*arguments, command="calibrate"):
    result = CliRunner().invoke(app, ["rnn", command, *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def run_plainly(*arguments):
    """Return the exit code and the output, without colours and line breaks."""
    result = run(*arguments)
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
    assert "rnn calibrate training/emotions/model-best" in output


def test_what_is_reported_is_what_the_saved_pipeline_does(model, data, tmp_path):
    before = read_files(model)
    report = read_json(model, data, "--output", tmp_path / "new" / "calibrated")
    assert read_files(model) == before
    assert report["saved"] == str(tmp_path / "new" / "calibrated")
    textcat, ner = report["components"]
    assert [textcat["component"], ner["component"]] == [
        "rnn_textcat_multilabel",
        "rnn_ner",
    ]
    docs = list(DocBin().from_disk(data).get_docs(spacy.blank("en").vocab))
    for path, key in ((model, "before"), (report["saved"], "after")):
        nlp = spacy.load(path)
        found = list(nlp.pipe([Doc(nlp.vocab, [t.text for t in d]) for d in docs]))
        pairs = [
            (doc.cats[label], gold.cats[label])
            for doc, gold in zip(found, docs, strict=True)
            for label in gold.cats
        ]
        error = expected_calibration_error(*zip(*pairs, strict=True))
        assert error == pytest.approx(textcat[key]["ece"], abs=1e-6)
        pairs = [
            (score, any(span == gold_span for gold_span in as_tuples(gold.ents)))
            for doc, gold in zip(found, docs, strict=True)
            for span, score in zip(
                as_tuples(doc.spans["rnn_ner"]),
                doc.spans["rnn_ner"].attrs["scores"],
                strict=True,
            )
        ]
        assert len(pairs) == ner["n_predictions"]
        # A confidence that is rounded otherwise can be in another bin of the error.
        scores, are_right = np.array(pairs, dtype="d").T
        brier = np.mean((scores - are_right) ** 2)
        assert brier == pytest.approx(ner[key]["brier"], abs=1e-5)
        assert np.mean([right for _, right in pairs]) == ner["accuracy"][0]


def as_tuples(spans):
    return [(span.start, span.end, span.label_) for span in spans]


def test_what_is_too_sure_becomes_less_so_and_predicts_the_same(model, data, tmp_path):
    calibrated = tmp_path / "calibrated"
    for report in read_json(model, data, "-o", calibrated)["components"]:
        assert report["after"]["ece"] < report["before"]["ece"] / 2
        assert report["expected"]["nll"] < report["before"]["nll"]
        assert report["accuracy"][0] == report["accuracy"][1]
    first, second = spacy.load(model), spacy.load(calibrated)
    texts = [doc.text for doc in make_docs(100, seed=2)]
    pairs = zip(first.pipe(texts), second.pipe(texts), strict=True)
    pipes = [nlp.get_pipe("rnn_textcat_multilabel") for nlp in (first, second)]
    for docs in pairs:
        one, other = (as_tuples(doc.ents) for doc in docs)
        assert one == other
        labels = [
            pipe.predicted_labels(doc) for pipe, doc in zip(pipes, docs, strict=True)
        ]
        assert labels[0] == labels[1]
    assert second.get_pipe("rnn_ner").cfg["temperature"] > 1.0


def test_calibrating_again_changes_nothing(model, data, tmp_path):
    first = read_json(model, data, "-o", tmp_path / "first")["components"]
    again = read_json(tmp_path / "first", data)["components"]
    for one, other in zip(first, again, strict=True):
        assert other["before"] == pytest.approx(one["after"], abs=1e-6)
        assert other["after"] == pytest.approx(one["after"], abs=1e-6)
        assert other["accuracy"] == one["accuracy"]


def test_a_table_shows_a_classifier_of_the_bundled_reviews(reviews, tmp_path):
    data = CORPUS / "sentiment" / "dev.jsonl"
    saved = read_files(reviews)
    exit_code, output = run_plainly(reviews, data)
    assert exit_code == 0, output
    assert "Nothing was saved" in output
    assert read_files(reviews) == saved
    assert "rnn_textcat: 278 documents" in output
    number = r"\d+\.\d+"
    assert re.search(f"Expected calibration error( {number}){{3}} ", output)
    (accuracy,) = re.findall(f"Accuracy ({number}) ({number}) -", output)
    assert accuracy[0] == accuracy[1]
    assert re.search(f"rnn_textcat gets: temperature {number}", output)
    read_json(reviews, data, "-o", tmp_path / "calibrated")
    assert "tested on data that it was not calibrated on" in output
    before, after = (
        srsly.read_json(evaluate(path, data, tmp_path / "scores.json"))
        for path in (reviews, tmp_path / "calibrated")
    )
    keys = [key for key in before if key != "speed"]
    assert {key: before[key] for key in keys} == {key: after[key] for key in keys}


@pytest.mark.parametrize("expected", [0.3, 0.6])
def test_a_table_shows_each_label_and_what_promises_nothing(expected, capsys):
    before, new = (Measures(0.2, 0.3, 0.01, nll, 0.1) for nll in (0.5, expected))
    rows = [LabelRow("praise", 1.25, -0.5, 12, 0.2, 0.1)]
    report = Report("cats", "labels", 40, (0.8, 0.9), {}, before, new, new, rows)
    print_report(report)
    output = " ".join(capsys.readouterr().out.split())
    assert "cats: 40 labels" in output
    assert "Expected calibration error 20.00 20.00 20.00" in output
    assert f"Negative log-likelihood 0.5000 {expected:.4f} {expected:.4f}" in output
    assert "Accuracy 80.00 90.00 -" in output
    assert "praise 1.250 -0.500 20.00 10.00 12" in output
    assert ("no better than before" in output) == (expected > 0.5)


def evaluate(model, data, path):
    assert run(model, data, "-o", path, command="evaluate").exit_code == 0
    return path


def test_one_component_can_be_chosen_and_the_pipeline_changed_in_place(
    model, data, tmp_path
):
    path = tmp_path / "model"
    spacy.load(model).to_disk(path)
    (path / "NOTES").write_text("mine")
    (report,) = read_json(path, data, "-C", "rnn_ner", "--in-place")["components"]
    assert report["component"] == "rnn_ner"
    assert (path / "NOTES").read_text() == "mine"
    nlp = spacy.load(path)
    found = nlp.get_pipe("rnn_ner").cfg["temperature"]
    assert found == pytest.approx(report["settings"]["temperature"]) != 1.0
    assert nlp.get_pipe("rnn_textcat_multilabel").cfg["temperature"] == 1.0


def test_labels_with_few_documents_are_calibrated_as_all_are(model, data):
    options = ("-C", "rnn_textcat_multilabel", "--min-positives", 120)
    (report,) = read_json(model, data, *options)["components"]
    pairs = {(row["temperature"], row["bias"]) for row in report["labels"]}
    assert len(pairs) == 1
    (report, _) = read_json(model, data)["components"]
    assert len({row["temperature"] for row in report["labels"]}) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--component", "nope"], "'nope' is no rnn_textcat"),
        (["--output", "new", "--in-place"], "not both"),
        (["--corpora.train.path", "x"], "not a setting of the corpus"),
        (["--min-positives", 500], "of which it is known whether they are right"),
    ],
)
def test_what_can_not_be_is_said_in_one_message(model, data, options, message):
    exit_code, output = run_plainly(model, data, *options)
    assert exit_code == 1
    assert message in output


def test_a_pipeline_without_probabilities_is_refused(tmp_path, data):
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_tagger")
    nlp.to_disk(tmp_path / "model")
    exit_code, output = run_plainly(tmp_path / "model", data)
    assert exit_code == 1
    assert "only ['rnn_tagger']: there are no probabilities to calibrate" in output


def test_entities_without_confidences_are_refused_or_left_out(model, data, tmp_path):
    config = {"components": {"rnn_ner": {"spans_key": None}}}
    spacy.load(model, config=config).to_disk(tmp_path / "model")
    found = [each["component"] for each in read_json(model, data)["components"]]
    found.remove("rnn_ner")
    report = read_json(tmp_path / "model", data)
    assert [each["component"] for each in report["components"]] == found
    exit_code, output = run_plainly(tmp_path / "model", data, "-C", "rnn_ner")
    assert exit_code == 1
    assert "'rnn_ner' writes no confidences" in output


def test_data_without_labels_or_mistakes_is_refused(model, reviews, tmp_path):
    docs = [Doc(doc.vocab, words=[t.text for t in doc]) for doc in DOCS]
    data = write(tmp_path / "plain.spacy", docs)
    exit_code, output = run_plainly(model, data, "-o", tmp_path / "calibrated")
    assert exit_code == 1
    assert "predicts 0 labels of which it is known" in output
    nlp = spacy.load(reviews)
    rows = srsly.read_jsonl(CORPUS / "sentiment" / "train.jsonl")
    texts = [row["text"] for _, row in zip(range(40), rows, strict=False)]
    right = [
        {"text": doc.text, "label": max(doc.cats, key=doc.cats.get)}
        for doc in nlp.pipe(texts)
    ]
    srsly.write_jsonl(tmp_path / "right.jsonl", right)
    exit_code, output = run_plainly(reviews, tmp_path / "right.jsonl")
    assert exit_code == 1
    assert "Only mistakes tell how sure it may be" in output
    assert not (tmp_path / "calibrated").exists()


def test_an_output_that_is_there_is_left_alone(model, data, tmp_path, monkeypatch):
    monkeypatch.setattr(spacy, "load", None)
    output = tmp_path / "calibrated"
    output.mkdir()
    (output / "mine").write_text("mine")
    exit_code, message = run_plainly(model, data, "--output", output)
    assert exit_code == 1
    assert "is there already" in message
    assert [each.name for each in output.iterdir()] == ["mine"]
