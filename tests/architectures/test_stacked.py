import numpy as np
import pytest
import spacy
from catalogue import RegistryError
from confection import Config, ConfigValidationError
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import fix_random_seed, set_dropout_rate

from spacy_rnn.architectures.char_embed import build_char_embed
from spacy_rnn.architectures.stacked import build_stacked_embed

SENTENCES = [
    ("The cats sleep on the mat .", ["D", "N", "V", "P", "D", "N", "."]),
    ("Cats like to sleep", ["N", "V", "T", "V"]),
]

# The two hash embeddings have the same shapes: in another order, their weights would
# fit, and be the wrong ones.
CONFIG = """
[model]
@architectures = "spacy.Tagger.v2"

[model.tok2vec]
@architectures = "spacy.Tok2Vec.v2"

[model.tok2vec.embed]
@architectures = "spacy-rnn.StackedEmbed.v1"

[model.tok2vec.embed.embeds]

[model.tok2vec.embed.embeds.words]
@architectures = "spacy-rnn.MultiHashEmbed.v1"
width = 16
attrs = ["NORM"]
rows = [100]
include_static_vectors = false

[model.tok2vec.embed.embeds.chars]
@architectures = "spacy-rnn.CharEmbed.v1"
width = 10
encoder = "cnn"

[model.tok2vec.embed.embeds.shapes]
@architectures = "spacy-rnn.MultiHashEmbed.v1"
width = 16
attrs = ["SHAPE"]
rows = [100]
include_static_vectors = false

[model.tok2vec.encode]
@architectures = "spacy-rnn.RNNEncoder.v1"
width = 24
"""


def make_config(names=("words", "chars", "shapes"), encoder="cnn"):
    """Read the config, with its embeddings in some order."""
    config = Config().from_str(CONFIG)
    embed = config["model"]["tok2vec"]["embed"]
    embed["embeds"]["chars"]["encoder"] = encoder
    embed["embeds"] = {name: embed["embeds"][name] for name in names}
    assert list(embed["embeds"]) == list(names)
    return config


def make_nlp(config):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger", config=config)
    return nlp


def train(nlp, n_steps=30):
    examples = [
        Example.from_dict(Doc(nlp.vocab, words=text.split()), {"tags": tags})
        for text, tags in SENTENCES
    ]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(n_steps):
        nlp.update(examples, sgd=optimizer, drop=0.1)
    return nlp


def assert_close(scores, others):
    assert_allclose(scores, others, rtol=0, atol=1e-5)


def scores(nlp):
    docs = [nlp.make_doc(text) for text, _ in [*SENTENCES, ("Dogs sat there", None)]]
    return np.concatenate(nlp.get_pipe("tagger").model.predict(docs))


@pytest.mark.parametrize("encoder", ["cnn", "lstm"])
def test_a_tagger_learns_two_sentences_and_predicts_the_same_when_loaded(
    encoder, tmp_path
):
    nlp = train(make_nlp(make_config(encoder=encoder)))
    nlp.to_disk(tmp_path / "tagger")
    loaded = spacy.load(tmp_path / "tagger")
    for text, tags in SENTENCES:
        assert [token.tag_ for token in nlp(text)] == tags
        assert [token.tag_ for token in loaded(text)] == tags
    assert_close(scores(loaded), scores(nlp))
    assert_close(
        scores(make_nlp(make_config(encoder=encoder)).from_bytes(nlp.to_bytes())),
        scores(nlp),
    )


ORDERS = [("chars", "shapes", "words"), ("shapes", "words", "chars")]


@pytest.mark.parametrize("names", ORDERS, ids=str)
def test_names_in_another_order_train_the_same_tagger(names):
    expected = scores(train(make_nlp(make_config()), n_steps=3))
    assert_close(scores(train(make_nlp(make_config(names)), n_steps=3)), expected)


@pytest.mark.parametrize("names", ORDERS, ids=str)
def test_a_saved_tagger_loads_under_a_config_in_another_order(names, tmp_path):
    nlp = train(make_nlp(make_config()), n_steps=3)
    nlp.to_disk(tmp_path / "tagger")
    other = make_nlp(make_config(names)).from_disk(tmp_path / "tagger")
    assert_close(scores(other), scores(nlp))


def test_the_names_may_be_any_but_their_order_counts():
    docs = [Doc(spacy.blank("en").vocab, words=["a", "cat"])]
    first, second = build_char_embed(3), build_char_embed(4)
    model = build_stacked_embed({"b": second, "A 1": first}).initialize(X=docs)
    assert [embed.get_dim("nO") for embed in model.layers] == [3, 4]


@pytest.mark.parametrize(
    "embed",
    [
        {
            "@architectures": "spacy.MultiHashEmbed.v2",
            "width": 6,
            "attrs": ["NORM", "SHAPE"],
            "rows": [20, 10],
            "include_static_vectors": True,
        },
        {
            "@architectures": "spacy.CharacterEmbed.v2",
            "width": 6,
            "rows": 20,
            "nM": 4,
            "nC": 3,
            "include_static_vectors": False,
        },
        {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "width": 6,
            "depth": 1,
            "embed_size": 20,
            "window_size": 1,
            "maxout_pieces": 2,
            "subword_features": True,
            "pretrained_vectors": False,
        },
    ],
    ids=lambda embed: embed["@architectures"],
)
def test_an_embedding_of_spacy_can_be_one_of_them(embed):
    config = make_config()
    config["model"]["tok2vec"]["embed"]["embeds"]["words"] = embed
    nlp = make_nlp(config)
    nlp.vocab.set_vector("cats", np.ones(5, dtype="f"))
    train(nlp)
    for text, tags in SENTENCES:
        assert [token.tag_ for token in nlp(text)] == tags
    blank = make_nlp(config)
    blank.vocab.set_vector("cats", np.ones(5, dtype="f"))
    assert_close(scores(blank.from_bytes(nlp.to_bytes())), scores(nlp))


def test_a_listener_can_be_one_of_them():
    config = make_config()
    config["model"]["tok2vec"]["embed"]["embeds"]["words"] = {
        "@architectures": "spacy.Tok2VecListener.v1",
        "width": 8,
    }
    nlp = spacy.blank("en")
    shared = {
        "@architectures": "spacy-rnn.HashEmbedRNN.v1",
        "width": 8,
        "depth": 1,
        "embed_size": 50,
    }
    nlp.add_pipe("tok2vec", config={"model": shared})
    nlp.add_pipe("tagger", config=config)
    train(nlp)
    for text, tags in SENTENCES:
        assert [token.tag_ for token in nlp(text)] == tags


def test_dropout_of_the_training_reaches_every_embedding():
    docs = [Doc(spacy.blank("en").vocab, words=["a", "cat"])]
    embed = spacy.registry.resolve(make_config())["model"].get_ref("tok2vec").layers[0]
    embed.initialize(X=docs)
    (kept,) = embed.predict(docs)
    set_dropout_rate(embed, 0.5)
    (Y,), _ = embed.begin_update(docs)
    dropped = (Y == 0).all(axis=0)
    for start, end in ((0, 10), (10, 26), (26, 42)):
        assert dropped[start:end].any()
        assert not dropped[start:end].all()
    assert_array_equal(embed.predict(docs)[0], kept)


def test_an_empty_stack_is_refused():
    with pytest.raises(ValueError, match="embeds needs at least one embedding"):
        build_stacked_embed({})


@pytest.mark.parametrize("embed", [3, None, {"width": 3}], ids=str)
def test_what_is_no_embedding_is_refused_by_its_name(embed):
    embeds = {"chars": build_char_embed(3), "words": embed}
    config = {"@architectures": "spacy-rnn.StackedEmbed.v1", "embeds": embeds}
    with pytest.raises(ValueError, match=r"embeds\.words.*@architectures"):
        spacy.registry.resolve({"model": config})


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"embed": {}}, "embed"), ({"embeds": 3}, "embeds")],
    ids=str,
)
def test_a_mistake_in_a_config_is_told_by_its_name(settings, message):
    config = {"@architectures": "spacy-rnn.StackedEmbed.v1", **settings}
    with pytest.raises(ConfigValidationError, match=message):
        spacy.registry.resolve({"model": config})


def test_an_unknown_embedding_is_refused_by_its_name():
    config = make_config()
    embeds = config["model"]["tok2vec"]["embed"]["embeds"]
    embeds["words"]["@architectures"] = "spacy-rnn.Glove.v1"
    with pytest.raises(RegistryError, match="spacy-rnn.Glove.v1"):
        spacy.registry.resolve(config)
