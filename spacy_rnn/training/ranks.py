"""The processes that train together: one, or as many as torchrun started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic, sleep
from typing import Any, TypeVar

from torch import Tensor

TIMEOUT = 1800.0  # seconds, as torch's own
LAST_WORDS = timedelta(seconds=5)  # for finding out who is the first to fail
VARIABLES = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """The processes of a run, each of which calls the same methods in the same order.

    Attributes:
        rank: The number of this one. The first, 0, evaluates, prints and writes.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def gather(self, value: T) -> list[T]:
        """Return what each rank has, in their order."""
        if self.size == 1:
            return [value]
        from torch import distributed

        values: list[Any] = [None] * self.size
        with naming_the_silence():
            distributed.all_gather_object(values, value)
        return values

    def hand_on(self, value: T) -> T:
        """Return what the first rank has."""
        if self.size == 1:
            return value
        from torch import device, distributed

        values = [value]
        with naming_the_silence():
            distributed.broadcast_object_list(values, device=device("cpu"))
        return values[0]

    def add(self, buffer: Tensor) -> None:
        """Put the sum over all ranks in the place of each value."""
        from torch import distributed

        with naming_the_silence():
            distributed.all_reduce(buffer)


@contextmanager
def one_voice(store: Any) -> Iterator[None]:
    """Let only the first rank that fails raise its error; others exit."""
    try:
        yield
    except Exception:
        first = True
        with suppress(RuntimeError):  # the store went down with somebody
            store.set_timeout(LAST_WORDS)
            first = store.add("failed", 1) == 1
        if first:
            raise
        raise SystemExit(1) from None


def hear_out(store: Any, size: int) -> None:
    """Let the others ask who failed first: the store ends with the first rank."""
    end = monotonic() + LAST_WORDS.total_seconds()
    with suppress(RuntimeError):
        while store.add("failed", 0) < size and monotonic() < end:
            sleep(0.05)


@contextmanager
def naming_the_silence() -> Iterator[None]:
    """Say that it's another process, where torch tells of sockets."""
    try:
        yield
    except RuntimeError as error:
        raise RuntimeError(
            "Another process of this run has ended, or hasn't answered within the time "
            "limit (--rank-timeout), so all of them end"
        ) from error


def started_ranks() -> tuple[int, int, int]:
    """Return rank, number of ranks, and rank on this machine, as torchrun has set them.

    Raises:
        ValueError: If something is missing.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return 0, 1, 0
    missing = [name for name in VARIABLES if name not in os.environ]
    if missing:
        raise ValueError(
            f"WORLD_SIZE is {size}, so this is one of {size} processes that train "
            f"together, but {', '.join(missing)} isn't set. torchrun sets it; to train "
            f"with this process alone, unset WORLD_SIZE."
        )
    return int(os.environ["RANK"]), size, int(os.environ["LOCAL_RANK"])


def local_gpu(use_gpu: int) -> int:
    """Return the number of this process's GPU: on each machine, each has another."""
    _, size, local_rank = started_ranks()
    return use_gpu if size == 1 or use_gpu < 0 else local_rank


@contextmanager
def join_ranks(*, on_gpu: bool, timeout: float = TIMEOUT) -> Iterator[Ranks]:
    """Meet the other processes that torchrun started, if it did.

    If the processes fail, the first one raises its error. The others exit with status
    1: they fail because it did, or as it did.

    Args:
        on_gpu: Whether gradients are on a GPU, which then is the current one.
        timeout: Seconds to wait for a rank before it counts as lost. It has to be more
            than an evaluation takes.
    """
    rank, size, _ = started_ranks()
    if size == 1:
        yield Ranks()
        return
    from torch import distributed

    limit = timedelta(seconds=timeout)
    with naming_the_silence():
        store, _, _ = next(iter(distributed.rendezvous("env://", timeout=limit)))
    with one_voice(store), naming_the_silence():
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
            store=distributed.PrefixStore("ranks", store),
            rank=rank,
            world_size=size,
            timeout=limit,
        )
    ranks, failed = Ranks(rank, size), False
    try:
        with one_voice(store):
            yield ranks
            ranks.gather(None)  # nobody leaves, which would end the others
    except (Exception, SystemExit):
        failed = True
        raise
    finally:
        distributed.destroy_process_group()  # which the others notice
        if failed and ranks.is_first:
            hear_out(store, size)
