import csv
import gzip
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spacy_rnn.distributed.texts import Texts, to_table

ROWS = [(f"a{i}", f'Text, "{i}"\nof two lines') for i in range(7)]


def write(path, rows):
    if path.suffix == ".parquet":
        ids, texts = zip(*rows, strict=True)
        pq.write_table(pa.table({"id": ids, "text": texts, "other": texts}), path)
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("id", "text"), *rows])
    else:
        lines = "".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in rows)
        data = lines.encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz", "t.csv", "t.parquet"])
def test_every_format_gives_the_same_texts_in_shards(tmp_path, name):
    texts = Texts(write(tmp_path / name, ROWS), text="text", id="id")
    assert texts.check() == (7, False)
    shards = list(texts.cut(3, has_numbers=False))
    assert [shard.number for shard in shards] == [0, 1, 2]
    assert [len(shard.texts) for shard in shards] == [3, 3, 1]
    found = [each[:2] for shard in shards for each in shard.texts]
    assert found == ROWS


def test_a_folder_is_read_file_by_file_and_rows_are_named_after_them(tmp_path):
    write(tmp_path / "b.csv", ROWS[:2])
    write(tmp_path / "a.jsonl", ROWS[:2])
    write(tmp_path / "c.parquet", ROWS[:2])
    (tmp_path / "notes.md").write_text("no texts")
    texts = Texts(tmp_path, text="text", id=None)
    texts.check()
    assert [each.id for each in texts] == [
        *("a.jsonl:1", "a.jsonl:2", "b.csv:2", "b.csv:4", "c.parquet:1", "c.parquet:2")
    ]


@pytest.mark.parametrize(
    ("ids", "has_numbers"),
    [([3, 1, 2], True), ([1, "a", 2], False), ([1, 2**70, 3], False)],
)
def test_ids_are_numbers_if_all_are(tmp_path, ids, has_numbers):
    path = write(tmp_path / "t.jsonl", [(each, None) for each in ids])
    texts = Texts(path, text="text", id="id")
    assert texts.check().has_numbers is has_numbers
    table = to_table(next(texts.cut(9, has_numbers=has_numbers)))
    assert table["id"].to_pylist() == (ids if has_numbers else list(map(str, ids)))
    assert table["text"].to_pylist() == [None] * 3


@pytest.mark.parametrize("ids", [[5, 6, 5], ["5", 6, 5]])
def test_an_id_that_occurs_twice_is_named_with_both_places(tmp_path, ids):
    path = write(tmp_path / "t.jsonl", [(each, "x") for each in ids])
    with pytest.raises(ValueError, match=r"t.jsonl:3: the id '5' is that of .*:1, too"):
        Texts(path, text="text", id="id").check()


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv", "t.parquet"])
@pytest.mark.parametrize("columns", [("body", "id"), ("text", "key")])
def test_a_column_that_is_not_there_is_named(tmp_path, name, columns):
    path = write(tmp_path / name, ROWS)
    absent = next(each for each in columns if each not in ("text", "id"))
    with pytest.raises(ValueError, match=rf"{name}.*no column '{absent}'; there is"):
        Texts(path, text=columns[0], id=columns[1]).check()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": 1, "text": 5}, "must be a string or null, got 5"),
        ({"id": None, "text": "x"}, "must be a string or a whole number, got None"),
        ({"id": True, "text": "x"}, "must be a string or a whole number, got True"),
        ({"id": "", "text": "x"}, "must be a string or a whole number, got ''"),
    ],
)
def test_a_wrong_value_is_an_error_with_its_line(tmp_path, row, message):
    path = write(tmp_path / "t.jsonl", ROWS[:1])
    with path.open("a") as file:
        file.write(json.dumps(row))
    with pytest.raises(ValueError, match=rf"t.jsonl:2: .*{message}"):
        Texts(path, text="text", id="id").check()


@pytest.mark.parametrize("name", ["t.csv", "t.tsv.gz"])
def test_an_empty_cell_is_no_text_as_in_what_pandas_writes(tmp_path, name):
    frame = pd.DataFrame({"text": ["Ada", None, " "], "n": [1, 2, 3]})
    for columns in (["text", "n"], ["text"]):
        separator = "," if name == "t.csv" else "\t"
        frame.to_csv(tmp_path / name, columns=columns, sep=separator, index=False)
        found = list(Texts(tmp_path / name, text="text", id=None))
        assert [each.text for each in found] == ["Ada", None, " "]


@pytest.mark.parametrize("name", ["t.jsonl", "t.parquet"])
def test_an_empty_text_is_one_where_null_is_something_else(tmp_path, name):
    path = write(tmp_path / name, [("a", ""), ("b", None)])
    assert [each.text for each in Texts(path, text="text", id="id")] == ["", None]


def test_no_text_and_a_damaged_file_are_errors(tmp_path):
    empty, damaged = tmp_path / "e.jsonl", tmp_path / "d.parquet"
    empty.touch()
    damaged.write_bytes(b"PAR1 not at all")
    with pytest.raises(ValueError, match="e.jsonl: there is no text in it"):
        Texts(empty, text="text", id=None).check()
    with pytest.raises(ValueError, match="d.parquet: damaged Parquet file"):
        Texts(damaged, text="text", id=None).check()


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv"])
def test_what_is_no_unicode_is_refused_or_replaced(tmp_path, name):
    path = tmp_path / name
    rows = {"t.jsonl": b'{"text": "caf\xe9"}\n', "t.csv": b"text\ncaf\xe9\n"}
    path.write_bytes(rows[name])
    with pytest.raises(ValueError, match='0xe9 is not UTF-8; errors = "replace"'):
        Texts(path, text="text", id=None).check()
    (found,) = Texts(path, text="text", id=None, errors="replace")
    assert found.text == "caf\ufffd"
