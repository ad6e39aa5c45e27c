import numpy as np
import pytest
import spacy
from confection import ConfigValidationError
from spacy.training import Example

from spacy_rnn.architectures.hash_embed import (
    build_hash_embed_rnn,
    build_multi_hash_embed,
)
from spacy_rnn.modules.cells import CELLS


def embed(**settings):
    defaults = {
        "width": 8,
        "attrs": ["NORM", "SHAPE"],
        "rows": [20, 10],
        "include_static_vectors": False,
    }
    return build_multi_hash_embed(**(defaults | settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "width.*0"),
        ({"rows": [20]}, "1 rows and 2 attrs"),
        ({"rows": [20, 10, 5]}, "3 rows and 2 attrs"),
        ({"rows": [20, 0]}, "rows.*0"),
        ({"rows": [], "attrs": []}, "attrs"),
        ({"dropout": 1.0}, "dropout.*1"),
        ({"word_dropout": -0.5}, "word_dropout.*-0.5"),
    ],
    ids=str,
)
def test_a_value_out_of_range_is_refused_by_its_name(settings, message):
    with pytest.raises(ValueError, match=message):
        embed(**settings)


def test_an_unknown_attribute_is_refused_by_its_name():
    docs = [spacy.blank("en")("the cat")]
    with pytest.raises((ValueError, KeyError), match="NORMM"):
        embed(attrs=["NORMM", "SHAPE"]).initialize(X=docs).predict(docs)


def test_it_takes_the_settings_of_the_embedding_of_spacy():
    settings = {
        "width": 8,
        "attrs": ["NORM", "SHAPE"],
        "rows": [20, 10],
        "include_static_vectors": False,
    }
    docs = [spacy.blank("en")("the cat"), spacy.blank("en")("")]
    for name in ("spacy.MultiHashEmbed.v2", "spacy-rnn.MultiHashEmbed.v1"):
        config = {"model": {"@architectures": name, **settings}}
        model = spacy.registry.resolve(config)["model"].initialize(X=docs)
        assert [Y.shape for Y in model.predict(docs)] == [(2, 8), (0, 8)]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("subword_features", [False, True])
def test_the_tok2vec_in_one_line_encodes_documents(cell, subword_features):
    nlp = spacy.blank("en")
    docs = [nlp("the cat sat"), nlp(""), nlp("cat")]
    model = build_hash_embed_rnn(
        8, 2, 50, subword_features=subword_features, cell=cell
    ).initialize(X=docs)
    Ys = model.predict(docs)
    assert [Y.shape for Y in Ys] == [(3, 8), (0, 8), (1, 8)]
    for doc, Y in zip(docs, Ys, strict=True):
        assert np.allclose(model.predict([doc])[0], Y, atol=1e-5)


def test_the_tok2vec_in_one_line_refuses_an_unknown_cell():
    config = {
        "@architectures": "spacy-rnn.HashEmbedRNN.v1",
        "width": 8,
        "depth": 1,
        "embed_size": 50,
        "cell": "elman",
    }
    with pytest.raises(ConfigValidationError, match="rnn_tanh"):
        spacy.registry.resolve({"model": config})


def test_a_shared_tok2vec_is_trained_through_its_listeners():
    nlp = spacy.blank("en")
    tok2vec = {
        "@architectures": "spacy-rnn.HashEmbedRNN.v1",
        "width": 8,
        "depth": 1,
        "embed_size": 50,
    }
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 8}
    nlp.add_pipe("tok2vec", config={"model": tok2vec})
    for name in ("tagger", "senter"):
        model = {"@architectures": "spacy.Tagger.v2", "tok2vec": listener}
        nlp.add_pipe(name, config={"model": model})
    doc = nlp.make_doc("cats sleep . dogs bark .")
    truth = {
        "tags": ["N", "V", "P", "N", "V", "P"],
        "sent_starts": [1, -1, -1, 1, -1, -1],
    }
    examples = [Example.from_dict(doc, truth)]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    params = [
        node.get_param("W")
        for node in nlp.get_pipe("tok2vec").model.walk()
        if "torch_module" in node.attrs
    ]
    before = [W.copy() for W in params]
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    assert all((old != W).any() for W, old in zip(params, before, strict=True))
    assert len(params) == 2
    found = nlp(doc.text)
    assert [token.tag_ for token in found] == truth["tags"]
    assert len(list(found.sents)) == 2


@pytest.mark.parametrize("settings", [{"embed_size": 0}, {"width": 7}, {"depth": 0}])
def test_the_tok2vec_in_one_line_refuses_what_is_out_of_range(settings):
    defaults = {"width": 8, "depth": 1, "embed_size": 50}
    (name,) = settings
    with pytest.raises(ValueError, match=name):
        build_hash_embed_rnn(**(defaults | settings))
