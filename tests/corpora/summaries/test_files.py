import csv
import gzip
import io
import json
import shutil
import tarfile
import tempfile
import zipfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_rnn.corpora.files.archives import read_text_files
from spacy_rnn.corpora.files.lines import Reading
from spacy_rnn.corpora.summaries.articles import complete
from spacy_rnn.corpora.summaries.files import read_articles, read_pairs
from spacy_rnn.corpora.summaries.rows import Columns

DATA = [  # a text and its summary, whose lines are sentences
    ("Rain fell. The river rose.\n\nA bridge closed.", "The river rose.\nBridge shut."),
    ("No news today, they said.", "No news."),
    ("  “Prices” rose 3%; wages\tdid not. ", "Prices rose."),
]
ROW_SUFFIXES = [".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".tsv", ".tsv.gz"]


def pack(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8")
    is_packed = path.suffix.lower() == ".gz"
    path.write_bytes(gzip.compress(data) if is_packed else data)
    return path


def write_rows(path, rows):
    """Write rows in the form that the suffix says, with lists in JSON."""
    if ".jsonl" in path.name:
        return pack(path, "".join(json.dumps(row) + "\n" for row in rows))
    file = io.StringIO(newline="")
    delimiter = "," if ".csv" in path.name else "\t"
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()}
        )
    return pack(path, file.getvalue())


def write_archive(path, files):
    """Write an archive of files, given as a mapping from name to content."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            data = content.encode("utf-8") if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def story(text, summary):
    lines = [f"\n\n@highlight\n\n{line}" for line in summary.split("\n")]
    return text + "".join(lines)


def read(path, **columns):
    return list(read_articles(path, Columns(**columns), complete, Reading()))


def pair(articles, summaries):
    return list(read_pairs(articles, summaries, complete, Reading()))


def texts(articles):
    return [(each.text, *each.references) for each in articles]


@pytest.mark.parametrize("suffix", ROW_SUFFIXES)
def test_all_kinds_of_rows_give_the_same_articles(tmp_path, suffix):
    rows = [{"id": "7", "text": text, "summary": summary} for text, summary in DATA]
    articles = read(write_rows(tmp_path / f"a{suffix}", rows))
    assert texts(articles) == DATA
    assert {(a.sentences, a.labels, a.n_empty) for a in articles} == {(None, None, 0)}
    assert [a.location.path.name for a in articles] == [f"a{suffix}"] * 3


encodable = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
visible = encodable.filter(str.strip)


@given(rows=st.lists(st.tuples(visible, visible), min_size=1, max_size=4))
def test_any_text_is_read_as_it_is_and_any_summary_by_its_lines(rows):
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".jsonl", ".csv", ".tsv"):
            path = Path(folder) / f"a{suffix}"
            write_rows(path, [{"text": t, "summary": s} for t, s in rows])
            for article, (text, summary) in zip(read(path), rows, strict=True):
                assert article.text == text
                lines = [line.strip() for line in summary.split("\n")]
                assert article.references == ["\n".join(filter(None, lines))]


@pytest.mark.parametrize("name", ["text", "document", "article"])
@pytest.mark.parametrize("summary", ["summary", "highlights"])
def test_usual_names_of_columns_are_found(tmp_path, name, summary):
    path = write_rows(tmp_path / "a.csv", [{name: "A b.", summary: "A."}])
    assert texts(read(path)) == [("A b.", "A.")]


def test_columns_that_are_named_are_read_and_no_others(tmp_path):
    row = {"text": "no", "sents": ["no"], "sent_labels": [1], "refs": ["no"]}
    row |= {"summary": "no", "body": "A b.", "abstract": "A."}
    path = write_rows(tmp_path / "a.jsonl", [row])
    (article,) = read(path, text="body", summary="abstract")
    assert texts([article]) == [("A b.", "A.")]
    assert article.labels is None
    row = {"lines": ["A b.", "C."], "gold": [False, True], "several": ["A.", "C"]}
    path = write_rows(tmp_path / "b.jsonl", [row])
    (article,) = read(path, text="lines", labels="gold", references="several")
    assert article.sentences == ["A b.", "C."]
    assert article.labels == [False, True]
    assert article.references == ["A.", "C"]


@pytest.mark.parametrize("suffix", ROW_SUFFIXES)
def test_lists_of_sentences_have_labels_and_are_joined_by_a_space(tmp_path, suffix):
    row = {"text": "x", "sents": ["A b.", "C d.\nE?"], "sent_labels": [0, 1]}
    (article,) = read(write_rows(tmp_path / f"a{suffix}", [row]))
    assert article.text == "A b. C d.\nE?"
    assert article.sentences == ["A b.", "C d.\nE?"]
    assert article.labels == [False, True]
    assert article.references == []


def test_a_text_that_is_a_list_is_one_of_sentences(tmp_path):
    row = {"document": ["A b.", "C d."], "summary": ["A.", "D."]}
    (article,) = read(write_rows(tmp_path / "a.jsonl", [row]))
    assert article.sentences == ["A b.", "C d."]
    assert article.references == ["A.\nD."]


@pytest.mark.parametrize("suffix", [".jsonl", ".tsv"])
def test_several_references_are_kept_apart(tmp_path, suffix):
    rows = [
        {"text": "A b.", "refs": ["A.", "B!"], "summary": "not read"},
        {"text": "C d.", "refs": [], "summary": "C."},
    ]
    articles = read(write_rows(tmp_path / f"a{suffix}", rows))
    assert [a.references for a in articles] == [["A.", "B!"], ["C."]]


def test_several_references_may_be_lists_of_sentences(tmp_path):
    row = {"text": "A b.", "refs": [["A.", "B."], ["C."]]}
    (article,) = read(write_rows(tmp_path / "a.jsonl", [row]))
    assert article.references == ["A.\nB.", "C."]


def test_empty_sentences_are_left_out_with_their_labels_and_counted(tmp_path):
    row = {"sents": ["A.", " ", "B.", ""], "sent_labels": [1, 1, 0, 0]}
    (article,) = read(write_rows(tmp_path / "a.jsonl", [row]))
    assert (article.sentences, article.labels) == (["A.", "B."], [True, False])
    assert (article.text, article.n_empty) == ("A. B.", 2)


def test_cleaning_works_on_sentences_and_on_the_lines_of_summaries(tmp_path):
    rows = [
        {"sents": ["A1", "1", "B"], "sent_labels": [0, 1, 1], "summary": "A1\n1\nB"},
        {"text": "A1 B", "summary": "1B"},
    ]
    path = write_rows(tmp_path / "a.jsonl", rows)
    finish = partial(complete, clean=lambda text: text.replace("1", ""))
    lists = path.with_name("lists.jsonl")
    lists.write_text(path.read_text().splitlines()[0])
    (article,) = read_articles(lists, Columns(), finish, Reading())
    assert article.sentences == ["A", "B"]
    assert article.labels == [False, True]
    assert article.references == ["A\nB"]
    *_, article = read_articles(path, Columns(), finish, Reading())
    assert texts([article]) == [("A B", "B")]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("suffix", [".story", ".story.gz"])
def test_stories_have_highlights(tmp_path, suffix, end):
    content = "By A. B.\n\nRain fell.\n\n@highlight\n\nIt\nrained\n\n@highlight \nWet"
    path = tmp_path / f"1{suffix}"
    data = content.replace("\n", end).encode()
    path.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    (article,) = read(path)
    assert texts([article]) == [("By A. B.\n\nRain fell.", "It rained\nWet")]
    assert str(article.location) == f"{path}:1"


@pytest.mark.parametrize("suffix", [".zip", ".tgz", ".tar.gz"])
def test_an_archive_is_read_as_the_folder_that_was_packed(tmp_path, suffix):
    files = {f"cnn/{n}.story": story(*row) for n, row in enumerate(DATA)}
    others = {"cnn/.hidden.story": "x", "cnn/readme.txt": "x", "__MACOSX/._0.story": ""}
    path = write_archive(tmp_path / f"cnn{suffix}", files | others)
    expected = [(text.strip(), summary) for text, summary in DATA]
    articles = read(path)
    assert texts(articles) == expected
    assert str(articles[1].location) == f"{path}/cnn/1.story:1"


def test_a_zip_archive_has_the_order_of_the_folder(tmp_path):
    names = ["b.story", "b-c/1.story", "b/10.story", "b/2.story", "a.story"]
    path = write_archive(tmp_path / "a.zip", {name: story(*DATA[1]) for name in names})
    zipfile.ZipFile(path).extractall(tmp_path / "a")
    packed, unpacked = (
        [file.name for file in read_text_files(each, (".story",), Reading())]
        for each in (path, tmp_path / "a")
    )
    assert packed == unpacked == ["a", "b/10", "b/2", "b-c/1", "b"]


@pytest.mark.parametrize("form", ["gztar", "zip"])
def test_a_folder_in_an_archive_is_no_file_whatever_its_name(form, tmp_path):
    pack(tmp_path / "a" / "cnn.story" / "1.story", story(*DATA[1]))
    path = shutil.make_archive(str(tmp_path / "a"), form, tmp_path / "a")
    assert texts(read(Path(path))) == texts(read(tmp_path / "a")) == [DATA[1]]


@pytest.mark.parametrize("suffix", [".txt", ".txt.gz"])
@pytest.mark.parametrize("other", [".txt", ".TXT.GZ"])
def test_articles_and_summaries_are_paired_by_their_names(tmp_path, suffix, other):
    for topic in ("sport", "tech"):
        for n, (text, summary) in enumerate(DATA):
            pack(tmp_path / "articles" / topic / f"{n}{suffix}", f"{topic}: {text}\n")
            pack(tmp_path / "summaries" / topic / f"{n}{other}", summary + "\n")
    found = texts(pair(tmp_path / "articles", tmp_path / "summaries"))
    assert found == [
        (f"{topic}: {text}".strip(), summary)
        for topic in ("sport", "tech")
        for text, summary in DATA
    ]


@pytest.mark.parametrize("suffix", [".zip", ".tgz"])
def test_folders_in_an_archive_are_paired_in_any_order(tmp_path, suffix):
    names = ["b/2.txt", "a/1.txt", "b/1.txt"]
    files = {f"BBC News/Texts/{n}": f"Text of {n}" for n in names}
    files |= {f"BBC News/Sums/{n}": f"Sum of {n}" for n in reversed(names)}
    path = write_archive(tmp_path / f"bbc{suffix}", files)
    found = texts(pair(path / "BBC News" / "Texts", path / "BBC News" / "Sums"))
    assert sorted(found) == sorted((f"Text of {n}", f"Sum of {n}") for n in names)
    if suffix == ".zip":
        assert found == sorted(found)


def test_an_archive_of_either_folder_will_do(tmp_path):
    texts_ = write_archive(tmp_path / "texts.zip", {"1.txt": "A b."})
    pack(tmp_path / "sums" / "1.txt", "A.")
    assert texts(pair(texts_, tmp_path / "sums")) == [("A b.", "A.")]


def test_articles_are_read_lazily(tmp_path):
    path = write_rows(tmp_path / "a.jsonl", [{"text": "A b.", "summary": "A."}])
    path.write_text(path.read_text() + "broken")
    articles = read_articles(path, Columns(), complete, Reading())
    assert next(articles).text == "A b."
