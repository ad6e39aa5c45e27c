"""What is wrong in a corpus of summaries: refused, or left out and counted."""

import gzip
import io
import json
import logging
import re
import tarfile
import zipfile
from functools import partial

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_rnn.corpora.summaries.corpus import SummaryCorpus

NLP = spacy.blank("en")
NLP.add_pipe("nltk_sentencizer")
RIGHT = '{"text": "Rain fell. It was wet.", "summary": "Rain fell."}\n'

# Each file has one right record, and one that is wrong: what it is called, the line
# that it begins in, and what is said.
ARTICLE, SUMMARY = "Articles without a summary", "Summaries without an article"
ROW, COLUMN = "Malformed records", "Records without a column"
UNICODE = "Records that are no valid Unicode"
ROWS = [
    ('{"text": "A.", "summary": ""}', ARTICLE, "nothing in the summary"),
    ('{"text": "A.", "summary": null}', ARTICLE, "nothing in the summary"),
    ('{"text": "A.", "summary": [" "]}', ARTICLE, "nothing in the summary"),
    ('{"text": "A.", "refs": []}', ARTICLE, "nothing in the summary"),
    ('{"sents": ["A."], "sent_labels": [0]}', ARTICLE, "nothing in the summary"),
    ('{"sents": ["A."], "sent_labels": null}', ARTICLE, "nothing in the summary"),
    ('{"text": " ", "summary": "A."}', SUMMARY, "nothing in the article"),
    ('{"text": null, "summary": "A."}', SUMMARY, "nothing in the article"),
    ('{"text": "", "summary": ""}', SUMMARY, "nothing in the article"),
    ('{"sents": [], "summary": "A."}', SUMMARY, "nothing in the article"),
    ('{"sents": ["", " "], "sent_labels": [1, 1]}', SUMMARY, "nothing in the article"),
    ('{"text": "A."}', COLUMN, "'refs' or 'sent_labels'; there is 'text'"),
    ('{"summary": "A."}', COLUMN, "no column 'sents', 'text', 'document', 'article'"),
    ('{"text": "A.", "article": "A.", "summary": "A."}', ROW, "text_column"),
    ('{"text": "A.", "summary": "A.", "highlights": ""}', ROW, "summary_column"),
    ('{"text": 3, "summary": "A."}', ROW, "a string or a list of sentences, got 3"),
    ('{"text": "A.", "summary": {}}', ROW, "a string or a list of sentences, got {}"),
    ('{"text": "A.", "refs": ["A", 1]}', ROW, "a string or a list of sentences, got 1"),
    ('{"text": ["A.", 1], "summary": "A."}', ROW, "each sentence in 'text' must be"),
    ('{"text": "A.", "summary": ["A.", 1]}', ROW, "each sentence in 'summary' must"),
    ('{"text": "A.", "refs": [["A."], [1]]}', ROW, "each sentence in 'refs' must be"),
    (
        '{"sents": ["A."], "sent_labels": [1, 0]}',
        ROW,
        "2 values in 'sent_labels' for a",
    ),
    ('{"sents": ["A."], "sent_labels": [2]}', ROW, "must be a list with 0, 1, true or"),
    ('{"sents": ["A."], "sent_labels": 1}', ROW, "must be a list with 0, 1, true or"),
    ('{"text": "A.", "summary": "A."', ROW, "malformed JSON"),
    ('["A.", "A."]', ROW, "expected a JSON object on each line"),
    ('{"text": "\\ud800", "summary": "A."}', UNICODE, "half of a surrogate pair"),
    (b'{"text": "caf\xe9", "summary": "A."}', UNICODE, "byte 0xe9 is not UTF-8"),
    ('{"text": "\0", "summary": "A."}', UNICODE, "NUL byte"),
]


def to_bytes(content):
    return content if isinstance(content, bytes) else content.encode("utf-8")


def read(path, *args, **options):
    """Read the texts, and how many of each kind are left out."""
    corpus = SummaryCorpus(path, *args, errors="skip", **options)
    texts = [example.reference.text for example in corpus(NLP)]
    return texts, corpus.contents.report.places


@pytest.mark.parametrize(("row", "kind", "message"), ROWS)
def test_a_row_is_refused_or_left_out_with_file_and_line(tmp_path, row, kind, message):
    path = tmp_path / "a.jsonl"
    path.write_bytes(to_bytes(row) + b"\n" + to_bytes(RIGHT))
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        next(SummaryCorpus(path, keep=False)(NLP))
    assert str(caught.value).startswith(f"{path}:1: ")
    texts, left_out = read(path)
    assert texts == ["Rain fell. It was wet."]
    assert list(left_out) == [kind]
    (place,) = left_out[kind]
    assert place.startswith(f"{path}:1: ")
    assert message in place


TABLES = [
    ("A.,A.,A.", ROW, 3, "expected 2 cells"),
    ('"A." b,A.', ROW, 3, "malformed row"),
    (b"caf\xe9,A.", UNICODE, 3, "byte 0xe9 is not UTF-8"),
    (b'"a\n\ncaf\xe9\n",A.', UNICODE, 3, "byte 0xe9 is not UTF-8"),
    ("A.,", ARTICLE, 3, "nothing in the summary"),
    (",A.", SUMMARY, 3, "nothing in the article"),
]


@pytest.mark.parametrize(("row", "kind", "line", "message"), TABLES)
def test_a_row_of_a_table_does_not_take_others_with_it(
    tmp_path, row, kind, line, message
):
    path = tmp_path / "a.csv"
    head, tail = b"text,summary\nA b.,A.\n", b"\nC d.,C.\n"
    path.write_bytes(head + to_bytes(row) + tail)
    with pytest.raises(ValueError, match=message):
        next(SummaryCorpus(path)(NLP))
    texts, left_out = read(path)
    assert texts == ["A b.", "C d."]
    (place,) = left_out[kind]
    assert place.startswith(f"{path}:{line}: ")


def test_a_table_without_a_column_is_refused_or_left_out(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nA.,x\nB.,y\n")
    (tmp_path / "b.csv").write_text("text,summary\nA b.,A.\n")
    with pytest.raises(ValueError, match=r"a.csv:1: no column 'summary', 'highlights'"):
        next(SummaryCorpus(tmp_path)(NLP))
    texts, left_out = read(tmp_path)
    assert texts == ["A b."]
    assert len(left_out[COLUMN]) == 2
    texts, left_out = read(tmp_path, summary_column="summary")
    assert left_out[COLUMN][0].endswith("no column 'summary'; there is 'text', 'label'")


def test_a_table_whose_header_is_unreadable_is_left_out(tmp_path):
    (tmp_path / "a.csv").write_bytes("text,summary\nA b.,A.\n".encode("utf-16"))
    (tmp_path / "b.csv").write_text("text,text,summary\nA b.,A.,A.\n")
    (tmp_path / "c.csv").write_text("text,summary\nA b.,A.\n")
    texts, left_out = read(tmp_path)
    assert texts == ["A b."]
    assert {kind: len(places) for kind, places in left_out.items()} == {
        UNICODE: 1,
        ROW: 1,
    }


def test_replace_reads_what_is_no_unicode_and_refuses_the_rest(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,summary\ncaf\xe9 b.,caf\xe9\n")
    (example,) = SummaryCorpus(path, errors="replace")(NLP)
    assert example.reference.text == "caf\ufffd b."
    path.write_bytes(b"text,summary\ncaf\xe9 b.,\n")
    with pytest.raises(ValueError, match="a.csv:2: there is nothing in the summary"):
        next(SummaryCorpus(path, errors="replace")(NLP))


def test_files_without_a_partner_are_refused_or_left_out(tmp_path):
    articles, summaries = tmp_path / "articles", tmp_path / "summaries"
    for folder, names in ((articles, "abce"), (summaries, "bcde")):
        folder.mkdir()
        for name in names:
            (folder / f"{name}.txt").write_text(f"Text {name}.")
    (articles / "c.txt").write_bytes(b"caf\xe9")
    (summaries / "e.txt").write_bytes(b"\n\0")
    corpus = SummaryCorpus(articles, summaries)
    with pytest.raises(ValueError, match=r"a.txt: no summary of that name in .+\. err"):
        next(corpus(NLP))
    texts, left_out = read(articles, summaries)
    assert texts == ["Text b."]
    assert left_out == {
        ARTICLE: [f"{articles}/a.txt: no summary of that name in {summaries}"],
        UNICODE: [
            f"{articles}/c.txt:1: byte 0xe9 is not UTF-8; errors = "
            '"replace" reads it as U+FFFD',
            f"{summaries}/e.txt:2: NUL byte. Is the file text, and in UTF-8?",
        ],
        SUMMARY: [f"{summaries}/d.txt: no article of that name in {articles}"],
    }


def test_a_summary_without_an_article_is_found_before_the_first_example(tmp_path):
    for name in ("articles/a", "summaries/a", "summaries/b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).with_suffix(".txt").write_text("A b.")
    corpus = SummaryCorpus(tmp_path / "articles", tmp_path / "summaries", keep=False)
    with pytest.raises(ValueError, match=r"b.txt: no article of that name"):
        next(corpus(NLP))


def test_a_story_without_a_highlight_or_a_text_is_refused_or_left_out(tmp_path):
    (tmp_path / "a.story").write_text("Rain fell.\n")
    (tmp_path / "b.story").write_text("@highlight\n\nRain fell.\n")
    (tmp_path / "c.story").write_text("Rain fell.\n\n@highlight\n\nRain fell.\n")
    with pytest.raises(ValueError, match=r"a.story:1: there is nothing in the summary"):
        next(SummaryCorpus(tmp_path)(NLP))
    texts, left_out = read(tmp_path)
    assert texts == ["Rain fell."]
    assert {kind: len(places) for kind, places in left_out.items()} == {
        ARTICLE: 1,
        SUMMARY: 1,
    }


def damage_gzip(path):
    rows = "".join(RIGHT.replace("Rain", f"Rain {n}") for n in range(2000))
    data = gzip.compress(rows.encode())
    path.write_bytes(data[: len(data) // 2])


def damage_tar(path):
    story = b"Rain fell.\n\n@highlight\n\nRain fell.\n"
    with tarfile.open(path, "w:gz") as archive:
        for n in range(400):
            member = path.with_name(f"{n}.story")
            member.write_bytes(story + f"{hash(n * 1.1)}".encode())
            archive.add(member, member.name)
            member.unlink()
    path.write_bytes(path.read_bytes()[:4000])


def damage_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.story", "Rain fell.\n\n@highlight\n\nRain fell.\n")
        archive.writestr("b.story", "Snow fell.\n\n@highlight\n\nSnow fell.\n")
    path.write_bytes(path.read_bytes().replace(b"Snow fell", b"Snow foll"))


def damage_packed(path, compression):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for n, name in enumerate(("a.story", "b.story")):
            archive.writestr(name, f"{n} fell.\n\n@highlight\n\n{n} fell.\n" * 50)
        start = archive.getinfo("b.story").header_offset
    data = bytearray(path.read_bytes())
    data[start + 50 : start + 60] = b"\x55" * 10
    path.write_bytes(bytes(data))


def displace_zip(path):
    """Let the directory at the end say that a file lies before the beginning."""
    damage_zip(path)
    data = path.read_bytes()
    size = data.rindex(b"PK\x05\x06") + 12
    path.write_bytes(data[:size] + b"\xff\xff\0\0" + data[size + 4 :])


def cut_zip(path):
    damage_zip(path)
    path.write_bytes(path.read_bytes()[:-9])


def cut_docbin(path):
    DocBin(docs=[NLP.make_doc("a")]).to_disk(path)
    path.write_bytes(path.read_bytes()[:-9])


DAMAGES = [
    ("a.jsonl.gz", damage_gzip, True),
    ("a.tgz", damage_tar, True),
    ("a.zip", damage_zip, True),
    ("a.zip", partial(damage_packed, compression=zipfile.ZIP_BZIP2), True),
    ("a.zip", partial(damage_packed, compression=zipfile.ZIP_LZMA), True),
    ("a.zip", cut_zip, False),
    ("a.zip", displace_zip, False),
    ("a.spacy", cut_docbin, False),
    ("a.story.gz", lambda path: path.write_bytes(b"no gzip"), False),
]


@pytest.mark.parametrize(("name", "damage", "in_part"), DAMAGES)
def test_of_a_damaged_file_what_comes_before_the_damage_is_read(
    tmp_path, name, damage, in_part
):
    damage(tmp_path / name)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / name))):
        next(SummaryCorpus(tmp_path)(NLP))
    (tmp_path / "b.jsonl").write_text(RIGHT)
    texts, left_out = read(tmp_path)
    assert (len(texts) > 1) == in_part
    assert texts[-1] == "Rain fell. It was wet."
    assert list(left_out) == ["Damaged files"]
    (place,) = left_out["Damaged files"]
    assert place.startswith(str(tmp_path / name))


@pytest.mark.parametrize("name", ["a.zip", "a.tgz", "a.story.gz"])
def test_a_file_that_is_too_large_is_refused_or_left_out(tmp_path, name):
    story = b"Rain fell.\n\n@highlight\n\nRain fell.\n"
    path = tmp_path / name
    if name == "a.zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.story", story * 100)
            archive.writestr("b.story", story)
    elif name == "a.tgz":
        with tarfile.open(path, "w:gz") as archive:
            for n in (100, 1):
                member = tarfile.TarInfo(f"{n}.story")
                member.size = len(story) * n
                archive.addfile(member, io.BytesIO(story * n))
    else:
        path.write_bytes(gzip.compress(story * 100))
        (tmp_path / "b.story").write_bytes(story)
    with pytest.raises(ValueError, match=r"story.*: more than 99 bytes; max_size = 0"):
        next(SummaryCorpus(tmp_path, max_size=99)(NLP))
    texts, left_out = read(tmp_path, max_size=99)
    assert texts == ["Rain fell."]
    assert list(left_out) == ["Lines and files that are too large"]
    assert len(read(tmp_path, max_size=0)[0]) == 2


def test_empty_sentences_are_counted_and_told_of_in_any_case(tmp_path, caplog):
    path = tmp_path / "a.jsonl"
    row = {"sents": ["A.", " ", "", "B."], "sent_labels": [0, 1, 0, 1]}
    path.write_text(RIGHT + json.dumps(row))
    with caplog.at_level(logging.WARNING, logger="spacy"):
        *_, example = SummaryCorpus(path)(NLP)
    assert [span.text for span in example.reference.spans["summary"]] == ["B."]
    assert [record.getMessage() for record in caplog.records] == [
        f"Empty sentences left out: 2, the first {path}:2"
    ]


def test_what_is_left_out_is_told_of_once_and_by_kind(tmp_path, caplog):
    path = tmp_path / "a.jsonl"
    path.write_text(RIGHT + '{"text": "A."\n' * 3 + '{"text": "A.", "summary": ""}')
    corpus = SummaryCorpus(path, errors="skip", keep=False)
    with caplog.at_level(logging.WARNING, logger="spacy"):
        assert [len(list(corpus(NLP))) for _ in range(2)] == [1, 1]
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert messages[0].startswith(f"Malformed records left out: 3, the first {path}:2:")
    assert messages[1].startswith(f"{ARTICLE} left out: 1, the first {path}:5:")


def test_a_corpus_of_which_nothing_is_left_says_why(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "A.", "summary": ""}\n' * 2)
    with pytest.raises(ValueError, match=rf"no document.+{ARTICLE} left out: 2, the f"):
        next(SummaryCorpus(path, errors="skip")(NLP))
    path.write_text("")
    with pytest.raises(ValueError, match=f"{path}: no document with a text"):
        next(SummaryCorpus(path)(NLP))


@pytest.mark.parametrize("reader", ["strict", "skip"])
def test_paths_that_hold_no_corpus_are_refused_at_once(tmp_path, reader):
    (tmp_path / "a.txt").write_text("")
    for path, message in [
        (tmp_path / "none.jsonl", "none.jsonl: no such file"),
        (tmp_path / "a.txt", "expected a file that ends in .spacy"),
        (tmp_path, "no file in it ends in .spacy"),
    ]:
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            SummaryCorpus(path, errors=reader)
    with pytest.raises(FileNotFoundError, match="summaries: no such file or folder"):
        SummaryCorpus(tmp_path, tmp_path / "summaries", errors=reader)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "A.")
    with pytest.raises(ValueError, match=r"a.zip: no file in it ends in .story"):
        next(SummaryCorpus(tmp_path / "a.zip", errors=reader)(NLP))
    corpus = SummaryCorpus(tmp_path / "a.zip", tmp_path / "a.zip/b", errors=reader)
    with pytest.raises(ValueError, match=r"a.zip/b: no file in it ends in .txt"):
        next(corpus(NLP))


def make_doc(n_words, starts, spans):
    is_start = [i in starts for i in range(n_words)] if starts else None
    doc = Doc(NLP.vocab, words=["a"] * n_words, sent_starts=is_start)
    if spans is not None:
        doc.spans["summary"] = [doc[i:j] for i, j in spans]
    return doc


DOCS = [
    (make_doc(4, {0, 2}, None), ARTICLE, "neither doc.spans['summary'] nor doc._.su"),
    (make_doc(4, {0, 2}, [(0, 4)]), ROW, "is no sentence: 'a a a a', tokens 0 to 4"),
    (make_doc(4, {0, 2}, [(0, 2), (1, 2)]), ROW, "is no sentence: 'a', tokens 1 to 2"),
    (make_doc(4, None, [(0, 4)]), ROW, "is no sentence"),
]


@pytest.mark.parametrize(("doc", "kind", "message"), DOCS)
def test_a_document_without_a_summary_of_sentences_is_refused(
    tmp_path, doc, kind, message
):
    path = tmp_path / "a.spacy"
    DocBin(docs=[make_doc(3, {0, 1}, [(0, 1)]), doc]).to_disk(path)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        next(SummaryCorpus(path)(NLP))
    assert str(caught.value).startswith(f"{path}: document 2: ")
    texts, left_out = read(path)
    assert (texts, list(left_out)) == (["a a a "], [kind])


def test_given_sentences_are_needed_where_nothing_else_is_asked_for(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(RIGHT + '{"sents": ["A.", "B."], "summary": "B."}')
    with pytest.raises(ValueError, match=r"a.jsonl:1: the article is no list of sent"):
        next(SummaryCorpus(path, sentences="given")(NLP))
    texts, left_out = read(path, sentences="given")
    assert texts == ["A. B."]
    assert list(left_out) == ["Articles without a list of sentences"]


def test_documents_without_sentence_boundaries_are_refused_where_these_are_needed(
    tmp_path,
):
    words = ["A", "."]
    docs = [Doc(NLP.vocab, words), Doc(NLP.vocab, words, sent_starts=[True, False])]
    for doc in docs:
        doc._.summary = "A."
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "a.spacy")
    with pytest.raises(ValueError, match=r"document 1: no sentence boundaries"):
        next(SummaryCorpus(tmp_path, sentences="given")(NLP))
    texts, left_out = read(tmp_path, sentences="given")
    assert texts == ["A . "]
    assert list(left_out) == ["Articles without a list of sentences"]
