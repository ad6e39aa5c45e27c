import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from spacy.training.pretrain import create_pretraining_model, make_update
from spacy.util import registry
from thinc.api import Adam, get_current_ops

from spacy_rnn.architectures.hash_embed import build_hash_embed_rnn
from spacy_rnn.layers.rnn import find_encoders

ENCODER = "spacy-rnn.RNNEncoder.v1"
OBJECTIVE = "spacy-rnn.PretrainLanguageModel.v1"
TEXTS = ["the soup was warm", "the goat sang opera", "we sang", "soup", ""]


def make_nlp(unknown_rate=0.0, **encode):
    """Make a pipeline of a tok2vec whose encoder has some settings."""
    nlp = spacy.blank("en")
    embed = {
        "@architectures": "spacy-rnn.MultiHashEmbed.v1",
        "width": 12,
        "attrs": ["NORM"],
        "rows": [200],
        "include_static_vectors": False,
        "unknown_rate": unknown_rate,
    }
    encode = {"@architectures": ENCODER, "width": 16} | encode
    model = {"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": encode}
    nlp.add_pipe("tok2vec", config={"model": model})
    return nlp


def make_objective(nlp, **settings):
    objective = registry.architectures.get(OBJECTIVE)(**settings)
    config = {"component": "tok2vec", "layer": "", "objective": objective}
    return create_pretraining_model(nlp, config | {"dropout": 0.0})


@pytest.mark.parametrize(
    "encode",
    [{}, {"depth": 2, "residual": True}, {"bidirectional": False, "layer_norm": True}],
)
def test_words_are_learned_from_their_neighbours(encode):
    nlp = make_nlp(**encode)
    model = make_objective(nlp, rows=500)
    docs, optimizer = [nlp.make_doc(text) for text in TEXTS], Adam(0.01)
    losses = [
        make_update(model, docs, optimizer, model.attrs["loss"]) for _ in range(60)
    ]
    assert losses[-1] < losses[0] / 4


@pytest.mark.parametrize("depth", [1, 2])
def test_no_word_is_read_where_it_is_predicted(depth):
    nlp = make_nlp(depth=depth)
    tok2vec = make_objective(nlp).get_ref("tok2vec")

    def encode(text):
        return tok2vec([nlp.make_doc(text)], is_train=True)[0][0]

    first, second = encode("we loved the soup"), encode("we hated the soup")
    assert_array_equal(first[:1, :8], second[:1, :8])
    assert_array_equal(first[2:, 8:], second[2:, 8:])
    assert (first[1:, :8] != second[1:, :8]).any(axis=1).all()
    assert (first[:2, 8:] != second[:2, 8:]).any(axis=1).all()


def test_pretrained_weights_are_for_directions_that_meet():
    nlp, fresh = make_nlp(depth=2), make_nlp(depth=2)
    model = make_objective(nlp)
    fresh.initialize()
    tok2vec = fresh.get_pipe("tok2vec").model
    tok2vec.from_bytes(model.get_ref("tok2vec").to_bytes())
    docs = [fresh.make_doc("we loved the soup")]
    assert find_encoders(tok2vec)[0].attrs["training"].directions_meet
    trained = tok2vec(docs, is_train=True)[0][0]
    assert_allclose(trained, tok2vec.predict(docs)[0], atol=1e-6)


def test_words_of_raw_text_are_known_after_pretraining():
    nlp, fresh = make_nlp(unknown_rate=0.5), make_nlp(unknown_rate=0.5)
    model = make_objective(nlp)
    docs = [nlp.make_doc(text) for text in TEXTS]
    make_update(model, docs, Adam(0.01), model.attrs["loss"])
    fresh.initialize()
    tok2vec = fresh.get_pipe("tok2vec").model
    tok2vec.from_bytes(model.get_ref("tok2vec").to_bytes())
    embed = tok2vec.layers[0]
    known, unknown = embed.predict(
        [fresh.make_doc("goat opera"), fresh.make_doc("x y")]
    )
    assert (known[0] != known[1]).any()
    assert_array_equal(unknown[0], unknown[1])


def test_nothing_to_predict_is_no_loss_and_changes_no_weights():
    nlp = make_nlp()
    model = make_objective(nlp)
    before = model.get_ref("tok2vec").to_bytes()
    docs = [nlp.make_doc("soup"), nlp.make_doc("")]
    losses, backprop = model.begin_update(docs)
    loss, gradient = model.attrs["loss"](get_current_ops(), docs, losses)
    backprop(gradient)
    assert loss == 0.0
    assert model.get_ref("tok2vec").to_bytes() == before
    assert not any(
        node.get_grad(name).any()
        for node in model.walk()
        for name in node.param_names
        if node.has_grad(name)
    )


def test_forms_of_a_word_are_told_apart_if_that_is_asked_for():
    nlp = make_nlp()
    docs = [nlp.make_doc("Soup soup SOUP")]
    choices = {}
    for attr in ("LOWER", "ORTH"):
        model = make_objective(nlp, attr=attr)
        choices[attr] = model.predict(docs)
    assert (choices["LOWER"] == 0).all()  # there is one word to choose from
    assert (choices["ORTH"] > 1).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"attr": "TAG"}, "ORTH.*'TAG'"), ({"rows": 0}, "rows has to be 1 or more")],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make_objective(make_nlp(), **settings)


def test_normalized_directions_are_refused():
    with pytest.raises(ValueError, match="layer_norm"):
        make_objective(make_nlp(layer_norm=True))


def test_another_encoder_is_refused():
    nlp = make_nlp(
        **{
            "@architectures": "spacy.MaxoutWindowEncoder.v2",
            "width": 12,
            "window_size": 1,
            "maxout_pieces": 2,
            "depth": 1,
        }
    )
    with pytest.raises(ValueError, match=f"one {ENCODER}, but .* has 0 of them"):
        make_objective(nlp)


def test_the_embedding_in_one_line_can_be_pretrained():
    tok2vec = build_hash_embed_rnn(width=16, depth=2, embed_size=100)
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec").model = tok2vec
    assert make_objective(nlp).get_ref("tok2vec") is tok2vec
