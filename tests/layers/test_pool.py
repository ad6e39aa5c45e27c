import numpy as np
import pytest
from numpy.testing import assert_allclose

from spacy_rnn.layers.pool import Pool

NI = 4


def make_vectors(*lengths):
    rng = np.random.default_rng(len(lengths))
    return [rng.normal(size=(n, NI)).astype("f") for n in lengths]


def pool_slowly(kind, X, bidirectional):
    if not len(X):
        return np.zeros(NI, dtype="f")
    if kind == "last":
        half = NI // 2 if bidirectional else NI
        return np.concatenate([X[-1][:half], X[0][half:]])
    return {"mean": X.mean(axis=0), "max": X.max(axis=0)}[kind]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", ["last", "mean", "max"])
def test_pooling_equals_a_loop_over_the_documents(kind, bidirectional):
    Xs = make_vectors(3, 0, 1, 7, 0)
    model = Pool(pooling=[kind], bidirectional=bidirectional).initialize(X=Xs)
    expected = np.stack([pool_slowly(kind, X, bidirectional) for X in Xs])
    assert_allclose(model.predict(Xs), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["last", "mean", "max", "attention"])
def test_gradient_of_the_input_is_that_of_finite_differences(kind):
    Xs = make_vectors(3, 0, 2)
    model = Pool(pooling=[kind], bidirectional=True).initialize(X=Xs)
    Y, backprop = model.begin_update(Xs)
    dY = np.cos(np.arange(Y.size, dtype="f")).reshape(Y.shape)
    for X, dX in zip(Xs, backprop(dY), strict=True):
        assert dX.shape == X.shape
        for place in np.ndindex(X.shape):
            middle = X[place]
            X[place] = middle + 1e-2
            above = float((model.predict(Xs) * dY).sum())
            X[place] = middle - 1e-2
            slope = (above - float((model.predict(Xs) * dY).sum())) / 2e-2
            X[place] = middle
            assert slope == pytest.approx(dX[place], abs=1e-2)


@pytest.mark.parametrize(
    "pooling",
    [["last"], ["mean"], ["max"], ["attention"], ["last", "attention"]],
    ids=str,
)
def test_a_pooled_document_does_not_depend_on_the_batch(pooling):
    Xs = make_vectors(3, 0, 1, 3_000, 7)
    model = Pool(pooling=pooling, bidirectional=True).initialize(X=Xs)
    together = model.predict(Xs)
    assert_allclose(model.predict(Xs[::-1]), together[::-1], rtol=0, atol=1e-5)
    for X, y in zip(Xs, together, strict=True):
        assert_allclose(model.predict([X])[0], y, rtol=0, atol=1e-5)


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
@pytest.mark.parametrize("kind", ["last", "mean", "max", "attention"])
def test_a_batch_without_tokens_is_pooled_and_backpropagated_through(kind, lengths):
    Xs = make_vectors(*lengths)
    model = Pool(NI, pooling=[kind], bidirectional=True).initialize()
    assert model.predict(Xs).shape == (len(lengths), NI)
    Y, backprop = model.begin_update(Xs)
    assert not Y.any()
    assert [dX.shape for dX in backprop(Y)] == [(0, NI)] * len(lengths)


@pytest.mark.parametrize("pooling", [[], ["median"], ["max", "max"], "max", "mean"])
def test_unknown_ways_of_pooling_are_refused(pooling):
    with pytest.raises(ValueError, match="pooling has to .*'attention'"):
        Pool(pooling=pooling, bidirectional=False)
