"""`python -m spacy rnn train`."""

import pytest
import spacy
import srsly
from spacy.cli import app
from spacy.tokens import DocBin
from thinc.api import Config
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)
from tests.training.conftest import make_nlp


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.cfg"
    make_nlp({}).config.to_disk(path)
    return path


def run(config, folder, *options):
    arguments = ["rnn", "train", str(config), "--output", str(folder), *options]
    result = CliRunner().invoke(app, arguments)
    # Output is wrapped at the width of the terminal.
    return result.exit_code, " ".join(result.output.split())


def test_it_takes_overrides_and_goes_on(config, tmp_path):
    folder = tmp_path / "deep" / "run"
    exit_code, output = run(config, folder, "--training.max_steps", "6")
    assert exit_code == 0, output
    assert "Saved pipeline to output directory" in output
    exit_code, output = run(config, folder, "--training.max_steps", "9", "--resume")
    assert exit_code == 0, output
    assert "Going on from the checkpoint before step 6" in output
    assert spacy.load(folder / "model-last").pipe_names[0] == "tok2vec"


def test_a_folder_with_a_run_is_refused_before_anything_is_initialized(
    config, tmp_path
):
    run(config, tmp_path / "run", "--training.max_steps", "1")
    exit_code, output = run(config, tmp_path / "run")
    assert exit_code == 1
    assert "use --resume" in output
    assert "Initializing" not in output


def test_another_config_is_an_error_without_a_traceback(config, tmp_path):
    run(config, tmp_path / "run", "--training.max_steps", "1")
    exit_code, output = run(
        config, tmp_path / "run", "--resume", "--training.dropout", "0.5"
    )
    assert exit_code == 1
    assert "training.dropout: 0.1 in the checkpoint, 0.5 now" in output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--nope", "3"], "no such option: --nope"),
        (["--training.nope", "3"], "[training] has no setting 'nope'"),
        (["--training.dropuot", "0.3"], "did you mean dropout?"),
        (["--nlp.nope", "3"], "[nlp] has no setting 'nope'"),
        (["--initialize.nope", "3"], "[initialize] has no setting 'nope'"),
        (["--training.dropout", "1.0"], "training.dropout has to be in [0, 1), but"),
        (["--training.dropout", "-0.5"], "training.dropout has to be in [0, 1), but"),
        (["--training.eval_frequency", "0"], "eval_frequency has to be 1 or more"),
        (["--training.accumulate_gradient", "0"], "has to be 1 or more"),
        (
            ["--training.batcher.size", "1", "--training.batcher.discard_oversize"]
            + ["true", "--training.batcher.tolerance", "0.0"],
            "No step can be made",
        ),
        (["--corpora.train.path", "no.jsonl"], "no.jsonl: no such file"),
        (["--corpora.train.text_column", "body"], "no column 'body'"),
        (
            ["--components.rnn_textcat.label_smoothing", "2"],
            "label_smoothing has to be in [0, 1)",
        ),
        (
            ["--components.rnn_textcat.class_weights", '{"positive": -1.0}'],
            "class weight of 'positive'",
        ),
        (
            ["--training.frozen_components", '["tok2vec", "rnn_textcat", "textcat"]'],
            "is there to be trained",
        ),
        (["--training.optimizer.learn_rate", "1e30"], "no longer finite"),
        (["--training.optimizer.learn_rate", "1e6"], "predicts what is no number"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numbers that overflow
def test_what_is_the_users_to_mend_is_one_message(config, tmp_path, options, message):
    exit_code, output = run(config, tmp_path / "run", *options)
    assert exit_code in (1, 2)
    assert message in output
    assert "Traceback" not in output
    assert not (tmp_path / "run" / "checkpoint").exists()


@pytest.mark.parametrize("part", ["train", "dev"])
def test_a_corpus_of_spacy_without_a_document_is_one_message(config, tmp_path, part):
    DocBin().to_disk(tmp_path / "none.spacy")
    reader = ["spacy.Corpus.v1", str(tmp_path / "none.spacy")]
    cfg = Config().from_disk(config)
    cfg["corpora"][part] = dict(zip(["@readers", "path"], reader, strict=True))
    cfg.to_disk(config)
    exit_code, output = run(config, tmp_path / "run")
    assert exit_code == 1
    assert "Traceback" not in output
    assert {"train": "[E", "dev": "[corpora.dev] has no document"}[part] in output


def test_an_output_that_is_a_file_is_refused(config, tmp_path):
    (tmp_path / "run").touch()
    exit_code, output = run(config, tmp_path / "run")
    assert exit_code == 1
    assert "has to be a folder" in output
    assert "Initializing" not in output


def test_the_traceback_can_be_asked_for(config, tmp_path):
    arguments = ["rnn", "train", str(config), "--output", str(tmp_path / "run")]
    arguments += ["--training.dropout", "1.0", "--verbose"]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ValueError)
    assert "has to be in [0, 1)" in result.output


def test_the_end_names_the_best_model_and_its_score(config, tmp_path):
    _, output = run(config, tmp_path / "run", "--training.max_steps", "11")
    best = spacy.load(tmp_path / "run" / "model-best").meta["performance"]
    last = output.rpartition("The best score, ")[2]
    assert last.startswith(f"{best['cats_score']:.2f}, is that of step ")
    assert last.endswith("model-best")


def test_a_run_that_is_interrupted_says_how_to_go_on(config, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_rnn.training.loop.train_into", lambda *_, **__: False)
    exit_code, output = run(config, tmp_path / "run")
    assert exit_code == 130
    assert "To go on, give the same command with --resume" in output


def test_a_gpu_that_is_not_there_is_an_error(config, tmp_path):
    if spacy.prefer_gpu():
        pytest.skip("there is a GPU")
    exit_code, output = run(config, tmp_path / "run", "--gpu-id", "0")
    assert exit_code == 1
    assert not (tmp_path / "run").exists()


def test_labels_that_only_the_dev_data_has_are_named_before_the_first_step(tmp_path):
    rows = {"train": ["good", "bad"] * 4, "dev": ["good", "Bad", "Bad"]}
    for part, labels in rows.items():
        srsly.write_jsonl(
            tmp_path / f"{part}.jsonl",
            [{"text": f"{label} soup", "label": label} for label in labels],
        )
    exit_code, output = run(
        "configs/sentiment.cfg",
        tmp_path / "run",
        *("--paths.train", str(tmp_path / "train.jsonl")),
        *("--paths.dev", str(tmp_path / "dev.jsonl")),
        *("--training.max_steps", "1"),
    )
    assert exit_code == 0, output
    named = "'rnn_textcat' doesn't know some of the labels in the data: 'Bad' (2)."
    assert output.index(named) < output.index("Training pipeline")
    assert output.count(named) == 1
