import numpy as np
import pytest
import spacy
from confection import ConfigValidationError
from numpy.testing import assert_allclose, assert_array_equal
from thinc.api import Adam, Config, set_dropout_rate

from spacy_rnn.architectures.crf import build_crf_tagger
from spacy_rnn.architectures.hash_embed import build_hash_embed_rnn
from spacy_rnn.tags.decoding import best_paths, span_confidences
from spacy_rnn.tags.loss import crf_loss
from spacy_rnn.tags.scores import from_gradient, to_lattice
from spacy_rnn.tags.tag_set import find_spans, make_tag_set

TAGS = make_tag_set(("WHO", "WHERE"), "BIO")
N_TAGS = len(TAGS.start)
TEXTS = ["Ann Lee left Paris", "", "they saw Ann Lee", "Paris"]
PATH = np.array([1, 2, 0, 3, 0, 0, 1, 2, 3])

CONFIG = """
[model]
@architectures = "spacy-rnn.CRFTagger.v1"
dropout = 0.25

[model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
width = 8
depth = 1
embed_size = 50
window_size = 1
maxout_pieces = 2
subword_features = true
pretrained_vectors = null
"""


@pytest.fixture(scope="module")
def docs():
    nlp = spacy.blank("en")
    return [nlp(text) for text in TEXTS]


def make_model(docs=None, **settings):
    model = build_crf_tagger(build_hash_embed_rnn(16, 1, 100), **settings)
    if docs is not None:
        model.initialize(X=docs, Y=[np.zeros((1, N_TAGS), "f")])
    return model


def train(model, docs, steps=30):
    optimizer = Adam(0.01)
    losses = []
    for _ in range(steps):
        scores, backprop = model.begin_update(docs)
        sets = np.eye(N_TAGS, dtype=bool)[PATH]
        loss, gradient = crf_loss(to_lattice(scores, TAGS), TAGS, sets)
        backprop(from_gradient(model.ops, gradient, scores))
        model.finish_update(optimizer)
        losses.append(loss)
    return losses


def assert_same(scores, expected):
    for rows, expected_rows in zip(scores.emissions, expected.emissions, strict=True):
        assert_allclose(rows, expected_rows, rtol=0, atol=1e-5)
    for name in ("transitions", "start", "end"):
        assert_array_equal(getattr(scores, name), getattr(expected, name))


def test_training_finds_the_spans_and_is_sure_of_them(docs):
    model = make_model(docs)
    losses = train(model, docs)
    assert losses[-1] < losses[0] / 10
    lattice = to_lattice(model.predict(docs), TAGS)
    assert_array_equal(best_paths(lattice), PATH)
    confidences = span_confidences(lattice, TAGS, find_spans(TAGS, PATH))
    assert len(confidences) == 4
    assert (confidences > 0.8).all()
    layer = model.get_ref("output_layer")
    for name in ("transitions", "start", "end"):
        assert layer.get_param(name).any()


def test_scores_do_not_depend_on_the_batch(docs):
    model = make_model(docs)
    train(model, docs, steps=2)
    together = model.predict(docs)
    for doc, rows in zip(docs, together.emissions, strict=True):
        assert rows.shape == (len(doc), N_TAGS)
        assert_allclose(model.predict([doc]).emissions[0], rows, rtol=0, atol=1e-5)


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_a_batch_without_tokens_is_trained_on(docs, texts):
    model = make_model(docs)
    scores, backprop = model.begin_update([spacy.blank("en")(text) for text in texts])
    sets = np.ones((0, N_TAGS), dtype=bool)
    loss, gradient = crf_loss(to_lattice(scores, TAGS), TAGS, sets)
    backprop(from_gradient(model.ops, gradient, scores))
    assert loss == 0.0
    assert not model.get_ref("output_layer").get_grad("W").any()


def test_its_width_is_known_after_initialization(docs):
    assert make_model().maybe_get_dim("nO") is None
    assert make_model(docs).get_dim("nO") == N_TAGS
    assert make_model(nO=9).get_dim("nO") == 9


def test_added_tags_leave_the_others_as_they_are(docs):
    model = make_model(docs)
    train(model, docs, steps=3)
    before, old = model.predict(docs), N_TAGS
    model.attrs["resize_output"](model, old + 2)
    assert model.get_dim("nO") == old + 2
    assert model.get_ref("output_layer").get_param("W").shape == (old + 2, 16)
    after = model.predict(docs)
    for rows, expected in zip(after.emissions, before.emissions, strict=True):
        assert_allclose(rows[:, :old], expected, rtol=0, atol=1e-6)
    assert_array_equal(after.transitions[:old, :old], before.transitions)
    more = make_tag_set(("WHO", "WHERE", "NEW"), "BIO")
    assert_array_equal(
        best_paths(to_lattice(after, more)), best_paths(to_lattice(before, TAGS))
    )


def test_a_resized_model_trains_on_and_loads(docs):
    model, optimizer = make_model(docs), Adam(0.01)
    for size in (N_TAGS, 7):
        if size > N_TAGS:
            model.attrs["resize_output"](model, size)
        scores, backprop = model.begin_update(docs)
        backprop(scores)
        model.finish_update(optimizer)
    loaded = make_model().from_bytes(model.to_bytes())
    assert_same(loaded.predict(docs), model.predict(docs))


def test_a_model_that_was_not_initialized_is_resized(docs):
    model = make_model()
    model.attrs["resize_output"](model, 7)
    model.initialize(X=docs)
    assert model.predict(docs).transitions.shape == (7, 7)


def test_bytes_disk_and_copies_keep_the_scores(docs, tmp_path):
    model = make_model(docs)
    train(model, docs, steps=2)
    expected = model.predict(docs)
    model.to_disk(tmp_path / "model")
    for other in (
        make_model().from_bytes(model.to_bytes()),
        make_model().from_disk(tmp_path / "model"),
        model.copy(),
    ):
        assert_same(other.predict(docs), expected)
        train(other, docs, steps=1)
        assert_same(model.predict(docs), expected)


def test_dropout_is_there_where_it_is_asked_for_and_only_in_training(docs):
    dropped, plain = make_model(docs, dropout=0.5), make_model(docs)
    assert "dropout" in [node.name for node in dropped.walk()]
    assert "dropout" not in [node.name for node in plain.walk()]
    assert_same(dropped.predict(docs), dropped.predict(docs))
    set_dropout_rate(dropped.get_ref("tok2vec"), 0.0)
    once, _ = dropped.begin_update(docs)
    assert abs(once.emissions[0] - dropped.predict(docs).emissions[0]).max() > 1e-3
    set_dropout_rate(dropped, 0.0)
    once, backprop = dropped.begin_update(docs)
    assert_same(once, dropped.predict(docs))
    backprop(once)


def test_it_is_built_from_a_config_on_any_tok2vec(docs):
    config = Config().from_str(CONFIG)
    model = spacy.registry.resolve(config)["model"]
    model.initialize(X=docs, Y=[np.zeros((1, N_TAGS), "f")])
    assert train(model, docs, steps=3)
    assert model.predict(docs).emissions[0].shape == (4, N_TAGS)
    config["model"]["width"] = 3
    with pytest.raises(ConfigValidationError, match="width"):
        spacy.registry.resolve(config)


def test_a_rate_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"dropout has to be in \[0, 1\).*1.5"):
        make_model(dropout=1.5)
