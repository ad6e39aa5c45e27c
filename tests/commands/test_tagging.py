"""spaCy's commands with the components that label tokens."""

import pytest
import spacy
import srsly
from spacy.tokens import Doc, DocBin
from spacy.util import load_config

NAMES = ["rnn_tagger", "rnn_morphologizer"]
CONFIG = """
[paths]
train = "DATA"
dev = "DATA"

[nlp]
lang = "en"
pipeline = ["tok2vec","rnn_tagger","rnn_morphologizer"]

[components]

[components.tok2vec]
factory = "tok2vec"

[components.tok2vec.model]
@architectures = "spacy-rnn.HashEmbedRNN.v1"
width = 8
depth = 1
embed_size = 100

[components.rnn_tagger]
factory = "rnn_tagger"

[components.rnn_tagger.model]
@architectures = "spacy-rnn.Tagger.v1"

[components.rnn_tagger.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 8

[components.rnn_morphologizer]
factory = "rnn_morphologizer"

[components.rnn_morphologizer.model]
@architectures = "spacy-rnn.Tagger.v1"

[components.rnn_morphologizer.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 8

[training]
max_steps = 60
eval_frequency = 30
dropout = 0.0

[training.optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.03
use_averages = true
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, run_spacy):
    """A folder with data, a complete config and a model that was trained with it."""
    folder = tmp_path_factory.mktemp("tagging")
    vocab = spacy.blank("en").vocab
    docs = [
        Doc(
            vocab,
            words=["She", "likes", "green", "eggs"],
            tags=["PRP", "VBZ", "JJ", "NNS"],
            pos=["PRON", "VERB", "ADJ", "NOUN"],
            morphs=["Case=Nom", "Tense=Pres", "", "Number=Plur"],
        ),
        Doc(
            vocab,
            words=["Eat", "blue", "ham"],
            tags=["VB", "JJ", "NN"],
            pos=["VERB", "ADJ", "NOUN"],
            morphs=["Mood=Imp", "", "Number=Sing"],
        ),
    ]
    DocBin(docs=docs).to_disk(folder / "data.spacy")
    text = CONFIG.replace("DATA", str(folder / "data.spacy"))
    (folder / "base.cfg").write_text(text)
    run_spacy("init", "fill-config", folder / "base.cfg", folder / "full.cfg")
    run_spacy("train", folder / "full.cfg", "--output", folder / "training")
    return folder


def test_train_leaves_a_model_that_has_learned(folder):
    nlp = spacy.load(folder / "training" / "model-best")
    assert nlp.meta["performance"]["tag_acc"] == 1.0
    assert nlp.meta["performance"]["pos_acc"] == 1.0
    assert set(nlp.meta["performance"]["morph_per_feat"]) == {
        *("Case", "Tense", "Number", "Mood")
    }
    doc = nlp("Eat blue ham")
    assert [token.tag_ for token in doc] == ["VB", "JJ", "NN"]


def test_evaluate_prints_the_scores(folder, run_spacy):
    model = folder / "training" / "model-best"
    output = run_spacy("evaluate", model, folder / "data.spacy")
    for name in ("TAG", "POS", "MORPH", "MORPH (per feat)", "Tense"):
        assert name in output


def test_init_labels_writes_what_initialize_reads(folder, run_spacy):
    run_spacy("init", "labels", folder / "full.cfg", folder / "labels")
    trained = spacy.load(folder / "training" / "model-best")
    config = load_config(folder / "full.cfg")
    config["training"]["max_steps"] = 1
    for name in NAMES:
        path = folder / "labels" / f"{name}.json"
        data = srsly.json_dumps(trained.get_pipe(name).label_data)
        assert srsly.read_json(path) == srsly.json_loads(data)
        reader = {"@readers": "spacy.read_labels.v1", "path": str(path)}
        config["initialize"]["components"][name] = {"labels": reader}
    config.to_disk(folder / "labels.cfg")
    run_spacy("train", folder / "labels.cfg", "--output", folder / "again")
    nlp = spacy.load(folder / "again" / "model-last")
    for name in NAMES:
        assert nlp.get_pipe(name).labels == trained.get_pipe(name).labels


def test_apply_writes_annotated_documents(folder, run_spacy):
    model = folder / "training" / "model-best"
    (folder / "text.txt").write_text("She likes green eggs")
    run_spacy("apply", model, folder / "text.txt", folder / "out.spacy")
    vocab = spacy.blank("en").vocab
    (doc,) = DocBin().from_disk(folder / "out.spacy").get_docs(vocab)
    assert [token.tag_ for token in doc] == ["PRP", "VBZ", "JJ", "NNS"]
    assert [token.pos_ for token in doc] == ["PRON", "VERB", "ADJ", "NOUN"]
    assert str(doc[3].morph) == "Number=Plur"
