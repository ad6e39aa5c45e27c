"""Words whose vectors are kept between predictions: as right as those that aren't."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from thinc.api import SGD

from tests.layers.test_char_embed import (
    ENCODERS,
    WORDS,
    assert_close,
    backpropagate,
    differ,
    make_doc,
    make_layer,
    predict_without_cache,
    update,
)


@pytest.fixture(scope="module")
def nlp():
    return spacy.blank("en")


@pytest.fixture(scope="module")
def docs(nlp):
    return [Doc(nlp.vocab, words=words) for words in WORDS]


def leave_an_update_unfinished(model, docs):
    backpropagate(model, docs)
    model.predict(docs)
    return model


def finish_an_update_later(model, docs):
    leave_an_update_unfinished(model, docs)
    model.finish_update(SGD(0.1))
    return model


def decay_the_weights_after_a_batch_of_empty_docs(model, docs):
    update(model, docs)
    model.predict(docs)
    backpropagate(model, docs[1:2])
    model.finish_update(SGD(0.5, L2=0.5, L2_is_weight_decay=True))
    return model


def load_bytes(model, docs):
    other = make_layer(model.name.removeprefix("char_"))
    update(other, docs)
    return model.from_bytes(other.to_bytes())


def set_other_weights(model, docs):
    model.set_param("W", 2 * model.get_param("W"))
    return model


def update_twice(model, docs):
    for _ in range(2):
        update(model, docs)
        model.predict(docs)
    return model


def update_a_copy(model, docs):
    twin = copy.deepcopy(model)
    twin.predict(docs)
    update(twin, docs)
    return twin


def leave_a_copy_alone(model, docs):
    update_a_copy(model, docs)
    return model


CHANGES = [
    leave_an_update_unfinished,
    finish_an_update_later,
    decay_the_weights_after_a_batch_of_empty_docs,
    load_bytes,
    set_other_weights,
    update_twice,
    update_a_copy,
    leave_a_copy_alone,
]


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_predictions_are_fresh_after(change, encoder, docs):
    model = make_layer(encoder)
    model.predict(docs)
    changed = change(model, docs)
    for _ in range(2):
        assert_close(changed.predict(docs), predict_without_cache(changed, docs))


def test_predictions_are_fresh_inside_and_after_use_params(docs):
    model = make_layer()
    before = model.predict(docs)
    with model.use_params({(model.id, "W"): 3 * model.get_param("W")}):
        inside = model.predict(docs)
        assert_close(inside, predict_without_cache(model, docs))
    assert differ(inside, before)
    assert_close(model.predict(docs), before, 0)


def test_predictions_in_a_memory_zone_are_those_outside_of_it():
    nlp = spacy.blank("en")
    model = make_layer()
    expected = model.predict([nlp("the wug sat"), nlp("the zorb sat")])
    model.attrs["row_cache"].clear()
    for text, Y in zip(["the wug sat", "the zorb sat"], expected, strict=True):
        with nlp.memory_zone():
            assert_close(model.predict([nlp(text)]), [Y])
            assert_close(model.begin_update([nlp(text)])[0], [Y])


@pytest.mark.parametrize("encoder", ENCODERS)
def test_threads_share_a_cold_cache(nlp, encoder):
    words = [f"w{i}" for i in range(60)]
    rng = np.random.default_rng(0)
    batches = [
        [make_doc(nlp, *rng.choice(words, size=9).tolist()) for _ in range(4)]
        for _ in range(32)
    ]
    model = make_layer(encoder)
    expected = [predict_without_cache(model, docs) for docs in batches]
    model = model.copy()
    model.attrs["row_cache"].max_rows = 50  # it overflows at times, too
    with ThreadPoolExecutor(8) as pool:
        for found, Ys in zip(pool.map(model.predict, batches), expected, strict=True):
            assert_close(found, Ys)
