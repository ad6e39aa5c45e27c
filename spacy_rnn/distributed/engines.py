"""Who annotates tables: this process, or several that may die."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Protocol

from spacy_rnn.distributed.annotator import Annotator

if TYPE_CHECKING:  # only installed with the extra
    import pyarrow


class Engine(Protocol):
    """Workers, numbered from 0, each of which annotates one table at a time."""

    n_workers: int

    def submit(self, worker: int, table: "pyarrow.Table") -> None:
        """Give a table to a worker that has none."""

    def wait(self) -> "tuple[int, pyarrow.Table | None]":
        """Wait for a worker, and return what it made of its table; None if it died.

        There is another in its place then.

        Raises:
            RuntimeError: If it can't work at all, with its error.
        """

    def close(self) -> None:
        """End all workers, at once."""


class InProcess:
    """This process, as the only worker."""

    n_workers = 1

    def __init__(self, annotator: Annotator) -> None:
        self.annotator = annotator
        self.table: pyarrow.Table | None = None

    def submit(self, worker: int, table: "pyarrow.Table") -> None:
        self.table = table

    def wait(self) -> "tuple[int, pyarrow.Table | None]":
        return 0, self.annotator(self.table)

    def close(self) -> None:
        pass


class Processes:
    """Processes of this machine, which end with this one."""

    def __init__(
        self, annotator: Annotator, n_workers: int, *, gpus_per_worker: float = 0.0
    ) -> None:
        """Start them.

        Args:
            annotator: What each does.
            n_workers: How many, at least 1.
            gpus_per_worker: The share of a GPU that each has, in [0, 1]; 0 for the CPU.
        """
        self.n_workers = n_workers
        self.annotators = [annotator] * n_workers
        if gpus_per_worker:
            self.annotators = [
                on_gpu(annotator, int(worker * gpus_per_worker))
                for worker in range(n_workers)
            ]
        self.context = multiprocessing.get_context("spawn")
        self.processes: list[Any] = [None] * n_workers
        self.connections: list[Any] = [None] * n_workers
        self.busy: set[int] = set()
        for worker in range(n_workers):
            self._start(worker)

    def submit(self, worker: int, table: "pyarrow.Table") -> None:
        self.busy.add(worker)
        with suppress(OSError):  # it is dead, as `wait` will find
            self.connections[worker].send(table)

    def wait(self) -> "tuple[int, pyarrow.Table | None]":
        ready = wait([self.connections[worker] for worker in self.busy])
        worker = self.connections.index(ready[0])
        self.busy.discard(worker)
        try:
            result = self.connections[worker].recv()
        except (EOFError, OSError):
            self._end(worker)
            self._start(worker)
            return worker, None
        if isinstance(result, str):
            raise RuntimeError(result)
        return worker, result

    def close(self) -> None:
        for worker in range(self.n_workers):
            self._end(worker)

    def _start(self, worker: int) -> None:
        ours, theirs = self.context.Pipe()
        args = (self.annotators[worker], theirs)
        process = self.context.Process(target=work, args=args, daemon=True)
        with one_thread():
            process.start()
        theirs.close()  # so that its end is noticed
        self.processes[worker], self.connections[worker] = process, ours

    def _end(self, worker: int) -> None:
        self.connections[worker].close()
        self.processes[worker].kill()
        self.processes[worker].join()


def on_gpu(annotator: Annotator, gpu_id: int) -> Annotator:
    """Return an annotator that does the same on a GPU."""
    return replace(annotator, gpu_id=gpu_id)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let processes started meanwhile have a thread each, unless the user says."""
    name = "OMP_NUM_THREADS"
    is_set = name in os.environ
    os.environ.setdefault(name, "1")
    yield
    if not is_set:
        del os.environ[name]


def work(annotator: Annotator, connection: Connection) -> None:
    """Annotate tables until there are no more, or whoever gives them is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it's for the one who is in charge
    threading.Thread(target=end_with_parent, daemon=True).start()
    while True:
        try:
            table = connection.recv()
        except (EOFError, OSError):
            return
        try:
            result = annotator(table)
        except Exception as error:
            result = f"{type(error).__name__}: {error}"
        connection.send(result)


def end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
