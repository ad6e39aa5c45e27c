"""An encoder whose blocks are CUDA graphs, beside the same without them."""

import numpy as np
import pytest
import torch
from thinc.api import Adam, fix_random_seed, set_dropout_rate

from spacy_rnn.modules import graphs
from spacy_rnn.modules.cells import CELLS
from tests.layers.test_gpu import NO, assert_close, make_encoder, make_vectors, on

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("device")]

BATCHES = [(3, 30, 0, 1, 18), (40, 40, 40), (2, 9), (3, 30, 0, 1, 18)]


def graphs_of(model):
    return model.attrs["torch_module"].bind(model).graphs.kept


def make_two(**options):
    """Make an encoder with graphs and one without, of the same parameters."""
    model = make_encoder(cuda_graphs=True, **options).initialize()
    other = make_encoder(cuda_graphs=False, **options)
    other.set_param("W", model.get_param("W").copy())
    return model, other


def train(model, rounds=4, dropout=0.3):
    """Train on batches that come again; returns what was computed on the way."""
    fix_random_seed(0)
    set_dropout_rate(model, dropout)
    optimizer, found = Adam(0.01), []
    for _ in range(rounds):
        for lengths in BATCHES:
            Ys, backprop = model.begin_update(on(model, make_vectors(*lengths)))
            dXs = backprop(on(model, make_vectors(*lengths, width=NO)))
            found += [*Ys, *dXs, model.get_grad("W").copy()]
            model.finish_update(optimizer)
    return found


@pytest.mark.parametrize(
    "options", [{}, {"residual": True, "layer_norm": True}, {"weight_dropout": 0.3}]
)
@pytest.mark.parametrize("cell", CELLS)
def test_training_is_what_it_is_without_graphs(cell, options):
    model, other = make_two(cell=cell, **options)
    assert_close(train(model), train(other), 1e-5)
    assert len(graphs_of(model)) > 0
    assert len(graphs_of(other)) == 0


@pytest.mark.parametrize("cell", CELLS)
def test_predictions_are_what_they_are_without_graphs(cell):
    model, other = make_two(cell=cell)
    train(model, rounds=1)
    other.set_param("W", model.get_param("W").copy())
    twice = model.get_param("W") * 2
    for _ in range(3):
        for lengths in BATCHES:
            Xs = on(model, make_vectors(*lengths))
            expected = other.predict(Xs)
            kept = model.predict(Xs)
            with model.use_params({(model.id, "W"): twice}):
                assert_close(model.predict(Xs), predict_with(other, twice, Xs), 1e-6)
            assert_close(model.predict(Xs), expected, 1e-6)
            assert_close(kept, expected, 1e-6)  # it's not overwritten
    assert len(graphs_of(model)) > 0


def predict_with(model, W, Xs):
    with model.use_params({(model.id, "W"): W}):
        return model.predict(Xs)


def test_a_prediction_between_a_pass_and_its_backward_pass_changes_nothing():
    model, other = make_two()
    dYs = on(model, make_vectors(2, 9, width=NO))
    for _ in range(4):
        Xs = on(model, make_vectors(2, 9))
        first = model.begin_update(Xs)[1]
        model.begin_update(on(model, make_vectors(9, 2)))
        model.predict(Xs)
        assert_close(first(dYs), other.begin_update(Xs)[1](dYs), 1e-6)


def test_batches_that_wait_for_their_backward_passes_are_kept_apart():
    model, other = make_two()
    batches = [[np.sin(X + i) for X in make_vectors(2, 9)] for i in range(3)]
    dYs = on(model, make_vectors(2, 9, width=NO))
    for _ in range(3):
        waiting = [model.begin_update(on(model, Xs)) for Xs in batches]
        for Xs, (Ys, backprop) in zip(batches, waiting, strict=True):
            expected, backprop_other = other.begin_update(on(other, Xs))
            assert_close(Ys, expected, 1e-6)
            assert_close(backprop(dYs), backprop_other(dYs), 1e-6)


def test_graphs_keep_to_their_share_of_the_memory(monkeypatch):
    monkeypatch.setattr(graphs, "SHARE", 10**15)
    model, other = make_two()
    assert_close(train(model), train(other), 1e-5)
    assert len(graphs_of(model)) <= 1


def test_a_copy_has_graphs_of_its_own():
    model, _ = make_two()
    train(model)
    twin = model.copy()
    assert_close(train(twin), train(model), 1e-5)
    assert set(graphs_of(twin).values()).isdisjoint(graphs_of(model).values())


def test_memory_that_graphs_take_is_given_up_where_it_lacks(monkeypatch):
    model, other = make_two()
    Xs = on(model, make_vectors(40, 40, 40))
    for _ in range(3):
        model.predict(Xs)
    kept = graphs_of(model)
    assert len(kept) > 0
    failures = [True]

    def run(*args):
        if failures.pop():
            failures.append(False)
            raise torch.cuda.OutOfMemoryError
        failures.append(False)
        return work(*args)

    work = graphs.Graphs.run
    monkeypatch.setattr(graphs.Graphs, "run", run)
    assert_close(model.predict(Xs), other.predict(Xs), 1e-6)
    assert len(kept) == 0
