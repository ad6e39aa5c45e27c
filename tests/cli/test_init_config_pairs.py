"""`python -m spacy rnn init-config` on texts with what they become."""

import gzip

import pytest
import spacy
import srsly
from init_configs import make, run, write_table
from spacy.cli.train import train
from spacy.tokens import DocBin

from spacy_rnn.cli.starter.configs import TASKS, WRITERS
from spacy_rnn.extensions import register_text

PAIRS = [(f"The dog sees {i} cats.", f"Der Hund sieht {i} Katzen.") for i in range(9)]
SUMMARIZE = ["--task", "abstractive-summarizer"]
ARTICLE = " ".join(f"This is sentence {i} of the article." for i in range(9))


def train_briefly(tmp_path, task):
    """Train as the config says, and return a text that the pipeline writes."""
    # What has learned next to nothing writes as much as it may.
    short = {f"components.{TASKS[task]}.max_length": 5}
    few = {"training.max_steps": 2, "training.eval_frequency": 2}
    train(tmp_path / "config.cfg", tmp_path / "out", overrides=short | few)
    nlp = spacy.load(tmp_path / "out" / "model-last")
    return nlp(PAIRS[0][0])._.get(WRITERS[task]["extension"])


@pytest.mark.parametrize("header", ["source,target", "text,translation"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_a_source_and_its_target_are_found_by_their_names(name, header, tmp_path):
    header = header.split(",")
    if name == "a.jsonl":
        rows = [dict(zip(header, pair, strict=True)) for pair in PAIRS]
        srsly.write_jsonl(tmp_path / name, rows)
    else:
        write_table(tmp_path / name, header, PAIRS)
    path = tmp_path / name
    config, output = make(tmp_path, "--train", path, "--dev", path)
    assert config["nlp"]["pipeline"] == ["rnn_translator"]
    for reader in config["corpora"].values():
        assert reader["@readers"] == "spacy-rnn.PairCorpus.v1"
        assert [reader["source_column"], reader["target_column"]] == header
    assert f"{path}: 9 documents" in output
    assert "Task: translator (guessed) - Also fit for: abstractive-summ" in output
    assert f"Source column: {header[0]} - Target column: {header[1]}" in output
    assert isinstance(train_briefly(tmp_path, "translator"), str)


def test_a_target_may_be_much_shorter_than_its_source(tmp_path):
    rows = [(ARTICLE, f"It has {i} sentences.") for i in range(4)]
    path = write_table(tmp_path / "a.csv", ["source", "target"], rows)
    config, _ = make(tmp_path, "--train", path)
    assert config["nlp"]["pipeline"] == ["rnn_translator"]


@pytest.mark.parametrize("target", ["de", "de,de2"])
def test_columns_whose_names_say_nothing_are_named_by_options(target, tmp_path):
    rows = [(*pair, pair[1]) for pair in PAIRS]
    path = write_table(tmp_path / "a.csv", ["en", "de", "de2"], rows)
    exit_code, output = run("-", "--train", path, "--task", "translator")
    assert exit_code == 1
    assert "or the sources and their targets, by options" in output
    named = ["--source-column", "en", "--target-column", target]
    config, output = make(tmp_path, "--train", path, *named)
    reader = config["corpora"]["train"]
    assert reader["source_column"] == "en"
    assert reader["target_column"] == (["de", "de2"] if "," in target else "de")
    assert f"Target column: {target.replace(',', ', ')} -" in output


def test_articles_with_summaries_are_also_fit_for_summaries_in_own_words(tmp_path):
    row = {"text": ARTICLE, "summary": "Nine sentences."}
    srsly.write_jsonl(tmp_path / "train.jsonl", [row] * 9)
    several = {**row, "refs": ["Nine sentences.", "Some sentences."]}
    srsly.write_jsonl(tmp_path / "dev.jsonl", [several] * 9)
    data = ["--train", tmp_path / "train.jsonl", "--dev", tmp_path / "dev.jsonl"]
    config, output = make(tmp_path, *data)
    assert config["nlp"]["pipeline"][-1] == "rnn_summarizer"
    assert "Task: summarizer (guessed) - Also fit for: abstractive-summ" in output
    task = "abstractive-summarizer"
    config, output = make(tmp_path, *data, "--task", task)
    assert "Also fit for" not in output
    reader = config["corpora"]["dev"]
    assert reader["@readers"] == "spacy-rnn.PairCorpus.v1"
    assert (reader["source_column"], reader["extension"]) == ("text", "summary")
    assert reader["target_column"] is None  # several count, where there are several
    assert isinstance(train_briefly(tmp_path, task), str)


@pytest.mark.parametrize("names", [("body", "gist"), ("source", "summary")])
def test_summaries_that_are_found_by_length_can_be_written_in_own_words(
    names, tmp_path
):
    rows = [(ARTICLE, "Nine sentences in other words.")] * 4
    path = write_table(tmp_path / "a.csv", names, rows)
    _, output = make(tmp_path, "--train", path)
    assert "Task: summarizer (guessed) - Also fit for: abstractive-summ" in output
    config, _ = make(tmp_path, "--train", path, *SUMMARIZE)
    reader = config["corpora"]["train"]
    assert reader["source_column"] == names[0]
    assert reader["target_column"] in (names[1], None)


def test_options_for_pairs_make_pairs_of_articles_and_summaries(tmp_path):
    rows = [(ARTICLE, "Nine sentences in other words.")] * 4
    path = write_table(tmp_path / "a.csv", ["text", "summary"], rows)
    named = ["--source-column", "text", "--target-column", "summary"]
    config, output = make(tmp_path, "--train", path, *named, "--errors", "skip")
    assert config["nlp"]["pipeline"] == ["rnn_abstractive_summarizer"]
    assert config["corpora"]["dev"]["errors"] == "skip"
    assert "Also fit for: summarizer" in output


@pytest.mark.parametrize("name", ["domain", "label"])
def test_names_of_a_pair_tell_more_than_values_that_may_be_labels(name, tmp_path):
    rows = [(*pair, "news" if i % 2 else "talks") for i, pair in enumerate(PAIRS)]
    path = write_table(tmp_path / "a.csv", ["source", "target", name], rows)
    _, output = make(tmp_path, "--train", path)
    first, second = ("translator", "textcat")[:: -1 if name == "label" else 1]
    assert f"Task: {first} (guessed) - Also fit for: " in output
    assert second in output.partition("Also fit for:")[2].partition("Source column")[0]


def test_a_target_that_is_a_label_is_no_text(tmp_path):
    rows = [(text, "1" if i % 2 else "0") for i, (text, _) in enumerate(PAIRS)]
    path = write_table(tmp_path / "a.csv", ["text", "target"], rows)
    config, output = make(tmp_path, "--train", path)
    assert config["corpora"]["train"]["label_column"] == "target"
    assert "Also fit for" not in output


def write_lines(path, lines):
    data = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_lines_of_two_files_belong_together_in_each_part_of_the_data(tmp_path):
    sources, targets = zip(*PAIRS, strict=True)
    english = write_lines(tmp_path / "train.en.gz", sources)
    german = write_lines(tmp_path / "train.de.gz", targets)
    data = ["--train", english, "--target-path", german]
    dev = ["--dev", write_lines(tmp_path / "dev.en", sources[:4])]
    others = [write_lines(tmp_path / f"dev.{i}.de", targets[:4]) for i in range(2)]
    for other in others:
        dev += ["--dev-target-path", other]
    config, output = make(tmp_path, *data, *dev)
    assert config["corpora"]["train"]["target_path"] == [str(german)]
    assert config["corpora"]["dev"]["target_path"] == list(map(str, others))
    assert f"{english}: 9 documents" in output
    assert f"{tmp_path / 'dev.en'}: 4 documents" in output
    assert isinstance(train_briefly(tmp_path, "translator"), str)
    exit_code, output = run("-", *data, *dev[:2])
    assert exit_code == 1
    assert "--target-path, --dev and --dev-target-path go together" in output
    exit_code, output = run(german, *data, *dev, "--force")
    assert exit_code == 1
    assert "the output is one of the files to read" in output


@pytest.mark.parametrize("task", WRITERS)
def test_documents_of_spacy_with_a_text_about_them_are_pairs(task, tmp_path):
    extension = WRITERS[task]["extension"]
    register_text(extension)
    nlp = spacy.blank("en")
    docs = list(nlp.pipe([source for source, _ in PAIRS]))
    for doc, (_, target) in zip(docs, PAIRS, strict=True):
        doc._.set(extension, target)
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "a.spacy")
    data = ["--train", tmp_path / "a.spacy", "--dev", tmp_path / "a.spacy"]
    _, output = make(tmp_path, *data)
    assert task in output
    config, _ = make(tmp_path, *data, "--task", task)
    assert config["corpora"]["train"]["extension"] == extension
    assert isinstance(train_briefly(tmp_path, task), str)


def test_a_pair_that_lacks_its_target_is_told_with_its_line(tmp_path):
    rows = [*PAIRS, ("No German.", "")]
    path = write_table(tmp_path / "a.tsv", ["source", "target"], rows)
    exit_code, output = run(tmp_path / "config.cfg", "--train", path)
    assert exit_code == 1
    assert "a.tsv:11: there is nothing in the target" in output


@pytest.mark.parametrize(
    ("n_words", "max_source"), [(50, 100), (200, 250), (2000, 400)]
)
def test_half_of_the_texts_are_read_to_their_end_within_bounds(
    n_words, max_source, tmp_path
):
    sizes = [10, n_words, n_words, n_words, 3000]
    rows = [("word " * size, f"Text {i}.") for i, size in enumerate(sizes)]
    path = write_table(tmp_path / "a.csv", ["text", "summary"], rows)
    config, output = make(tmp_path, "--train", path, *SUMMARIZE)
    model = config["components"]["rnn_abstractive_summarizer"]["model"]
    assert model["max_source"] == max_source
    assert f"Max source: {max_source}" in output


@pytest.mark.parametrize("task", WRITERS)
def test_a_package_that_training_needs_and_that_is_missing_is_named(
    task, tmp_path, monkeypatch
):
    assert "Training needs" not in make(tmp_path, "--task", task)[1]
    monkeypatch.setattr("spacy_rnn.cli.starter.configs.find_spec", lambda _: None)
    _, output = make(tmp_path, "--task", task)
    assert "Training needs sentencepiece" in output
    assert ("sacrebleu" in output) == (task == "translator")
    assert "pip install 'spacy-rnn[seq2seq]'" in output
