"""Pairs are read from rows and from lines, and their targets kept in an extension."""

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from spacy.util import registry
from thinc.api import Config, ConfigValidationError

from spacy_rnn.corpora.pairs.corpus import PairCorpus
from spacy_rnn.corpora.summaries.corpus import SummaryCorpus
from spacy_rnn.extensions import register_text

NLP = spacy.blank("en")
PAIRS = [
    ("Where is the key?", "Wo ist der Schlüssel?"),
    ('He said, "no".', "Er sagte „nein“."),
    ("I don't know;\tmaybe.", "Ich weiß es nicht; vielleicht."),
]
ROW_SUFFIXES = [".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".tsv", ".tsv.gz"]


def pack(path, content):
    data = content.encode("utf-8")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_rows(path, rows):
    if ".jsonl" in path.name:
        return pack(path, "".join(json.dumps(row) + "\n" for row in rows))
    file = io.StringIO(newline="")
    delimiter = "," if ".csv" in path.name else "\t"
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return pack(path, file.getvalue())


def write_lines(path, lines, end="\n"):
    return pack(path, "".join(line + end for line in lines))


def read(path, *args, nlp=NLP, **options):
    """Read each source with what is kept of its targets."""
    extension = options.get("extension", "translation")
    corpus = PairCorpus(path, *args, **options)
    docs = [example.reference for example in corpus(nlp)]
    return [(doc.text, doc._.get(extension)) for doc in docs]


@pytest.mark.parametrize("suffix", ROW_SUFFIXES)
def test_rows_are_read_by_the_names_of_their_columns(tmp_path, suffix):
    rows = [{"de": target, "id": "7", "en": source} for source, target in PAIRS]
    path = write_rows(tmp_path / f"a{suffix}", rows)
    found = read(path, source_column="en", target_column="de")
    assert found == PAIRS
    swapped = read(path, source_column="de", target_column="en")
    assert swapped == [(target, source) for source, target in PAIRS]


@pytest.mark.parametrize("source", ["source", "text", "document", "article"])
@pytest.mark.parametrize(
    "target", ["target", "translation", "summary", "highlights", "refs"]
)
def test_usual_names_are_found(tmp_path, source, target):
    value = ["Ja."] if target == "refs" else "Ja."
    path = write_rows(tmp_path / "a.jsonl", [{source: "Yes.", target: value}])
    assert read(path) == [("Yes.", "Ja.")]


@pytest.mark.parametrize("gold", ["", ".gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_of_two_files_belong_together(tmp_path, gold, end):
    sources = write_lines(tmp_path / "train.en", [each[0] for each in PAIRS], end)
    targets = write_lines(tmp_path / f"train.de{gold}", [each[1] for each in PAIRS])
    assert read(sources, targets) == PAIRS


def test_only_a_line_feed_ends_a_line(tmp_path):
    lines = ["a\u2028b", "c\x0bd\x1ce", "f\rg\x85h"]
    sources = write_lines(tmp_path / "a.en", lines)
    targets = write_lines(tmp_path / "a.de", "xyz")
    assert read(sources, targets) == list(zip(lines, "xyz", strict=True))


def test_the_last_line_needs_no_end(tmp_path):
    sources = pack(tmp_path / "a.en", "one\ntwo")
    targets = pack(tmp_path / "a.de", "eins\nzwei\n")
    assert read(sources, targets) == [("one", "eins"), ("two", "zwei")]


several = ["Ja.", "Doch."]


def test_several_targets_are_kept_as_a_list(tmp_path):
    in_list = write_rows(tmp_path / "a.jsonl", [{"source": "Yes.", "target": several}])
    assert read(in_list) == [("Yes.", several)]
    row = {"en": "Yes.", "de": "Ja.", "de2": "Doch."}
    for suffix in (".jsonl", ".csv"):
        in_columns = write_rows(tmp_path / f"b{suffix}", [row])
        columns = {"source_column": "en", "target_column": ["de", "de2"]}
        assert read(in_columns, **columns) == [("Yes.", several)]
    in_cell = write_rows(
        tmp_path / "c.csv", [{"text": "Yes.", "refs": json.dumps(several)}]
    )
    assert read(in_cell) == [("Yes.", several)]
    files = [write_lines(tmp_path / f"t.{n}", [each]) for n, each in enumerate(several)]
    in_files = write_lines(tmp_path / "s", ["Yes."])
    assert read(in_files, [str(each) for each in files]) == [("Yes.", several)]


def test_targets_that_are_empty_are_no_targets_beside_others(tmp_path):
    rows = [
        {"source": "Yes.", "target": ["", "Ja.", None]},
        {"source": "No.", "target": ["Nein.", " ", "Nee."]},
    ]
    path = write_rows(tmp_path / "a.jsonl", rows)
    assert read(path) == [("Yes.", "Ja."), ("No.", ["Nein.", "Nee."])]


def test_all_files_of_a_folder_are_read_in_the_order_of_their_names(tmp_path):
    for name, (source, target) in zip("bca", PAIRS, strict=True):
        (tmp_path / name).mkdir()
        row = {"source": source, "target": target}
        write_rows(tmp_path / name / "x.jsonl", [row])
    (tmp_path / "readme.txt").write_text("Not read.")
    assert read(tmp_path) == [PAIRS[2], PAIRS[0], PAIRS[1]]


@pytest.fixture
def a_file(tmp_path):
    rows = [{"source": source, "target": target} for source, target in PAIRS]
    return write_rows(tmp_path / "a.jsonl", rows)


@pytest.mark.parametrize("keep", [True, False])
def test_every_call_yields_the_same_examples(a_file, keep):
    corpus = PairCorpus(a_file, keep=keep)
    for _ in range(2):
        found = [
            (each.reference.text, each.reference._.translation) for each in corpus(NLP)
        ]
        assert found == PAIRS


def test_predictions_have_the_text_and_no_target(a_file):
    for example in PairCorpus(a_file)(NLP):
        assert example.predicted.text == example.reference.text
        assert example.predicted._.translation is None


def test_limit_and_max_length_are_those_of_the_other_corpora(a_file):
    assert read(a_file, limit=2) == PAIRS[:2]
    lengths = [len(NLP.make_doc(source)) for source, _ in PAIRS]
    assert read(a_file, max_length=min(lengths) + 1) == [
        PAIRS[lengths.index(min(lengths))]
    ]


def test_a_document_of_max_length_is_left_out_whole_where_its_sentences_are_known(
    tmp_path,
):
    register_text("translation")
    doc = Doc(
        NLP.vocab, ["Yes", ".", "No", "."], sent_starts=[True, False, True, False]
    )
    doc._.translation = "Ja. Nein."
    path = tmp_path / "pairs.spacy"
    DocBin(docs=[doc], store_user_data=True).to_disk(path)
    assert read(path, max_length=4) == []
    assert read(path, max_length=5) == [("Yes . No . ", "Ja. Nein.")]


def test_long_targets_are_left_out_and_counted(a_file):
    corpus = PairCorpus(a_file, max_target_length=4)
    assert [each.reference._.translation for each in corpus(NLP)] == [
        "Er sagte „nein“."
    ]
    (places,) = corpus.contents.report.places.values()
    assert places == [f"{a_file}:1: 4 words", f"{a_file}:3: 5 words"]
    assert corpus.contents.n_docs == 1


def test_of_several_targets_the_first_decides_whether_they_are_long(tmp_path):
    rows = [
        {"source": "a", "refs": ["x y z", "x"]},
        {"source": "b", "refs": ["x", "x y z"]},
    ]
    path = write_rows(tmp_path / "a.jsonl", rows)
    assert read(path, max_target_length=3) == [("b", ["x", "x y z"])]


def test_the_extension_can_have_another_name(a_file):
    found = read(a_file, extension="headline_for_a_test")
    assert found == PAIRS
    assert Doc.has_extension("headline_for_a_test")


@pytest.mark.parametrize("name", ["two words", "", "1st"])
def test_an_extension_that_no_document_can_have_is_refused(a_file, name):
    with pytest.raises(ValueError, match="extension has to be a name"):
        PairCorpus(a_file, extension=name)


def test_an_extension_that_computes_something_is_refused(a_file):
    Doc.set_extension("computed_for_a_test", getter=len, force=True)
    with pytest.raises(ValueError, match="computes something"):
        PairCorpus(a_file, extension="computed_for_a_test")


def test_augmenters_leave_targets_as_they_are(a_file):
    augmenter = registry.augmenters.get("spacy.lower_case.v1")(level=1.0)
    found = read(a_file, augmenter=augmenter)
    assert found == [(source.lower(), target) for source, target in PAIRS]


@pytest.mark.parametrize("target", ["Ja.", several])
def test_targets_come_back_from_spacy_files(tmp_path, target):
    path = write_rows(tmp_path / "a.jsonl", [{"source": "Yes.", "target": target}])
    docs = [example.reference for example in PairCorpus(path)(NLP)]
    DocBin(store_user_data=True, docs=docs).to_disk(tmp_path / "a.spacy")
    assert read(tmp_path / "a.spacy") == [("Yes.", target)]


def test_notices_of_a_summary_corpus_are_the_same(tmp_path):
    rows = [
        {"text": "Rain fell. We left.", "summary": "We left."},
        {"text": "Snow fell.", "refs": ["Snow.", "It snowed."], "summary": "It snows."},
        {"text": "The sun shone.", "refs": [], "summary": "Sun."},
        {"text": "Wind blew. It was cold.", "summary": ["Wind.", "", "It blew."]},
        {"document": "Hail fell.", "highlights": "Hail.\nIt fell."},
    ]
    path = write_rows(tmp_path / "a.jsonl", rows)
    pairs = read(path, extension="summary")
    summaries = SummaryCorpus(path, sentences="punkt")(NLP)
    assert pairs == [(s.reference.text, s.reference._.summary) for s in summaries]


lines = st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), min_size=1)
pairs = st.lists(st.tuples(lines, lines), min_size=1, max_size=5)


@given(rows=pairs)
def test_any_pairs_are_the_same_from_lines_and_from_rows(rows):
    rows = [(source.strip("\ufeff"), target.strip("\ufeff")) for source, target in rows]
    kept = [(s.strip(), t.strip()) for s, t in rows]
    kept = [(source, target) for source, target in kept if source and target]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = write_lines(folder / "a.en", [source for source, _ in rows])
        targets = write_lines(folder / "a.de", [target for _, target in rows])
        written = [{"source": source, "target": target} for source, target in rows]
        in_rows = write_rows(folder / "a.jsonl", written)
        if not kept:
            return
        assert read(sources, targets, errors="skip") == kept
        assert read(in_rows, errors="skip") == kept


def resolve(**settings):
    config = {"corpus": {"@readers": "spacy-rnn.PairCorpus.v1", **settings}}
    return registry.resolve(Config(config))["corpus"]


def test_a_config_makes_a_corpus(tmp_path, a_file):
    assert len(list(resolve(path=str(a_file))(NLP))) == 3
    sources = write_lines(tmp_path / "a.en", ["one"])
    targets = [write_lines(tmp_path / f"a.de{n}", ["eins"]) for n in range(2)]
    corpus = resolve(path=str(sources), target_path=[str(each) for each in targets])
    assert len(list(corpus(NLP))) == 1
    for wrong in ({"errors": "ignore"}, {"target_column": 3}, {"limit": "x"}):
        with pytest.raises(ConfigValidationError):
            resolve(path=str(a_file), **wrong)
