"""What a run finds in its output folder, and leaves there."""

import errno
import os
import shutil
import signal

import pytest

from spacy_rnn.training import loop
from spacy_rnn.training.checkpoint import Checkpoint
from tests.training.conftest import SENTIMENT, make_nlp, read_folder

SHORT = {"training.max_steps": 6}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """Return a folder with a short run, and one step's checkpoint at its end."""
    folder = tmp_path_factory.mktemp("short")
    loop.train(make_nlp(SHORT), folder)
    return folder


@pytest.fixture
def run(run_folder, tmp_path):
    """Return a copy of it that `start` goes on with."""
    shutil.copytree(run_folder, tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("kept", ["checkpoint", "model-best", "model-last"])
def test_a_new_run_never_replaces_what_another_one_made(start, run, kept):
    for each in {"checkpoint", "model-best", "model-last"} - {kept}:
        remove(run / each)
    before = read_folder(run)
    with pytest.raises(ValueError, match=f"There is a {kept} in .*--resume"):
        start()
    assert read_folder(run) == before


def test_a_model_without_a_checkpoint_is_not_replaced_by_resuming(start, run):
    remove(run / "checkpoint")
    with pytest.raises(ValueError, match="no checkpoint to go on from, but model-best"):
        start(resume=True)


def test_resuming_where_there_is_nothing_starts(start, tmp_path):
    start(resume=True, overrides=SHORT)
    assert (tmp_path / "run" / "model-best").is_dir()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-100], "is damaged"),
        (lambda data: data[:200] + b"!" + data[201:], "is damaged"),
        (lambda data: b"something else", "isn't a checkpoint"),
        (lambda data: b"", "isn't a checkpoint"),
    ],
    ids=["truncated", "changed", "foreign", "empty"],
)
def test_a_damaged_checkpoint_is_named(start, run, damage, message):
    checkpoint = run / "checkpoint"
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    with pytest.raises(ValueError, match=f"{checkpoint} {message}"):
        start(resume=True, overrides=SHORT)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"training.dropout": 0.2},
            r"training.dropout: 0.1 in the checkpoint, 0.2 now",
        ),
        ({"training.seed": 4}, r"training.seed: 3 in the checkpoint, 4 now"),
        (
            {"components.tok2vec.model.width": 32},
            r"components.tok2vec.model.width: 16 in the checkpoint, 32 now",
        ),
    ],
)
def test_a_checkpoint_of_another_config_is_refused(start, run, overrides, message):
    with pytest.raises(ValueError, match=message):
        start(resume=True, overrides=SHORT | overrides)


def test_a_checkpoint_of_another_version_is_refused(start, run):
    checkpoint = Checkpoint.load(run / "checkpoint")
    checkpoint.identity["version of torch"] = "1.0"
    checkpoint.save(run / "checkpoint")
    with pytest.raises(ValueError, match="version of torch: '1.0' in the checkpoint"):
        start(resume=True, overrides=SHORT)


def test_a_corpus_that_changed_is_refused(start, tmp_path):
    corpus = tmp_path / "train.jsonl"
    shutil.copy(SENTIMENT / "train.jsonl", corpus)
    overrides = SHORT | {"paths.train": str(corpus)}
    start(overrides=overrides)
    with corpus.open("a", encoding="utf8") as file:
        file.write('{"text": "One more.", "label": "positive"}\n')
    with pytest.raises(ValueError, match="corpora.train.path: 'content "):
        start(resume=True, overrides=overrides)


def test_a_stream_that_changed_is_refused(start, run):
    checkpoint = Checkpoint.load(run / "checkpoint")
    checkpoint.words += 1
    checkpoint.save(run / "checkpoint")
    with pytest.raises(ValueError, match="The training data has changed"):
        start(resume=True, overrides=SHORT)


def test_an_end_before_the_checkpoint_is_refused(start, run):
    before = read_folder(run)
    with pytest.raises(ValueError, match="this run ends before it, after step 2"):
        start(resume=True, overrides={"training.max_steps": 2})
    assert read_folder(run) == before


def test_a_full_disk_leaves_the_models_as_they_were(start, run, monkeypatch):
    def write_half(nlp, path, **options):
        path.mkdir()
        (path / "config.cfg").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    before = read_folder(run)
    monkeypatch.setattr("spacy.language.Language.to_disk", write_half)
    with pytest.raises(OSError, match="No space left") as caught:
        start(resume=True, overrides={"training.max_steps": 20})
    assert "model-last could not be written" in caught.value.__notes__[0]
    assert read_folder(run) == before


def test_a_loss_that_is_no_number_stops_and_keeps_the_models(start, run, monkeypatch):
    def lose(self, examples, *, losses=None, **options):
        losses[self.name] = float("nan")
        return losses

    before = read_folder(run)
    monkeypatch.setattr("spacy_rnn.pipeline.textcat.RNNTextCategorizer.update", lose)
    with pytest.raises(ValueError, match="loss of 'rnn_textcat' is nan") as caught:
        start(resume=True, overrides={"training.max_steps": 20})
    assert "This was step 6, with a batch of" in caught.value.__notes__[0]
    assert read_folder(run) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_step_end_and_writes_a_checkpoint(
    tmp_path, monkeypatch, number
):
    def steps(self):
        for info, is_best in original(self):
            if info["step"] == 3:
                os.kill(os.getpid(), number)
            yield info, is_best

    original, before = loop.Run.steps, signal.getsignal(number)
    monkeypatch.setattr(loop.Run, "steps", steps)
    assert not loop.train(make_nlp(SHORT), tmp_path)
    assert Checkpoint.load(tmp_path / "checkpoint").next_step == 4
    assert signal.getsignal(number) is before


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
