import numpy as np
import pytest
import spacy
from confection import ConfigValidationError
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import Doc
from spacys_cnn import SPACYS_CNN
from thinc.api import Adam, NumpyOps, set_dropout_rate

from spacy_rnn.architectures.hash_embed import build_hash_embed_rnn
from spacy_rnn.architectures.textcat import build_textcat
from spacy_rnn.losses import cross_entropy
from spacy_rnn.modules.cells import CELLS

POOLINGS = [["last"], ["mean"], ["max"], ["attention"], ["max", "attention", "last"]]
TEXTS = ["the cat sat on the mat", "", "no", "a dog ate the 3 cats !", "yes yes"]


@pytest.fixture(scope="module")
def nlp():
    return spacy.blank("en")


@pytest.fixture(scope="module")
def docs(nlp):
    return [nlp(text) for text in TEXTS]


@pytest.fixture(scope="module")
def long_doc(nlp):
    words = np.random.default_rng(0).choice(list("abcdefgh"), size=3_000)
    return Doc(nlp.vocab, words=words.tolist())


def make_model(
    docs=None,
    *,
    cell="lstm",
    depth=1,
    bidirectional=True,
    pooling=("max", "attention"),
    exclusive=True,
    n_labels=3,
    dropout=0.0,
):
    """Build a classifier; given docs, initialize it, the scores not being zero."""
    tok2vec = build_hash_embed_rnn(8, depth, 60, cell=cell, bidirectional=bidirectional)
    model = build_textcat(tok2vec, exclusive, list(pooling), dropout)
    if docs is not None:
        model.initialize(X=docs, Y=np.zeros((len(docs), n_labels), dtype="f"))
        W = model.get_ref("output_layer").get_param("W")
        W[:] = np.random.default_rng(1).normal(size=W.shape)
    return model


def update(model, docs, truths, optimizer):
    Y, backprop = model.begin_update(docs)
    backprop(Y - truths)
    model.finish_update(optimizer)


@pytest.mark.parametrize("pooling", POOLINGS, ids="-".join)
@pytest.mark.parametrize(
    ("cell", "depth", "bidirectional"),
    [
        pytest.param(cell, depth, bidirectional, id=f"{cell}-{depth}-{bidirectional}")
        for cell in CELLS
        for depth in (1, 2)
        for bidirectional in (False, True)
    ],
)
def test_scores_of_a_text_do_not_depend_on_the_batch(
    docs, long_doc, cell, depth, bidirectional, pooling
):
    model = make_model(
        docs, cell=cell, depth=depth, bidirectional=bidirectional, pooling=pooling
    )
    alone = {id(doc): model.predict([doc])[0] for doc in docs}
    for batch in (docs, docs[::-1], [long_doc, *docs, long_doc], docs[:2] * 3):
        for doc, scores in zip(batch, model.predict(batch), strict=True):
            if doc is not long_doc:
                assert_allclose(scores, alone[id(doc)], rtol=0, atol=1e-5)


def test_exclusive_scores_sum_to_one_and_others_need_not(docs):
    exclusive = make_model(docs).predict(docs)
    assert_allclose(exclusive.sum(axis=1), 1, atol=1e-5)
    several = make_model(docs, exclusive=False).predict(docs)
    assert (abs(several.sum(axis=1) - 1) > 1e-3).any()
    assert ((several >= 0) & (several <= 1)).all()


def test_last_takes_the_backward_half_at_the_first_token(docs):
    for bidirectional in (False, True):
        model = make_model(docs, pooling=["last"], bidirectional=bidirectional)
        vectors = model.get_ref("tok2vec").predict(docs[:1])[0]
        half = 4 if bidirectional else 8
        expected = np.concatenate([vectors[-1, :half], vectors[0, half:]])
        pool = next(node for node in model.walk() if node.name == "pool")
        assert_allclose(pool.predict([vectors])[0], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("exclusive", [False, True])
def test_the_gradient_of_all_parameters_is_that_of_the_loss(docs, exclusive, smoothing):
    model = make_model(docs, exclusive=exclusive, pooling=["mean", "attention"])
    rng = np.random.default_rng(0)
    truths = np.eye(3, dtype="f")[rng.integers(3, size=len(docs))]
    shape = (len(docs), 1 if exclusive else 3)
    weights = np.broadcast_to(rng.uniform(0.5, 2, size=shape), truths.shape).astype("f")

    def loss_of(probabilities):
        return cross_entropy(
            NumpyOps(),
            probabilities,
            truths,
            weights,
            exclusive=exclusive,
            label_smoothing=smoothing,
        )

    Y, backprop = model.begin_update(docs)
    _, gradient = loss_of(Y)
    backprop(gradient)
    names = [(node, name) for node in model.walk() for name in node.param_names]
    assert len(names) == 5  # embedding, encoder, pooling, and two of the output
    for node, name in names:
        value, grad = node.get_param(name).copy(), node.get_grad(name)
        norm = np.linalg.norm(grad)
        assert norm > 0
        losses = []
        for step in (1e-2, -1e-2):
            node.set_param(name, (value + step * grad / norm).astype("f"))
            losses.append(len(docs) * loss_of(model.predict(docs))[0])
        node.set_param(name, value)
        slope = (losses[0] - losses[1]) / 2e-2
        assert slope == pytest.approx(norm, rel=3e-2)


@pytest.mark.parametrize("exclusive", [False, True])
def test_it_learns_what_distinguishes_two_texts(docs, exclusive):
    model = make_model(docs, exclusive=exclusive, n_labels=2)
    truths = np.eye(2, dtype="f")[[0, 1]]
    optimizer = Adam(0.02)
    for _ in range(40):
        update(model, [docs[0], docs[3]], truths, optimizer)
    assert_allclose(model.predict([docs[0], docs[3]]), truths, rtol=0, atol=0.2)


def resize(model, n_labels):
    model.attrs["resize_output"](model, n_labels)
    return model


@pytest.mark.parametrize("exclusive", [False, True])
def test_resizing_keeps_the_scores_of_the_old_labels(docs, exclusive):
    model = make_model(docs, exclusive=exclusive)
    before = model.predict(docs)
    after = resize(model, 5).predict(docs)
    assert after.shape == (len(docs), 5)
    assert_allclose(after[:, :3], before, rtol=0, atol=1e-6)
    assert after[:, 3:].max() < 1e-6
    assert model.get_dim("nO") == model.get_ref("output_layer").get_dim("nO") == 5


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_label_that_was_added_can_be_learned(docs, exclusive):
    model = resize(make_model(docs, exclusive=exclusive), 4)
    truths = np.eye(4, dtype="f")[[3, 0]]
    optimizer = Adam(0.1)
    for _ in range(80):
        update(model, [docs[0], docs[3]], truths, optimizer)
    found = model.predict([docs[0], docs[3]])
    assert found[0, 3] > 0.8
    assert found[1, 3] < 0.2


def test_resizing_a_copy_leaves_the_original_alone(docs):
    model = make_model(docs)
    before = model.predict(docs)
    twin = resize(model.copy(), 4)
    update(twin, docs, np.eye(4, dtype="f")[[3] * len(docs)], Adam(0.1))
    assert twin.predict(docs).shape == (len(docs), 4)
    assert_array_equal(model.predict(docs), before)
    assert model.get_dim("nO") == 3
    update(model, docs, np.eye(3, dtype="f")[[0] * len(docs)], Adam(0.1))
    assert (model.predict(docs) != before).any()


def test_a_resized_model_survives_bytes_disk_and_copy(docs, tmp_path):
    model = resize(make_model(docs), 4)
    update(model, docs, np.eye(4, dtype="f")[[3] * len(docs)], Adam(0.1))
    model.to_disk(tmp_path / "model")
    for twin in (
        resize(make_model(), 4).from_bytes(model.to_bytes()),
        resize(make_model(docs), 4).from_bytes(model.to_bytes()),
        resize(make_model(), 4).from_disk(tmp_path / "model"),
        model.copy(),
    ):
        assert_array_equal(twin.predict(docs), model.predict(docs))
        assert resize(twin, 6).predict(docs).shape == (len(docs), 6)
    assert model.predict(docs).shape == (len(docs), 4)


def test_resizing_before_initializing_sets_the_number_of_labels(docs):
    model = resize(make_model(), 4)
    model.initialize(X=docs)
    assert model.predict(docs).shape == (len(docs), 4)


def test_dropout_is_applied_in_training_and_set_from_outside(docs):
    model = make_model(docs, dropout=0.5)
    before = model.predict(docs)
    assert_array_equal(model.predict(docs), before)
    assert (model.begin_update(docs)[0] != model.begin_update(docs)[0]).any()
    set_dropout_rate(model, 0.0)
    assert_allclose(model.begin_update(docs)[0], before, rtol=0, atol=1e-5)


@pytest.mark.parametrize("pooling", [[], ["max", "max"], ["last", "mean", "last"]])
def test_pooling_that_is_empty_or_repeats_itself_is_refused(pooling):
    with pytest.raises(ValueError, match="pooling"):
        make_model(pooling=pooling)


def test_an_unknown_pooling_is_refused_with_the_known_ones():
    config = {
        "@architectures": "spacy-rnn.TextCat.v1",
        "exclusive_classes": True,
        "pooling": ["max", "sum"],
        "tok2vec": {
            "@architectures": "spacy-rnn.HashEmbedRNN.v1",
            "width": 8,
            "depth": 1,
            "embed_size": 50,
        },
    }
    with pytest.raises(ConfigValidationError) as caught:
        spacy.registry.resolve({"model": config})
    for kind in ("last", "mean", "max", "attention"):
        assert kind in str(caught.value)


@pytest.mark.parametrize("dropout", [1.0, -0.1])
def test_a_rate_out_of_range_is_refused(dropout):
    with pytest.raises(ValueError, match="dropout"):
        make_model(dropout=dropout)


def test_a_single_label_and_a_batch_of_nothing_are_fine(docs):
    model = make_model(docs, exclusive=False, n_labels=1)
    assert model.predict(docs).shape == (len(docs), 1)
    assert model.predict([]).shape == (0, 1)


@pytest.mark.parametrize("pooling", POOLINGS, ids="-".join)
def test_a_batch_of_empty_documents_is_trained_on(docs, pooling):
    model = make_model(docs, pooling=pooling)
    before = model.predict(docs)
    empty = [docs[1], docs[1]]
    for _ in range(2):
        update(model, empty, np.eye(3, dtype="f")[[0, 0]], Adam(0.1))
    after = model.predict(docs)
    assert after[1, 0] > before[1, 0]


def test_every_tok2vec_can_be_classified_from(docs):
    tok2vec = spacy.registry.resolve({"model": SPACYS_CNN})["model"]
    model = build_textcat(tok2vec, True, ["last", "mean"])
    model.initialize(X=docs, Y=np.zeros((len(docs), 2), dtype="f"))
    assert model.predict(docs).shape == (len(docs), 2)
    update(model, docs, np.eye(2, dtype="f")[[0] * len(docs)], Adam(0.1))
