"""Runs are timed over all that it takes to finish them, and each is done once."""

import pytest
import srsly
from thinc.api import Config

from spacy_rnn.cli.comparison import runs
from spacy_rnn.cli.comparison.runs import Plan, clock, do_run
from spacy_rnn.training.lock import lock_folder


def read(path):
    return srsly.read_json(path)["seconds"]


def test_time_adds_up_over_interruptions(tmp_path, monkeypatch):
    now = iter([10.0, 12.0, 100.0, 103.0])
    monkeypatch.setattr(runs.time, "process_time", lambda: next(now))
    path = tmp_path / "seconds.json"
    with clock(path, use_gpu=-1):
        pass
    assert read(path) == 2.0
    with pytest.raises(ValueError, match="broken"), clock(path, use_gpu=-1):
        raise ValueError("broken")
    assert read(path) == 5.0


def test_the_time_of_a_run_that_was_killed_is_not_known(tmp_path):
    path = tmp_path / "seconds.json"
    killed = clock(path, use_gpu=-1)
    killed.__enter__()
    assert read(path) is None
    with clock(path, use_gpu=-1):
        pass
    assert read(path) is None


def test_the_run_of_another_process_is_left_alone_before_its_first_evaluation(tmp_path):
    best = tmp_path / "model-best"  # it comes before the checkpoint
    best.mkdir()
    plan = Plan("cells", 0, Config(), tmp_path)
    with lock_folder(tmp_path), pytest.raises(ValueError, match="Another run is"):
        do_run(plan, {})
    assert best.exists()


@pytest.mark.parametrize(("name", "is_kept"), [("checkpoint", True), ("any", False)])
def test_a_run_that_was_killed_goes_on_from_its_checkpoint_or_begins_anew(
    tmp_path, monkeypatch, name, is_kept
):
    def stop(*_, **__):
        raise ValueError("stop")

    monkeypatch.setattr(runs, "init_nlp", stop)
    left = tmp_path / "run" / name
    left.parent.mkdir()
    left.touch()
    with pytest.raises(ValueError, match="stop"):
        do_run(Plan("cells", 0, Config(), left.parent), {})
    assert left.exists() == is_kept
