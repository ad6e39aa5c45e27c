"""Any component works with any architecture, and typing errors are found early."""

import pytest
import spacy
from confection import ConfigValidationError
from numpy.testing import assert_array_equal

HASH_EMBED_CNN = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 8,
    "depth": 1,
    "embed_size": 200,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}
HASH_EMBED_RNN = {
    "@architectures": "spacy-rnn.HashEmbedRNN.v1",
    "width": 8,
    "depth": 2,
    "embed_size": 200,
}


def bag_of_words(exclusive):
    return {
        "@architectures": "spacy.TextCatBOW.v3",
        "exclusive_classes": exclusive,
        "ngram_size": 1,
        "no_output_layer": False,
        "length": 1024,
    }


def reduced(exclusive, tok2vec=HASH_EMBED_CNN):
    return {
        "@architectures": "spacy.TextCatReduce.v1",
        "exclusive_classes": exclusive,
        "use_reduce_first": True,
        "use_reduce_last": True,
        "use_reduce_max": True,
        "use_reduce_mean": True,
        "tok2vec": tok2vec,
    }


def reduced_rnn(exclusive):
    return reduced(exclusive, HASH_EMBED_RNN)


def ensemble(exclusive):
    linear_model = {**bag_of_words(exclusive), "no_output_layer": True}
    return {
        "@architectures": "spacy.TextCatEnsemble.v2",
        "tok2vec": HASH_EMBED_CNN,
        "linear_model": linear_model,
    }


def ours_on_a_cnn(exclusive):
    return {
        "@architectures": "spacy-rnn.TextCat.v1",
        "exclusive_classes": exclusive,
        "pooling": ["last", "mean"],
        "tok2vec": HASH_EMBED_CNN,
    }


def ours_with_n_grams(exclusive):
    linear_model = {**bag_of_words(exclusive), "no_output_layer": True}
    model = {**ours_on_a_cnn(exclusive), "linear_model": linear_model}
    return {**model, "tok2vec": HASH_EMBED_RNN}


def check_training(nlp, examples, fit, scores_of, path):
    fit(nlp, examples, 40, learn_rate=0.05)
    for example in examples:
        cats = nlp(example.reference.text).cats
        for label, truth in example.reference.cats.items():
            assert cats[label] == pytest.approx(truth, abs=0.3)
    nlp.to_disk(path)
    assert_array_equal(scores_of(spacy.load(path)), scores_of(nlp))


@pytest.mark.parametrize(
    "build", [bag_of_words, reduced, reduced_rnn, ensemble, ours_on_a_cnn]
)
def test_our_component_trains_architectures(
    make_nlp, make_examples, fit, scores_of, factory, build, tmp_path
):
    nlp = make_nlp(factory, model=build(exclusive=factory == "rnn_textcat"))
    examples = make_examples(nlp, factory)
    check_training(nlp, examples, fit, scores_of, tmp_path / "model")


def test_spacys_component_trains_our_architecture(
    make_nlp, make_model, make_examples, fit, scores_of, factory, peer, tmp_path
):
    nlp = make_nlp(peer, model=make_model(factory))
    examples = make_examples(nlp, factory)
    check_training(nlp, examples, fit, scores_of, tmp_path / "model")


WAYS = [
    *((cell, "last") for cell in ("rnn_tanh", "rnn_relu", "lstm", "gru")),
    *(("gru", pooling) for pooling in ("mean", "max", "attention")),
]


@pytest.mark.parametrize(("cell", "pooling"), WAYS)
def test_every_cell_and_pooling_trains(
    make_nlp, make_model, make_tok2vec, make_examples, fit, scores_of, cell, pooling,
    tmp_path,
):  # fmt: skip
    model = make_model(
        "rnn_textcat", pooling=[pooling], tok2vec=make_tok2vec(cell=cell)
    )
    nlp = make_nlp("rnn_textcat", model=model)
    examples = make_examples(nlp, "rnn_textcat")
    check_training(nlp, examples, fit, scores_of, tmp_path / "model")


def test_n_grams_add_to_the_network(
    make_nlp, make_examples, fit, scores_of, factory, tmp_path
):
    model = ours_with_n_grams(exclusive=factory == "rnn_textcat")
    nlp = make_nlp(factory, model=model)
    examples = make_examples(nlp, factory)
    check_training(nlp, examples, fit, scores_of, tmp_path / "model")
    before = scores_of(nlp)
    nlp.get_pipe(factory).add_label("new")
    assert scores_of(nlp)[:, :3] == pytest.approx(before, abs=1e-6)


def test_chinese_trains(
    make_nlp, make_examples, fit, factory, texts, scores_of, tmp_path
):
    chinese = ["我们很喜欢这碗热汤。", "服务员又粗鲁又慢!", "一只紫色的山羊在唱歌"]
    nlp = make_nlp(factory, "zh")
    pairs = [
        (text, example.reference.cats)
        for text, example in zip(chinese, make_examples(nlp, factory), strict=True)
    ]
    assert len(nlp.make_doc(chinese[0])) == len(chinese[0])
    check_training(nlp, make_examples(nlp, pairs), fit, scores_of, tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert_array_equal(scores_of(loaded, chinese), scores_of(nlp, chinese))


ENCODE = {"cell": "lstn", "celll": "lstm", "width": "wide", "bidirectional": 3}


@pytest.mark.parametrize(("key", "value"), ENCODE.items())
def test_a_typing_error_in_the_encoder_is_refused(
    make_nlp, make_model, make_tok2vec, factory, key, value
):
    tok2vec = make_tok2vec(**{key: value})
    with pytest.raises(ConfigValidationError) as caught:
        make_nlp(factory, model=make_model(factory, tok2vec=tok2vec))
    assert key in str(caught.value)
    if key == "cell":
        for cell in ("rnn_tanh", "rnn_relu", "lstm", "gru"):
            assert f"'{cell}'" in str(caught.value)


def test_an_unknown_pooling_is_refused_with_the_known_ones(
    make_nlp, make_model, factory
):
    with pytest.raises(ConfigValidationError) as caught:
        make_nlp(factory, model=make_model(factory, pooling=["mean", "maximum"]))
    for pooling in ("last", "mean", "max", "attention"):
        assert f"'{pooling}'" in str(caught.value)


@pytest.mark.parametrize("build", [bag_of_words, reduced, ours_on_a_cnn])
def test_a_model_for_the_other_kind_of_classifier_is_refused(
    make_nlp, make_examples, factory, build
):
    exclusive = factory == "rnn_textcat"
    nlp = make_nlp(factory, model=build(exclusive=not exclusive))
    examples = make_examples(nlp, factory)
    message = rf"has to predict [^.]*exclusive_classes = {str(exclusive).lower()}\)"
    with pytest.raises(ValueError, match=message):
        nlp.initialize(lambda: examples)


@pytest.mark.parametrize(
    "config", [{"thresold": 0.5}, {"label_smoothing": "much"}, {"threshold": None}]
)
def test_a_typing_error_in_the_component_is_refused(make_nlp, factory, config):
    with pytest.raises(ConfigValidationError, match=next(iter(config))):
        make_nlp(factory, **config)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": []}, "pooling"),
        ({"pooling": ["max", "max"]}, "pooling"),
        ({"dropout": 1.0}, "dropout has to be in"),
        ({"dropout": -0.1}, "dropout has to be in"),
    ],
)
def test_a_head_out_of_range_is_refused(
    make_nlp, make_model, factory, settings, message
):
    with pytest.raises(ValueError, match=message):
        make_nlp(factory, model=make_model(factory, **settings))


@pytest.mark.parametrize(
    ("part", "settings", "message"),
    [
        ("encode", {"width": 7}, "even.* 7"),
        ("encode", {"width": 0}, "width has to be 1 or more.* 0"),
        ("encode", {"depth": 0}, "depth has to be 1 or more.* 0"),
        ("encode", {"dropout": 1.0}, "dropout has to be in"),
        ("embed", {"width": 0}, "width has to be 1 or more.* 0"),
        ("embed", {"rows": [10, 10, 10, 0]}, "rows has to be 1 or more.* 0"),
        ("embed", {"rows": [10]}, "1 rows and 4 attrs"),
        ("embed", {"dropout": -0.5}, "dropout has to be in"),
        ("embed", {"word_dropout": 1.5}, "word_dropout has to be in"),
    ],
)
def test_a_tok2vec_out_of_range_is_refused(
    make_nlp, make_model, make_tok2vec, factory, part, settings, message
):
    tok2vec = make_tok2vec()
    tok2vec[part].update(settings)
    with pytest.raises(ValueError, match=message):
        make_nlp(factory, model=make_model(factory, tok2vec=tok2vec))
