import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from spacy.attrs import NORM, SHAPE
from spacy.vectors import Vectors
from thinc.api import Adam, fix_random_seed, set_dropout_rate

from spacy_rnn.layers.hash_embed import HashEmbed

NO = 8
TEXTS = ["the cat sat on the mat", "", "The mat ate 3 cats", "the the the", "cat"]
VECTORS = [None, "default", "floret"]


def make_table(nlp, mode, width=5, name="small_table", seed=0):
    rng = np.random.default_rng(seed)
    if mode == "floret":
        return Vectors(
            strings=nlp.vocab.strings,
            data=rng.normal(size=(50, width)).astype("f"),
            mode="floret",
            minn=2,
            maxn=3,
            hash_count=2,
            name=name,
        )
    return Vectors(
        strings=nlp.vocab.strings,
        data=rng.normal(size=(3, width)).astype("f"),
        keys=["the", "cat", "mat"],
        name=name,
    )


def make_nlp(mode=None):
    nlp = spacy.blank("en")
    if mode is not None:
        nlp.vocab.vectors = make_table(nlp, mode)
    return nlp


def make_docs(nlp):
    return [nlp(text) for text in TEXTS]


def make_layer(static=False, **options):
    defaults = {
        "attrs": ["NORM", "PREFIX", "SHAPE"],
        "rows": [50, 20, 20],
        "include_static_vectors": static,
        "dropout": 0.0,
        "word_dropout": 0.0,
    }
    return HashEmbed(NO, **(defaults | options))


def predict_without_cache(model, docs):
    model = model.copy()
    Ys = []
    for doc in docs:
        model.attrs["row_cache"].clear()
        Ys += model.predict([doc])
    return Ys


def assert_close(Ys, others, tolerance=1e-5):
    for Y, other in zip(Ys, others, strict=True):
        assert_allclose(Y, other, rtol=0, atol=tolerance)


def backpropagate(model, docs):
    Ys, backprop = model.begin_update(docs)
    backprop([np.cos(np.arange(Y.size, dtype="f")).reshape(Y.shape) for Y in Ys])


def update(model, docs, optimizer):
    backpropagate(model, docs)
    model.finish_update(optimizer)


# Output and gradient -----------------------------------------------------------------


@pytest.mark.parametrize("mode", VECTORS)
def test_a_batch_is_embedded_as_each_of_its_tokens_alone(mode):
    docs = make_docs(make_nlp(mode))
    model = make_layer(static=mode is not None).initialize(X=docs)
    cold = model.predict(docs)
    warm = model.predict(docs)
    trained, _ = model.begin_update(docs)
    for doc, *Ys in zip(docs, cold, warm, trained, strict=True):
        for Y in Ys:
            assert Y.shape == (len(doc), NO)
            for i, row in enumerate(Y):
                model.attrs["row_cache"].clear()
                alone = model.predict([doc[i : i + 1].as_doc()])[0][0]
                assert_allclose(row, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mode", VECTORS)
def test_gradient_is_the_sum_of_those_of_each_token_alone(mode):
    docs = make_docs(make_nlp(mode))
    model = make_layer(static=mode is not None).initialize(X=docs)
    Ys, backprop = model.begin_update(docs)
    rng = np.random.default_rng(0)
    dYs = [rng.normal(size=Y.shape).astype("f") for Y in Ys]
    backprop(dYs)
    grad = model.get_grad("W").copy()
    model.get_grad("W")[:] = 0
    for doc, dY in zip(docs, dYs, strict=True):
        for i in range(len(doc)):
            _, backprop = model.begin_update([doc[i : i + 1].as_doc()])
            backprop([dY[i : i + 1]])
    scale = np.abs(grad).max()
    assert_allclose(model.get_grad("W"), grad, rtol=0, atol=1e-5 * scale)


def test_gradient_of_W_is_that_of_finite_differences():
    docs = make_docs(make_nlp("default"))
    model = make_layer(static=True).initialize(X=docs)
    Ys, backprop = model.begin_update(docs)
    rng = np.random.default_rng(0)
    dYs = [rng.normal(size=Y.shape).astype("f") for Y in Ys]
    backprop(dYs)
    W, grad = model.get_param("W"), model.get_grad("W")
    direction = (grad / np.linalg.norm(grad)).astype("f")

    def value(step):
        moved = model.copy()
        moved.set_param("W", W + step * direction)
        Ys = moved.predict(docs)
        return sum(float((Y * dY).sum()) for Y, dY in zip(Ys, dYs, strict=True))

    slope = (value(1e-3) - value(-1e-3)) / 2e-3
    assert slope == pytest.approx(np.linalg.norm(grad), rel=1e-2)


@pytest.mark.parametrize("columns", [["NORM"], [NORM], [NORM, SHAPE], ["NORM", SHAPE]])
def test_any_attributes_can_be_embedded(columns):
    docs = make_docs(make_nlp())
    model = make_layer(attrs=columns, rows=[50] * len(columns)).initialize(X=docs)
    assert [Y.shape for Y in model.predict(docs)] == [(len(doc), NO) for doc in docs]
    update(model, docs, Adam(0.1))


def test_equal_tokens_share_their_vector_and_others_do_not():
    docs = make_docs(make_nlp())
    model = make_layer(attrs=["NORM"], rows=[1_000]).initialize(X=docs)
    first, _, second, third, _ = model.predict(docs)
    assert_array_equal(third[0], first[0])
    assert_array_equal(second[0], first[0])  # "The" has the norm "the"
    assert (first[0] != first[1]).any()
    assert len(model.attrs["row_cache"]) == len(
        {token.norm for doc in docs for token in doc}
    )


def test_a_span_is_embedded_as_its_part_of_the_doc():
    docs = make_docs(make_nlp())
    model = make_layer().initialize(X=docs)
    whole = model.predict(docs)[0]
    spans = [docs[0][1:4], docs[0][2:2], docs[0][:]]
    trained, backprop = model.begin_update(spans)
    for Ys in (model.predict(spans), trained):
        assert_close(Ys, [whole[1:4], whole[:0], whole])
    backprop(trained)


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_a_batch_without_tokens_is_embedded_as_nothing(texts):
    nlp = make_nlp()
    model = make_layer().initialize(X=make_docs(nlp))
    docs = [nlp(text) for text in texts]
    assert [Y.shape for Y in model.predict(docs)] == [(0, NO)] * len(texts)
    Ys, backprop = model.begin_update(docs)
    assert backprop(Ys) == []
    model.finish_update(Adam(0.1))


def test_a_prediction_can_not_be_backpropagated_through():
    docs = make_docs(make_nlp())
    Ys, backprop = make_layer().initialize(X=docs)(docs, is_train=False)
    with pytest.raises(ValueError, match="is_train=False"):
        backprop(Ys)


# Dropout -----------------------------------------------------------------------------


def test_dropout_masks_are_drawn_per_document_in_training_only():
    nlp = make_nlp()
    docs = [nlp("the the the cat") for _ in range(20)]
    model = make_layer(dropout=0.5).initialize(X=docs)
    kept = model.predict(docs)
    assert not any((Y == 0).any() for Y in kept)
    masks = set()
    for Y, whole in zip(model.begin_update(docs)[0], kept, strict=True):
        mask = (Y != 0).any(axis=0)
        assert_allclose(Y, 2 * mask * whole, rtol=0, atol=1e-5)
        masks.add(tuple(mask.tolist()))
    assert len(masks) > 1


def test_set_dropout_rate_replaces_dropout_and_leaves_word_dropout():
    nlp = make_nlp()
    docs = [nlp("the cat sat on the mat " * 20)]
    model = make_layer(dropout=0.9, word_dropout=0.5).initialize(X=docs)
    set_dropout_rate(model, 0.0)
    (Y,), _ = model.begin_update(docs)
    dropped = (Y == 0).any(axis=1)
    assert_array_equal(dropped, (Y == 0).all(axis=1))
    assert 0 < dropped.sum() < len(Y)
    assert_close([Y[~dropped]], [model.predict(docs)[0][~dropped]])
    assert not (model.predict(docs)[0] == 0).any()


def test_dropout_is_drawn_from_the_seed_of_thinc():
    docs = make_docs(make_nlp())
    model = make_layer(dropout=0.4, word_dropout=0.4).initialize(X=docs)
    draws = []
    for seed in (1, 1, 2):
        fix_random_seed(seed)
        draws.append(np.concatenate(model.begin_update(docs)[0]))
    assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


# Static vectors ----------------------------------------------------------------------


def test_the_width_of_the_static_vectors_is_found_in_the_vocab():
    docs = make_docs(make_nlp("default"))
    assert make_layer(static=True).initialize(X=docs).get_dim("nM") == 5


@pytest.mark.parametrize("mode", ["default", "floret"])
def test_words_of_one_norm_keep_the_static_vectors_of_their_own(mode):
    nlp = make_nlp(mode)
    docs = [nlp("the The the")]
    model = make_layer(static=True, attrs=["NORM"], rows=[50]).initialize(X=docs)
    for (Y,) in (model.predict(docs), model.begin_update(docs)[0]):
        assert (Y[0] != Y[1]).any()
        assert_array_equal(Y[0], Y[2])


def test_initializing_without_a_vectors_table_is_refused():
    with pytest.raises(ValueError, match="vectors"):
        make_layer(static=True).initialize(X=make_docs(make_nlp()))


@pytest.mark.parametrize("is_train", [False, True])
def test_a_table_of_another_width_is_refused_by_its_name(is_train):
    nlp = make_nlp("default")
    docs = make_docs(nlp)
    model = make_layer(static=True).initialize(X=docs)
    nlp.vocab.vectors = make_table(nlp, "default", width=4, name="narrow_table")
    with pytest.raises(ValueError, match=r"width 5.*narrow_table.*width 4"):
        model(docs, is_train=is_train)


@pytest.mark.parametrize("mode", ["default", "floret"])
def test_a_loaded_model_reads_the_static_vectors_of_its_vocab(mode):
    docs = make_docs(make_nlp(mode))
    model = make_layer(static=True).initialize(X=docs)
    loaded = make_layer(static=True).from_bytes(model.to_bytes())
    assert_close(loaded.predict(docs), model.predict(docs), 0)
