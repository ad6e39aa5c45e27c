import numpy as np
import pytest
import spacy
from numpy.testing import assert_array_equal
from spacy.ml.staticvectors import StaticVectors
from thinc.api import Adam, Model

from spacy_rnn.architectures.char_embed import build_char_embed
from spacy_rnn.architectures.hash_embed import build_multi_hash_embed
from spacy_rnn.layers.stacked import Stacked

TEXTS = ["the cat sat on the mat", "", "The mat ate 3 cats"]


@pytest.fixture(scope="module")
def docs():
    nlp = spacy.blank("en")
    return [nlp(text) for text in TEXTS]


def make_hash(width=6):
    return build_multi_hash_embed(width, ["NORM"], [50], False)


def make_parts():
    return [make_hash(), build_char_embed(3), make_hash(2)]


def test_vectors_stand_side_by_side_in_the_order_of_the_embeddings(docs):
    model = Stacked(make_parts()).initialize(X=docs)
    expected = [embed.predict(docs) for embed in model.layers]
    for Y, *parts in zip(model.predict(docs), *expected, strict=True):
        assert_array_equal(Y, np.concatenate(parts, axis=1))
    assert model.get_dim("nO") == 11


def test_each_embedding_gets_its_part_of_the_gradient(docs):
    model = Stacked(make_parts()).initialize(X=docs)
    Ys, backprop = model.begin_update(docs)
    rng = np.random.default_rng(0)
    dYs = [rng.normal(size=Y.shape).astype("f") for Y in Ys]
    assert backprop(dYs) == []
    bounds = [0, 6, 9, 11]
    for i, embed in enumerate(model.layers):
        found = embed.get_grad("W").copy()
        embed.get_grad("W")[:] = 0
        _, backprop = embed.begin_update(docs)
        backprop([dY[:, bounds[i] : bounds[i + 1]] for dY in dYs])
        assert_array_equal(found, embed.get_grad("W"))
        assert found.any()


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_a_batch_without_tokens_is_embedded_as_nothing(texts):
    nlp = spacy.blank("en")
    model = Stacked(make_parts()).initialize()
    docs = [nlp(text) for text in texts]
    assert [Y.shape for Y in model.predict(docs)] == [(0, 11)] * len(texts)
    Ys, backprop = model.begin_update(docs)
    assert backprop(Ys) == []
    model.finish_update(Adam(0.1))


def test_a_stack_may_hold_one_embedding_and_other_stacks(docs):
    inner = Stacked(make_parts())
    model = Stacked([inner, Stacked([make_hash()])]).initialize(X=docs)
    assert len(inner.layers) == 3
    assert model.get_dim("nO") == 17
    assert [Y.shape for Y in model.predict(docs)] == [(len(doc), 17) for doc in docs]


def test_a_width_may_be_known_from_the_data_only(docs):
    def init(model, X=None, Y=None):
        if X is not None:
            model.set_dim("nO", 4)

    def forward(model, docs, is_train):
        Ys = [model.ops.alloc2f(len(doc), 4) for doc in docs]
        return Ys, lambda dYs: []

    late = Model("late", forward, init=init, dims={"nO": None})
    unknown = Model("unknown", forward)
    assert Stacked([make_hash(), late]).initialize(X=docs).get_dim("nO") == 10
    model = Stacked([make_hash(), unknown]).initialize(X=docs)
    assert model.has_dim("nO") is None
    Ys, backprop = model.begin_update(docs)
    assert [Y.shape for Y in Ys] == [(len(doc), 10) for doc in docs]
    backprop(Ys)


def test_an_embedding_that_returns_no_list_is_refused_by_its_name():
    nlp = spacy.blank("en")
    nlp.vocab.set_vector("cat", np.ones(5, dtype="f"))
    docs = [nlp("the cat")]
    model = Stacked([make_hash(), StaticVectors(4)]).initialize(X=docs)
    with pytest.raises(ValueError, match=r"static_vectors.*Ragged"):
        model.predict(docs)
