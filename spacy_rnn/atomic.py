"""Files and folders that at no moment are there in part.

What is new is written beside its place, under a hidden name, synced, and renamed.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file, or leave what is there as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = neighbour(path)
    try:
        temporary.write_bytes(data)
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def neighbour(path: Path) -> Path:
    """Name a place beside a path. It is hidden, so that no reader finds it."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def write_folder(path: Path, write: Callable[[Path], object]) -> None:
    """Write a folder, or leave what is there as it was.

    A folder can't be renamed onto another one, so the old one is renamed aside first.
    `recover` brings it back should the program be killed just then.

    Args:
        path: The folder.
        write: What makes a folder of this content, given a path that isn't there.
    """
    temporary = neighbour(path)
    try:
        write(temporary)
        for file in temporary.rglob("*"):
            sync(file)
        sync(temporary)
        replace_folder(temporary, path)
    except OSError as error:
        error.add_note(f"{path} could not be written, and is as it was")
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_folder(new: Path, path: Path) -> None:
    """Rename a folder to a name that another one may have, which is deleted."""
    bring_back(path)
    aside = aside_of(path)
    if path.exists():
        path.rename(aside)
    try:
        new.rename(path)
    except OSError:
        bring_back(path)
        raise
    sync(path.parent)
    shutil.rmtree(aside, ignore_errors=True)


def recover(path: Path) -> None:
    """Tidy up after a program that was killed while it wrote a file or folder."""
    bring_back(path)
    for leftover in path.parent.glob(f".{path.name}.*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def bring_back(path: Path) -> None:
    """Give a folder that was renamed aside its name again, unless another has it."""
    aside = aside_of(path)
    if path.exists():
        shutil.rmtree(aside, ignore_errors=True)
    elif aside.exists():
        aside.rename(path)


def aside_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def sync(path: Path) -> None:
    """Wait until the disk has a file, or the list of the files in a folder."""
    if os.name == "nt" and path.is_dir():
        return  # folders can't be opened there
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
