"""The layers on a GPU, beside the same layers on the CPU."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import spacy
import torch
from numpy.testing import assert_allclose
from spacy.ml.models.tok2vec import build_Tok2Vec_model
from spacy.vectors import Vectors
from thinc.api import Adam, set_dropout_rate, use_ops

from spacy_rnn.layers.hash_embed import HashEmbed
from spacy_rnn.layers.language_model import LanguageModel
from spacy_rnn.layers.pool import Pool
from spacy_rnn.layers.rnn import RNN, keep_directions_apart
from spacy_rnn.layers.softmax import Softmax
from spacy_rnn.modules.cells import CELLS

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("device")]

NO = 8
TEXTS = ["the cat sat on the mat", "", "The mat ate 3 cats", "the the the", "cat"]


def make_vectors(*lengths, width=5):
    """Make documents as NumPy arrays; each layer gets them where it computes."""
    rng = np.random.default_rng(len(lengths))
    return [rng.normal(size=(n, width)).astype("f") for n in lengths]


def on(model, Xs):
    return [model.ops.asarray2f(X) for X in Xs]


def to_numpy(Xs):
    return [X if isinstance(X, np.ndarray) else X.get() for X in Xs]


def assert_close(Ys, others, tolerance=1e-4):
    for Y, other in zip(to_numpy(Ys), to_numpy(others), strict=True):
        assert_allclose(Y, other, rtol=0, atol=tolerance)


def make_encoder(nI=5, **options):
    defaults = {
        "cell": "lstm",
        "depth": 2,
        "bidirectional": True,
        "dropout": 0.0,
        "residual": False,
        "layer_norm": False,
        "mixed_precision": False,
    }
    return RNN(NO, nI, **(defaults | options))


def make_embed(static=False):
    return HashEmbed(
        NO,
        attrs=["NORM", "SHAPE"],
        rows=[50, 20],
        include_static_vectors=static,
        dropout=0.0,
        word_dropout=0.0,
    )


def make_pair(make, X=None, **options):
    """Make a layer on the GPU, and one on the CPU with the same parameters."""
    model = make(**options).initialize(X=X)
    with use_ops("numpy"):
        twin = make(**options).from_bytes(model.to_bytes())
    assert model.ops.xp is not np
    assert twin.ops.xp is np
    return model, twin


@pytest.mark.parametrize("options", [{}, {"bptt": 8, "recompute": 4}], ids=str)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_output_and_gradients_are_those_of_the_cpu(cell, bidirectional, options):
    Xs = make_vectors(3, 30, 0, 1, 18)
    pair = make_pair(
        make_encoder,
        cell=cell,
        bidirectional=bidirectional,
        residual=True,
        layer_norm=True,
        **options,
    )
    results = []
    for model in pair:
        Ys, backprop = model.begin_update(on(model, Xs))
        dXs = backprop(on(model, make_vectors(3, 30, 0, 1, 18, width=NO)))
        grad = model.get_grad("W")
        results.append([*Ys, *model.predict(on(model, Xs)), *dXs])
        results[-1].append(grad / abs(grad).max())
    assert_close(*results)


@pytest.mark.parametrize("cell", CELLS)
def test_output_does_not_depend_on_the_batch(cell):
    Xs = make_vectors(3, 30, 0, 1, 3_000, 18)
    model = make_encoder(cell=cell).initialize()
    Xs = on(model, Xs)
    together = model.predict(Xs)
    assert_close(model.predict(Xs[::-1]), together[::-1], 1e-5)
    for X, Y in zip(Xs, together, strict=True):
        assert_close(model.predict([X]), [Y], 1e-5)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("options", [{}, {"weight_dropout": 0.5, "recompute": 4}])
@pytest.mark.parametrize("cell", CELLS)
def test_cudnn_finds_its_weights_in_one_piece(cell, options, apart):
    model = make_encoder(cell=cell, **options).initialize()
    if apart:
        keep_directions_apart(model)
    Xs = on(model, make_vectors(3, 30))
    optimizer = Adam(0.01)
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.predict(Xs)
            for _ in range(2):
                Ys, backprop = model.begin_update(Xs)
                backprop(Ys)
                model.finish_update(optimizer)
                model.copy().predict(Xs)
            make_encoder(cell=cell).from_bytes(model.to_bytes()).predict(Xs)
            with model.use_params({(model.id, "W"): model.get_param("W") * 2}):
                model.predict(Xs)
    finally:
        torch.set_warn_always(always)


def make_language_model():
    tok2vec = build_Tok2Vec_model(make_embed(), make_encoder(NO))
    return LanguageModel(tok2vec, attr="NORM", rows=50)


def test_predictions_of_words_are_those_of_the_cpu():
    nlp = spacy.blank("en")
    docs = [nlp.make_doc(text) for text in TEXTS]
    results = []
    for model in make_pair(make_language_model, X=docs):
        losses, backprop = model.begin_update(docs)
        backprop(losses)
        grads = [node.get_grad("W") for node in model.walk() if node.has_param("W")]
        results.append([losses, *(grad / abs(grad).max() for grad in grads)])
    assert_close(*results)


def test_the_parameters_of_the_module_lie_in_W():
    model = make_encoder().initialize()
    model.predict(on(model, make_vectors(3)))
    W = model.get_param("W")
    begin = W.data.ptr
    for parameter in model.attrs["torch_module"].bind(model).parameters():
        assert parameter.is_cuda
        assert begin <= parameter.data_ptr() < begin + W.nbytes


@pytest.mark.parametrize(
    "duplicate",
    [lambda m: m.copy(), copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))],
)
def test_an_update_changes_the_updated_model_and_no_other(duplicate):
    model = make_encoder().initialize()
    Xs = on(model, make_vectors(3, 30))
    before = model.predict(Xs)
    twin = duplicate(model)
    assert_close(twin.predict(Xs), before, 1e-6)
    Ys, backprop = twin.begin_update(Xs)
    backprop(Ys)
    twin.finish_update(Adam(0.1))
    assert_close(model.predict(Xs), before, 1e-6)
    assert (twin.predict(Xs)[1] != before[1]).any()


def test_bytes_from_the_gpu_are_loaded_on_the_cpu_and_back():
    Xs = make_vectors(3, 30)
    model, twin = make_pair(make_encoder)
    expected = model.predict(on(model, Xs))
    assert_close(twin.predict(Xs), expected)
    back = make_encoder().from_bytes(twin.to_bytes())
    assert back.to_bytes() == model.to_bytes()
    assert_close(back.predict(on(back, Xs)), expected, 1e-6)


def test_a_layer_can_be_moved_to_the_gpu():
    Xs = make_vectors(3, 30)
    with use_ops("numpy"):
        model = make_encoder().initialize()
        expected = model.predict(Xs)
    model.to_gpu(0)
    assert_close(model.predict(on(model, Xs)), expected)
    model.to_cpu()
    assert_close(model.predict(Xs), expected, 1e-6)


def test_dropout_on_the_gpu_takes_whole_features_of_a_document():
    model = make_encoder(depth=1).initialize()
    set_dropout_rate(model, 0.5)
    Xs = on(model, make_vectors(30, 29, 28, 5))
    masks = set()
    for Y in to_numpy(model.begin_update(Xs)[0]):
        mask = (Y != 0).any(axis=0)
        assert ((Y != 0) == mask).all()
        masks.add(tuple(mask.tolist()))
    assert len(masks) > 1


def test_mixed_precision_is_near_single_precision():
    Xs = make_vectors(3, 0, 20)
    single = make_encoder().initialize()
    mixed = make_encoder(mixed_precision=True)
    mixed.set_param("W", single.get_param("W").copy())
    Ys, backprop = mixed.begin_update(on(mixed, Xs))
    assert {Y.dtype for Y in [*Ys, *backprop(Ys)]} == {np.dtype("f")}
    assert_close(Ys, single.predict(on(single, Xs)), 0.05)


@pytest.mark.parametrize("mode", [None, "default"])
def test_an_embedding_and_its_cache_are_those_of_the_cpu(mode):
    nlp = spacy.blank("en")
    if mode == "default":
        data = np.random.default_rng(0).normal(size=(2, 4)).astype("f")
        nlp.vocab.vectors = Vectors(
            strings=nlp.vocab.strings, data=data, keys=["cat", "the"], name="small"
        )
        nlp.vocab.vectors.to_ops(make_encoder().ops)
    docs = [nlp(text) for text in TEXTS]
    model, twin = make_pair(make_embed, docs, static=mode is not None)
    optimizer = Adam(0.1)
    for _ in range(3):
        nlp.vocab.vectors.to_ops(twin.ops)
        expected = twin.predict(docs)
        nlp.vocab.vectors.to_ops(model.ops)
        assert_close(model.predict(docs), expected)  # cold
        assert_close(model.predict(docs[::-1]), expected[::-1])  # warm
        trained, backprop = model.begin_update(docs)
        assert_close(trained, expected)
        backprop([Y * 0 + 1 for Y in trained])
        model.predict(docs)
        model.finish_update(optimizer)
        twin.from_bytes(model.to_bytes())
    rows = model.attrs["row_cache"]._rows
    assert rows is None or not isinstance(rows, np.ndarray)


def test_averages_are_used_inside_use_params_and_gone_after_it():
    nlp = spacy.blank("en")
    docs = [nlp(text) for text in TEXTS]
    model = make_embed().initialize(X=docs)
    optimizer = Adam(0.1, use_averages=True)
    for _ in range(3):
        Ys, backprop = model.begin_update(docs)
        backprop([Y * 0 + Y[:, :1] for Y in Ys])
        model.finish_update(optimizer)
    before = model.predict(docs)
    with model.use_params(optimizer.averages):
        inside = model.predict(docs)
    assert (inside[0] != before[0]).any()
    assert_close(model.predict(docs), before, 0)


@pytest.mark.parametrize("kind", ["last", "mean", "max", "attention"])
def test_pooling_is_that_of_the_cpu(kind):
    Xs = make_vectors(3, 0, 1, 30, width=NO)
    results = []
    for model in make_pair(Pool, Xs, pooling=[kind], bidirectional=True):
        Y, backprop = model.begin_update(on(model, Xs))
        results.append([Y, *backprop(Y)])
    assert_close(*results)


def test_label_probabilities_are_those_of_the_cpu():
    Xs = make_vectors(3, 0, 1, 30, width=NO)
    W = np.random.default_rng(0).normal(size=(4, NO)).astype("f")
    results = []
    for model in make_pair(Softmax, Xs, nO=4, normalize=True):
        model.set_param("W", model.ops.asarray2f(W))
        Ys, backprop = model.begin_update(on(model, Xs))
        dXs = backprop(Ys)
        gradients = [model.get_grad(name) for name in ("W", "b")]
        results.append([*Ys, *model.predict(on(model, Xs)), *dXs, *gradients])
    assert_close(*results)
