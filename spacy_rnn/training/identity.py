"""What makes two runs the same: their configs, their data, and the versions."""

import hashlib
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from thinc.api import Config

from spacy_rnn.corpora.files.rows import shorten, walk_folder

# What a run may go on with, although it was started with something else.
FREE = (
    "paths.",  # what they stand for is in the settings that use them
    "training.max_steps",
    "training.max_epochs",
    "training.patience",
    "training.logger.",
    "training.gpu_allocator",
)
DATA = ("corpora.", "initialize.")
# What the name of a setting has whose value is a file or folder, though it looks like a
# word. A column or an extension can be called as a folder that happens to be there.
PLACES = ("path", "file", "folder", "dir", "data", "vectors", "tok2vec", "source")
PACKAGES = ("spacy-rnn", "spacy", "thinc", "torch", "numpy")


def identify(config: Config, n_ranks: int = 1) -> dict[str, Any]:
    """Describe a run: its settings, with files by content, and the versions.

    Args:
        config: The full config, interpolated.
        n_ranks: How many processes train together.
    """
    identity: dict[str, Any] = {"number of ranks": n_ranks}
    for name, value in flatten(config):
        if not name.startswith(FREE):
            identity[name] = value
    for name, value in data_settings(config):
        identity[name] = digest(Path(value))
    for package in PACKAGES:
        identity[f"version of {package}"] = version(package)
    return identity


def flatten(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each setting of a config, and each value of a list, with a dotted name."""
    for name, value in values.items():
        if isinstance(value, list):
            value = {str(i): each for i, each in enumerate(value)}
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def data_settings(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the settings that name a file or folder to read, with dotted names.

    Args:
        config: The config, interpolated.
    """
    for name, value in flatten(config):
        is_data = name.startswith(DATA) or name.endswith(".source")
        if is_data and isinstance(value, str) and is_path(name, value):
            yield name, value


def digest(path: Path) -> str:
    """Return a checksum of a file or folder."""
    files = [path] if path.is_file() else walk_folder(path)
    total = hashlib.sha256()
    for file in files:
        if file.is_file():  # no link to nothing
            total.update(str(file.relative_to(path)).encode())
            with file.open("rb") as stream:
                total.update(hashlib.file_digest(stream, "sha256").digest())
    return f"content {total.hexdigest()}"


def is_path(name: str, value: str) -> bool:
    """Tell whether the value of a setting is a file or folder that is there."""
    named = re.sub(r"(\.\d+)+$", "", name).rpartition(".")[2]
    if not (re.search(r"[./\\]", value) or any(each in named for each in PLACES)):
        return False
    try:
        return Path(value).exists()
    except (OSError, ValueError):  # too long, or with characters that no path has
        return False


def check_same(saved: dict[str, Any], current: dict[str, Any]) -> None:
    """Raise a ValueError if a run isn't the one that a checkpoint was made by."""
    saved = {name: value for name, value in saved.items() if not name.startswith(FREE)}
    if differences := compare(saved, current, ("in the checkpoint", "now")):
        raise ValueError(
            "The checkpoint was made by another run, so this one can't go on from it. "
            "What differs:\n" + "\n".join(differences)
        )


def check_alike(states: list[dict[str, Any]]) -> None:
    """Raise a ValueError if not all ranks have the same; each has a state."""
    for rank, state in enumerate(states):
        if differences := compare(states[0], state, ("on rank 0", f"on rank {rank}")):
            raise ValueError(
                "The processes that train together differ, so they can't. What "
                "differs:\n" + "\n".join(differences)
            )


def compare(
    first: dict[str, Any], second: dict[str, Any], places: tuple[str, str]
) -> list[str]:
    """Say where two descriptions differ, given where they come from."""
    return [
        f"  {name}: {shorten(first.get(name))} {places[0]}, "
        f"{shorten(second.get(name))} {places[1]}"
        for name in sorted(first.keys() | second.keys())
        if first.get(name) != second.get(name)
    ]
