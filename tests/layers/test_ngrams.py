import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import Doc
from thinc.api import Adam, fix_random_seed, set_dropout_rate

from spacy_rnn.layers.features import mix_keys
from spacy_rnn.layers.key_table import KeyTable
from spacy_rnn.layers.ngrams import EDGE, Ngrams, extract_ngrams, resize_ngrams
from spacy_rnn.layers.probabilities import NEW_LABEL_BIAS

VOCAB = spacy.blank("en").vocab
TEXTS = ["a b a b", "", "b c", "a"]


def make_docs(texts):
    return [Doc(VOCAB, words=text.split()) for text in texts]


def make_layer(rows=64, ngram_size=2):
    layer = Ngrams(2, ngram_size=ngram_size, attr="LOWER", rows=rows, ngram_dropout=0.0)
    return layer.initialize()


def train(layer, texts, steps=5):
    optimizer = Adam(0.1)
    for _ in range(steps):
        Y, backprop = layer.begin_update(make_docs(texts))
        backprop(Y - np.eye(len(texts), Y.shape[1], dtype="f"))
        layer.finish_update(optimizer)
    return layer


def key_of(words):
    key = mix_keys(np.array([words[:1]], dtype="uint64"))
    if len(words) == 1:
        return key[0]
    first = np.array([words[0]], dtype="uint64")
    for word in words[1:]:
        first = mix_keys(np.stack([first, np.array([word], dtype="uint64")], axis=1))
    return first[0]


@given(
    st.lists(st.lists(st.integers(5, 9), max_size=6), min_size=1, max_size=4),
    st.integers(1, 4),
)
def test_ngrams_are_those_of_a_loop_over_each_document(docs, ngram_size):
    words = np.array([word for doc in docs for word in doc], dtype="uint64")
    lengths = np.array([len(doc) for doc in docs])
    keys, doc_of = extract_ngrams(words, lengths, ngram_size)
    expected = []
    for i, doc in enumerate(docs):
        marked = [int(EDGE), *doc, int(EDGE)]
        expected += [(i, key_of([word])) for word in doc]
        for size in range(2, ngram_size + 1):
            for start in range(len(marked) - size + 1):
                expected.append((i, key_of(marked[start : start + size])))
    assert sorted(zip(doc_of, keys, strict=True)) == sorted(expected)


def test_a_row_belongs_to_one_ngram():
    table = KeyTable(100)
    ngrams = np.random.default_rng(0).integers(1, 2**63, 150, dtype=np.uint64)
    for part in np.split(ngrams, 3):
        table.claim(part)
    rows = table.find(ngrams)
    owned = rows[rows >= 0]
    assert len(set(owned)) == len(owned) == len(table)
    assert len(owned) > 70


def test_rows_stay_with_those_who_came_first():
    table = KeyTable(20)
    ngrams = np.random.default_rng(0).integers(1, 2**63, 100, dtype=np.uint64)
    table.claim(ngrams[:10])
    before = table.find(ngrams[:10])
    table.claim(ngrams)
    assert (table.find(ngrams[:10]) == before).all()


def test_scores_do_not_depend_on_the_batch():
    layer = train(make_layer(), TEXTS)
    together = layer.predict(make_docs(TEXTS))
    for text, expected in zip(TEXTS, together, strict=True):
        assert_allclose(layer.predict(make_docs([text]))[0], expected, atol=1e-6)


def test_an_ngram_counts_once_in_a_document_and_unknown_ones_not_at_all():
    layer = train(make_layer(ngram_size=1), ["a", "b"])
    once, often = layer.predict(make_docs(["a b", "a b b b x y"]))
    assert once.all()
    assert_allclose(once, often)
    unknown, empty = layer.predict(make_docs(["x y z", ""]))
    assert_allclose(unknown, empty)


@pytest.mark.parametrize("rows", [1, 64])
def test_what_the_tokens_contribute_adds_up_to_the_scores(rows):
    layer = train(make_layer(rows=rows, ngram_size=1), ["a", "b"])
    docs = make_docs(["a b a", "", "a", "b x"])
    scores = layer.predict(docs)
    assert len(np.unique(scores.round(4), axis=0)) == min(4, 1 + rows)
    part = layer.attrs["linear"](layer, docs, 1.0)
    for tokens, bias, expected in zip(part.tokens, part.bias, scores, strict=True):
        assert_allclose(tokens.sum(axis=0) + bias, expected, atol=1e-6)


def test_prediction_gives_no_rows_away():
    layer = train(make_layer(), ["a", "b"])
    known = len(layer.attrs["table"])
    layer.predict(make_docs(["completely other words"]))
    assert len(layer.attrs["table"]) == known


def test_initializing_a_layer_again_gives_all_rows_away_anew():
    layer = train(make_layer(), ["a", "b"])
    expected = train(make_layer(), ["c d"], steps=1)
    train(layer.initialize(), ["c d"], steps=1)
    assert_array_equal(layer.attrs["table"].keys, expected.attrs["table"].keys)


@pytest.mark.parametrize("text", ["", "a", "a b", "a b c"])
def test_texts_that_are_shorter_than_the_ngrams_are_shared_out(text):
    layer = train(make_layer(ngram_size=6), TEXTS)
    docs = make_docs([text])
    part = layer.attrs["linear"](layer, docs, 0.5)
    total = part.tokens[0].sum(axis=0) + part.bias[0]
    assert_allclose(total, layer.predict(docs)[0], atol=1e-6)


def test_the_ngrams_are_saved_with_the_weights():
    trained = train(make_layer(), TEXTS)
    loaded = Ngrams(ngram_size=2, attr="LOWER", rows=64, ngram_dropout=0.0)
    loaded.from_bytes(trained.to_bytes())
    docs = make_docs(TEXTS)
    assert_allclose(loaded.predict(docs), trained.predict(docs))


def test_a_table_of_another_size_is_refused():
    trained = train(make_layer(rows=64), TEXTS)
    other = Ngrams(ngram_size=2, attr="LOWER", rows=32, ngram_dropout=0.0)
    with pytest.raises(ValueError, match="64"):
        other.from_bytes(trained.to_bytes())


def test_a_copy_learns_ngrams_of_its_own():
    layer = train(make_layer(), ["a", "b"])
    train(layer.copy(), ["c d e", "f g"])
    assert layer.attrs["table"].find(
        extract_ngrams(
            make_docs(["c"])[0].to_array(["LOWER"]).reshape(-1), np.array([1]), 1
        )[0]
    ) == [-1]


def test_more_labels_leave_the_scores_of_the_old_ones_alone():
    layer = train(make_layer(), TEXTS)
    docs = make_docs(TEXTS)
    resized = resize_ngrams(layer, 3)
    assert_allclose(resized.predict(docs)[:, :2], layer.predict(docs), atol=1e-6)
    assert (resized.predict(docs)[:, 2] == NEW_LABEL_BIAS).all()
    assert resized.id != layer.id


def test_ngrams_are_dropped_in_training_at_a_rate_of_their_own():
    layer = train(make_layer(), TEXTS)
    docs = make_docs(TEXTS)
    layer.attrs["ngram_dropout"] = 0.5
    set_dropout_rate(layer, 0.0)
    fix_random_seed(0)
    first, second = (layer.begin_update(docs)[0] for _ in range(2))
    assert not np.array_equal(first, second)
    assert_array_equal(layer.predict(docs), layer.predict(docs))
