"""A training run as a file from which it can go on."""

import hashlib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import srsly

from spacy_rnn.atomic import write_atomically
from spacy_rnn.training.identity import check_same
from spacy_rnn.training.random_states import StreamState

MAGIC = b"spacy-rnn checkpoint 3\n"
DIGEST_SIZE = hashlib.sha256().digest_size


class RankState(NamedTuple):
    """What each process of a run has for itself.

    Attributes:
        random: Random states before `next_step`.
        torch: States of torch's generators, then.
        losses: Losses since the last evaluation, by pipe.
    """

    random: StreamState
    torch: list[np.ndarray]
    losses: dict[str, float]


@dataclass
class Checkpoint:
    """All that a run needs to go on as if it had not been interrupted.

    Attributes:
        identity: What the run was started with, see `training.identity`.
        next_step: The step to do next, counted from 0.
        words: Words seen in all steps before it.
        scores: The score of each evaluation so far.
        performance: The scores that go into the pipeline's meta.
        draws: Random states before those batches whose reading drew random numbers, by
            step, see `Stream`.
        ranks: What each process has for itself.
        shared: Random states, torch's as well, of what several processes draw alike.
        weights: Weights and the optimizer's memory, see `training.weights`.
        strings: The pipeline's strings.
    """

    identity: dict[str, Any]
    next_step: int = 0
    words: int = 0
    scores: list[float] = field(default_factory=list)
    performance: dict[str, Any] = field(default_factory=dict)
    draws: dict[int, StreamState] = field(default_factory=dict)
    ranks: list[RankState] = field(default_factory=list)
    shared: tuple[StreamState, np.ndarray] | None = None
    weights: dict[str, Any] = field(default_factory=dict)
    strings: list[str] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write the checkpoint, or leave what is there as it was."""
        data = {each.name: getattr(self, each.name) for each in fields(self)}
        body = srsly.msgpack_dumps(data | {"draws": list(self.draws.items())})
        write_atomically(path, MAGIC + hashlib.sha256(body).digest() + body)

    @classmethod
    def load(
        cls, path: Path, identity: dict[str, Any], content: bytes | None = None
    ) -> "Checkpoint":
        """Read a checkpoint.

        Args:
            path: The file.
            identity: That of the run which is to go on.
            content: What is in the file, where another process has read it.

        Raises:
            ValueError: If the file is damaged, isn't a checkpoint, or another run's.
        """
        content = path.read_bytes() if content is None else content
        body = content[len(MAGIC) + DIGEST_SIZE :]
        if not content.startswith(MAGIC):
            raise ValueError(f"{path} isn't a checkpoint that this version can read")
        if content[len(MAGIC) :][:DIGEST_SIZE] != hashlib.sha256(body).digest():
            raise ValueError(f"{path} is damaged: its content doesn't fit its checksum")
        data = srsly.msgpack_loads(body)
        check_same(data.get("identity", {}), identity)
        if data.keys() != {each.name for each in fields(cls)}:
            raise ValueError(f"{path} holds other things than this version writes")
        draws = {step: StreamState(*state) for step, state in data["draws"]}
        ranks = [
            RankState(StreamState(*random), *rest) for random, *rest in data["ranks"]
        ]
        shared = data["shared"]
        if shared is not None:
            shared = StreamState(*shared[0]), shared[1]
        checkpoint = cls(**data | {"draws": draws, "ranks": ranks, "shared": shared})
        checkpoint.check(path)
        return checkpoint

    def check(self, path: Path) -> None:
        """Raise a ValueError for numbers that no run can have written."""
        if self.next_step < 0 or self.words < 0:
            raise ValueError(
                f"{path} can't be gone on from: it is from before step "
                f"{self.next_step}, with {self.words} words"
            )
        frequency = self.identity["training.eval_frequency"]
        n_scores = -(-self.next_step // frequency)
        if len(self.scores) != n_scores:
            raise ValueError(
                f"{path} can't be gone on from: before step {self.next_step}, with an "
                f"evaluation every {frequency} steps, there were {n_scores}, but it "
                f"has {len(self.scores)} scores"
            )
