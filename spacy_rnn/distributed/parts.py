"""The folder of a run: a part for each shard, and what the run was."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from spacy_rnn.atomic import check_writable, write_atomically
from spacy_rnn.distributed.extras import need
from spacy_rnn.training.identity import compare
from spacy_rnn.training.lock import lock_folder

if TYPE_CHECKING:  # only installed with the extra
    import pyarrow

MANIFEST = ".manifest.json"  # hidden from what reads the folder as one table


class Counts(NamedTuple):
    """Texts that are in the parts of a folder, and how many have an error."""

    n_texts: int
    n_errors: int


class Parts:
    """Where a run writes. No part is at any moment there by half."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read_manifest(self) -> dict[str, Any] | None:
        """Return what the run was that wrote here; None where there was none.

        Raises:
            ValueError: If there is something else in the folder, or it isn't one.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"{self.folder}: the output must be a folder")
        if (self.folder / MANIFEST).exists():
            return json.loads((self.folder / MANIFEST).read_text("utf8"))
        others = [each for each in self.folder.glob("*") if each.name[0] != "."]
        if others:
            raise ValueError(
                f"{self.folder}: there is {others[0].name!r} in it, but no {MANIFEST} "
                "of a run that could go on. Name a new folder"
            )
        check_writable(self.folder / MANIFEST)
        return None

    def check_same(self, saved: dict[str, Any], current: dict[str, Any]) -> None:
        """Raise a ValueError if the folder is that of another run."""
        if differences := compare(saved, current, ("in its manifest", "now")):
            raise ValueError(
                f"{self.folder} was written by another run, so this one can't go on "
                "there. Name a new folder. What differs:\n" + "\n".join(differences)
            )

    @contextmanager
    def open(self, manifest: dict[str, Any]) -> Iterator[None]:
        """Make the folder, and keep other runs out of it while in the context.

        If nothing comes to be written, it isn't there afterwards either.

        Raises:
            ValueError: If another run is writing there.
        """
        is_new = not self.folder.exists()
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with lock_folder(self.folder):
                for leftover in self.folder.glob(".part-*"):  # of a run that was killed
                    leftover.unlink()
                if not (self.folder / MANIFEST).exists():
                    text = json.dumps(manifest, indent=2) + "\n"
                    write_atomically(self.folder / MANIFEST, text.encode())
                yield
        except BaseException:
            if is_new and not self._find():
                shutil.rmtree(self.folder)
            raise

    def has(self, number: int) -> bool:
        return self._name(number).exists()

    def write(self, number: int, table: "pyarrow.Table") -> None:
        """Write a part.

        Raises:
            OSError: If it can't be written; then it isn't there.
        """
        pa, pq = need("pyarrow", "apply"), need("pyarrow.parquet", "apply")
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        write_atomically(self._name(number), sink.getvalue().to_pybytes())

    def count(self) -> Counts:
        """Count what is written, as the files say."""
        pq = need("pyarrow.parquet", "apply")
        n_texts = n_errors = 0
        for path in self._find():
            part = pq.read_metadata(path)
            n_texts += part.num_rows
            column = part.schema.names.index("error")
            for group in range(part.num_row_groups):
                errors = part.row_group(group).column(column)
                n_errors += errors.statistics.num_values
        return Counts(n_texts, n_errors)

    def _find(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"))

    def _name(self, number: int) -> Path:
        return self.folder / f"part-{number:05}.parquet"
