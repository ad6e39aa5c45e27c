import weakref

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from thinc.api import Adam, Linear, chain, with_array, with_getitem

from spacy_rnn.layers import RNN, Pool, with_state
from spacy_rnn.modules import streams
from spacy_rnn.modules.cells import CELLS
from tests.layers.test_rnn import OPTIONS, make_vectors

NI, NO = 5, 6


def make_layer(**options):
    settings = {"cell": "lstm", "depth": 2, "bidirectional": False} | options
    return RNN(NO, NI, **settings)


def read(model, Xs, sizes):
    """Read sequences in pieces of these sizes. Return all vectors, and the states."""
    states, start, parts = None, 0, [[] for _ in Xs]
    for size in sizes:
        pieces = [X[start : start + size] for X in Xs]
        Ys, states = model.predict((pieces, states))
        for part, Y in zip(parts, Ys, strict=True):
            part.append(Y)
        start += size
    return [np.concatenate(part) for part in parts], states


@pytest.mark.parametrize(("residual", "layer_norm"), OPTIONS)
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_pieces_give_what_the_whole_gives(cell, depth, residual, layer_norm):
    Xs = make_vectors(50, 0, 31, 50, 7)
    encoder = make_layer(
        cell=cell, depth=depth, residual=residual, layer_norm=layer_norm
    ).initialize()
    Ys, states = read(with_state(encoder), Xs, [10, 1, 0, 30, 9])
    for Y, whole in zip(Ys, encoder.predict(Xs), strict=True):
        assert_allclose(Y, whole, rtol=0, atol=1e-5)
    _, at_once = read(with_state(encoder), Xs, [50])
    for state, other in zip(states, at_once, strict=True):
        assert state.shape == ((2 if cell == "lstm" else 1) * depth, NO)
        assert_allclose(state, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_pieces_are_those_of_the_whole_that_is_cut_by_bptt(cell):
    Xs = make_vectors(40, 23, 0)
    dYs = make_vectors(40, 23, 0, width=NO)
    encoder = make_layer(cell=cell, bptt=10).initialize()
    _, backprop = encoder.begin_update(Xs)
    expected = backprop(dYs)
    grad = encoder.get_grad("W").copy()
    encoder.get_grad("W")[:] = 0
    model, states, found = with_state(encoder), None, [[], [], []]
    for start in range(0, 40, 20):  # each piece is cut once more
        place = slice(start, start + 20)
        (_, states), backprop = model.begin_update(([X[place] for X in Xs], states))
        dXs, _ = backprop(([dY[place] for dY in dYs], states))
        for part, dX in zip(found, dXs, strict=True):
            part.append(dX)
    for parts, dX in zip(found, expected, strict=True):
        assert_allclose(np.concatenate(parts), dX, rtol=0, atol=1e-5)
    assert_allclose(encoder.get_grad("W"), grad, rtol=0, atol=1e-5 * np.abs(grad).max())


def test_a_sequence_may_begin_while_others_go_on():
    Xs = make_vectors(20, 12)
    model = with_state(make_layer().initialize())
    (expected, first), _ = read(model, Xs, [20])
    _, (state,) = model.predict(([Xs[0][:8]], None))
    (going_on, begun), _ = model.predict(([Xs[0][8:], Xs[1]], [state, None]))
    assert_allclose(going_on, expected[8:], rtol=0, atol=1e-6)
    assert_allclose(begun, first, rtol=0, atol=1e-6)


def test_the_states_that_are_given_stay_as_they_are():
    Xs = make_vectors(8, 9)
    model = with_state(make_layer().initialize())
    _, states = model.predict((Xs, None))
    before = [state.copy() for state in states]
    for is_train in (False, True):
        first = model((Xs, states), is_train)[0]
        second = model((Xs, states), is_train)[0]
        for found, again in zip(
            (*first[0], *first[1]), (*second[0], *second[1]), strict=True
        ):
            assert_array_equal(found, again)
    for state, same in zip(states, before, strict=True):
        assert_array_equal(state, same)


@pytest.mark.parametrize("is_train", [False, True])
@pytest.mark.parametrize("n", [0, 2])
def test_nothing_to_read_leaves_states_as_they_are(is_train, n):
    model = with_state(make_layer().initialize())
    _, states = model.predict((make_vectors(*[4] * n), None))
    nothing = make_vectors(*[0] * n)
    (Ys, after), _ = model((nothing, states), is_train)
    assert [Y.shape for Y in Ys] == [(0, NO)] * n
    assert len(after) == n
    for state, same in zip(states, after, strict=True):
        assert_array_equal(state, same)


def test_a_model_of_it_and_a_head_is_trained_and_saved_as_a_whole():
    X = np.sin(np.arange(400, dtype="f") / 3)[:, None]

    def make():
        encoder = RNN(8, cell="gru", depth=1, bidirectional=False)
        return chain(with_state(encoder), with_getitem(0, with_array(Linear(1))))

    model = make().initialize(X=([X], None), Y=([X], None))
    optimizer = Adam(0.01)
    errors = []
    for _ in range(3):
        states, total = None, 0.0
        for start in range(0, 399, 20):
            (Ys, states), backprop = model.begin_update(
                ([X[start : start + 20][:-1]], states)
            )
            error = Ys[0] - X[start + 1 : start + 20]
            backprop(([error / len(error)], states))
            model.finish_update(optimizer)
            total += float((error**2).sum())
        errors.append(total)
    assert errors[2] < 0.2 * errors[0]
    loaded = make().from_bytes(model.to_bytes())
    found, expected = (each.predict(([X], None)) for each in (loaded, model))
    assert_array_equal(found[0][0], expected[0][0])
    assert_array_equal(found[1][0], expected[1][0])


def test_dropout_is_for_training():
    Xs = make_vectors(30, 30)
    model = with_state(make_layer(dropout=0.5, weight_dropout=0.3).initialize())
    Ys, _ = model.predict((Xs, None))
    assert all((Y != 0).all() for Y in Ys)
    Ys, _ = model.begin_update((Xs, None))[0]
    first, second = ((Y == 0).all(axis=0) for Y in Ys)
    assert first.any()
    assert not first.all()
    assert (first != second).any()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: make_layer(bidirectional=True), "bidirectional = false"),
        (lambda: make_layer(recompute=8), "recompute = 0"),
        (lambda: Pool(NO, pooling=["max"], bidirectional=False), "RNN layer.*'pool'"),
    ],
)
def test_what_cannot_carry_a_state_is_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        with_state(layer())


def test_states_of_others_are_refused():
    model = with_state(make_layer().initialize())
    Xs = make_vectors(3, 4)
    _, states = model.predict((Xs, None))
    with pytest.raises(ValueError, match="2 sequences, but 1 states"):
        model.predict((Xs, states[:1]))
    with pytest.raises(ValueError, match=r"sequence 1 .* \(2, 6\).* \(4, 6\)"):
        model.predict((Xs, [states[0], states[1][:2]]))


def test_pieces_run_without_padding(monkeypatch):
    """Padding would enter the states that are kept."""
    cells = []
    original = streams.read_grid

    def note(layers, X, *args, **options):
        cells.append(X.shape[0] * X.shape[1])
        return original(layers, X, *args, **options)

    monkeypatch.setattr(streams, "read_grid", note)
    lengths = (19, 3, 100, 19, 0, 101)
    with_state(make_layer().initialize()).predict((make_vectors(*lengths), None))
    assert sum(cells) == sum(lengths)


def test_a_series_of_100000_steps_is_learned_in_pieces_in_the_memory_of_one():
    X = make_vectors(100_000, width=NI)[0]
    encoder = make_layer(depth=1, bptt=100).initialize()
    model, optimizer = with_state(encoder), Adam(1e-3)
    handed_on, states = [], None
    for start in range(0, len(X), 100):
        (Ys, states), backprop = model.begin_update(([X[start : start + 100]], states))
        backprop((Ys, states))
        model.finish_update(optimizer)
        handed_on += [weakref.ref(Ys.data), weakref.ref(states[0].base)]
    assert sum(ref() is not None for ref in handed_on) <= 2
    (Y,), _ = read(model, [X], [100] * 1000)
    assert_allclose(Y, encoder.predict([X])[0], rtol=0, atol=1e-5)
