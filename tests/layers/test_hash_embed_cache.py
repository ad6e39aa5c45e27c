"""Rows that are kept between predictions: as right as those that aren't."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from thinc.api import SGD, Adam, RAdam

from tests.layers.test_hash_embed import (
    assert_close,
    backpropagate,
    make_docs,
    make_layer,
    make_nlp,
    make_table,
    predict_without_cache,
    update,
)


def differ(Ys, others):
    return any((other != Y).any() for Y, other in zip(Ys, others, strict=True))


# Whatever makes predictions another way than before ---------------------------------


def update_with(optimizer):
    def change(model, docs, tmp_path):
        for _ in range(2):
            update(model, docs, optimizer)
        return model

    return change


def start_an_update(model, docs, tmp_path):
    model.begin_update(docs)
    model.predict(docs)
    return model


def leave_an_update_unfinished(model, docs, tmp_path):
    backpropagate(model, docs)
    model.predict(docs)
    model.predict(docs)
    return model


def finish_an_update_later(model, docs, tmp_path):
    backpropagate(model, docs)
    model.predict(docs)
    model.finish_update(SGD(0.1))
    return model


def predict_between_forward_and_backprop(model, docs, tmp_path):
    Ys, backprop = model.begin_update(docs)
    model.predict(docs)
    backprop(Ys)
    model.predict(docs)
    model.finish_update(SGD(0.1))
    return model


def decay_the_weights_after_a_batch_of_empty_docs(model, docs, tmp_path):
    optimizer = SGD(0.5, L2=0.5, L2_is_weight_decay=True)
    update(model, docs, optimizer)
    model.predict(docs)
    update(model, docs[1:2], optimizer)
    return model


def load_bytes(model, docs, tmp_path):
    other = make_model_like(model, docs)
    update(other, docs, SGD(0.1))
    return model.from_bytes(other.to_bytes())


def load_disk(model, docs, tmp_path):
    other = make_model_like(model, docs)
    update(other, docs, SGD(0.1))
    other.to_disk(tmp_path / "model")
    return model.from_disk(tmp_path / "model")


def set_other_weights(model, docs, tmp_path):
    model.set_param("W", 2 * model.get_param("W"))
    return model


def update_a_copy(model, docs, tmp_path):
    twin = model.copy()
    twin.predict(docs)
    update(twin, docs, SGD(0.1))
    return twin


def update_a_deepcopy(model, docs, tmp_path):
    twin = copy.deepcopy(model)
    twin.predict(docs)
    update(twin, docs, SGD(0.1))
    return twin


def update_a_pickle(model, docs, tmp_path):
    twin = pickle.loads(pickle.dumps(model))
    twin.predict(docs)
    update(twin, docs, SGD(0.1))
    return twin


def leave_a_copy_alone(model, docs, tmp_path):
    update_a_copy(model, docs, tmp_path)
    return model


def leave_use_params(model, docs, tmp_path):
    with model.use_params({(model.id, "W"): 3 * model.get_param("W")}):
        model.predict(docs)
    return model


CHANGES = [
    update_with(SGD(0.1)),
    update_with(SGD(0.1, use_averages=True, L2=0.1)),
    update_with(Adam(0.1)),
    update_with(RAdam(0.1)),
    start_an_update,
    leave_an_update_unfinished,
    finish_an_update_later,
    predict_between_forward_and_backprop,
    decay_the_weights_after_a_batch_of_empty_docs,
    load_bytes,
    load_disk,
    set_other_weights,
    update_a_copy,
    update_a_deepcopy,
    update_a_pickle,
    leave_a_copy_alone,
    leave_use_params,
]


def make_model_like(model, docs):
    return make_layer(static=model.has_dim("nM") is not False).initialize(X=docs)


@pytest.mark.parametrize("mode", [None, "default"])
@pytest.mark.parametrize(
    "change",
    CHANGES,
    ids=[f"{i}-{change.__name__}" for i, change in enumerate(CHANGES)],
)
def test_predictions_are_fresh_after(change, mode, tmp_path):
    docs = make_docs(make_nlp(mode))
    model = make_layer(static=mode is not None).initialize(X=docs)
    model.predict(docs)
    model.predict(docs)
    changed = change(model, docs, tmp_path)
    assert_close(changed.predict(docs), predict_without_cache(changed, docs))
    assert_close(changed.predict(docs), predict_without_cache(changed, docs))


@pytest.mark.parametrize("optimizer", [SGD, Adam, RAdam])
def test_predictions_are_fresh_inside_and_after_use_params(optimizer):
    docs = make_docs(make_nlp())
    model = make_layer().initialize(X=docs)
    optimizer = optimizer(0.1, use_averages=True)
    seen = []
    for _ in range(3):
        update(model, docs, optimizer)
        before = model.predict(docs)
        with model.use_params(optimizer.averages):
            inside = model.predict(docs)
            assert_close(inside, predict_without_cache(model, docs))
        assert differ(inside, before)
        assert_close(model.predict(docs), before, 0)
        assert all(differ(inside, other) for other in seen)
        seen.append(inside)


@pytest.mark.parametrize("mode", ["default", "floret"])
def test_predictions_follow_a_change_of_the_vectors_table(mode):
    nlp = make_nlp(mode)
    docs = make_docs(nlp)
    model = make_layer(static=True).initialize(X=docs)
    seen = [model.predict(docs)]
    nlp.vocab.vectors.data[0] += 1  # in place
    seen.append(model.predict(docs))
    nlp.vocab.vectors = make_table(nlp, mode, seed=1)
    seen.append(model.predict(docs))
    assert_close(seen[-1], predict_without_cache(model, docs))
    if mode == "default":
        nlp.vocab.set_vector("ate", np.ones(5, dtype="f"))
        seen.append(model.predict(docs))
        assert_close(seen[-1], predict_without_cache(model, docs))
    for Ys, others in zip(seen, seen[1:], strict=False):
        assert differ(Ys, others)


def test_changed_predictions_are_not_hidden_by_the_reference():
    # The references above clear the cache of a copy. This holds that clearing matters:
    # rows that are kept wrongly are seen.
    docs = make_docs(make_nlp())
    model = make_layer().initialize(X=docs)
    Ys = model.predict(docs)
    model.attrs["row_cache"]._rows[:] += 1
    assert differ(model.predict(docs), Ys)
    assert_close(predict_without_cache(model, docs), Ys)


# The cache ---------------------------------------------------------------------------


def test_the_second_prediction_computes_nothing():
    docs = make_docs(make_nlp())
    model = make_layer().initialize(X=docs)
    Ys = model.predict(docs)
    module = model.attrs["torch_module"].bind(model)
    calls = []
    module.register_forward_hook(lambda *_: calls.append(1))
    assert_close(model.predict(docs[::-1]), Ys[::-1], 0)
    assert not calls
    model.predict([*docs, make_nlp()("unseen")])
    assert calls


def test_predictions_are_right_when_the_cache_is_too_small():
    nlp = make_nlp()
    docs = make_docs(nlp)
    model = make_layer().initialize(X=docs)
    cache = model.attrs["row_cache"]
    cache.max_rows = 4
    expected = predict_without_cache(model, docs)
    for _ in range(3):
        assert_close(model.predict(docs), expected)
        for doc, Y in zip(docs, expected, strict=True):
            assert_close(model.predict([doc]), [Y])
            assert len(cache) <= 4


def test_what_is_done_to_a_prediction_does_not_reach_the_cache():
    docs = make_docs(make_nlp())
    model = make_layer().initialize(X=docs)
    expected = [Y.copy() for Y in model.predict(docs)]
    for _ in range(3):
        for Y in model.predict(docs):
            Y[:] = 7
    assert_close(model.predict(docs), expected)


def test_copies_and_pickles_begin_with_an_empty_cache():
    docs = make_docs(make_nlp())
    model = make_layer().initialize(X=docs)
    model.predict(docs)
    assert len(model.attrs["row_cache"])
    for twin in (model.copy(), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert len(twin.attrs["row_cache"]) == 0


def test_the_cache_is_not_saved():
    docs = make_docs(make_nlp())
    model = make_layer().initialize(X=docs)
    before = model.to_bytes()
    model.predict(docs)
    assert model.to_bytes() == before


def test_predictions_in_a_memory_zone_are_those_outside_of_it():
    nlp = make_nlp()
    model = make_layer().initialize(X=make_docs(nlp))
    expected = model.predict([nlp("the wug sat"), nlp("the zorb sat")])
    for text, Y in zip(["the wug sat", "the zorb sat"], expected, strict=True):
        with nlp.memory_zone():
            assert_close(model.predict([nlp(text)]), [Y])


@pytest.mark.parametrize("mode", [None, "default"])
def test_threads_share_a_cold_cache(mode):
    nlp = make_nlp(mode)
    words = [f"w{i}" for i in range(60)]
    rng = np.random.default_rng(0)
    batches = [
        [nlp(" ".join(rng.choice(words, size=9))) for _ in range(4)] for _ in range(64)
    ]
    model = make_layer(static=mode is not None).initialize(X=batches[0])
    expected = [predict_without_cache(model, docs) for docs in batches]
    model = model.copy()
    model.attrs["row_cache"].max_rows = 50  # it overflows at times, too
    with ThreadPoolExecutor(8) as pool:
        for found, Ys in zip(pool.map(model.predict, batches), expected, strict=True):
            assert_close(found, Ys)
