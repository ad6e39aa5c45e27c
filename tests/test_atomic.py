"""Files and folders that at no moment are there in part."""

import pytest

from spacy_rnn import atomic


@pytest.fixture(params=["exchange", "rename"])
def way(request, monkeypatch):
    """Replace folders as systems with and without an exchange of names do."""
    if request.param == "rename":
        monkeypatch.setattr(atomic, "find_renameat2", lambda: None)
    elif atomic.find_renameat2() is None:
        pytest.skip("this system can't exchange two names")


def make_folder(path, content):
    path.mkdir()
    (path / "file").write_text(content)
    return path


def test_a_folder_takes_the_place_of_another(way, tmp_path):
    old, new = make_folder(tmp_path / "a", "old"), make_folder(tmp_path / "b", "new")
    atomic.replace_folder(new, old)
    assert (tmp_path / "a" / "file").read_text() == "new"
    assert (tmp_path / "b" / "file").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_takes_an_empty_place(way, tmp_path):
    new = make_folder(tmp_path / "b", "new")
    atomic.replace_folder(new, tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_was_renamed_aside_comes_back(tmp_path):
    path = tmp_path / "a"
    make_folder(atomic.aside_of(path), "old")
    make_folder(atomic.neighbour(path), "new, perhaps in part")
    atomic.recover(path)
    assert (path / "file").read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_leftovers_of_a_replacement_that_was_done_go(tmp_path):
    path = make_folder(tmp_path / "a", "new")
    make_folder(atomic.aside_of(path), "old")
    atomic.neighbour(path).with_suffix(".1").write_text("half a file")
    atomic.recover(path)
    assert (path / "file").read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path, monkeypatch):
    def fail(path):
        raise OSError

    path = tmp_path / "file"
    atomic.write_atomically(path, b"old")
    monkeypatch.setattr(atomic, "sync", fail)
    with pytest.raises(OSError):  # noqa: PT011
        atomic.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
