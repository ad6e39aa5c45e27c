import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from thinc.api import Model

from spacy_rnn.layers.row_cache import RowCache

NO = 4


def make_model():
    model = Model("owner", lambda model, X, is_train: (X, None), params={"W": None})
    model.set_param("W", np.ones(3, dtype="f"))
    return model


def make_rows(keys):
    """Spread the bits of each key over its row."""
    shifts = np.arange(0, 64, 64 // NO, dtype=np.uint64)
    return (keys[:, None] >> shifts & np.uint64(0xFFFF)).astype("f")


class Fetcher:
    """Fetches rows that tell their key, and keeps the keys it had to compute."""

    def __init__(self, cache, model):
        self.cache, self.model, self.computed = cache, model, []

    def __call__(self, *keys):
        keys = np.array(keys, dtype=np.uint64)

        def compute(chosen):
            self.computed.append(sorted(keys[chosen].tolist()))
            return make_rows(keys[chosen])

        rows = self.cache.fetch(self.model, keys, compute)
        assert_array_equal(rows, make_rows(keys))


def test_each_key_is_computed_once():
    fetch = Fetcher(RowCache(), make_model())
    fetch(5, 3, 5, 9)
    fetch(3, 9)
    fetch(9, 7, 5, 7, 1)
    assert fetch.computed == [[3, 5, 9], [1, 7]]


@pytest.mark.parametrize("spread", [1, 2**20, 2**48, 2**63 // 100])
def test_rows_are_right_in_whatever_order_keys_come(spread):
    # All have the same first bits, a few do, each has its own.
    rng = np.random.default_rng(0)
    cache, model = RowCache(), make_model()
    fetch = Fetcher(cache, model)
    for _ in range(50):
        numbers = rng.integers(0, 200, size=rng.integers(1, 40))
        fetch(*(int(number) * spread + 7 for number in numbers))
    assert len(cache) == len({key for keys in fetch.computed for key in keys})


def test_memory_is_bounded_and_rows_stay_right():
    cache, model = RowCache(max_rows=10), make_model()
    fetch = Fetcher(cache, model)
    rng = np.random.default_rng(0)
    for _ in range(100):
        fetch(*rng.integers(0, 60, size=rng.integers(1, 20)))
        assert len(cache) <= 10
        assert cache._rows is None or len(cache._rows) <= cache.max_rows


def test_a_batch_that_is_larger_than_the_cache_is_computed_and_not_kept():
    cache = RowCache(max_rows=10)
    fetch = Fetcher(cache, make_model())
    fetch(*range(11))
    assert len(cache) == 0


def test_another_parameter_array_empties_the_cache():
    cache, model = RowCache(), make_model()
    fetch = Fetcher(cache, model)
    fetch(1, 2)
    model.set_param("W", np.ones(3, dtype="f"))
    fetch(1, 2)
    assert fetch.computed == [[1, 2], [1, 2]]


def test_rows_of_parameters_that_are_exchanged_meanwhile_are_not_kept():
    cache, model = RowCache(), make_model()

    def compute(chosen):
        model.set_param("W", np.ones(3, dtype="f"))  # as another thread would
        return make_rows(np.arange(2, dtype=np.uint64)[chosen])

    cache.fetch(model, np.arange(2, dtype=np.uint64), compute)
    assert len(cache) == 0


@pytest.mark.parametrize(
    "how", [copy.copy, copy.deepcopy, lambda cache: pickle.loads(pickle.dumps(cache))]
)
def test_a_copy_is_empty_and_has_the_same_limit(how):
    cache = RowCache(max_rows=1_234)
    Fetcher(cache, make_model())(1, 2)
    twin = how(cache)
    assert len(cache) == 2
    assert len(twin) == 0
    assert twin.max_rows == 1_234
