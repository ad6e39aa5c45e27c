import numpy as np
import pytest
import spacy
import torch
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import Doc

from spacy_rnn.architectures.hash_embed import build_multi_hash_embed
from spacy_rnn.layers import value_counts
from spacy_rnn.layers.value_counts import UNKNOWN, ValueCounts

VOCAB = spacy.blank("en").vocab
VALUES = np.array([[1, 5], [2, 5], [1, 6]], dtype=np.uint64)


def make_docs(*texts):
    return [Doc(VOCAB, words=text.split()) for text in texts]


def make_embed(unknown_rate=0.5):
    embed = build_multi_hash_embed(
        8, ["NORM", "SUFFIX"], [50, 50], False, unknown_rate=unknown_rate
    )
    return embed.initialize()


def train(embed, docs):
    Ys, backprop = embed.begin_update(docs)
    backprop([np.ones_like(Y) for Y in Ys])


def test_values_are_counted_for_each_attribute_by_itself():
    counts = ValueCounts()
    counts.add(VALUES)
    counts.add(VALUES[:1])
    assert_array_equal(counts.of(VALUES), [[3, 3], [1, 3], [3, 1]])
    assert_array_equal(counts.of(VALUES[:, ::-1].copy()), np.zeros((3, 2)))


def test_the_first_row_of_a_table_counts_too(monkeypatch):
    monkeypatch.setattr(value_counts, "SIZE", 1)
    counts = ValueCounts()
    counts.add(VALUES[:1, :1])
    counts.add(VALUES[:2, :1])
    assert_array_equal(counts.of(VALUES[:2, :1]), [[2], [0]])


def test_rare_values_are_replaced_as_often_as_promised():
    torch.manual_seed(0)
    counts = ValueCounts()
    counts.add(VALUES)
    many = np.repeat(VALUES, 20_000, axis=0)
    replaced = counts.replace_rare(many, 0.5) == UNKNOWN
    shares = replaced.reshape(3, -1, 2).mean(axis=1)
    assert_allclose(shares, [[0.2, 0.2], [1 / 3, 0.2], [0.2, 1 / 3]], atol=0.01)


def test_only_unseen_values_are_replaced_in_prediction():
    counts = ValueCounts()
    counts.add(VALUES)
    other = np.array([[1, 7], [9, 5]], dtype=np.uint64)
    assert_array_equal(counts.replace_unseen(VALUES), VALUES)
    assert_array_equal(counts.replace_unseen(other), [[1, UNKNOWN], [UNKNOWN, 5]])


def test_all_unseen_words_have_one_vector():
    embed = make_embed()
    train(embed, make_docs("soup was good"))
    soup, new, newer = embed.predict(make_docs("soup"))[0].tolist() + [
        row for Y in embed.predict(make_docs("zebra", "qwerty")) for row in Y.tolist()
    ]
    assert new == newer
    assert new != soup


def test_without_a_rate_unseen_words_have_vectors_of_their_own():
    embed = make_embed(unknown_rate=0.0)
    train(embed, make_docs("soup was good"))
    new, newer = embed.predict(make_docs("zebra", "qwerty"))
    assert abs(new - newer).max() > 1e-3


@pytest.mark.parametrize("how", ["bytes", "copy", "disk"])
def test_what_was_seen_is_saved(how, tmp_path):
    docs = make_docs("soup was good", "zebra")
    embed = make_embed()
    train(embed, docs[:1])
    if how == "copy":
        loaded = embed.copy()
    elif how == "bytes":
        loaded = make_embed().from_bytes(embed.to_bytes())
    else:
        embed.to_disk(tmp_path / "model")
        loaded = make_embed().from_disk(tmp_path / "model")
    for Y, Y_loaded in zip(embed.predict(docs), loaded.predict(docs), strict=True):
        assert_array_equal(Y, Y_loaded)
    train(loaded, docs[1:])
    assert embed.attrs["value_counts"].of(VALUES).sum() == 0
    assert len(embed.attrs["value_counts"].table) == 6
    assert len(loaded.attrs["value_counts"].table) == 8


def test_initializing_again_forgets_what_was_seen():
    embed = make_embed()
    train(embed, make_docs("soup"))
    embed.initialize()
    assert len(embed.attrs["value_counts"].table) == 0


def test_a_negative_rate_is_refused():
    with pytest.raises(ValueError, match="unknown_rate has to be 0 or more"):
        make_embed(unknown_rate=-1.0)
