"""What is wrong in a corpus of pairs: refused, or left out and counted."""

import gzip
import logging
import re

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_rnn.corpora.pairs.corpus import PairCorpus

NLP = spacy.blank("en")
RIGHT = b'{"source": "Yes.", "target": "Ja."}\n'

SOURCE, TARGET = "Pairs without a source", "Pairs without a target"
ROW, COLUMN = "Malformed records", "Records without a column"
UNICODE = "Records that are no valid Unicode"
ROWS = [
    ('{"source": "A.", "target": ""}', TARGET, "nothing in the target"),
    ('{"source": "A.", "target": null}', TARGET, "nothing in the target"),
    ('{"source": "A.", "target": ["", " "]}', TARGET, "nothing in the target"),
    ('{"source": "A.", "target": []}', TARGET, "nothing in the target"),
    ('{"source": "A.", "refs": []}', TARGET, "nothing in the target"),
    ('{"source": "A.", "refs": null}', TARGET, "nothing in the target"),
    ('{"source": " ", "target": "B."}', SOURCE, "nothing in the source"),
    ('{"source": null, "target": ["B."]}', SOURCE, "nothing in the source"),
    ('{"source": "A."}', COLUMN, "no column 'target', 'translation'"),
    ('{"target": "B."}', COLUMN, "no column 'source', 'text'"),
    ('{"en": "A.", "de": "B."}', COLUMN, "there is 'en', 'de'. Name the one to read"),
    ('{"source": "A.", "text": "A.", "target": "B."}', ROW, "source_column"),
    ('{"source": "A.", "target": "B.", "summary": "C."}', ROW, "target_column"),
    ('{"source": ["A."], "target": "B."}', ROW, "'source' must be a string, got"),
    ('{"source": "A.", "target": 3}', ROW, "a string or a list of strings, got 3"),
    ('{"source": "A.", "target": ["B.", {}]}', ROW, "a string or a list of strings"),
    ('{"source": "A.", "target": "B."', ROW, "malformed JSON"),
    ('{"source": "\\ud800", "target": "B."}', UNICODE, "half of a surrogate pair"),
    (b'{"source": "caf\xe9", "target": "B."}', UNICODE, "byte 0xe9 is not UTF-8"),
]


def to_bytes(content):
    return content if isinstance(content, bytes) else content.encode("utf-8")


def read(path, *args, **options):
    """Read the sources, and how many of each kind are left out."""
    corpus = PairCorpus(path, *args, errors="skip", **options)
    texts = [example.reference.text for example in corpus(NLP)]
    return texts, corpus.contents.report.places


@pytest.mark.parametrize(("row", "kind", "message"), ROWS)
def test_a_row_is_refused_or_left_out_with_file_and_line(tmp_path, row, kind, message):
    path = tmp_path / "a.jsonl"
    path.write_bytes(to_bytes(row) + b"\n" + RIGHT)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        next(PairCorpus(path, keep=False)(NLP))
    assert str(caught.value).startswith(f"{path}:1: ")
    texts, left_out = read(path)
    assert texts == ["Yes."]
    assert list(left_out) == [kind]
    (place,) = left_out[kind]
    assert place.startswith(f"{path}:1: ")
    assert message in place


def test_a_named_column_that_is_missing_is_told_with_those_that_are_there(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("en,de\nYes.,Ja.\n")
    with pytest.raises(
        ValueError, match="a.csv:1: no column 'fr'; there is 'en', 'de'"
    ):
        next(PairCorpus(path, source_column="en", target_column=["de", "fr"])(NLP))


def write_files(folder, sources, targets):
    (folder / "a.en").write_bytes(sources)
    (folder / "a.de").write_bytes(targets)
    return folder / "a.en", folder / "a.de"


@pytest.mark.parametrize("errors", ["strict", "skip", "replace"])
@pytest.mark.parametrize(("n_sources", "n_targets"), [(3, 4), (4, 3), (7, 3), (1, 0)])
def test_files_of_different_length_are_always_refused(
    tmp_path, errors, n_sources, n_targets
):
    paths = write_files(tmp_path, b"a\n" * n_sources, b"b\n" * n_targets)
    counted = f"there are {n_sources} in {paths[0]}, {n_targets} in {paths[1]}"
    with pytest.raises(ValueError, match=re.escape(counted)):
        next(PairCorpus(*paths, errors=errors)(NLP))


@pytest.mark.parametrize(
    ("source", "target", "kind"),
    [
        (b"", b"b", SOURCE),
        (b"a", b" ", TARGET),
        (b"caf\xe9", b"b", UNICODE),
        (b"a", b"caf\xe9", UNICODE),
        (b"a", b"\0", UNICODE),
    ],
)
def test_a_line_that_is_left_out_takes_its_partner_with_it(
    tmp_path, source, target, kind
):
    paths = write_files(
        tmp_path, b"one\n" + source + b"\ntwo\n", b"eins\n" + target + b"\nzwei\n"
    )
    with pytest.raises(ValueError, match=r"a\.(en|de):2: "):
        next(PairCorpus(*paths)(NLP))
    corpus = PairCorpus(*paths, errors="skip")
    found = [
        (each.reference.text, each.reference._.translation) for each in corpus(NLP)
    ]
    assert found == [("one", "eins"), ("two", "zwei")]
    ((name, places),) = corpus.contents.report.places.items()
    assert name == kind
    assert re.match(rf"{tmp_path}/a\.(en|de):2: ", places[0])


def test_empty_pairs_are_left_out_with_a_warning(tmp_path, caplog):
    paths = write_files(tmp_path, b"one\n\ntwo\n", b"eins\n \nzwei\n")
    with caplog.at_level(logging.WARNING):
        assert len(list(PairCorpus(*paths)(NLP))) == 2
    assert f"Empty pairs left out: 1, the first {paths[0]}:2" in caplog.text


def test_what_comes_before_damage_is_read(tmp_path):
    lines = "".join(f"{n}\n" for n in range(50_000)).encode()
    whole = gzip.compress(lines)
    source, target = tmp_path / "a.en.gz", tmp_path / "a.de"
    source.write_bytes(whole[: len(whole) // 2])
    target.write_bytes(lines)
    with pytest.raises(ValueError, match="damaged gzip data"):
        next(PairCorpus(source, target)(NLP))
    texts, left_out = read(source, target, limit=10)
    assert texts == [str(n) for n in range(10)]
    assert {kind: len(places) for kind, places in left_out.items()} == {
        "Damaged files": 1
    }


def test_paths_are_checked_when_the_corpus_is_made(tmp_path):
    source, target = write_files(tmp_path, b"a\n", b"b\n")
    with pytest.raises(ValueError, match="target_path"):
        PairCorpus(source)
    with pytest.raises(FileNotFoundError, match=r"a\.fr: no such file"):
        PairCorpus(source, tmp_path / "a.fr")
    with pytest.raises(FileNotFoundError, match=r"b\.en: no such file"):
        PairCorpus(tmp_path / "b.en", target)
    with pytest.raises(ValueError, match="the list is"):
        PairCorpus(source, [])
    rows = tmp_path / "a.jsonl"
    rows.write_bytes(RIGHT)
    with pytest.raises(ValueError, match="the columns of such a file are read"):
        PairCorpus(rows, target)
    with pytest.raises(ValueError, match="path"):
        PairCorpus(None)


@pytest.mark.parametrize("name", ["limit", "max_length", "max_target_length"])
def test_negative_numbers_are_refused(tmp_path, name):
    (tmp_path / "a.jsonl").write_bytes(RIGHT)
    with pytest.raises(ValueError, match=f"{name} has to be 0 or more"):
        PairCorpus(tmp_path / "a.jsonl", **{name: -1})


def test_a_corpus_of_which_nothing_is_left_is_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"source": "A.", "target": ""}\n')
    with pytest.raises(ValueError, match="no document with a text.*left out: 1"):
        next(PairCorpus(path, errors="skip")(NLP))


def test_documents_without_a_target_are_refused_or_left_out(tmp_path):
    path = tmp_path / "a.spacy"
    docs = [Doc(NLP.vocab, words=[word]) for word in ("Yes", "No", "Well")]
    Doc.set_extension("translation", default=None, force=True)
    docs[0]._.translation, docs[2]._.translation = "Ja", ["", " "]
    DocBin(store_user_data=True, docs=docs).to_disk(path)
    with pytest.raises(ValueError, match="document 2: there is nothing in the target"):
        next(PairCorpus(path)(NLP))
    texts, left_out = read(path)
    assert [text.strip() for text in texts] == ["Yes"]
    assert len(left_out[TARGET]) == 2


def test_a_target_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "a.spacy"
    Doc.set_extension("translation", default=None, force=True)
    doc = Doc(NLP.vocab, words=["Yes"])
    doc._.translation = 3
    DocBin(store_user_data=True, docs=[doc]).to_disk(path)
    with pytest.raises(ValueError, match="document 1: doc._.translation has to be"):
        next(PairCorpus(path)(NLP))
