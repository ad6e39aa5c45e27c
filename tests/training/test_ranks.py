"""Real processes that train together."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from multiprocessing import get_context

import pytest
import torch

from spacy_rnn.training import ranks
from spacy_rnn.training.loop import train
from spacy_rnn.training.run import Run
from tests.training.conftest import make_nlp, read_folder
from tests.training.fake_ranks import train_ranks

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="starts processes by fork"
)
SHORT = {"training.max_steps": 3, "training.eval_frequency": 100}


@pytest.fixture(scope="module")
def nlp():
    """Return a pipeline that processes are forked with, and have to themselves."""
    return make_nlp(SHORT)


def start(nlp, path, work, size=2, **options):
    """Start processes as torchrun does; each one trains, and does `work` in a step."""
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
    processes = []
    for rank in range(size):
        environment = {
            "RANK": rank,
            "LOCAL_RANK": rank,
            "WORLD_SIZE": size,
            "MASTER_ADDR": "localhost",
            "MASTER_PORT": port,
        }
        process = get_context("fork").Process(
            target=run_rank, args=(nlp, path, environment, work), kwargs=options
        )
        process.start()
        processes.append(process)
    return processes


def run_rank(nlp, path, environment, work, **options):
    os.environ |= {name: str(value) for name, value in environment.items()}
    original = Run.learned

    def learned(self):
        work(self.stream.step, environment["RANK"])
        return original(self)

    Run.learned = learned
    stream = (path / f"rank-{environment['RANK']}.txt").open("w", buffering=1)
    try:
        train(
            nlp,
            path / "run",
            stdout=stream,
            stderr=stream,
            **{"rank_timeout": 60.0} | options,
        )
    except Exception as error:
        print(error, *error.__notes__, file=stream)
        raise SystemExit(3) from None


def do_nothing(step, rank):
    pass


def wait(processes):
    """Return the exit statuses, and what each rank has printed."""
    for process in processes:
        process.join(timeout=60)
    return [process.exitcode for process in processes]


def test_processes_write_what_threads_would(nlp, tmp_path):
    train_ranks(2, partial(make_nlp, SHORT), tmp_path / "threads")
    assert wait(start(nlp, tmp_path, do_nothing)) == [0, 0]
    for name in ("model-best", "model-last"):
        found = read_folder(tmp_path / "run" / name)
        assert found == read_folder(tmp_path / "threads" / name)
    assert "Saved pipeline" in (tmp_path / "rank-0.txt").read_text()
    assert (tmp_path / "rank-1.txt").read_text() == ""


def fail(step, rank, *, at):
    if (step, rank) == (0, at):
        raise ValueError("this went wrong")


@pytest.mark.parametrize("rank", [0, 1])
def test_if_one_process_fails_all_end_and_the_first_one_speaks(nlp, tmp_path, rank):
    statuses = wait(start(nlp, tmp_path, partial(fail, at=rank)))
    assert statuses == ([3, 1] if rank == 0 else [1, 3])
    printed = (tmp_path / f"rank-{rank}.txt").read_text()
    assert "this went wrong This was step 0" in printed
    assert "step 0" not in (tmp_path / f"rank-{1 - rank}.txt").read_text()


def ask_late(step, rank):
    """Let the first rank fail, and the other one be slow to ask who was first."""
    add = torch.distributed.Store.add

    def wait_and_add(store, key, number):
        time.sleep(1.0 if key == "failed" else 0.0)
        return add(store, key, number)

    if rank:
        torch.distributed.Store.add = wait_and_add
    fail(step, rank, at=0)


def test_who_is_slow_to_notice_that_another_failed_is_silent_too(nlp, tmp_path):
    assert wait(start(nlp, tmp_path, ask_late)) == [3, 1]
    assert "step 0" not in (tmp_path / "rank-1.txt").read_text()


def send(step, rank, *, number):
    if (step, rank) == (0, 1):
        os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "timeout"), [(signal.SIGKILL, 60.0), (signal.SIGSTOP, 2.0)]
)
def test_if_one_process_is_killed_or_frozen_the_other_says_so(
    nlp, tmp_path, number, timeout
):
    work = partial(send, number=number)
    first, second = start(nlp, tmp_path, work, rank_timeout=timeout)
    assert wait([first]) == [3]
    second.kill()
    assert wait([second]) == [-signal.SIGKILL]
    printed = (tmp_path / "rank-0.txt").read_text()
    assert "Another process of this run has ended, or hasn't answered" in printed
    assert "This was step 0" in printed


def kill_at(step, rank, *, at):
    if (step, rank) == at:
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_run_killed_in_any_step_goes_on_with_the_same_bytes(tmp_path):
    nlp, draw = make_nlp({}), random.Random(0)
    (tmp_path / "whole").mkdir()
    assert wait(start(nlp, tmp_path / "whole", do_nothing)) == [0, 0]
    for step in draw.sample(range(24), 8):
        path, rank = tmp_path / str(step), draw.randrange(2)
        path.mkdir()
        work = partial(kill_at, at=(step, rank))
        statuses = wait(start(nlp, path, work, checkpoint_frequency=1))
        assert statuses[rank] == -signal.SIGKILL
        assert statuses[1 - rank] == 3
        again = start(nlp, path, do_nothing, checkpoint_frequency=1, resume=True)
        assert wait(again) == [0, 0]
        for name in ("model-best", "model-last"):
            found = read_folder(path / "run" / name)
            assert found == read_folder(tmp_path / "whole" / "run" / name)


TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]


def torchrun(path, *options, timeout=100):
    """Run the command, and return its status and what it has printed."""
    command = [*TORCHRUN, "-m", "spacy", "rnn", "train", str(path / "config.cfg")]
    result = subprocess.run(
        [*command, "--output", str(path / "run"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    return result.returncode, " ".join(result.stdout.split())


@pytest.mark.slow
def test_torchrun_trains_and_refuses_to_train_over_it(nlp, tmp_path):
    nlp.config.to_disk(tmp_path / "config.cfg")
    status, printed = torchrun(tmp_path)
    assert status == 0, printed
    assert printed.count("Saved pipeline to output directory") == 1
    before = read_folder(tmp_path / "run")
    status, printed = torchrun(tmp_path)
    assert status == 1
    assert printed.count("Can't train the pipeline") == 1
    assert "use --resume" in printed
    assert read_folder(tmp_path / "run") == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda config: config["training"]["optimizer"].update({"@optimizers": "A"}),
            "Could not find function 'A'",
        ),
        (lambda config: config["training"].update(seed=None), "seed is null"),
        (lambda config: config["training"].update(dropout=2.0), "training.dropout"),
    ],
    ids=["optimizer", "seed", "dropout"],
)
def test_what_a_config_has_wrong_is_said_once(nlp, tmp_path, change, message):
    config = nlp.config.copy()
    change(config)
    config.to_disk(tmp_path / "config.cfg")
    status, printed = torchrun(tmp_path)
    assert status == 1
    assert message in printed
    assert printed.count("\u2718") == 1
    assert not list(tmp_path.glob("run/model-*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "seconds"), [("raise", 30), ("SIGKILL", 30), ("SIGSTOP", 50)]
)
def test_nothing_of_a_run_is_left_when_a_process_is_lost(nlp, tmp_path, how, seconds):
    (tmp_path / "code.py").write_text(
        "import os, signal, time\n"
        "import spacy\n"
        "@spacy.registry.callbacks('lose.v1')\n"
        "def create(path: str, how: str):\n"
        "    def before_update(nlp, args):\n"
        "        if args['step'] == 2 and os.environ['RANK'] == '1':\n"
        "            with open(path, 'w') as file:\n"
        "                file.write(str(os.getpid()))\n"
        "            if how == 'raise':\n"
        "                raise ValueError('this went wrong')\n"
        "            os.kill(os.getpid(), getattr(signal, how))\n"
        "    return before_update\n"
    )
    config = nlp.config.copy()
    lose = {"@callbacks": "lose.v1", "path": str(tmp_path / "lost"), "how": how}
    config["training"]["before_update"] = lose
    config.to_disk(tmp_path / "config.cfg")
    code = str(tmp_path / "code.py")
    options = ["--code", code, "--rank-timeout", "10"]
    status, printed = torchrun(tmp_path, *options, timeout=60 + seconds)
    assert status == 1
    assert printed.count("Can't train the pipeline") == 1
    assert "This was step 2" in printed
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "lost").read_text()), 0)


def test_what_torchrun_sets_is_complete_or_named(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    for name in ("LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="one of 2 .*LOCAL_RANK, MASTER_ADDR, MASTER"):
        ranks.started_ranks()


def test_a_gpu_is_that_of_the_rank_on_its_machine(monkeypatch):
    for name, value in {"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", "1")
    assert ranks.local_gpu(0) == 1
    assert ranks.local_gpu(-1) == -1
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert ranks.local_gpu(0) == 0
