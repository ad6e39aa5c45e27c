import errno
import os
from pathlib import Path

import pyarrow as pa
import pytest

from spacy_rnn.distributed.parts import Parts


def table(*errors):
    columns = {"id": list(range(len(errors))), "error": pa.array(errors, pa.string())}
    return pa.table(columns)


def test_counts_are_those_of_the_files(tmp_path):
    parts = Parts(tmp_path)
    parts.write(0, table(None, "no text"))
    parts.write(1, table(None))
    parts.write(2, table("no text", "no text"))
    assert parts.count() == (5, 3)
    assert [parts.has(n) for n in range(4)] == [True, True, True, False]


def test_a_full_disk_leaves_no_part_by_half(tmp_path, monkeypatch):
    parts = Parts(tmp_path)
    parts.write(0, table(None))

    def fill_disk(path, data):
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", fill_disk)
    with pytest.raises(OSError, match=r"No space left.*part-00001.parquet"):
        parts.write(1, table(None))
    assert [each.name for each in tmp_path.iterdir()] == ["part-00000.parquet"]


def test_a_run_that_writes_nothing_leaves_no_folder(tmp_path):
    parts = Parts(tmp_path / "out")
    with pytest.raises(OSError, match="no cluster"), parts.open({}):
        raise OSError("no cluster")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_was_there_stays_though_nothing_is_written(tmp_path):
    (tmp_path / ".mine").touch()
    with pytest.raises(OSError, match="no cluster"), Parts(tmp_path).open({}):
        raise OSError("no cluster")
    assert (tmp_path / ".mine").exists()


def test_a_run_that_fails_later_keeps_what_is_written(tmp_path):
    parts = Parts(tmp_path / "out")

    def run():
        with parts.open({"model": "a"}):
            parts.write(0, table(None))
            raise OSError("no cluster")

    with pytest.raises(OSError, match="no cluster"):
        run()
    assert parts.has(0)
    assert parts.read_manifest() == {"model": "a"}


def test_what_a_killed_run_left_is_removed(tmp_path):
    (tmp_path / ".part-00003.parquet.17").write_bytes(b"PAR1")
    with Parts(tmp_path).open({}):
        assert not list(tmp_path.glob(".part*"))


def test_two_runs_do_not_write_to_one_folder(tmp_path):
    opened = Parts(tmp_path).open({})
    with opened, pytest.raises(ValueError, match="Another run is writing"):
        Parts(tmp_path).open({}).__enter__()


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"there is 'notes.txt' in it, but no .man"):
        Parts(tmp_path).read_manifest()
    with pytest.raises(ValueError, match="the output must be a folder"):
        Parts(tmp_path / "notes.txt").read_manifest()
