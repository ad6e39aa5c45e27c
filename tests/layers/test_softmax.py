import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from thinc.api import Softmax_v2, with_array

from spacy_rnn.layers.softmax import Softmax

N_LABELS = 5


def make_vectors(*lengths):
    rng = np.random.default_rng(len(lengths))
    return [rng.normal(size=(n, 4)).astype("f") for n in lengths]


def make_layer(Xs, *, normalize=True):
    labels = [np.zeros((len(X), N_LABELS), dtype="f") for X in Xs]
    layer = Softmax(normalize=normalize).initialize(X=Xs, Y=labels)
    rng = np.random.default_rng(1)
    for name in ("W", "b"):
        param = layer.get_param(name)
        param[:] = rng.normal(size=param.shape)
    return layer


@pytest.mark.parametrize("normalize", [False, True])
def test_it_computes_what_thincs_layer_does(normalize):
    Xs = make_vectors(3, 0, 1, 9)
    ours = make_layer(Xs, normalize=normalize)
    theirs = Softmax_v2(N_LABELS, 4, normalize_outputs=normalize).initialize()
    for name in ("W", "b"):
        theirs.set_param(name, ours.get_param(name).copy())
    wrapped = with_array(theirs)
    for Y, expected in zip(ours.predict(Xs), wrapped.predict(Xs), strict=True):
        assert_allclose(Y, expected, rtol=0, atol=1e-5)
    (Ys, backprop), (expected, backprop_theirs) = ours(Xs, True), wrapped(Xs, True)
    for Y, Y_theirs in zip(Ys, expected, strict=True):
        assert_allclose(Y, Y_theirs, rtol=0, atol=1e-5)
    for dX, dX_theirs in zip(backprop(Ys), backprop_theirs(expected), strict=True):
        assert_allclose(dX, dX_theirs, rtol=0, atol=1e-5)
    for name in ("W", "b"):
        assert_allclose(ours.get_grad(name), theirs.get_grad(name), rtol=0, atol=1e-5)


def test_scores_have_the_order_of_probabilities():
    Xs = make_vectors(7, 2)
    scores = make_layer(Xs, normalize=False).predict(Xs)
    probabilities = make_layer(Xs, normalize=True).predict(Xs)
    for Y, P in zip(scores, probabilities, strict=True):
        assert_array_equal(Y.argsort(axis=1), P.argsort(axis=1))
        assert_allclose(P.sum(axis=1), 1.0, atol=1e-6)
        assert abs(Y.sum(axis=1) - 1.0).min() > 1e-3


def test_gradients_are_those_of_finite_differences():
    Xs = make_vectors(3, 0, 2)
    layer = make_layer(Xs)
    truths = [np.arange(len(X)) % N_LABELS for X in Xs]

    def loss():
        rows = zip(layer.predict(Xs), truths, strict=True)
        return -sum(float(np.log(Y[np.arange(len(Y)), t]).sum()) for Y, t in rows)

    Ys, backprop = layer.begin_update(Xs)
    dXs = backprop([Y - np.eye(N_LABELS)[t] for Y, t in zip(Ys, truths, strict=True)])
    pairs = [(layer.get_param(name), layer.get_grad(name)) for name in ("W", "b")]
    for array, gradient in [*pairs, *zip(Xs, dXs, strict=True)]:
        assert gradient.shape == array.shape
        for index in np.ndindex(array.shape):
            before = array[index]
            losses = []
            for step in (1e-2, -1e-2):
                array[index] = before + step
                losses.append(loss())
            array[index] = before
            slope = (losses[0] - losses[1]) / 2e-2
            assert gradient[index] == pytest.approx(slope, abs=5e-3)


def test_gradients_add_up_until_they_are_used():
    Xs = make_vectors(3, 2)
    layer = make_layer(Xs)
    once = make_layer(Xs)
    Ys, backprop = once.begin_update(Xs)
    backprop(Ys)
    for X in Xs:
        Ys, backprop = layer.begin_update([X])
        backprop(Ys)
    for name in ("W", "b"):
        assert_allclose(layer.get_grad(name), once.get_grad(name), atol=1e-5)


def test_empty_documents_and_batches_are_legal():
    layer = make_layer(make_vectors(0, 3))
    for Xs in ([], make_vectors(0), make_vectors(0, 0)):
        assert [Y.shape for Y in layer.predict(Xs)] == [(0, N_LABELS)] * len(Xs)
        Ys, backprop = layer.begin_update(Xs)
        assert [dX.shape for dX in backprop(Ys)] == [(0, 4)] * len(Xs)


def test_it_learns_its_widths_from_what_is_not_empty():
    Xs = [np.zeros((0,), dtype="f"), *make_vectors(2)]
    layer = Softmax(normalize=False).initialize(X=Xs, Y=[Xs[0], np.eye(2, dtype="f")])
    assert layer.get_dim("nI") == 4
    assert layer.get_dim("nO") == 2


def test_weights_survive_bytes_without_examples():
    Xs = make_vectors(3, 1)
    layer = make_layer(Xs)
    loaded = Softmax(normalize=False).from_bytes(layer.to_bytes())
    for Y, Y_loaded in zip(layer.predict(Xs), loaded.predict(Xs), strict=True):
        assert_array_equal(Y, Y_loaded)


def test_a_prediction_cannot_be_backpropagated_through():
    Xs = make_vectors(3)
    Ys, backprop = make_layer(Xs)(Xs, False)
    with pytest.raises(ValueError, match="is_train=False"):
        backprop(Ys)


def test_vectors_of_another_width_are_refused():
    layer = make_layer(make_vectors(3))
    with pytest.raises(ValueError, match=r"shape \(n, 4\)"):
        layer.predict([np.zeros((2, 3), dtype="f")])
