import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import spacy
import tqdm
from spacy.cli import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)
from spacy_rnn.corpora.summaries.corpus import SummaryCorpus

NLP = spacy.blank("en")
ROWS = [
    {"text": f"Rain fell on day {n}. It was wet. Dr. No left.", "summary": "Rain fell."}
    for n in range(5)
]


def run(*arguments):
    result = CliRunner().invoke(app, ["rnn", "convert", *map(str, arguments)])
    # Output is wrapped at the width of the terminal, and may have colours.
    plain = re.sub("\x1b\\[[0-9;]*m", "", result.output)
    return result.exit_code, " ".join(plain.split())


def write(path, rows=ROWS):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def source(tmp_path):
    return write(tmp_path / "in.jsonl")


def read(path):
    return list(DocBin().from_disk(path).get_docs(NLP.vocab))


def read_all(folder):
    return [doc for path in sorted(folder.iterdir()) for doc in read(path)]


ROW_OPTIONS = ("--summary-column", "summary")


def test_summaries_read_back_equal(source, tmp_path):
    exit_code, shown = run(source, tmp_path / "out.spacy", *ROW_OPTIONS)
    assert exit_code == 0, shown
    corpus = SummaryCorpus(source, sentences="punkt", keep_summary=False)
    expected = list(corpus.read_references(NLP))
    docs = read(tmp_path / "out.spacy")
    assert [doc.to_json() for doc in docs] == [doc.to_json() for doc in expected]
    assert [len(list(doc.sents)) for doc in docs] == [3] * 5
    assert [doc.spans["summary"][0].text for doc in docs] == [
        f"Rain fell on day {n}." for n in range(5)
    ]
    assert "Wrote 5 documents" in shown
    assert "doc.spans['summary'] 5" in shown


def test_summaries_are_written_only_where_asked_for(source, tmp_path):
    run(source, tmp_path / "a.spacy", *ROW_OPTIONS)
    run(source, tmp_path / "b.spacy", *ROW_OPTIONS, "--keep-summary")
    assert not any(DocBin().from_disk(tmp_path / "a.spacy").user_data)
    assert [doc.user_data for doc in read(tmp_path / "a.spacy")] == [{}] * 5
    assert [doc._.summary for doc in read(tmp_path / "b.spacy")] == ["Rain fell."] * 5


@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_shards_hold_all_documents_in_their_order(source, tmp_path, size):
    out = tmp_path / "new" / "out"
    exit_code, shown = run(source, out, *ROW_OPTIONS, "--shard-size", size)
    assert exit_code == 0, shown
    assert "Wrote 5 documents to" in shown
    run(source, tmp_path / "whole.spacy", *ROW_OPTIONS)
    whole = read(tmp_path / "whole.spacy")
    assert [doc.to_json() for doc in read_all(out)] == [doc.to_json() for doc in whole]
    names = [path.name for path in sorted(out.iterdir())]
    assert names == [f"{n:05}.spacy" for n in range(-(-5 // size))]
    assert [len(read(path)) for path in sorted(out.iterdir())][:-1] == (
        [size] * (len(names) - 1)
    )
    corpus = SummaryCorpus(out)
    assert len(list(corpus(NLP))) == 5


def test_labelled_texts_are_written_in_shards_too(tmp_path):
    path = write(tmp_path / "in.jsonl", [{"text": x, "label": x} for x in "abc"])
    assert run(path, tmp_path / "out", "--shard-size", 2)[0] == 0
    assert [doc.text for doc in read_all(tmp_path / "out")] == ["a", "b", "c"]


def test_old_shards_are_replaced_as_a_whole(source, tmp_path):
    out = tmp_path / "out"
    run(source, out, *ROW_OPTIONS, "--shard-size", 1)
    exit_code, shown = run(source, out, *ROW_OPTIONS, "--shard-size", 3)
    assert exit_code == 0, shown
    assert [path.name for path in sorted(out.iterdir())] == [
        "00000.spacy",
        "00001.spacy",
    ]
    assert sorted(tmp_path.iterdir()) == [source, out]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("disk full")])
def test_an_interrupted_convert_leaves_the_previous_shards(
    source, tmp_path, monkeypatch, error
):
    out = tmp_path / "out"
    run(source, out, *ROW_OPTIONS, "--shard-size", 2)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    written = []

    def write_and_fail(path, data):
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        written.append(path)
        if len(written) == 3:
            raise error

    monkeypatch.setattr(Path, "write_bytes", write_and_fail)
    assert run(source, out, *ROW_OPTIONS, "--shard-size", 1)[0] != 0
    assert len(written) == 3
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert sorted(tmp_path.iterdir()) == [source, out]


def test_a_mistake_at_the_end_leaves_the_previous_shards(source, tmp_path):
    out = tmp_path / "out"
    run(source, out, *ROW_OPTIONS, "--shard-size", 2)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    write(source, [*ROWS, {"text": "A."}])
    exit_code, shown = run(source, out, *ROW_OPTIONS, "--shard-size", 1)
    assert exit_code == 1
    assert f"{source}:6: no column 'summary'" in shown
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert sorted(tmp_path.iterdir()) == [source, out]


KILLED = """
import os, spacy
from pathlib import Path
from spacy_rnn.cli.output import write_docs

def docs(nlp):
    for n in range(5):
        if n == 3:
            os._exit(9)
        yield nlp.make_doc("Rain fell.")

write_docs(docs(spacy.blank("en")), Path("out"), shard_size=1, store_user_data=False)
"""


def test_a_killed_convert_leaves_the_previous_shards_to_all_readers(source, tmp_path):
    out = tmp_path / "out"
    run(source, out, *ROW_OPTIONS, "--shard-size", 2)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    command = [sys.executable, "-c", KILLED]
    done = subprocess.run(command, cwd=tmp_path, timeout=120, check=False)
    assert done.returncode == 9
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    (left,) = set(tmp_path.iterdir()) - {source, out}
    assert left.name.startswith(".out.")
    source.unlink()
    assert len(list(SummaryCorpus(tmp_path)(NLP))) == 5


def test_a_report_says_what_was_left_out_and_why(source, tmp_path):
    rows = [ROWS[0], {"text": "A."}, {"text": "A.", "summary": ""}]
    rows += [{"text": "", "summary": f"{n}"} for n in range(25)]
    write(source, rows)
    options = [*ROW_OPTIONS, "--errors", "skip"]
    exit_code, shown = run(source, tmp_path / "out.spacy", *options)
    assert exit_code == 0, shown
    assert "Wrote 1 document to" in shown
    assert f"Records without a column left out: 1 {source}:2: no column" in shown
    assert f"Articles without a summary left out: 1 {source}:3: there is" in shown
    assert f"Summaries without an article left out: 25 {source}:4: there" in shown
    assert f"{source}:23: there is nothing in the article and 5 more" in shown


def test_stories_need_no_option(tmp_path):
    story = "Rain fell.\n\nIt was wet.\n\n@highlight\n\nIt was wet\n"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.story").write_text(story)
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("a.story", story)
    for path in (tmp_path / "in", tmp_path / "in" / "a.story", tmp_path / "in.zip"):
        exit_code, shown = run(path, tmp_path / "out.spacy")
        assert exit_code == 0, shown
        (doc,) = read(tmp_path / "out.spacy")
        assert [span.text for span in doc.spans["summary"]] == ["It was wet."]


def test_options_reach_the_reader(tmp_path):
    for folder, text in (("articles", "<p>A b.</p> C d. E f."), ("sums", "C d. E f.")):
        (tmp_path / folder).mkdir()
        for name in "ab":
            (tmp_path / folder / f"{name}.txt").write_text(text)
    options = ["--summary-path", tmp_path / "sums", "--clean", "strip_markup,lower"]
    options += ["--max-sentences", 1, "--limit", 1, "--keep-summary"]
    exit_code, shown = run(tmp_path / "articles", tmp_path / "out.spacy", *options)
    assert exit_code == 0, shown
    (doc,) = read(tmp_path / "out.spacy")
    assert doc.text.split() == ["a", "b.", "c", "d.", "e", "f."]
    assert len(doc.spans["summary"]) == 1
    assert doc._.summary == "c d. e f."


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("out.spacy", ["--shard-size", 2], "output in shards must be a folder"),
        ("in.jsonl", ["--shard-size", 2], "the output is one of the files to read"),
        (".", ["--shard-size", 2], "the output is one of the files to read"),
        ("full", ["--shard-size", 2], "this folder, but there is 'notes.txt' in it"),
        ("out", [], "the output must end in .spacy"),
        (
            "out.spacy",
            ["--labels", "a"],
            "--labels is of labelled texts, but --summary",
        ),
        ("out.spacy", ["--scheme", "BIO"], "--scheme is of annotated tokens, but --su"),
        ("out.spacy", ["--clean", "wash"], "wash"),
        ("out.spacy", ["--sentences", "given"], "the article is no list of sentences"),
        ("out.spacy", ["--language", "klingon"], "nltk.downloader punkt_tab"),
    ],
)
def test_what_cannot_be_converted_is_refused(source, tmp_path, name, options, message):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("")
    before = sorted(tmp_path.rglob("*"))
    exit_code, shown = run(source, tmp_path / name, *ROW_OPTIONS, *options)
    assert exit_code == 1
    assert message in shown
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(("limit", "total"), [(0, 5), (2, 2), (9, 5)])
def test_a_progress_bar_knows_its_end_and_needs_a_terminal(
    source, tmp_path, capsys, monkeypatch, limit, total
):
    made = []

    class Bar(tqdm.tqdm):
        def __init__(self, *args, **settings):
            made.append(settings["total"])
            super().__init__(*args, **settings)

    monkeypatch.setattr("spacy_rnn.cli.convert.tqdm", Bar)
    assert run(source, tmp_path / "out.spacy", *ROW_OPTIONS, "--limit", limit)[0] == 0
    assert made == [total]
    assert "doc/s" not in capsys.readouterr().err
