import numpy as np
import pytest
from numpy.testing import assert_array_equal
from thinc.api import Model

from spacy_rnn.layers.key_table import KeyTable


def keys(*values):
    return np.array(values, dtype=np.uint64)


@pytest.mark.parametrize("key", [0, 1, 2**64 - 1])
def test_a_key_has_no_row_before_it_claims_one(key):
    table = KeyTable(8)
    assert_array_equal(table.find(keys(key)), [-1])
    table.claim(keys(key))
    assert len(table) == 1
    assert table.find(keys(key))[0] >= 0


@pytest.mark.parametrize("first", [0, 1])
def test_no_two_keys_share_a_row_and_who_has_one_keeps_it(first):
    wanted = np.arange(first, 100, dtype=np.uint64)
    table = KeyTable(60)
    table.claim(wanted)
    rows = table.find(wanted)
    owned = rows[rows >= 0]
    assert len(set(owned.tolist())) == len(owned) == len(table)
    table.claim(wanted[::-1])
    assert_array_equal(table.find(wanted)[rows >= 0], owned)


def test_a_key_has_one_of_the_two_rows_where_saved_models_have_it():
    first = 2**63 + 2**40 + 7 * 2**32 + 5
    second = first + 1000
    table = KeyTable(1000)
    for key in (first, second):
        table.claim(keys(key))
    other = ((second >> 32) ^ (second << 32)) % 2**64 % 1000
    assert_array_equal(table.find(keys(first, second)), [first % 1000, other])


def test_a_table_of_another_size_is_refused():
    saved, same, larger = (
        Model("words", lambda *_: None, attrs={"table": KeyTable(size)})
        for size in (8, 8, 9)
    )
    saved.attrs["table"].claim(keys(0, 3, 2**64 - 1))
    same.from_bytes(saved.to_bytes())
    assert_array_equal(same.attrs["table"].keys, saved.attrs["table"].keys)
    with pytest.raises(ValueError, match="saved with 8 rows, .* configured with 9"):
        larger.from_bytes(saved.to_bytes())
