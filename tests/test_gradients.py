"""Gradients between the backward pass and the optimizer."""

import pickle
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from thinc.api import (
    Adam,
    Linear,
    Model,
    Relu,
    chain,
    fix_random_seed,
    get_ops,
    use_ops,
)

from spacy_rnn.architectures.rnn import build_rnn_encoder
from spacy_rnn.gradients import (
    NonFiniteGradientError,
    clip_gradients,
    finish_update,
    gradient_arrays,
    measure,
    named_gradients,
    once_before_update,
    show_gradients,
    stop_waiting,
)


def make_model():
    fix_random_seed(0)
    model = chain(Relu(4, 3), Linear(2, 4))
    model.initialize()
    return model


def backpropagate(model, scale=1.0):
    X = np.arange(15, dtype="f").reshape(5, 3) / 15
    Y, backprop = model.begin_update(X)
    backprop(np.full_like(Y, scale))


def norm_of(*models):
    """The slow way."""
    values = [g.ravel() for model in models for g in gradient_arrays(model)]
    return np.linalg.norm(np.concatenate(values).astype("float64"))


def copies(model):
    return [array.copy() for array in gradient_arrays(model)]


def test_clipping_scales_all_gradients_of_all_models_to_the_norm():
    first, second = make_model(), make_model()
    backpropagate(first, 3.0)
    backpropagate(second, 40.0)
    before, norm = copies(first) + copies(second), norm_of(first, second)
    clip_gradients({"first": first, "second": second}, 0.5)
    after = copies(first) + copies(second)
    assert norm_of(first, second) == pytest.approx(0.5, rel=1e-5)
    for old, new in zip(before, after, strict=True):
        assert new.dtype == "float32"
        assert_allclose(new, old * (0.5 / norm), rtol=1e-5)


@pytest.mark.parametrize("max_norm", [0.0, 1e6])
def test_gradients_that_are_small_enough_stay_as_they_are(max_norm):
    model = make_model()
    backpropagate(model, 3.0)
    before = copies(model)
    clip_gradients({"model": model}, max_norm)
    for old, new in zip(before, copies(model), strict=True):
        assert (old == new).all()


def test_a_model_without_gradients_has_nothing_to_clip():
    clip_gradients({"model": make_model()}, 1.0)
    clip_gradients({}, 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("max_norm", [0.0, 1.0])
def test_a_bad_gradient_is_named_with_its_component(bad, max_norm):
    first, second = make_model(), make_model()
    backpropagate(first)
    backpropagate(second)
    second.layers[1].get_grad("b")[1] = bad
    largest = max(float(np.linalg.norm(each)) for each in copies(first))
    with pytest.raises(NonFiniteGradientError, match="'second'.*: linear: b") as info:
        clip_gradients({"first": first, "second": second}, max_norm)
    assert info.value.components == ["second"]
    assert info.value.parameters == ["second: linear: b"]
    name, norm = info.value.largest
    assert name.startswith("first: ")
    assert norm == pytest.approx(largest)
    expected = f"large in: second: linear: b. The largest other norm is {norm:.3g}, of"
    assert expected in str(info.value)


def test_after_an_error_there_is_nothing_left_of_the_batch():
    model = make_model()
    backpropagate(model)
    model.layers[0].get_grad("W")[0, 0] = np.nan
    with pytest.raises(NonFiniteGradientError):
        clip_gradients({"model": model}, 1.0)
    assert norm_of(model) == 0.0
    backpropagate(model)
    clip_gradients({"model": model}, 1.0)


def test_an_error_names_a_few_parameters_and_counts_the_rest():
    model = chain(*(Linear(2, 2) for _ in range(4))).initialize()
    Y, backprop = model.begin_update(np.ones((3, 2), dtype="f"))
    backprop(np.full_like(Y, np.nan))
    with pytest.raises(NonFiniteGradientError, match="; and 3 more.*No other") as info:
        clip_gradients({"model": model}, 0.0)
    assert len(info.value.parameters) == 8
    assert str(info.value).count("model: linear") == 5
    assert "model: linear 4: W" in info.value.parameters
    assert info.value.largest is None


def test_an_error_can_be_sent_to_another_process():
    error = NonFiniteGradientError(["a"], ["a: linear: W"], ("a: linear: b", 2.0))
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert copy.largest == error.largest


def test_gradients_whose_squares_are_infinite_can_be_clipped():
    model = make_model()
    backpropagate(model)
    before = copies(model)
    for array in gradient_arrays(model):
        array *= 1e30
    clip_gradients({"model": model}, 1.0)
    assert norm_of(model) == pytest.approx(1.0, rel=1e-4)
    for old, new in zip(before, copies(model), strict=True):
        assert_allclose(new * np.linalg.norm(old), old * np.linalg.norm(new), rtol=1e-4)


def test_gradients_whose_squares_are_infinite_are_an_error_where_none_are_clipped():
    model = make_model()
    backpropagate(model, 1e30)
    with pytest.raises(NonFiniteGradientError, match="too large"):
        clip_gradients({"model": model}, 0.0)


def test_the_parts_of_a_torch_layer_are_named_and_make_up_the_whole():
    model = build_rnn_encoder(6, "gru", depth=2)
    Xs = [np.ones((4, 5), dtype="f"), np.ones((2, 5), dtype="f")]
    model.initialize(X=Xs)
    Ys, backprop = model.begin_update(Xs)
    backprop([np.ones_like(Y) for Y in Ys])
    parts = list(named_gradients(model))
    names = [part.parameter for part in parts]
    assert "layers.1.backward_cell.weight_hh_l0" in names
    assert len(set(names)) == len(names) == 2 * 2 * 4
    assert {part.layer for part in parts} == {"gru"}
    assert dict(zip(names, parts, strict=True))[
        "layers.0.forward_cell.weight_ih_l0"
    ].array.shape == (9, 5)
    norms = measure([part.array for part in parts])
    assert np.linalg.norm(norms) == pytest.approx(norm_of(model), rel=1e-5)
    assert all(norms)


def test_layers_of_the_same_name_are_told_apart():
    model = chain(Linear(2, 2), Linear(2, 2)).initialize()
    Y, backprop = model.begin_update(np.ones((3, 2), dtype="f"))
    backprop(Y)
    names = [(each.layer, each.parameter) for each in named_gradients(model)]
    assert len(set(names)) == 4


def test_a_function_is_called_once_before_the_weights_change():
    model = make_model()
    seen = []
    for number in range(3):
        once_before_update(model, lambda n=number: seen.append((n, norm_of(model))))
    backpropagate(model)
    norm = norm_of(model)
    model.finish_update(Adam(0.1))
    assert seen == [(n, norm) for n in range(3)]
    assert norm_of(model) == 0.0
    backpropagate(model)
    model.finish_update(Adam(0.1))
    assert len(seen) == 3


def test_waiting_changes_neither_the_update_nor_what_is_saved():
    waiting, plain = make_model(), make_model()
    before = waiting.to_bytes()
    once_before_update(waiting, list)
    assert waiting.to_bytes() == before
    assert type(waiting.copy()) is Model
    for model in (waiting, plain):
        backpropagate(model)
        model.finish_update(Adam(0.1))
    assert type(waiting) is Model
    for old, new in zip(plain.walk(), waiting.walk(), strict=True):
        for name in old.param_names:
            assert (old.get_param(name) == new.get_param(name)).all()


def test_functions_see_gradients_that_are_not_clipped_yet():
    model, seen = make_model(), []
    once_before_update(model, lambda: seen.append(norm_of(model)))
    backpropagate(model, 40.0)
    norm = norm_of(model)
    finish_update("m", model, Adam(0.1), max_norm=1e-3)
    assert seen == [norm]


def test_what_waits_again_waits_for_the_next_update():
    model, plain, seen = make_model(), make_model(), []

    def act():
        seen.append(norm_of(model))
        once_before_update(model, act)

    once_before_update(model, act)
    for update in (model.finish_update, partial(finish_update, "m", model, max_norm=0)):
        for each in (model, plain):
            backpropagate(each)
        update(Adam(0.1))
        plain.finish_update(Adam(0.1))
    assert len(seen) == 2
    assert min(seen) > 0
    for old, new in zip(plain.walk(), model.walk(), strict=True):
        for name in old.param_names:
            assert (old.get_param(name) == new.get_param(name)).all()


def test_a_function_can_stop_waiting():
    model, seen = make_model(), []

    def first():
        seen.append(1)

    def second():
        seen.append(2)

    stop_waiting(model, first)
    for act in (first, second):
        once_before_update(model, act)
    stop_waiting(model, first)
    show_gradients(model)
    once_before_update(model, first)
    stop_waiting(model, first)
    assert type(model) is Model
    assert seen == [2]


class OwnModel(Model):
    """A model that updates in its own way, as spaCy's listeners do."""

    def finish_update(self, optimizer):
        self.updated = True
        super().finish_update(optimizer)


def test_a_model_of_another_class_keeps_its_ways():
    model = OwnModel("own", lambda *_: None, params={"W": np.ones(2, dtype="f")})
    model.set_grad("W", np.ones(2, dtype="f"))
    seen = []
    once_before_update(model, lambda: seen.append(1))
    model.finish_update(Adam(0.1))
    assert (type(model), model.updated, seen) == (OwnModel, True, [1])


def test_gradients_can_be_shown_before_the_update():
    model = make_model()
    seen = []
    once_before_update(model, lambda: seen.append(1))
    show_gradients(model)
    show_gradients(model)
    assert seen == [1]


@pytest.mark.gpu
def test_gradients_on_a_gpu_are_clipped_as_on_the_cpu(device):
    with use_ops("numpy"):
        models = [make_model(), make_model()]
    models[1].to_gpu(0)
    for model in models:
        X = model.ops.asarray(np.arange(15, dtype="f").reshape(5, 3) / 15)
        Y, backprop = model.begin_update(X)
        backprop(model.ops.xp.full_like(Y, 30.0))
        clip_gradients({"model": model}, 0.5)
    cpu, gpu = (gradient_arrays(model) for model in models)
    for array, other in zip(cpu, gpu, strict=True):
        assert_allclose(get_ops("cupy").to_numpy(other), array, rtol=1e-4)
