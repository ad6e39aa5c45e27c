import numpy as np
import pytest
import spacy
from confection import ConfigValidationError
from spacy.training import Example
from thinc.api import Adam, Config, Linear, chain, fix_random_seed, with_array

from spacy_rnn.architectures.rnn import build_rnn_encoder
from spacy_rnn.modules.cells import CELLS

TOK2VEC = """
[model.tok2vec]
@architectures = "spacy.Tok2Vec.v2"

[model.tok2vec.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = 12
attrs = ["NORM", "SHAPE"]
rows = [60, 30]
include_static_vectors = false

[model.tok2vec.encode]
@architectures = "spacy-rnn.RNNEncoder.v1"
width = 16
"""
MODELS = {
    "tagger": '@architectures = "spacy.Tagger.v2"',
    "ner": """
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "ner"
extra_state_tokens = false
hidden_width = 8
maxout_pieces = 2
use_upper = true
""",
    "parser": """
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "parser"
extra_state_tokens = false
hidden_width = 8
maxout_pieces = 2
use_upper = true
""",
    "textcat": """
@architectures = "spacy.TextCatReduce.v1"
exclusive_classes = true
use_reduce_first = false
use_reduce_last = false
use_reduce_max = false
use_reduce_mean = true
""",
    "spancat": """
@architectures = "spacy.SpanCategorizer.v1"

[model.reducer]
@layers = "spacy.mean_max_reducer.v1"
hidden_size = 8

[model.scorer]
@layers = "spacy.LinearLogistic.v1"
""",
}
PIPES = [
    ("tagger", "lstm", True, 1),
    ("tagger", "rnn_tanh", True, 2),
    ("ner", "gru", True, 1),
    ("parser", "lstm", False, 2),
    ("textcat", "rnn_relu", True, 1),
    ("spancat", "gru", False, 1),
]


def make_examples(nlp):
    rows = [
        ("Ann saw Rome", ["PROPN", "VERB", "PROPN"], [0, 4, 8], "yes"),
        ("cats sleep", ["NOUN", "VERB"], None, "no"),
        ("Bob left Paris", ["PROPN", "VERB", "PROPN"], [0, 4, 9], "yes"),
    ]
    examples = []
    for text, tags, places, label in rows:
        doc = nlp.make_doc(text)
        spans = [(0, 3, "WHO")] if places else []
        examples.append(
            Example.from_dict(
                doc,
                {
                    "tags": tags,
                    "entities": spans,
                    "heads": [1, 1, 1][: len(doc)],
                    "deps": ["nsubj", "ROOT", "obj"][: len(doc)],
                    "cats": {"yes": label == "yes", "no": label == "no"},
                    "spans": {"sc": spans},
                },
            )
        )
    return examples


@pytest.mark.filterwarnings("ignore:.*W033.*")
@pytest.mark.parametrize(("name", "cell", "bidirectional", "depth"), PIPES)
def test_the_encoder_trains_and_predicts_under_a_pipe_of_spacy(
    name, cell, bidirectional, depth
):
    model = Config().from_str(f"[model]\n{MODELS[name]}\n{TOK2VEC}")["model"]
    model["tok2vec"]["encode"] |= {
        "cell": cell,
        "bidirectional": bidirectional,
        "depth": depth,
    }
    nlp = spacy.blank("en")
    config = {"model": model}
    if name == "spancat":
        config["suggester"] = {"@misc": "spacy.ngram_suggester.v1", "sizes": [1, 2]}
    if name == "parser":
        config["min_action_freq"] = 1
    pipe = nlp.add_pipe(name, config=config)
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    encoder = next(node for node in pipe.model.walk() if node.name == cell)
    assert encoder.get_dim("nI") == 12
    assert encoder.get_dim("nO") == 16
    before = encoder.get_param("W").copy()
    for _ in range(2):
        losses = nlp.update(examples, sgd=optimizer, drop=0.1)
        assert np.isfinite(losses[name])
    assert (encoder.get_param("W") != before).any()
    empty, *docs = nlp.pipe(["", "Ann saw Paris", "cats sleep"])
    assert [len(doc) for doc in docs] == [3, 2]
    loaded = spacy.blank("en")
    loaded.add_pipe(name, config=config)
    loaded.from_bytes(nlp.to_bytes())
    twin = loaded("Ann saw Paris")
    assert twin.to_json() == docs[0].to_json()


def resolve(**settings):
    config = {"@architectures": "spacy-rnn.RNNEncoder.v1", "width": 8, **settings}
    return spacy.registry.resolve({"model": config})["model"]


def test_a_config_makes_each_cell():
    for cell in CELLS:
        assert resolve(cell=cell).name == cell


def test_an_unknown_cell_is_refused_with_the_known_ones():
    with pytest.raises(ConfigValidationError) as caught:
        resolve(cell="lstmm")
    for cell in CELLS:
        assert cell in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"width": 0}, "width"),
        ({"width": -2}, "width"),
        ({"width": 7}, "width"),
        ({"width": 8, "depth": 0}, "depth"),
        ({"width": 8, "dropout": 1.0}, "dropout"),
        ({"width": 8, "dropout": -0.1}, "dropout"),
        ({"width": 8, "dropout": float("nan")}, "dropout"),
        ({"width": 8, "weight_dropout": 1.0}, "weight_dropout"),
        ({"width": 8, "weight_dropout": -0.1}, "weight_dropout"),
        ({"width": 8, "bptt": -1}, "bptt"),
        ({"width": 8, "recompute": -50}, "recompute"),
    ],
    ids=str,
)
def test_a_value_out_of_range_is_refused_by_its_name(settings, name):
    with pytest.raises(ValueError, match=rf"{name}.*{settings[name]}"):
        build_rnn_encoder(**settings)


def test_an_odd_width_is_fine_with_one_direction():
    X = np.ones((3, 5), dtype="f")
    model = build_rnn_encoder(7, bidirectional=False).initialize(X=[X])
    assert model.predict([X])[0].shape == (3, 7)


def test_every_setting_reaches_the_network(monkeypatch):
    monkeypatch.setattr("spacy_rnn.layers.rnn.check_bfloat16", lambda ops: None)
    X = np.random.default_rng(0).normal(size=(4, 5)).astype("f")
    found = set()
    settings = [
        {},
        {"depth": 2},
        {"cell": "gru"},
        {"cell": "rnn_tanh"},
        {"cell": "rnn_relu"},
        {"bidirectional": False},
        {"residual": True},
        {"layer_norm": True},
        {"mixed_precision": True},
    ]
    for each in settings:
        fix_random_seed(1)
        model = build_rnn_encoder(8, **each).initialize(X=[X])
        found.add(model.predict([X])[0].tobytes())
    assert len(found) == len(settings)


def test_sequences_that_are_no_documents_can_be_learned():
    # Is the sum of what was read so far positive?
    rng = np.random.default_rng(0)
    Xs = [rng.normal(size=(n, 1)) for n in (3, 8, 20, 5)]
    targets = [np.cumsum(X, axis=0) > 0 for X in Xs]
    optimizer = Adam(0.05)
    model = chain(
        build_rnn_encoder(8, "gru", bidirectional=False), with_array(Linear(1))
    )
    model.initialize(X=Xs, Y=[t.astype("f") for t in targets])
    for _ in range(60):
        Ys, backprop = model.begin_update(Xs)
        backprop([(Y - t).astype("f") for Y, t in zip(Ys, targets, strict=True)])
        model.finish_update(optimizer)
    found = np.concatenate(model.predict(Xs)) > 0.5
    assert (found == np.concatenate(targets)).mean() > 0.9
