"""Updates, dropout, rehearsal."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import set_dropout_rate

MISTAKES = [("We loved the warm soup.", {"good": 0.0, "bad": 1.0, "odd": 0.0})]


def dropout_rates(model, name):
    return {node.attrs[name] for node in model.walk() if name in node.attrs}


def test_dropout_reaches_every_layer_that_drops(trained, make_examples, factory):
    model = trained.get_pipe(factory).model
    for drop in (0.3, 0.0):
        trained.update(make_examples(trained, factory), drop=drop)
        assert dropout_rates(model, "dropout_rate") == {drop}


def test_dropout_leaves_word_dropout_alone(make_nlp, make_model, make_examples):
    model = make_model("rnn_textcat")
    model["tok2vec"]["embed"]["word_dropout"] = 0.25
    nlp = make_nlp("rnn_textcat", model=model)
    examples = make_examples(nlp, "rnn_textcat")
    nlp.initialize(lambda: examples)
    nlp.update(examples, drop=0.5)
    assert dropout_rates(nlp.get_pipe("rnn_textcat").model, "word_dropout") == {0.25}


def test_dropout_varies_the_vectors_in_training_only(trained, texts, factory):
    tok2vec = trained.get_pipe(factory).model.get_ref("tok2vec")
    docs = [trained.make_doc(text) for text in texts]

    def vectors(drop, *, is_train):
        for node in tok2vec.walk():
            if "dropout_rate" in node.attrs:
                node.attrs["dropout_rate"] = drop
            if "word_dropout" in node.attrs:
                node.attrs["word_dropout"] = 0.0
        return np.concatenate(tok2vec(docs, is_train=is_train)[0])

    plain = vectors(0.0, is_train=False)
    assert_allclose(vectors(0.0, is_train=True), plain, atol=1e-6)
    assert abs(vectors(0.5, is_train=True) - plain).max() > 0.01
    first, second = (vectors(0.5, is_train=True) for _ in range(2))
    assert abs(first - second).max() > 0.01
    assert_array_equal(vectors(0.5, is_train=False), plain)


def test_each_layer_of_the_tok2vec_drops(trained, texts, factory):
    tok2vec = trained.get_pipe(factory).model.get_ref("tok2vec")
    docs = [trained.make_doc(text) for text in texts]
    layers = [node for node in tok2vec.walk() if "dropout_rate" in node.attrs]
    assert len(layers) == 2
    for layer in layers:
        layer.attrs["dropout_rate"] = 0.5
        first, second = (np.concatenate(tok2vec(docs, True)[0]) for _ in range(2))
        assert abs(first - second).max() > 0.01
        layer.attrs["dropout_rate"] = 0.0


def test_predictions_follow_every_update(trained, texts, scores_of, make_examples):
    optimizer = trained.resume_training()
    seen = [scores_of(trained, texts)]
    for _ in range(3):
        trained.update(make_examples(trained, MISTAKES), sgd=optimizer)
        seen.append(scores_of(trained, texts))
        reloaded = trained.from_bytes(trained.to_bytes())
        assert_array_equal(scores_of(reloaded, texts), seen[-1])
    assert all(abs(a - b).max() > 0 for a, b in zip(seen, seen[1:], strict=False))


def test_gradients_of_several_batches_add_up(trained, make_examples, factory):
    pipe = trained.get_pipe(factory)
    set_dropout_rate(pipe.model, 0.0, attrs=["word_dropout", "ngram_dropout"])
    examples = make_examples(trained, [*MISTAKES, ("Soup", MISTAKES[0][1])])

    def gradient(batches):
        for batch in batches:
            pipe.update(batch)
        found = [
            node.get_grad(name).copy().ravel()
            for node in pipe.model.walk()
            for name in node.param_names
            if node.has_grad(name)
        ]
        for node in pipe.model.walk():
            for name in node.param_names:
                if node.has_grad(name):
                    node.get_grad(name)[:] = 0.0
        return np.concatenate(found)

    together = gradient([examples])
    assert_allclose(gradient([[eg] for eg in examples]), together, atol=1e-5)
    assert abs(together).max() > 0.01


def test_a_batch_with_empty_documents_trains(trained, make_examples, factory):
    cats = {"good": 1.0, "bad": 0.0, "odd": 0.0}
    pairs = [("", cats), ("soup", cats), ("", cats)]
    for batch in (pairs, pairs[:1], []):
        losses = trained.update(make_examples(trained, batch), drop=0.2)
        assert np.isfinite(losses.get(factory, 0.0))


def test_training_on_other_tokens_than_the_references(trained, factory):
    predicted = Doc(trained.vocab, words=["We", "loved", "it"])
    reference = Doc(trained.vocab, words=["We", "lov", "ed", "it"], spaces=[1, 0, 1, 0])
    reference.cats = {"good": 1.0, "bad": 0.0, "odd": 0.0}
    losses = trained.update([Example(predicted, reference)])
    assert np.isfinite(losses[factory])


def test_rehearsing_without_a_start_does_nothing(
    trained, texts, scores_of, make_examples
):
    before = scores_of(trained, texts)
    trained.rehearse(make_examples(trained, MISTAKES), sgd=trained.create_optimizer())
    assert_array_equal(scores_of(trained, texts), before)


def test_rehearsing_leads_back_to_where_training_resumed(
    trained, texts, scores_of, make_examples, factory
):
    before = scores_of(trained, texts)
    optimizer = trained.resume_training()
    optimizer.learn_rate = 0.01
    for _ in range(30):
        trained.update(make_examples(trained, MISTAKES), sgd=optimizer)
    astray = abs(scores_of(trained, texts) - before).max()
    assert astray > 0.05
    examples = make_examples(trained, factory)
    for _ in range(60):
        losses = trained.rehearse(examples, sgd=optimizer, losses={})
    after = scores_of(trained, texts)
    assert abs(after - before).max() < astray / 2
    assert 0 < losses[factory] < 1
    reloaded = trained.from_bytes(trained.to_bytes())
    assert_array_equal(scores_of(reloaded, texts), after)


@pytest.mark.parametrize("value", [True, 1])
def test_truths_may_be_booleans_and_whole_numbers(
    trained, make_examples, factory, value
):
    cats = {"good": value, "bad": False, "odd": 0}
    assert trained.update(make_examples(trained, [("Soup", cats)]))[factory] > 0
