import json

import pytest
from spacy.cli import app
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)

LINE = {"step": 0, "components": {"tok2vec": {"norm": 1.0, "layers": {}}}}


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(LINE) + "\n")
    return path


def run(*arguments):
    result = CliRunner().invoke(app, ["rnn", "plot-gradients", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize("suffix", [".png", ".svg", ".html"])
def test_a_log_is_plotted(log, tmp_path, suffix):
    if suffix == ".png":
        pytest.importorskip("matplotlib")
    output = tmp_path / "new" / f"plot{suffix}"
    exit_code, printed = run(log, output)
    assert exit_code == 0, printed
    assert "Plotted 1 step and" in printed
    assert output.stat().st_size > 1000


def test_another_format_is_refused(log, tmp_path):
    exit_code, printed = run(log, tmp_path / "plot.docx")
    assert exit_code == 1
    assert "must end in one of .png, .svg, .html" in printed


def test_a_log_that_is_not_there_is_an_error(tmp_path):
    exit_code, printed = run(tmp_path / "none.jsonl", tmp_path / "plot.png")
    assert exit_code == 1
    assert "Can't plot gradients" in printed
