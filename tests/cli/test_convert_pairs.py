"""Texts with what they become are converted with their targets."""

import gzip
import json
import re

import pytest
import spacy
from spacy.cli import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)
from spacy_rnn.corpora.pairs.corpus import PairCorpus

NLP = spacy.blank("en")
PAIRS = [("Yes.", "Ja."), ("No, thanks.", "Nein, danke."), ("Who?", "Wer?")]


def run(*arguments):
    result = CliRunner().invoke(app, ["rnn", "convert", *map(str, arguments)])
    # Output is wrapped at the width of the terminal, and may have colours.
    plain = re.sub("\x1b\\[[0-9;]*m", "", result.output)
    return result.exit_code, " ".join(plain.split())


def read(path, extension="translation"):
    docs = DocBin().from_disk(path).get_docs(NLP.vocab)
    return [(doc.text, doc._.get(extension)) for doc in docs]


def write_lines(path, lines):
    data = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.fixture
def source(tmp_path):
    rows = [json.dumps({"en": source, "de": target}) for source, target in PAIRS]
    return write_lines(tmp_path / "in.jsonl", rows)


def test_pairs_are_converted_from_the_named_columns(source, tmp_path):
    out = tmp_path / "out.spacy"
    columns = ("--source-column", "en", "--target-column", "de")
    exit_code, shown = run(source, out, *columns)
    assert exit_code == 0, shown
    assert read(out) == PAIRS
    assert "Wrote 3 documents" in shown
    assert "doc._.translation 3" in shown
    assert [each.reference._.translation for each in PairCorpus(out)(NLP)] == [
        target for _, target in PAIRS
    ]


def test_lines_of_several_files_are_converted(tmp_path):
    sources = write_lines(tmp_path / "a.en.gz", [each[0] for each in PAIRS])
    first = write_lines(tmp_path / "a.de", [each[1] for each in PAIRS])
    second = write_lines(tmp_path / "b.de", ["Doch.", "", "Wer da?"])
    out = tmp_path / "out.spacy"
    exit_code, shown = run(
        sources, out, "--target-path", first, "--target-path", second
    )
    assert exit_code == 0, shown
    assert read(out) == [
        ("Yes.", ("Ja.", "Doch.")),
        ("No, thanks.", "Nein, danke."),
        ("Who?", ("Wer?", "Wer da?")),
    ]
    assert "doc._.translation 5" in shown


def test_several_columns_and_another_extension_are_named(tmp_path):
    source = write_lines(tmp_path / "a.csv", ["a,b,c", "Yes.,Ja.,Doch."])
    out = tmp_path / "out"
    options = ("--source-column", "a", "--target-column", "b,c", "--shard-size", 1)
    assert run(source, out, *options, "--extension", "german")[0] == 0
    assert read(out / "00000.spacy", "german") == [("Yes.", ("Ja.", "Doch."))]


def test_a_mistake_leaves_the_previous_output(source, tmp_path):
    out = tmp_path / "out.spacy"
    columns = ("--source-column", "en", "--target-column", "de")
    run(source, out, *columns)
    before = out.read_bytes()
    with source.open("a") as file:
        file.write('{"en": "Maybe.", "de": ""}\n')
    exit_code, shown = run(source, out, *columns)
    assert exit_code == 1
    assert "in.jsonl:4: there is nothing in the target. --errors skip" in shown
    sources = write_lines(tmp_path / "a.en", ["a", "b"])
    exit_code, shown = run(
        sources, out, "--target-path", write_lines(tmp_path / "b", "a")
    )
    assert exit_code == 1
    assert "2 in" in shown
    assert out.read_bytes() == before
    exit_code, shown = run(source, out, *columns, "--errors", "skip")
    assert exit_code == 0
    assert "Pairs without a target left out: 1" in shown
    assert read(out) == PAIRS


def test_long_targets_are_counted_and_named(source, tmp_path):
    columns = ("--source-column", "en", "--target-column", "de")
    out = tmp_path / "out.spacy"
    exit_code, shown = run(source, out, *columns, "--max-target-length", 2)
    assert exit_code == 0
    assert "Pairs with a target that is too long left out: 1" in shown
    assert "in.jsonl:2: 2 words" in shown
    assert read(out) == [PAIRS[0], PAIRS[2]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--source-column", "en", "--label-column", "x"), "of labelled texts, but"),
        (("--target-column", "de", "--summary-column", "x"), "of texts with what they"),
        (("--source-column", "fr"), "no column 'fr'; there is 'en', 'de'"),
        (("--source-column", "en"), "Name the one to read with --target-column"),
    ],
)
def test_options_that_go_wrong_are_named(source, tmp_path, options, message):
    exit_code, shown = run(source, tmp_path / "out.spacy", *options)
    assert exit_code == 1
    assert message in shown
    assert not (tmp_path / "out.spacy").exists()


def test_lines_without_their_partners_name_the_option(tmp_path):
    sources = write_lines(tmp_path / "a.en", ["one"])
    exit_code, shown = run(sources, tmp_path / "o.spacy", "--extension", "german")
    assert exit_code == 1
    assert "--target-path" in shown
