"""What an entity recognizer has learned stays with it."""

import pickle

import pytest
import spacy
from numpy.testing import assert_array_equal
from spacy.tokens import Doc

TEXTS = ["Ada Byron left New York City for Bern .", "So Bern met Ada", ""]


def reload_from_disk(nlp, path):
    nlp.to_disk(path)
    return spacy.load(path)


def reload_from_bytes(nlp, path):
    return spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())


def unpickle(nlp, path):
    return pickle.loads(pickle.dumps(nlp))


def reload_component(nlp, path):
    other = spacy.blank("en", config=nlp.config)
    other.get_pipe("rnn_ner").from_bytes(nlp.get_pipe("rnn_ner").to_bytes())
    return other


WAYS = [reload_from_disk, reload_from_bytes, unpickle, reload_component]


def entities_of(nlp):
    docs = list(nlp.pipe(TEXTS))
    found = [[(str(ent), ent.label_) for ent in doc.ents] for doc in docs]
    return found, [doc.spans["rnn_ner"].attrs["scores"].tolist() for doc in docs]


@pytest.mark.parametrize("way", WAYS)
def test_entities_survive_saving(trained_ner, way, tmp_path):
    loaded = way(trained_ner, tmp_path / "model")
    assert loaded.get_pipe("rnn_ner").labels == ("LOC", "PER")
    assert sum(map(len, entities_of(loaded)[0])) == 5
    assert entities_of(loaded) == entities_of(trained_ner)


@pytest.mark.parametrize("way", WAYS)
def test_a_reloaded_pipeline_learns_on_without_the_first(
    trained_ner, make_entities, fit, way, tmp_path
):
    before = entities_of(trained_ner)
    loaded = way(trained_ner, tmp_path / "model")
    rows = [(["So", "Bern", "met", "Ada"], ["O", "B-PER", "O", "B-LOC"])]
    fit(loaded, make_entities(loaded, rows), 15, initialize=False)
    assert entities_of(loaded)[0][1] == [("Bern", "PER"), ("Ada", "LOC")]
    assert entities_of(trained_ner) == before


def test_settings_are_saved(make_ner, make_entities, tmp_path):
    nlp = make_ner(scheme="BIO", spans_key="names", incorrect_spans_key="wrong")
    nlp.initialize(lambda: make_entities(nlp))
    loaded = reload_from_disk(nlp, tmp_path / "model")
    assert loaded.get_pipe("rnn_ner").cfg == nlp.get_pipe("rnn_ner").cfg
    assert loaded.config["components"] == nlp.config["components"]


def test_predictions_can_be_pickled(trained_ner):
    docs = [trained_ner.make_doc(text) for text in TEXTS]
    predicted = trained_ner.get_pipe("rnn_ner").predict(docs)
    assert pickle.loads(pickle.dumps(predicted)) == predicted


def test_weights_that_do_not_fit_are_an_error(
    trained_ner, make_ner, make_entities, make_tok2vec, tmp_path
):
    trained_ner.to_disk(tmp_path / "model")
    crf = "spacy-rnn.CRFTagger.v1"
    other = make_ner(model={"@architectures": crf, "tok2vec": make_tok2vec(12)})
    other.initialize(lambda: make_entities(other))
    weights = other.get_pipe("rnn_ner").model.to_bytes()
    (tmp_path / "model" / "rnn_ner" / "model").write_bytes(weights)
    with pytest.raises(ValueError, match="Can't load the component 'rnn_ner' from"):
        spacy.load(tmp_path / "model")


def test_copies_of_a_model_learn_apart(trained_ner, make_entities):
    pipe = trained_ner.get_pipe("rnn_ner")
    doc = Doc(trained_ner.vocab, ["Ada", "left"])
    copy = pipe.model.copy()
    before = copy.predict([doc]).emissions[0]
    optimizer = trained_ner.create_optimizer()
    trained_ner.update(make_entities(trained_ner), sgd=optimizer)
    assert_array_equal(copy.predict([doc]).emissions[0], before)
    assert abs(pipe.model.predict([doc]).emissions[0] - before).max() > 0
