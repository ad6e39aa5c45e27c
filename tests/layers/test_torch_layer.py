"""The joint between torch and Thinc, seen through the layers that use it."""

import copy
import os
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import srsly
import torch
from numpy.testing import assert_array_equal
from thinc.api import SGD, Adam, Linear, RAdam, chain, fix_random_seed, with_array

from spacy_rnn.layers.pool import Pool
from spacy_rnn.layers.rnn import RNN
from spacy_rnn.modules.flat_parameters import ALIGNMENT, layout, views

OPTIMIZERS = {
    "SGD": lambda: SGD(0.1),
    "Adam": lambda: Adam(0.1),
    "RAdam": lambda: RAdam(0.1),
}


def make_vectors(*lengths, width=5):
    rng = np.random.default_rng(len(lengths))
    return [rng.normal(size=(n, width)).astype("f") for n in lengths]


def make_layer(nI=None, nO=6, **options):
    defaults = {
        "cell": "lstm",
        "depth": 1,
        "bidirectional": True,
        "dropout": 0.0,
        "residual": False,
        "layer_norm": False,
        "mixed_precision": False,
    }
    return RNN(nO, nI, **(defaults | options))


def make_model(Xs, **options):
    return make_layer(**options).initialize(X=Xs)


def torch_module(model):
    """Return the module of a layer that has predicted before."""
    return model.attrs["torch_module"].bind(model)


def update(model, Xs, optimizer):
    """Take a step that makes the outputs smaller."""
    Ys, backprop = model.begin_update(Xs)
    dXs = backprop(Ys)
    model.finish_update(optimizer)
    return dXs


def assert_same(Ys, others):
    for Y, other in zip(Ys, others, strict=True):
        assert_array_equal(Y, other)


def differ(Ys, others):
    return all((other != Y).any() for Y, other in zip(Ys, others, strict=True))


def copy_model(model):
    return model.copy()


def load_bytes(model):
    return make_layer().from_bytes(model.to_bytes())


def load_pickle(model):
    return pickle.loads(pickle.dumps(model))


DUPLICATES = [copy_model, copy.deepcopy, load_bytes, load_pickle]


def test_a_layer_has_one_flat_parameter_that_the_module_computes_in():
    Xs = make_vectors(3, 4)
    model = make_model(Xs, depth=2, layer_norm=True)
    model.predict(Xs)
    assert model.param_names == ("W",)
    W = model.get_param("W")
    assert W.ndim == 1
    begin = W.__array_interface__["data"][0]
    for parameter in torch_module(model).parameters():
        assert begin <= parameter.data_ptr()
        assert parameter.data_ptr() + parameter.nbytes <= begin + W.nbytes


def test_changing_W_in_place_changes_the_predictions():
    Xs = make_vectors(3, 4)
    model = make_model(Xs)
    before = model.predict(Xs)
    model.get_param("W")[:] *= 2
    assert differ(model.predict(Xs), before)


def test_the_gradient_lands_in_the_gradient_of_W():
    Xs = make_vectors(3, 4)
    model = make_model(Xs)
    Ys, backprop = model.begin_update(Xs)
    backprop(Ys)
    grad = model.get_grad("W")
    module = torch_module(model)
    parts = list(views(module, torch.from_numpy(grad)))
    assert len(parts) == len(list(module.parameters()))
    for parameter, view in parts:
        assert view.any()
        assert torch.equal(view, parameter.grad)
    assert np.count_nonzero(grad) == sum(int((v != 0).sum()) for _, v in parts)


def test_gradients_of_two_batches_add_up():
    Xs, others = make_vectors(3, 4), make_vectors(2, 6, 1)
    grads = []
    for batches in ([Xs], [others], [Xs, others]):
        fix_random_seed(1)
        model = make_model(Xs)
        for batch in batches:
            Ys, backprop = model.begin_update(batch)
            backprop(Ys)
        grads.append(model.get_grad("W").copy())
    assert np.abs(grads[0] + grads[1] - grads[2]).max() < 1e-5


def test_the_gradient_is_zero_again_where_it_is_initialized_again():
    Xs = make_vectors(3, 2)
    model = make_model(Xs)
    Ys, backprop = model.begin_update(Xs)
    backprop(Ys)
    assert model.get_grad("W").any()
    model.initialize(X=Xs)
    assert not model.get_grad("W").any()


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_gradient_is_zero_again_after_an_update(optimizer):
    Xs = make_vectors(3, 4)
    model = make_model(Xs)
    optimizer = optimizer()
    for _ in range(3):
        before = model.predict(Xs)
        update(model, Xs, optimizer)
        assert not model.get_grad("W").any()
        assert differ(model.predict(Xs), before)


def test_an_update_is_one_call_of_the_optimizer():
    calls = []

    def optimizer(key, weights, gradient):
        calls.append((key, weights.shape))
        return weights, gradient

    Xs = make_vectors(3, 4)
    model = make_model(Xs, depth=2)
    update(model, Xs, optimizer)
    assert calls == [((model.id, "W"), model.get_param("W").shape)]


def test_clipping_limits_the_norm_over_the_whole_module():
    Xs = make_vectors(3, 4)
    model = make_model(Xs)
    before = model.get_param("W").copy()
    Ys, backprop = model.begin_update(Xs)
    backprop([100 * Y for Y in Ys])
    assert np.linalg.norm(model.get_grad("W")) > 0.5
    model.finish_update(SGD(1.0, grad_clip=0.5))
    step = np.linalg.norm(model.get_param("W") - before)
    assert step == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_what_nothing_was_backpropagated_through_is_not_updated(optimizer):
    Xs = make_vectors(3, 4)
    model = chain(make_layer(), make_layer()).initialize(X=Xs)
    first, second = model.layers
    weights = first.get_param("W").copy()
    Hs, _ = first.begin_update(Xs)
    Ys, backprop = second.begin_update(Hs)
    backprop(Ys)
    model.finish_update(optimizer())
    assert_array_equal(first.get_param("W"), weights)


@pytest.mark.parametrize("duplicate", DUPLICATES)
def test_a_duplicate_predicts_the_same_and_needs_no_examples(duplicate):
    Xs = make_vectors(3, 4)
    model = make_model(Xs)
    update(model, Xs, Adam(0.01))
    assert_same(duplicate(model).predict(Xs), model.predict(Xs))


def test_disk_roundtrip_predicts_the_same(tmp_path):
    Xs = make_vectors(3, 4)
    model = make_model(Xs)
    model.to_disk(tmp_path / "model")
    loaded = make_layer().from_disk(tmp_path / "model")
    assert_same(loaded.predict(Xs), model.predict(Xs))
    assert loaded.to_bytes() == model.to_bytes()


@pytest.mark.parametrize("duplicate", DUPLICATES)
@pytest.mark.parametrize("updated_first", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_update_changes_the_updated_model_and_no_other(
    duplicate, updated_first, optimizer
):
    Xs = make_vectors(3, 4)
    model = make_model(Xs)
    if updated_first:
        update(model, Xs, optimizer())
    before = model.predict(Xs)
    twin = duplicate(model)
    update(twin, Xs, optimizer())
    assert_same(model.predict(Xs), before)
    after = twin.predict(Xs)
    assert differ(after, before)
    update(model, Xs, optimizer())
    assert_same(twin.predict(Xs), after)
    assert differ(model.predict(Xs), before)


def test_loading_into_a_model_that_has_predicted_replaces_its_predictions():
    Xs = make_vectors(3, 4)
    model, other = make_model(Xs), make_model(Xs)
    update(other, Xs, Adam(0.01))
    assert differ(model.predict(Xs), other.predict(Xs))
    other.from_bytes(model.to_bytes())
    assert_same(other.predict(Xs), model.predict(Xs))
    update(other, Xs, Adam(0.01))
    assert differ(other.predict(Xs), model.predict(Xs))


def test_bytes_hold_no_pickle():
    Xs = make_vectors(3, 4)
    saved = make_model(Xs).to_bytes()
    message = srsly.msgpack_loads(saved)
    values = [message]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values += value.values()
        elif isinstance(value, list):
            values += value
        elif isinstance(value, bytes):
            assert not value.startswith(b"\x80\x04")
            values.append(srsly.msgpack_loads(value))
        else:
            assert value is None or isinstance(value, (str, int, float, np.ndarray))


@pytest.mark.parametrize("optimizer", [SGD, Adam, RAdam])
def test_averages_are_used_inside_use_params_and_gone_after_it(optimizer):
    Xs = make_vectors(3, 4)
    model = make_model(Xs)
    optimizer = optimizer(0.1, use_averages=True)
    for _ in range(3):
        update(model, Xs, optimizer)
        before = model.predict(Xs)
        averaged = make_model(Xs)
        averaged.set_param("W", optimizer.averages[(model.id, "W")].copy())
        with model.use_params(optimizer.averages):
            inside = model.predict(Xs)
        assert_same(inside, averaged.predict(Xs))
        assert differ(inside, before)
        assert_same(model.predict(Xs), before)


def test_predicting_with_averages_before_backprop_leaves_the_gradient_alone():
    Xs = make_vectors(3, 4)
    model = make_model(Xs)
    averages = {(model.id, "W"): 3 * model.get_param("W")}
    grads = []
    for is_between in (False, True):
        Ys, backprop = model.begin_update(Xs)
        if is_between:
            with model.use_params(averages):
                model.predict(Xs)
        grads.append([*backprop(Ys), model.get_grad("W").copy()])
        model.get_grad("W")[:] = 0
    assert_same(*grads)


def test_every_submodule_begins_at_a_multiple_of_64_and_has_its_own_storage():
    Xs = make_vectors(3)
    model = make_model(Xs, depth=2, residual=True, layer_norm=True)
    model.predict(Xs)
    module = torch_module(model)
    begin = model.get_param("W").__array_interface__["data"][0]
    end, storages = 0, set()
    for start, parameters in layout(module):
        assert start % ALIGNMENT == 0
        assert start >= end
        for parameter in parameters:
            assert parameter.data_ptr() >= begin + start * 4
        assert len({p.untyped_storage().data_ptr() for p in parameters}) == 1
        storages.add(parameters[0].untyped_storage().data_ptr())
        sizes = [parameter.numel() for parameter in parameters]
        assert parameters[0].untyped_storage().nbytes() == sum(sizes) * 4
        # the parameters of a submodule lie end to end in their order
        for i, parameter in enumerate(parameters):
            assert parameter.data_ptr() == begin + (start + sum(sizes[:i])) * 4
        end = start + sum(sizes)
    assert len(storages) == len(list(layout(module)))


OTHER_SETTINGS = [
    {"depth": 2},
    {"cell": "gru"},
    {"cell": "rnn_tanh"},
    {"nO": 8},
    {"nI": 4},
    {"bidirectional": False},
    {"layer_norm": True},
    {"residual": True},
]


@pytest.mark.parametrize("settings", OTHER_SETTINGS, ids=str)
def test_weights_of_another_network_are_refused_with_the_name_of_the_model(settings):
    saved = make_model(make_vectors(3)).to_bytes()
    other = make_layer(**settings)
    with pytest.raises(ValueError, match=f"'({other.name}|lstm)'"):
        other.from_bytes(saved)


def test_an_error_lists_what_differs_and_nothing_else():
    saved = make_model(make_vectors(3), depth=1).to_bytes()
    with pytest.raises(ValueError, match="saved with other settings") as error:
        make_layer(depth=2).from_bytes(saved)
    _, was, expected = re.split("not expected: |not saved: ", str(error.value))
    assert was.startswith("[['depth', 1]]")
    assert expected.startswith("[['depth', 2], ['layers.1.forward_cell.weight_ih_l0'")
    assert "layers.0" not in expected


def test_weights_of_another_activation_are_refused():
    saved = make_model(make_vectors(3), cell="rnn_tanh").to_bytes()
    with pytest.raises(ValueError, match="rnn_tanh"):
        make_layer(cell="rnn_relu").from_bytes(saved)


def test_a_prediction_can_not_be_backpropagated_through():
    Xs = make_vectors(3, 4)
    Ys, backprop = make_model(Xs)(Xs, is_train=False)
    with pytest.raises(ValueError, match="is_train=False"):
        backprop(Ys)


def test_a_result_is_backpropagated_through_once():
    Xs = make_vectors(3, 4)
    model = make_model(Xs)
    Ys, backprop = model(Xs, is_train=True)
    backprop(Ys)
    gradient = model.get_grad("W").copy()
    with pytest.raises(ValueError, match="'lstm' can't go back twice"):
        backprop(Ys)
    assert_array_equal(model.get_grad("W"), gradient)


def test_training_twice_with_one_seed_gives_the_same_bytes():
    Xs = make_vectors(30, 4, 1)
    saved = []
    for _ in range(2):
        fix_random_seed(3)
        model = make_model(Xs, depth=2, dropout=0.3)
        optimizer = Adam(0.01)
        for _ in range(3):
            update(model, Xs, optimizer)
        saved.append(model.to_bytes())
    assert saved[0] == saved[1]


def test_building_the_module_draws_no_random_numbers():
    Xs = make_vectors(3, 4)
    model = make_model(Xs)
    before = torch.random.get_rng_state()
    for twin in (model, model.copy(), load_bytes(model)):
        twin.predict(Xs)
        assert torch.equal(torch.random.get_rng_state(), before)


def test_threads_predict_side_by_side_what_one_predicts():
    batches = [make_vectors(*range(n, n + 5)) for n in range(1, 33)]
    model = make_model(batches[0], depth=2)
    expected = [model.predict(Xs) for Xs in batches]
    cold = model.copy()  # its module isn't built yet
    with ThreadPoolExecutor(8) as pool:
        for found, Ys in zip(pool.map(cold.predict, batches), expected, strict=True):
            assert_same(found, Ys)


def test_a_module_without_parameters_is_a_layer_too():
    Xs = make_vectors(3, 0, 4)
    model = Pool(pooling=["mean"], bidirectional=False).initialize(X=Xs)
    dXs = update(model, Xs, Adam(0.1))
    assert [dX.shape for dX in dXs] == [X.shape for X in Xs]
    assert_same(model.copy().predict(Xs), model.predict(Xs))
    loaded = Pool(pooling=["mean"], bidirectional=False).from_bytes(model.to_bytes())
    assert_same(loaded.predict(Xs), model.predict(Xs))


def test_the_layer_composes_with_layers_of_thinc():
    Xs = make_vectors(3, 0, 4)
    model = chain(with_array(Linear(7)), make_layer(), with_array(Linear(2)))
    model.initialize(X=Xs, Y=make_vectors(3, 0, 4, width=2))
    optimizer = Adam(0.01)
    losses = []
    for _ in range(10):
        Ys, backprop = model.begin_update(Xs)
        backprop([Y - 1 for Y in Ys])
        model.finish_update(optimizer)
        losses.append(sum(((Y - 1) ** 2).sum() for Y in Ys))
    assert losses[-1] < losses[0]


FORK = """
import os
import torch
import spacy_rnn.layers.torch_layer

torch.set_num_threads(2)
child = os.fork()
if not child:
    os._exit(torch.get_num_threads())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), torch.get_num_threads())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_a_forked_child_runs_torch_on_one_thread():
    found = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["1", "2"]
