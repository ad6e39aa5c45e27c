"""Looking at what the cells of a layer do."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from thinc.api import chain, noop, use_ops

from spacy_rnn.architectures.rnn import build_rnn_encoder


def make_layer(cell="lstm"):
    layer = build_rnn_encoder(6, cell)
    layer.initialize(X=make_vectors(3))
    return layer


def make_vectors(*lengths):
    random = np.random.default_rng(0)
    return [random.normal(size=(n, 5)).astype("f") for n in lengths]


def look(layer, model, *batches):
    with layer.attrs["watch_cells"](layer) as report:
        for Xs in batches:
            model.predict(Xs)
    return report()


@pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu", "lstm", "gru"])
def test_a_layer_inside_a_model_tells_of_its_cells(cell):
    layer = make_layer(cell)
    report = look(layer, chain(noop(), layer), make_vectors(4, 0, 7))
    assert list(report) == ["layers.0.forward_cell", "layers.0.backward_cell"]
    for found in report.values():
        assert len(found["gradient"]) == 7
        assert found["low"].keys() == found["high"].keys()


def test_batches_count_as_one():
    layer, Xs = make_layer(), make_vectors(4, 2, 7)
    assert look(layer, layer, Xs[:1], Xs[1:]) == look(layer, layer, Xs)


def test_nothing_predicted_means_nothing_to_tell():
    layer = make_layer()
    assert look(layer, layer) == look(layer, layer, make_vectors(0)) == {}


def test_what_others_predict_is_not_looked_at():
    layer, other = make_layer(), make_layer()
    with layer.attrs["watch_cells"](layer) as report:
        other.predict(make_vectors(9))
        layer.predict(make_vectors(2))
    layer.predict(make_vectors(8))
    assert len(report()["layers.0.forward_cell"]["gradient"]) == 2


def test_two_watchers_do_not_disturb_each_other():
    layer, other = make_layer(), make_layer()
    with layer.attrs["watch_cells"](layer) as report:
        with other.attrs["watch_cells"](other) as other_report:
            layer.predict(make_vectors(3))
            other.predict(make_vectors(2))
        layer.predict(make_vectors(5))
    assert len(report()["layers.0.forward_cell"]["gradient"]) == 5
    assert len(other_report()["layers.0.forward_cell"]["gradient"]) == 2


def test_threads_see_their_own_predictions():
    layer, barrier = make_layer(), Barrier(4)

    def look_in_thread(length):
        with layer.attrs["watch_cells"](layer) as report:
            barrier.wait()
            layer.predict(make_vectors(length))
            barrier.wait()
        return len(report()["layers.0.forward_cell"]["gradient"])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(look_in_thread, [2, 3, 4, 5])) == [2, 3, 4, 5]


def test_the_weights_are_those_that_the_layer_has_now():
    layer, Xs = make_layer(), make_vectors(5)
    before = look(layer, layer, Xs)
    layer.set_param("W", layer.get_param("W") * 2)
    assert look(layer, layer, Xs) != before


def test_nothing_of_it_is_saved():
    layer = make_layer()
    plain = make_layer()
    del plain.attrs["watch_cells"]
    assert len(plain.to_bytes()) == len(layer.to_bytes())
    layer.from_bytes(plain.to_bytes())
    assert "watch_cells" in layer.attrs


@pytest.mark.gpu
def test_cells_on_a_gpu_are_looked_at_as_on_the_cpu(device):
    Xs = make_vectors(4, 6)
    with use_ops("numpy"):
        layer = make_layer("gru")
    expected = look(layer, layer, Xs)
    layer.to_gpu(0)
    found = look(layer, layer, [layer.ops.asarray(X) for X in Xs])
    for cell, report in expected.items():
        np.testing.assert_allclose(found[cell]["gradient"], report["gradient"], 1e-3)
