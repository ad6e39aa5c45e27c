"""A lock that one process at a time can have, and that ends with it."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

NAME = ".lock"
TAKEN = (errno.EACCES, errno.EAGAIN)


@contextmanager
def lock_folder(path: Path) -> Iterator[None]:
    """Keep other processes that ask for it out of a folder.

    The system gives the lock back when the process ends, however that comes about. Its
    file stays, empty. Where a file system knows no locks, nobody is kept out.

    Raises:
        ValueError: If another process has the lock.
    """
    with (path / NAME).open("ab") as stream:
        try:
            acquire(stream)
        except OSError as error:
            if error.errno in TAKEN:
                raise ValueError(
                    f"Another run is writing to {path}. Stop it or let it end first, "
                    "or choose another output folder."
                ) from None
        yield


def acquire(stream: IO[bytes]) -> None:
    """Lock an open file until it is closed.

    Raises:
        OSError: If it is locked already, or can't be.
    """
    if sys.platform == "win32":
        import msvcrt

        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
