"""Files and folders that at no moment are there in part.

What is new is written beside its place, under a hidden name, synced, and renamed.
"""

import ctypes
import os
import shutil
from functools import cache
from pathlib import Path
from typing import Any

AT_FDCWD = -100  # Linux: paths are relative to the working directory
RENAME_EXCHANGE = 2


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


def replace_folder(new: Path, path: Path) -> None:
    """Put a folder in the place of another, which then has the name of the first.

    Where the system can exchange two names, there is one of the two at every moment.
    Elsewhere the old one is renamed aside first; `recover` brings it back should the
    program be killed just then.
    """
    for file in new.rglob("*"):
        sync(file)
    sync(new)
    if not path.exists():
        new.rename(path)
    elif not exchange(new, path):
        aside = aside_of(path)
        path.rename(aside)
        try:
            new.rename(path)
        except OSError:
            aside.rename(path)
            raise
        aside.rename(new)
    sync(path.parent)


def recover(path: Path) -> None:
    """Bring back the folder that was to be replaced when a program was killed."""
    aside = aside_of(path)
    if aside.exists() and not path.exists():
        aside.rename(path)
    for leftover in path.parent.glob(f".{path.name}.*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def aside_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def exchange(a: Path, b: Path) -> bool:
    """Exchange two names in one step, or return False where that can't be."""
    renameat2 = find_renameat2()
    if renameat2 is None:
        return False
    names = os.fsencode(a), os.fsencode(b)
    return renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0


@cache
def find_renameat2() -> Any:
    """Return Linux's function for it, None elsewhere."""
    if os.name != "posix":
        return None
    function = getattr(ctypes.CDLL(None), "renameat2", None)
    if function is not None:
        function.argtypes = (
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_uint,
        )
    return function


def sync(path: Path) -> None:
    """Wait until the disk has a file, or the list of the files in a folder."""
    if os.name == "nt" and path.is_dir():
        return  # folders can't be opened there
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
