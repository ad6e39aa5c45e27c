"""Ray's actors as workers: it places them, on one machine or on a cluster."""

import os
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from spacy_rnn.distributed.annotator import Annotator
from spacy_rnn.distributed.engines import on_gpu
from spacy_rnn.distributed.extras import need

if TYPE_CHECKING:  # only installed with the extra
    import pyarrow


PATIENCE = 10.0  # seconds for a cluster to answer


class Actors:
    """Actors of Ray, which end with this process.

    A dead one is not restarted but replaced: what is sent to one that restarts may
    fail, which would be taken for another death.
    """

    def __init__(
        self, annotator: Annotator, n_workers: int, *, gpus_per_worker: float = 0.0
    ) -> None:
        """Join the cluster of `RAY_ADDRESS`, or start one here, and start the actors.

        Args:
            annotator: What each does.
            n_workers: How many, at least 1.
            gpus_per_worker: The share of a GPU that each has, in [0, 1]; 0 for the CPU.

        Raises:
            ValueError: If there is no room for them.
            OSError: If the cluster can't be reached.
        """
        self.ray = need("ray", "ray")
        self.n_workers = n_workers
        connect(self.ray, n_workers)
        try:
            check_room(self.ray, n_workers, gpus_per_worker)
        except ValueError:
            self.ray.shutdown()
            raise
        # Ray shows each actor its own GPUs only.
        self.annotator = on_gpu(annotator, 0) if gpus_per_worker else annotator
        remote = self.ray.remote(num_cpus=1, num_gpus=gpus_per_worker)
        self.actor = remote(AnnotatorActor)
        self.actors = [self.actor.remote(self.annotator) for _ in range(n_workers)]
        self.results: dict[Any, int] = {}  # from the reference to the worker

    def submit(self, worker: int, table: "pyarrow.Table") -> None:
        self.results[self.actors[worker].annotate.remote(table)] = worker

    def wait(self) -> "tuple[int, pyarrow.Table | None]":
        (ready, *_), _ = self.ray.wait(list(self.results), num_returns=1)
        worker = self.results.pop(ready)
        try:
            return worker, self.ray.get(ready)
        except self.ray.exceptions.RayTaskError as error:
            raise RuntimeError(
                f"{type(error.cause).__name__}: {error.cause}"
            ) from error
        except self.ray.exceptions.RayError:  # its actor, node or memory is gone
            self.ray.kill(self.actors[worker])
            self.actors[worker] = self.actor.remote(self.annotator)
            return worker, None

    def close(self) -> None:
        self.ray.shutdown()


class AnnotatorActor:
    """An annotator in a process of Ray's."""

    def __init__(self, annotator: Annotator) -> None:
        self.annotator = annotator

    def annotate(self, table: "pyarrow.Table") -> "pyarrow.Table":
        return self.annotator(table)


def connect(ray: Any, n_workers: int) -> None:
    """Join a cluster, or start one of this machine.

    Raises:
        OSError: If it doesn't start, or `RAY_ADDRESS` leads to none.
    """
    address = os.environ.get("RAY_ADDRESS") or "local"
    place: dict[str, Any] = {}
    if address == "local":
        place = {"num_cpus": n_workers, "include_dashboard": False}
    elif address != "auto":
        check_address(address)
    try:
        ray.init(address, log_to_driver=False, logging_level="error", **place)
    except Exception as error:  # also plain ones, where it took too long
        what = "Ray did not start" if place else f"RAY_ADDRESS={address}: no cluster"
        raise OSError(f"{what}: {error}") from error


def check_address(address: str) -> None:
    """Raise an error if nobody listens at an address, before Ray tries for long."""
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise ValueError(
            f"RAY_ADDRESS={address}: expected the address of a cluster, such as "
            "10.0.0.1:6379, or auto"
        )
    try:
        socket.create_connection((host, port), PATIENCE).close()
    except OSError as error:
        raise OSError(f"RAY_ADDRESS={address}: no cluster: {error}") from error


def check_room(ray: Any, n_workers: int, gpus_per_worker: float) -> None:
    """Raise a ValueError if a cluster has fewer CPUs or GPUs than are asked for."""
    there = ray.cluster_resources()
    for name, share in (("CPU", 1.0), ("GPU", gpus_per_worker)):
        if share * n_workers > there.get(name, 0.0):
            raise ValueError(
                f"{n_workers} workers need {share * n_workers:g} {name}s, but Ray has "
                f"{there.get(name, 0.0):g}"
            )
