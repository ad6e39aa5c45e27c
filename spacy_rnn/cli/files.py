"""Files that commands write."""

from collections.abc import Iterable
from pathlib import Path

from spacy_rnn.atomic import check_writable
from spacy_rnn.cli.readers import SUFFIXES
from spacy_rnn.corpora.files.lines import has_suffix


def check_file(
    path: Path, *suffixes: str, inputs: Iterable[Path] = (), force: bool = True
) -> None:
    """Raise an error for a file that can't be written or shouldn't be, before the work.

    Args:
        path: The file.
        suffixes: What its name may end in; none: anything.
        inputs: The files, or folders of them, that are read.
        force: Whether to replace it if it is there.
    """
    if suffixes and path.suffix not in suffixes:
        endings = "one of " * (len(suffixes) > 1) + ", ".join(suffixes)
        raise ValueError(f"{path}: the output must end in {endings}")
    if path.is_dir():
        raise ValueError(f"{path}: the output is a folder")
    may_be_read = has_suffix(path, *SUFFIXES)
    check_apart(path, (each for each in inputs if may_be_read or not each.is_dir()))
    if path.exists() and not force:
        raise ValueError(f"{path}: the file is there already; --force replaces it")
    check_writable(path)


def check_apart(path: Path, inputs: Iterable[Path]) -> None:
    """Raise a ValueError for an output that is read, now or the next time."""
    target = path.resolve()
    for each in map(Path.resolve, inputs):
        is_within = each.is_dir() and target.is_relative_to(each)
        if is_within or each.is_relative_to(target):
            raise ValueError(
                f"{path}: the output is one of the files to read, or would be one the "
                "next time. Write it elsewhere"
            )
