"""Files and folders that at no moment are there in part."""

import pytest

from spacy_rnn import atomic


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
        raise OSError

    path = tmp_path / "file"
    atomic.write_atomically(path, b"old")
    monkeypatch.setattr(atomic, "sync", fail)
    with pytest.raises(OSError):  # noqa: PT011
        atomic.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]
