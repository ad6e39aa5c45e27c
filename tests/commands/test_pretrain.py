"""`spacy pretrain` with our encoder, and what it is good for."""

import pytest
import srsly
from numpy.testing import assert_allclose, assert_array_equal
from spacy.training.initialize import init_nlp
from spacy.util import load_config

CHARACTERS = {
    "@architectures": "spacy.PretrainCharacters.v1",
    "maxout_pieces": 3,
    "hidden_size": 10,
    "n_characters": 4,
}
LANGUAGE_MODEL = {"@architectures": "spacy-rnn.PretrainLanguageModel.v1", "rows": 50}


@pytest.fixture(
    params=[
        pytest.param(CHARACTERS, id="characters"),
        pytest.param(LANGUAGE_MODEL, id="language model"),
    ]
)
def pretrained(request, config, factory, run_spacy, tmp_path):
    """A config for pretraining, and the weights after it."""
    run_spacy("init", "fill-config", config, tmp_path / "pt.cfg", "--pretraining")
    texts = ["We loved the warm soup", "The staff were rude", "A purple goat sang"]
    srsly.write_jsonl(tmp_path / "raw.jsonl", [{"text": text} for text in texts])
    filled = load_config(tmp_path / "pt.cfg", interpolate=False)
    filled["paths"]["raw_text"] = str(tmp_path / "raw.jsonl")
    filled["pretraining"]["component"] = factory
    filled["pretraining"]["layer"] = "tok2vec"
    filled["pretraining"]["max_epochs"] = 2
    filled["pretraining"]["objective"] = request.param
    filled.to_disk(tmp_path / "pt.cfg")
    run_spacy("pretrain", tmp_path / "pt.cfg", tmp_path / "weights")
    return tmp_path / "pt.cfg", tmp_path / "weights" / "model1.bin"


def test_pretraining_changes_the_weights_of_embedding_and_encoder(pretrained, factory):
    path, weights = pretrained
    nlp = init_nlp(load_config(path))
    tok2vec = nlp.get_pipe(factory).model.get_ref("tok2vec")
    assert tok2vec.layers[0].get_dim("nO") != tok2vec.get_dim("nO")
    before = [node.get_param("W").copy() for node in tok2vec.layers]
    tok2vec.from_bytes(weights.read_bytes())
    for node, old in zip(tok2vec.layers, before, strict=True):
        assert abs(node.get_param("W") - old).max() > 1e-4


def test_pretrained_weights_are_what_training_starts_from(pretrained, factory):
    path, weights = pretrained
    overrides = {"paths.init_tok2vec": str(weights)}
    nlp = init_nlp(load_config(path, overrides=overrides))
    tok2vec = nlp.get_pipe(factory).model.get_ref("tok2vec")
    found = [node.get_param("W").copy() for node in tok2vec.layers]
    tok2vec.from_bytes(weights.read_bytes())
    for node, W in zip(tok2vec.layers, found, strict=True):
        assert_array_equal(node.get_param("W"), W)
    scores = nlp("We loved the soup").cats
    with nlp.select_pipes(enable=[factory]):
        assert_allclose(
            list(nlp("We loved the soup").cats.values()), list(scores.values())
        )


def test_pretraining_can_go_on(pretrained, run_spacy, tmp_path):
    path, weights = pretrained
    resume = ("--resume-path", weights, "--pretraining.max_epochs", 3)
    run_spacy("pretrain", path, tmp_path / "more", *resume)
    assert (tmp_path / "more" / "model2.bin").exists()
