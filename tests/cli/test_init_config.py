"""`python -m spacy rnn init-config`."""

import json
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import spacy
import srsly
from init_configs import TEXTS, make, run, write_table
from spacy.cli.train import train
from spacy.tokens import Doc, DocBin, Span
from spacy.training.initialize import init_nlp
from spacy.util import load_config, resolve_dot_names

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


@pytest.fixture
def table(tmp_path):
    return write_table(tmp_path / "train.csv", ["review", "stars"], TEXTS)


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
@pytest.mark.parametrize("optimize", ["accuracy", "efficiency"])
@pytest.mark.parametrize(
    ("task", "options"),
    [
        (task, options)
        for task in TASKS
        for options in ([], ["--gpu"], ["--pretraining"], ["--vectors"])
        if task not in WRITERS or options in ([], ["--gpu"])  # others are refused
    ],
)
def test_a_config_with_any_option_trains_unchanged(task, optimize, options, tmp_path):
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
    config, _ = make(tmp_path, *data, "--task", "textcat,ner,spans")
    assert config["components"]["spancat"]["suggester"]["sizes"] == [1, 2]
    assert config["initialize"]["components"]["rnn_textcat"]["labels"] == [
        *("bad", "good")
    ]
    train(tmp_path / "config.cfg", tmp_path / "out", overrides=FEW_STEPS)


def test_tasks_may_be_named_twice_and_with_spaces(tmp_path):
    config, _ = make(tmp_path, "--task", "ner, tagger,ner")
    assert config["nlp"]["pipeline"] == ["tok2vec", "rnn_ner", "rnn_tagger"]


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
        (["--train", "a.spacy", "--label-separator", ";"], "separator is for files of"),
        (["--train", "a.spacy"], "a.spacy: the documents have no annotation that a"),
        (["--train", "denied.jsonl"], "token.tag has nothing for tagger"),
        (["--train", "dollar.csv"], "labels '${a}': a config takes '${' for the begi"),
        (["--train", "train.csv", "--label-separator", "${"], "separator '${': a con"),
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
    rows = [["a b", "x"], ["c", "${a}"]] * 4
    write_table(tmp_path / "dollar.csv", ["text", "label"], rows)
    DocBin(docs=[spacy.blank("en")("A text.")]).to_disk(tmp_path / "a.spacy")
    write_table(tmp_path / "more.csv", ["review", "stars"], [["a goat", "odd"], *TEXTS])
    labelled = [{"text": text, "label": [label]} for text, label in TEXTS]
    labelled[0]["label"] = ["good", "bad"]
    for name, rows in {
        "several": labelled,
        "numbers": [{"a": 1.5}],
        "tags": [{"tokens": ["a", "b"], "pos": ["A", "B"]}] * 3,
        "others": [{"tokens": ["a", "b"], "pos": ["C", "D"]}] * 3,
        "denied": [{"tokens": ["a", "b"], "pos": ["!A", "!B"]}] * 3,
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
