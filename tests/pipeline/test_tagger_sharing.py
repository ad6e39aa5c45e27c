"""Components that label tokens beside others, on one encoder or on each other."""

import numpy as np
import pytest
import spacy
from numpy.testing import assert_array_equal
from thinc.api import fix_random_seed

LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 8, "upstream": "*"}
LISTENING = ["rnn_textcat", "rnn_tagger", "rnn_morphologizer"]
TEXTS = ["She likes green eggs !", "", "Eat blue ham"]


@pytest.fixture(params=["rnn_tagger", "rnn_morphologizer"])
def factory(request):
    return request.param


@pytest.fixture
def sharing(make_model, make_tagger, make_tok2vec, make_tagged):
    """A pipeline with one encoder for three components, and examples."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": make_tok2vec()})
    for name in LISTENING:
        make = make_tagger if name != "rnn_textcat" else make_model
        arguments = [name] if name == "rnn_textcat" else []
        nlp.add_pipe(name, config={"model": make(*arguments, tok2vec=LISTENER)})
    examples = make_tagged(nlp)
    for example, label in zip(examples, ("likes", "orders"), strict=True):
        example.reference.cats = {
            each: float(each == label) for each in ("likes", "orders")
        }
    return nlp, examples


@pytest.fixture(scope="module")
def folders(tmp_path_factory, make_nlp, make_tagged, fit):
    """Folders of trained pipelines, by factory."""
    folders = {}
    for factory in ("rnn_tagger", "rnn_morphologizer"):
        fix_random_seed(0)
        nlp = make_nlp(factory)
        fit(nlp, make_tagged(nlp))
        folders[factory] = tmp_path_factory.mktemp(factory) / "model"
        nlp.to_disk(folders[factory])
    return folders


@pytest.fixture
def trained(folders, factory):
    return spacy.load(folders[factory])


def scores_of(nlp, name):
    """Scores before the choice of the best, where any change of weights shows."""
    docs = [nlp.make_doc(text) for text in TEXTS]
    if "tok2vec" in nlp.pipe_names:
        docs = list(nlp.get_pipe("tok2vec").pipe(docs))
    return np.concatenate(nlp.get_pipe(name).model.predict(docs))


def annotation_of(doc):
    return [(token.tag_, token.pos_, str(token.morph)) for token in doc]


def test_three_components_learn_on_one_encoder(sharing, fit, tmp_path):
    nlp, examples = sharing
    fit(nlp, examples, 60)
    scores = nlp.evaluate(examples)
    for name in ("cats_score", "tag_acc", "pos_acc", "morph_acc"):
        assert scores[name] == 1.0
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    for name in LISTENING:
        assert_array_equal(scores_of(loaded, name), scores_of(nlp, name))
    assert [len(doc) for doc in nlp.pipe(["", "ham", ""])] == [0, 1, 0]


def test_a_listening_component_gets_labels_after_training(sharing, fit):
    nlp, examples = sharing
    fit(nlp, examples, 5)
    before = scores_of(nlp, "rnn_tagger")
    nlp.get_pipe("rnn_tagger").add_label("UH")
    assert_array_equal(scores_of(nlp, "rnn_tagger")[:, :-1], before)
    fit(nlp, examples, 1, initialize=False)


def test_replaced_listeners_learn_apart(sharing, fit, tmp_path):
    nlp, examples = sharing
    fit(nlp, examples, 5)
    taggers = LISTENING[1:]
    before = {name: scores_of(nlp, name) for name in taggers}
    for name in LISTENING:
        nlp.replace_listeners("tok2vec", name, ["model.tok2vec"])
    nlp.remove_pipe("tok2vec")
    for name in taggers:
        assert scores_of(nlp, name) == pytest.approx(before[name], abs=1e-5)
    for learning, resting in (taggers, taggers[::-1]):
        before = {name: scores_of(nlp, name) for name in taggers}
        optimizer = nlp.create_optimizer()
        nlp.update(examples, sgd=optimizer, exclude=[resting])
        assert_array_equal(scores_of(nlp, resting), before[resting])
        assert abs(scores_of(nlp, learning) - before[learning]).max() > 1e-4
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    for name in taggers:
        assert_array_equal(scores_of(loaded, name), scores_of(nlp, name))


def test_a_frozen_component_can_annotate_for_those_after_it(
    trained, make_tagged, factory, monkeypatch
):
    seen = []

    def update(examples, **kwargs):
        seen.extend(annotation_of(example.predicted) for example in examples)

    second = trained.add_pipe(factory, name="second")
    monkeypatch.setattr(second, "update", update)
    monkeypatch.setattr(second, "finish_update", lambda optimizer: None)
    weights = trained.get_pipe(factory).to_bytes()
    examples = make_tagged(trained)
    expected = [
        annotation_of(trained.get_pipe(factory)(example.predicted.copy()))
        for example in examples
    ]
    trained.update(examples, exclude=[factory], annotates=[factory])
    assert trained.get_pipe(factory).to_bytes() == weights
    assert seen == expected
    assert any(any(token) for doc in seen for token in doc)


def test_a_sourced_component_keeps_its_weights_and_learns_on(
    trained, make_tagged, fit, factory
):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, source=trained)
    before = scores_of(trained, factory)
    assert nlp.get_pipe(factory).labels == trained.get_pipe(factory).labels
    assert_array_equal(scores_of(nlp, factory), before)
    fit(nlp, make_tagged(nlp), 2, initialize=False)
    assert abs(scores_of(nlp, factory) - before).max() > 1e-4


def test_a_source_in_a_config_is_loaded(folders, trained, factory):
    config = {
        "nlp": {"lang": "en", "pipeline": [factory]},
        "components": {factory: {"source": str(folders[factory])}},
    }
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    assert_array_equal(scores_of(nlp, factory), scores_of(trained, factory))
    assert annotation_of(nlp(TEXTS[0])) == annotation_of(trained(TEXTS[0]))
