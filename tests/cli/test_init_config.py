"""`python -m spacy rnn init-config`."""

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import spacy
import srsly
from spacy.cli import app
from spacy.cli.train import train
from spacy.tokens import Doc, DocBin, Span
from spacy.training.initialize import init_nlp
from spacy.util import load_config, resolve_dot_names
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)
from spacy_rnn.cli.starter.configs import TASKS, WRITERS

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "corpus"
BUNDLED = {
    "textcat": "sentiment",
    "textcat-multilabel": "emotions",
    "tagger": "tagging",
    "morphologizer": "tagging",
    "ner": "entities",
    "spans": "entities",
    "summarizer": "summaries",
    "abstractive-summarizer": "notices",
    "translator": "translation",
}
FEW_STEPS = {"training.max_steps": 2, "training.eval_frequency": 2}
FEW_TEXTS = {"corpora.train.limit": 64, "corpora.dev.limit": 16}
TEXTS = [("warm soup", "good"), ("kind staff", "good"), ("rude staff", "bad")] * 3


def run(*options):
    arguments = ["rnn", "init-config", *map(str, options)]
    result = CliRunner().invoke(app, arguments)
    # Output is wrapped at the width of the terminal.
    return result.exit_code, " ".join(result.output.split())


def bundled(task):
    """Return options that name the data of a task."""
    folder = CORPUS / BUNDLED[task]
    data = ["--train", folder / "train.jsonl", "--dev", folder / "dev.jsonl"]
    named = ["--source-column", "en", "--target-column", "de"]
    return data + named * (task == "translator")


def few_steps(task):
    """Return settings of a short training."""
    # What has learned next to nothing writes as much as it may.
    short = {f"components.{TASKS[task]}.max_length": 5} if task in WRITERS else {}
    return FEW_STEPS | short


def write_table(path, header, rows):
    with path.open("w", newline="", encoding="utf8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def table(tmp_path):
    return write_table(tmp_path / "train.csv", ["review", "stars"], TEXTS)


def make(tmp_path, *options):
    """Write a config, and return what it says with what was printed."""
    exit_code, output = run(tmp_path / "config.cfg", *options)
    assert exit_code == 0, output
    return load_config(tmp_path / "config.cfg", interpolate=True), output


@pytest.mark.parametrize("task", TASKS)
def test_a_config_for_the_bundled_corpus_trains_unchanged(task, tmp_path):
    options = [*bundled(task), "--task", task, "--optimize", "efficiency"]
    config, _ = make(tmp_path, *options)
    train(tmp_path / "config.cfg", tmp_path / "out", overrides=few_steps(task))
    nlp = spacy.load(tmp_path / "out" / "model-last")
    pipe = nlp.get_pipe(TASKS[task])
    expected = config["initialize"]["components"].get(TASKS[task], {}).get("labels")
    expected = expected or config["corpora"]["train"].get("labels")
    if expected:
        assert sorted(pipe.labels) == expected


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--gpu"], ["--pretraining"], ["--vectors"]])
@pytest.mark.parametrize("optimize", ["accuracy", "efficiency"])
@pytest.mark.parametrize("task", TASKS)
def test_a_config_with_any_option_trains_unchanged(task, optimize, options, tmp_path):
    if task in WRITERS and options in (["--vectors"], ["--pretraining"]):
        pytest.skip("what writes reads pieces of words, with an encoder of its own")
    if options == ["--vectors"]:
        nlp = spacy.blank("en")
        nlp.vocab.set_vector("the", numpy.ones(2))
        nlp.to_disk(tmp_path / "vectors")
        options = ["--vectors", tmp_path / "vectors"]
    make(tmp_path, *bundled(task), "--task", task, "--optimize", optimize, *options)
    few = {**few_steps(task), **FEW_TEXTS}
    train(tmp_path / "config.cfg", tmp_path / "out", overrides=few)
    assert spacy.load(tmp_path / "out" / "model-last").has_pipe(TASKS[task])


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_config_trains_to_its_end_and_learns(task, tmp_path):
    make(tmp_path, *bundled(task), "--task", task, "--optimize", "efficiency")
    # What was trained on is what so few steps change for certain.
    dev = {"corpora.dev.path": str(CORPUS / BUNDLED[task] / "train.jsonl")}
    config = load_config(tmp_path / "config.cfg", overrides=dev)
    weights = config["training"]["score_weights"]

    def weigh(scores):
        return sum((scores[key] or 0) * weights[key] for key in weights if weights[key])

    nlp = init_nlp(config)
    (corpus,) = resolve_dot_names(nlp.config.interpolate(), ["corpora.dev"])
    before = weigh(nlp.evaluate(list(corpus(nlp))))
    enough = 400 if task in WRITERS else 150
    steps = {"training.max_steps": enough, "training.eval_frequency": enough}
    overrides = {**steps, "training.max_epochs": 0, **dev}
    train(tmp_path / "config.cfg", tmp_path / "out", overrides=overrides)
    after = weigh(spacy.load(tmp_path / "out" / "model-last").meta["performance"])
    assert after > before + 0.1


def test_several_tasks_train_on_one_encoder(tmp_path):
    rows = [
        {"words": row["tokens"], "upos": row["pos"], "ner": None}
        for row in srsly.read_jsonl(CORPUS / "tagging" / "dev.jsonl")
    ]
    rows += [
        {"words": row["tokens"], "upos": None, "ner": row["ner"]}
        for row in srsly.read_jsonl(CORPUS / "entities" / "dev.jsonl")
    ]
    srsly.write_jsonl(tmp_path / "both.jsonl", rows)
    data = ["--train", tmp_path / "both.jsonl", "--dev", tmp_path / "both.jsonl"]
    config, _ = make(tmp_path, *data, "--task", "tagger,ner")
    reader = config["corpora"]["train"]
    assert reader["token_column"] == "words"
    assert (reader["tag_column"], reader["entity_column"]) == ("upos", "ner")
    train(tmp_path / "config.cfg", tmp_path / "out", overrides=FEW_STEPS)
    nlp = spacy.load(tmp_path / "out" / "model-last")
    assert nlp.pipe_names == ["tok2vec", "rnn_ner", "rnn_tagger"]


def test_documents_of_spacy_are_fit_for_whatever_they_are_annotated_with(tmp_path):
    docs = []
    for text, label in TEXTS:
        doc = Doc(spacy.blank("en").vocab, words=text.split(), ents=["B-X", "O"])
        doc.cats = {name: float(name == label) for name in ("good", "bad")}
        doc.spans["sc"] = [Span(doc, 0, 2, label="ALL")]
        docs.append(doc)
    DocBin(docs=docs).to_disk(tmp_path / "data.spacy")
    data = ["--train", tmp_path / "data.spacy", "--dev", tmp_path / "data.spacy"]
    _, output = make(tmp_path, *data)
    assert "Task: ner (guessed) - Also fit for: spans, textcat" in output
    config, _ = make(tmp_path, *data, "--task", "textcat,ner,spans", "--force")
    assert config["components"]["spancat"]["suggester"]["sizes"] == [1, 2]
    assert config["initialize"]["components"]["rnn_textcat"]["labels"] == [
        *("bad", "good")
    ]
    train(tmp_path / "config.cfg", tmp_path / "out", overrides=FEW_STEPS)


def test_columns_and_labels_of_a_table_are_found(table, tmp_path):
    config, output = make(tmp_path, "--train", table, "--dev", table)
    reader = config["corpora"]["dev"]
    assert reader["@readers"] == "spacy-rnn.TextCorpus.v1"
    assert (reader["text_column"], reader["label_column"]) == ("review", "stars")
    assert reader["labels"] == ["bad", "good"]
    assert f"{table}: 9 documents" in output
    assert "Task: textcat (guessed)" in output
    assert "Train Dev good 6 6 bad 3 3" in output
    assert "Language: en (by --lang)" in output


def test_a_text_that_is_missing_makes_no_other_column_the_text(tmp_path):
    rows = [
        {"id": f"row number {i}", "text": t, "label": la}
        for i, (t, la) in enumerate(TEXTS)
    ]
    rows[2]["text"] = None
    srsly.write_jsonl(tmp_path / "train.jsonl", rows)
    data = tmp_path / "train.jsonl"
    exit_code, output = run(tmp_path / "config.cfg", "--train", data)
    assert exit_code == 1
    assert "train.jsonl:3: 'text' must be a string" in output


def test_a_text_with_two_labels_makes_it_multilabel(tmp_path):
    rows = [{"body": text, "topics": [label]} for text, label in TEXTS]
    srsly.write_jsonl(tmp_path / "train.jsonl", [*rows, {**rows[0], "topics": []}])
    config, output = make(tmp_path, "--train", tmp_path / "train.jsonl")
    assert config["nlp"]["pipeline"] == ["rnn_textcat_multilabel"]
    assert "No development data" in output
    assert config["paths"]["dev"] is None


@pytest.mark.parametrize("separator", ["; ", ";", "|", ", "])
def test_several_labels_in_a_cell_are_told_from_one(separator, tmp_path):
    several = [["joy"], ["joy", "fear"], ["fear"], ["fear", "love", "joy"], ["love"]]
    rows = [
        (f"a text of many words {i}", separator.join(several[i % 5])) for i in range(40)
    ]
    path = write_table(tmp_path / "train.csv", ["body", "topics"], rows)
    config, output = make(tmp_path, "--train", path)
    assert config["nlp"]["pipeline"] == ["rnn_textcat_multilabel"]
    assert config["corpora"]["train"]["labels"] == ["fear", "joy", "love"]
    assert f"Label separator: {separator.strip()!r}" in output
    config, _ = make(tmp_path, "--train", path, "--task", "textcat", "--force")
    assert len(config["corpora"]["train"]["labels"]) == 5


@pytest.mark.parametrize(
    "labels",
    [
        ["Arts, Crafts", "Arts, Music", "Sports"],
        ["Paris, FR", "Paris, TX", "Rome, IT", "Rome, TX", "York, TX", "York, UK"],
    ],
)
def test_labels_with_a_separator_in_them_stay_whole(labels, tmp_path):
    rows = [(f"a text of many words {i}", labels[i % len(labels)]) for i in range(60)]
    path = write_table(tmp_path / "train.csv", ["body", "topics"], rows)
    config, _ = make(tmp_path, "--train", path)
    assert config["corpora"]["train"]["labels"] == labels


def test_rows_without_a_label_can_be_left_out(tmp_path):
    rows = [*TEXTS, ("no stars", ""), ("no stars at all", "")]
    path = write_table(tmp_path / "train.csv", ["review", "stars"], rows)
    exit_code, output = run(tmp_path / "config.cfg", "--train", path)
    assert exit_code == 1
    assert "got ''. --errors skip leaves it out" in output
    config, output = make(tmp_path, "--train", path, "--errors", "skip")
    assert config["corpora"]["train"]["errors"] == "skip"
    assert "train.csv: 9 documents" in output
    assert "left out: 2, the first" in output


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".conll"])
@pytest.mark.parametrize("errors", ["skip", "replace"])
def test_records_that_cannot_be_read_are_left_out_of_the_sample_too(
    suffix, errors, tmp_path
):
    lines = {
        ".csv": ["body,topic"] + ["a few words,x", "some more words,y"] * 4,
        ".jsonl": [
            '{"body": "a few words", "topic": "x"}',
            '{"body": "b", "topic": "y"}',
        ]
        * 4,
        ".conll": ["Ada NNP B-PER", "saw VBD O", ""] * 4,
    }[suffix]
    lines.insert(4, lines[4].replace("w", "\udce9"))
    path = tmp_path / f"train{suffix}"
    path.write_text("\n".join(lines), encoding="utf8", errors="surrogateescape")
    exit_code, output = run(tmp_path / "config.cfg", "--train", path)
    assert exit_code == 1
    assert f"train{suffix}:5: byte 0xe9 is not UTF-8; --errors replace" in output
    config, _ = make(tmp_path, "--train", path, "--errors", errors)
    assert config["corpora"]["train"]["errors"] == errors


def test_tasks_may_be_named_twice_and_with_spaces(tmp_path):
    config, _ = make(tmp_path, "--task", "ner, tagger,ner")
    assert config["nlp"]["pipeline"] == ["tok2vec", "rnn_ner", "rnn_tagger"]


def test_texts_of_which_no_label_is_right_are_counted(tmp_path):
    rows = [
        (f"a text of many words {i}", ["a;b", "a", "b", ""][i % 4]) for i in range(40)
    ]
    path = write_table(tmp_path / "train.csv", ["body", "labels"], rows)
    _, output = make(tmp_path, "--train", path)
    assert "Label separator: ';'" in output
    assert "No label is right for 10 of the texts" in output


@pytest.mark.parametrize(
    ("features", "weights"),
    [("Case=Nom", (0.25, 0.25, 0.5)), ("", (0.5, None, 0.5))],
    ids=["features", "no features"],
)
def test_features_count_where_there_are_some(features, weights, tmp_path):
    nlp = spacy.blank("en")
    doc = nlp.make_doc("Ada knows")
    for token in doc:
        token.pos_, token.tag_ = "VERB", "V"
        token.set_morph(features)
    DocBin(docs=[doc] * 4).to_disk(tmp_path / "train.spacy")
    tasks = ["--task", "tagger,morphologizer", "--train", tmp_path / "train.spacy"]
    config, _ = make(tmp_path, *tasks)
    found = config["training"]["score_weights"]
    names = ("pos_acc", "morph_acc", "tag_acc")
    assert tuple(found[name] for name in names) == weights


@pytest.mark.parametrize("name", ["a.iob", "a.conll", "a.tsv", "a.txt.gz"])
def test_columns_without_names_are_told_apart(name, tmp_path):
    lines = "-DOCSTART- -X- O O\n\n" + 3 * (
        "Ana NNP B-NP S-PER\ndon't VBP O O\n\nYork NNP B-NP B-LOC\nCity NNP O E-LOC\n\n"
    )
    if name.endswith(".tsv"):
        lines = lines.replace(" ", "\t")
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(lines.encode()))
    else:
        path.write_text(lines)
    config, _ = make(tmp_path, "--train", path)
    reader = config["corpora"]["train"]
    assert config["nlp"]["pipeline"] == ["rnn_ner"]
    assert reader["columns"][0] == reader["token_column"]
    assert reader["columns"].index(reader["entity_column"]) == 3
    labels = config["initialize"]["components"]["rnn_ner"]["labels"]
    assert labels == ["LOC", "PER"]
    config, _ = make(tmp_path, "--train", path, "--task", "tagger", "--force")
    reader = config["corpora"]["train"]
    assert reader["columns"].index(reader["tag_column"]) == 1
    names = ["--columns", "word,_,_,ents"]
    config, _ = make(tmp_path, "--train", path, *names, "--force")
    reader = config["corpora"]["train"]
    assert reader["columns"] == ["word", "_", "_", "ents"]
    assert (reader["token_column"], reader["entity_column"]) == ("word", "ents")


def test_summaries_are_found_by_name_or_by_length(tmp_path):
    article = " ".join(f"This is sentence {i} of the article." for i in range(9))
    rows = [(f"No {i}", article, "Nine sentences in other words.") for i in range(4)]
    write_table(tmp_path / "a.csv", ["id", "body", "gist"], rows)
    config, _ = make(tmp_path, "--train", tmp_path / "a.csv")
    reader = config["corpora"]["train"]
    assert (reader["text_column"], reader["summary_column"]) == ("body", "gist")
    assert config["components"]["rnn_summarizer"]["soft_labels"] is None
    labelled = {"sents": ["One.", "Two."], "sent_labels": [0, 1]}
    srsly.write_jsonl(tmp_path / "b.jsonl", [labelled])
    config, _ = make(tmp_path, "--train", tmp_path / "b.jsonl", "--force")
    assert config["corpora"]["train"]["label_column"] == "sent_labels"
    summarizer = config["components"]["rnn_summarizer"]
    assert (summarizer["budget"], summarizer["soft_labels"]) == (1, None)


def test_a_tag_that_only_dev_has_is_told_of(tmp_path):
    row = {"tokens": ["a", "b"], "pos": ["X", "NOUN"]}
    denied = {**row, "pos": ["!NOUN", "X"]}  # is no label
    srsly.write_jsonl(tmp_path / "train.jsonl", [row, row, denied])
    srsly.write_jsonl(tmp_path / "dev.jsonl", [{**row, "pos": ["X", "VERB"]}] * 3)
    data = ["--train", tmp_path / "train.jsonl", "--dev", tmp_path / "dev.jsonl"]
    config, output = make(tmp_path, *data, "--tag-column", "pos")
    assert "Labels of tagger that training data lack: VERB" in output
    labels = config["initialize"]["components"]["rnn_tagger"]["labels"]
    assert labels == ["NOUN", "X"]


def test_standard_output_gets_the_config_alone(table):
    command = [sys.executable, "-m", "spacy", "rnn", "init-config", "-"]
    done = subprocess.run(
        [*command, "--train", table.name],
        cwd=table.parent,  # any folder will do
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    config = spacy.util.load_config_from_str(done.stdout)
    assert config["paths"]["train"] == "train.csv"
    assert "Looked at the data" in done.stderr


def test_a_closed_pipe_is_one_line_and_a_failure():
    code = (
        "import os, sys; read, write = os.pipe(); os.close(read); os.dup2(write, 1);"
        "sys.argv = ['spacy', 'rnn', 'init-config', '--task', 'textcat'];"
        "from spacy.cli import setup_cli; setup_cli()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, timeout=240
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["Can't write a config: [Errno 32] Broken pipe"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "name a task by --task, or data by --train; the tasks are ner"),
        (["--task", "parser"], "there is no task 'parser'; the tasks are ner"),
        (["--task", "ner", "--lang", "qq"], "Can't import language qq"),
        (["--task", "ner", "--vectors", "no"], "no: no installed pipeline"),
        (["--task", "ner", "--dev", "train.csv"], "need --train"),
        (["--task", "translator,ner"], "is the only task of a pipeline"),
        (["--task", "translator", "--pretraining"], "and without pretraining"),
        (["--train", "train.csv", "--target-path", "a"], "and --dev-target-path go to"),
        (["--train", "none.csv"], "none.csv: no such file or folder"),
        (["--train", "odd.xml"], "odd.xml: expected a file that ends in"),
        (["--train", "odd.conllu"], "python -m spacy convert makes a .spacy file of"),
        (["--train", "odd.parquet"], "pandas makes a .jsonl of it"),
        (["--train", "bad.csv"], "bad.csv:2: expected 2 cells"),
        (["--train", "empty.csv"], "empty.csv: no document with a text"),
        (["--train", "plain.txt"], "plain.txt: no task fits the columns '1', '2', '3'"),
        (["--train", "blank.txt"], "blank.txt: no document with a text"),
        (["--train", "numbers.jsonl"], "no task fits the columns 'a'"),
        (
            ["--train", "train.csv", "--task", "ner,textcat"],
            "nothing found to train ner with, only textcat, textcat-multilabel",
        ),
        (["--train", "two.csv"], "the labels may be in 'stars', 'kind'"),
        (["--train", "same.csv"], "same.csv: all texts have the label 'x'"),
        (["--train", "train.csv", "--tag-column", "x"], "--tag-column is no option of"),
        (["--train", "train.csv", "--dev", "same.csv"], "no column 'review'"),
        (["--train", "train.csv", "--dev", "more.csv"], "more.csv:2: label 'odd' is"),
        (
            ["--train", "several.jsonl", "--task", "textcat"],
            "1 of 9 texts have not exactly one label, the first 'warm soup'",
        ),
        (
            ["--train", "tags.jsonl", "--dev", "others.jsonl"],
            "others.jsonl: the labels of tagger are ['C', 'D'], but in tags.jsonl ['A'",
        ),
    ],
)
def test_a_failure_is_told_and_leaves_the_previous_config(
    options, message, table, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "bad.csv", ["a", "b"], [["1"]])
    write_table(tmp_path / "empty.csv", ["text", "label"], [])
    rows = [(*row, "long" if i % 2 else "short") for i, row in enumerate(TEXTS)]
    write_table(tmp_path / "two.csv", ["review", "stars", "kind"], rows)
    write_table(tmp_path / "same.csv", ["text", "label"], [["a b", "x"], ["c d", "x"]])
    write_table(tmp_path / "more.csv", ["review", "stars"], [["a goat", "odd"], *TEXTS])
    labelled = [{"text": text, "label": [label]} for text, label in TEXTS]
    labelled[0]["label"] = ["good", "bad"]
    for name, rows in {
        "several": labelled,
        "numbers": [{"a": 1.5}],
        "tags": [{"tokens": ["a", "b"], "pos": ["A", "B"]}] * 3,
        "others": [{"tokens": ["a", "b"], "pos": ["C", "D"]}] * 3,
    }.items():
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for suffix in ("xml", "conllu", "parquet"):
        (tmp_path / f"odd.{suffix}").write_text("<x/>")
    (tmp_path / "plain.txt").write_text("A plain text.\nNo tags here.\n")
    (tmp_path / "blank.txt").write_text("\n")
    (tmp_path / "config.cfg").write_text("previous")
    before = sorted(tmp_path.iterdir())
    exit_code, output = run(tmp_path / "config.cfg", "--force", *options)
    assert exit_code == 1, output
    assert message in output
    assert "Traceback" not in output
    assert (tmp_path / "config.cfg").read_text() == "previous"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("there.cfg", "the file is there already; --force replaces it"),
        (".", "the output is a folder"),
        ("train.csv", "the output is one of the files to read"),
        ("train.csv/x.cfg", "train.csv/x.cfg'"),
    ],
)
def test_an_output_that_cannot_be_is_refused(output, message, table, tmp_path):
    (tmp_path / "there.cfg").write_text("previous")
    options = ["--train", table, *(["--force"] if output == "train.csv" else [])]
    exit_code, printed = run(tmp_path / output, *options)
    assert exit_code == 1
    assert message in printed
    assert (tmp_path / "there.cfg").read_text() == "previous"


def test_help_has_examples():
    exit_code, output = run("--help")
    assert exit_code == 0
    assert "python -m spacy rnn init-config mine.cfg --train train.csv" in output
