"""Calls of `python -m spacy rnn init-config`, and tables for it."""

import csv
import re

from spacy.cli import app
from spacy.util import load_config
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)

TEXTS = [("warm soup", "good"), ("kind staff", "good"), ("rude staff", "bad")] * 3


def run(*arguments):
    result = CliRunner().invoke(app, ["rnn", "init-config", *map(str, arguments)])
    # Output is wrapped at the width of the terminal, and may have colours.
    plain = re.sub("\x1b\\[[0-9;]*m", "", result.output)
    return result.exit_code, " ".join(plain.split())


def make(tmp_path, *options):
    """Write a config, and return what it says with what was printed."""
    exit_code, output = run(tmp_path / "config.cfg", "--force", *options)
    assert exit_code == 0, output
    return load_config(tmp_path / "config.cfg", interpolate=True), output


def write_table(path, header, rows):
    with path.open("w", newline="", encoding="utf8") as file:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return path
