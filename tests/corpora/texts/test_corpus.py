import csv
import gzip
import json
import logging
import re
import tempfile
import zlib
from pathlib import Path

import pytest
import spacy
import srsly
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example
from spacy.util import registry
from thinc.api import Config, ConfigValidationError

from spacy_rnn.corpora.texts.corpus import TextCorpus

NLP = spacy.blank("en")
DATA = [
    ("A good film.", "pos"),
    ("Bad, bad,\n“bad”!", "neg"),
    ('  She said: "so-so"\tand left ', "so, so"),
    ("No.", "neg"),
]
LABELS = ["neg", "pos", "so, so"]
BAG_OF_WORDS = {
    "@architectures": "spacy.TextCatBOW.v3",
    "exclusive_classes": True,
    "ngram_size": 1,
    "no_output_layer": False,
}
SUFFIXES = [".jsonl", ".jsonl.gz", ".csv", ".tsv", ".spacy"]


def write_corpus(path: Path, data: list[tuple[str, str]]) -> Path:
    """Write texts and labels in the form that the suffix says."""
    if path.suffix == ".spacy":
        labels = {label for _, label in data}
        doc_bin = DocBin(store_user_data=False)
        for text, label in data:
            doc = NLP.make_doc(text)
            doc.cats = {name: float(name == label) for name in labels}
            doc_bin.add(doc)
        doc_bin.to_disk(path)
    elif path.suffix in (".csv", ".tsv"):
        delimiter = "," if path.suffix == ".csv" else "\t"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerows([("text", "label"), *data])
    else:
        rows = [json.dumps({"text": t, "label": la}) + "\n" for t, la in data]
        content = "".join(rows).encode("utf-8")
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture(params=SUFFIXES)
def any_file(request, tmp_path):
    return write_corpus(tmp_path / f"corpus{request.param}", DATA)


@pytest.fixture
def a_file(tmp_path):
    return write_corpus(tmp_path / "corpus.jsonl", DATA)


def describe(example: Example):
    """Everything that tells two examples apart."""
    words = [(t.text, t.whitespace_, t.tag_) for t in example.reference]
    predicted = [(t.text, t.whitespace_, t.tag_) for t in example.predicted]
    cats = sorted(example.reference.cats.items())
    return words, predicted, cats, example.predicted.cats


def texts(corpus, nlp=NLP):
    return [example.reference.text for example in corpus(nlp)]


@pytest.mark.parametrize("keep", [True, False])
def test_all_formats_give_equal_examples_every_time(any_file, keep):
    corpus = TextCorpus(any_file, keep=keep)
    expected = []
    for text, label in DATA:
        reference = NLP.make_doc(text)
        reference.cats = {name: float(name == label) for name in LABELS}
        expected.append(describe(Example(NLP.make_doc(text), reference)))
    for _ in range(2):
        assert [describe(example) for example in corpus(NLP)] == expected


def test_docbins_are_read_as_spacy_reads_them(tmp_path):
    docs = [
        Doc(NLP.vocab, words=["a", "b", "c"], sent_starts=[True, False, True]),
        Doc(NLP.vocab, words=["d"], spaces=[False], tags=["X"]),
        Doc(NLP.vocab),
        Doc(NLP.vocab, words=["e", "f", "g"], spaces=[True, True, False]),
    ]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "a.spacy")
    for options in ({}, {"max_length": 3}, {"gold_preproc": True}, {"limit": 1}):
        ours = TextCorpus(tmp_path / "a.spacy", **options)
        theirs = Corpus(tmp_path / "a.spacy", **options)
        assert [describe(eg) for eg in ours(NLP)] == [
            describe(eg) for eg in theirs(NLP)
        ]
        assert list(ours(NLP))


labelled = st.lists(
    st.tuples(
        # What UTF-8 can hold; NUL is no part of a text file, and an empty text is left
        # out by all readers.
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
        # A cell of a table has no white space around its label.
        st.text(st.characters(codec="utf-8", exclude_characters="\0"))
        .map(str.strip)
        .filter(bool),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(data=labelled)
def test_any_text_and_label_is_read_back(data):
    with tempfile.TemporaryDirectory() as folder:
        for suffix in SUFFIXES:
            path = write_corpus(Path(folder) / f"a{suffix}", data)
            docs = [example.reference for example in TextCorpus(path)(NLP)]
            assert [doc.text for doc in docs] == [text for text, _ in data]
            cats = [[k for k, v in doc.cats.items() if v] for doc in docs]
            assert cats == [[label] for _, label in data]
            assert all(set(doc.cats) == {label for _, label in data} for doc in docs)


def test_a_folder_is_one_corpus_with_one_set_of_labels(tmp_path):
    (tmp_path / "sub").mkdir()
    write_corpus(tmp_path / "sub" / "c.csv", [("c", "x")])
    write_corpus(tmp_path / "a.tsv", [("a", "y")])
    write_corpus(tmp_path / "b.spacy", [("b", "z")])
    (tmp_path / "d.jsonl").write_text('{"text": "d", "labels": ["x", "w"]}')
    references = [example.reference for example in TextCorpus(tmp_path)(NLP)]
    assert [(doc.text, doc.cats) for doc in references] == [
        ("a", {"w": 0.0, "x": 0.0, "y": 1.0, "z": 0.0}),
        ("b", {"z": 1.0}),  # as it is in the file
        ("d", {"w": 1.0, "x": 1.0, "y": 0.0, "z": 0.0}),
        ("c", {"w": 0.0, "x": 1.0, "y": 0.0, "z": 0.0}),
    ]


def test_a_mapping_is_taken_as_it_is(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"text": "a", "cats": {"x": 1}}\n'
        '{"text": "b", "cats": {"y": false}}\n'
        '{"text": "c", "cats": {}}\n'
    )
    cats = [example.reference.cats for example in TextCorpus(path)(NLP)]
    assert cats == [{"x": 1.0}, {"y": 0.0}, {}]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv"])
@pytest.mark.parametrize("separator", ["; ", ";", "|", " and "])
def test_a_string_is_parted_into_labels_where_the_separator_is_named(
    suffix, separator, tmp_path
):
    several = [["a"], ["b", "a"], ["c", "a", "b"]]
    rows = [(f"text {i}", separator.join(each)) for i, each in enumerate(several)]
    rows.append(("at the end", f"c{separator}"))
    path = write_corpus(tmp_path / f"a{suffix}", rows)
    found = [
        {label for label, value in example.reference.cats.items() if value}
        for example in TextCorpus(path, label_separator=separator)(NLP)
    ]
    assert found == [*map(set, several), {"c"}]
    whole = {label for x in TextCorpus(path)(NLP) for label in x.reference.cats}
    assert len(whole) == len(rows)


@pytest.mark.parametrize("cell", ["x;;y", " ;x; ;y;; ", "y ; x"])
def test_a_gap_between_separators_is_no_label(cell, tmp_path):
    path = write_corpus(tmp_path / "a.csv", [("a", cell), ("b", ";"), ("c", "")])
    found = [x.reference.cats for x in TextCorpus(path, label_separator=";")(NLP)]
    none = {"x": 0.0, "y": 0.0}
    assert found == [{"x": 1.0, "y": 1.0}, none, none]


def test_of_many_labels_an_error_names_those_like_the_unknown_one(tmp_path):
    labels = [f"label {i}" for i in range(500)]
    path = write_corpus(tmp_path / "a.csv", [("a", "label 1"), ("b", "labell 321")])
    with pytest.raises(ValueError, match="the labels \\['label 321', .*490 more") as e:
        next(TextCorpus(path, labels=labels)(NLP))
    assert len(str(e.value)) < 500


def test_labels_that_are_given_are_all_there_in_their_order(a_file):
    labels = ["z", "pos", "so, so", "neg"]
    for example in TextCorpus(a_file, labels=labels)(NLP):
        assert list(example.reference.cats) == labels


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_label_that_is_not_among_those_given_is_reported(tmp_path, suffix):
    path = write_corpus(tmp_path / f"a{suffix}", [("a", "x"), ("b", "y")])
    corpus = TextCorpus(path, labels=["x", "z"])
    where = {".spacy": ": document 1", ".csv": ":3", ".tsv": ":3"}.get(suffix, ":2")
    with pytest.raises(ValueError, match=re.escape(f"{path}{where}: label 'y' is no")):
        next(corpus(NLP))


def test_a_wrong_label_at_the_end_is_found_before_the_first_example(a_file):
    corpus = TextCorpus(a_file, labels=["pos", "so, so"], limit=1, keep=False)
    with pytest.raises(ValueError, match="corpus.jsonl:2: label 'neg' is not one of"):
        next(corpus(NLP))


def test_files_with_and_without_labels_are_no_corpus(tmp_path):
    write_corpus(tmp_path / "a.jsonl", DATA)
    (tmp_path / "b.csv").write_text("text,id\nb,1\n")
    with pytest.raises(ValueError, match=r"b.csv:2: this text has no label, but .+"):
        next(TextCorpus(tmp_path)(NLP))


def test_texts_with_and_without_labels_are_no_corpus(tmp_path):
    rows = ['{"text": "a", "labels": ["x"]}\n', '{"text": "b", "id": 1}\n']
    for lines, says in ((rows, "no label, but .+:1 has one"), (rows[::-1], "a label")):
        (tmp_path / "a.jsonl").write_text("".join(lines))
        with pytest.raises(ValueError, match=f"a.jsonl:2: this text has {says}"):
            next(TextCorpus(tmp_path)(NLP))


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_wrong_can_be_left_out_and_is_told_of_once(tmp_path, caplog, keep):
    rows = [
        '{"text": "a"}',
        '{"text": "b", "label": "x"}',
        '{"text": "c", "label": null}',
        '{"text": 3, "label": "x"}',
        "{",
        '{"text": "d", "labels": ["y", "z"]}',
        '{"text": "e", "label": "w"}',
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(rows))
    corpus = TextCorpus(path, labels=["x", "y", "z"], errors="skip", keep=keep)
    with caplog.at_level(logging.WARNING, logger="spacy"):
        for _ in range(2):
            assert texts(corpus) == ["b", "d"]
    assert [
        record.getMessage().partition(", the first")[0] for record in caplog.records
    ] == [
        "Malformed records left out: 4",
        "Records without a label left out: 1",
    ]
    assert corpus.contents.n_docs == 2


def test_a_file_without_labels_says_so_and_lists_its_columns(tmp_path, caplog):
    (tmp_path / "a.csv").write_text("text,Label\na,x\nb,y\n")
    with caplog.at_level(logging.WARNING, logger="spacy"):
        assert texts(TextCorpus(tmp_path / "a.csv")) == ["a", "b"]
    (message,) = [record.getMessage() for record in caplog.records]
    assert "a.csv:1: no column 'label', 'labels', 'cats', so no label" in message
    assert "there is 'text', 'Label'" in message


@pytest.mark.parametrize(
    "change",
    [
        {"strings": []},
        {"tokens": b""},
        {"spaces": b""},
        {"attrs": ["x"]},
        {"cats": 3},
        {"span_groups": [b"x"] * 4},
        {"span_groups": None},
        {"flags": [3] * 4},
    ],
)
def test_a_docbin_that_is_wrong_inside_is_named_and_can_be_left_out(tmp_path, change):
    path = write_corpus(tmp_path / "a.spacy", DATA)
    parts = srsly.msgpack_loads(zlib.decompress(path.read_bytes()))
    assert change.keys() <= parts.keys()
    path.write_bytes(zlib.compress(srsly.msgpack_dumps(parts | change)))
    with pytest.raises(ValueError, match=r"a.spacy: not a readable .spacy file: \w+: "):
        next(TextCorpus(path)(NLP))
    write_corpus(tmp_path / "b.jsonl", DATA)
    corpus = TextCorpus(tmp_path, errors="skip")
    assert texts(corpus)[-4:] == [text for text, _ in DATA]
    assert list(corpus.contents.report.places) == ["Damaged files"]


def test_texts_without_labels_are_read(tmp_path):
    (tmp_path / "a.csv").write_text("text,id\na,1\nb,2\n")
    references = [eg.reference for eg in TextCorpus(tmp_path / "a.csv")(NLP)]
    assert [(doc.text, doc.cats) for doc in references] == [("a", {}), ("b", {})]


@pytest.mark.parametrize("keep", [True, False])
def test_a_mistake_at_the_end_is_found_before_the_first_example(tmp_path, keep):
    path = write_corpus(tmp_path / "a.jsonl", DATA * 100)
    path.write_text(path.read_text() + '{"text": ')
    examples = TextCorpus(path, keep=keep, limit=1)(NLP)
    with pytest.raises(ValueError, match="a.jsonl:401: malformed JSON"):
        next(examples)


def test_a_damaged_docbin_is_found_before_the_first_example(tmp_path):
    write_corpus(tmp_path / "a.jsonl", DATA)
    content = write_corpus(tmp_path / "b.spacy", DATA).read_bytes()
    for damaged in (b"", b"no DocBin", content[:-9], content[: len(content) // 2]):
        (tmp_path / "b.spacy").write_bytes(damaged)
        with pytest.raises(ValueError, match="b.spacy: not a readable .spacy file"):
            next(TextCorpus(tmp_path, keep=False)(NLP))


@pytest.mark.parametrize("keep", [True, False])
def test_limit_counts_the_documents_of_all_files(tmp_path, keep):
    for suffix in SUFFIXES:
        write_corpus(tmp_path / f"a{suffix}", DATA)
    for limit in (1, 4, 7, 20, 100):
        examples = list(TextCorpus(tmp_path, limit=limit, keep=keep)(NLP))
        assert len(examples) == min(limit, 20)
        assert set(examples[-1].reference.cats) == set(LABELS)
    assert len(list(TextCorpus(tmp_path, limit=0, keep=keep)(NLP))) == 20


def test_limit_does_not_count_empty_texts(tmp_path):
    path = write_corpus(tmp_path / "a.csv", [("", "x"), ("a", "x"), ("b", "x")])
    assert texts(TextCorpus(path, limit=1)) == ["a"]


def test_documents_of_max_length_are_left_out_where_no_sentences_are_known(a_file):
    lengths = [len(NLP.make_doc(text)) for text, _ in DATA]
    limit = sorted(lengths)[-1]
    expected = [text for text, _ in DATA if len(NLP.make_doc(text)) < limit]
    assert texts(TextCorpus(a_file, max_length=limit)) == expected
    assert len(expected) < len(DATA)
    assert len(texts(TextCorpus(a_file, max_length=limit + 1))) == len(DATA)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_empty_texts_are_left_out_and_their_labels_known(tmp_path, suffix, caplog):
    path = write_corpus(tmp_path / f"a{suffix}", [("", "x"), ("a", "y"), ("", "y")])
    corpus = TextCorpus(path, keep=False)
    with caplog.at_level(logging.WARNING, logger="spacy"):
        for _ in range(2):
            examples = list(corpus(NLP))
            assert [eg.reference.text for eg in examples] == ["a"]
            assert examples[0].reference.cats == {"x": 0.0, "y": 1.0}
    warned = [record.getMessage() for record in caplog.records]
    line = 2 if suffix in (".csv", ".tsv") else 1
    expected = [f"Empty texts left out: 2, the first {path}:{line}"]
    assert warned == ([] if suffix == ".spacy" else expected)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_corpus_without_a_text_is_refused(tmp_path, suffix):
    for data in ([], [("", "x")]):
        path = write_corpus(tmp_path / f"a{suffix}", data)
        with pytest.raises(ValueError, match=re.escape(f"{path}: no document with")):
            next(TextCorpus(path)(NLP))


def test_every_call_gives_predictions_of_its_own(a_file):
    corpus = TextCorpus(a_file)
    for example in corpus(NLP):
        example.predicted.cats["neg"] = 0.5
    assert all(example.predicted.cats == {} for example in corpus(NLP))


def test_a_corpus_that_is_not_kept_is_checked_again(a_file):
    corpus = TextCorpus(a_file, keep=False)
    assert len(texts(corpus)) == 4
    write_corpus(a_file, DATA[1:])
    assert len(texts(corpus)) == 3
    write_corpus(a_file, [*DATA, ("new", "other")])
    with pytest.raises(ValueError, match="jsonl:5: label 'other' is not one of the"):
        texts(corpus)


def test_a_corpus_that_is_not_kept_is_read_one_document_at_a_time(a_file, monkeypatch):
    made = []
    make_doc = Language.make_doc
    monkeypatch.setattr(
        Language, "make_doc", lambda nlp, text: made.append(text) or make_doc(nlp, text)
    )
    next(TextCorpus(a_file, keep=False)(NLP))
    assert len(made) == 2  # the reference and the prediction of one text


def test_documents_of_a_memory_zone_are_not_kept_beyond_it(tmp_path):
    nlp = spacy.blank("en")
    path = tmp_path / "a.jsonl"
    srsly.write_jsonl(path, [{"text": "flubbergast quuxington", "label": "x"}])
    corpus = TextCorpus(path)
    for _ in range(2):
        with nlp.memory_zone():
            assert texts(corpus, nlp) == ["flubbergast quuxington"]
    assert texts(corpus, nlp) == ["flubbergast quuxington"]


@pytest.mark.parametrize("factory", ["textcat", "textcat_multilabel"])
def test_text_categorizers_of_spacy_learn_all_labels(a_file, factory):
    corpus = TextCorpus(a_file, limit=1)
    nlp = spacy.blank("en")
    textcat = nlp.add_pipe(factory, config={"model": BAG_OF_WORDS})
    nlp.initialize(lambda: corpus(nlp))
    assert textcat.labels == tuple(LABELS)
    losses = nlp.update(list(corpus(nlp)))
    assert losses[factory] > 0
    assert nlp.evaluate(list(corpus(nlp)))["cats_f_per_type"].keys() == set(LABELS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": []}, "one or more different labels"),
        ({"labels": ["x", "x"]}, "one or more different labels"),
        ({"labels": list(range(12))}, "one or more different labels"),
        ({"label_separator": 1}, "label_separator has to be a text"),
        ({"label_separator": ""}, "label_separator has to be a character or more"),
    ],
)
def test_arguments_without_a_meaning_are_refused(a_file, options, message):
    with pytest.raises(ValueError, match=message):
        TextCorpus(a_file, **options)


def test_paths_are_checked_before_training(tmp_path):
    with pytest.raises(FileNotFoundError, match="dev.csv: no such file or folder"):
        TextCorpus(tmp_path / "dev.csv")


CONFIG = """
[corpus]
@readers = "spacy-rnn.TextCorpus.v1"
"""


def test_a_config_names_the_reader(a_file):
    config = Config().from_str(CONFIG)
    config["corpus"] |= {"path": str(a_file), "labels": [*LABELS, "z"], "limit": 2}
    corpus = registry.resolve(config)["corpus"]
    assert [list(eg.reference.cats) for eg in corpus(NLP)] == [[*LABELS, "z"]] * 2


def test_a_config_takes_an_augmenter_of_spacy(a_file):
    config = Config().from_str(CONFIG)
    lower = {"@augmenters": "spacy.lower_case.v1", "level": 1.0}
    config["corpus"] |= {"path": str(a_file), "augmenter": lower}
    corpus = registry.resolve(config)["corpus"]
    assert {eg.reference.text.lower() for eg in corpus(NLP)} == {
        text.lower() for text, _ in DATA
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [("errors", "strick"), ("keep", "maybe"), ("limit", "all"), ("labels", "x")],
)
def test_a_config_with_a_wrong_value_is_refused(a_file, key, value):
    config = Config().from_str(CONFIG)
    config["corpus"] |= {"path": str(a_file), key: value}
    with pytest.raises(ConfigValidationError, match=key):
        registry.resolve(config)


@pytest.mark.parametrize("errors", ["strict", "skip"])
@pytest.mark.parametrize("is_labelled", [False, True])
def test_as_many_documents_are_announced_as_are_read(tmp_path, errors, is_labelled):
    label = {"label": "x"} if is_labelled else {}
    rows = [{"text": text} | label for text in ("a", "", "b", "c")]
    if is_labelled and errors == "skip":
        rows.append({"text": "d"})
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus = TextCorpus(path, errors=errors)
    texts = [example.reference.text for example in corpus(NLP)]
    assert texts == ["a", "b", "c"]
    assert corpus.contents.n_docs == len(texts)
