import json
import os
import subprocess
import sys

import pytest
import spacy
from spacy.cli import app
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)
from spacy_rnn.corpora.readers import TextCorpus

NLP = spacy.blank("en")
ROWS = [
    {"text": "Good, isn't it?", "label": "pos"},
    {"text": "Bad “bad” film", "label": "neg"},
    {"text": "", "label": "neg"},
    {"text": "No.", "label": "neg"},
]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


def run(*arguments):
    result = CliRunner().invoke(app, ["rnn", "convert", *map(str, arguments)])
    # Output is wrapped at the width of the terminal.
    return result.exit_code, " ".join(result.output.split())


def read(path):
    return list(DocBin().from_disk(path).get_docs(NLP.vocab))


def test_what_is_converted_reads_back_equal(source, tmp_path):
    exit_code, output = run(source, tmp_path / "out.spacy")
    assert exit_code == 0, output
    expected = list(TextCorpus(source).read_references(NLP))
    docs = read(tmp_path / "out.spacy")
    assert [[(t.text, t.whitespace_) for t in doc] for doc in docs] == [
        [(t.text, t.whitespace_) for t in doc] for doc in expected
    ]
    assert [doc.cats for doc in docs] == [doc.cats for doc in expected]
    assert len(docs) == 3


def test_the_summary_counts_documents_and_labels(source, tmp_path):
    _, output = run(source, tmp_path / "out.spacy", "--labels", "pos,neg,other")
    assert "Wrote 3 documents" in output
    assert "Label Documents pos 1 neg 2 other 0" in output


def test_texts_left_out_are_reported(source, tmp_path, caplog):
    run(source, tmp_path / "out.spacy")
    assert f"Empty texts left out: 1, the first {source}:3" in caplog.text


def test_a_folder_of_any_formats_becomes_one_file(source, tmp_path):
    (tmp_path / "more.csv").write_text("text,label\nmore,pos\n")
    doc = Doc(NLP.vocab, words=["tagged"], tags=["X"])
    DocBin(docs=[doc]).to_disk(tmp_path / "tagged.spacy")
    exit_code, output = run(tmp_path, tmp_path / "new" / "folder" / "out.spacy")
    assert exit_code == 0, output
    docs = read(tmp_path / "new" / "folder" / "out.spacy")
    assert [len(doc) for doc in docs] == [6, 5, 2, 1, 1]
    assert docs[-1][0].tag_ == "X"


def test_options_reach_the_reader(tmp_path):
    (tmp_path / "in.csv").write_bytes(
        b"body,stars,label\nA,1,x\n\xe9 don't,2,x\nC,2,x\n"
    )
    options = ["--text-column", "body", "--label-column", "stars", "--limit", "2"]
    options += ["--errors", "replace", "--lang", "de"]
    exit_code, output = run(tmp_path / "in.csv", tmp_path / "out.spacy", *options)
    assert exit_code == 0, output
    docs = read(tmp_path / "out.spacy")
    assert [[token.text for token in doc] for doc in docs] == [
        ["A"],
        ["\ufffd", "don't"],
    ]
    assert [doc.cats for doc in docs] == [{"1": 1.0, "2": 0.0}, {"1": 0.0, "2": 1.0}]


def test_a_failure_names_the_line_and_leaves_the_previous_output(source, tmp_path):
    out = tmp_path / "out.spacy"
    out.write_bytes(b"previous")
    source.write_text('{"text": "a"}\n{"text": 1}\n')
    exit_code, output = run(source, out)
    assert exit_code == 1
    assert f"{source}:2: 'text' must be a string, got 1" in output
    assert out.read_bytes() == b"previous"
    assert sorted(tmp_path.iterdir()) == [source, out]


def test_a_failure_to_write_leaves_the_previous_output(source, tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError("disk full")

    out = tmp_path / "out.spacy"
    out.write_bytes(b"previous")
    monkeypatch.setattr(os, "fsync", fail)
    exit_code, output = run(source, out)
    assert exit_code == 1
    assert "disk full" in output
    assert out.read_bytes() == b"previous"
    assert sorted(tmp_path.iterdir()) == [source, out]


def test_who_reads_the_previous_output_can_go_on(source, tmp_path):
    out = tmp_path / "out.spacy"
    out.write_bytes(b"previous")
    with out.open("rb") as file:
        assert run(source, out)[0] == 0
        assert file.read() == b"previous"
    assert len(read(out)) == 3


def test_an_output_is_replaced(source, tmp_path):
    for _ in range(2):
        assert run(source, tmp_path / "out.spacy")[0] == 0
    assert sorted(tmp_path.iterdir()) == [source, tmp_path / "out.spacy"]


@pytest.mark.parametrize(
    ("source_name", "out_name", "options", "message"),
    [
        ("in.jsonl", "out.jsonl", [], "the output must end in .spacy"),
        ("in.jsonl", "folder", [], "the output must end in .spacy"),
        ("none.csv", "out.spacy", [], "none.csv: no such file or folder"),
        ("in.txt", "out.spacy", [], "in.txt: expected a file that ends in .spacy"),
        ("in.spacy", "in.spacy", [], "the output is one of the files to read"),
        ("in.jsonl", "out.spacy", ["--labels", "pos"], "in.jsonl:2: label 'neg' is no"),
        ("in.jsonl", "out.spacy", ["--lang", "qq"], "Can't import language qq"),
        ("in.jsonl", "out.spacy", ["--label-column", "x"], "in.jsonl:1: no column 'x'"),
    ],
)
def test_what_cannot_be_converted_is_refused(
    source, tmp_path, source_name, out_name, options, message
):
    (tmp_path / "in.txt").write_text("")
    DocBin(docs=[NLP.make_doc("a")]).to_disk(tmp_path / "in.spacy")
    before = sorted(tmp_path.iterdir())
    exit_code, output = run(tmp_path / source_name, tmp_path / out_name, *options)
    assert exit_code == 1
    assert message in output
    assert sorted(tmp_path.iterdir()) == before


def test_a_negative_limit_is_a_wrong_usage(source, tmp_path):
    assert run(source, tmp_path / "out.spacy", "--limit", "-1")[0] == 2


def test_python_m_spacy_knows_the_commands(source, tmp_path):
    spacy_cli = [sys.executable, "-m", "spacy"]
    shown = subprocess.run(
        [*spacy_cli, "rnn", "--help"], capture_output=True, text=True, timeout=120
    )
    assert shown.returncode == 0, shown.stderr
    assert "convert" in shown.stdout
    out = tmp_path / "out.spacy"
    convert = [*spacy_cli, "rnn", "convert", str(source), str(out)]
    done = subprocess.run(convert, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(read(out)) == 3


def test_loading_the_commands_loads_neither_torch_nor_nltk():
    # spaCy's command line itself loads whatever Thinc does, so compare with that.
    code = (
        "import sys; import spacy.cli; before = set(sys.modules);"
        "import spacy_rnn.cli; new = set(sys.modules) - before;"
        "heavy = {'torch', 'nltk', 'spacy_rnn.corpora.readers'} & new;"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
