"""Read texts that fill a file each: in a folder, or in an archive as if it were one."""

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from spacy_rnn.corpora.files.lines import (
    DamagedFile,
    Reading,
    decode_lines,
    has_suffix,
)
from spacy_rnn.corpora.files.rows import find_files, is_hidden

ARCHIVE_SUFFIXES = (".zip", ".tgz", ".tar.gz")

# What the modules that read archives raise for one that is not whole, or locked, or
# packed in a way that they don't know.
BROKEN = (
    EOFError,
    RuntimeError,
    gzip.BadGzipFile,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


class TextFile(NamedTuple):
    """A file that was read, but not yet decoded."""

    path: Path  # below that of the archive for a file in an archive
    name: str  # its place in the folder or archive, without the suffix
    data: bytes

    def decode(self, how: Reading) -> str:
        r"""Return the text, with "\n" at the ends of lines."""
        data = self.data
        if has_suffix(self.path, ".gz"):
            try:
                data = gzip.decompress(data)
            except BROKEN as error:
                raise DamagedFile(f"{self.path}: damaged gzip data: {error}") from error
        # All of a file is one record: one wrong line is enough.
        whole = Reading("replace" if how.errors == "replace" else "strict")
        return "".join(decode_lines(io.BytesIO(data), self.path, whole, newline=None))


def read_text_files(
    path: Path, suffixes: tuple[str, ...], how: Reading
) -> Iterator[TextFile]:
    """Read the files of a folder or an archive, one at a time.

    Args:
        path: A file, a folder with all its subfolders, an archive, or a folder in an
            archive, such as "news.zip/articles". Hidden files are not read.
        suffixes: The ends of the names that are read, in lower case.
        how: What becomes of a damaged archive.
    """
    for file, place, data in _read_bytes(path, suffixes, how):
        suffix = max((s for s in suffixes if has_suffix(file, s)), key=len)
        yield TextFile(file, place[: -len(suffix)], data)


def check_folder(path: Path, suffixes: tuple[str, ...]) -> None:
    """Raise an error for a path that leads to nothing that could be read."""
    if _find_archive(path) is None:
        find_files(path, suffixes)


def _find_archive(path: Path) -> Path | None:
    for each in (path, *path.parents):
        if has_suffix(each, *ARCHIVE_SUFFIXES) and each.is_file():
            return each
    return None


def _read_bytes(
    path: Path, suffixes: tuple[str, ...], how: Reading
) -> Iterator[tuple[Path, str, bytes]]:
    """Read the path, the place in the folder and the content of each file."""
    archive = _find_archive(path)
    if archive is None:
        folder = path if path.is_dir() else path.parent
        for file in find_files(path, suffixes):
            yield file, file.relative_to(folder).as_posix(), file.read_bytes()
        return
    folder = path.relative_to(archive)
    n_files = 0

    def is_wanted(member: str) -> bool:
        place = PurePosixPath(member)
        return (
            has_suffix(place, *suffixes)
            and place.is_relative_to(folder)
            and not is_hidden(place)
        )

    read = _read_zip if has_suffix(archive, ".zip") else _read_tar
    try:
        for member, data in read(archive, is_wanted):
            n_files += 1
            name = PurePosixPath(member).relative_to(folder).as_posix()
            yield archive / member, name, data
    except BROKEN as error:
        how.on_error(DamagedFile(f"{archive}: damaged archive: {error}"))
        return
    if not n_files:
        raise ValueError(f"{path}: no file in it ends in {', '.join(suffixes)}")


def _read_zip(
    path: Path, is_wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(filter(is_wanted, archive.namelist()), key=PurePosixPath):
            yield name, archive.read(name)


def _read_tar(
    path: Path, is_wanted: Callable[[str], bool]
) -> Iterator[tuple[str, bytes]]:
    # Members come in the order of the archive, to unpack it only once.
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            if member.isfile() and is_wanted(member.name):
                file = archive.extractfile(member)
                assert file is not None  # it is a file
                yield member.name, file.read()
