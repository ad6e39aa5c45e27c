"""`python -m spacy rnn compare`, through the command line."""

import json
import re
import shutil

import pytest
import spacy
import srsly
from spacy.cli import app
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)
from spacy_rnn.cli.comparison import runs
from spacy_rnn.cli.starter.configs import make_config

ROWS = [
    {"text": text, "label": label}
    for text, label in (
        ("Warm soup.", "good"),
        ("Kind staff.", "good"),
        ("Rude staff.", "bad"),
        ("Cold soup, slow staff.", "bad"),
    )
] * 3
SMALL = {
    "components.rnn_textcat.model.tok2vec.embed.width": 8,
    "components.rnn_textcat.model.tok2vec.encode.width": 8,
    "components.rnn_textcat.model.linear_model.rows": 256,
    "training.max_steps": 4,
    "training.eval_frequency": 2,
}
OPTIONS = ("--with", "rnn_tanh+alone", "--seeds", 2)


def write_config(folder, name="cells", **settings):
    path = folder / f"{name}.cfg"
    make_config(["textcat"], settings=SMALL | settings).to_disk(path)
    return path


def write_data(folder):
    """Return options that name the data for all configs."""
    data = folder / "data.jsonl"
    srsly.write_jsonl(data, ROWS)
    return "--train", data, "--dev", data


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The command of a comparison, its output, and what it printed as JSON."""
    folder = tmp_path_factory.mktemp("comparison")
    command = (write_config(folder), *OPTIONS, *write_data(folder))
    result = run(*command, "--output", folder / "runs", "--json")
    assert result.exit_code == 0, result.output
    return command, folder / "runs", json.loads(result.stdout)


@pytest.fixture
def config(tmp_path):
    """A config that names its data, and the first one of a command."""
    _, data, *_ = write_data(tmp_path)
    paths = {"paths.train": str(data), "paths.dev": str(data)}
    return write_config(tmp_path, **paths)


def run(*arguments):
    result = CliRunner().invoke(app, ["rnn", "compare", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def run_plainly(*arguments):
    """Return the exit code and the output, without colours and line breaks."""
    result = run(*arguments)
    plain = re.sub(r"\x1b\[[\d;]*m|=+", " ", result.output)
    return result.exit_code, " ".join(plain.split())


def test_help_shows_an_example():
    exit_code, output = run_plainly("--help")
    assert exit_code == 0
    assert "rnn compare configs/sentiment.cfg --with" in output


def test_every_config_is_trained_with_every_seed(finished):
    _, output, table = finished
    assert [row["name"] for row in table["rows"]] == ["cells", "rnn_tanh+alone"]
    for row in table["rows"]:
        assert row["seeds"] == [0, 1]
        assert 0.0 <= row["score"] <= 1.0
        assert row["score"] == pytest.approx(row["scores"]["cats_score"])
        assert row["speed"] > 0
        assert row["seconds"] > 0
        models = [output / row["name"] / f"seed-{seed}" for seed in (0, 1)]
        found = [spacy.load(path / "model-best") for path in models]
        seeds = [nlp.config["training"]["seed"] for nlp in found]
        assert seeds == [0, 1]
        files = [f for f in (models[0] / "model-best").rglob("*") if f.is_file()]
        assert row["size"] == sum(file.stat().st_size for file in files)
        assert not (models[0] / "checkpoint").exists()
        assert not (models[0] / "model-last").exists()
        assert "SCORE" in (models[0] / "train.log").read_text("utf8")
    assert (output / "comparison.svg").read_text(encoding="utf8").startswith("<svg")
    assert json.loads((output / "comparison.json").read_text("utf8")) == table


def test_a_variant_is_the_one_that_its_name_says(finished):
    _, output, _ = finished
    nlp = spacy.load(output / "rnn_tanh+alone" / "seed-0" / "model-best")
    model = nlp.config["components"]["rnn_textcat"]["model"]
    assert model["tok2vec"]["encode"]["cell"] == "rnn_tanh"
    assert model["linear_model"] is None


def test_what_has_finished_is_not_trained_again(finished, monkeypatch):
    command, output, table = finished
    monkeypatch.setattr(runs, "do_run", None)
    exit_code, text = run_plainly(*command, "--output", output)
    assert exit_code == 0, text
    assert "Words/s Parameters MB Training (s) Seeds" in text
    for row in table["rows"]:
        score = f"{row['name']} {100 * row['score']:.2f} "
        assert score in text


def test_another_run_in_the_same_place_is_refused_before_anything_is_done(
    finished, monkeypatch
):
    command, output, _ = finished
    monkeypatch.setattr(runs, "do_run", None)
    settings = ("--training.max_steps", 6)
    exit_code, text = run_plainly(*command, "-o", output, *settings)
    assert exit_code == 1
    assert "has the result of another run" in text
    assert "training.max_steps: 4 there, 6 now" in text


def test_an_interrupted_comparison_goes_on_with_the_same_command(
    finished, tmp_path, monkeypatch
):
    command, output, table = finished
    shutil.copytree(output, tmp_path / "runs")
    shutil.rmtree(tmp_path / "runs" / "cells" / "seed-1")
    command = (*command, "-o", tmp_path / "runs", "--json")
    with monkeypatch.context() as patch:
        patch.setattr(runs, "do_run", lambda *_, **__: None)
        result = run(*command)
    assert result.exit_code == 130
    assert "To go on, give the same command" in result.stderr
    result = run(*command)
    assert result.exit_code == 0, result.output
    again = json.loads(result.stdout)["rows"]
    assert [row["score"] for row in again] == [row["score"] for row in table["rows"]]


def test_a_run_that_fails_does_not_keep_the_others_from_it(finished, tmp_path):
    command, output, _ = finished
    shutil.copytree(output, tmp_path / "runs")
    missing = tmp_path / "missing.vectors"
    broken = write_config(tmp_path, "broken", **{"paths.vectors": str(missing)})
    exit_code, text = run_plainly(
        *command[:1], broken, *command[1:], "-o", tmp_path / "runs"
    )
    assert exit_code == 1
    assert "2 of 6: broken, seed 0 has failed" in text
    assert "missing.vectors" in text
    assert re.search(r"broken - - - - - - 0 \*", text)
    assert re.search(r"cells \d+\.\d+ \d+\.\d+ [\d,]+ ", text)


def test_runs_that_all_fail_are_no_table(config, tmp_path, monkeypatch):
    def fail(plan, identity, **_):
        raise ValueError("it can't be")

    monkeypatch.setattr(runs, "do_run", fail)
    exit_code, text = run_plainly(config, "--seeds", 1, "-o", tmp_path / "runs")
    assert exit_code == 1
    assert "1 of 1: cells, seed 0 has failed it can't be" in text
    assert "No run has finished" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--with", "transformer"], "there is no 'transformer', only rnn_tanh"),
        (["--with", "gru,gru"], "There are two of 'gru'"),
        (["--training.max_step", "2"], "did you mean max_steps?"),
        (["--training.max_steps", "2", "--nonsense", "1"], "no such option"),
    ],
)
def test_what_can_not_be_is_said_before_training(config, tmp_path, options, message):
    exit_code, output = run_plainly(config, "-o", tmp_path / "runs", *options)
    assert exit_code != 0
    assert message in output
    assert not list((tmp_path / "runs").glob("*"))


def test_configs_that_are_not_there_or_have_one_name_are_refused(config, tmp_path):
    exit_code, output = run_plainly("nope.cfg", "-o", tmp_path / "runs")
    assert exit_code == 1
    assert "nope.cfg: there is no such config" in output
    exit_code, output = run_plainly(config, config, "-o", tmp_path / "runs")
    assert exit_code == 1
    assert "two configs are called 'cells'" in output
    exit_code, output = run_plainly("--training.seed", 1, "-o", tmp_path / "runs")
    assert exit_code == 2
    assert "a config has to come before the settings of all" in output


def test_a_folder_of_something_else_is_left_alone(config, tmp_path):
    mine = tmp_path / "runs" / "cells" / "seed-0" / "mine"
    mine.mkdir(parents=True)
    exit_code, output = run_plainly(config, "-o", tmp_path / "runs")
    assert exit_code == 1
    assert "is there already, and no run of a comparison" in output
    assert mine.is_dir()
