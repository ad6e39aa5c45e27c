import copy
import pickle
from operator import itemgetter

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from thinc.api import NumpyOps, concatenate, list2ragged, noop, with_array, with_padded

from spacy_rnn.ragged import RaggedList, flatten

LENGTHS = np.array([3, 0, 7])


def make_pieces():
    return np.split(np.arange(20, dtype="f").reshape(10, 2), np.cumsum(LENGTHS)[:-1])


def make_ragged():
    return RaggedList(np.concatenate(make_pieces()), LENGTHS)


def assert_pieces(found, expected):
    assert type(found) is not RaggedList or len(found) == len(list(found))
    assert len(found) == len(expected)
    for each, other in zip(found, expected, strict=True):
        assert_array_equal(each, other)


def add(Xs):
    Xs += [1]
    return Xs


def put(Xs):
    Xs[1] = np.ones((1, 2), dtype="f")
    return Xs


def clear(Xs):
    Xs.clear()
    return Xs


def extend(Xs):
    found = []
    found.extend(Xs)
    return found


def assign(Xs):
    found = [0]
    found[:] = Xs
    return found


READERS = {
    "list": list,
    "tuple": tuple,
    "star": lambda Xs: [*Xs],
    "slice": itemgetter(slice(1, None)),
    "index": lambda Xs: [Xs[0], Xs[-1]],
    "plus": lambda Xs: Xs + [1],  # noqa: RUF005
    "plus it": lambda Xs: [1] + Xs,  # noqa: RUF005
    "times": lambda Xs: 2 * Xs,
    "reversed": lambda Xs: list(reversed(Xs)),
    "sorted": lambda Xs: sorted(Xs, key=len),
    "copy": copy.copy,
    "its copy": lambda Xs: Xs.copy(),
    "deep copy": copy.deepcopy,
    "pickle": lambda Xs: pickle.loads(pickle.dumps(Xs)),
    "extend": extend,
    "assign": assign,
    "numpy": lambda Xs: [np.concatenate(Xs)],
    "in place": add,
    "put": put,
    "clear": clear,
    "flatten": lambda Xs: [NumpyOps().flatten(Xs)],
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())
def test_whoever_reads_or_changes_it_finds_a_list(read):
    assert_pieces(read(make_ragged()), read(list(make_pieces())))


def test_no_method_of_lists_passes_it_by():
    harmless = {"__len__", "__class_getitem__", "__sizeof__", "__init__", "__new__"}
    harmless |= {"__doc__", "__getattribute__", "__hash__"}
    assert set(vars(list)) - harmless <= set(vars(RaggedList))


def test_it_is_cut_no_sooner_than_it_is_read():
    ragged = make_ragged()
    assert isinstance(ragged, list)
    assert len(ragged) == 3
    assert bool(ragged)
    assert not RaggedList(np.zeros((0, 2)), np.zeros(0, dtype=np.int64))
    assert flatten(NumpyOps(), ragged) is ragged
    assert list.__len__(ragged) == 0
    assert np.shares_memory(ragged[2], ragged.data)
    assert list.__len__(ragged) == 3
    assert flatten(NumpyOps(), ragged) is ragged


@pytest.mark.parametrize("change", [add, put, clear])
def test_a_changed_one_has_no_whole(change):
    ragged = make_ragged()
    change(ragged)
    assert ragged.data is None
    assert len(ragged) == len(list(ragged))


def test_other_lists_are_laid_end_to_end():
    ragged = flatten(NumpyOps(), make_pieces())
    assert_array_equal(ragged.data, make_ragged().data)
    assert_array_equal(ragged.lengths, LENGTHS)
    assert flatten(NumpyOps(), put(make_ragged())).data.shape == (11, 2)
    assert len(flatten(NumpyOps(), []).data) == 0


@pytest.mark.parametrize(
    "layer",
    [
        with_array(noop()),
        with_padded(noop()),
        list2ragged(),
        concatenate(with_array(noop()), with_array(noop())),
    ],
    ids=lambda layer: layer.name,
)
def test_layers_of_thinc_take_it_for_a_list(layer):
    Ys, backprop = layer(make_ragged(), is_train=True)
    expected, _ = layer(list(make_pieces()), is_train=True)
    if isinstance(expected, list):
        assert_pieces(Ys, expected)
        assert len(backprop(Ys)) >= 3
    else:
        assert_array_equal(Ys.data, expected.data)
        assert_array_equal(Ys.lengths, expected.lengths)
