"""Files and folders that at no moment are there in part.

What is new is written beside its place, under a hidden name, synced, and renamed.
"""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file, or leave what is there as it was.

    Links are followed, and mode and owner kept. What is no plain file, such as a pipe,
    is written to.

    Raises:
        OSError: If it can't be written, under the name that was given.
    """
    with named(path):
        stream = find_stream(path)
        if stream is not None:
            with open(stream, "wb", closefd=isinstance(stream, Path)) as file:
                file.write(data)
            return
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = neighbour(target)
        try:
            make_like(temporary, target)
            temporary.write_bytes(data)
            sync(temporary)
            temporary.replace(target)
            sync(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Raise an OSError if a file can't be written, before the work that it is for."""
    with named(path):
        if find_stream(path) is None:
            target = path.resolve()
            folder = next(each for each in target.parents if each.exists())
            temporary = neighbour(folder / target.name)
            make_like(temporary, target)
            temporary.unlink()


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Let errors of the system name a path, and not what stands for it meanwhile."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def find_stream(path: Path) -> Path | int | None:
    """Return what to open where a path leads to no plain file that can be replaced.

    Of a file that is the program's own output, that is its descriptor.
    """
    if not path.exists() or path.is_dir():
        return None
    status = path.stat()
    for descriptor in (1, 2):
        with suppress(OSError):  # closed
            if os.path.samestat(status, os.fstat(descriptor)):
                return descriptor
    return None if stat.S_ISREG(status.st_mode) else path


def make_like(new: Path, old: Path) -> None:
    """Make an empty file, with the mode and the owner of another if that is there.

    Raises:
        OSError: If it can't be made, or the other one couldn't be written.
    """
    if not old.exists():
        new.touch()
        return
    if old.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(old))
    if not os.access(old, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(old))
    status = old.stat()
    new.touch(mode=0o600)
    if hasattr(os, "chown"):
        with suppress(PermissionError):  # only root may give a file away
            os.chown(new, status.st_uid, status.st_gid)
    new.chmod(stat.S_IMODE(status.st_mode))


def neighbour(path: Path) -> Path:
    """Name a place beside a path. It is hidden, so that no reader finds it."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def write_folder(path: Path, write: Callable[[Path], object]) -> None:
    """Write a folder, or leave what is there as it was. Links are followed.

    A folder can't be renamed onto another one, so the old one is renamed aside first.
    `recover` brings it back should the program be killed just then.

    Args:
        path: The folder.
        write: What makes a folder of this content, given a path that isn't there.
    """
    path = path.resolve()
    temporary = neighbour(path)
    try:
        write(temporary)
        if path.exists():
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
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
    path = path.resolve()
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
