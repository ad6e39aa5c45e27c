import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spacy_rnn.layers.crf import CRF, resize_crf
from spacy_rnn.types import CRFScores

NI, NO = 4, 3
SHAPES = {
    "W": (NO, NI),
    "b": (NO,),
    "transitions": (NO, NO),
    "start": (NO,),
    "end": (NO,),
}


def make_vectors(*lengths):
    rng = np.random.default_rng(len(lengths))
    return [rng.normal(size=(n, NI)).astype("f") for n in lengths]


def make_layer(nO=NO):
    """Make a layer none of whose parameters is zero."""
    layer = CRF(nO, NI).initialize()
    rng = np.random.default_rng(0)
    for name in layer.param_names:
        param = layer.get_param(name)
        param[...] = rng.normal(size=param.shape)
    return layer


def flatten(scores):
    shared = (scores.transitions, scores.start, scores.end)
    return np.concatenate([each.ravel() for each in (*scores.emissions, *shared)])


def assert_same(scores, expected):
    for rows, expected_rows in zip(scores.emissions, expected.emissions, strict=True):
        assert_allclose(rows, expected_rows, rtol=0, atol=1e-6)
    for name in ("transitions", "start", "end"):
        assert_array_equal(getattr(scores, name), getattr(expected, name))


def test_its_width_and_its_tags_come_from_the_data():
    Xs = make_vectors(2, 0)
    layer = CRF().initialize(X=Xs, Y=[np.zeros((len(X), NO), "f") for X in Xs])
    assert {name: layer.get_param(name).shape for name in layer.param_names} == SHAPES
    for name in ("b", "transitions", "start", "end"):
        assert not layer.get_param(name).any()


def test_scores_and_the_layer_do_not_change_each_other():
    layer, Xs = make_layer(), make_vectors(3, 0, 1)
    scores, expected = layer.predict(Xs), layer.predict(Xs)
    scores.transitions[0, 2] = -np.inf  # which 2 may not follow
    assert_same(layer.predict(Xs), expected)
    for name in layer.param_names:
        layer.get_param(name).fill(0.0)
    assert scores.start.all()
    assert scores.end.all()


def test_emissions_are_linear_and_the_rest_is_shared():
    Xs = make_vectors(3, 0, 1)
    layer = make_layer()
    W, b = layer.get_param("W"), layer.get_param("b")
    assert_same(
        layer.predict(Xs),
        CRFScores(
            [X @ W.T + b for X in Xs],
            *(layer.get_param(name) for name in ("transitions", "start", "end")),
        ),
    )


@pytest.mark.parametrize("lengths", [(3, 0, 2), (0,), ()])
def test_gradients_are_those_of_finite_differences(lengths):
    Xs, layer = make_vectors(*lengths), make_layer()
    scores, backprop = layer.begin_update(Xs)
    rng = np.random.default_rng(1)

    def draw(array):
        return rng.normal(size=array.shape).astype("f")

    gradient = CRFScores(
        [draw(rows) for rows in scores.emissions],
        *(draw(x) for x in (scores.transitions, scores.start, scores.end)),
    )
    dXs = backprop(gradient)
    assert [dX.shape for dX in dXs] == [X.shape for X in Xs]
    places = [(layer.get_param(n), layer.get_grad(n)) for n in layer.param_names]
    for values, grad in [*places, *zip(Xs, dXs, strict=True)]:
        for place in np.ndindex(values.shape):
            middle = values[place]
            values[place] = middle + 1e-2
            above = flatten(layer.predict(Xs)) @ flatten(gradient)
            values[place] = middle - 1e-2
            slope = (above - flatten(layer.predict(Xs)) @ flatten(gradient)) / 2e-2
            values[place] = middle
            assert slope == pytest.approx(grad[place], abs=1e-2)


def test_bytes_disk_and_copies_keep_the_scores(tmp_path):
    Xs, layer = make_vectors(3, 5), make_layer()
    expected = layer.predict(Xs)
    layer.to_disk(tmp_path / "layer")
    for other in (
        CRF().from_bytes(layer.to_bytes()),
        CRF().from_disk(tmp_path / "layer"),
        layer.copy(),
        copy.deepcopy(layer),
    ):
        assert_same(other.predict(Xs), expected)
        other.get_param("transitions")[:] = 9.0
        assert_same(layer.predict(Xs), expected)


def test_averages_replace_all_parameters_for_a_while():
    Xs, layer = make_vectors(2), make_layer()
    before = layer.predict(Xs)
    averages = {
        (layer.id, name): np.ones_like(layer.get_param(name))
        for name in layer.param_names
    }
    with layer.use_params(averages):
        within = layer.predict(Xs)
    assert_array_equal(within.transitions, np.ones((NO, NO)))
    assert_allclose(within.emissions[0], Xs[0].sum(axis=1)[:, None] + np.ones((2, NO)))
    assert_same(layer.predict(Xs), before)


def test_a_larger_layer_gives_the_old_tags_the_same_scores():
    Xs, layer = make_vectors(3, 0, 2), make_layer()
    larger = resize_crf(layer, NO + 2)
    assert larger.get_dim("nO") == NO + 2
    found, expected = larger.predict(Xs), layer.predict(Xs)
    assert_same(
        CRFScores(
            [rows[:, :NO] for rows in found.emissions],
            found.transitions[:NO, :NO],
            found.start[:NO],
            found.end[:NO],
        ),
        expected,
    )
    # The new ones start out improbable, so that they change nothing yet.
    assert (np.concatenate(found.emissions)[:, NO:] < -10).all()
    assert not found.transitions[NO:].any()


def test_a_layer_without_parameters_is_resized():
    larger = resize_crf(CRF(NO), 7).initialize(X=make_vectors(2))
    assert larger.get_param("transitions").shape == (7, 7)
