"""What tells the data of one run from that of another."""

from spacy_rnn.training.identity import digest


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
