"""Files and folders that at no moment are there in part."""

import os
import subprocess
import sys
import threading

import pytest

from spacy_rnn import atomic

DEVNULL = atomic.Path(os.devnull)


def make_folder(path, content):
    path.mkdir()
    (path / "file").write_text(content)
    return path


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def test_a_folder_takes_the_place_of_another(tmp_path):
    path = make_folder(tmp_path / "a", "old")
    atomic.write_folder(path, lambda new: make_folder(new, "new"))
    assert (path / "file").read_text() == "new"
    assert names_in(tmp_path) == ["a"]


def test_a_folder_takes_an_empty_place(tmp_path):
    atomic.write_folder(tmp_path / "a", lambda new: make_folder(new, "new"))
    assert (tmp_path / "a" / "file").read_text() == "new"
    assert names_in(tmp_path) == ["a"]


@pytest.mark.parametrize("step", range(2))
def test_a_folder_that_cannot_be_renamed_leaves_the_old_one(
    tmp_path, monkeypatch, step
):
    def rename(old, new):
        nonlocal step
        step -= 1
        if step == -1:
            raise OSError("no renaming")
        original(old, new)

    path = make_folder(tmp_path / "a", "old")
    original = atomic.Path.rename
    monkeypatch.setattr(atomic.Path, "rename", rename)
    with pytest.raises(OSError, match="no renaming"):
        atomic.write_folder(path, lambda new: make_folder(new, "new"))
    assert (path / "file").read_text() == "old"
    assert names_in(tmp_path) == ["a"]


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_folder_is_written_where_a_program_was_killed_between_two_renames(
    tmp_path, is_replaced
):
    path = tmp_path / "a"
    make_folder(atomic.aside_of(path), "old")
    if is_replaced:
        make_folder(path, "newer")
    atomic.write_folder(path, lambda new: make_folder(new, "newest"))
    assert (path / "file").read_text() == "newest"
    assert names_in(tmp_path) == ["a"]


def test_a_folder_that_was_renamed_aside_comes_back(tmp_path):
    path = tmp_path / "a"
    make_folder(atomic.aside_of(path), "old")
    make_folder(atomic.neighbour(path), "new, perhaps in part")
    atomic.recover(path)
    assert (path / "file").read_text() == "old"
    assert names_in(tmp_path) == ["a"]


def test_leftovers_of_a_replacement_that_was_done_go(tmp_path):
    path = make_folder(tmp_path / "a", "new")
    make_folder(atomic.aside_of(path), "old")
    atomic.neighbour(path).with_suffix(".1").write_text("half a file")
    atomic.recover(path)
    assert (path / "file").read_text() == "new"
    assert names_in(tmp_path) == ["a"]


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path, monkeypatch):
    def fail(path):
        raise OSError("what no number stands for")

    path = tmp_path / "file"
    atomic.write_atomically(path, b"old")
    monkeypatch.setattr(atomic, "sync", fail)
    with pytest.raises(OSError, match="what no number stands for"):
        atomic.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_a_pipe_is_written_to(tmp_path):
    path, found = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: found.append(path.read_bytes()))
    reader.start()
    atomic.check_writable(path)
    atomic.write_atomically(path, b"data")
    reader.join()
    assert found == [b"data"]
    assert path.is_fifo()


@pytest.mark.skipif(os.name == "nt", reason="/dev is not there")
def test_a_device_is_written_to():
    before = DEVNULL.stat()
    atomic.write_atomically(DEVNULL, b"data")
    assert os.path.samestat(DEVNULL.stat(), before)


@pytest.mark.skipif(os.name == "nt", reason="/dev is not there")
def test_the_output_of_the_program_is_written_to_also_if_it_is_a_file(tmp_path):
    code = (
        "from pathlib import Path; from spacy_rnn.atomic import write_atomically\n"
        "print('before', flush=True)\n"
        "write_atomically(Path('/dev/stdout'), b'data\\n')\n"
        "print('after')"
    )
    with (tmp_path / "out").open("w") as stream:
        subprocess.run([sys.executable, "-c", code], stdout=stream, check=True)
    assert (tmp_path / "out").read_text().split() == ["before", "data", "after"]


def test_folders_of_a_file_are_made(tmp_path):
    path = tmp_path / "new" / "deep" / "file"
    atomic.write_atomically(path, b"content")
    assert path.read_bytes() == b"content"
    assert names_in(path.parent) == ["file"]


def test_links_are_followed(tmp_path):
    (tmp_path / "far").mkdir()
    make_folder(tmp_path / "far" / "folder", "old")
    for name in ("file", "folder"):
        (tmp_path / name).symlink_to(tmp_path / "far" / name)
    for content in ("one", "two"):
        atomic.write_atomically(tmp_path / "file", content.encode())
        atomic.write_folder(
            tmp_path / "folder", lambda new, content=content: make_folder(new, content)
        )
        assert (tmp_path / "far" / "file").read_text() == content
        assert (tmp_path / "far" / "folder" / "file").read_text() == content
    assert (tmp_path / "file").is_symlink()
    assert (tmp_path / "folder").is_symlink()
    assert sorted(names_in(tmp_path / "far")) == ["file", "folder"]


@pytest.mark.skipif(os.name == "nt", reason="there are no such modes")
def test_modes_and_owners_are_kept(tmp_path):
    path, folder = tmp_path / "file", make_folder(tmp_path / "folder", "old")
    path.write_text("old")
    path.chmod(0o600)
    folder.chmod(0o700)
    if os.getuid() == 0:
        os.chown(path, 1234, 1234)
    before = path.stat()
    atomic.write_atomically(path, b"new")
    atomic.write_folder(folder, lambda new: make_folder(new, "new"))
    after = path.stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert path.read_text() == "new"


def test_a_place_that_cannot_be_written_is_named_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "below"):
        with pytest.raises(OSError, match=str(path)):
            atomic.check_writable(path)
    atomic.check_writable(tmp_path / "new" / "deep" / "file")
    atomic.check_writable(tmp_path / "file")
    assert names_in(tmp_path) == ["file"]
