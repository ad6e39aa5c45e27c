"""`python -m spacy rnn train`."""

import pytest
import spacy
from spacy.cli import app
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


def test_a_gpu_that_is_not_there_is_an_error(config, tmp_path):
    if spacy.prefer_gpu():
        pytest.skip("there is a GPU")
    exit_code, output = run(config, tmp_path / "run", "--gpu-id", "0")
    assert exit_code == 1
    assert not (tmp_path / "run").exists()
