"""What `python -m spacy rnn init-config` finds in data: columns, labels, tasks."""

import gzip

import pytest
import spacy
import srsly
from init_configs import TEXTS, make, run, write_table
from spacy.tokens import DocBin

from spacy_rnn.cli.starter import tally


def test_columns_and_labels_of_a_table_are_found(tmp_path):
    table = write_table(tmp_path / "train.csv", ["review", "stars"], TEXTS)
    config, output = make(tmp_path, "--train", table, "--dev", table)
    reader = config["corpora"]["dev"]
    assert reader["@readers"] == "spacy-rnn.TextCorpus.v1"
    assert (reader["text_column"], reader["label_column"]) == ("review", "stars")
    assert reader["labels"] == ["bad", "good"]
    assert f"{table}: 9 documents" in output
    assert "Task: textcat (guessed)" in output
    assert "Train Dev good 6 6 bad 3 3" in output
    assert "Language: en (not guessed; set it by --lang)" in output


def test_a_text_that_is_missing_makes_no_other_column_the_text(tmp_path):
    rows = [
        {"id": f"row number {i}", "text": t, "label": la}
        for i, (t, la) in enumerate(TEXTS)
    ]
    rows[2]["text"] = None
    srsly.write_jsonl(tmp_path / "train.jsonl", rows)
    data = tmp_path / "train.jsonl"
    exit_code, output = run(tmp_path / "config.cfg", "--train", data)
    assert exit_code == 1
    assert "train.jsonl:3: 'text' must be a string" in output


def test_a_text_with_two_labels_makes_it_multilabel(tmp_path):
    rows = [{"body": text, "topics": [label]} for text, label in TEXTS]
    srsly.write_jsonl(tmp_path / "train.jsonl", [*rows, {**rows[0], "topics": []}])
    config, output = make(tmp_path, "--train", tmp_path / "train.jsonl")
    assert config["nlp"]["pipeline"] == ["rnn_textcat_multilabel"]
    assert "No development data" in output
    assert config["paths"]["dev"] is None


STATES = ("MI", "NY", "TX")


@pytest.mark.parametrize("separator", ["; ", ";", "|", ", "])
def test_several_labels_in_a_cell_are_told_from_one(separator, tmp_path):
    several = [["joy"], ["joy", "fear"], ["fear"], ["fear", "love", "joy"], ["love"]]
    rows = [
        (f"a text of many words {i}", separator.join(several[i % 5])) for i in range(40)
    ]
    path = write_table(tmp_path / "train.csv", ["body", "topics"], rows)
    config, output = make(tmp_path, "--train", path)
    assert config["nlp"]["pipeline"] == ["rnn_textcat_multilabel"]
    assert config["corpora"]["train"]["labels"] == ["fear", "joy", "love"]
    assert f"Label separator: {separator.strip()!r}" in output
    config, _ = make(tmp_path, "--train", path, "--task", "textcat")
    assert len(config["corpora"]["train"]["labels"]) == 5


def test_a_separator_that_parts_no_label_is_told_of(tmp_path):
    rows = [(f"a text of many words {i}", ["a;b", "b", "c;b"][i % 3]) for i in range(9)]
    path = write_table(tmp_path / "train.csv", ["body", "labels"], rows)
    _, output = make(tmp_path, "--train", path, "--label-separator", "|")
    assert "--label-separator '|' parts no label: no text has several" in output
    _, output = make(tmp_path, "--train", path, "--label-separator", ";")
    assert "parts no label" not in output


@pytest.mark.parametrize(
    "labels",
    [
        ["Arts, Crafts", "Arts, Music", "Sports"],
        [f"{town}, {state}" for town in ("Paris", "Rome", "Troy") for state in STATES],
    ],
)
def test_labels_with_a_separator_in_them_stay_whole(labels, tmp_path):
    rows = [(f"a text of many words {i}", labels[i % len(labels)]) for i in range(90)]
    path = write_table(tmp_path / "train.csv", ["body", "topics"], rows)
    config, _ = make(tmp_path, "--train", path)
    assert config["corpora"]["train"]["labels"] == labels


def test_rows_without_a_label_can_be_left_out(tmp_path):
    rows = [*TEXTS, ("no stars", ""), ("no stars at all", "")]
    path = write_table(tmp_path / "train.csv", ["review", "stars"], rows)
    exit_code, output = run(tmp_path / "config.cfg", "--train", path)
    assert exit_code == 1
    assert "got ''. --errors skip leaves it out" in output
    config, output = make(tmp_path, "--train", path, "--errors", "skip")
    assert config["corpora"]["train"]["errors"] == "skip"
    assert "train.csv: 9 documents" in output
    assert "left out: 2, the first" in output


@pytest.mark.parametrize("odd", [{"review": 5}, {"stars": [[]]}, {"review": [{}]}])
def test_a_value_of_another_kind_than_most_is_told_of_and_hides_no_column(
    odd, tmp_path
):
    rows = [{"review": text, "stars": label} for text, label in TEXTS]
    path = tmp_path / "train.jsonl"
    srsly.write_jsonl(path, [*rows, {**rows[0], **odd}])
    exit_code, output = run(tmp_path / "config.cfg", "--train", path)
    assert exit_code == 1
    assert f"train.jsonl:{len(rows) + 1}: " in output
    config, output = make(tmp_path, "--train", path, "--errors", "skip")
    reader = config["corpora"]["train"]
    assert (reader["text_column"], reader["label_column"]) == ("review", "stars")
    assert f"train.jsonl: {len(rows)} documents" in output


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".conll"])
@pytest.mark.parametrize("errors", ["skip", "replace"])
def test_records_that_cannot_be_read_are_left_out_of_the_sample_too(
    suffix, errors, tmp_path
):
    lines = {
        ".csv": ["body,topic"] + ["a few words,x", "some more words,y"] * 4,
        ".jsonl": [
            '{"body": "a few words", "topic": "x"}',
            '{"body": "b", "topic": "y"}',
        ]
        * 4,
        ".conll": ["Ada NNP B-PER", "saw VBD O", ""] * 4,
    }[suffix]
    lines.insert(4, lines[4].replace("w", "\udce9"))
    path = tmp_path / f"train{suffix}"
    path.write_text("\n".join(lines), encoding="utf8", errors="surrogateescape")
    exit_code, output = run(tmp_path / "config.cfg", "--train", path)
    assert exit_code == 1
    assert f"train{suffix}:5: byte 0xe9 is not UTF-8; --errors replace" in output
    config, _ = make(tmp_path, "--train", path, "--errors", errors)
    assert config["corpora"]["train"]["errors"] == errors


def test_texts_of_which_no_label_is_right_are_counted(tmp_path):
    rows = [
        (f"a text of many words {i}", ["a;b", "a", "b", ""][i % 4]) for i in range(40)
    ]
    path = write_table(tmp_path / "train.csv", ["body", "labels"], rows)
    _, output = make(tmp_path, "--train", path)
    assert "Label separator: ';'" in output
    assert "No label is right for 10 of the texts" in output


@pytest.mark.parametrize(
    ("features", "weights"),
    [("Case=Nom", (0.25, 0.25, 0.5)), ("", (0.5, None, 0.5))],
    ids=["features", "no features"],
)
def test_features_count_where_there_are_some(features, weights, tmp_path):
    nlp = spacy.blank("en")
    doc = nlp.make_doc("Ada knows")
    for token in doc:
        token.pos_, token.tag_ = "VERB", "V"
        token.set_morph(features)
    DocBin(docs=[doc] * 4).to_disk(tmp_path / "train.spacy")
    tasks = ["--task", "tagger,morphologizer", "--train", tmp_path / "train.spacy"]
    config, _ = make(tmp_path, *tasks)
    found = config["training"]["score_weights"]
    names = ("pos_acc", "morph_acc", "tag_acc")
    assert tuple(found[name] for name in names) == weights


@pytest.mark.parametrize("name", ["a.iob", "a.conll", "a.tsv", "a.txt.gz"])
def test_columns_without_names_are_told_apart(name, tmp_path):
    lines = "-DOCSTART- -X- O O\n\n" + 3 * (
        "Ana NNP B-NP S-PER\ndon't VBP O O\n\nYork NNP B-NP B-LOC\nCity NNP O E-LOC\n\n"
    )
    if name.endswith(".tsv"):
        lines = lines.replace(" ", "\t")
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(lines.encode()))
    else:
        path.write_text(lines)
    config, _ = make(tmp_path, "--train", path)
    reader = config["corpora"]["train"]
    assert config["nlp"]["pipeline"] == ["rnn_ner"]
    assert reader["columns"][0] == reader["token_column"]
    assert reader["columns"].index(reader["entity_column"]) == 3
    labels = config["initialize"]["components"]["rnn_ner"]["labels"]
    assert labels == ["LOC", "PER"]
    config, _ = make(tmp_path, "--train", path, "--task", "tagger")
    reader = config["corpora"]["train"]
    assert reader["columns"].index(reader["tag_column"]) == 1
    names = ["--columns", "word,_,_,ents"]
    config, _ = make(tmp_path, "--train", path, *names)
    reader = config["corpora"]["train"]
    assert reader["columns"] == ["word", "_", "_", "ents"]
    assert (reader["token_column"], reader["entity_column"]) == ("word", "ents")


def test_summaries_are_found_by_name_or_by_length(tmp_path, monkeypatch):
    article = " ".join(f"This is sentence {i} of the article." for i in range(9))
    rows = [(f"No {i}", article, "Nine sentences in other words.") for i in range(4)]
    write_table(tmp_path / "a.csv", ["id", "body", "gist"], rows)
    config, _ = make(tmp_path, "--train", tmp_path / "a.csv")
    reader = config["corpora"]["train"]
    assert (reader["text_column"], reader["summary_column"]) == ("body", "gist")
    assert config["components"]["rnn_summarizer"]["soft_labels"] is None
    monkeypatch.setattr(tally, "MANY", 4)
    config, _ = make(tmp_path, "--train", tmp_path / "a.csv")
    assert config["components"]["rnn_summarizer"]["soft_labels"] == 0.0
    labelled = {"sents": ["One.", "Two."], "sent_labels": [0, 1]}
    srsly.write_jsonl(tmp_path / "b.jsonl", [labelled])
    config, _ = make(tmp_path, "--train", tmp_path / "b.jsonl")
    assert config["corpora"]["train"]["label_column"] == "sent_labels"
    summarizer = config["components"]["rnn_summarizer"]
    assert (summarizer["budget"], summarizer["soft_labels"]) == (1, None)
    story = tmp_path / "c.story"
    story.write_text("It rained.\n\nPrices fell.\n\n@highlight\n\nPrices fell\n")
    config, output = make(tmp_path, "--train", story)
    assert config["corpora"]["train"]["@readers"] == "spacy-rnn.SummaryCorpus.v1"
    assert "Task: summarizer" in output


def test_a_tag_that_only_dev_has_is_told_of(tmp_path):
    row = {"tokens": ["a", "b"], "pos": ["X", "NOUN"]}
    denied = {**row, "pos": ["!NOUN", "X"]}  # is no label
    srsly.write_jsonl(tmp_path / "train.jsonl", [row, row, denied])
    srsly.write_jsonl(tmp_path / "dev.jsonl", [{**row, "pos": ["X", "VERB"]}] * 3)
    data = ["--train", tmp_path / "train.jsonl", "--dev", tmp_path / "dev.jsonl"]
    config, output = make(tmp_path, *data, "--tag-column", "pos")
    assert "Labels of tagger that training data lack: ['VERB']" in output
    labels = config["initialize"]["components"]["rnn_tagger"]["labels"]
    assert labels == ["NOUN", "X"]
