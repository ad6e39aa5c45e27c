"""What the classifiers have learned stays with them."""

import pickle

import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal


def reload_from_disk(nlp, path):
    nlp.to_disk(path)
    return spacy.load(path)


def reload_from_bytes(nlp, path):
    return spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())


def unpickle(nlp, path):
    return pickle.loads(pickle.dumps(nlp))


def reload_component(nlp, path):
    other = spacy.blank("en", config=nlp.config)
    name = nlp.pipe_names[0]
    other.get_pipe(name).from_bytes(nlp.get_pipe(name).to_bytes())
    return other


WAYS = [reload_from_disk, reload_from_bytes, unpickle, reload_component]


@pytest.mark.parametrize("way", WAYS)
def test_scores_survive_saving(trained, scores_of, way, tmp_path):
    loaded = way(trained, tmp_path / "model")
    assert loaded.get_pipe(loaded.pipe_names[0]).labels == ("good", "bad", "odd")
    assert_array_equal(scores_of(loaded), scores_of(trained))


@pytest.mark.parametrize("way", WAYS)
def test_a_reloaded_pipeline_learns_on_without_the_first(
    trained, scores_of, make_examples, fit, factory, way, tmp_path
):
    before = scores_of(trained)
    loaded = way(trained, tmp_path / "model")
    mistakes = [("We loved the warm soup.", {"good": 0.0, "bad": 1.0, "odd": 0.0})]
    fit(loaded, make_examples(loaded, mistakes), 3, initialize=False)
    assert abs(scores_of(loaded) - before).max() > 1e-4
    assert_array_equal(scores_of(trained), before)


def test_overfits_three_sentences(trained, make_examples, factory):
    for example in make_examples(trained, factory):
        cats = trained(example.reference.text).cats
        for label, truth in example.reference.cats.items():
            assert cats[label] == pytest.approx(truth, abs=0.1)


def test_default_model_overfits_and_survives_saving(
    make_examples, fit, factory, scores_of, tmp_path
):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory)
    examples = make_examples(nlp, factory)
    fit(nlp, examples, 20, learn_rate=0.005)
    scores = scores_of(nlp)
    truths = [list(example.reference.cats.values()) for example in examples]
    assert_allclose(scores, truths, atol=0.1)
    assert_array_equal(scores_of(reload_from_disk(nlp, tmp_path / "model")), scores)


def test_settings_are_saved(make_nlp, make_examples, factory, tmp_path):
    nlp = make_nlp(factory, class_weights="balanced", label_smoothing=0.25)
    nlp.initialize(lambda: make_examples(nlp, factory))
    loaded = reload_from_disk(nlp, tmp_path / "model")
    assert loaded.get_pipe(factory).cfg == nlp.get_pipe(factory).cfg
    assert loaded.config["components"] == nlp.config["components"]


def test_weights_of_another_model_raise_an_error_that_names_the_path(
    trained, make_nlp, make_model, make_examples, factory, tmp_path
):
    trained.to_disk(tmp_path)
    other = make_nlp(factory, model=make_model(factory, pooling=["last"]))
    other.initialize(lambda: make_examples(other, factory))
    weights = other.get_pipe(factory).model.to_bytes()
    (tmp_path / factory / "model").write_bytes(weights)
    with pytest.raises(ValueError, match=str(tmp_path / factory)):
        spacy.load(tmp_path)


def test_weights_of_another_cell_are_refused(
    trained, make_nlp, make_model, make_tok2vec, make_examples, factory
):
    model = make_model(factory, tok2vec=make_tok2vec(cell="gru"))
    other = make_nlp(factory, model=model)
    other.initialize(lambda: make_examples(other, factory))
    with pytest.raises(ValueError, match="saved with other settings"):
        trained.get_pipe(factory).from_bytes(other.get_pipe(factory).to_bytes())
