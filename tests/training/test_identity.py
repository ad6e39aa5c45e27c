"""What tells the data of one run from that of another."""

import pytest
from thinc.api import Config

from spacy_rnn.training.identity import data_settings, digest, identify


def test_a_change_behind_a_link_is_a_change_of_the_folder(tmp_path):
    folder, other = tmp_path / "data", tmp_path / "other"
    for each in (folder, other):
        each.mkdir()
        (each / "a.txt").write_text("One.")
    (folder / "link").symlink_to(other)
    (folder / "loop").symlink_to(folder)
    before = digest(folder)
    assert digest(folder) == before
    (other / "a.txt").write_text("Two.")
    assert digest(folder) != before
    assert digest(folder / "a.txt") != digest(other / "a.txt")


def test_a_file_that_is_renamed_or_left_out_is_a_change_of_the_folder(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    before = digest(tmp_path)
    (tmp_path / "b.txt").rename(tmp_path / "c.txt")  # in the same order
    renamed = digest(tmp_path)
    (tmp_path / "c.txt").unlink()
    assert len({before, renamed, digest(tmp_path)}) == 3


@pytest.mark.parametrize(
    ("section", "value", "is_data"),
    [
        ({"path": "here"}, "here", True),
        ({"target_path": ["there.txt", "here"]}, "here", True),
        ({"vectors": "here"}, "here", True),
        ({"list": "./here"}, "./here", True),
        ({"list": "here.txt"}, "here.txt", True),
        ({"extension": "here"}, "here", False),
        ({"target_column": "here"}, "here", False),
        ({"labels": ["there", "here"]}, "here", False),
        ({"path": "nowhere"}, "nowhere", False),
    ],
)
def test_a_word_is_no_file_because_there_is_one_of_that_name(
    section, value, is_data, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "here.txt").touch()
    config = {"corpora": {"train": section}}
    found = [each for _, each in data_settings(config)]
    assert found == ([value] if is_data else [])


def test_a_change_of_one_of_several_files_is_a_change_of_the_run(tmp_path):
    paths = [tmp_path / "1.txt", tmp_path / "2.txt"]
    for path in paths:
        path.write_text("One.")
    config = Config({"corpora": {"train": {"target_path": list(map(str, paths))}}})
    before = identify(config)
    paths[1].write_text("Two.")
    after = identify(config)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"corpora.train.target_path.1"}
