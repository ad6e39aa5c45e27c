"""The folder that a run writes: `model-best`, `model-last` and its checkpoint."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spacy.language import Language

from spacy_rnn.atomic import aside_of, recover, write_folder
from spacy_rnn.training.identity import data_settings
from spacy_rnn.training.lock import lock_folder

BEST = "model-best"
LAST = "model-last"
CHECKPOINT = "checkpoint"


class Output:
    """Where a run writes. Nothing in it is at any moment there in part."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.best = path / BEST
        self.last = path / LAST
        self.checkpoint = path / CHECKPOINT

    @contextmanager
    def open(self, config: dict[str, Any], *, resume: bool) -> Iterator[None]:
        """Make the folder, and keep other runs out of it while in the context.

        What a run that was killed has left is tidied up, once no other can be writing.

        Args:
            config: The run's config, interpolated.
            resume: Whether to go on from the checkpoint there.

        Raises:
            ValueError: If it is a file, or in a folder that is read, or there is a run
                in it that would be overwritten, or that goes on at this moment. Then
                nothing in it is touched.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"The output {self.path} has to be a folder")
        self._check_apart(config)
        self._check_free(resume=resume)
        self.path.mkdir(parents=True, exist_ok=True)
        with lock_folder(self.path):
            for each in (self.best, self.last, self.checkpoint):
                recover(each)
            yield

    def save(self, nlp: Language, *, is_best: bool) -> None:
        """Write a pipeline as `model-last`, and as `model-best` if it is that.

        Raises:
            OSError: If it can't be written; the models there are as they were.
        """
        write_folder(self.last, nlp.to_disk)
        if is_best:
            write_folder(self.best, lambda path: shutil.copytree(self.last, path))

    def _check_apart(self, config: dict[str, Any]) -> None:
        """Raise a ValueError if what a run writes would be among what it reads."""
        target = self.path.resolve()
        for name, value in data_settings(config):
            if (folder := Path(value).resolve()).is_dir() and (
                folder == target or folder in target.parents
            ):
                raise ValueError(
                    f"The output folder {self.path} is in {value}, which {name} reads. "
                    "Choose another one, or let it read a folder of its own."
                )

    def _check_free(self, *, resume: bool) -> None:
        """Raise a ValueError if there is a run that would be overwritten."""
        found = [
            each.name
            for each in (self.checkpoint, self.best, self.last)
            if each.exists() or aside_of(each).exists()
        ]
        if not found or (resume and CHECKPOINT in found):
            return
        if resume:
            raise ValueError(
                f"{self.path} has no {CHECKPOINT} to go on from, but {found[0]}, "
                "which starting over would replace. Delete it, or choose another "
                "output folder."
            )
        raise ValueError(
            f"There is a {found[0]} in {self.path} already. To go on from its "
            "checkpoint, use --resume; to start over, delete it or choose another "
            "output folder."
        )
