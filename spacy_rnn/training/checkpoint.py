"""A training run as a file from which it can go on."""

import hashlib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import srsly

from spacy_rnn.atomic import write_atomically
from spacy_rnn.training.identity import check_same
from spacy_rnn.training.random_states import StreamState

MAGIC = b"spacy-rnn checkpoint 1\n"
DIGEST_SIZE = hashlib.sha256().digest_size


@dataclass
class Checkpoint:
    """All that a run needs to go on as if it had not been interrupted.

    Attributes:
        identity: What the run was started with, see `training.identity`.
        next_step: The step to do next, counted from 0.
        words: Words seen in all steps before it.
        scores: The score of each evaluation so far.
        losses: Losses since the last evaluation, by pipe.
        performance: The scores that go into the pipeline's meta.
        draws: Random states before those batches whose reading drew random numbers, by
            step, where they were not what the batches before had left.
        random: Random states before `next_step`.
        torch: States of torch's generators, then.
        weights: Weights and the optimizer's memory, see `training.weights`.
        strings: The pipeline's strings.
    """

    identity: dict[str, Any]
    next_step: int = 0
    words: int = 0
    scores: list[float] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)
    performance: dict[str, Any] = field(default_factory=dict)
    draws: dict[int, StreamState] = field(default_factory=dict)
    random: StreamState = field(default_factory=StreamState.now)
    torch: list[Any] = field(default_factory=list)
    weights: dict[str, Any] = field(default_factory=dict)
    strings: list[str] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write the checkpoint, or leave what is there as it was."""
        data = {each.name: getattr(self, each.name) for each in fields(self)}
        body = srsly.msgpack_dumps(data | {"draws": list(self.draws.items())})
        write_atomically(path, MAGIC + hashlib.sha256(body).digest() + body)

    @classmethod
    def load(cls, path: Path, identity: dict[str, Any]) -> "Checkpoint":
        """Read a checkpoint.

        Args:
            path: The file.
            identity: That of the run which is to go on.

        Raises:
            ValueError: If the file is damaged, isn't a checkpoint, or another run's.
        """
        content = path.read_bytes()
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
        random = StreamState(*data["random"])
        checkpoint = cls(**data | {"draws": draws, "random": random})
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
