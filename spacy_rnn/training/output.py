"""The folder that a run writes: `model-best`, `model-last` and its checkpoint."""

import shutil
from pathlib import Path

from spacy.language import Language

from spacy_rnn.atomic import recover, write_folder

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

    def prepare(self, *, resume: bool) -> None:
        """Make the folder, and tidy up after a run that was killed.

        Raises:
            ValueError: If there is a run in it that would be overwritten.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        for each in (self.best, self.last, self.checkpoint):
            recover(each)
        if resume and self.checkpoint.exists():
            return
        found = [
            each.name
            for each in (self.checkpoint, self.best, self.last)
            if each.exists()
        ]
        if found and resume:
            raise ValueError(
                f"{self.path} has no {CHECKPOINT} to go on from, but {found[0]}, "
                "which starting over would replace. Delete it, or choose another "
                "output folder."
            )
        if found:
            raise ValueError(
                f"There is a {found[0]} in {self.path} already. To go on from its "
                "checkpoint, use --resume; to start over, delete it or choose another "
                "output folder."
            )

    def save(self, nlp: Language, *, is_best: bool) -> None:
        """Write a pipeline as `model-last`, and as `model-best` if it is that.

        Raises:
            OSError: If it can't be written; the models there are as they were.
        """
        write_folder(self.last, nlp.to_disk)
        if is_best:
            write_folder(self.best, lambda path: shutil.copytree(self.last, path))
