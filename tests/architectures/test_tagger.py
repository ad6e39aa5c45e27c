import inspect

import numpy as np
import pytest
import spacy
from confection import ConfigValidationError
from numpy.testing import assert_allclose, assert_array_equal
from spacy.ml.models.tagger import build_tagger_model
from spacy.tokens import Doc
from spacys_cnn import SPACYS_CNN
from thinc.api import Adam, set_dropout_rate

from spacy_rnn.architectures.hash_embed import build_hash_embed_rnn
from spacy_rnn.architectures.tagger import build_tagger
from spacy_rnn.modules.cells import CELLS

TEXTS = ["the cat sat on the mat", "", "no", "a dog ate the 3 cats !", "yes yes"]
N_LABELS = 4


@pytest.fixture(scope="module")
def nlp():
    return spacy.blank("en")


@pytest.fixture(scope="module")
def docs(nlp):
    return [nlp(text) for text in TEXTS]


@pytest.fixture(scope="module")
def long_doc(nlp):
    words = np.random.default_rng(0).choice(list("abcdefgh"), size=400)
    return Doc(nlp.vocab, words=words.tolist())


def one_hot(docs, label=None):
    """Truths for each token: the label, or one that depends on its position."""
    eye = np.eye(N_LABELS, dtype="f")
    return [
        eye[[i % N_LABELS if label is None else label for i in range(len(doc))]]
        for doc in docs
    ]


def make_model(docs=None, *, cell="lstm", depth=1, bidirectional=True, **settings):
    """Build a tagger; given docs, initialize it, the scores not being zero."""
    tok2vec = build_hash_embed_rnn(8, depth, 60, cell=cell, bidirectional=bidirectional)
    model = build_tagger(tok2vec, **settings)
    if docs is not None:
        model.initialize(X=docs, Y=one_hot(docs))
        W = model.get_ref("output_layer").get_param("W")
        W[:] = np.random.default_rng(1).normal(size=W.shape)
    return model


def update(model, docs, truths, optimizer):
    Ys, backprop = model.begin_update(docs)
    backprop([Y - truth for Y, truth in zip(Ys, truths, strict=True)])
    model.finish_update(optimizer)


def predict(model, docs):
    return np.concatenate(model.predict(docs))


@pytest.mark.parametrize(
    ("cell", "depth", "bidirectional"),
    [
        pytest.param(cell, depth, bidirectional, id=f"{cell}-{depth}-{bidirectional}")
        for cell in CELLS
        for depth in (1, 2)
        for bidirectional in (False, True)
    ],
)
def test_probabilities_do_not_depend_on_the_batch(
    docs, long_doc, cell, depth, bidirectional
):
    model = make_model(
        docs, cell=cell, depth=depth, bidirectional=bidirectional, normalize=True
    )
    alone = {id(doc): model.predict([doc])[0] for doc in [*docs, long_doc]}
    for batch in (docs, docs[::-1], [long_doc, *docs, long_doc], docs[:2] * 3):
        for doc, scores in zip(batch, model.predict(batch), strict=True):
            assert scores.shape == (len(doc), N_LABELS)
            assert_allclose(scores, alone[id(doc)], rtol=0, atol=1e-5)


@pytest.mark.parametrize("normalize", [False, True])
def test_it_computes_what_spacys_tagger_does(docs, normalize):
    ours = make_model(docs, normalize=normalize)
    theirs = build_tagger_model(ours.get_ref("tok2vec").copy(), normalize=normalize)
    theirs.initialize(X=docs, Y=one_hot(docs))
    for node, twin in zip(
        ours.get_ref("tok2vec").walk(), theirs.get_ref("tok2vec").walk(), strict=True
    ):
        for name in node.param_names:
            twin.set_param(name, node.get_param(name).copy())
    layer = ours.get_ref("softmax")
    for name in layer.param_names:
        theirs.get_ref("softmax").set_param(name, layer.get_param(name).copy())
    assert_allclose(predict(ours, docs), predict(theirs, docs), rtol=0, atol=1e-5)
    for _ in range(3):
        for model in (ours, theirs):
            update(model, docs, one_hot(docs), Adam(0.05))
    assert_allclose(predict(ours, docs), predict(theirs, docs), rtol=0, atol=1e-3)


def test_it_takes_the_arguments_of_spacys_tagger():
    theirs = inspect.signature(build_tagger_model).parameters
    ours = inspect.signature(build_tagger).parameters
    for name, parameter in theirs.items():
        assert ours[name].default == parameter.default


def test_training_gets_probabilities_and_prediction_on_request(docs):
    model = make_model(docs)
    trained, _ = model.begin_update(docs)
    assert_allclose(np.concatenate(trained).sum(axis=1), 1.0, atol=1e-5)
    assert abs(predict(model, docs).sum(axis=1) - 1.0).max() > 1e-2
    asked = make_model(docs, normalize=True)
    assert_allclose(predict(asked, docs).sum(axis=1), 1.0, atol=1e-5)


def test_the_gradient_of_all_parameters_is_that_of_the_loss(docs):
    model = make_model(docs, normalize=True)
    truths = one_hot(docs)
    Ys, backprop = model.begin_update(docs)
    backprop([Y - truth for Y, truth in zip(Ys, truths, strict=True)])
    names = [(node, name) for node in model.walk() for name in node.param_names]
    assert len(names) == 4  # embedding, encoder, and two of the output
    for node, name in names:
        value, grad = node.get_param(name).copy(), node.get_grad(name)
        norm = np.linalg.norm(grad)
        assert norm > 0
        losses = []
        for step in (1e-2, -1e-2):
            node.set_param(name, (value + step * grad / norm).astype("f"))
            likelihood = np.log(predict(model, docs)) * np.concatenate(truths)
            losses.append(-likelihood.sum())
        node.set_param(name, value)
        slope = (losses[0] - losses[1]) / 2e-2
        assert slope == pytest.approx(norm, rel=3e-2)


def test_it_learns_to_tell_words_apart(docs):
    model = make_model(docs)
    optimizer = Adam(0.02)
    for _ in range(40):
        update(model, docs, one_hot(docs), optimizer)
    found = predict(model, docs).argmax(axis=1)
    assert_array_equal(found, np.concatenate(one_hot(docs)).argmax(axis=1))


def resize(model, n_labels):
    assert model.attrs["resize_output"](model, n_labels) is model
    return model


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_resizing_keeps_the_scores_of_the_old_labels(docs, dropout):
    model = make_model(docs, dropout=dropout)
    before = predict(model, docs)
    after = predict(resize(model, 6), docs)
    assert after.shape == (len(before), 6)
    assert_array_equal(after[:, :4], before)
    for name in ("output_layer", "softmax"):
        assert model.get_ref(name).get_dim("nO") == 6
    assert model.get_dim("nO") == 6


def test_a_new_label_starts_out_improbable(docs):
    model = make_model(docs, normalize=True)
    before = predict(model, docs)
    after = predict(resize(model, 6), docs)
    assert_allclose(after[:, :4], before, rtol=0, atol=1e-6)
    assert after[:, 4:].max() < 1e-6


def test_a_label_that_was_added_can_be_learned(docs):
    model = resize(make_model(docs, normalize=True), 5)
    truths = [np.pad(truth, ((0, 0), (0, 1))) for truth in one_hot(docs)]
    truths[2] = np.eye(5, dtype="f")[[4]]
    optimizer = Adam(0.05)
    for _ in range(120):
        update(model, docs, truths, optimizer)
    assert_array_equal(
        predict(model, docs).argmax(axis=1), np.concatenate(truths).argmax(axis=1)
    )


def test_resizing_a_copy_leaves_the_original_alone(docs):
    model = make_model(docs)
    before = predict(model, docs)
    twin = resize(model.copy(), 5)
    truths = [np.pad(truth, ((0, 0), (0, 1))) for truth in one_hot(docs)]
    update(twin, docs, truths, Adam(0.1))
    assert predict(twin, docs).shape[1] == 5
    assert_array_equal(predict(model, docs), before)
    assert model.get_dim("nO") == 4
    update(model, docs, one_hot(docs), Adam(0.1))
    assert (predict(model, docs) != before).any()


def test_a_resized_model_survives_bytes_disk_and_copy(docs, tmp_path):
    model = resize(make_model(docs), 5)
    truths = [np.pad(truth, ((0, 0), (0, 1))) for truth in one_hot(docs)]
    update(model, docs, truths, Adam(0.1))
    model.to_disk(tmp_path / "model")
    for twin in (
        resize(make_model(), 5).from_bytes(model.to_bytes()),
        resize(make_model(docs), 5).from_bytes(model.to_bytes()),
        make_model().from_disk(tmp_path / "model"),
        model.copy(),
    ):
        assert_array_equal(predict(twin, docs), predict(model, docs))
        assert predict(resize(twin, 7), docs).shape[1] == 7
    assert predict(model, docs).shape[1] == 5


def test_resizing_before_initializing_sets_the_number_of_labels(docs):
    model = resize(make_model(), 6)
    model.initialize(X=docs)
    assert predict(model, docs).shape[1] == 6
    assert predict(make_model(nO=3).initialize(X=docs), docs).shape[1] == 3


def test_dropout_is_applied_in_training_and_set_from_outside(docs):
    model = make_model(docs, dropout=0.5, normalize=True)
    before = predict(model, docs)
    assert_array_equal(predict(model, docs), before)
    first, second = (np.concatenate(model.begin_update(docs)[0]) for _ in range(2))
    assert (first != second).any()
    set_dropout_rate(model, 0.0)
    trained = np.concatenate(model.begin_update(docs)[0])
    assert_allclose(trained, before, rtol=0, atol=1e-5)


def test_without_a_rate_nothing_is_dropped_at_the_output():
    rates = [
        sum("dropout_rate" in node.attrs for node in make_model(dropout=rate).walk())
        for rate in (0.0, 0.2)
    ]
    assert rates[1] - rates[0] == 1


@pytest.mark.parametrize("dropout", [1.0, -0.1])
def test_a_rate_out_of_range_is_refused(dropout):
    with pytest.raises(ValueError, match="dropout"):
        make_model(dropout=dropout)


def test_a_typing_error_in_a_config_is_named():
    tok2vec = {
        "@architectures": "spacy-rnn.HashEmbedRNN.v1",
        "width": 8,
        "depth": 1,
        "embed_size": 50,
    }
    config = {
        "@architectures": "spacy-rnn.Tagger.v1",
        "tok2vec": tok2vec,
        "normalise": True,
    }
    with pytest.raises(ConfigValidationError, match="normalise"):
        spacy.registry.resolve({"model": config})


def test_a_single_label_and_batches_of_nothing_are_fine(docs):
    model = make_model()
    model.initialize(X=docs, Y=[np.ones((len(doc), 1), dtype="f") for doc in docs])
    assert predict(model, docs).shape == (sum(map(len, docs)), 1)
    assert model.predict([]) == []
    empty = [docs[1], docs[1]]
    assert [Y.shape for Y in model.predict(empty)] == [(0, 1), (0, 1)]
    update(model, empty, model.predict(empty), Adam(0.1))


def test_every_tok2vec_can_be_tagged_from(docs):
    tok2vec = spacy.registry.resolve({"model": SPACYS_CNN})["model"]
    model = build_tagger(tok2vec)
    model.initialize(X=docs, Y=one_hot(docs))
    update(model, docs, one_hot(docs), Adam(0.1))
    assert predict(model, docs).shape == (sum(map(len, docs)), N_LABELS)
