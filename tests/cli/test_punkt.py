import gzip
import json

import pytest
from spacy.cli import app
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)
from spacy_rnn.nltk_text import (
    PunktModel,
    built_in_punkt,
    read_punkt,
    train_punkt,
)

TEXTS = [
    f"Der Abg. Meier sprach am {n}. Mai. Die Abg. Kurz, Vors. des Rats, ging.\n"
    for n in range(20)
]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    rows = (json.dumps({"text": text}) + "\n" for text in TEXTS)
    path.write_text("".join(rows), encoding="utf-8")
    return path


def run(*arguments):
    result = CliRunner().invoke(app, ["rnn", "punkt", *map(str, arguments)])
    # Output is wrapped at the width of the terminal.
    return result.exit_code, " ".join(result.output.split())


def test_what_is_learned_is_written_and_told(source, tmp_path):
    out = tmp_path / "new" / "punkt.json"
    exit_code, output = run(source, out)
    assert exit_code == 0, output
    assert read_punkt(out) == train_punkt(TEXTS)
    assert "Learned from 20 texts" in output
    assert "abbreviations 4 abg, ging, mai, vors" in output


def test_texts_that_are_not_as_they_should_be_are_left_out_on_request(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"caf\xe9\n")
    (tmp_path / "b.txt").write_text(TEXTS[0], encoding="utf-8")
    rows = ['{"text": 3}', "{", json.dumps({"text": TEXTS[1]}), '{"body": ""}']
    (tmp_path / "c.jsonl").write_text("\n".join(rows), encoding="utf-8")
    out = tmp_path / "punkt.json"
    exit_code, output = run(tmp_path, out)
    assert exit_code == 1
    assert "a.txt:1: byte 0xe9 is not UTF-8; --errors replace reads it" in output
    exit_code, output = run(tmp_path, out, "--errors", "skip")
    assert exit_code == 0, output
    assert read_punkt(out) == train_punkt(TEXTS[:2])
    assert "Malformed records left out: 2, the first" in output
    assert "Records without a column left out: 1" in output
    assert "Records that are no valid Unicode left out: 1" in output


def test_equal_texts_in_any_format_teach_the_same(source, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for n, text in enumerate(TEXTS[:10]):
        (folder / f"{n:02}.txt").write_text(text, encoding="utf-8")
    for n, text in enumerate(TEXTS[10:15], start=10):
        (folder / f"{n}.txt.gz").write_bytes(gzip.compress(text.encode()))
    rows = "".join(f'"{text}",x\n' for text in TEXTS[15:])
    (folder / "15.csv").write_text("text,label\n" + rows, encoding="utf-8")
    run(source, tmp_path / "one.json")
    exit_code, output = run(folder, tmp_path / "other.json")
    assert exit_code == 0, output
    assert (tmp_path / "one.json").read_bytes() == (
        tmp_path / "other.json"
    ).read_bytes()


def test_options_choose_the_texts(tmp_path):
    (tmp_path / "in.tsv").write_bytes(
        b"body\tn\n" + TEXTS[0].strip().encode() + b" \xe9\t1\nA b. C\t2\n"
    )
    options = ["--text-column", "body", "--limit", "1", "--errors", "replace"]
    exit_code, output = run(tmp_path / "in.tsv", tmp_path / "out.json", *options)
    assert exit_code == 0, output
    expected = train_punkt([TEXTS[0].strip() + " \ufffd"])
    assert read_punkt(tmp_path / "out.json") == expected


def test_what_is_known_otherwise_can_be_added(source, tmp_path):
    exit_code, output = run(source, tmp_path / "out.json", "--base", "built-in")
    assert exit_code == 0, output
    found = read_punkt(tmp_path / "out.json")
    assert found == train_punkt(TEXTS).join(built_in_punkt())
    assert {"abg", "dr"} <= found.abbreviations


@pytest.mark.usefixtures("nltk_folder")
def test_a_base_that_is_not_there_says_how_to_get_it(source, tmp_path):
    exit_code, output = run(source, tmp_path / "out.json", "--base", "german")
    assert exit_code == 1
    assert "python -m nltk.downloader punkt_tab" in output
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ('{"text": "A b."}\n{"text": 1}\n', [], "in.jsonl:2: 'text' must be a string"),
        ('{"body": "A b."}\n', [], "in.jsonl:1: no column 'text'; there is 'body'"),
        ('{"text": " "}\n', [], "no text to learn from"),
        ("", [], "no text to learn from"),
        ('{"text": "A b."}\n', ["--limit", "x"], "--limit"),
    ],
)
def test_a_failure_leaves_the_previous_output(tmp_path, content, options, message):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.json"
    source.write_text(content)
    out.write_bytes(PunktModel().to_json())
    exit_code, output = run(source, out, *options)
    assert exit_code != 0
    assert message in output
    assert read_punkt(out) == PunktModel()
    assert sorted(tmp_path.iterdir()) == [source, out]


def test_an_output_that_cannot_be_is_refused(source, tmp_path):
    assert "must end in .json" in run(source, tmp_path / "out.txt")[1]
    exit_code, output = run(tmp_path / "no.jsonl", tmp_path / "out.json")
    assert exit_code == 1
    assert "no such file or folder" in output
