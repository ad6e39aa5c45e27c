"""Settings of a component are checked, and can be changed after it was saved."""

import warnings

import pytest
import spacy
import srsly

from spacy_rnn.pipeline.tagger import RNNTagger

SETTINGS = [
    ("rnn_summarizer", "budget", 0.2, -1),
    ("rnn_summarizer", "order", "rank", "best"),
    ("rnn_summarizer", "trigram_blocking", True, "yes"),
    ("rnn_textcat_multilabel", "threshold", 0.25, 1.5),
    ("rnn_textcat", "temperature", 1.5, 0.0),
    ("rnn_textcat", "temperature", 0.5, {"good": 2.0}),
    ("rnn_textcat_multilabel", "temperature", 1.5, {"good": -1.0}),
    ("rnn_textcat_multilabel", "bias", -0.5, {"good": "low"}),
    ("rnn_ner", "temperature", 2.0, "hot"),
    ("rnn_summarizer", "bias", 0.25, None),
    ("rnn_tagger", "overwrite", True, 7),
    ("rnn_morphologizer", "extend", True, [1]),
    ("rnn_ner", "spans_key", "names", 3),
    ("rnn_translator", "beam_width", 2, 0),
    ("rnn_translator", "beam_width", 2, 2.5),
    ("rnn_translator", "length_penalty", 2.0, 250.0),
    ("rnn_tagger", "label_smoothing", 0.1, "x"),
    ("rnn_summarizer", "budget", 0.2, "x"),
    ("nltk_sentencizer", "line_breaks", "never", "sometimes"),
    ("nltk_sentencizer", "overwrite", True, 1),
    ("rnn_abstractive_summarizer", "max_length", 20, 0),
]


def save(factory, path, **config):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, config=config)
    nlp.to_disk(path)
    return nlp


def load(path, factory, **config):
    return spacy.load(path, config={"components": {factory: config}}).get_pipe(factory)


@pytest.mark.parametrize(("factory", "name", "value", "wrong"), SETTINGS)
def test_a_setting_can_be_overridden_when_a_pipeline_is_loaded(
    factory, name, value, wrong, tmp_path
):
    save(factory, tmp_path)
    assert load(tmp_path, factory, **{name: value}).cfg[name] == value


@pytest.mark.parametrize(("factory", "name", "value", "wrong"), SETTINGS)
def test_an_override_is_saved_as_if_it_had_always_been(
    factory, name, value, wrong, tmp_path
):
    save(factory, tmp_path / "first")
    config = {"components": {factory: {name: value}}}
    spacy.load(tmp_path / "first", config=config).to_disk(tmp_path / "second")
    second = spacy.load(tmp_path / "second")
    assert second.get_pipe(factory).cfg[name] == value
    assert second.config["components"][factory][name] == value


@pytest.mark.parametrize(("factory", "name", "value", "wrong"), SETTINGS)
def test_a_setting_can_be_changed_and_saved(factory, name, value, wrong, tmp_path):
    nlp = save(factory, tmp_path / "first")
    nlp.get_pipe(factory).configure(**{name: value})
    nlp.to_disk(tmp_path / "second")
    loaded = spacy.load(tmp_path / "second").get_pipe(factory)
    assert loaded.cfg[name] == value


@pytest.mark.parametrize(("factory", "name", "value", "wrong"), SETTINGS)
def test_a_setting_that_can_not_be_is_refused_wherever_it_comes_from(
    factory, name, value, wrong, tmp_path
):
    nlp = save(factory, tmp_path)
    pipe = nlp.get_pipe(factory)
    before = dict(pipe.cfg)
    needed = {key: before[key] for key in ("extension",) if key in before}
    if hasattr(pipe, "model"):
        needed["model"] = pipe.model
    with pytest.raises(ValueError, match=name):
        pipe.configure(**{name: wrong})
    assert pipe.cfg == before
    with pytest.raises(ValueError, match=name):
        type(pipe)(nlp.vocab, name=factory, **needed, **{name: wrong})
    path = tmp_path / factory / "cfg"
    srsly.write_json(path, before | {name: wrong})
    with pytest.raises(ValueError, match=name):
        spacy.load(tmp_path)


@pytest.mark.parametrize("name", ["class_weights", "thresholds", "temperature"])
def test_a_label_in_a_message_is_spelled_out(name):
    config = {name: {"a\nb\x1b": -1.0}}
    with pytest.raises(ValueError, match=r"of 'a\\nb\\x1b'"):
        spacy.blank("en").add_pipe("rnn_textcat_multilabel", config=config)


def test_a_share_is_refused_as_a_budget_of_more_than_the_text(tmp_path):
    save("rnn_summarizer", tmp_path)
    with pytest.raises(ValueError, match="share"):
        load(tmp_path, "rnn_summarizer", unit="share")
    pipe = load(tmp_path, "rnn_summarizer", unit="share", budget=0.5)
    with pytest.raises(ValueError, match="share"):
        pipe.configure(budget=2)
    pipe.configure(budget=2, unit="sentences")


def test_unknown_and_fixed_settings_are_refused_with_a_list_of_the_others(tmp_path):
    pipe = save("rnn_ner", tmp_path).get_pipe("rnn_ner")
    for name in ("scheme", "budget", "labels"):
        with pytest.raises(ValueError, match=rf"\['{name}'\].*spans_key"):
            pipe.configure(**{name: "BIO"})


def test_an_override_in_vain_is_told(tmp_path):
    save("rnn_ner", tmp_path)
    with pytest.warns(UserWarning, match="scheme = 'BILUO', not 'BIO'"):
        pipe = load(tmp_path, "rnn_ner", scheme="BIO")
    assert pipe.cfg["scheme"] == "BILUO"


def test_what_was_changed_before_saving_wins_over_the_config_of_then(tmp_path):
    nlp = save("rnn_summarizer", tmp_path / "first", budget=5)
    nlp.get_pipe("rnn_summarizer").configure(budget=2)
    nlp.to_disk(tmp_path / "second")
    assert load(tmp_path / "second", "rnn_summarizer").cfg["budget"] == 2
    pipe = load(tmp_path / "second", "rnn_summarizer", budget=7)
    assert pipe.cfg["budget"] == 7


def test_defaults_of_a_component_that_is_loaded_into_are_no_overrides(tmp_path):
    saved = save("rnn_summarizer", tmp_path / "model", budget=5)
    saved.get_pipe("rnn_summarizer").to_disk(tmp_path / "pipe")
    pipe = spacy.blank("en").add_pipe("rnn_summarizer")
    pipe.from_disk(tmp_path / "pipe")
    assert pipe.cfg["budget"] == 5


def test_an_override_by_a_default_is_told_to_be_in_vain(tmp_path):
    save("rnn_summarizer", tmp_path, budget=5)
    with pytest.warns(UserWarning, match=r"budget = 5, not 3\. .*configure"):
        pipe = load(tmp_path, "rnn_summarizer", budget=3)
    assert pipe.cfg["budget"] == 5


def test_settings_of_the_first_version_hold_whatever_the_config_says(tmp_path):
    nlp = save("rnn_summarizer", tmp_path)
    cfg = {**nlp.get_pipe("rnn_summarizer").cfg, "budget": 2}
    del cfg["configured"]
    srsly.write_json(tmp_path / "rnn_summarizer" / "cfg", cfg)
    assert load(tmp_path, "rnn_summarizer").cfg["budget"] == 2
    with pytest.warns(UserWarning, match="budget = 2, not 7"):
        assert load(tmp_path, "rnn_summarizer", budget=7).cfg["budget"] == 2


@pytest.mark.parametrize("value", [0.3, 0.35, 0.57, 0.7, 0.94])
def test_what_was_changed_stays_whatever_the_config_has(value, tmp_path):
    factory = "rnn_textcat_multilabel"
    weights = {"class_weights": {"A": value}}
    nlp = save(factory, tmp_path / "first", threshold=value, **weights)
    nlp.get_pipe(factory).configure(threshold=0.5)
    nlp.to_disk(tmp_path / "second")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = spacy.load(tmp_path / "second")
    assert loaded.get_pipe(factory).cfg["threshold"] == 0.5


def test_entities_have_to_be_written_somewhere_after_a_change_too():
    pipe = spacy.blank("en").add_pipe("rnn_ner")
    with pytest.raises(ValueError, match="nothing to write to"):
        pipe.configure(annotate_ents=False, spans_key=None)
    assert pipe.cfg["annotate_ents"]


@pytest.mark.parametrize("factory", sorted({each[0] for each in SETTINGS}))
def test_what_the_scores_of_a_component_weigh_adds_up_to_one(factory):
    weights = spacy.blank("en").get_factory_meta(factory).default_score_weights
    learns = factory != "nltk_sentencizer"
    assert sum(weight or 0.0 for weight in weights.values()) == float(learns)
    assert all(weight is None or weight >= 0.0 for weight in weights.values())


class Loudness:
    """What isn't about settings."""


class Louder(Loudness, RNNTagger):
    def __init__(self, vocab, model, name="louder", **settings):
        super().__init__(vocab, model, name, **settings)


class StillLouder(Louder):
    """What leaves the settings to its base."""


@pytest.mark.parametrize("kind", [Louder, StillLouder])
def test_a_subclass_that_hands_settings_on_has_those_of_its_base(kind):
    nlp = spacy.blank("en")
    pipe = kind(nlp.vocab, nlp.add_pipe("rnn_tagger").model, label_smoothing=0.1)
    pipe.configure(label_smoothing=0.2)
    assert pipe.cfg["label_smoothing"] == 0.2
    with pytest.raises(ValueError, match="no settings"):
        pipe.configure(loudness=11)
