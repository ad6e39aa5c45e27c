"""`python -m spacy rnn apply`, through the command line."""

import json

import pytest
import spacy
from spacy.cli import app
from spacy.training import Example
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)

pq = pytest.importorskip("pyarrow.parquet")

TEXTS = [f"Ada likes soup number {i}." for i in range(25)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_textcat")
    examples = [
        Example.from_dict(nlp.make_doc(text), {"cats": {"good": good, "bad": 1 - good}})
        for text, good in [("Good soup.", 1.0), ("Bad soup.", 0.0)]
    ]
    nlp.initialize(lambda: examples)
    path = tmp_path_factory.mktemp("model")
    nlp.to_disk(path)
    return path


@pytest.fixture
def texts(tmp_path):
    return write(tmp_path / "texts.jsonl", enumerate(TEXTS))


def write(path, rows):
    lines = [json.dumps({"id": name, "text": text}) for name, text in rows]
    path.write_text("\n".join(lines), "utf8")
    return path


def apply(*args):
    args = [*map(str, args), "--shard-size", "10"]
    return CliRunner().invoke(app, ["rnn", "apply", *args])


def read(output):
    parts = sorted(output.glob("part-*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def test_each_text_gets_a_row_with_what_the_pipeline_says(model, texts, tmp_path):
    result = apply(model, texts, tmp_path / "out", "--id", "id")
    assert result.exit_code == 0, result.output
    rows = read(tmp_path / "out")
    assert [row["id"] for row in rows] == list(range(25))
    nlp = spacy.load(model)
    for row, doc in zip(rows, nlp.pipe(TEXTS), strict=True):
        assert dict(row["cats"]) == pytest.approx(doc.cats, abs=1e-5)
        assert row["error"] is None
    names = sorted(each.name for each in (tmp_path / "out").glob("*.parquet"))
    assert names == [f"part-{i:05}.parquet" for i in range(3)]
