import copy
from pathlib import Path

import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import Doc
from thinc.api import Adam, set_dropout_rate

from spacy_rnn.architectures.hash_embed import build_hash_embed_rnn
from spacy_rnn.layers.sentence_scorer import SentenceScorer, lay_out

CLEAR_REFS = Path("/proc/self/clear_refs")
TEXTS = [
    "The cat sat on the mat. A dog saw the cat! Nobody cared.",
    "",
    "Yes",
    "One. Two two. The three were there. Three.",
    "Why? Why not?",
]


@pytest.fixture(scope="module")
def nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return nlp


@pytest.fixture(scope="module")
def docs(nlp):
    return list(nlp.pipe(TEXTS))


def make_layer(docs=None, cell="lstm"):
    layer = SentenceScorer(
        build_hash_embed_rnn(8, 1, 60),
        width=6,
        hidden_width=5,
        cell=cell,
        views=2,
        attr="LOWER",
        dropout=0.0,
    )
    if docs is not None:
        layer.initialize(X=docs)
        W = layer.layers[1].get_param("W")
        W += np.random.default_rng(0).normal(size=W.shape, scale=0.1).astype("f")
    return layer


def update(layer, docs, optimizer):
    Ys, backprop = layer.begin_update(docs)
    backprop([Y - 1.0 for Y in Ys])
    layer.finish_update(optimizer)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_scores_do_not_depend_on_the_batch(docs, cell):
    layer = make_layer(docs, cell)
    together = layer.predict(docs)
    assert [len(Y) for Y in together] == [3, 0, 1, 4, 2]
    for doc, Y in zip(docs, together, strict=True):
        assert_allclose(layer.predict([doc])[0], Y, atol=1e-5)
    for Y, Y_reversed in zip(together, layer.predict(docs[::-1])[::-1], strict=True):
        assert_allclose(Y_reversed, Y, atol=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_scores_of_fuzzed_texts_do_not_depend_on_the_batch(nlp, docs, seed):
    rng = np.random.default_rng(seed)
    fuzzed = []
    for _ in range(30):
        lengths = rng.choice([1, 3, 40, 200], size=rng.choice([1, 2, 5, 20]))
        words = rng.integers(rng.choice([3, 20, 300]), size=lengths.sum())
        starts = np.isin(np.arange(lengths.sum()), lengths.cumsum() - lengths)
        texts = [[".", "the", "\n", f"word{n}"][n % 4] for n in words]
        fuzzed.append(Doc(nlp.vocab, texts, sent_starts=starts.tolist()))
    layer = make_layer(docs)
    W = layer.layers[1].get_param("W")
    W += rng.normal(size=W.shape, scale=0.3).astype("f")  # as after training
    for doc, Y in zip(fuzzed, layer.predict(fuzzed), strict=True):
        assert_allclose(layer.predict([doc])[0], Y, atol=1e-5)


@pytest.mark.parametrize("n_docs", [0, 1, 2])
def test_batches_without_sentences_are_scored_and_learned_from(nlp, docs, n_docs):
    layer, optimizer = make_layer(docs), Adam(0.01)
    empty = [Doc(nlp.vocab)] * n_docs
    assert [len(Y) for Y in layer.predict(empty)] == [0] * n_docs
    update(layer, empty, optimizer)


def test_words_of_two_documents_are_never_the_same(docs):
    sizes = np.array([len(list(doc.sents)) for doc in docs])
    lengths = np.array([len(sentence) for doc in docs for sentence in doc.sents])
    layout = lay_out(make_layer(docs).layers[1], docs, sizes, lengths)
    doc_of = np.repeat(np.arange(len(docs)), sizes)[layout.pair_sentence]
    words = list(zip(doc_of.tolist(), layout.pair_word.tolist(), strict=True))
    expected = {(i, token.lower_) for i, doc in enumerate(docs) for token in doc}
    assert len(set(words)) == len(expected) == len(set(layout.pair_word.tolist()))
    assert len(layout.pair_of) == sum(map(len, docs))


def test_gradients_of_the_parameters_are_those_of_finite_differences(docs):
    layer = make_layer(docs)
    Ys, backprop = layer.begin_update(docs)
    backprop([np.cos(np.arange(len(Y), dtype="f")) for Y in Ys])
    rng = np.random.default_rng(0)
    for node in layer.walk():
        if not node.has_param("W"):
            continue
        W, grad = node.get_param("W"), node.get_grad("W")
        direction = rng.choice([-1.0, 1.0], size=W.shape).astype("f")
        losses = []
        for step in (1e-3, -2e-3):
            W += step * direction
            found = layer.predict(docs)
            losses.append(sum(float(np.cos(np.arange(len(Y))) @ Y) for Y in found))
        W += 1e-3 * direction
        slope = (losses[0] - losses[1]) / 2e-3
        assert slope == pytest.approx(float((grad * direction).sum()), rel=0.05)


def test_bytes_roundtrip_needs_no_examples(docs):
    layer = make_layer(docs)
    loaded = make_layer().from_bytes(layer.to_bytes())
    for Y, Y_loaded in zip(layer.predict(docs), loaded.predict(docs), strict=True):
        assert_array_equal(Y_loaded, Y)


@pytest.mark.parametrize("way", [copy.deepcopy, lambda layer: layer.copy()])
def test_a_copy_learns_by_itself(docs, way):
    layer = make_layer(docs)
    before = np.concatenate(layer.predict(docs))
    other = way(layer)
    update(other, docs, Adam(0.05))
    assert_array_equal(np.concatenate(layer.predict(docs)), before)
    assert abs(np.concatenate(other.predict(docs)) - before).max() > 1e-3


def test_the_training_dropout_is_applied(docs):
    layer = make_layer(docs)
    set_dropout_rate(layer, 0.5)
    first, second = (np.concatenate(layer.begin_update(docs)[0]) for _ in range(2))
    assert not np.array_equal(first, second)
    assert_array_equal(*(np.concatenate(layer.predict(docs)) for _ in range(2)))


def test_learns_which_sentences_are_wanted(docs):
    layer, optimizer = make_layer(docs), Adam(0.02)
    wanted = [np.arange(len(list(doc.sents))) % 2 for doc in docs]
    for _ in range(60):
        Ys, backprop = layer.begin_update(docs)
        backprop([1 / (1 + np.exp(-Y)) - y for Y, y in zip(Ys, wanted, strict=True)])
        layer.finish_update(optimizer)
    found = [Y > 0 for Y in layer.predict(docs)]
    assert_array_equal(np.concatenate(found), np.concatenate(wanted))


def highest_memory():
    """Return the highest resident memory since it was forgotten, in kB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


@pytest.mark.skipif(not CLEAR_REFS.exists(), reason="needs Linux's /proc")
def test_a_document_of_5000_sentences_takes_less_than_a_gigabyte(nlp, docs):
    rng = np.random.default_rng(0)
    words = rng.choice([f"word{i}" for i in range(20_000)], size=5_000 * 20)
    starts = [i % 20 == 0 for i in range(len(words))]
    doc = Doc(nlp.vocab, words=words.tolist(), sent_starts=starts)
    layer = make_layer(docs)
    CLEAR_REFS.write_text("5")  # forget what other tests took
    before = highest_memory()
    scores = layer.predict([doc])[0]
    after = highest_memory()
    assert scores.shape == (5_000,)
    assert 0 < (after - before) * 1024 < 1e9
    together = layer.predict([*docs, doc, *docs])
    assert_allclose(together[len(docs)], scores, atol=1e-5)
    assert_allclose(together[0], layer.predict(docs)[0], atol=1e-5)
