"""Every config that is shipped is complete, trains and reloads."""

from collections import Counter
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.cli.debug_config import debug_config
from spacy.cli.init_config import fill_config
from spacy.cli.train import train
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.training.pretrain import pretrain
from spacy.util import load_config, load_model_from_config, registry
from thinc.api import Optimizer

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.cfg"))
FEW_STEPS = {"training.max_steps": 3, "training.eval_frequency": 2}


@pytest.fixture(params=CONFIGS, ids=[path.name for path in CONFIGS])
def path(request, monkeypatch, nltk_folder):
    monkeypatch.chdir(ROOT)  # paths in a config are relative to the repository
    write_polarity(nltk_folder / "corpora" / "sentence_polarity")
    write_reviews(nltk_folder / "corpora" / "movie_reviews")
    return request.param


def write_polarity(folder):
    """Write sentences of our own in the files of NLTK's sentence_polarity."""
    folder.mkdir(parents=True)
    rows = list(srsly.read_jsonl(ROOT / "corpus" / "sentiment" / "dev.jsonl"))
    for label, name in (
        ("positive", "rt-polarity.pos"),
        ("negative", "rt-polarity.neg"),
    ):
        texts = [row["text"] for row in rows if row["label"] == label]
        lines = "\n".join(texts).encode("latin-1", errors="ignore")
        (folder / name).write_bytes(lines)


def write_reviews(folder):
    """Write texts of our own as NLTK's movie_reviews."""
    rows = list(srsly.read_jsonl(ROOT / "corpus" / "sentiment" / "dev.jsonl"))
    for i, row in enumerate(rows):
        path = folder / row["label"][:3] / f"cv{i}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = f"{row['text']} \nthat is all . \n"
        path.write_bytes(text.encode("ascii", errors="ignore"))


def read_dev(path, nlp):
    config = load_config(path)
    corpora = load_model_from_config(config).config.interpolate()["corpora"]
    return list(registry.resolve(corpora)["dev"](nlp))


def test_there_are_configs():
    assert {"sentiment.cfg", "emotions.cfg"} <= {path.name for path in CONFIGS}


def test_fill_config_changes_nothing(path, tmp_path):
    fill_config(tmp_path / "filled.cfg", path, silent=True)
    before = load_config(path, interpolate=False)
    after = load_config(tmp_path / "filled.cfg", interpolate=False)
    assert after == before
    assert list(after["components"]) == list(before["components"])


def test_a_config_is_valid(path, capsys):
    debug_config(path)
    assert "Config is valid" in capsys.readouterr().out


def test_a_config_opens_with_its_command(path):
    head = path.read_text().partition("[")[0]
    assert head.startswith("#")
    assert f"python -m spacy rnn train configs/{path.name}" in head


def test_an_optimizer_can_be_made_in_python(path):
    # spaCy fills in the variables of a config for `spacy train` only.
    nlp = Language()
    nlp.config = nlp.config.merge({"training": load_config(path)["training"]})
    assert isinstance(nlp.create_optimizer(), Optimizer)


def test_a_config_trains_and_reloads(path, tmp_path):
    # What has learned next to nothing writes as much as it may.
    short = {
        f"components.{name}.max_length": 5
        for name, settings in load_config(path)["components"].items()
        if "max_length" in settings
    }
    train(path, tmp_path, overrides=FEW_STEPS | short)
    nlp = spacy.load(tmp_path / "model-best")
    examples = read_dev(path, nlp)
    assert len(examples) >= 10
    again = spacy.load(tmp_path / "model-best").evaluate(examples)
    scores = nlp.evaluate(examples)
    del scores["speed"], again["speed"]
    assert scores == again


def test_pretraining_is_of_the_network_that_is_trained_afterwards(
    monkeypatch, tmp_path
):
    monkeypatch.chdir(ROOT)
    path = ROOT / "configs" / "pretrain.cfg"
    few = {"corpora.pretrain.limit": 20, "pretraining.max_epochs": 1}
    pretrain(load_config(path, overrides=few, interpolate=True), tmp_path)
    weights = tmp_path / "model-last.bin"
    overrides = {"paths.init_tok2vec": str(weights)}
    nlp = init_nlp(load_config(path, overrides=overrides))
    tok2vec = nlp.get_pipe("rnn_ner").model.get_ref("tok2vec")
    assert tok2vec.to_bytes() == weights.read_bytes()


def test_pretraining_adds_to_the_config_of_entities():
    pretraining = load_config(ROOT / "configs" / "pretrain.cfg")
    pretraining["pretraining"] = {}
    del pretraining["paths"]["raw_text"], pretraining["corpora"]["pretrain"]
    assert pretraining == load_config(ROOT / "configs" / "ner.cfg")


@pytest.mark.slow
def test_sentiment_is_learned(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    path = ROOT / "configs" / "sentiment.cfg"
    train(path, tmp_path)
    nlp = spacy.load(tmp_path / "model-best")
    examples = read_dev(path, nlp)
    truths = [max(eg.reference.cats, key=eg.reference.cats.get) for eg in examples]
    cats = [doc.cats for doc in nlp.pipe([eg.reference.text for eg in examples])]
    right = [
        max(scores, key=scores.get) == truth
        for scores, truth in zip(cats, truths, strict=True)
    ]
    majority = Counter(truths).most_common(1)[0][1] / len(truths)
    assert sum(right) / len(right) >= majority + 0.2


@pytest.mark.slow
def test_emotions_are_learned(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    path = ROOT / "configs" / "emotions.cfg"
    train(path, tmp_path)
    nlp = spacy.load(tmp_path / "model-best")
    assert nlp.evaluate(read_dev(path, nlp))["cats_macro_auc"] >= 0.7
