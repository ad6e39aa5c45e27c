import csv
import errno
import gzip
import io
import json
from pathlib import Path

import pytest

from spacy_rnn.corpora.files.lines import Reading, decode_lines
from spacy_rnn.corpora.files.rows import find_files, read_csv, read_jsonl
from spacy_rnn.corpora.texts.records import TEXT_SUFFIXES, read_records


def write(path: Path, content: str | bytes) -> Path:
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    path.write_bytes(data)
    return path


def read(path: Path, errors="strict", **options):
    records = read_records(path, Reading(errors), **options)
    return [(r.text, r.labels, r.cats) for r in records]


def test_jsonl_reads_a_label_a_list_and_a_mapping(tmp_path):
    path = write(
        tmp_path / "a.jsonl",
        '{"text": "a", "label": "x"}\n'
        '{"text": "b", "label": ["x", "y"]}\n'
        '{"text": "c", "label": []}\n'
        '{"text": "d", "label": {"x": 1, "y": false, "z": 0.0}}\n',
    )
    assert read(path) == [
        ("a", ("x",), None),
        ("b", ("x", "y"), None),
        ("c", (), None),
        ("d", None, {"x": 1.0, "y": 0.0, "z": 0.0}),
    ]


@pytest.mark.parametrize("column", ["label", "labels", "cats"])
def test_the_label_column_is_found_by_its_name(tmp_path, column):
    row = {"text": "a", column: {"x": True}, "id": 7}
    path = write(tmp_path / "a.jsonl", json.dumps(row))
    assert read(path) == [("a", None, {"x": 1.0})]


def test_integers_and_booleans_are_labels_as_json_spells_them(tmp_path):
    path = write(
        tmp_path / "a.jsonl",
        "".join(json.dumps({"text": "a", "label": x}) + "\n" for x in (3, True, False)),
    )
    assert [labels for _, labels, _ in read(path)] == [("3",), ("true",), ("false",)]


def test_named_columns_are_read_and_others_ignored(tmp_path):
    path = write(tmp_path / "a.csv", "id,review,cats,stars\n1,good,{broken,5\n")
    options = {"text_column": "review", "label_column": "stars"}
    assert read(path, **options) == [("good", ("5",), None)]


def test_cells_of_labels_and_cats_are_a_list_and_a_mapping(tmp_path):
    path = write(tmp_path / "a.csv", "text,labels\na,x | y\nb,\nc, \nd,z\n")
    assert [labels for _, labels, _ in read(path)] == [("x", "y"), (), (), ("z",)]
    path = write(tmp_path / "a.tsv", 'text\tcats\na\t"{""x"": 1, ""y"": 0}"\n')
    assert read(path) == [("a", None, {"x": 1.0, "y": 0.0})]


def test_files_without_labels_are_read(tmp_path):
    assert read(write(tmp_path / "a.csv", "text,id\na,1\n")) == [("a", None, None)]
    assert read(write(tmp_path / "a.jsonl", '{"text": ""}')) == [("", None, None)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_byte_order_mark_line_ends_and_blank_lines_make_no_difference(
    tmp_path, start, end
):
    csv_lines = ["text,label", "  ", "é,x", "b,y", ""]
    json_lines = ["", '{"text": "é", "label": "x"}', "  ", '{"text":"b","label":"y"}']
    a_csv = write(tmp_path / "a.csv", start + end.join(csv_lines))
    a_json = write(tmp_path / "a.jsonl", start + end.join(json_lines))
    expected = [("é", ("x",), None), ("b", ("y",), None)]
    assert read(a_csv) == read(a_json) == expected
    assert [r.location.line for r in read_records(a_csv, Reading())] == [3, 4]
    assert [r.location.line for r in read_records(a_json, Reading())] == [2, 4]


def test_white_space_is_a_cell_where_there_is_but_one_column(tmp_path):
    path = write(tmp_path / "a.csv", " \ntext\na\n \n\nb\n")
    rows = list(read_csv(path, Reading()))
    assert [(at.line, row["text"]) for at, row in rows] == [
        (3, "a"),
        (4, " "),
        (6, "b"),
    ]


def test_separators_of_unicode_do_not_end_a_line(tmp_path):
    text = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg"
    row = json.dumps({"text": text}, ensure_ascii=False)
    assert read(write(tmp_path / "a.jsonl", row)) == [(text, None, None)]
    assert read(write(tmp_path / "a.csv", f"text,id\n{text},1")) == [(text, None, None)]


def test_a_carriage_return_alone_is_white_space_in_json(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text":\r"a"}\r\n{"text": "b"}\r\n')
    records = list(read_records(path, Reading()))
    assert [(r.text, r.location.line) for r in records] == [("a", 1), ("b", 2)]


def test_a_quoted_cell_holds_line_breaks_and_is_located_where_it_begins(tmp_path):
    path = write(tmp_path / "a.csv", 'text,label\n"a\r\n""b"",\n",x\nc,y\n')
    records = list(read_records(path, Reading()))
    assert [r.text for r in records] == ['a\r\n"b",\n', "c"]
    assert [str(r.location) for r in records] == [f"{path}:2", f"{path}:5"]


def test_long_cells_are_read(tmp_path):
    text = "word " * 50_000
    assert len(text) > 131_072  # what Python's csv module allows by default
    csv.field_size_limit(131_072)
    path = write(tmp_path / "a.csv", f"text,label\n{text},x\n")
    assert read(path) == [(text, ("x",), None)]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_header_says_what_separates_cells(tmp_path, suffix, separator):
    rows = [("text", "label"), ("a; b, c\td", "x"), ("e", "y")]
    with (tmp_path / f"a{suffix}").open("w", newline="") as file:
        csv.writer(file, delimiter=separator).writerows([(), *rows])
    expected = [(text, (label,), None) for text, label in rows[1:]]
    assert read(tmp_path / f"a{suffix}") == expected


def test_a_header_that_has_the_usual_separator_is_taken_at_its_word(tmp_path):
    path = write(tmp_path / "a.csv", 'text,"a;b;c"\na,x\n')
    assert read(path, label_column="a;b;c") == [("a", ("x",), None)]
    path = write(tmp_path / "a.csv", '"text";"a,b"\na,b;x\n')
    assert read(path, label_column="a,b") == [("a,b", ("x",), None)]


def test_columns_without_a_name_are_nobodys(tmp_path):
    path = write(tmp_path / "a.csv", "text,label,,\na,x,,\nb,y,1,2\n")
    assert [text for text, *_ in read(path)] == ["a", "b"]


def test_white_space_around_the_label_of_a_cell_is_none_of_it(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\na, x\nb,x \nc,y z\n")
    assert [labels for _, labels, _ in read(path)] == [("x",), ("x",), ("y z",)]


def test_a_second_byte_order_mark_is_none_of_the_text(tmp_path):
    content = "\ufeff\ufefftext,label\na,x\n"
    assert read(write(tmp_path / "a.csv", content)) == [("a", ("x",), None)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz", "a.csv.gz"])
def test_a_line_that_is_too_long_is_refused_and_no_more_of_it_is_read(tmp_path, name):
    row = {"text": "b" * 50, "label": "x"}
    first = 'text,label\n"a",x\n' if "csv" in name else '{"text": "a"}\n'
    last = f"{row['text']},x\n" if "csv" in name else json.dumps(row)
    data = (first + last).encode()
    path = write(tmp_path / name, gzip.compress(data) if ".gz" in name else data)
    line = 3 if "csv" in name else 2
    errors = []
    for max_size, n in ((49, 1), (100, 2), (0, 2)):
        how = Reading("skip", errors.append, max_size)
        assert len(list(read_records(path, how))) == n
    (error,) = errors
    assert str(error).startswith(f"{path}:{line}: a line of more than 49 characters")


def test_suffixes_are_read_in_upper_case_too(tmp_path):
    assert read(write(tmp_path / "A.CSV", "text\na\n")) == [("a", None, None)]
    assert read(write(tmp_path / "A.TSV", "text\tid\na\t1\n")) == [("a", None, None)]
    zipped = write(tmp_path / "A.JSONL.GZ", gzip.compress(b'{"text": "a"}'))
    assert read(zipped) == [("a", None, None)]
    zipped = write(tmp_path / "A.TSV.gz", gzip.compress(b"text\tid\na\t1\n"))
    assert read(zipped) == [("a", None, None)]


# Each file is wrong in the line that is named, and its first record is right.
MALFORMED = [
    ("broken.jsonl", '{"text": "a"}\n{"text": "b"\n', 2, "malformed JSON"),
    ("deep.jsonl", '{"text": "a"}\n{"a":' + "[" * 200_000, 2, "malformed JSON"),
    ("array.jsonl", '[\n{"text": "a"}\n]', 1, "an array begins here"),
    ("cr.jsonl", '{"text": "a"}\r{"text": "b"}\r', 1, "but here is \\r alone"),
    ("pretty.jsonl", '{\n"text": "a"}', 1, "has to end in the line that it begins in"),
    ("cat.jsonl", '{"text": "a"}\n\ufeff{"text": "b"}', 2, "A byte order mark can onl"),
    ("gzip.jsonl", gzip.compress(b'{"text": "a"}'), 1, "this is gzipped data"),
    ("twice.csv.gz", gzip.compress(gzip.compress(b"text\na")), 1, "is gzipped data"),
    ("sheet.csv", b"PK\x03\x04\x14\0\x06\0", 1, "this is a zip archive, which a sprea"),
    ("utf16.jsonl", '{"text": "a"}'.encode("utf-16"), 1, "this is text in UTF-16"),
    ("list.jsonl", '{"text": "a"}\n["b"]\n', 2, "expected a JSON object"),
    ("key.jsonl", '{"text": "a"}\n{"body": "b", "id": 1}', 2, "there is 'body', 'id'"),
    ("null.jsonl", '{"text": "a"}\n{"text": null}', 2, "must be a string, got None"),
    ("number.jsonl", '{"text": "a"}\n{"text": 3}', 2, "must be a string, got 3"),
    ("float.jsonl", '{"text": "a", "label": 0.5}', 1, "got 0.5"),
    ("nolabel.jsonl", '{"text": "a", "label": null}', 1, "got None"),
    ("blank.jsonl", '{"text": "a", "labels": ["x", ""]}', 1, "got ''"),
    ("nested.jsonl", '{"text": "a", "labels": [["x"]]}', 1, "got ['x']"),
    ("truth.jsonl", '{"text": "a", "cats": {"x": 2}}', 1, "label 'x' must be 0, 1"),
    ("cats.jsonl", '{"text": "a", "cats": "x"}', 1, "must map each label"),
    ("two.jsonl", '{"text": "a", "cats": {}, "label": "x"}', 1, "'label', 'cats'"),
    ("nul.jsonl", '{"text": "a"}\n{"text": "\0"}', 2, "NUL byte"),
    ("latin1.jsonl", b'{"text": "a"}\n{"text": "\xe9"}', 2, "byte 0xe9 is not UTF-8"),
    ("half.jsonl", '{"text": "a"}\n{"text": "\\ud800"}', 2, "half of a surrogate"),
    ("other.jsonl", '{"text": "a"}\n{"text": "b", "c": "\\udc00"}', 2, "half of a"),
    ("half.csv", 'text,cats\na,"{""\\ud800"": 1}"', 2, "half of a surrogate"),
    ("column.csv", "\nbody,id\na,1", 2, "no column 'text'; there is 'body', 'id'"),
    ("semicolon.csv", "text;label\na;x;y", 2, "expected 2 cells ('text', 'label')"),
    ("twice.csv", "text,label,text\na,b,c", 1, "more than one column is named 'text'"),
    ("long.csv", "text,label\na,x\nb,y,z\n", 3, "expected 2 cells ('text', 'label')"),
    ("short.csv", "text,label\na,x\n\nb\n", 4, "got 1"),
    ("open.csv", 'text,label\na,x\n"b,y\nc,z\n', 3, "unexpected end of data"),
    ("quote.csv", 'text,label\na,x\n"b" c,y\n', 3, "malformed row"),
    ("quote.tsv", 'text\tlabel\n"Up" is fun\tx\n"a"\ty\n', 2, "malformed row"),
    ("empty.csv", "text,label\na,x\nb,\n", 3, "got ''"),
    ("space.csv", 'text,label\n"a", "x"\n', 2, "white space before the quote"),
    ("space.tsv", 'text\tlabels\na\t "x|y"\n', 2, "white space before the quote"),
    ("cats.csv", "text,cats\na,x=1\n", 2, "malformed JSON"),
    ("nul.csv", "text,label\na,\0\n", 2, "NUL byte"),
    ("utf16.csv", "text,label\na,x\n".encode("utf-16"), 1, "UTF-8"),
    ("latin1.tsv", b"text\tlabel\na\tx\n\xe9\ty\n", 3, "byte 0xe9 is not UTF-8"),
    ("broken.jsonl.gz", b'{"text": "a"}', 1, "damaged gzip data"),
]


@pytest.mark.parametrize(
    ("name", "content", "line", "message"),
    MALFORMED,
    ids=[name for name, *_ in MALFORMED],
)
def test_a_mistake_is_reported_with_file_and_line(
    tmp_path, name, content, line, message
):
    path = write(tmp_path / name, content)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the message is below)
        read(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert message in str(caught.value)


def test_a_label_column_that_is_named_must_be_there(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\na,x\n")
    with pytest.raises(ValueError, match="a.csv:1: no column 'stars'; there is 'text'"):
        read(path, label_column="stars")


@pytest.mark.parametrize("part", ["half", "checksum"])
def test_a_truncated_gzip_file_is_reported_with_file_and_line(tmp_path, part):
    rows = [json.dumps({"text": f"{n * n} words"}) + "\n" for n in range(3000)]
    data = gzip.compress("".join(rows).encode())
    data = data[: len(data) // 2] if part == "half" else data[:-2]
    path = write(tmp_path / "a.jsonl.gz", data)
    with pytest.raises(ValueError, match=r"a\.jsonl\.gz:\d+: damaged gzip data"):
        read(path)


def test_a_damaged_gzip_file_is_reported(tmp_path):
    data = bytearray(gzip.compress(b'{"text": "a"}\n' * 100))
    data[12:16] = b"\xff\xff\xff\xff"
    with pytest.raises(ValueError, match="damaged gzip data"):
        read(write(tmp_path / "a.jsonl.gz", bytes(data)))


def test_an_error_of_the_disk_is_no_damage_that_could_be_left_out():
    class Broken(io.BytesIO):
        def read1(self, *size):
            raise OSError(errno.EIO, "Input/output error")

    left_out = []
    how = Reading("skip", left_out.append)
    with pytest.raises(OSError, match="Input/output"):
        list(decode_lines(Broken(), Path("a.csv"), how, newline="\n"))
    assert not left_out


def test_replace_puts_a_replacement_character(tmp_path):
    content = b'text,label\ncaf\xe9 \xe2\x82,x\n"\xf0\x9f\x98\x80",y\n'
    path = write(tmp_path / "a.csv", content)
    texts = [text for text, *_ in read(path, errors="replace")]
    assert texts == ["caf\ufffd \ufffd", "😀"]
    rows = '{"text": "a\\ud800b \\ud83d\\ude00", "label": "\\udfff"}\n'
    path = write(tmp_path / "a.jsonl", rows + '{"text": "", "label": {"\\ud800": 1}}')
    assert read(path, errors="replace") == [
        ("a\ufffdb 😀", ("\ufffd",), None),
        ("", None, {"\ufffd": 1.0}),
    ]


def test_rows_are_read_lazily(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a"}\nbroken')
    assert next(read_jsonl(path, Reading()))[1] == {"text": "a"}
    path = write(tmp_path / "a.csv", 'text\na\n"')
    assert next(read_csv(path, Reading()))[1] == {"text": "a"}


def test_a_folder_gives_its_files_sorted_without_hidden_ones(tmp_path):
    names = ["b.csv", "a/z.jsonl", "a/b/c.tsv", "c.spacy", "a/y.jsonl.gz"]
    hidden = [".git/x.csv", ".x.csv", "a/.y/z.csv", "README.md", "x.csv.bak", "y.json"]
    for name in names + hidden:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, "")
    (tmp_path / "folder.csv").mkdir()
    files = find_files(tmp_path, TEXT_SUFFIXES)
    found = [file.relative_to(tmp_path).as_posix() for file in files]
    assert found == ["a/b/c.tsv", "a/y.jsonl.gz", "a/z.jsonl", "b.csv", "c.spacy"]


def test_links_are_followed_but_not_into_a_folder_that_they_are_in(tmp_path):
    inside, outside = tmp_path / "data" / "a", tmp_path / "other"
    inside.mkdir(parents=True)
    outside.mkdir()
    write(inside / "a.csv", "")
    write(outside / "b.csv", "")
    (inside / "here").symlink_to(outside)
    (inside / "loop").symlink_to(tmp_path / "data")
    (inside / "lost.csv").symlink_to(tmp_path / "nowhere.csv")
    (outside / "back").symlink_to(inside)
    files = find_files(tmp_path / "data", TEXT_SUFFIXES)
    found = [file.relative_to(tmp_path).as_posix() for file in files]
    assert found == ["data/a/a.csv", "data/a/here/b.csv"]


def test_paths_that_hold_no_corpus_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.csv: no such file or folder"):
        find_files(tmp_path / "nowhere.csv", TEXT_SUFFIXES)
    with pytest.raises(
        ValueError, match=r"ends in .spacy, .jsonl, .jsonl.gz, .csv, .t"
    ):
        find_files(tmp_path, TEXT_SUFFIXES)
    with pytest.raises(ValueError, match=r"a.txt: expected a file that ends in .spacy"):
        find_files(write(tmp_path / "a.txt", ""), TEXT_SUFFIXES)
