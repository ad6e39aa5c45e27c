import json
import os
import subprocess
import sys

import pytest
import spacy
from spacy.cli import app
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)
from spacy_rnn.corpora.texts.corpus import TextCorpus
from spacy_rnn.corpora.tokens.corpus import TokenCorpus

NLP = spacy.blank("en")
ROWS = [
    {"text": "Good, isn't it?", "label": "pos"},
    {"text": "Bad “bad” film", "label": "neg"},
    {"text": "", "label": "neg"},
    {"text": "No.", "label": "neg"},
]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


def run(*arguments):
    result = CliRunner().invoke(app, ["rnn", "convert", *map(str, arguments)])
    # Output is wrapped at the width of the terminal.
    return result.exit_code, " ".join(result.output.split())


def read(path):
    return list(DocBin().from_disk(path).get_docs(NLP.vocab))


@pytest.mark.parametrize("line", ["labels = ['a', 'b']", 'max_size = "1'])
def test_a_line_that_looks_like_a_setting_is_said_as_it_is(tmp_path, line):
    path = tmp_path / "in.jsonl"
    path.write_text(f"{line}\n")
    exit_code, output = run(path, tmp_path / "out.spacy")
    assert exit_code == 1
    assert "in.jsonl:1: malformed JSON" in output


def test_what_is_converted_reads_back_equal(source, tmp_path):
    exit_code, output = run(source, tmp_path / "out.spacy")
    assert exit_code == 0, output
    expected = list(TextCorpus(source).read_references(NLP))
    docs = read(tmp_path / "out.spacy")
    assert [[(t.text, t.whitespace_) for t in doc] for doc in docs] == [
        [(t.text, t.whitespace_) for t in doc] for doc in expected
    ]
    assert [doc.cats for doc in docs] == [doc.cats for doc in expected]
    assert len(docs) == 3


def test_the_summary_counts_documents_and_labels(source, tmp_path):
    _, output = run(source, tmp_path / "out.spacy", "--labels", "pos,neg,other")
    assert "Wrote 3 documents" in output
    assert "Annotation Label Count doc.cats neg 2 doc.cats pos 1 doc.cats other 0" in (
        output
    )


def test_texts_left_out_are_reported_once(source, tmp_path, caplog):
    _, output = run(source, tmp_path / "out.spacy")
    assert output.count("Empty texts left out: 1") == 1
    assert output.endswith(f"{source}:3")
    assert caplog.text == ""


def test_texts_without_labels_are_reported_with_the_columns(tmp_path, caplog):
    (tmp_path / "in.csv").write_text("text,Label\na,x\n")
    exit_code, output = run(tmp_path / "in.csv", tmp_path / "out.spacy")
    assert exit_code == 0, output
    assert "in.csv:1: no column 'label', 'labels', 'cats', so no label; " in output
    assert "there is 'text', 'Label'. --label-column names another" in output
    assert caplog.text == ""


def test_texts_that_are_not_as_they_should_be_are_left_out_on_request(tmp_path):
    (tmp_path / "in.csv").write_bytes(b"text;label\na;x\nb;\ncaf\xe9;x\nc;y;z\nd;y\n")
    exit_code, output = run(tmp_path / "in.csv", tmp_path / "out.spacy")
    assert exit_code == 1
    assert "in.csv:3: " in output
    assert "--errors skip leaves it out" in output
    options = ["--errors", "skip"]
    exit_code, output = run(tmp_path / "in.csv", tmp_path / "out.spacy", *options)
    assert exit_code == 0, output
    assert [doc.text for doc in read(tmp_path / "out.spacy")] == ["a", "d"]
    assert "Malformed records left out: 2" in output
    assert "Records that are no valid Unicode left out: 1" in output


def test_an_output_that_would_be_read_the_next_time_is_refused(source, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    source.rename(folder / "in.jsonl")
    for out in (folder / "out.spacy", folder / "new" / "out.spacy"):
        exit_code, output = run(folder, out)
        assert exit_code == 1
        assert "the output is one of the files to read, or would be one" in output
    assert [path.name for path in folder.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize("options", [[], ["--shard-size", 2]])
def test_an_output_that_can_not_be_written_is_found_before_the_work(
    source, tmp_path, monkeypatch, options
):
    monkeypatch.setattr(spacy, "blank", lambda _: pytest.fail("the work began"))
    (tmp_path / "file").touch()
    name = "folder" if options else "out.spacy"
    exit_code, output = run(source, tmp_path / "file" / name, *options)
    assert exit_code == 1
    assert "Not a directory" in output
    if not options:
        (tmp_path / "out.spacy").mkdir()
        assert "output is a folder" in run(source, tmp_path / "out.spacy")[1]


def test_a_line_that_is_too_long_is_refused_in_the_words_of_the_command(
    source, tmp_path
):
    exit_code, output = run(source, tmp_path / "out.spacy", "--max-size", "40")
    assert exit_code == 1
    assert "in.jsonl:1: a line of more than 40 characters; --max-size 0" in output


def test_a_folder_of_any_formats_becomes_one_file(source, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    source.rename(folder / "in.jsonl")
    (folder / "more.csv").write_text("text,label\nmore,pos\n")
    doc = Doc(NLP.vocab, words=["tagged"], tags=["X"])
    DocBin(docs=[doc]).to_disk(folder / "tagged.spacy")
    exit_code, output = run(folder, tmp_path / "new" / "folder" / "out.spacy")
    assert exit_code == 0, output
    docs = read(tmp_path / "new" / "folder" / "out.spacy")
    assert [len(doc) for doc in docs] == [6, 5, 2, 1, 1]
    assert docs[-1][0].tag_ == "X"


def test_options_reach_the_reader(tmp_path):
    (tmp_path / "in.csv").write_bytes(
        b"body,stars,label\nA,1,x\n\xe9 don't,2,x\nC,2,x\n"
    )
    options = ["--text-column", "body", "--label-column", "stars", "--limit", "2"]
    options += ["--errors", "replace", "--lang", "de"]
    exit_code, output = run(tmp_path / "in.csv", tmp_path / "out.spacy", *options)
    assert exit_code == 0, output
    docs = read(tmp_path / "out.spacy")
    assert [[token.text for token in doc] for doc in docs] == [
        ["A"],
        ["\ufffd", "don't"],
    ]
    assert [doc.cats for doc in docs] == [{"1": 1.0, "2": 0.0}, {"1": 0.0, "2": 1.0}]


def test_a_failure_names_the_line_and_leaves_the_previous_output(source, tmp_path):
    out = tmp_path / "out.spacy"
    out.write_bytes(b"previous")
    source.write_text('{"text": "a"}\n{"text": 1}\n')
    exit_code, output = run(source, out)
    assert exit_code == 1
    assert f"{source}:2: 'text' must be a string, got 1" in output
    assert out.read_bytes() == b"previous"
    assert sorted(tmp_path.iterdir()) == [source, out]


def test_a_failure_to_write_leaves_the_previous_output(source, tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError("disk full")

    out = tmp_path / "out.spacy"
    out.write_bytes(b"previous")
    monkeypatch.setattr(os, "fsync", fail)
    exit_code, output = run(source, out)
    assert exit_code == 1
    assert "disk full" in output
    assert out.read_bytes() == b"previous"
    assert sorted(tmp_path.iterdir()) == [source, out]


def test_who_reads_the_previous_output_can_go_on(source, tmp_path):
    out = tmp_path / "out.spacy"
    out.write_bytes(b"previous")
    with out.open("rb") as file:
        assert run(source, out)[0] == 0
        assert file.read() == b"previous"
    assert len(read(out)) == 3


def test_an_output_is_replaced(source, tmp_path):
    for _ in range(2):
        assert run(source, tmp_path / "out.spacy")[0] == 0
    assert sorted(tmp_path.iterdir()) == [source, tmp_path / "out.spacy"]


@pytest.mark.parametrize(
    ("source_name", "out_name", "options", "message"),
    [
        ("in.jsonl", "out.jsonl", [], "the output must end in .spacy"),
        ("in.jsonl", "folder", [], "the output must end in .spacy"),
        ("none.csv", "out.spacy", [], "none.csv: no such file or folder"),
        ("in.txt", "out.spacy", [], "in.txt: such a file has annotated tokens"),
        ("in.pdf", "out.spacy", [], "in.pdf: expected a file that ends in .spacy"),
        ("in.spacy", "in.spacy", [], "the output is one of the files to read"),
        ("in.jsonl", "out.spacy", ["--labels", "pos"], "in.jsonl:2: label 'neg' is no"),
        ("in.jsonl", "out.spacy", ["--lang", "qq"], "Can't import language qq"),
        ("in.jsonl", "out.spacy", ["--label-column", "x"], "in.jsonl:1: no column 'x'"),
    ],
)
def test_what_cannot_be_converted_is_refused(
    source, tmp_path, source_name, out_name, options, message
):
    (tmp_path / "in.txt").write_text("")
    (tmp_path / "in.pdf").write_text("")
    DocBin(docs=[NLP.make_doc("a")]).to_disk(tmp_path / "in.spacy")
    before = sorted(tmp_path.iterdir())
    exit_code, output = run(tmp_path / source_name, tmp_path / out_name, *options)
    assert exit_code == 1
    assert message in output
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "options",
    [
        ["--limit", "-1"],
        ["--sentences-per-doc", "-1"],
        ["--scheme", "BILOU"],
        ["--errors", "ignore"],
    ],
)
def test_a_value_without_a_meaning_is_a_wrong_usage(source, tmp_path, options):
    assert run(source, tmp_path / "out.spacy", *options)[0] == 2


@pytest.fixture
def tagged(tmp_path):
    path = tmp_path / "in.conll"
    path.write_text(
        "-DOCSTART- -X- -X- O\n\n"
        "Ana NNP B-NP S-PER\ndon't VBP O O\n\n"
        "York NNP B-NP B-LOC\nUniversity NNP I-NP E-LOC\n"
    )
    return path


TAGGED = ["--columns", "tokens,tag,chunk,ner"]
ALL = [*TAGGED, "--tag-column", "tag", "--entity-column", "ner"]


def test_annotated_tokens_read_back_equal(tagged, tmp_path):
    exit_code, output = run(
        tagged, tmp_path / "out.spacy", *ALL, "--span-column", "chunk"
    )
    assert exit_code == 0, output
    corpus = TokenCorpus(
        tagged,
        columns=["tokens", "tag", "chunk", "ner"],
        tag_column="tag",
        entity_column="ner",
        span_column="chunk",
    )
    expected = [doc.to_json() for doc in corpus.read_references(NLP)]
    assert [doc.to_json() for doc in read(tmp_path / "out.spacy")] == expected
    assert "Wrote 2 documents" in output
    assert (
        "doc.ents PER 1 doc.ents LOC 1 doc.spans['sc'] NP 2 "
        "token.tag NNP 3 token.tag VBP 1" in output
    )


def test_spacy_reads_the_tokens_that_were_converted(tagged, tmp_path):
    assert run(tagged, tmp_path / "out.spacy", *ALL)[0] == 0
    examples = list(Corpus(tmp_path / "out.spacy")(NLP))
    for example in examples:
        words = [token.text for token in example.reference]
        assert [token.text for token in example.predicted] == words
    assert [len(example.reference.ents) for example in examples] == [1, 1]


def test_options_reach_the_reader_of_tokens(tmp_path):
    row = {"words": ["a", "b"], "upos": ["X", "NOUN"], "ner": ["I-X", "I-X"]}
    (tmp_path / "in.jsonl").write_text(f"{json.dumps(row)}\n" * 5)
    options = ["--token-column", "words", "--pos-column", "upos", "--limit", "2"]
    options += ["--span-column", "ner", "--spans-key", "names", "--scheme", "IOB1"]
    options += ["--sentences-per-doc", "2"]
    exit_code, output = run(tmp_path / "in.jsonl", tmp_path / "out.spacy", *options)
    assert exit_code == 0, output
    docs = read(tmp_path / "out.spacy")
    assert [[token.pos_ for token in doc] for doc in docs] == [["X", "NOUN"] * 2] * 2
    assert [[span.text for span in doc.spans["names"]] for doc in docs] == [
        ["a b", "a b"]
    ] * 2
    assert [len(list(doc.sents)) for doc in docs] == [2, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (TAGGED, "Name at least one of --tag-column, --pos-column, --entity-c"),
        (["--entity-column", "ner"], "from left to right, as in --columns tokens,n"),
        (
            [*TAGGED, "--entity-column", "tag"],
            "in.conll:3: 'tag' is not in IOB1, BIO, B",
        ),
        ([*TAGGED, "--pos-column", "tag"], "in.conll:3: 'NNP' in 'tag' is no part of"),
        ([*ALL, "--scheme", "BILUO"], "in.conll:3: 'ner' is not in BILUO: 'S-P"),
        (
            [*ALL, "--labels", "PER"],
            "--labels is of labelled texts, but --tag-column of annotated tokens",
        ),
        ([], "in.conll: such a file has annotated tokens. Name its columns with --c"),
    ],
)
def test_tokens_that_cannot_be_converted_leave_the_previous_output(
    tagged, tmp_path, options, message
):
    out = tmp_path / "out.spacy"
    out.write_bytes(b"previous")
    exit_code, output = run(tagged, out, *options)
    assert exit_code == 1
    assert message in output
    assert out.read_bytes() == b"previous"
    assert sorted(tmp_path.iterdir()) == [tagged, out]


def test_python_m_spacy_knows_the_commands(source, tmp_path):
    spacy_cli = [sys.executable, "-m", "spacy"]
    shown = subprocess.run(
        [*spacy_cli, "rnn", "--help"], capture_output=True, text=True, timeout=120
    )
    assert shown.returncode == 0, shown.stderr
    assert "convert" in shown.stdout
    out = tmp_path / "out.spacy"
    convert = [*spacy_cli, "rnn", "convert", str(source), str(out)]
    done = subprocess.run(convert, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(read(out)) == 3


def test_loading_the_commands_loads_neither_torch_nor_nltk():
    # spaCy's command line itself loads whatever Thinc does, so compare with that.
    code = (
        "import sys; import spacy.cli; before = set(sys.modules);"
        "import spacy_rnn.cli; new = set(sys.modules) - before;"
        "heavy = {'torch', 'nltk', 'spacy_rnn.corpora.texts.corpus'} & new;"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
