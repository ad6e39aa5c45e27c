"""Graphs, on a CPU: captured work is done again where its tensors lie."""

import copy
import random
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from spacy_rnn.modules import graphs
from spacy_rnn.modules.cells import CELLS, all_weights
from spacy_rnn.modules.graphs import Graphs
from spacy_rnn.modules.rnn import RNNEncoder

NI, NO = 5, 6
LENGTHS = [3, 7, 3, 4]


class Repeated:
    """Does on a CPU what a CUDA graph does: the same again, with the same tensors."""

    def __init__(self, work):
        self.work, self.made = work, work()

    def replay(self):
        made = self.work()
        pairs = (
            ((self.made, made),)
            if torch.is_tensor(made)
            else zip(self.made, made, strict=True)
        )
        with torch.no_grad():
            for tensor, again in pairs:
                tensor.data.copy_(again)


class Recorder:
    """Captures, counts, and has memory for so many graphs."""

    def __init__(self, room=10**6):
        self.room, self.n_recorded, self.fail_with = room, 0, None

    def record(self, work, earlier=None):
        if self.fail_with is not None:
            raise self.fail_with
        self.n_recorded += 1
        # Replays see what is enabled now, as a captured graph does.
        enabled = torch.is_grad_enabled()

        def again():
            with torch.set_grad_enabled(enabled):
                return work()

        with torch.inference_mode(False):
            repeated = Repeated(again)
        return repeated, repeated.made


@pytest.fixture
def recorder(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(graphs, "record", recorder.record)
    monkeypatch.setattr(graphs, "warm_up", lambda work: work())
    monkeypatch.setattr(graphs, "used_memory", lambda: recorder.n_recorded)
    monkeypatch.setattr(graphs, "total_memory", lambda: recorder.room * graphs.SHARE)
    return recorder


def scale(inputs, weights):
    """Work that is easy to check."""
    X, *others = inputs
    (W, b), *_ = weights.values()
    return (X @ W.T + b).tanh() * sum(others, torch.ones(1))


@pytest.fixture
def weights():
    linear = nn.Linear(NI, NO)
    return {linear: list(linear.parameters())}


def make_inputs(length, *, trains=True):
    return [torch.randn(length, NI, requires_grad=trains), torch.rand(length, 1)]


def gradients(Y, X, weights, dY):
    (parameters,) = weights.values()
    return torch.autograd.grad(Y, [X, *parameters], dY)


def assert_same(found, expected):
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two)


def train(runner, length, weights):
    inputs, dY = make_inputs(length), torch.randn(length, NO)
    Y, expected = runner.run(scale, inputs, weights), scale(inputs, weights)
    assert_same([Y], [expected])
    found = gradients(Y, inputs[0], weights, dY)
    assert_same(found, gradients(expected, inputs[0], weights, dY))


def test_results_and_gradients_are_those_of_the_work(recorder, weights):
    runner = Graphs()
    for length in LENGTHS * 3:
        train(runner, length, weights)
        with torch.no_grad():
            for parameter in weights[next(iter(weights))]:
                parameter += torch.randn_like(parameter)
    assert recorder.n_recorded == 2 * len(set(LENGTHS))  # forward and back


def test_a_shape_is_captured_when_it_comes_again(recorder, weights):
    runner, counts = Graphs(), []
    for _ in range(4):
        with torch.inference_mode():
            runner.run(scale, make_inputs(3, trains=False), weights)
        counts.append(recorder.n_recorded)
    assert counts == [0, 1, 1, 1]


def test_what_was_computed_before_a_capture_is_gone(recorder, weights, monkeypatch):
    # It is of another stream, and torch warns if a captured pass shares parts of it.
    computed, alive = [], []

    def work(inputs, weights):
        Y = scale(inputs, weights)
        computed.append(weakref.ref(Y))
        return Y

    def record(work, earlier=None):
        alive.append([Y() is not None for Y in computed])
        return recorder.record(work, earlier)

    monkeypatch.setattr(graphs, "record", record)
    runner = Graphs()
    for _ in range(2):
        runner.run(work, make_inputs(3), weights)
    assert alive[0] == [False, False]  # without a graph, and to choose kernels


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_predictions_are_those_of_the_work_and_stay_so(context, recorder, weights):
    runner, found, expected = Graphs(), [], []
    with context():
        for length in LENGTHS * 3:
            inputs = make_inputs(length, trains=False)
            found.append(runner.run(scale, inputs, weights))
            expected.append(scale(inputs, weights))
    assert_same(found, expected)


def test_blocks_of_one_shape_wait_for_their_backward_passes_side_by_side(
    recorder, weights
):
    runner = Graphs()
    for _ in range(4):
        batch = [make_inputs(3) for _ in range(3)]
        dYs = torch.randn(len(batch), 3, NO)
        # What a run returns is used before the next one.
        Ys = [runner.run(scale, inputs, weights) * 1.0 for inputs in batch]
        with torch.inference_mode():
            runner.run(scale, make_inputs(3, trains=False), weights)
        for inputs, Y, dY in zip(batch, Ys, dYs, strict=True):
            expected = gradients(scale(inputs, weights), inputs[0], weights, dY)
            assert_same(gradients(Y, inputs[0], weights, dY), expected)
    assert len(runner.kept) == 3 + 1


def test_a_graph_whose_output_is_given_up_can_be_taken_again(recorder, weights):
    runner = Graphs()
    for _ in range(5):
        runner.run(scale, make_inputs(3), weights)
    assert len(runner.kept) == 1


def test_gradients_that_were_returned_are_not_overwritten(recorder, weights):
    runner, found, expected = Graphs(), [], []
    for _ in range(4):
        inputs, dY = make_inputs(3), torch.randn(3, NO)
        Y = runner.run(scale, inputs, weights)
        found += gradients(Y, inputs[0], weights, dY)
        expected += gradients(scale(inputs, weights), inputs[0], weights, dY)
    assert_same(found, expected)


def test_other_weights_of_the_same_shapes_are_those_that_count(recorder, weights):
    runner = Graphs()
    averages = {module: [p * 2 for p in own] for module, own in weights.items()}
    for own in (weights, weights, averages, weights):
        with torch.inference_mode():
            inputs = make_inputs(3, trains=False)
            assert_same([runner.run(scale, inputs, own)], [scale(inputs, own)])


def test_memory_is_bounded_and_idle_graphs_make_room(recorder, weights, monkeypatch):
    monkeypatch.setattr(graphs, "IDLE", 20)
    recorder.room, runner = 4, Graphs()

    def predict(lengths):
        for length in lengths:
            with torch.inference_mode():
                inputs = make_inputs(length, trains=False)
                Y = runner.run(scale, inputs, weights)
                assert_same([Y], [scale(inputs, weights)])
            assert len(runner.kept) <= recorder.room

    predict([1, 2, 3, 4] * 3)
    n_recorded = recorder.n_recorded
    predict([1, 2, 3, 4, 5, 6] * 3)  # all are in use
    assert recorder.n_recorded == n_recorded == 4
    predict([5] * 40)
    assert recorder.n_recorded == 5


def test_without_room_for_one_graph_there_is_none(recorder, weights):
    recorder.room, runner = 0, Graphs()
    for _ in range(4):
        train(runner, 3, weights)
    assert recorder.n_recorded == 0


def test_without_memory_for_a_graph_all_are_given_up(recorder, weights):
    runner = Graphs()
    for _ in range(2):
        train(runner, 3, weights)
    train(runner, 4, weights)
    assert len(runner.kept) == 1
    recorder.fail_with = torch.cuda.OutOfMemoryError
    train(runner, 4, weights)
    assert runner.kept == {}
    recorder.fail_with = None
    for n_kept in (0, 1):
        train(runner, 3, weights)
        train(runner, 4, weights)
        assert len(runner.kept) == n_kept  # what didn't fit isn't tried again at once


def test_what_cannot_be_captured_is_done_without_a_graph(recorder, weights):
    runner = Graphs()
    recorder.fail_with = RuntimeError
    train(runner, 3, weights)
    with pytest.warns(UserWarning, match="cuda_graphs = false"):
        train(runner, 3, weights)
    for _ in range(3):
        train(runner, 3, weights)  # without another warning
    assert runner.kept == {}


def test_threads_share_graphs(recorder, weights):
    runner, rng = Graphs(), random.Random(0)
    inputs = [make_inputs(rng.choice(LENGTHS), trains=False) for _ in range(200)]

    def predict(each):
        with torch.inference_mode():
            return runner.run(scale, each, weights)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(predict, inputs))
    assert_same(found, [scale(each, weights).detach() for each in inputs])


def test_work_without_a_gradient_of_its_input_is_not_captured(recorder, weights):
    runner = Graphs()
    for _ in range(3):
        inputs = make_inputs(3, trains=False)
        Y = runner.run(scale, inputs, weights)
        assert_same([Y], [scale(inputs, weights)])
        assert Y.requires_grad
    assert recorder.n_recorded == 0


def test_a_copy_has_no_graphs(recorder, weights):
    runner = Graphs()
    for _ in range(3):
        runner.run(scale, make_inputs(3), weights)
    twin = copy.deepcopy(runner)
    assert twin.kept == {}
    assert twin.met == Counter()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("options", [{}, {"residual": True, "layer_norm": True}])
def test_an_encoder_gives_the_same_for_its_blocks(cell, options, recorder):
    encoder = RNNEncoder(NI, NO, cell=cell, depth=2, **options)
    work, runner = encoder.encode_block, Graphs()
    settings = {"bptt": 0, "recompute": 0}

    def encode(inputs, weights):
        return work(inputs, weights, **settings)

    for weight_dropout in (0.0, 0.0, 0.3):
        for docs in (2, 3, 2):
            X = torch.randn(4, docs, NI, requires_grad=True)
            reverse = torch.arange(4 * docs).view(4, docs).flip(0).flatten()
            inputs = [X, reverse, *encoder.draw_masks(X, 0.5)]
            weights = all_weights(encoder, weight_dropout)
            dY = torch.randn(4, docs, NO)
            results = []
            for run in (encode, lambda *each: runner.run(encode, *each)):
                Y = run(inputs, weights)
                sources = [X, *encoder.parameters()]
                grads = torch.autograd.grad(Y, sources, dY, retain_graph=True)
                results.append([Y, *grads])
            assert_same(*results)
    assert len(runner.kept) == 2
