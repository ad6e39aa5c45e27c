"""What is wrong in a corpus of tokens: refused, or left out and counted."""

import logging
import re

import pytest
import spacy

from spacy_rnn.corpora.tokens.corpus import TokenCorpus
from tests.corpora.tokens.test_corpus import read, spans, words, write_lines

NLP = spacy.blank("en")

# Each file is wrong in the line that is named.
MALFORMED = [
    ("a.jsonl", ['{"tokens": ["a"], "ner": ["O"]}', "{"], 2, "malformed JSON"),
    ("a.jsonl", ["[1]"], 1, "expected a JSON object on each line, but an array"),
    ("a.jsonl", ["", '{"text": "a"}'], 2, "no column 'tokens'; there is 'text'"),
    ("a.jsonl", ['{"tokens": ["a"], "pos": ["O"]}'], 1, "no column 'ner'; there is"),
    ("a.jsonl", ['{"tokens": "a b", "ner": ["O"]}'], 1, "'tokens' must be a list"),
    ("a.jsonl", ['{"tokens": null, "ner": ["O"]}'], 1, "'tokens' must be a list"),
    ("a.jsonl", ['{"tokens": ["a", 1], "ner": ["O"]}'], 1, "must be a string, got 1"),
    ("a.jsonl", ['{"tokens": ["a", null], "ner": []}'], 1, "must be a string, got N"),
    ("a.jsonl", ['{"tokens": ["a", ""], "ner": ["O", "O"]}'], 1, "without a character"),
    ("a.jsonl", ['{"tokens": ["a"], "ner": {"a": "O"}}'], 1, "'ner' must be a list"),
    ("a.jsonl", ['{"tokens": ["a"], "ner": [0]}'], 1, "must be a string, got 0"),
    ("a.jsonl", ['{"tokens": ["a", "b"], "ner": ["O"]}'], 1, "1 values in 'ner' for 2"),
    ("a.jsonl", ['{"tokens": ["a"], "ner": ["O"], "spaces": [1]}'], 1, "true or false"),
    ("a.jsonl", ['{"tokens": ["a"], "ner": ["O"], "spaces": []}'], 1, "0 values in 's"),
    ("a.jsonl", ['{"tokens": ["\\udfff"], "ner": ["O"]}'], 1, "half of a surrogate"),
    ("a.jsonl", ['{"tokens": ["a"], "ner": ["L-X"]}'], 1, "'L-X' at the beginning of"),
    (
        "a.conll",
        ["a O", "", "b X O"],
        3,
        "with spaces between them ('tokens', 'ner'), got 3",
    ),
    ("a.conll", ["a O", "b"], 2, "expected 2 columns with spaces"),
    ("a.tsv", ["a\tO", "b O"], 2, "expected 2 columns with tabs between them"),
    ("a.tsv", ["a\tO", "c\tO\t"], 2, "got 3"),
    ("a.tsv", ["a\tO", "\tO"], 2, "a token without a character"),
    ("a.conll", ["a O", "", "b B-X", "c I-X", "d I-Y"], 5, "'I-Y' after 'I-X'"),
    ("a.conll", ["a U-X", "", "b B-X", "c I-X", "", "d O"], 4, "at the end of a sen"),
    ("a.conll", ["a O", "b PER"], 2, "'PER' is no tag of"),
    ("a.conll", ["a O", "b \0"], 2, "NUL byte"),
    ("a.conll", ["a O\rb O\r"], 1, "but here is \\r alone"),
]


@pytest.mark.parametrize(("name", "lines", "line", "message"), MALFORMED)
@pytest.mark.parametrize("keep", [True, False])
def test_a_mistake_is_reported_with_file_and_line_before_the_first_example(
    tmp_path, name, lines, line, message, keep
):
    path = write_lines(tmp_path / name, *lines)
    corpus = TokenCorpus(
        path, entity_column="ner", columns=["tokens", "ner"], keep=keep, limit=1
    )
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        next(corpus(NLP))
    assert str(caught.value).startswith(f"{path}:{line}: ")


BIO = "a B-X\nb I-X\nc O\n"


@pytest.mark.parametrize(
    ("name", "sentences", "n_left_out"),
    [
        ("a.conll", [BIO, "a\nb O\n", BIO], 1),
        ("a.conll", ["a\n", BIO, BIO], 1),
        ("a.conll", [BIO, "a O\nb I-X\n", "a L-X\n", "a PER\n", BIO], 3),
        ("a.conll", [BIO, "a \0\n", "\udce9 O\n", "a O\rb O\n", BIO], 3),
        ("a.conll", ["a B-X\nb L-X\n", "a B-X\n", "a U-X\nb B-X\nc L-X\n"], 1),
        ("a.jsonl", ['{"tokens": ["a"], "ner": ["O"]}', "{", '{"tokens": [""]}'], 2),
        # IOB1 as a whole, and BIO as a whole
        ("a.conll", ["a I-X\n", "a I-X\nb O\n", "a B-X\n", "a S-X\n"], 1),
        ("a.conll", ["a B-X\n", "a O\nb B-X\n", "a I-X\n", "a S-X\n"], 2),
    ],
)
@pytest.mark.parametrize("sentences_per_doc", [0, 1])
def test_sentences_that_are_wrong_can_be_left_out_and_are_told_of_once(
    tmp_path, caplog, name, sentences, n_left_out, sentences_per_doc
):
    path = tmp_path / name
    path.write_bytes("\n".join(sentences).encode("utf-8", "surrogateescape"))
    options = {"entity_column": "ner", "columns": ["tokens", "ner"]}
    with pytest.raises(ValueError, match=f"{name}:"):
        read(path, **options)
    corpus = TokenCorpus(
        path, errors="skip", sentences_per_doc=sentences_per_doc, **options
    )
    with caplog.at_level(logging.WARNING, logger="spacy"):
        for _ in range(2):
            docs = [example.reference for example in corpus(NLP)]
            n_found = len(docs) if sentences_per_doc else len(list(docs[0].sents))
            assert n_found == len(sentences) - n_left_out
    report = corpus.contents.report
    assert sum(map(len, report.places.values())) == n_left_out
    assert [record.getMessage() for record in caplog.records] == report.describe()


@pytest.mark.parametrize("value", ["NN", "-", "EOL", "noun"])
def test_parts_of_speech_have_to_be_universal(tmp_path, value):
    path = write_lines(tmp_path / "a.txt", "a NOUN", "", "b _", f"c {value}")
    corpus = TokenCorpus(path, pos_column="x", columns=["tokens", "x"])
    message = (
        f"a.txt:4: '{value}' in 'x' is no part of speech of Universal Dependencies"
    )
    with pytest.raises(ValueError, match=message):
        next(corpus(NLP))


def test_spans_cannot_be_unknown(tmp_path):
    path = write_lines(tmp_path / "a.txt", "a B-X", "b -")
    corpus = TokenCorpus(path, span_column="x", columns=["tokens", "x"])
    with pytest.raises(ValueError, match="a.txt:2: '-' in 'x' leaves open"):
        next(corpus(NLP))


def test_bytes_that_are_not_utf8_and_half_surrogates_can_be_replaced(tmp_path):
    (tmp_path / "a.conll").write_bytes(b"a O\ncaf\xe9 O\n")
    write_lines(tmp_path / "b.jsonl", '{"tokens": ["x\\ud800"], "ner": ["B-\\ud800"]}')
    options = {"entity_column": "ner", "columns": ["tokens", "ner"]}
    with pytest.raises(ValueError, match="a.conll:2: byte 0xe9 is not UTF-8"):
        read(tmp_path, **options)
    docs = read(tmp_path, **options, errors="replace")
    assert [words(doc) for doc in docs] == [["a", "caf\ufffd"], ["x\ufffd"]]
    assert spans(docs[1].ents) == [(0, 1, "\ufffd")]


@pytest.mark.parametrize(
    "content", [{"a.jsonl": '{"tokens": [], "pos": []}'}, {"a.txt": "\n-DOCSTART-\n"}]
)
def test_a_corpus_without_a_token_is_refused(tmp_path, content):
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match="no document with a text"):
        read(tmp_path, pos_column="pos", columns=["tokens", "pos"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sentences_per_doc": -1}, "sentences_per_doc has to be 0"),
        ({"scheme": "BILOU"}, "scheme has to be one of"),
        ({"tag_column": None}, "Name at least one of tag_column, pos_column, entity"),
        (
            {"columns": None},
            r"a.txt: name the columns .* columns = \[\"tokens\", \"pos\"\]",
        ),
        (
            {"columns": ["token", "pos"]},
            "must have 'tokens' once",
        ),
        ({"columns": ["tokens", "ner"]}, "must have 'pos' once"),
        ({"columns": ["tokens", "pos", "pos"]}, "must have 'pos' once"),
    ],
)
def test_arguments_without_a_meaning_are_refused(tmp_path, options, message):
    path = write_lines(tmp_path / "a.txt", "a X")
    defaults = {"path": path, "tag_column": "pos", "columns": ["tokens", "pos"]}
    with pytest.raises(ValueError, match=message):
        TokenCorpus(**{**defaults, **options})


def test_paths_are_checked_before_training(tmp_path):
    with pytest.raises(FileNotFoundError, match="dev.txt: no such file or folder"):
        TokenCorpus(tmp_path / "dev.txt")
    path = write_lines(tmp_path / "a.conllu", "")
    with pytest.raises(ValueError, match="expected a file that ends in .spacy, .jsonl"):
        TokenCorpus(path)
