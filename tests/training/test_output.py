"""What a run finds in its output folder, and leaves there."""

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import spacy
import srsly
from thinc.api import Model

from spacy_rnn.pipeline.textcat import RNNTextCategorizer
from spacy_rnn.training import loop
from spacy_rnn.training.checkpoint import DIGEST_SIZE, MAGIC
from spacy_rnn.training.finite import checked_predictions
from spacy_rnn.training.interrupts import Interrupts
from spacy_rnn.training.lock import lock_folder
from spacy_rnn.training.output import Output
from spacy_rnn.training.settings import check_settings
from tests.training.conftest import SENTIMENT, make_nlp, read_checkpoint, read_folder

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
    checkpoint = read_checkpoint(run / "checkpoint")
    checkpoint.identity["version of torch"] = "1.0"
    checkpoint.save(run / "checkpoint")
    with pytest.raises(ValueError, match="version of torch: '1.0' in the checkpoint"):
        start(resume=True, overrides=SHORT)


def test_another_version_is_named_before_its_other_fields(start, run):
    def change(data):
        data["identity"]["version of spacy-rnn"] = "9.0"
        data["novelty"] = 1

    rewrite(run / "checkpoint", change)
    with pytest.raises(ValueError, match="version of spacy-rnn: '9.0' in the check"):
        start(resume=True, overrides=SHORT)


def shorten_memory(data):
    record = data["weights"]["memory"][0]
    record["mom1"] = record["mom1"][:-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.update(novelty=1), "other things than this version"),
        (lambda data: data.pop("words"), "other things than this version"),
        (lambda data: data.update(next_step=-3), "before step -3"),
        (lambda data: data.update(words=-1), "with -1 words"),
        (lambda data: data["scores"].pop(), "there were 2, but it has 1 scores"),
        (lambda data: data["weights"]["memory"].pop(), "remembers other parameters"),
        (shorten_memory, "the optimizer remembers"),
        (lambda data: data["weights"]["models"].popitem(), "it has weights of"),
    ],
)
def test_a_checkpoint_that_no_run_can_have_written_is_refused(
    start, run, change, message
):
    rewrite(run / "checkpoint", change)
    with pytest.raises(ValueError, match=message):
        start(resume=True, overrides=SHORT)


def rewrite(path, change):
    """Change the content of a checkpoint, with a checksum that fits."""
    data = srsly.msgpack_loads(path.read_bytes()[len(MAGIC) + DIGEST_SIZE :])
    change(data)
    body = srsly.msgpack_dumps(data)
    path.write_bytes(MAGIC + hashlib.sha256(body).digest() + body)


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
    checkpoint = read_checkpoint(run / "checkpoint")
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


@pytest.mark.parametrize(
    ("spoiled", "frequency"),
    [(11, 1), (10, 0), (12, 0)],
    ids=["checkpoint", "evaluation", "end"],
)
def test_weights_that_are_no_numbers_are_never_written(
    start, run, monkeypatch, spoiled, frequency
):
    def spoil(pipe, optimizer):
        nonlocal step
        original(pipe, optimizer)
        step += 1
        if step == spoiled:
            layer = next(node for node in pipe.model.walk() if node.param_names)
            name = layer.param_names[0]
            layer.get_param(name).flat[-1] = np.nan
            optimizer.averages[layer.id, name].flat[-1] = np.inf

    start(resume=True, overrides={"training.max_steps": 9})
    before, step = read_folder(run), -1
    original = RNNTextCategorizer.finish_update
    monkeypatch.setattr(RNNTextCategorizer, "finish_update", spoil)
    with pytest.raises(ValueError, match="weights of 'rnn_textcat' are no longer"):
        start(
            resume=True,
            overrides={"training.max_steps": 12},
            checkpoint_frequency=frequency,
        )
    if spoiled == 10:  # the first evaluation after it went on
        assert read_folder(run) == before
    assert read_checkpoint(run / "checkpoint").next_step == (6 if spoiled == 10 else 11)
    for name in ("model-best", "model-last"):
        scores = spacy.load(run / name)("Good.").cats.values()
        assert np.isfinite([*scores]).all()


def test_predictions_that_are_no_numbers_are_named_while_they_are_checked():
    model = Model("echo", lambda model, X, is_train: (X, lambda dY: dY))
    nan, numbers = np.array([1.0, np.nan], dtype="f"), np.array([1.0, np.inf])
    with checked_predictions({"pipe": model}):
        for each in (numbers, [], [numbers, "text"], (np.arange(2), [None])):
            assert model.predict(each) is each
        for each in (nan, [numbers, nan], ("text", [nan, numbers])):
            with pytest.raises(ValueError, match="'pipe' predicts what is no number"):
                model.predict(each)
    assert model.predict(nan) is nan


def test_a_run_that_goes_on_is_not_touched_by_another_start(start, run):
    (run / ".model-last.1").mkdir()
    (run / ".model-last.1" / "meta.json").write_text("half")
    before = read_folder(run)
    with lock_folder(run):
        for resume in (False, True):
            with pytest.raises(ValueError, match=f"{run}"):
                start(resume=resume, overrides=SHORT)
            assert read_folder(run) == before
    start(resume=True, overrides=SHORT)
    assert not (run / ".model-last.1").exists()


def test_a_start_beside_one_that_has_written_nothing_yet_is_refused(start, tmp_path):
    (tmp_path / "run").mkdir()
    with (
        lock_folder(tmp_path / "run"),
        pytest.raises(ValueError, match="Another run is writing to"),
    ):
        start(overrides=SHORT)


def test_a_process_that_is_killed_leaves_no_lock(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from spacy_rnn.training.lock import lock_folder\n"
        "with lock_folder(Path(sys.argv[1])):\n"
        "    print('locked', flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline()
    with pytest.raises(ValueError, match="Another run"), lock_folder(tmp_path):
        pass
    process.kill()
    process.communicate()
    with lock_folder(tmp_path):
        pass


@pytest.mark.parametrize("output", ["data", "data/out"])
def test_an_output_in_a_folder_that_is_read_is_refused(tmp_path, output):
    (tmp_path / "data").mkdir()
    shutil.copy(SENTIMENT / "train.jsonl", tmp_path / "data")
    nlp = make_nlp(SHORT | {"paths.train": str(tmp_path / "data")})
    with pytest.raises(ValueError, match=r"which corpora\.train\.path reads"):
        loop.train(nlp, tmp_path / output)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["train.jsonl"]


def test_an_output_beside_a_folder_that_is_read_is_fine(tmp_path):
    (tmp_path / "data").mkdir()
    config = {"corpora": {"train": {"path": str(tmp_path / "data")}}}
    with Output(tmp_path / "out").open(config, resume=False):
        assert (tmp_path / "out").is_dir()


def test_a_checkpoint_is_written_between_evaluations_if_so_wanted(start, run):
    start(resume=True, overrides={"training.max_steps": 9}, checkpoint_frequency=4)
    assert read_checkpoint(run / "checkpoint").next_step == 8


@pytest.mark.parametrize(
    ("name", "value", "better"),
    [
        ("patience", -1, 0),
        ("max_epochs", -2, -1),
        ("max_steps", -1, 0),
        ("eval_frequency", 0, 1),
        ("accumulate_gradient", 0, 1),
        ("dropout", 1.0, 0.9),
        ("dropout", -0.1, 0),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(name, value, better):
    with pytest.raises(ValueError, match=rf"training\.{name} .*{value}"):
        check_settings({"training": {name: value}})
    check_settings({"training": {name: better}})


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
    assert read_checkpoint(tmp_path / "checkpoint").next_step == 4
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_held_back_and_a_second_one_is_not(number):
    seen, before = [], signal.getsignal(number)

    def handle(number, frame):
        seen.append(number)

    signal.signal(number, handle)
    try:
        with Interrupts():
            pass
        assert signal.getsignal(number) is handle
        with Interrupts() as interrupts:
            signal.raise_signal(number)
            assert interrupts.received == number
            assert not seen
            signal.raise_signal(number)
            assert seen == [number]
    finally:
        signal.signal(number, before)


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
