"""`python -m spacy rnn debug-data`, through the command line."""

import json
import re
from pathlib import Path

import pytest
from spacy.cli import app
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)

ROOT = Path(__file__).parents[2]


def run(*arguments):
    result = CliRunner().invoke(app, ["rnn", "debug-data", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def run_plainly(*arguments):
    """Return the exit code and the output, without colours and line breaks."""
    result = run(*arguments)
    plain = re.sub(r"\x1b\[[\d;]*m|=+", " ", result.output)
    return result.exit_code, " ".join(plain.split())


def read_json(*arguments, exit_code=0):
    """Return what is found, by its title."""
    result = run(*arguments, "--json")
    assert result.exit_code == exit_code, result.output
    return {topic["title"]: topic for topic in json.loads(result.stdout)["topics"]}


@pytest.mark.parametrize(
    "name", ["sentiment", "emotions", "tagger", "ner", "summarizer", "pretrain"]
)
def test_the_bundled_corpora_are_found_good(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    found = read_json(f"configs/{name}.cfg")
    remarks = [remark for topic in found.values() for remark in topic["remarks"]]
    assert {remark["level"] for remark in remarks} == {"good", "info"}
