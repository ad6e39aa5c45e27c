"""`python -m spacy rnn debug-data`, through the command line."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy
import pytest
import spacy
import srsly
from spacy.cli import app
from spacy.tokens import Doc, DocBin, Span
from spacy.util import dot_to_dict, load_config
from thinc.api import Config
from typer.testing import CliRunner

import spacy_rnn.cli  # noqa: F401 (adds the commands to those of spaCy)
from spacy_rnn.cli.debugging.topics import percent
from spacy_rnn.cli.debugging.topics import write as write_number
from spacy_rnn.cli.starter.configs import make_config

ROOT = Path(__file__).parents[2]
TEXTS = [
    {"text": f"{start} number {i} here", "label": label}
    for i in range(20)
    for start, label in (("Warm soup", "good"), ("Rude staff", "bad"))
]
NEW = [{"text": "Cold soup", "label": "bad"}, {"text": "Kind staff", "label": "good"}]


def run(*arguments):
    result = CliRunner().invoke(app, ["rnn", "debug-data", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def run_plainly(*arguments):
    """Return the exit code and the output, without colours and line breaks."""
    result = run(*arguments)
    plain = re.sub(r"\x1b\[[\d;]*m|=+", " ", result.output)
    return result.exit_code, " ".join(plain.split())


def look(*arguments, exit_code=0):
    """Return what is found: facts by title, and all remarks with their levels."""
    result = run(*arguments, "--json")
    assert result.exit_code == exit_code, result.output
    found = json.loads(result.stdout)
    remarks = [each for topic in found["topics"] for each in topic["remarks"]]
    levels = [remark["level"] for remark in remarks]
    assert (levels.count("fail"), levels.count("warn")) == (
        found["errors"],
        found["warnings"],
    )
    facts = {
        topic["title"].partition(":")[0]: topic["facts"] for topic in found["topics"]
    }
    return facts, [f"{remark['level']}: {remark['text']}" for remark in remarks]


def said(remarks, *parts):
    """Whether a remark has all the parts."""
    return any(all(part in remark for part in parts) for remark in remarks)


@cache
def config_of(task):
    return make_config([task]).to_str()


@pytest.fixture
def write(tmp_path):
    """Write training and development data, and a config that reads them."""

    def write_all(task, train, dev, reader=None, **settings):
        config = Config().from_str(config_of(task), interpolate=False)
        for name, data in (("train", train), ("dev", dev)):
            path = tmp_path / name
            if isinstance(data, DocBin):
                path = path.with_suffix(".spacy")
                data.to_disk(path)
            else:
                path = path.with_suffix(".jsonl")
                srsly.write_jsonl(path, data)
            config["paths"][name] = str(path)
            if reader:
                config["corpora"][name] = {**reader, "path": f"${{paths.{name}}}"}
        config = config.merge(dot_to_dict(settings))
        config.to_disk(tmp_path / "config.cfg")
        return tmp_path / "config.cfg"

    return write_all


def docs_of(*docs):
    return DocBin(docs=docs)


def make_doc(words, ents=(), **annotation):
    doc = Doc(spacy.blank("en").vocab, words, **annotation)
    doc.set_ents([Span(doc, *ent) for ent in ents], default="outside")
    return doc


GRADED, UNDECIDED = make_doc(["so", "so"]), make_doc(["who", "knows"])
GRADED.cats = {"good": 0.5, "bad": 0.0}
UNDECIDED.cats = {"good": 0.0, "bad": 0.0}


# What is right without learning is as in corpus/README.md, where it was found anew.
@pytest.mark.parametrize(
    ("name", "baseline"),
    [
        ("sentiment", ("rnn_textcat", "accuracy", 0.5)),
        ("emotions", None),
        ("tagger", ("rnn_tagger", "accuracy", 0.812)),
        ("ner", ("rnn_ner", "f1", 0.60)),
        ("summarizer", None),
    ],
)
def test_nothing_is_wrong_with_the_bundled_corpora(name, baseline, monkeypatch):
    monkeypatch.chdir(ROOT)
    facts, remarks = look(f"configs/{name}.cfg")
    assert {remark.partition(":")[0] for remark in remarks} == {"good", "info"}
    if baseline is not None:
        title, measure, expected = baseline
        found = facts[title]["baseline"][measure]
        assert found == pytest.approx(expected, abs=5e-3)


def test_help_has_an_example():
    exit_code, output = run_plainly("--help")
    assert exit_code == 0
    assert "python -m spacy rnn debug-data configs/sentiment.cfg" in output


def test_the_table_shows_both_parts_and_the_summary_counts_remarks(write):
    config = write("textcat", [*TEXTS, TEXTS[0], TEXTS[0], TEXTS[0]], NEW)
    exit_code, output = run_plainly(config)
    assert exit_code == 0
    assert "Train Dev Documents 43 2 Tokens" in output
    assert "Label Train Dev good 23 1 bad 20 1" in output
    assert "Train has 3 repeated documents (7.0%): 'Warm soup number 0" in output
    assert "2 checks passed ⚠ 2 warnings" in output
    _, output = run_plainly(config, "--ignore-warnings")
    assert "repeated documents" not in output


def test_texts_that_differ_in_case_and_white_space_alone_are_leaked(write):
    same = {"text": " warm  SOUP number 3 HERE\n", "label": "good"}
    facts, remarks = look(write("textcat", TEXTS, [same, *NEW]))
    assert facts["Documents"]["leaked"] == {
        "n": 1,
        "texts": {"warm SOUP number 3 HERE": 1},
    }
    assert said(remarks, "warn: Dev shares 1 document (33.3%) with train")
    _, remarks = look(write("textcat", TEXTS, TEXTS[:5]), exit_code=1)
    assert said(remarks, "fail: Dev shares all texts with train")


def test_texts_with_another_label_elsewhere_are_named(write):
    other = {"text": "warm soup number 0 here", "label": "bad"}
    _, remarks = look(write("textcat", [*TEXTS, other, other], NEW))
    assert said(
        remarks,
        "warn: Train has 1 text with one annotation here and another there",
        "'warm soup number 0 here': 'good' or 'bad'",
    )


def test_texts_with_other_entities_or_tags_elsewhere_are_named(write):
    docs = [make_doc(["In", "York"], [(1, 2, label)]) for label in "XY"]
    _, remarks = look(write("ner", docs_of(*docs), docs_of(docs[0])), exit_code=1)
    assert said(remarks, "one annotation here and another there", "'York' as X or Y")
    docs[1].ents = []
    _, remarks = look(write("ner", docs_of(*docs), docs_of(docs[0])), exit_code=1)
    assert said(remarks, "one annotation", "'In York': 'York' as X or no entity")
    reader = {"tag_column": "pos", "@readers": "spacy-rnn.TokenCorpus.v1"}
    rows = [{"tokens": ["in", "York"], "pos": ["A", tag]} for tag in ("B", None)]
    _, remarks = look(write("tagger", rows, rows[:1], reader), exit_code=1)
    assert said(remarks, "one annotation", "'in York': 'York' as 'B' or no tag")


def test_labels_that_there_is_no_room_for_are_counted(write):
    rows = [{"text": f"text {i}", "label": f"label {i % 33}"} for i in range(66)]
    _, output = run_plainly(write("textcat", rows, rows[:2]))
    assert re.search(r"label 29 2 0 and 3 labels more", output)


@pytest.mark.parametrize(
    ("train", "dev", "message"),
    [
        (
            [row for row in TEXTS if row["label"] == "good"],
            NEW,
            "nothing but texts with",
        ),
        (TEXTS, [{**row, "label": row["label"][0]} for row in NEW], "no label of dev"),
        ([{"text": row["text"]} for row in TEXTS], NEW, "Train has no text with ann"),
        (TEXTS, [{"text": "Cold soup"}], "Dev has no text with annotation in doc.cats"),
        (
            [*TEXTS, {"text": "a b", "label": ["good", "bad"]}],
            NEW,
            "1 text with several",
        ),
        (
            DocBin(docs=[UNDECIDED]),
            NEW,
            "Train has no text with a label, whose value is 1",
        ),
        (DocBin(docs=[GRADED]), NEW, "Train has 1 text with categories that are nei"),
    ],
)
def test_training_that_would_be_meaningless_ends_with_status_1(
    train, dev, message, write
):
    _, remarks = look(write("textcat", train, dev), exit_code=1)
    assert said(remarks, "fail: ", message)


def test_odd_labels_are_named(write):
    train = [*TEXTS, {"text": "a b", "label": "Good"}, {"text": "c d", "label": "nan"}]
    train += [{"text": f"again {i}", "label": "fair"} for i in range(300)]
    dev = [*NEW * 20, {"text": "e f", "label": "odd"}]
    facts, remarks = look(write("textcat", train, dev))
    assert said(remarks, "warn: Train lacks 1 label of dev, 2.4% of", "'odd' (1)")
    assert said(remarks, "warn: Dev lacks 3 labels of train", "'fair' (300)")
    assert said(remarks, "case or white space: 'good' (40); 'Good' (1)")
    assert said(remarks, "look like missing ones: 'nan' (1)")
    assert said(remarks, "fewer than 20 texts", "'Good' (1)")
    assert said(remarks, "other shares of the labels", "'fair' 0.0% instead of 87.7%")
    assert facts["rnn_textcat"]["labels"]["odd"] == {"train": 0, "dev": 1}


def test_a_label_that_nearly_all_texts_have_is_told_of(write):
    train = [*TEXTS, *({"text": f"more {i}", "label": "bad"} for i in range(200))]
    _, remarks = look(write("textcat", train, NEW))
    assert said(remarks, "warn: ", "'bad' for 91.7%", 'class_weights = "balanced"')


def test_labels_that_the_config_names_are_the_ones_that_count(write):
    rows = [{**row, "label": [row["label"], "long"]} for row in TEXTS]
    place = "initialize.components.rnn_textcat_multilabel.labels"
    labels = ["good", "bad", "odd"]
    config = write("textcat-multilabel", rows, NEW, **{place: labels})
    facts, remarks = look(config)
    assert set(facts["rnn_textcat_multilabel"]["labels"]) == {"good", "bad"}
    assert said(remarks, "info: Labels that the config doesn't name", "'long' (40)")
    assert said(remarks, "warn: The config names 1 label that train lacks: 'odd'")
    many = [*labels, *(f"label {i:03}" for i in range(99))]
    config = write("textcat-multilabel", rows, NEW, **{place: many})
    _, remarks = look(config)
    assert said(remarks, "names 100 labels that train lacks: 'odd'", "; and 84 more")


def test_a_label_that_all_texts_have_teaches_nothing(write):
    rows = [{**row, "label": [row["label"], "long"]} for row in TEXTS]
    _, remarks = look(write("textcat-multilabel", rows, NEW))
    assert said(remarks, "warn: Train has no text without 'long'")
    alone = [{**row, "label": ["long"]} for row in TEXTS]
    _, remarks = look(write("textcat-multilabel", alone, alone[:1]), exit_code=1)
    assert said(remarks, "fail: Train has no text without 'long'")


def test_blank_and_empty_texts_are_counted(write):
    blank = [{"text": "  ", "label": label} for label in ("good", "bad")]
    rows = [*TEXTS, *blank, {"text": "", "label": "bad"}]
    facts, remarks = look(write("textcat", rows, NEW))
    assert facts["Documents"]["train"]["blank"] == 2
    assert facts["Documents"]["train"]["repeated"] == 0
    assert facts["rnn_textcat"]["contradictions"]["n"] == 0
    assert said(remarks, "warn: Train: Empty texts left out: 1, the first")


def test_words_that_train_lacks_or_that_have_no_vector_are_counted(write, tmp_path):
    nlp = spacy.blank("en")
    nlp.vocab.set_vector("soup", numpy.ones(2))
    nlp.to_disk(tmp_path / "vectors")
    config = write(
        "textcat", TEXTS, NEW, **{"paths.vectors": str(tmp_path / "vectors")}
    )
    facts, remarks = look(config)
    words = facts["Words"]
    assert (words["unknown"], words["distinct_unknown"]) == (2, 2)
    assert said(remarks, "warn: Dev has 2 distinct words that train lacks: 'cold' (1)")
    assert words["without_vector"] == words["train"]["words"] - 20
    assert said(remarks, "Train has no vector for 90.0% of its words")


def test_entities_that_no_tags_can_express_are_named(write):
    words = ["In", " ", "New", "York", "City"]
    odd = make_doc(words, [(1, 3, "X"), (3, 5, "X")], sent_starts=[1, 0, 0, 0, 1])
    dev = make_doc(["To", "York"], [(1, 2, "X")])
    facts, remarks = look(write("ner", docs_of(odd), docs_of(dev)))
    assert said(remarks, "warn: Train has entities (1, 50.0%)", "white space")
    assert said(remarks, "warn: Train has entities (1, 50.0%)", "in another sentence")
    assert len(facts["rnn_ner"]["train"]["problems"]) == 2


def test_entities_that_overlap_or_have_tags_for_labels_are_errors(write):
    doc = make_doc(["New", "York", "City"], [(0, 1, "B-X")])
    _, remarks = look(write("ner", docs_of(doc), docs_of(doc)), exit_code=1)
    assert said(remarks, "fail: The label 'B-X' begins as a tag does")
    doc.spans["rnn_ner"] = [Span(doc, 0, 2, "X"), Span(doc, 1, 3, "X")]
    place = "components.rnn_ner.annotate_ents"
    config = write("ner", docs_of(doc), docs_of(doc), **{place: False})
    _, remarks = look(config, exit_code=1)
    assert said(remarks, "fail: Train has 1 text with entities that overlap")


def test_data_without_an_entity_or_a_span_teach_nothing(write):
    train, dev = make_doc(["In", "York"]), make_doc(["To", "York"])
    for doc in (train, dev):
        doc.spans["sc"] = []
    _, remarks = look(write("ner", docs_of(train), docs_of(dev)), exit_code=1)
    assert said(remarks, "fail: Train has no entity in doc.ents")
    _, remarks = look(write("spans", docs_of(train), docs_of(dev)), exit_code=1)
    assert said(remarks, "fail: Dev has no span in doc.spans['sc']")


def test_missing_entities_are_counted_by_text_and_by_token(write):
    partly = make_doc(["New", "York", "City"], ents=())
    partly.set_ents([Span(partly, 0, 2, "X")], default="missing")
    unknown = Doc(partly.vocab, ["Nothing", "is", "known"])
    dev = make_doc(["To", "York"], [(1, 2, "X")])
    facts, remarks = look(write("ner", docs_of(partly, unknown), docs_of(dev)))
    assert facts["rnn_ner"]["train"]["tokens_not_annotated"] == 1
    assert said(
        remarks, "info: Train has 1 text (50.0%) without annotation in doc.ents"
    )


def test_names_that_only_one_part_marks_are_named(write):
    train = make_doc(["To", "New", "York"], [(1, 3, "X")])
    other = make_doc(["See", "New", "York", "in", "Ohio"], [(4, 5, "X")])
    facts, remarks = look(write("ner", docs_of(train), docs_of(other)))
    assert said(remarks, "info: Dev doesn't mark names", "'New York' in 'See New York")
    assert facts["rnn_ner"]["baseline"] == {"f1": 0.0}
    _, remarks = look(write("ner", docs_of(train), docs_of(train)), exit_code=1)
    assert said(remarks, "has an F1 of 100.0 on dev")


def test_spans_that_are_never_suggested_are_counted(write):
    doc = make_doc(["New", "York", "City", "Hall"])
    doc.spans["sc"] = [Span(doc, 0, 4, "X"), Span(doc, 1, 2, "X")]
    dev = make_doc(["To", "York"])
    dev.spans["sc"] = [Span(dev, 1, 2, "X")]
    sizes = {"components.spancat.suggester.sizes": [1, 2]}
    facts, remarks = look(write("spans", docs_of(doc), docs_of(dev), **sizes))
    assert facts["spancat"]["train"]["never_suggested"] == 1
    assert said(remarks, "warn: Train has spans (1, 50.0%) that are never found")


def test_a_tag_that_a_frequent_word_has_once_is_named_with_its_text(write):
    rows = [{"tokens": ["the", f"w{i}"], "pos": ["DET", "NOUN"]} for i in range(30)]
    slip = {"tokens": ["The", "end"], "pos": ["NOUN", "NOUN"]}
    denied = {"tokens": ["an", "end"], "pos": ["!NOUN", None]}
    dev = [{"tokens": ["the", "rest"], "pos": ["DET", "VERB"]}]
    reader = {"tag_column": "pos", "@readers": "spacy-rnn.TokenCorpus.v1"}
    facts, remarks = look(write("tagger", [*rows, slip, denied], dev, reader))
    assert said(remarks, "'the' is 'DET' 30 times, but 'NOUN' in 'The end'")
    counts = facts["rnn_tagger"]["train"]
    assert (counts["denied_tags"], counts["tokens_without_a_tag"]) == (1, 1)
    assert said(remarks, "and 'NOUN' for words that it lacks, is right for 50.0%")
    assert said(remarks, "Train lacks 1 label of dev", "'VERB' (1)")


def test_tags_that_are_those_of_chunks_or_all_the_same_are_told_of(write):
    reader = {"tag_column": "pos", "@readers": "spacy-rnn.TokenCorpus.v1"}
    chunks = [{"tokens": ["in", "York"], "pos": ["O", "B-LOC"]}] * 2
    _, remarks = look(write("tagger", chunks, chunks, reader), exit_code=1)
    assert said(remarks, "warn: Train has tags of chunks, such as 'B-LOC'")
    same = [{"tokens": ["in", "York"], "pos": ["X", "X"]}] * 2
    _, remarks = look(write("tagger", same, same, reader), exit_code=1)
    assert said(remarks, "fail: Train has nothing but tokens with the tag 'X'")


def test_features_make_labels_with_parts_of_speech(write):
    train = make_doc(
        ["Cats", "sleep"], pos=["NOUN", "VERB"], morphs=["Number=Plur", ""]
    )
    dev = make_doc(["Cat"], pos=["NOUN"], morphs=["Number=Sing"])
    config = write("morphologizer", docs_of(train), docs_of(dev))
    facts, remarks = look(config, exit_code=1)
    assert facts["rnn_morphologizer"]["labels"] == {
        "Number=Plur|POS=NOUN": {"train": 1, "dev": 0},
        "POS=VERB": {"train": 1, "dev": 0},
        "Number=Sing|POS=NOUN": {"train": 0, "dev": 1},
    }
    assert "Tag Train Dev NOUN 1 1 VERB 1 0" in run_plainly(config)[1]


def test_tokens_that_the_tokenizer_cuts_otherwise_are_counted(write):
    spaces = [False, True, True]
    doc = make_doc(["so", "up", "go"], spaces=spaces, tags=["A", "B", "C"])
    reader = {"@readers": "spacy.Corpus.v1"}
    config = write("tagger", docs_of(doc), docs_of(doc), reader)
    facts, remarks = look(config, exit_code=1)
    assert facts["rnn_tagger"]["train"]["misaligned"] == 1
    assert said(remarks, "warn: Train has 1 token", "tokenizer cuts them otherwise")


def test_what_summaries_can_reach_is_measured(write):
    sents = ["It rained.", "A bridge will be built.", "Nobody knew.", "It is late."]
    train = [
        {"sents": sents, "summary": "Bridge built."},
        {"sents": ["Prices fell.", "Nobody knew."], "summary": "Quite something else"},
    ]
    dev = [{"sents": sents[::-1], "summary": "A bridge will be built."}]
    facts, remarks = look(write("summarizer", train, dev))
    reached = facts["rnn_summarizer"]["rouge"]
    assert reached["chosen"]["rouge1"] == 1.0
    assert reached["first"]["rouge1"] <= reached["best"]["rouge1"] < 1.0
    assert said(remarks, "warn: Train has 1 article (50.0%) with no chosen sentence")
    assert said(remarks, "is 3 sentences, but articles of train have 0.5 chosen")
    budget = ("--components.rnn_summarizer.budget", 1)
    facts, remarks = look(write("summarizer", train, dev), *budget)
    reached = facts["rnn_summarizer"]["rouge"]
    assert reached["first"]["rouge1"] < reached["best"]["rouge1"] == 1.0


def test_components_that_learn_nothing_here_are_named(write):
    config = load_config(write("textcat", TEXTS, NEW))
    config["nlp"]["pipeline"] = ["sentencizer", "parser", "rnn_textcat"]
    config["components"]["sentencizer"] = {"factory": "sentencizer"}
    config["components"]["parser"] = {"factory": "parser"}
    path = write("textcat", TEXTS, NEW)
    config.to_disk(path)
    facts, remarks = look(path)
    assert facts["Pipeline"]["looked_at"] == ["rnn_textcat"]
    assert said(remarks, "info: Annotation for 'parser' isn't looked at here")
    config["training"]["frozen_components"] = ["parser", "rnn_textcat"]
    config.to_disk(path)
    facts, remarks = look(path, exit_code=1)
    assert said(remarks, "fail: No component learns anything: 'sentencizer', 'parser'")


def test_augmented_copies_are_no_repeated_documents(write):
    lower = {"@augmenters": "spacy.lower_case.v1", "level": 1.0}
    config = write("textcat", TEXTS, NEW, **{"corpora.train.augmenter": lower})
    facts, _ = look(config)
    assert facts["Documents"]["train"]["repeated"] == 0


def test_a_stream_without_an_end_is_looked_at_up_to_the_limit(write, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from itertools import count\n"
        "import spacy\n"
        "from spacy.training import Example\n"
        "@spacy.registry.readers('endless')\n"
        "def endless(path):\n"
        "    def read(nlp):\n"
        "        for i in count():\n"
        "            cats = {'a': float(i % 2), 'b': float(not i % 2)}\n"
        "            doc = nlp.make_doc(f'{path} {i}')\n"
        "            yield Example.from_dict(doc, {'cats': cats})\n"
        "    return read\n"
    )
    path = write("textcat", TEXTS, NEW, {"@readers": "endless"})
    config = load_config(path)
    config["training"]["max_epochs"] = -1
    config.to_disk(path)
    code = ("--code", tmp_path / "mine.py")
    exit_code, output = run_plainly(path, *code)
    assert exit_code == 1
    assert "may have no end; say by --limit" in output
    facts, _ = look(path, *code, "--limit", 50)
    assert facts["Documents"]["train"]["documents"] == 50


@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        (["--paths.train", "none.jsonl"], 1, "none.jsonl: no such file or folder"),
        (
            ["--corpora.train.text_column", "body"],
            1,
            "no column 'body'; there is 'text'",
        ),
        (["--training.nope", "3"], 1, "[training] has no setting 'nope'"),
        (
            ["--training.dev_corpus", "corpora.test"],
            1,
            "names the corpus 'corpora.test'",
        ),
        (["--paths.dev", "null"], 1, "Corpus path can't be None"),
        (["--nope", "3"], 2, "no such option: --nope"),
        (["--limit", "-1"], 2, "Invalid value for '--limit'"),
    ],
)
def test_what_can_not_be_is_said_in_one_message(options, exit_code, message, write):
    found, output = run_plainly(write("textcat", TEXTS, NEW), *options)
    assert found == exit_code
    assert message in output
    assert "Traceback" not in output


def test_a_config_that_is_none_is_refused(tmp_path):
    (tmp_path / "config.cfg").write_text("[nlp")
    exit_code, output = run_plainly(tmp_path / "config.cfg")
    assert exit_code == 1
    assert "Traceback" not in output
    assert run(tmp_path / "none.cfg").exit_code == 2


def test_each_text_is_read_and_counted_a_fixed_number_of_times(write, monkeypatch):
    calls = 0
    make_doc = spacy.Language.make_doc

    def count_calls(self, text):
        nonlocal calls
        calls += 1
        return make_doc(self, text)

    monkeypatch.setattr(spacy.Language, "make_doc", count_calls)
    run(write("textcat", TEXTS, NEW))
    first, calls = calls, 0
    run(
        write(
            "textcat",
            [{**row, "text": f"{row['text']} {i}"} for i in range(3) for row in TEXTS],
            NEW * 3,
        )
    )
    assert calls == 3 * first


def test_numbers_are_written_as_they_are_read_best():
    assert [write_number(value) for value in (1234567, 1234.56, "word")] == [
        "1,234,567",
        "1,234.6",
        "word",
    ]
    shares = [percent(part, 10_000) for part in (0, 1, 1234, 9_999, 10_000)]
    assert shares == ["0.0%", "<0.1%", "12.3%", "99.9%", "100.0%"]


def test_it_is_a_command_of_spacy():
    command = [sys.executable, "-m", "spacy", "rnn", "debug-data"]
    options = ["configs/emotions.cfg", "--paths.train", "corpus/emotions/dev.jsonl"]
    done = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 1
    assert "Dev shares all texts with train" in done.stdout
