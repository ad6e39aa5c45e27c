from contextlib import nullcontext

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from thinc.api import Adam, fix_random_seed, set_dropout_rate

from spacy_rnn.layers.rnn import RNN
from spacy_rnn.modules.cells import CELLS
from spacy_rnn.modules.rnn import RNNEncoder

NO = 6
SETTINGS = [
    pytest.param(cell, depth, bidirectional, id=f"{cell}-{depth}-{bidirectional}")
    for cell in CELLS
    for depth in (1, 2)
    for bidirectional in (False, True)
]
OPTIONS = [(False, False), (True, False), (False, True), (True, True)]


def make_vectors(*lengths, width=5):
    rng = np.random.default_rng(len(lengths))
    return [rng.normal(size=(n, width)).astype("f") for n in lengths]


def make_layer(nI=None, **options):
    defaults = {
        "cell": "lstm",
        "depth": 1,
        "bidirectional": True,
        "dropout": 0.0,
        "residual": False,
        "layer_norm": False,
        "mixed_precision": False,
    }
    return RNN(NO, nI, **(defaults | options))


def is_dropped(Y):
    """Return for each feature whether it is zero throughout, or nowhere."""
    dropped = (Y == 0).any(axis=0)
    assert_array_equal(dropped, (Y == 0).all(axis=0))
    return tuple(dropped.tolist())


@pytest.mark.parametrize(("residual", "layer_norm"), OPTIONS)
@pytest.mark.parametrize(("cell", "depth", "bidirectional"), SETTINGS)
def test_output_does_not_depend_on_the_batch(
    cell, depth, bidirectional, residual, layer_norm
):
    Xs = make_vectors(3, 30, 0, 7, 19, 1)
    model = make_layer(
        cell=cell,
        depth=depth,
        bidirectional=bidirectional,
        residual=residual,
        layer_norm=layer_norm,
    ).initialize(X=Xs)
    alone = [model.predict([X])[0] for X in Xs]
    long = make_vectors(3_000)[0]
    empty = long[:0]
    for batch in (
        range(len(Xs)),
        [4, 1, 1, 0, 3, 5, 2],
        [-1, 0, -2, 4, -1, 2],
        [-1, 5],
    ):
        found = model.predict(
            [{-1: empty, -2: long}.get(i, Xs[max(i, 0)]) for i in batch]
        )
        for i, Y in zip(batch, found, strict=True):
            if i >= 0:
                assert Y.shape == (len(Xs[i]), NO)
                assert_allclose(Y, alone[i], rtol=0, atol=1e-5)
            elif i == -1:
                assert Y.shape == (0, NO)


@pytest.mark.parametrize(("cell", "depth", "bidirectional"), SETTINGS)
def test_gradients_do_not_depend_on_the_batch(cell, depth, bidirectional):
    Xs = make_vectors(3, 30, 0, 7)
    model = make_layer(cell=cell, depth=depth, bidirectional=bidirectional)
    model.initialize(X=Xs)
    together, backprop = model.begin_update(Xs)
    dXs = backprop(together)
    grad = model.get_grad("W").copy()
    model.get_grad("W")[:] = 0
    for X, Y, dX in zip(Xs, together, dXs, strict=True):
        assert dX.shape == X.shape
        if len(X):
            _, backprop = model.begin_update([X])
            assert_allclose(backprop([Y])[0], dX, rtol=0, atol=1e-5)
    scale = np.abs(grad).max()
    assert_allclose(model.get_grad("W"), grad, rtol=0, atol=1e-5 * scale)


def test_the_layer_computes_what_its_module_computes():
    Xs = make_vectors(3, 8, width=5)
    model = make_layer(nI=5, depth=2).initialize()
    module = model.attrs["torch_module"].bind(model)
    assert isinstance(module, RNNEncoder)
    with torch.no_grad():
        Y = module(torch.from_numpy(np.concatenate(Xs)), torch.tensor([3, 8]))
    assert_array_equal(np.concatenate(model.predict(Xs)), Y.numpy())


def test_gradient_of_the_input_is_that_of_finite_differences():
    Xs = make_vectors(3, 2)
    model = make_layer(layer_norm=True, residual=True).initialize(X=Xs)
    Ys, backprop = model.begin_update(Xs)
    dYs = [np.cos(np.arange(Y.size, dtype="f")).reshape(Y.shape) for Y in Ys]
    dXs = backprop(dYs)

    def value():
        Ys = model.predict(Xs)
        return sum(float((Y * dY).sum()) for Y, dY in zip(Ys, dYs, strict=True))

    for X, dX in zip(Xs, dXs, strict=True):
        for place in np.ndindex(X.shape):
            middle = X[place]
            X[place] = middle + 1e-2
            above = value()
            X[place] = middle - 1e-2
            slope = (above - value()) / 2e-2
            X[place] = middle
            assert slope == pytest.approx(dX[place], abs=2e-2)


def test_dropout_takes_a_feature_from_a_whole_document_in_training_only():
    Xs = [X + 1 for X in make_vectors(30, 29, 28, 27, 5)]
    model = make_layer(dropout=0.5).initialize(X=Xs)
    kept = model.predict(Xs)
    assert not any((Y == 0).any() for Y in kept)
    Ys, _ = model.begin_update(Xs)
    assert len({is_dropped(Y) for Y in Ys}) > 1
    for Y, whole in zip(Ys, kept, strict=True):
        assert_allclose(Y[Y != 0], 2 * whole[Y != 0], rtol=0, atol=1e-5)


def test_set_dropout_rate_replaces_the_configured_rate():
    Xs = make_vectors(30, 40)
    model = make_layer(dropout=0.9).initialize(X=Xs)
    set_dropout_rate(model, 0.0)
    assert not any((Y == 0).any() for Y in model.begin_update(Xs)[0])
    model = make_layer(dropout=0.0).initialize(X=Xs)
    set_dropout_rate(model, 0.9)
    assert all(any(is_dropped(Y)) for Y in model.begin_update(Xs)[0])
    assert not any((Y == 0).any() for Y in model.predict(Xs))


def test_dropout_is_drawn_from_the_seed_of_thinc():
    Xs = make_vectors(30, 40)
    model = make_layer(dropout=0.5).initialize(X=Xs)
    draws = []
    for seed in (1, 1, 2):
        fix_random_seed(seed)
        draws.append(np.concatenate(model.begin_update(Xs)[0]))
    assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


def test_gradient_passes_through_the_same_mask_as_the_output():
    Xs = make_vectors(30)
    model = make_layer(dropout=0.5, bidirectional=False, cell="rnn_relu")
    model.initialize(X=Xs)
    (Y,), backprop = model.begin_update(Xs)
    dropped = (Y == 0).all(axis=0)
    (dX,) = backprop([np.where(dropped, 1, 0).astype("f").repeat(30).reshape(NO, 30).T])
    assert not dX.any()
    assert not model.get_grad("W").any()


def test_chunks_are_used_in_training():
    Xs = make_vectors(9, 3, 0)
    model = make_layer(cell="rnn_tanh", bidirectional=False).initialize(X=Xs)
    cut = make_layer(cell="rnn_tanh", bidirectional=False, bptt=4, recompute=2)
    cut.initialize(X=Xs).set_param("W", model.get_param("W"))
    dYs = [np.zeros((n, NO), dtype="f") for n in (9, 3, 0)]
    dYs[0][6] = 1
    _, backprop = model.begin_update(Xs)
    assert backprop(dYs)[0][:7].all()
    Ys, backprop = cut.begin_update(Xs)
    dX = backprop(dYs)[0]
    assert dX[4:7].all()
    assert not dX[:4].any()
    for Y, predicted in zip(Ys, cut.predict(Xs), strict=True):
        assert_allclose(Y, predicted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_chunks_do_not_depend_on_the_batch(cell, bidirectional, depth):
    Xs = make_vectors(3, 30, 0, 18, 7)
    model = make_layer(
        cell=cell, depth=depth, bidirectional=bidirectional, bptt=7, recompute=3
    )
    model.initialize(X=Xs)
    Ys, backprop = model.begin_update(Xs)
    dXs = backprop(Ys)
    grad = model.get_grad("W").copy()
    model.get_grad("W")[:] = 0
    for X, Y, dX in zip(Xs, Ys, dXs, strict=True):
        if len(X):
            _, backprop = model.begin_update([X])
            assert_allclose(backprop([Y])[0], dX, rtol=0, atol=1e-5)
    scale = np.abs(grad).max()
    assert_allclose(model.get_grad("W"), grad, rtol=0, atol=1e-5 * scale)


def test_how_a_layer_is_trained_comes_from_its_config_and_not_from_a_file():
    Xs = make_vectors(9, 3)
    settings = {"weight_dropout": 0.2, "bptt": 4, "recompute": 2}
    trained = make_layer(**settings).initialize(X=Xs)
    before = make_layer().initialize(X=Xs)
    for saved, loaded in ((trained, make_layer()), (before, make_layer(**settings))):
        expected = loaded.attrs["training"]
        loaded.from_bytes(saved.to_bytes())
        assert loaded.attrs["training"] == expected
        assert_array_equal(loaded.predict(Xs)[0], saved.predict(Xs)[0])
    assert trained.copy().attrs["training"] == trained.attrs["training"]


def test_the_config_says_whether_a_loaded_layer_computes_in_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    Xs = make_vectors(9, 3)
    exact = make_layer().initialize(X=Xs)
    mixed = make_layer(mixed_precision=True)
    mixed.from_bytes(exact.to_bytes())
    assert not np.array_equal(mixed.predict(Xs)[0], exact.predict(Xs)[0])
    loaded = make_layer().from_bytes(mixed.to_bytes())
    assert_array_equal(loaded.predict(Xs)[0], exact.predict(Xs)[0])


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32"])
def test_input_of_another_type_is_taken_as_float32(dtype):
    Xs = [(9 * X).astype(dtype) for X in make_vectors(3, 0, 4)]
    model = make_layer().initialize(X=Xs)
    Ys, backprop = model.begin_update(Xs)
    for Y, X, dX in zip(Ys, Xs, backprop(Ys), strict=True):
        assert Y.dtype == dX.dtype == np.float32
        assert_array_equal(Y, model.predict([X.astype("f")])[0])


def test_input_may_be_read_only_and_is_left_as_it_is():
    Xs = make_vectors(3, 4)
    for X in Xs:
        X.setflags(write=False)
    before = [X.copy() for X in Xs]
    model = make_layer(residual=True).initialize(X=Xs)
    for batch in (Xs, Xs[:1]):
        Ys, backprop = model.begin_update(batch)
        backprop(Ys)
        model.predict(batch)
    for X, same in zip(Xs, before, strict=True):
        assert_array_equal(X, same)


@pytest.mark.parametrize("width", [1, 2, 64])
def test_the_width_of_the_input_is_found_in_the_data(width):
    Xs = make_vectors(0, 3, width=width)
    model = make_layer().initialize(X=Xs)
    assert model.get_dim("nI") == width
    assert [Y.shape for Y in model.predict(Xs)] == [(0, NO), (3, NO)]


def test_an_uninitialized_layer_says_so():
    with pytest.raises(KeyError, match="lstm"):
        make_layer(nI=5).predict(make_vectors(3))


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_a_batch_without_tokens_is_predicted_and_backpropagated_through(lengths, depth):
    model = make_layer(nI=5, depth=depth, dropout=0.2).initialize()
    Xs = make_vectors(*lengths)
    assert [Y.shape for Y in model.predict(Xs)] == [(0, NO)] * len(lengths)
    Ys, backprop = model.begin_update(Xs)
    dXs = backprop(Ys)
    assert [dX.shape for dX in dXs] == [(0, 5)] * len(lengths)
    model.finish_update(Adam(0.1))


@pytest.fixture
def with_bfloat16(monkeypatch):
    """Take the processor for one that has bfloat16, which torch computes anywhere."""
    monkeypatch.setattr("spacy_rnn.layers.rnn.check_bfloat16", lambda ops: None)


@pytest.mark.usefixtures("with_bfloat16")
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("residual", "layer_norm"), OPTIONS)
def test_mixed_precision_is_near_single_precision(cell, residual, layer_norm):
    Xs = make_vectors(3, 0, 12)
    results = []
    for mixed_precision in (False, True):
        fix_random_seed(1)
        model = make_layer(
            cell=cell,
            depth=2,
            residual=residual,
            layer_norm=layer_norm,
            mixed_precision=mixed_precision,
        ).initialize(X=Xs)
        Ys, backprop = model.begin_update(Xs)
        dXs = backprop(make_vectors(3, 0, 12, width=NO))
        arrays = [*Ys, *model.predict(Xs), *dXs, model.get_grad("W")]
        assert {array.dtype for array in arrays} == {np.dtype("f")}
        if cell == "rnn_relu":
            del arrays[2 * len(Xs) :]  # gradients jump where a unit comes to life
        results.append(arrays)
    for single, mixed in zip(*results, strict=True):
        difference = np.linalg.norm(single - mixed)
        assert difference <= 0.3 * np.linalg.norm(single)
        # Only an LSTM, and the projection around any cell, compute in bfloat16.
        rounded = cell == "lstm" or residual
        assert bool(difference) == (rounded and single.size > 0)


@pytest.mark.usefixtures("with_bfloat16")
@pytest.mark.parametrize("weight_dropout", [0.0, 0.3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_chunks_and_weight_dropout_keep_to_mixed_precision(
    cell, bidirectional, weight_dropout
):
    Xs = make_vectors(50, 3, 0, 48, 4)  # some are shorter than a chunk
    dYs = make_vectors(50, 3, 0, 48, 4, width=NO)
    dYs[1] *= 9
    results = []
    for recompute in (0, 7):
        fix_random_seed(1)
        model = make_layer(
            cell=cell,
            depth=2,
            bidirectional=bidirectional,
            mixed_precision=True,
            weight_dropout=weight_dropout,
            bptt=14,
            recompute=recompute,
        ).initialize(X=Xs)
        Ys, backprop = model.begin_update(Xs)
        results.append([*Ys, *backprop(dYs), model.get_grad("W")])
    for kept, recomputed in zip(*results, strict=True):
        assert kept.dtype == recomputed.dtype == np.dtype("f")
        difference = np.linalg.norm(kept - recomputed)
        assert difference <= 0.05 * np.linalg.norm(kept)


def test_weight_dropout_is_for_training_and_keeps_its_rate():
    Xs = make_vectors(20, 0, 7)
    model = make_layer(weight_dropout=0.5).initialize(X=Xs)
    plain = make_layer().initialize(X=Xs)
    plain.set_param("W", model.get_param("W"))
    for rate in (0.0, 0.9):
        set_dropout_rate(model, rate)
        for Y, expected in zip(model.predict(Xs), plain.predict(Xs), strict=True):
            assert_array_equal(Y, expected)
    set_dropout_rate(model, 0.0)
    trained = model.begin_update(Xs)[0][0]
    assert (trained != plain.predict(Xs)[0]).any()
    fix_random_seed(1)
    first = model.begin_update(Xs)[0][0]
    fix_random_seed(1)
    assert_array_equal(model.begin_update(Xs)[0][0], first)


@pytest.mark.parametrize("cuda_graphs", [False, True])
def test_the_config_says_whether_a_gpu_may_use_graphs(cuda_graphs, monkeypatch):
    model = make_layer(cuda_graphs=cuda_graphs).initialize(X=make_vectors(3))
    model.from_bytes(
        make_layer(cuda_graphs=False).initialize(X=make_vectors(3)).to_bytes()
    )
    encode, asked = RNNEncoder.forward, []

    def forward(self, *args, **options):
        asked.append(options["cuda_graphs"])
        return encode(self, *args, **options)

    monkeypatch.setattr(RNNEncoder, "forward", forward)
    model.predict(make_vectors(3))
    model.begin_update(make_vectors(3))
    assert asked == [cuda_graphs] * 2


@pytest.mark.parametrize("supported", [False, True])
def test_mixed_precision_is_refused_where_there_is_no_bfloat16(supported, monkeypatch):
    name = "_is_mkldnn_bf16_supported"
    monkeypatch.setattr(torch.ops.mkldnn, name, lambda: supported)
    model = make_layer(mixed_precision=True)
    message = "mixed_precision.*AVX512_BF16.*float32"
    with nullcontext() if supported else pytest.raises(ValueError, match=message):
        model.initialize(X=make_vectors(3))
    make_layer().initialize(X=make_vectors(3))


@pytest.mark.parametrize("is_train", [False, True])
def test_a_gpu_without_enough_memory_names_the_settings(is_train, monkeypatch):
    model = make_layer().initialize(X=make_vectors(3))
    Ys, backprop = model.begin_update(make_vectors(3))

    def fail(*args, **options):
        raise torch.cuda.OutOfMemoryError("Tried to allocate 2 GiB")

    message = r"'lstm'.*\[training.batcher\] size.*recompute.*2 GiB"
    with monkeypatch.context() as patch:
        patch.setattr(torch.autograd, "backward", fail)
        with pytest.raises(torch.cuda.OutOfMemoryError, match=message):
            backprop(Ys)
    module = model.attrs["torch_module"].bind(model)
    monkeypatch.setattr(module, "encode_block", fail)
    with pytest.raises(torch.cuda.OutOfMemoryError, match=message):
        model(make_vectors(3), is_train)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cell": "lstmm"}, "cell has to be one of .*'gru'.*'lstmm'"),
        ({"depth": 0}, "depth has to be 1 or more"),
        ({"dropout": 1.0}, r"dropout has to be in \[0, 1\)"),
        ({"bptt": -1}, "bptt has to be 0 or more"),
    ],
)
def test_settings_out_of_range_are_refused_before_anything_is_computed(
    settings, message
):
    with pytest.raises(ValueError, match=message):
        make_layer(**settings)
    with pytest.raises(ValueError, match="width .*has to be even.* 5"):
        RNN(5, cell="lstm", depth=1, bidirectional=True)
