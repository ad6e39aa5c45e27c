"""The buffer in which ranks tell each other of a step."""

from types import SimpleNamespace

import numpy as np
import pytest
import spacy
import torch
from spacy.training import Example
from thinc.api import Linear, Model, PyTorchWrapper, Shim, chain

from spacy_rnn.training.exchange import Exchange
from tests.training.fake_ranks import play

NLP = spacy.blank("en")
BATCH = [Example.from_dict(NLP.make_doc("soup was good"), {})]
OTHER = [Example.from_dict(NLP.make_doc("soup was bad"), {})]


def make_model():
    return chain(Linear(2, 3), Linear(1, 2)).initialize()


def exchange(work, size=2):
    """Let each rank do something to a model before all exchange, and return models."""

    def run(ranks):
        model = make_model()
        ex = Exchange(ranks, {"pipe": model})
        batch = work(ranks.rank, model) or BATCH
        return model, ex.add_up(batch, stop=False)

    return [model for model, _ in play(size, run)]


def test_gradients_are_added_and_those_that_a_rank_lacks_are_made():
    def work(rank, model):
        first, second = model.layers
        first.inc_grad("b", np.full(2, rank + 1, dtype="f"))
        if rank == 1:
            second.inc_grad("W", np.array([[5, 6]], dtype="f"))

    for model in exchange(work, size=3):
        first, second = model.layers
        assert first.get_grad("b").tolist() == [6, 6]
        assert second.get_grad("W").tolist() == [[5, 6]]
        assert not first.has_grad("W")  # no rank had one


def test_gradients_are_added_from_step_to_step():
    def run(ranks):
        model, found = make_model(), []
        ex = Exchange(ranks, {"pipe": model})
        layer = model.layers[0]
        for step in range(3):
            layer.inc_grad("b", np.full(2, ranks.rank + step, dtype="f"))
            if step == 1:
                layer.inc_grad("W", np.ones((2, 3), dtype="f"))
            ex.add_up(BATCH, stop=False)
            found.append(layer.get_grad("b").tolist())
            layer.get_grad("b")[:] = 0  # as an optimizer does
        return found, layer.get_grad("W").tolist()

    steps, left = [[1, 1], [3, 3], [5, 5]], [[4] * 3] * 2  # W was added up twice
    assert play(2, run) == [(steps, left)] * 2


def test_different_batches_are_an_error():
    with pytest.raises(ValueError, match="Rank 2 has read another batch than rank 0"):
        exchange(lambda rank, model: OTHER if rank == 2 else BATCH, size=3)


def test_a_model_that_grows_on_one_rank_is_an_error():
    def work(rank, model):
        if rank == 1:
            model.layers[1].set_param("b", np.zeros(2, dtype="f"))

    with pytest.raises(ValueError, match="got new labels while it was trained"):
        exchange(work)


def test_a_request_to_stop_reaches_all():
    def run(ranks):
        ex = Exchange(ranks, {"pipe": make_model()})
        return [ex.add_up(BATCH, stop=ranks.rank == 1 and step == 1) for step in (0, 1)]

    assert play(3, run) == [[False, True]] * 3


def test_a_class_that_one_rank_has_seen_is_seen_by_all():
    def run(ranks):
        model = make_model()
        model.attrs["unseen_classes"] = {3, 4, 5}
        ex = Exchange(ranks, {"pipe": model})
        for step in (0, 1):
            model.attrs["unseen_classes"].discard(3 + ranks.rank if step else None)
            ex.add_up(BATCH, stop=False)
        return model.attrs["unseen_classes"]

    assert play(2, run) == [{5}, {5}]


def test_an_overflow_on_one_rank_is_one_on_all():
    def run(ranks):
        model = PyTorchWrapper(torch.nn.Linear(2, 1))
        scaler = model.shims[0]._grad_scaler
        ex = Exchange(ranks, {"pipe": model})
        scaler._found_inf = ranks.rank == 1
        ex.add_up(BATCH, stop=False)
        return scaler.found_inf

    assert play(2, run) == [True, True]


def test_a_shim_of_something_else_than_torch_is_refused():
    model = Model("strange", lambda model, X, is_train: (X, lambda dY: dY))
    model._shims.append(Shim(None))
    with pytest.raises(ValueError, match="'strange' computes with a Shim, of which"):
        Exchange(SimpleNamespace(size=2), {"pipe": model})


def test_a_layer_that_two_components_share_is_added_once():
    def run(ranks):
        model = make_model()
        ex = Exchange(ranks, {"one": model, "two": model})
        model.layers[0].inc_grad("b", np.ones(2, dtype="f"))
        ex.add_up(BATCH, stop=False)
        return model.layers[0].get_grad("b").tolist()

    assert play(2, run) == [[2, 2]] * 2
