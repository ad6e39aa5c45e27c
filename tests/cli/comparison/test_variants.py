"""Variants of a config are complete, and differ in what their names say."""

import pytest
from spacy.util import load_model_from_config

from spacy_rnn.cli.comparison.variants import PARTS, make_variant
from spacy_rnn.cli.starter.configs import make_config

TEXTCAT = make_config(["textcat"])
JOINED = make_config(["tagger", "ner"])
ONLY_TEXTS = {"last", "mean", "max", "attention", "alone", "bow"}


def component(config, name="rnn_textcat"):
    return config["components"][name]


@pytest.mark.parametrize("part", PARTS)
def test_every_part_makes_a_config_that_can_be_trained_by(part):
    before = TEXTCAT.to_str()
    variant = make_variant(TEXTCAT, part)
    nlp = load_model_from_config(variant, auto_fill=True)
    assert nlp.pipe_names == ["rnn_textcat"]
    assert TEXTCAT.to_str() == before
    if part not in ("lstm",):  # the cell that it has
        assert variant.to_str() != before


@pytest.mark.parametrize("part", PARTS)
def test_parts_change_a_shared_encoder_or_say_that_there_is_nothing(part):
    if part in ONLY_TEXTS:
        with pytest.raises(ValueError, match=f"nothing .* that '{part}' is for"):
            make_variant(JOINED, part)
        return
    variant = make_variant(JOINED, part)
    nlp = load_model_from_config(variant, auto_fill=True)
    assert nlp.pipe_names == JOINED["nlp"]["pipeline"]
    if part == "cnn":
        encode = component(variant, "tok2vec")["model"]["encode"]
        assert encode["@architectures"] == "spacy.MaxoutWindowEncoder.v2"
        listener = component(variant, "rnn_ner")["model"]["tok2vec"]
        assert "Listener" in listener["@architectures"]
    if part == "spacy":
        assert component(variant, "rnn_ner") == {"factory": "ner"}


def test_parts_are_put_together():
    model = component(make_variant(TEXTCAT, "gru+attention+alone"))["model"]
    assert model["tok2vec"]["encode"]["cell"] == "gru"
    assert model["pooling"] == ["attention"]
    assert model["linear_model"] is None


@pytest.mark.parametrize("task", ["textcat", "textcat-multilabel"])
def test_a_bag_of_words_knows_how_many_labels_may_be_right(task):
    variant = make_variant(make_config([task]), "bow")
    ((_, made),) = variant["components"].items()
    assert made["factory"] == task.replace("-", "_")
    assert made["model"]["exclusive_classes"] == (task == "textcat")


def test_a_part_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="no 'transformer', only rnn_tanh, rnn_relu"):
        make_variant(TEXTCAT, "gru+transformer")
