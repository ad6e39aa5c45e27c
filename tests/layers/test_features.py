import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from spacy.attrs import NORM, SHAPE
from spacy.vectors import Vectors
from thinc.api import HashEmbed, NumpyOps

from spacy_rnn.layers.features import (
    content_keys,
    distinct_keys,
    hash_rows,
    mix_keys,
    static_vectors,
    token_features,
    vectors_attr,
)

keys = st.integers(0, 2**64 - 1)


@pytest.fixture(scope="module")
def nlp():
    return spacy.blank("en")


def test_features_of_a_batch_are_those_of_its_tokens_in_order(nlp):
    docs = [nlp("The cat sat"), nlp(""), nlp("on 2 mats")]
    expected = [[token.norm, token.shape] for doc in docs for token in doc]
    for columns in (["NORM", "SHAPE"], [NORM, SHAPE], ["NORM", SHAPE]):
        found = token_features(docs, columns)
        assert found.dtype == np.uint64
        assert_array_equal(found, np.array(expected, dtype=np.uint64))


def test_a_single_attribute_makes_a_single_column(nlp):
    docs = [nlp("The cat sat"), nlp(""), nlp("mats")]
    assert token_features(docs, ["NORM"]).shape == (4, 1)


def test_features_of_a_span_are_those_of_its_tokens(nlp):
    doc = nlp("The cat sat on 2 mats")
    for columns in (["NORM", "SHAPE"], [NORM, SHAPE], ["SHAPE"]):
        whole = token_features([doc], columns)
        assert_array_equal(token_features([doc[1:4], doc[2:2]], columns), whole[1:4])


@given(st.lists(st.tuples(keys, keys), max_size=30))
def test_keys_are_equal_for_equal_rows_only(rows):
    table = np.array(rows, dtype=np.uint64).reshape(-1, 2)
    mixed = mix_keys(table)
    assert len(set(mixed.tolist())) == len(set(rows))
    for i in range(len(table)):
        assert mix_keys(table[i : i + 1])[0] == mixed[i]


def test_swapped_features_have_another_key():
    table = np.array([[1, 2], [2, 1], [0, 3], [3, 0]], dtype=np.uint64)
    assert len(set(mix_keys(table).tolist())) == 4


@given(st.lists(keys | st.integers(0, 9), max_size=50))
def test_the_distinct_keys_are_those_where_each_comes_first(wanted):
    table = np.array(wanted, dtype=np.uint64)
    first, which = distinct_keys(table)
    assert sorted(first.tolist()) == sorted({wanted.index(key) for key in wanted})
    assert_array_equal(table[first][which], table)


def test_rows_are_those_of_the_hash_embedding_of_thinc():
    ops = NumpyOps()
    ids = np.arange(1, 50, dtype=np.uint64).repeat(2).reshape(-1, 2) * 7919
    sizes = [50, 30]
    rows = hash_rows(ids, sizes)
    for i, (size, start) in enumerate(zip(sizes, [0, 50], strict=True)):
        column = rows[:, i]
        assert column.min() >= start
        assert column.max() < start + size
        layer = HashEmbed(4, size, seed=8 + i, column=None).initialize()
        hashed = np.ascontiguousarray(ids[:, i])
        expected = layer.predict(hashed)
        table = layer.get_param("E")
        found = table[column - start].sum(axis=1)
        assert np.abs(ops.asarray(found) - expected).max() < 1e-6


def make_table(nlp, words, width=3, **options):
    rng = np.random.default_rng(0)
    return Vectors(
        strings=nlp.vocab.strings,
        data=rng.normal(size=(len(words), width)).astype("f"),
        keys=words,
        name="small_table",
        **options,
    )


def test_a_word_gets_its_static_vector_and_an_unknown_one_zeros():
    nlp = spacy.blank("en")
    nlp.vocab.vectors = make_table(nlp, ["cat", "mat"])
    doc = nlp("cat dog mat cat")
    words = token_features([doc], [vectors_attr(nlp.vocab)])[:, 0]
    found = static_vectors(nlp.vocab, words, 3)
    assert found.dtype == np.float32
    assert_array_equal(found, np.stack([token.vector for token in doc]))
    assert not found[1].any()
    assert nlp.vocab.vectors.data.any(axis=1).all()  # the table is as it was


def test_floret_vectors_are_those_that_spacy_computes():
    nlp = spacy.blank("en")
    nlp.vocab.vectors = Vectors(
        strings=nlp.vocab.strings,
        data=np.random.default_rng(0).normal(size=(50, 3)).astype("f"),
        mode="floret",
        minn=2,
        maxn=3,
        hash_count=2,
        name="floret_table",
    )
    doc = nlp("cat dog unseenword cat")
    words = token_features([doc], [vectors_attr(nlp.vocab)])[:, 0]
    found = static_vectors(nlp.vocab, words, 3)
    assert_array_equal(found, np.stack([token.vector for token in doc]))
    assert found.any(axis=1).all()


def test_a_table_of_another_width_is_refused_by_its_name():
    nlp = spacy.blank("en")
    nlp.vocab.vectors = make_table(nlp, ["cat"], width=4)
    with pytest.raises(ValueError, match=r"width 3.*small_table.*width 4"):
        static_vectors(nlp.vocab, np.zeros(1, dtype=np.uint64), 3)


@given(st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), max_size=20))
def test_keys_of_content_are_equal_for_equal_bits_only(rows):
    table = np.array(rows, dtype="f").reshape(-1, 2)
    distinct = {row.tobytes() for row in table}
    found = content_keys(table)
    assert len(set(found.tolist())) == len(distinct)
    for i in range(len(table)):
        assert content_keys(table[i : i + 1])[0] == found[i]
