import json
import re

import pytest
import spacy
import srsly
from spacy.cli import app
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from thinc.api import Config
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)
from spacy_rnn.extensions import register_text
from spacy_rnn.scorers import translation_score

ROWS = [
    {"text": "Good soup.", "label": "good"},
    {"text": "Bad soup, bad staff.", "label": "bad"},
    {"text": "Good, good staff.", "label": "good"},
]
ARTICLES = [
    {"sents": ["It rained.", "A bridge will be built."], "summary": "A new bridge."},
    {"sents": ["Prices fell.", "Nobody knew why."], "summary": "Prices fell again."},
]


def write(path, rows):
    srsly.write_jsonl(path, rows)
    return path


def save(nlp, path, reader=None):
    """Save a pipeline, as `spacy train` does, with a corpus in its config."""
    if reader is not None:
        corpora = {"train": {**reader, "path": None}, "dev": {**reader, "path": None}}
        nlp.config = Config({**nlp.config, "corpora": corpora})
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """A pipeline that has learned which texts are good."""
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_textcat")
    examples = [
        Example.from_dict(
            nlp.make_doc(row["text"]),
            {"cats": {name: float(name == row["label"]) for name in ("good", "bad")}},
        )
        for row in ROWS
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(10):
        nlp.update(examples, sgd=optimizer)
    reader = {"@readers": "spacy-rnn.TextCorpus.v1", "limit": 1}
    return save(nlp, tmp_path_factory.mktemp("classifier"), reader)


@pytest.fixture(scope="module")
def summarizer(tmp_path_factory):
    """A pipeline that chooses one sentence, and has learned nothing."""
    nlp = spacy.blank("en")
    nlp.add_pipe("nltk_sentencizer")
    nlp.add_pipe("rnn_summarizer", config={"budget": 1})
    path = write(tmp_path_factory.mktemp("data") / "data.jsonl", ARTICLES)
    make = spacy.registry.readers.get("spacy-rnn.SummaryCorpus.v1")
    nlp.initialize(lambda: list(make(path)(nlp)))
    reader = {"@readers": "spacy-rnn.SummaryCorpus.v1"}
    return save(nlp, tmp_path_factory.mktemp("summarizer"), reader)


@pytest.fixture(scope="module")
def ruler(tmp_path_factory):
    """A pipeline that finds one name, and whose corpus is spaCy's own."""
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "Ada"}])
    return save(nlp, tmp_path_factory.mktemp("ruler"))


class Copying:
    """A component that takes each text for its translation."""

    def __init__(self, nlp, name):
        register_text("translation")

    def __call__(self, doc):
        doc._.translation = doc.text
        return doc

    def score(self, examples, **settings):
        return translation_score(examples)


Language.factory("copying_for_a_test", func=Copying)


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    nlp = spacy.blank("en")
    nlp.add_pipe("copying_for_a_test")
    reader = {"@readers": "spacy-rnn.PairCorpus.v1", "source_column": "en"}
    reader["target_column"] = ["de", "de2"]
    return save(nlp, tmp_path_factory.mktemp("translator"), reader)


def run(*arguments):
    result = CliRunner().invoke(app, ["rnn", "evaluate", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    # Output is wrapped at the width of the terminal, coloured and underlined.
    plain = re.sub(r"\x1b\[[\d;]*m|=+", " ", result.output)
    return result.exit_code, " ".join(plain.split())


def test_the_corpus_of_the_config_reads_the_data_in_whole(classifier, tmp_path):
    data = write(tmp_path / "data.jsonl", ROWS)
    exit_code, output = run(classifier, data, "-o", tmp_path / "new" / "scores.json")
    assert exit_code == 0, output
    assert "TEXTCAT (macro F) 100.00" in output
    assert "TEXTCAT F (per type) P R F good 100.00 100.00 100.00 bad" in output
    scores = srsly.read_json(tmp_path / "new" / "scores.json")
    assert scores["cats_score"] == 1.0
    assert set(scores["cats_f_per_type"]) == {"good", "bad"}  # not the first text only


def test_an_output_that_would_be_read_the_next_time_is_refused(classifier, tmp_path):
    write(tmp_path / "data.jsonl", ROWS)
    exit_code, output = run(classifier, tmp_path, "-o", tmp_path / "scores.jsonl")
    assert exit_code == 1
    assert "or would be one the next time" in output
    exit_code, _ = run(classifier, tmp_path, "-o", tmp_path / "scores.json")
    assert exit_code == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_without_anything_to_rank_there_is_no_area(classifier, tmp_path):
    data = write(tmp_path / "data.jsonl", ROWS[:1])
    _, output = run(classifier, data, "--corpora.dev.labels", '["good", "bad"]')
    assert "TEXTCAT macro AUC -" in output
    _, output = run(classifier, write(tmp_path / "all.jsonl", ROWS))
    assert "TEXTCAT macro AUC 100.00" in output


def test_rouge_is_printed_with_what_else_a_summarizer_scores(summarizer, tmp_path):
    data = write(tmp_path / "data.jsonl", ARTICLES)
    exit_code, output = run(summarizer, data, "--output", tmp_path / "scores.json")
    assert exit_code == 0, output
    scores = srsly.read_json(tmp_path / "scores.json")
    for name, key in {
        "ROUGE-1 F": "rouge_1_f",
        "ROUGE-2 F": "rouge_2_f",
        "ROUGE-L F": "rouge_l_f",
        "ROUGE-Lsum F": "rouge_lsum_f",
        "SUMMARY P": "summary_p",
    }.items():
        assert f"{name} {100 * scores[key]:.2f}" in output
    assert scores["sents_f"] == 1.0  # the sentences are those of the file
    assert "SENT" not in output
    assert "TOK" not in output


PAIRS = [
    {"en": "Anna and Max are here.", "de": "Anna, Max sind da.", "de2": ""},
    {"en": "Max is in Berlin now.", "de": "Max", "de2": "Max is in Berlin now."},
]


def test_scores_of_translations_are_printed_and_written(translator, tmp_path):
    data = write(tmp_path / "data.jsonl", PAIRS)
    exit_code, output = run(translator, data, "--output", tmp_path / "scores.json")
    assert exit_code == 0, output
    scores = srsly.read_json(tmp_path / "scores.json")
    assert scores["exact_match"] == 0.5
    names = {"BLEU": "bleu", "chrF": "chrf", "EXACT MATCH": "exact_match"}
    for name, key in names.items():
        assert f"{name} {100 * scores[key]:.2f}" in output
    only_first = ["--corpora.dev.target_column", "de"]
    _, output = run(translator, data, *only_first)
    assert "EXACT MATCH 0.00" in output


def test_spacy_writes_scores_of_translations_by_component(translator, tmp_path):
    reader = spacy.registry.readers.get("spacy-rnn.PairCorpus.v1")
    path = write(tmp_path / "data.jsonl", PAIRS)
    corpus = reader(path, source_column="en", target_column=["de", "de2"])
    docs = corpus.read_references(spacy.blank("en"))
    DocBin(store_user_data=True, docs=docs).to_disk(tmp_path / "data.spacy")
    arguments = ["evaluate", translator, tmp_path / "data.spacy", "--per-component"]
    arguments += ["--output", tmp_path / "scores.json"]
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    scores = srsly.read_json(tmp_path / "scores.json")
    assert scores["copying_for_a_test"]["exact_match"] == 0.5
    assert 0.0 < scores["copying_for_a_test"]["bleu"] < 1.0


def test_tokens_and_sentences_that_are_predicted_are_printed(summarizer, tmp_path):
    doc = Doc(
        spacy.blank("en").vocab,
        words=["A", "can", "not."],
        spaces=[True, True, False],
        sent_starts=[1, -1, -1],
    )
    DocBin(docs=[doc]).to_disk(tmp_path / "data.spacy")
    options = ["--corpora.dev.@readers", "spacy.Corpus.v1"]
    options += ["--corpora.dev.gold_preproc", "false"]
    _, output = run(summarizer, tmp_path / "data.spacy", *options)
    assert "TOK F" in output
    assert "SENT F" in output


def test_labels_that_the_pipeline_does_not_know_are_named(classifier, tmp_path):
    rows = [{"text": "Soup.", "label": "joy"}, {"text": "Staff.", "label": "fear"}]
    data = write(tmp_path / "data.jsonl", rows)
    exit_code, output = run(classifier, data)
    assert exit_code == 1
    assert (
        "no label of doc.cats is known to the pipeline. The data has ['fear', 'joy'], "
        "the pipeline ['bad', 'good']"
    ) in output
    data = write(tmp_path / "data.jsonl", [*rows, *ROWS])
    exit_code, output = run(classifier, data)
    assert exit_code == 0
    assert "some labels of doc.cats are not known to the pipeline" in output


def test_a_broken_line_is_told_of_in_the_words_of_the_command(classifier, tmp_path):
    data = write(tmp_path / "data.jsonl", ROWS)
    data.write_text(data.read_text() + "no JSON\n")
    exit_code, output = run(classifier, data)
    assert exit_code == 1
    assert f"data.jsonl:{len(ROWS) + 1}:" in output
    assert "--corpora.dev.errors skip" in output
    assert 'errors = "skip"' not in output
    exit_code, _ = run(classifier, data, "--corpora.dev.errors", "skip")
    assert exit_code == 0


def test_an_output_that_cannot_be_written_is_found_before_the_work(
    classifier, tmp_path, monkeypatch
):
    data = write(tmp_path / "data.jsonl", ROWS)
    monkeypatch.delattr("spacy.language.Language.evaluate")
    exit_code, output = run(classifier, data, "--output", data / "x.json")
    assert exit_code == 1
    assert "Not a directory" in output
    assert "data.jsonl/x.json'" in output.replace(" ", "")


def test_the_file_is_that_of_spacys_command(classifier, tmp_path):
    nlp = spacy.load(classifier)
    reader = spacy.registry.readers.get("spacy-rnn.TextCorpus.v1")
    corpus = reader(write(tmp_path / "data.jsonl", ROWS))
    DocBin(docs=corpus.read_references(nlp)).to_disk(tmp_path / "data.spacy")
    found = []
    for command in (["evaluate"], ["rnn", "evaluate"]):
        out = tmp_path / f"{len(command)}.json"
        arguments = [classifier, tmp_path / "data.spacy", "--output", out]
        CliRunner().invoke(app, [*command, *map(str, arguments)])
        found.append({**srsly.read_json(out), "speed": None})
    assert found[0] == found[1]


def test_a_setting_of_the_corpus_can_be_changed(classifier, tmp_path):
    rows = [{"body": row["text"], "label": row["label"]} for row in ROWS]
    data = write(tmp_path / "data.jsonl", rows)
    exit_code, output = run(classifier, data)
    assert exit_code == 1
    assert "no column 'text'" in output
    exit_code, output = run(classifier, data, "--corpora.dev.text_column", "body")
    assert exit_code == 0, output
    assert "TEXTCAT (macro F) 100.00" in output


def test_another_reader_can_be_named(ruler, tmp_path):
    tokens = {"tokens": ["Ada", "met", "Bob"], "ner": ["B-PERSON", "O", "B-PERSON"]}
    data = write(tmp_path / "data.jsonl", [tokens])
    exit_code, output = run(
        *(ruler, data, "--corpora.dev.@readers", "spacy-rnn.TokenCorpus.v1"),
        *("--corpora.dev.entity_column", "ner"),
    )
    assert exit_code == 0, output
    assert "NER P 100.00 NER R 50.00 NER F 66.67" in output
    assert "NER (per type) P R F PERSON 100.00 50.00 66.67" in output


def test_a_pipeline_of_spacys_corpus_also_reads_labelled_texts(ruler, tmp_path):
    exit_code, output = run(ruler, write(tmp_path / "data.jsonl", ROWS))
    assert exit_code == 1
    assert "no annotation of what the pipeline predicts" in output
    doc = Doc(spacy.blank("en").vocab, words=["Ada"], ents=["B-PERSON"])
    DocBin(docs=[doc]).to_disk(tmp_path / "data.spacy")
    exit_code, output = run(ruler, tmp_path / "data.spacy")
    assert exit_code == 0, output
    assert "NER F 100.00" in output


def test_components_can_be_kept_apart(summarizer, tmp_path):
    data, out = write(tmp_path / "data.jsonl", ARTICLES), tmp_path / "scores.json"
    exit_code, output = run(summarizer, data, "--per-component", "-o", out)
    assert exit_code == 0, output
    assert "rnn_summarizer ROUGE-1 F" in output
    scores = srsly.read_json(out)
    assert list(scores) == ["tokenizer", "nltk_sentencizer", "rnn_summarizer", "speed"]
    assert "rouge_1_f" in scores["rnn_summarizer"]


def test_one_group_of_spans_can_be_asked_for(tmp_path):
    nlp = spacy.blank("en")
    for key in ("a", "b"):
        scorer = {"@scorers": "spacy.overlapping_labeled_spans_scorer.v1"}
        config = {"spans_key": key, "scorer": {**scorer, "spans_key": key}}
        ruler = nlp.add_pipe("span_ruler", key, config=config)
        ruler.add_patterns([{"label": "X", "pattern": key}])
    doc = nlp("a b")
    DocBin(docs=[doc]).to_disk(tmp_path / "data.spacy")
    model = save(nlp, tmp_path / "model")
    both = run(model, tmp_path / "data.spacy")[1]
    one = run(model, tmp_path / "data.spacy", "--spans-key", "b")[1]
    assert "SPANS A F 100.00" in both
    assert "SPANS A F" not in one
    assert "SPANS B F 100.00" in one


def test_batches_have_the_size_that_is_asked_for(classifier, tmp_path, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        "spacy.language.Language.evaluate",
        lambda nlp, examples, *, batch_size, **_: (
            sizes.append(batch_size) or {"cats_score": 1.0}
        ),
    )
    run(classifier, write(tmp_path / "data.jsonl", ROWS), "--batch-size", 2)
    assert sizes == [2]


def test_functions_of_ones_own_are_imported(ruler, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import spacy\n"
        "from spacy.tokens import Doc\n"
        "from spacy.training import Example\n"
        "@spacy.registry.readers('tests.evaluate.v1')\n"
        "def make(path):\n"
        "    def read(nlp):\n"
        "        doc = Doc(nlp.vocab, words=['Ada'], ents=['B-PERSON'])\n"
        "        yield Example(nlp.make_doc('Ada'), doc)\n"
        "    return read\n"
    )
    options = ["--code", tmp_path / "mine.py"]
    options += ["--corpora.dev.@readers", "tests.evaluate.v1"]
    exit_code, output = run(ruler, tmp_path, *options)
    assert exit_code == 0, output
    assert "NER F 100.00" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_model", "data.jsonl"], "Can't find model 'no_model'"),
        (["MODEL", "no.jsonl"], "no.jsonl"),
        (["MODEL", "empty.jsonl"], "empty.jsonl: no document with a text"),
        (["MODEL", "unlabelled.jsonl"], "no annotation of what the pipeline predicts"),
        (["MODEL", "unlabelled.jsonl"], "Its components are ['rnn_textcat']"),
        (
            ["MODEL", "data.jsonl", "-o", "data.jsonl"],
            "the output is one of the files to read",
        ),
        (
            ["MODEL", "data.jsonl", "--text-column", "x"],
            "no such option: --text-column",
        ),
        (
            ["MODEL", "data.jsonl", "--training.seed", "1"],
            "not a setting of the corpus",
        ),
        (["MODEL", "data.jsonl", "--corpora.dev.typo", "1"], "unexpected argument"),
        (["MODEL", "data.jsonl", "--corpora.dev.path", "x"], "given as DATA"),
        (["MODEL", "data.jsonl", "--corpora.dev.@readers", "no"], "'no'"),
        (["MODEL", "data.jsonl", "--batch-size", "0"], "--batch-size"),
        (["MODEL", "data.jsonl", "--gpu-id", "99"], "GPU"),
    ],
)
def test_a_failure_says_why_and_leaves_the_previous_output(
    classifier, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "data.jsonl", ROWS)
    write(tmp_path / "unlabelled.jsonl", [{"text": "Soup."}])
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "scores.json").write_text("{}")
    before = (tmp_path / "data.jsonl").read_bytes()
    if "-o" not in arguments:
        arguments = [*arguments, "-o", "scores.json"]
    exit_code, output = run(
        *(str(classifier) if a == "MODEL" else a for a in arguments)
    )
    assert exit_code != 0
    assert message in output
    assert json.loads((tmp_path / "scores.json").read_text()) == {}
    assert (tmp_path / "data.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("reader", "name"), [("PairCorpus", "target"), ("SummaryCorpus", "summary")]
)
def test_what_belongs_to_another_path_has_to_be_named(tmp_path, reader, name):
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_textcat")
    settings = {"@readers": f"spacy-rnn.{reader}.v1", f"{name}_path": "dev.de"}
    path = save(nlp, tmp_path / "model", settings)
    (tmp_path / "test.en").write_text("Yes.\n")
    args = ["rnn", "evaluate", str(path), str(tmp_path / "test.en")]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 1
    said = " ".join(result.output.split())
    assert f"the corpus has a {name}_path, which belongs to another path" in said
    assert f"--corpora.dev.{name}_path" in said


def test_labels_with_a_dollar_are_read_as_they_were_in_training(tmp_path):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("rnn_textcat")
    labels = ["a$b", "$"]
    for label in labels:
        pipe.add_label(label)
    nlp.initialize()
    reader = {"@readers": "spacy-rnn.TextCorpus.v1", "labels": labels}
    path = save(nlp, tmp_path / "model", reader)
    data = write(tmp_path / "a.jsonl", [{"text": "Good.", "label": "a$b"}])
    result = CliRunner().invoke(app, ["rnn", "evaluate", str(path), str(data)])
    assert result.exit_code == 0, result.output
