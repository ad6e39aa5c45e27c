"""`python -m spacy rnn apply`, through the command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from spacy.cli import app
from thinc.api import Config
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)
from spacy_rnn.distributed.engines import InProcess
from spacy_rnn.distributed.text_column import read_text_column
from spacy_rnn.distributed.texts import Contents, Texts
from tests.distributed.pipelines import make_pipeline

pyarrow = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

TEXTS = [f"Ada likes soup number {i}." for i in range(25)]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    return make_pipeline(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture
def texts(tmp_path):
    return write(tmp_path / "texts.jsonl", enumerate(TEXTS))


def write(path, rows):
    lines = [json.dumps({"id": name, "text": text}) for name, text in rows]
    path.write_text("\n".join(lines), "utf8")
    return path


def command(pipeline, texts, output, *args):
    model, code = pipeline
    settings = ["--shard-size", 10, "--id", "id", "--code", code, *args]
    return ["rnn", "apply", *map(str, [model, texts, output, *settings])]


def apply(*args):
    return CliRunner().invoke(app, command(*args))


def read(output):
    parts = sorted(output.glob("part-*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def say(result):
    return " ".join(result.output.split())


def test_each_text_has_a_row_in_the_order_of_the_input(pipeline, texts, tmp_path):
    result = apply(pipeline, texts, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "25 texts are in" in result.output
    rows = read(tmp_path / "out")
    assert [row["id"] for row in rows] == list(range(25))
    assert {row["error"] for row in rows} == {None}
    assert pq.read_table(tmp_path / "out").to_pylist() == rows  # as one table
    names = sorted(each.name for each in (tmp_path / "out").glob("*.parquet"))
    assert names == [f"part-{i:05}.parquet" for i in range(3)]


def test_the_same_command_writes_only_what_is_not_there(pipeline, texts, tmp_path):
    out = tmp_path / "out"
    assert apply(pipeline, texts, out).exit_code == 0
    rows = read(out)
    times = {each: each.stat().st_mtime_ns for each in out.glob("*.parquet")}
    (out / "part-00001.parquet").unlink()
    assert apply(pipeline, texts, out).exit_code == 0
    assert read(out) == rows
    after = {each: each.stat().st_mtime_ns for each in out.glob("*.parquet")}
    changed = [each.name for each in times if times[each] != after[each]]
    assert changed == ["part-00001.parquet"]


def test_errors_of_texts_are_in_their_rows_and_counted(pipeline, tmp_path):
    rows = [(1, "Ada."), (2, None), (3, "fail"), (4, "x" * 1_200_000), (5, "Bob.")]
    path = write(tmp_path / "texts.jsonl", rows)
    result = apply(pipeline, path, tmp_path / "out")
    assert result.exit_code == 0
    assert "3 texts have an error" in result.output
    assert "5 texts are in" in result.output
    assert [bool(row["error"]) for row in read(tmp_path / "out")] == [
        *(False, True, True, True, False)
    ]


def test_one_text_is_no_several_texts(pipeline, tmp_path):
    path = write(tmp_path / "texts.jsonl", [(1, None)])
    result = apply(pipeline, path, tmp_path / "out")
    assert "1 text has an error" in result.output
    assert "1 text is in" in result.output


def test_an_empty_cell_has_the_error_that_null_has(pipeline, tmp_path):
    (tmp_path / "texts.csv").write_text("id,text\n1,\n2,Ada.\n")
    assert apply(pipeline, tmp_path / "texts.csv", tmp_path / "out").exit_code == 0
    assert [row["error"] for row in read(tmp_path / "out")] == ["no text", None]


@pytest.fixture
def reader_of(pipeline, tmp_path):
    """Save the pipeline as one that was evaluated on a column of a corpus."""

    def save(**corpus):
        model, code = pipeline
        folder = shutil.copytree(model, tmp_path / "model")
        config = Config().from_disk(folder / "config.cfg", interpolate=False)
        config["training"]["dev_corpus"] = "corpora.mails"
        config["corpora"]["mails"] = {"@readers": "spacy-rnn.TextCorpus.v1", **corpus}
        config.to_disk(folder / "config.cfg")
        return folder, code

    return save


@pytest.mark.parametrize("setting", ["text_column", "source_column"])
@pytest.mark.parametrize("name", ["texts.jsonl", "texts.parquet"])
def test_the_column_is_that_of_the_pipeline_if_it_is_there(
    reader_of, tmp_path, setting, name
):
    rows = {"id": [1], "text": ["fail"], "body": ["Ada."]}
    if name.endswith("jsonl"):
        one = {key: value for key, (value,) in rows.items()}
        (tmp_path / name).write_text(json.dumps(one))
    else:
        pq.write_table(pyarrow.table(rows), tmp_path / name)
    model = reader_of(**{setting: "body"})
    result = apply(model, tmp_path / name, tmp_path / "out")
    assert "Texts are read from 'body'" in say(result)
    assert [row["error"] for row in read(tmp_path / "out")] == [None]
    result = apply(model, tmp_path / name, tmp_path / "own", "--text", "text")
    assert "body" not in say(result)
    assert "as you say" in read(tmp_path / "own")[0]["error"]


@pytest.mark.parametrize("column", ["body", None])
def test_the_column_is_text_if_that_of_the_pipeline_is_not_there(
    reader_of, texts, tmp_path, column
):
    result = apply(reader_of(text_column=column), texts, tmp_path / "out")
    assert "Texts are read" not in say(result)
    assert len(read(tmp_path / "out")) == 25


def test_without_a_column_for_texts_the_option_is_named(reader_of, tmp_path):
    (tmp_path / "texts.csv").write_text("id,content\n1,Ada.\n")
    model = reader_of(text_column="body")
    result = apply(model, tmp_path / "texts.csv", tmp_path / "out")
    assert result.exit_code == 1
    assert "texts.csv:1: no column 'text'; there is 'id', 'content'. Name" in say(
        result
    )
    assert "--text" in say(result)


def test_a_package_has_its_config_in_its_folder_for_data(reader_of, tmp_path):
    model, _ = reader_of(text_column="body")
    assert read_text_column(model) == "body"
    assert read_text_column(tmp_path) == "body"
    (tmp_path / "empty").mkdir()
    assert read_text_column(tmp_path / "empty") is None
    for place in ("system.seed.x", "corpora.none", "system.seed"):
        config = f"[system]\nseed = 0\n[training]\ndev_corpus = {place!r}\n"
        (tmp_path / "empty" / "config.cfg").write_text(config.replace("'", '"'))
        assert read_text_column(tmp_path / "empty") is None


def test_another_input_or_setting_is_refused(pipeline, texts, tmp_path):
    out = tmp_path / "out"
    assert apply(pipeline, texts, out).exit_code == 0
    rows = read(out)
    result = apply(pipeline, texts, out, "--batch-size", 3)
    assert result.exit_code == 1
    assert "--batch-size: None in its manifest, 3 now" in result.output
    write(texts, [(1, "Something else.")])
    result = apply(pipeline, texts, out)
    assert result.exit_code == 1
    assert "written by another run" in say(result)
    assert "input: 'content" in result.output
    assert read(out) == rows


@pytest.mark.parametrize(
    ("rows", "args", "message"),
    [
        ([(1, "a"), (2, "b"), (1, "c")], [], "the id '1' is that of"),
        (
            [(1, "a")],
            ["--text", "body"],
            "no column 'body'; there is 'id', 'text'. Name the one to read with --text",
        ),
        (
            [(1, "a")],
            ["--id", "key"],
            "no column 'key'; there is 'id', 'text'. Name the one to read with --id",
        ),
    ],
)
def test_what_can_not_be_is_one_message_and_no_folder(
    pipeline, tmp_path, rows, args, message
):
    path = write(tmp_path / "texts.jsonl", rows)
    result = apply(pipeline, path, tmp_path / "out", *args)
    assert result.exit_code == 1
    assert message in say(result)
    assert not (tmp_path / "out").exists()


def test_an_output_among_the_input_is_refused(pipeline, texts, tmp_path):
    for source, target in ((tmp_path, tmp_path / "out"), (texts, tmp_path)):
        result = apply(pipeline, source, target)
        assert result.exit_code == 1
        assert "the output has to be apart from" in say(result)
    assert list(tmp_path.iterdir()) == [texts]


def test_an_input_that_changes_meanwhile_is_noticed(
    pipeline, texts, tmp_path, monkeypatch
):
    monkeypatch.setattr(Texts, "check", lambda _: Contents(26, has_numbers=True))
    result = apply(pipeline, texts, tmp_path / "out")
    assert result.exit_code == 1
    assert "has 25 texts, but 26 were to be read" in say(result)


def test_shards_that_are_given_up_are_named_and_the_status_is_1(
    pipeline, texts, tmp_path, monkeypatch
):
    monkeypatch.setattr(InProcess, "wait", lambda _: (0, None))
    result = apply(pipeline, texts, tmp_path / "out", "--shard-size", 20)
    assert result.exit_code == 1
    deaths, _, left_out = say(result).partition("which are left out:")
    assert deaths.count("A worker died with shard 0 (") == 3
    assert left_out.count("shard 0 (") == left_out.count("shard 1 (") == 1


def test_a_cluster_that_does_not_answer_is_one_message_and_no_folder(
    pipeline, texts, tmp_path, monkeypatch
):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    result = apply(pipeline, texts, tmp_path / "out", "--engine", "ray")
    assert result.exit_code == 1
    assert "RAY_ADDRESS=127.0.0.1:1: no cluster" in say(result)
    assert not (tmp_path / "out").exists()


def test_a_pipeline_that_is_not_there_is_one_message(texts, tmp_path):
    result = apply((tmp_path / "no", tmp_path / "no.py"), texts, tmp_path / "out")
    assert result.exit_code == 1
    assert "no folder of a pipeline" in say(result)


@pytest.mark.parametrize(
    ("library", "extra", "engine"),
    [("pyarrow", "apply", "local"), ("ray", "ray", "ray")],
)
def test_a_library_that_is_missing_is_named_with_its_extra(
    pipeline, texts, tmp_path, monkeypatch, library, extra, engine
):
    for name in [library, *sys.modules]:
        if name.partition(".")[0] == library:
            monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Absent(library), *sys.meta_path])
    result = apply(pipeline, texts, tmp_path / "out", "--engine", engine)
    assert result.exit_code == 1
    assert f"pip install 'spacy-rnn[{extra}]'" in say(result)


class Absent:
    """What Python asks for modules before it looks for them."""

    def __init__(self, library):
        self.library = library

    def find_spec(self, name, path=None, target=None):
        if name == self.library:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.slow
def test_killed_workers_and_drivers_lose_and_double_nothing(pipeline, tmp_path):
    rows = [(i, f"Ada likes soup number {i}.") for i in range(4000)]
    texts = write(tmp_path / "texts.jsonl", rows)
    assert apply(pipeline, texts, tmp_path / "alone").exit_code == 0
    out = tmp_path / "out"
    run = [sys.executable, "-m", "spacy", *command(pipeline, texts, out, "-n", 2)]
    driver = subprocess.Popen(run, start_new_session=True)
    for n_parts in (1, 20, 40):  # a worker dies
        os.kill(wait_for_worker(driver, out, n_parts), signal.SIGKILL)
    worker = wait_for_worker(driver, out, 60)
    driver.kill()
    driver.wait()
    wait_until(lambda: not is_alive(worker))
    assert subprocess.run(run, check=False).returncode == 0
    assert read(out) == read(tmp_path / "alone")


def wait_for_worker(driver, output, n_parts):
    """Wait for so many parts, and return the id of one of a driver's workers."""
    wait_until(lambda: len(list(output.glob("part-*"))) >= n_parts)
    found = []
    while not found:
        listed = subprocess.run(
            ["pgrep", "-P", str(driver.pid), "-f", "spawn_main"],
            capture_output=True,
            text=True,
            check=False,
        )
        found = listed.stdout.split()
    return int(found[0])


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(happened):
    end = time.monotonic() + 300
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_a_shard_that_kills_its_workers_is_named_and_all_others_are_there(
    pipeline, tmp_path
):
    rows = [(i, "Please die." if i == 13 else "Ada.") for i in range(40)]
    texts = write(tmp_path / "texts.jsonl", rows)
    result = apply(pipeline, texts, tmp_path / "out", "-n", 2)
    assert result.exit_code == 1
    assert "texts.jsonl:11 to" in say(result)
    assert [row["id"] for row in read(tmp_path / "out")] == [
        *range(10),
        *range(20, 40),
    ]


def test_text_in_another_encoding_is_refused_or_replaced(pipeline, tmp_path):
    path, output = tmp_path / "texts.jsonl", tmp_path / "out"
    path.write_bytes(b'{"id": 1, "text": "caf\xe9"}\n')
    refused = apply(pipeline, path, output)
    assert refused.exit_code == 1
    assert "texts.jsonl:1: byte 0xe9 is not UTF-8; --errors replace" in say(refused)
    assert apply(pipeline, path, output, "--errors", "replace").exit_code == 0
    assert len(read(output)) == 1
