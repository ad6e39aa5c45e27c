"""Read texts that fill a file each: in a folder, or in an archive as if it were one."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, cast

from spacy_rnn.corpora.files.lines import (
    BROKEN,
    Reading,
    RowErrors,
    TooLarge,
    damaged,
    decode_lines,
    has_suffix,
    read_whole,
)
from spacy_rnn.corpora.files.rows import find_files, is_hidden

ARCHIVE_SUFFIXES = (".zip", ".tgz", ".tar.gz")

Member = tuple[Path, str, BinaryIO]  # its path, its place in the folder, and itself


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
                with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                    data = read_whole(cast(BinaryIO, file), self.path, how)
            except BROKEN as error:
                what = f"{self.path}: damaged gzip data"
                raise damaged(error, what) from error
        # All of a file is one record: one wrong line is enough.
        errors: RowErrors = "replace" if how.errors == "replace" else "strict"
        whole = Reading(errors, max_size=how.max_size)
        return "".join(decode_lines(io.BytesIO(data), self.path, whole, newline=None))


def read_text_files(
    path: Path, suffixes: tuple[str, ...], how: Reading
) -> Iterator[TextFile]:
    """Read the files of a folder or an archive, one at a time.

    Args:
        path: A file, a folder with all its subfolders, an archive, or a folder in an
            archive, such as "news.zip/articles". Hidden files are not read.
        suffixes: The ends of the names that are read, in lower case.
        how: What becomes of a damaged archive, and of files that are too large.
    """
    archive = _find_archive(path)
    members = _open_files(path, suffixes)
    if archive is not None:
        members = _open_members(path, archive, suffixes)
    n_files = 0
    try:
        for file, place, stream in members:
            n_files += 1
            suffix = next(each for each in suffixes if has_suffix(file, each))
            try:
                data = read_whole(stream, file, how)
            except TooLarge as error:
                how.on_error(error)
            else:
                yield TextFile(file, place[: -len(suffix)], data)
    except BROKEN as error:
        how.on_error(damaged(error, f"{archive}: damaged archive"))
        return
    if not n_files:
        raise ValueError(f"{path}: no file in it ends in {', '.join(suffixes)}")


def check_folder(path: Path, suffixes: tuple[str, ...]) -> None:
    """Raise an error for a path that leads to nothing that could be read."""
    if _find_archive(path) is None:
        find_files(path, suffixes)


def _find_archive(path: Path) -> Path | None:
    for each in (path, *path.parents):
        if has_suffix(each, *ARCHIVE_SUFFIXES) and each.is_file():
            return each
    return None


def _open_files(path: Path, suffixes: tuple[str, ...]) -> Iterator[Member]:
    folder = path if path.is_dir() else path.parent
    for file in find_files(path, suffixes):
        with file.open("rb") as stream:
            yield file, file.relative_to(folder).as_posix(), stream


def _open_members(
    path: Path, archive: Path, suffixes: tuple[str, ...]
) -> Iterator[Member]:
    folder = path.relative_to(archive)

    def is_wanted(member: str) -> bool:
        place = PurePosixPath(member)
        return (
            has_suffix(place, *suffixes)
            and place.is_relative_to(folder)
            and not is_hidden(place)
        )

    open_all = _open_zip if has_suffix(archive, ".zip") else _open_tar
    for member, stream in open_all(archive, is_wanted):
        name = PurePosixPath(member).relative_to(folder).as_posix()
        yield archive / member, name, stream


def _open_zip(
    path: Path, is_wanted: Callable[[str], bool]
) -> Iterator[tuple[str, BinaryIO]]:
    with zipfile.ZipFile(path) as archive:
        files = [each.filename for each in archive.infolist() if not each.is_dir()]
        for name in sorted(filter(is_wanted, files), key=PurePosixPath):
            with archive.open(name) as stream:
                yield name, cast(BinaryIO, stream)


def _open_tar(
    path: Path, is_wanted: Callable[[str], bool]
) -> Iterator[tuple[str, BinaryIO]]:
    # Members come in the order of the archive, to unpack it only once.
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            if member.isfile() and is_wanted(member.name):
                file = archive.extractfile(member)
                assert file is not None  # it is a file
                yield member.name, cast(BinaryIO, file)
