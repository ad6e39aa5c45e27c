"""Configs from templates: complete, trainable, and those that are shipped."""

from pathlib import Path

import numpy
import pytest
import spacy
from spacy.cli.init_config import fill_config
from spacy.util import load_config

from spacy_rnn.cli.starter.configs import (
    TASKS,
    TEMPLATES,
    WRITERS,
    check_vectors,
    format_config,
    list_commands,
    make_config,
)

ROOT = Path(__file__).parents[3]
SHIPPED = {  # the name of a config: its task and its corpus
    "sentiment": ("textcat", "sentiment"),
    "emotions": ("textcat-multilabel", "emotions"),
    "tagger": ("tagger", "tagging"),
    "ner": ("ner", "entities"),
    "summarizer": ("summarizer", "summaries"),
    "abstractive_summarizer": ("abstractive-summarizer", "notices"),
    "translator": ("translator", "translation"),
    "pretrain": ("ner", "entities"),
}
READERS = {  # where the corpus has columns of other names than the template
    "translator": {
        "@readers": "spacy-rnn.PairCorpus.v1",
        "source_column": "en",
        "target_column": "de",
        "extension": "translation",
    }
}
SETS = [*([task] for task in TASKS), ["tagger", "ner"], ["textcat", "summarizer"]]
set_ids = [",".join(tasks) for tasks in SETS]


def is_subsequence(short, long):
    rest = iter(long)
    return all(item in rest for item in short)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_config_is_what_its_template_gives(name):
    task, corpus = SHIPPED[name]
    settings = {
        f"paths.{part}": f"corpus/{corpus}/{part}.jsonl" for part in ("train", "dev")
    }
    if name == "pretrain":
        settings["paths.raw_text"] = "corpus/sentiment/train.jsonl"
    if name == "sentiment":  # a small corpus, of which the best comes early
        settings["training.patience"] = 600
    config = make_config(
        [task],
        pretraining=name == "pretrain",
        reader=READERS.get(name),
        settings=settings,
    )
    path = Path("configs") / f"{name}.cfg"
    comment, _, body = format_config(config, [task], path).partition("\n\n")
    shipped, _, shipped_body = (ROOT / path).read_text().partition("\n\n")
    assert body.strip() == shipped_body.strip()
    assert is_subsequence(comment.splitlines(), shipped.splitlines())


@pytest.mark.parametrize("name", ["sentence_polarity", "long_documents"])
def test_the_other_configs_differ_in_data_and_model_only(name):
    other = load_config(ROOT / "configs" / f"{name}.cfg", interpolate=False)
    config = make_config(["textcat"])
    assert other["training"]["optimizer"] == config["training"]["optimizer"]
    assert other["training"]["logger"] == config["training"]["logger"]
    if name == "sentence_polarity":
        for each in (other, config):
            del each["corpora"]
        assert other == config


@pytest.mark.parametrize("optimize", ["accuracy", "efficiency"])
@pytest.mark.parametrize("tasks", SETS, ids=set_ids)
def test_fill_config_changes_nothing(tasks, optimize, tmp_path):
    pretraining = WRITERS.keys().isdisjoint(tasks)
    config = make_config(tasks, optimize=optimize, pretraining=pretraining)
    (tmp_path / "config.cfg").write_text(config.to_str(interpolate=False))
    before = load_config(tmp_path / "config.cfg", interpolate=False)
    fill_config(tmp_path / "filled.cfg", tmp_path / "config.cfg", silent=True)
    assert load_config(tmp_path / "filled.cfg", interpolate=False) == before
    assert list(before)[:4] == ["paths", "system", "nlp", "components"]


@pytest.mark.parametrize("tasks", SETS, ids=set_ids)
def test_efficiency_is_a_smaller_network(tasks):
    def count(optimize):
        config = make_config(tasks, optimize=optimize).interpolate()
        blocks, widths = [config["components"]], []
        while blocks:
            block = blocks.pop()
            blocks += [value for value in block.values() if isinstance(value, dict)]
            widths += [value for key, value in block.items() if key == "width"]
        return sum(widths)

    assert count("efficiency") < count("accuracy")


def test_several_tasks_share_the_encoder_of_the_first():
    shared = make_config(["tagger", "ner"])
    alone = make_config(["ner"])
    assert shared["nlp"]["pipeline"] == ["tok2vec", "rnn_ner", "rnn_tagger"]
    model = shared["components"]["tok2vec"]["model"]
    assert model == alone["components"]["rnn_ner"]["model"]["tok2vec"]
    reader = shared["corpora"]["train"]
    assert (reader["tag_column"], reader["entity_column"]) == ("pos", "ner")
    weights = shared["training"]["score_weights"]
    assert weights["ents_f"] == weights["tag_acc"] == 0.5


def test_tasks_on_tokens_and_on_texts_meet_in_files_of_spacy():
    reader = make_config(["textcat", "ner"])["corpora"]["dev"]
    assert reader["@readers"] == "spacy.Corpus.v1"
    assert reader["path"] == "${paths.dev}"


def test_options_reach_the_config():
    config = make_config(["ner"], lang="de", gpu=True, vectors="some_vectors")
    assert config["nlp"]["lang"] == "de"
    assert config["paths"]["vectors"] == "some_vectors"
    words = config["components"]["rnn_ner"]["model"]["tok2vec"]["embed"]["embeds"]
    assert words["words"]["include_static_vectors"]
    smaller = make_config(["ner"])["training"]["batcher"]["size"]
    assert config["training"]["batcher"]["size"] > smaller


def test_sentences_of_other_languages_need_no_data_of_nltk():
    pipeline = make_config(["summarizer"], lang="de")["nlp"]["pipeline"]
    assert pipeline == ["sentencizer", "rnn_summarizer"]


def test_dev_gets_the_labels_of_train():
    reader = {"@readers": "spacy-rnn.TextCorpus.v1", "labels": ["a"]}
    corpora = make_config(["textcat"], reader=reader)["corpora"]
    assert corpora["train"]["labels"] == ["a"]
    assert corpora["dev"]["labels"] == "${corpora.train.labels}"


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (["parser"], "no task 'parser'; the tasks are ner, spans"),
        ([""], "no task ''"),
        (["textcat", "textcat-multilabel"], "a pipeline has one of them"),
        (["ner", "translator"], "translator .* is the only task of a pipeline"),
        (["translator", "abstractive-summarizer"], "is the only task of a pipeline"),
    ],
)
def test_tasks_that_cannot_be_are_refused(tasks, message):
    with pytest.raises(ValueError, match=message):
        make_config(tasks)


@pytest.mark.parametrize("task", WRITERS)
@pytest.mark.parametrize("option", [{"vectors": "some"}, {"pretraining": True}])
def test_what_reads_pieces_of_words_takes_no_vectors_of_words(task, option):
    with pytest.raises(ValueError, match=f"{task} .* without vectors of words and wit"):
        make_config([task], **option)


@pytest.mark.parametrize("task", WRITERS)
def test_a_component_writes_where_its_reader_keeps_the_targets(task):
    config = make_config([task], lang="de")
    extension = config["components"][TASKS[task]]["extension"]
    for reader in config["corpora"].values():
        assert reader["extension"] == WRITERS[task]["extension"] == extension
    assert config["nlp"]["lang"] == "de"


def test_vectors_are_looked_for_before_training(tmp_path):
    with pytest.raises(ValueError, match="no installed pipeline and no folder"):
        check_vectors("no_such_vectors")
    nlp = spacy.blank("en")
    nlp.to_disk(tmp_path / "empty")
    with pytest.raises(ValueError, match="no word vectors"):
        check_vectors(str(tmp_path / "empty"))
    nlp.vocab.set_vector("a", numpy.ones(2))
    nlp.to_disk(tmp_path / "full")
    check_vectors(str(tmp_path / "full"))


def test_commands_name_what_is_open_and_quote_what_has_spaces():
    config = make_config(["ner"], pretraining=True)
    pretrain, train = list_commands(config, Path("my configs/ner.cfg"))
    assert "'my configs/ner.cfg'" in pretrain
    assert "--paths.raw_text RAW_TEXT" in pretrain
    assert "--paths.train TRAIN --paths.dev DEV" in train
    assert train.startswith("python -m spacy rnn train ")
    assert "--paths.init_tok2vec" in train


def test_every_template_is_package_data():
    setup = (ROOT / "setup.cfg").read_text()
    assert "cli/starter/templates/*.cfg" in setup
    names = {path.stem for path in TEMPLATES.glob("*.cfg")}
    assert names == {*TASKS, "base", "pretraining"}
    assert TEMPLATES.is_absolute()


def test_a_dollar_is_written_as_spacy_reads_it(tmp_path):
    path = tmp_path / "config.cfg"
    labels = ["$", "PRP$", "NN"]
    config = make_config(["tagger"], settings={"paths.train": "a $x/train.jsonl"})
    config["initialize"]["components"] = {"rnn_tagger": {"labels": labels}}
    path.write_text(format_config(config, ["tagger"], path))
    found = load_config(path, interpolate=False).interpolate()  # as `spacy train`
    assert found["initialize"]["components"]["rnn_tagger"]["labels"] == labels
    assert found["corpora"]["train"]["path"] == "a $x/train.jsonl"
