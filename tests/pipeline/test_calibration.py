"""Calibrated probabilities are what their papers say, and no prediction changes."""

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from spacy.training import Example

from spacy_rnn.pipeline.calibration import log_odds, scale_logistic, scale_softmax
from spacy_rnn.pipeline.thresholds import carry_thresholds, decide

TEXTS = ["Good soup.", "Bad staff, bad soup.", "", "So it goes."]
LABELS = ["bad", "good", "odd"]
# More extreme ones would make different log odds the same probability.
TEMPERATURES = st.floats(0.5, 3.0)
BIASES = st.floats(-2.0, 2.0)
PROBABILITIES = st.floats(0.0, 1.0, width=32)


def make_pipeline(factory, labels=LABELS, **config):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe(factory, config=config)
    for label in labels:
        pipe.add_label(label)
    examples = [Example.from_dict(nlp.make_doc(TEXTS[0]), {})]
    nlp.initialize(lambda: examples)
    # Untrained, all labels are equally probable.
    output = pipe.model.get_ref("output_layer")
    output.set_param("b", np.linspace(-2, 2, len(labels), dtype="f"))
    return nlp, pipe


def softmax(scores):
    exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_a_temperature_divides_the_scores_of_a_softmax(temperature):
    scores = np.random.default_rng(0).normal(size=(20, 5)) * 4
    found = scale_softmax(softmax(scores).astype("f"), temperature)
    assert_allclose(found, softmax(scores / temperature), rtol=1e-5)


def test_temperature_and_bias_change_log_odds():
    p = np.array([[0.2, 0.5], [0.9, 0.01]], dtype="f")
    found = scale_logistic(p, np.array([2.0, 0.5]), np.array([0.0, -1.0]))
    expected = np.log(p / (1 - p)) / [2.0, 0.5] + [0.0, -1.0]
    assert_allclose(np.log(found / (1 - found)), expected, rtol=1e-4)


@pytest.mark.parametrize(("temperature", "bias"), [(1.0, 1.5), (2.0, 0.0), (1.0, 0.0)])
def test_either_of_them_is_enough(temperature, bias):
    p = np.array([0.2, 0.5, 0.9], dtype="f")
    found = scale_logistic(p, temperature, bias)
    assert_allclose(log_odds(found), log_odds(p) / temperature + bias, atol=1e-6)


def test_what_is_certain_stays_a_number():
    p = np.array([0.0, 1.0], dtype="f")
    assert np.isfinite(log_odds(p)).all()
    for found in (
        scale_softmax(p[None], 3.0),
        scale_logistic(p, 3.0, -2.0),
        scale_logistic(p, 0.1, 2.0),
    ):
        assert ((found >= 0.0) & (found <= 1.0)).all()


def test_a_very_low_temperature_leaves_what_is_alike_alike():
    p = np.array([[0.25, 0.25, 0.5], [0.4, 0.4, 0.2]], dtype="f")
    assert_allclose(scale_softmax(p, 1e-3), [[0, 0, 1], [0.5, 0.5, 0]], atol=1e-9)


@given(st.lists(PROBABILITIES, min_size=2, max_size=6), TEMPERATURES)
def test_the_best_label_stays_the_best(values, temperature):
    p = np.array([values], dtype="f")
    assert scale_softmax(p, temperature).argmax() == p.argmax()


@pytest.mark.parametrize("factory", ["rnn_textcat", "rnn_textcat_multilabel"])
def test_predictions_go_by_the_temperature_and_losses_do_not(factory):
    nlp, pipe = make_pipeline(factory)
    docs = [nlp.make_doc(text) for text in TEXTS]
    examples = [Example.from_dict(doc, {"cats": {"good": 1.0}}) for doc in docs]
    plain = pipe.predict(docs)
    loss, _ = pipe.get_loss(examples, pipe.model.predict(docs))
    pipe.configure(temperature=2.0)
    scaled = pipe.predict(docs)
    if factory == "rnn_textcat":
        assert_allclose(scaled, softmax(np.log(plain.astype("d")) / 2.0), rtol=1e-5)
    else:
        assert_allclose(log_odds(scaled), log_odds(plain) / 2.0, rtol=1e-4)
    assert pipe.get_loss(examples, pipe.model.predict(docs))[0] == loss
    assert [doc.cats for doc in nlp.pipe(TEXTS)] == [
        dict(zip(LABELS, row, strict=True)) for row in scaled.tolist()
    ]


def test_a_label_that_is_not_named_stays_as_it_is():
    nlp, pipe = make_pipeline("rnn_textcat_multilabel")
    before = nlp(TEXTS[0]).cats
    pipe.configure(temperature={"good": 0.5}, bias={"bad": 1.0})
    after = nlp(TEXTS[0]).cats
    pipe.add_label("new")
    assert nlp(TEXTS[0]).cats.keys() == {*LABELS, "new"}
    assert after["odd"] == pytest.approx(before["odd"], rel=1e-6)
    assert log_odds(np.array(after["good"])) == pytest.approx(
        2.0 * log_odds(np.array(before["good"])), rel=1e-5
    )
    assert log_odds(np.array(after["bad"])) == pytest.approx(
        log_odds(np.array(before["bad"])) + 1.0, rel=1e-5
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value):
    _, pipe = make_pipeline("rnn_textcat_multilabel")
    for settings in ({"temperature": value}, {"bias": {"good": value}}):
        with pytest.raises(ValueError, match="has to be"):
            pipe.configure(**settings)


def test_labels_that_there_are_not_are_named():
    _, pipe = make_pipeline("rnn_textcat_multilabel")
    with pytest.raises(ValueError, match=r"temperature names .* aren't: \['nope'\]"):
        pipe.configure(temperature={"nope": 1.0})


@pytest.mark.parametrize("how", ["bytes", "disk"])
@pytest.mark.parametrize(
    ("factory", "settings"),
    [
        ("rnn_textcat", {"temperature": 0.75}),
        (
            "rnn_textcat_multilabel",
            {"temperature": {"bad": 2.0}, "bias": {"good": -1.0}},
        ),
    ],
)
def test_calibration_is_saved(factory, settings, how, tmp_path):
    nlp, pipe = make_pipeline(factory)
    pipe.configure(**settings)
    if how == "bytes":
        loaded = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    else:
        nlp.to_disk(tmp_path)
        loaded = spacy.load(tmp_path)
    cfg = loaded.get_pipe(factory).cfg
    assert {name: cfg[name] for name in settings} == settings
    assert loaded(TEXTS[1]).cats == pytest.approx(nlp(TEXTS[1]).cats, rel=1e-5)


SETTINGS = st.fixed_dictionaries(
    {
        name: values | st.dictionaries(st.sampled_from(LABELS), values)
        for name, values in (("temperature", TEMPERATURES), ("bias", BIASES))
    }
)


@given(
    SETTINGS,
    SETTINGS,
    st.dictionaries(st.sampled_from(LABELS), st.floats(0.05, 0.95)),
    st.floats(0.05, 0.95),
)
def test_documents_keep_their_labels_as_thresholds_are_carried(
    before, after, thresholds, common
):
    pipe = CARRIED["rnn_textcat_multilabel"]
    p = np.random.default_rng(0).random((50, 3)).astype("f")
    pipe.configure(threshold=common, thresholds=thresholds or None, **before)
    decided = decide(pipe, pipe.calibrated(p))
    carried = carry_thresholds(pipe, before, after)
    pipe.configure(**after, thresholds=carried)
    assert_array_equal(decide(pipe, pipe.calibrated(p)), decided)


@given(TEMPERATURES, TEMPERATURES, st.floats(0.05, 0.95))
def test_the_threshold_of_one_of_two_labels_is_carried(before, after, threshold):
    pipe = CARRIED["rnn_textcat"]
    p = np.random.default_rng(0).dirichlet([1, 1], 50).astype("f")
    settings = [{"temperature": each} for each in (before, after)]
    pipe.configure(**settings[0], thresholds={"good": threshold})
    decided = decide(pipe, pipe.calibrated(p))
    carried = carry_thresholds(pipe, *settings)
    assert list(carried) == ["good"]
    pipe.configure(**settings[1], thresholds=carried)
    assert_array_equal(decide(pipe, pipe.calibrated(p)), decided)


def test_half_stays_half_without_a_bias():
    _, pipe = make_pipeline("rnn_textcat_multilabel")
    assert carry_thresholds(pipe, {"temperature": 1.0}, {"temperature": 2.5}) is None


CARRIED = {
    "rnn_textcat": make_pipeline("rnn_textcat", ["bad", "good"])[1],
    "rnn_textcat_multilabel": make_pipeline("rnn_textcat_multilabel")[1],
}
