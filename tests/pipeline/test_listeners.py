"""Components that share an encoder, and components taken from elsewhere."""

import numpy as np
import pytest
import spacy
from numpy.testing import assert_array_equal
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config_from_str
from thinc.api import Config

from spacy_rnn.pipeline.listening import find_upstream

CATS = [
    {"good": 1.0, "bad": 0.0, "odd": 0.0},
    {"good": 0.0, "bad": 1.0, "odd": 0.0},
    {"good": 0.0, "bad": 0.0, "odd": 1.0},
]
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 8, "upstream": "*"}
TAGGER = {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}


@pytest.fixture(params=["max", "last"])
def sharing(make_model, make_tok2vec, texts, request):
    """A pipeline with one encoder for a classifier and a tagger, and examples."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": make_tok2vec()})
    model = make_model("rnn_textcat", tok2vec=LISTENER, pooling=[request.param])
    nlp.add_pipe("rnn_textcat", config={"model": model})
    nlp.add_pipe("tagger", config={"model": TAGGER})
    examples = []
    for text, cats in zip(texts, CATS, strict=True):
        doc = nlp.make_doc(text)
        tags = ["LONG" if len(token) > 3 else "SHORT" for token in doc]
        examples.append(Example.from_dict(doc, {"cats": cats, "tags": tags}))
    return nlp, examples


def train(nlp, examples, steps, optimizer=None, **kwargs):
    optimizer = optimizer or nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer, **kwargs)
    return optimizer


def scores(nlp, texts):
    return np.array([list(doc.cats.values()) for doc in nlp.pipe(texts)])


def tag_scores(nlp, texts):
    """Scores before the choice of the best, where any change of weights shows."""
    docs = [nlp.make_doc(text) for text in texts]
    if "tok2vec" in nlp.pipe_names:
        docs = list(nlp.get_pipe("tok2vec").pipe(docs))
    return np.concatenate(nlp.get_pipe("tagger").model.predict(docs))


def optimizer_keys(nlp):
    models = [pipe.model for _, pipe in nlp.pipeline]
    nodes = {id(node): node for model in models for node in model.walk()}.values()
    return [(node.id, name) for node in nodes for name in node.param_names]


def test_two_components_learn_on_one_encoder(sharing, texts, tmp_path):
    nlp, examples = sharing
    train(nlp, examples, 60)
    assert nlp.evaluate(examples)["cats_score"] == 1.0
    assert nlp.evaluate(examples)["tag_acc"] == 1.0
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert_array_equal(scores(loaded, texts), scores(nlp, texts))
    assert_array_equal(tag_scores(loaded, texts), tag_scores(nlp, texts))


@pytest.mark.parametrize("name", ["TextCat", "HierarchicalTextCat"])
@pytest.mark.parametrize("is_frozen", [True, False])
def test_the_last_state_is_that_of_the_encoder_that_is_listened_to(
    make_tok2vec, make_model, texts, name, is_frozen
):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("tok2vec", config={"model": make_tok2vec()})
    model = make_model("rnn_textcat", tok2vec=LISTENER, pooling=["last"])
    if name == "HierarchicalTextCat":
        model = {"@architectures": f"spacy-rnn.{name}.v1", "exclusive_classes": True}
        model |= {"tok2vec": LISTENER, "word_pooling": ["last"], "width": 8}
    nlp.add_pipe("rnn_textcat", config={"model": model})
    examples = [
        Example.from_dict(nlp.make_doc(text), {"cats": cats})
        for text, cats in zip(texts, CATS, strict=True)
    ]
    nlp.get_pipe("tok2vec").initialize(lambda: examples, nlp=nlp)
    with nlp.select_pipes(disable=["tok2vec"] if is_frozen else []):
        nlp.initialize(lambda: examples)
    classifier = nlp.get_pipe("rnn_textcat").model
    pool = classifier.get_ref("pool")
    assert pool.attrs["bidirectional"]
    Xs = [np.arange(24, dtype="f").reshape(3, 8)]
    expected = [*Xs[0][2, :4], *Xs[0][0, 4:]]
    assert pool.predict(Xs).tolist() == [expected]
    nlp.replace_listeners("tok2vec", "rnn_textcat", ["model.tok2vec"])
    assert pool.attrs["bidirectional"]


def test_an_encoder_of_one_direction_is_listened_to_as_that(
    make_tok2vec, make_model, texts
):
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", name="other", config={"model": make_tok2vec()})
    one_way = make_tok2vec()
    one_way["encode"]["bidirectional"] = False
    nlp.add_pipe("tok2vec", config={"model": one_way})
    listener = LISTENER | {"upstream": "tok2vec"}
    model = make_model("rnn_textcat", tok2vec=listener, pooling=["last"])
    nlp.add_pipe("rnn_textcat", config={"model": model})
    examples = [
        Example.from_dict(nlp.make_doc(text), {"cats": cats})
        for text, cats in zip(texts, CATS, strict=True)
    ]
    nlp.initialize(lambda: examples)
    pool = nlp.get_pipe("rnn_textcat").model.get_ref("pool")
    assert not pool.attrs["bidirectional"]


def test_what_is_listened_to_is_the_last_encoder_of_that_name_in_front():
    nlp = spacy.blank("en")
    for factory, name in [
        ("tok2vec", "one"),
        ("tok2vec", "two"),
        ("tagger", "three"),
        ("sentencizer", "here"),
        ("tok2vec", "four"),
    ]:
        nlp.add_pipe(factory, name=name)
    heard = {"one": "one", "two": "two", "*": "two", "three": None, "four": None}
    for name, expected in heard.items():
        found = find_upstream(nlp, "here", Tok2VecListener(name, width=8))
        assert found is (expected and nlp.get_pipe(expected).model)


@pytest.mark.parametrize("name", ["spacy-rnn.TextCat.v1", "spacy.TextCatReduce.v1"])
@pytest.mark.parametrize("alone", [True, False])
def test_a_listening_classifier_need_not_know_to_what(sharing, texts, name, alone):
    nlp, examples = sharing
    if name == "spacy.TextCatReduce.v1":
        model = {"@architectures": name, "exclusive_classes": True, "tok2vec": LISTENER}
        model |= dict.fromkeys(["use_reduce_first", "use_reduce_last"], False)
        model |= dict.fromkeys(["use_reduce_max", "use_reduce_mean"], True)
        nlp.remove_pipe("rnn_textcat")
        nlp.add_pipe("rnn_textcat", config={"model": model})
    pipe = nlp.get_pipe("rnn_textcat")
    nlp.get_pipe("tok2vec").initialize(lambda: examples, nlp=nlp)
    pipe.initialize(lambda: examples, nlp=None if alone else nlp)
    docs = list(nlp.get_pipe("tok2vec").pipe(map(nlp.make_doc, texts)))
    assert np.isfinite(pipe.predict(docs)).all()


def test_listening_components_bear_empty_documents(sharing):
    nlp, examples = sharing
    cats = {**CATS[0]}
    train(nlp, [*examples, Example.from_dict(nlp.make_doc(""), {"cats": cats})], 2)
    assert np.isfinite(scores(nlp, ["", "soup", ""])).all()
    assert nlp("").cats == pytest.approx(next(nlp.pipe(["", "soup"])).cats, abs=1e-6)


def test_replaced_listeners_learn_apart(sharing, texts):
    nlp, examples = sharing
    train(nlp, examples, 5)
    before = scores(nlp, texts), tag_scores(nlp, texts)
    nlp.replace_listeners("tok2vec", "rnn_textcat", ["model.tok2vec"])
    nlp.replace_listeners("tok2vec", "tagger", ["model.tok2vec"])
    nlp.remove_pipe("tok2vec")
    assert scores(nlp, texts) == pytest.approx(before[0], abs=1e-6)
    assert tag_scores(nlp, texts) == pytest.approx(before[1], abs=1e-5)
    keys = optimizer_keys(nlp)
    assert len(keys) == len(set(keys))

    optimizer = nlp.resume_training()
    first = scores(nlp, texts), tag_scores(nlp, texts)
    train(nlp, examples, 3, optimizer, exclude=["tagger"])
    second = scores(nlp, texts), tag_scores(nlp, texts)
    assert abs(second[0] - first[0]).max() > 1e-3
    assert_array_equal(second[1], first[1])
    train(nlp, examples, 3, optimizer, exclude=["rnn_textcat"])
    third = scores(nlp, texts), tag_scores(nlp, texts)
    assert_array_equal(third[0], second[0])
    assert abs(third[1] - second[1]).max() > 1e-3


def test_replaced_listeners_survive_saving(sharing, texts, tmp_path):
    nlp, examples = sharing
    train(nlp, examples, 5)
    nlp.replace_listeners("tok2vec", "rnn_textcat", ["model.tok2vec"])
    train(nlp, examples, 2, nlp.resume_training())
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert_array_equal(scores(loaded, texts), scores(nlp, texts))


def sourcing_config(path, factory, frozen):
    return load_config_from_str(f"""
    [nlp]
    lang = "en"
    pipeline = ["{factory}", "tagger"]

    [components]

    [components.{factory}]
    source = "{path}"

    [components.tagger]
    factory = "tagger"

    [components.tagger.model]
    @architectures = "spacy.Tagger.v2"

    [components.tagger.model.tok2vec]
    @architectures = "spacy-rnn.HashEmbedRNN.v1"
    width = 8
    depth = 1
    embed_size = 100

    [corpora]

    [corpora.train]
    @readers = "spacy.Corpus.v1"
    path = "{path.parent}/data.spacy"

    [corpora.dev]
    @readers = "spacy.Corpus.v1"
    path = "{path.parent}/data.spacy"

    [training]
    frozen_components = {'["' + factory + '"]' if frozen else "[]"}
    annotating_components = {'["' + factory + '"]' if frozen else "[]"}
    """)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_sourced_component_learns_on_unless_frozen(
    saved, make_examples, texts, factory, frozen, tmp_path
):
    trained = spacy.load(saved[factory])
    examples = make_examples(trained, factory)
    for example in examples:
        for token in example.reference:
            token.tag_ = "LONG" if len(token) > 3 else "SHORT"
    docs = spacy.tokens.DocBin(docs=[example.reference for example in examples])
    docs.to_disk(tmp_path / "data.spacy")
    path = tmp_path / "model-best"
    trained.to_disk(path)

    config = sourcing_config(path, factory, frozen)
    config = Config(spacy.util.load_model_from_config(config, auto_fill=True).config)
    config["components"][factory] = {"source": str(path)}
    nlp = init_nlp(config)
    before = scores(nlp, texts)
    assert_array_equal(before, scores(trained, texts))
    flipped = [
        Example.from_dict(
            nlp.make_doc(text),
            {"cats": cats, "tags": [token.tag_ for token in example.reference]},
        )
        for text, cats, example in zip(texts, CATS[::-1], examples, strict=True)
    ]
    frozen_names = [factory] if frozen else []
    optimizer = nlp.resume_training()
    train(nlp, flipped, 8, optimizer, exclude=frozen_names, annotates=frozen_names)
    after = scores(nlp, texts)
    if frozen:
        assert_array_equal(after, before)
    else:
        assert abs(after - before).max() > 1e-3
    assert_array_equal(scores(trained, texts), before)


def test_an_encoder_that_was_updated_is_excluded_after_loading(sharing, tmp_path):
    nlp, examples = sharing
    optimizer = train(nlp, examples, 1)
    frozen = {"exclude": ["tok2vec"], "annotates": ["tok2vec"]}
    with pytest.raises(ValueError, match="save and load the pipeline"):
        nlp.update(examples, sgd=optimizer, **frozen)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    before = loaded.get_pipe("tok2vec").to_bytes()
    loaded.update(examples, sgd=loaded.resume_training(), **frozen)
    assert loaded.get_pipe("tok2vec").to_bytes() == before


def test_a_frozen_component_can_annotate_for_those_after_it(
    trained, make_examples, factory, monkeypatch
):
    seen = []
    examples = make_examples(trained, factory)
    expected = [trained(example.reference.text).cats for example in examples]

    def update(examples, **kwargs):
        seen.extend(dict(example.predicted.cats) for example in examples)

    second = trained.add_pipe(factory, name="second")
    monkeypatch.setattr(second, "update", update)
    monkeypatch.setattr(second, "finish_update", lambda optimizer: None)
    weights = trained.get_pipe(factory).to_bytes()
    trained.update(examples, exclude=[factory], annotates=[factory])
    assert trained.get_pipe(factory).to_bytes() == weights
    assert len(seen) == len(examples)
    for found, cats in zip(seen, expected, strict=True):
        assert found == pytest.approx(cats, abs=1e-6)
