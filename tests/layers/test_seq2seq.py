"""An encoder-decoder as a layer."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from small_writer import make_examples, make_nlp, small_model

from spacy_rnn.layers import seq2seq
from spacy_rnn.layers.seq2seq import score_texts

WORDS = "Eine Katze sieht das Haus"
SUBWORDS = {
    "@architectures": "spacy-rnn.Subwords.v1",
    "size": 400,
    "piece_dropout": 0.5,
}


@pytest.mark.parametrize("target_subwords", [None, SUBWORDS])
def test_pieces_of_one_vocabulary_have_one_table(target_subwords):
    settings = {"subwords": SUBWORDS, "target_subwords": target_subwords}
    nlp = make_nlp(model=small_model(**settings))
    nlp.initialize(lambda: make_examples(nlp, pairs=[(WORDS, "A cat"), ("I", "Ich")]))
    model = nlp.get_pipe("rnn_translator").model
    source, target = (
        len(model.get_ref(name).attrs["vocabulary"])
        for name in ("subwords", "target_subwords" if target_subwords else "subwords")
    )
    network = model.get_ref("network")
    assert network.get_dim("nO") == target
    assert network.get_dim("source") == (source if target_subwords else 0)


@pytest.mark.parametrize("target_subwords", [None, SUBWORDS])
def test_training_leaves_out_the_same_pieces_of_a_source_and_a_target_of_one_vocabulary(
    monkeypatch, target_subwords
):
    settings = {"subwords": SUBWORDS, "target_subwords": target_subwords}
    nlp = make_nlp(model=small_model(**settings))
    nlp.initialize(lambda: make_examples(nlp, pairs=[(WORDS, WORDS)]))
    model, docs = nlp.get_pipe("rnn_translator").model, [nlp.make_doc(WORDS)]
    seen = []

    def keep(model, memory, source, target, is_train):
        seen.append((source.pieces.tolist(), target.pieces.tolist()[:-1]))
        return score_texts(model, memory, source, target, is_train)

    monkeypatch.setattr(seq2seq, "score_texts", keep)
    for _ in range(10):
        model((docs, [WORDS]), is_train=True)
    assert len(set(map(str, seen))) > 1
    assert all(x == y for x, y in seen) == (target_subwords is None)
    del seen[:]
    for _ in range(2):
        model.predict((docs, [WORDS]))
    ((source, target), again) = seen
    assert source == target == again[0] == again[1]
    assert model.attrs["count_pieces"](model, docs, [WORDS]) == len(target) + 1


def test_a_loss_is_a_share_of_the_mean_and_what_is_for_training_is_for_the_gradient():
    nlp = make_nlp(model=small_model(coverage=True))
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    model = nlp.get_pipe("rnn_translator").model
    docs = [example.predicted for example in examples]
    texts = [example.reference._.translation for example in examples]
    count, network = model.attrs["count_pieces"], model.get_ref("network")
    alone = [
        model.predict(([doc], [text]))[0] * count(model, [doc], [text])
        for doc, text in zip(docs, texts, strict=True)
    ]
    expected = np.array(alone) / count(model, docs, texts)

    def learn(smoothing=0.0, coverage_loss=0.0, dropout=0.0):
        network.attrs["training"] = {
            "smoothing": smoothing,
            "coverage_loss": coverage_loss,
        }
        network.attrs["dropout_rate"] = dropout
        assert_allclose(model.predict((docs, texts)), expected, rtol=1e-5)
        losses, backprop = model.begin_update((docs, texts))
        backprop(model.ops.xp.ones_like(losses))
        gradient = network.get_grad("W").copy()
        network.get_grad("W")[:] = 0
        return losses, gradient

    losses, plain = learn()
    assert_allclose(losses, expected, rtol=1e-5)
    for setting in ({"smoothing": 0.3}, {"coverage_loss": 1.0}):
        losses, gradient = learn(**setting)
        assert_allclose(losses, expected, rtol=1e-5)
        assert abs(gradient - plain).max() > 1e-4
    assert abs(learn(dropout=0.5)[0] - expected).min() > 0


def test_documents_alone_are_taken_as_such_without_texts():
    nlp = make_nlp()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    model = nlp.get_pipe("rnn_translator").model
    docs = [example.predicted for example in examples[:2]]  # two, as a pair would be
    assert model.predict(docs).tolist() == [0.0, 0.0]
    Y, backprop = model.begin_update(docs)
    assert Y.tolist() == [0.0, 0.0]
    assert backprop(Y) == []
