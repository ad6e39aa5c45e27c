import gzip
import json
import logging
import tempfile
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus
from spacy.util import registry
from thinc.api import Config, ConfigValidationError

from spacy_rnn.corpora.tokens.corpus import TokenCorpus

NLP = spacy.blank("en")
COLUMNS = ["tokens", "pos", "chunk", "ner"]
MAPPING = {"tag_column": "pos", "entity_column": "ner", "span_column": "chunk"}
ROWS = [
    {
        "tokens": ["Ana", "Li", "left", "Rome", "."],
        "pos": ["NNP", "NNP", "VBD", "NNP", "."],
        "chunk": ["B-NP", "I-NP", "B-VP", "B-NP", "O"],
        "ner": ["B-PER", "I-PER", "O", "B-LOC", "O"],
        "doc": "a",
    },
    {
        "tokens": ["No", "-one", "``"],
        "pos": ["NN", "-", "_"],
        "chunk": ["B-NP", "I-NP", "O"],
        "ner": ["O", "-", "_"],
        "doc": "a",
    },
    {
        "tokens": ["Oslo"],
        "pos": ["NNP"],
        "chunk": ["B-NP"],
        "ner": ["B-LOC"],
        "doc": "b",
    },
]
SUFFIXES = [".jsonl", ".jsonl.gz", ".conll", ".txt", ".iob", ".tsv", ".tsv.gz"]


def write_corpus(path: Path, rows, columns=COLUMNS) -> Path:
    """Write sentences in the form that the suffix says."""
    name = path.name.removesuffix(".gz")
    if name.endswith(".jsonl"):
        content = "".join(json.dumps(row) + "\n" for row in rows)
    else:
        separator = "\t" if name.endswith(".tsv") else " "
        lines, doc = [], None
        for row in rows:
            if row.get("doc") != doc:
                lines += ["-DOCSTART- -X- -X- O", ""]
                doc = row["doc"]
            cells = zip(*(row[column] for column in columns), strict=True)
            lines += [*map(separator.join, cells), ""]
        content = "\n".join(lines)
    data = content.encode("utf-8")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_lines(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(params=SUFFIXES)
def any_file(request, tmp_path):
    return write_corpus(tmp_path / f"corpus{request.param}", ROWS)


@pytest.fixture
def a_file(tmp_path):
    return write_corpus(tmp_path / "corpus.jsonl", ROWS)


def read(path, nlp=NLP, **options):
    options = {"columns": COLUMNS, **options}
    return [example.reference for example in TokenCorpus(path, **options)(nlp)]


def words(doc):
    return [token.text for token in doc]


def spans(group):
    return [(span.start, span.end, span.label_) for span in group]


@pytest.mark.parametrize("keep", [True, False])
def test_all_formats_give_equal_documents_every_time(any_file, keep):
    corpus = TokenCorpus(any_file, **MAPPING, columns=COLUMNS, keep=keep)
    for _ in range(2):
        docs = [example.reference for example in corpus(NLP)]
        assert [words(doc) for doc in docs] == [row["tokens"] for row in ROWS]
        assert [[token.tag_ for token in doc] for doc in docs] == [
            ["NNP", "NNP", "VBD", "NNP", "."],
            ["NN", "-", ""],
            ["NNP"],
        ]
        assert [spans(doc.ents) for doc in docs] == [
            [(0, 2, "PER"), (3, 4, "LOC")],
            [],
            [(0, 1, "LOC")],
        ]
        assert [spans(doc.spans["sc"]) for doc in docs] == [
            [(0, 2, "NP"), (2, 3, "VP"), (3, 4, "NP")],
            [(0, 2, "NP")],
            [(0, 1, "NP")],
        ]
        assert [token.ent_iob_ for token in docs[1]] == ["O", "", ""]


def test_predictions_have_the_tokens_and_nothing_else(a_file):
    for example in TokenCorpus(a_file, **MAPPING)(NLP):
        assert words(example.predicted) == words(example.reference)
        assert not example.predicted.ents
        assert not example.predicted.spans
        assert not example.predicted.has_annotation("TAG")


def test_what_is_not_named_is_not_read(a_file):
    (doc, *_) = read(a_file, tag_column="chunk")
    assert [token.tag_ for token in doc] == ["B-NP", "I-NP", "B-VP", "B-NP", "O"]
    assert not doc.spans
    for attribute in ("POS", "ENT_IOB", "SENT_START"):
        assert not doc.has_annotation(attribute)


def test_one_column_can_become_tags_and_parts_of_speech(tmp_path):
    row = {"words": ["I", "am", "?"], "pos": ["PRON", "AUX", None]}
    path = write_corpus(tmp_path / "a.jsonl", [row])
    options = {"token_column": "words", "tag_column": "pos", "pos_column": "pos"}
    (doc,) = read(path, **options)
    for values in ([t.tag_ for t in doc], [t.pos_ for t in doc]):
        assert values == ["PRON", "AUX", ""]
    assert not doc.has_annotation("POS", require_complete=True)


def test_one_column_can_become_entities_and_spans(tmp_path):
    row = {"tokens": ["a", "b"], "ner": ["B-X", "I-X"]}
    path = write_corpus(tmp_path / "a.jsonl", [row])
    (doc,) = read(path, entity_column="ner", span_column="ner", spans_key="ents")
    assert spans(doc.ents) == spans(doc.spans["ents"]) == [(0, 2, "X")]


def test_a_sentence_can_lack_an_annotation(tmp_path):
    path = write_lines(
        tmp_path / "a.jsonl",
        '{"tokens": ["a"], "ner": null, "pos": ["X"]}',
        '{"tokens": ["a"], "ner": ["O"], "pos": null}',
    )
    without_ents, without_pos = read(path, entity_column="ner", pos_column="pos")
    assert not without_ents.has_annotation("ENT_IOB")
    assert not without_pos.has_annotation("POS")
    assert without_pos.has_annotation("ENT_IOB")


def test_spaces_are_those_of_the_data(tmp_path):
    row = {"tokens": ["Hi", "!"], "pos": ["X", "X"]}
    rows = [{**row, "spaces": [False, True]}, {**row, "spaces": None}, row]
    corpus = TokenCorpus(
        write_corpus(tmp_path / "a.jsonl", rows), pos_column="pos", sentences_per_doc=1
    )
    examples = list(corpus(NLP))
    assert [eg.reference.text for eg in examples] == ["Hi! ", "Hi ! ", "Hi ! "]
    assert [eg.predicted.text for eg in examples] == ["Hi! ", "Hi ! ", "Hi ! "]
    unknown = [eg.reference.has_unknown_spaces for eg in examples]
    assert unknown == [False, True, True]


def test_tokens_are_kept_that_the_tokenizer_would_split(tmp_path):
    tokens = ["don't", "a b", "(c)", "d\u00a0e", " "]
    row = {"tokens": tokens, "pos": ["X"] * 5, "spaces": [False] * 5}
    (example,) = TokenCorpus(
        write_corpus(tmp_path / "a.jsonl", [row]), tag_column="pos"
    )(NLP)
    assert words(example.reference) == words(example.predicted) == tokens


scheme_columns = {
    "IOB1": ["I-A", "I-A", "B-A", "O", "I-B"],
    "BIO": ["B-A", "I-A", "B-A", "O", "B-B"],
    "BILUO": ["B-A", "L-A", "U-A", "O", "U-B"],
    "IOBES": ["B-A", "E-A", "S-A", "O", "S-B"],
}


@pytest.mark.parametrize("scheme", scheme_columns)
@pytest.mark.parametrize("suffix", [".jsonl", ".conll"])
def test_the_scheme_of_each_column_is_found_out(tmp_path, scheme, suffix):
    row = {
        "tokens": list("abcde"),
        "ner": scheme_columns[scheme],
        "chunk": scheme_columns["BIO"],
        "doc": 1,
    }
    columns = ["tokens", "ner", "chunk"]
    path = write_corpus(tmp_path / f"a{suffix}", [row], columns)
    options = {"entity_column": "ner", "span_column": "chunk", "columns": columns}
    corpus = TokenCorpus(path, **options)
    assert corpus.contents.known == {"ner": scheme, "chunk": "BIO"}
    (doc,) = corpus.read_references(NLP)
    expected = [(0, 2, "A"), (2, 3, "A"), (4, 5, "B")]
    assert spans(doc.ents) == spans(doc.spans["sc"]) == expected
    (doc,) = read(path, **{**options, "span_column": None, "scheme": scheme})
    assert spans(doc.ents) == expected


def test_chunks_end_with_their_sentence(tmp_path):
    rows = [{"tokens": ["a"], "ner": ["I-A"], "doc": 1}] * 2
    path = write_corpus(tmp_path / "a.jsonl", rows)
    (doc,) = read(path, entity_column="ner", sentences_per_doc=0)
    assert spans(doc.ents) == [(0, 1, "A"), (1, 2, "A")]


@pytest.mark.parametrize("suffix", [".jsonl", ".conll"])
def test_sentences_are_gathered_within_the_documents_of_a_file(tmp_path, suffix):
    rows = [
        {"tokens": [token], "pos": ["X"], "doc": doc}
        for token, doc in zip("abcde", "11112", strict=True)
    ]
    path = write_corpus(tmp_path / f"a{suffix}", rows, ["tokens", "pos"])

    def gather(n):
        options = {"pos_column": "pos", "columns": ["tokens", "pos"]}
        docs = read(path, sentences_per_doc=n, **options)
        if n != 1:
            assert all([len(s) for s in doc.sents] == [1] * len(doc) for doc in docs)
        return ["".join(words(doc)) for doc in docs]

    assert gather(1) == ["a", "b", "c", "d", "e"]
    assert gather(2) == ["ab", "cd", "e"]
    assert gather(3) == ["abc", "d", "e"]
    assert gather(0) == ["abcd", "e"]


def test_a_document_ends_with_its_file(tmp_path):
    for name in ("a.jsonl", "b.txt", "c.txt"):
        rows = [{"tokens": [name, "x"], "pos": ["X", "X"]}] * 2
        write_corpus(tmp_path / name, rows, ["tokens", "pos"])
    docs = read(
        tmp_path, pos_column="pos", columns=["tokens", "pos"], sentences_per_doc=0
    )
    assert [doc[0].text for doc in docs] == ["a.jsonl", "b.txt", "c.txt"]
    assert [[len(sent) for sent in doc.sents] for doc in docs] == [[2, 2]] * 3


def test_long_documents_are_split_into_sentences_and_long_sentences_left_out(a_file):
    options = {**MAPPING, "sentences_per_doc": 0}
    assert [len(doc) for doc in read(a_file, **options)] == [8, 1]
    assert [len(doc) for doc in read(a_file, **options, max_length=9)] == [8, 1]
    docs = read(a_file, **options, max_length=8)
    assert [len(doc) for doc in docs] == [5, 3, 1]
    assert [len(doc.spans["sc"]) for doc in docs] == [3, 1, 1]
    assert [len(doc) for doc in read(a_file, **options, max_length=5)] == [3, 1]
    assert [len(doc) for doc in read(a_file, **MAPPING, max_length=5)] == [3, 1]


def test_docbins_are_read_as_they_are(tmp_path):
    doc = Doc(NLP.vocab, words=["don't", "go"], spaces=[True, False], tags=["A", "B"])
    doc.spans["x"] = [Span(doc, 0, 1, "L")]
    path = tmp_path / "a.spacy"
    DocBin(docs=[doc, Doc(NLP.vocab)]).to_disk(path)
    (ours,), (theirs,) = TokenCorpus(path)(NLP), Corpus(path, gold_preproc=True)(NLP)
    assert ours.reference.to_json() == theirs.reference.to_json() == doc.to_json()
    assert words(ours.predicted) == words(theirs.predicted) == ["don't", "go"]


def test_a_folder_is_one_corpus(tmp_path):
    write_corpus(tmp_path / "a.conll", ROWS[:1])
    write_corpus(tmp_path / "b.jsonl.gz", ROWS[1:2])
    DocBin(docs=[Doc(NLP.vocab, words=["x"])]).to_disk(tmp_path / "c.spacy")
    (tmp_path / "README.md").write_text("no corpus")
    assert [len(doc) for doc in read(tmp_path, **MAPPING)] == [5, 3, 1]
    assert [len(doc) for doc in read(tmp_path, **MAPPING, limit=2)] == [5, 3]


sentences = st.lists(
    st.lists(
        # What a cell can hold: no separator, no line break, no NUL.
        st.tuples(
            *[
                st.text(
                    st.characters(codec="utf-8", exclude_characters="\0\t\n\r "),
                    min_size=1,
                ).filter(lambda cell: not cell.startswith("-DOCSTART-"))
            ]
            * 2
        ),
        min_size=1,
        max_size=4,
    ),
    min_size=1,
    max_size=4,
)


@given(data=sentences)
def test_any_token_and_tag_is_read_back(data):
    rows = [
        {
            "tokens": [token for token, _ in sent],
            "x": [tag for _, tag in sent],
            "doc": 1,
        }
        for sent in data
    ]
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".jsonl", ".conll", ".tsv"):
            path = Path(folder) / f"a{suffix}"
            write_corpus(path, rows, ["x", "tokens"])
            docs = read(path, tag_column="x", columns=["x", "tokens"])
            assert [words(doc) for doc in docs] == [row["tokens"] for row in rows]
            tags = [[token.tag_ or "_" for token in doc] for doc in docs]
            assert tags == [row["x"] for row in rows]


def test_a_file_with_tabs_is_split_at_them_and_any_other_at_runs_of_spaces(tmp_path):
    tabs = ["\ufeffNew York\tPROPN\r", " \t", "", " a \tX", "-DOCSTART- O", "b\tX"]
    spaces = [
        "de\u00a0facto  NOUN ",
        "\t\r",
        "-DOCSTART- -X-",
        "a\u2003 X",
        "-DOCSTART-",
    ]
    path = tmp_path / "a.conll"
    options = {"pos_column": "x", "columns": ["tokens", "x"]}
    for lines, tokens, pos in (
        (tabs, [["New York"], ["a"], ["b"]], ["PROPN", "X", "X"]),
        (spaces, [["de\u00a0facto"], ["a\u2003"]], ["NOUN", "X"]),
    ):
        docs = read(write_lines(path, *lines), **options)
        assert [words(doc) for doc in docs] == tokens
        assert [token.pos_ for doc in docs for token in doc] == pos


def test_columns_that_nobody_asks_for_can_share_a_name(tmp_path):
    path = write_lines(tmp_path / "a.tsv", "1\ta\tB-X\t?", "2\tb\tO\t?")
    (doc,) = read(path, entity_column="ner", columns=["_", "tokens", "ner", "_"])
    assert (words(doc), spans(doc.ents)) == (["a", "b"], [(0, 1, "X")])


def test_empty_sentences_are_left_out(tmp_path, caplog):
    empty = {"tokens": [], "pos": [], "doc": "a"}
    full = {"tokens": ["a"], "pos": ["X"], "doc": "a"}
    path = write_corpus(tmp_path / "a.jsonl", [empty, full, empty, full])
    with caplog.at_level(logging.WARNING, logger="spacy"):
        for n, lengths in ((1, [1, 1]), (2, [2]), (0, [2])):
            docs = read(path, pos_column="pos", sentences_per_doc=n)
            assert [len(doc) for doc in docs] == lengths
        assert [len(doc) for doc in read(path, pos_column="pos", limit=1)] == [1]
    assert caplog.records[0].getMessage() == (
        f"Empty texts left out: 2, the first {path}:1"
    )


def test_a_corpus_that_is_not_kept_is_checked_again(a_file):
    corpus = TokenCorpus(a_file, **MAPPING, keep=False)
    assert len(list(corpus(NLP))) == 3
    write_corpus(a_file, ROWS[1:])
    assert len(list(corpus(NLP))) == 2
    write_corpus(a_file, [*ROWS, {**ROWS[2], "ner": ["U-LOC"]}])
    with pytest.raises(ValueError, match="corpus.jsonl:4: 'ner': 'U-LOC' is no tag"):
        list(corpus(NLP))


def test_entities_stay_where_they_are_when_words_are_augmented(a_file):
    augmenter = registry.resolve(
        {"a": {"@augmenters": "spacy.lower_case.v1", "level": 1.0}}
    )["a"]
    docs = read(a_file, **MAPPING, augmenter=augmenter)
    assert words(docs[0]) == ["ana", "li", "left", "rome", "."]
    assert spans(docs[0].ents) == [(0, 2, "PER"), (3, 4, "LOC")]


def test_what_is_predicted_keeps_the_tokens_of_the_annotation_when_augmented(tmp_path):
    row = {"tokens": ["I", "can't", "e-mail", ":-)", "12km"], "tag": list("ABCDE")}
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row))
    augmenter = registry.resolve(
        {"a": {"@augmenters": "spacy.lower_case.v1", "level": 1.0}}
    )["a"]
    corpus = TokenCorpus(path, tag_column="tag", augmenter=augmenter)
    (example,) = corpus(NLP)
    assert words(example.predicted) == words(example.reference)
    assert words(example.predicted)[1] == "can't"
    assert example.predicted.text == example.reference.text
    assert [token.tag_ for token in example.reference] == list("ABCDE")


@pytest.mark.parametrize(
    ("factory", "column"),
    [
        ("tagger", "tag_column"),
        ("ner", "entity_column"),
        ("morphologizer", "pos_column"),
    ],
)
def test_components_of_spacy_learn_from_it(tmp_path, factory, column):
    row = {"tokens": ["Ana", "left"], "ner": ["B-PER", "O"], "pos": ["PROPN", "VERB"]}
    path = write_corpus(tmp_path / "a.jsonl", [row] * 4)
    corpus = TokenCorpus(path, **{column: "ner" if factory == "ner" else "pos"})
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe(factory)
    nlp.initialize(lambda: corpus(nlp))
    assert len(pipe.labels) == (1 if factory == "ner" else 2)
    losses = nlp.update(list(corpus(nlp)))
    assert losses[factory] > 0


CONFIG = """
[corpus]
@readers = "spacy-rnn.TokenCorpus.v1"
"""


def test_a_config_names_the_reader(a_file):
    config = Config().from_str(CONFIG)
    config["corpus"] |= {"path": str(a_file), "entity_column": "ner", "limit": 2}
    corpus = registry.resolve(config)["corpus"]
    assert [len(example.reference.ents) for example in corpus(NLP)] == [2, 0]


@pytest.mark.parametrize(
    ("key", "value"),
    [("scheme", "BILOU"), ("columns", "tokens"), ("entity_column", 1.5), ("typo", "")],
)
def test_a_config_with_a_wrong_value_is_refused(a_file, key, value):
    config = Config().from_str(CONFIG)
    config["corpus"] |= {"path": str(a_file), "tag_column": "pos", key: value}
    with pytest.raises(ConfigValidationError, match=key):
        registry.resolve(config)


@pytest.mark.parametrize("name", ["a.spacy", "c.spacy"])
def test_files_before_and_after_a_docbin_are_checked_and_counted(tmp_path, name):
    DocBin(docs=[Doc(NLP.vocab, words=["x"])]).to_disk(tmp_path / name)
    write_corpus(tmp_path / "b.jsonl", ROWS)
    corpus = TokenCorpus(tmp_path, **MAPPING)
    docs = [example.reference for example in corpus(NLP)]
    assert corpus.contents.n_docs == len(docs) == 1 + len(ROWS)
    assert corpus.contents.known == {"ner": "BIO", "chunk": "BIO"}
    write_lines(tmp_path / "b.jsonl", *map(json.dumps, ROWS), "broken")
    with pytest.raises(ValueError, match="b.jsonl:4: malformed JSON"):
        next(TokenCorpus(tmp_path, **MAPPING)(NLP))
