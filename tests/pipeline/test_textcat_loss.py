"""What the classifiers are trained to do."""

import numpy as np
import pytest
from confection import ConfigValidationError
from numpy.testing import assert_allclose
from spacy.pipeline.textcat import textcat_score
from spacy.pipeline.textcat_multilabel import textcat_multilabel_score
from thinc.api import set_dropout_rate

from spacy_rnn.gradients import gradient_arrays

PAIRS = [
    ("warm soup", {"good": 1.0, "bad": 0.0, "odd": 0.0}),
    ("good soup", {"good": 1.0, "bad": 0.0, "odd": 0.0}),
    ("cosy room", {"good": 1.0, "bad": 0.0, "odd": 0.0}),
    ("rude staff", {"good": 0.0, "bad": 1.0, "odd": 0.0}),
    ("purple goat", {"good": 0.0, "bad": 0.0, "odd": 1.0}),
    ("singing goat", {"good": 0.0, "bad": 0.0, "odd": 1.0}),
]
TRUTHS = np.array([list(cats.values()) for _, cats in PAIRS], dtype="f")


@pytest.fixture
def start(make_nlp, make_examples, factory):
    """Initialize a component: returns it, examples and its scores of them."""

    def start(pairs=PAIRS, initialize=None, **config):
        nlp = make_nlp(factory, **config)
        nlp.config["initialize"]["components"][factory] = initialize or {}
        examples = make_examples(nlp, pairs)
        nlp.initialize(lambda: examples)
        pipe = nlp.get_pipe(factory)
        return pipe, examples, pipe.predict([eg.predicted for eg in examples])

    return start


def test_the_gradient_is_probability_minus_truth(start):
    pipe, examples, scores = start()
    _, gradient = pipe.get_loss(examples, scores)
    assert_allclose(gradient, scores - TRUTHS, atol=1e-6)


def test_the_loss_is_the_cross_entropy_per_document(start, factory):
    pipe, examples, scores = start()
    loss, _ = pipe.get_loss(examples, scores)
    expected = -(TRUTHS * np.log(scores)).sum()
    if factory == "rnn_textcat_multilabel":
        expected -= ((1 - TRUTHS) * np.log(1 - scores)).sum()
    assert loss == pytest.approx(expected / len(PAIRS), rel=1e-5)
    assert isinstance(loss, float)


def test_the_loss_of_certain_mistakes_is_finite(start):
    pipe, examples, _ = start()
    loss, gradient = pipe.get_loss(examples, 1 - TRUTHS)
    assert np.isfinite(loss)
    assert_allclose(gradient, 1 - 2 * TRUTHS)


def test_what_reaches_the_output_layer_is_the_gradient_of_the_loss(start):
    pipe, examples, _ = start(model={"linear_model": None})  # a pool adds to it
    docs = [example.predicted for example in examples]
    set_dropout_rate(pipe.model, 0.0, attrs=["word_dropout", "ngram_dropout"])
    layer = pipe.model.get_ref("output_layer")
    scores, backprop = pipe.model.begin_update(docs)
    backprop(pipe.get_loss(examples, scores)[1])
    gradient, b = layer.get_grad("b"), layer.get_param("b")
    for k, step in enumerate(np.eye(3, dtype="f") * 1e-2):
        losses = []
        for sign in (1, -1):
            layer.set_param("b", b + sign * step)
            losses.append(pipe.get_loss(examples, pipe.model.predict(docs))[0])
        slope = len(PAIRS) * (losses[0] - losses[1]) / 2e-2
        assert gradient[k] == pytest.approx(slope, abs=2e-3)


def test_class_weights_scale_the_gradient_of_their_documents(start, factory):
    pipe, examples, scores = start(class_weights={"bad": 3.0, "odd": 0.0})
    _, gradient = pipe.get_loss(examples, scores)
    weights = np.array([[1.0, 3.0, 0.0]])
    if factory == "rnn_textcat":
        expected = (TRUTHS * weights).sum(axis=1, keepdims=True)
    else:
        expected = np.where(TRUTHS, weights, 1.0)
    assert_allclose(gradient, (scores - TRUTHS) * expected, atol=1e-6)


def test_balanced_classes_count_alike(start, factory):
    pipe, examples, _ = start(class_weights="balanced")
    _, gradient = pipe.get_loss(examples, np.full_like(TRUTHS, 0.5))
    have = (abs(gradient) * TRUTHS).sum(axis=0)
    lack = (abs(gradient) * (1 - TRUTHS)).sum(axis=0)
    assert_allclose(have, have[0] if factory == "rnn_textcat" else lack, rtol=1e-5)


def test_balanced_classes_keep_the_size_of_the_gradient(start, factory):
    pipe, examples, _ = start(class_weights="balanced")
    _, gradient = pipe.get_loss(examples, np.full_like(TRUTHS, 0.5))
    if factory == "rnn_textcat":
        assert abs(gradient).sum() == pytest.approx(0.5 * TRUTHS.size, rel=1e-5)


def test_balanced_weights_bear_a_label_without_documents(start):
    labels = ["good", "bad", "odd", "unseen"]
    pipe, examples, scores = start(
        class_weights="balanced", initialize={"labels": labels}
    )
    loss, gradient = pipe.get_loss(examples, scores)
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()


def test_class_weights_of_an_unknown_label_are_refused(start):
    with pytest.raises(ValueError, match="class_weights") as caught:
        start(class_weights={"goood": 2.0})
    assert "'goood'" in str(caught.value)
    assert "['bad', 'good', 'odd']" in str(caught.value)


@pytest.mark.parametrize("wrong", ["balancd", 2.0, ["good"], {"good": "much"}])
def test_class_weights_of_another_type_are_refused(make_nlp, factory, wrong):
    with pytest.raises(ConfigValidationError, match="class_weights"):
        make_nlp(factory, class_weights=wrong)
    pipe = make_nlp(factory).get_pipe(factory)
    with pytest.raises(ValueError, match="class.weight"):
        type(pipe)(pipe.vocab, pipe.model, class_weights=wrong)


@pytest.mark.parametrize("wrong", [-1.0, float("inf"), float("nan")])
def test_class_weights_out_of_range_are_refused(make_nlp, factory, wrong):
    pipe = make_nlp(factory).get_pipe(factory)
    with pytest.raises(ValueError, match=f"class weight of 'good'.*{wrong}"):
        type(pipe)(pipe.vocab, pipe.model, class_weights={"good": wrong})


@pytest.mark.parametrize("wrong", [-0.1, 1.0, 5, float("nan")])
def test_label_smoothing_out_of_range_is_refused(make_nlp, factory, wrong):
    pipe = make_nlp(factory).get_pipe(factory)
    with pytest.raises(ValueError, match=f"label_smoothing .*{wrong}"):
        type(pipe)(pipe.vocab, pipe.model, label_smoothing=wrong)


def test_the_gradient_is_zero_at_the_smoothed_truth(start, factory):
    outcomes = 3 if factory == "rnn_textcat" else 2
    smoothed = 0.8 * TRUTHS + 0.2 / outcomes
    pipe, examples, _ = start(label_smoothing=0.2)
    _, gradient = pipe.get_loss(examples, smoothed)
    assert_allclose(gradient, 0.0, atol=1e-6)
    _, gradient = pipe.get_loss(examples, TRUTHS)
    assert_allclose(gradient, TRUTHS - smoothed, atol=1e-6)


def test_a_document_without_labels_gives_no_gradient(start):
    pipe, examples, scores = start([*PAIRS, ("no labels", {})])
    loss, gradient = pipe.get_loss(examples, scores)
    assert not gradient[-1].any()
    assert gradient[:-1].all()
    before = pipe.get_loss(examples[:-1], scores[:-1])[0]
    assert loss * len(examples) == pytest.approx(before * len(PAIRS), rel=1e-5)


def test_missing_values_give_no_gradient(make_nlp, make_examples):
    nlp = make_nlp("rnn_textcat_multilabel", label_smoothing=0.1)
    partial = [("odd soup", {"good": 1.0}), ("bad goat", {"odd": 1.0, "bad": 0.0})]
    nlp.initialize(lambda: make_examples(nlp, PAIRS))
    pipe = nlp.get_pipe("rnn_textcat_multilabel")
    examples = make_examples(nlp, partial)
    scores = pipe.predict([example.predicted for example in examples])
    _, gradient = pipe.get_loss(examples, scores)
    assert (gradient != 0).tolist() == [[True, False, False], [False, True, True]]


def test_what_counts_nothing_changes_no_weight(make_nlp, make_examples, factory):
    nlp = make_nlp(factory)
    nlp.initialize(lambda: make_examples(nlp, PAIRS))
    nlp.update(make_examples(nlp, [("odd soup", {}), ("bad goat", {})]), sgd=False)
    gradients = gradient_arrays(nlp.get_pipe(factory).model)
    assert not any(gradient.any() for gradient in gradients)


def test_scores_are_those_of_spacy(trained, make_examples, factory):
    examples = make_examples(trained, PAIRS[::2] + [("", PAIRS[0][1])])
    scores = trained.evaluate(examples)
    for example in examples:
        trained.get_pipe(factory)(example.predicted)
    labels = ["good", "bad", "odd"]
    if factory == "rnn_textcat":
        expected = textcat_score(examples, labels=labels, positive_label=None)
    else:
        expected = textcat_multilabel_score(examples, labels=labels, threshold=0.5)
    assert expected["cats_score"] > 0
    assert {key: scores[key] for key in expected} == expected


def test_the_threshold_decides_what_counts_as_predicted(make_nlp, make_examples):
    factory = "rnn_textcat_multilabel"
    recalls = []
    for threshold in (0.0, 1.0):
        nlp = make_nlp(factory, threshold=threshold)
        examples = make_examples(nlp, PAIRS)
        nlp.initialize(lambda: examples)  # noqa: B023
        recalls.append(nlp.evaluate(examples)["cats_macro_r"])
    assert recalls == [1.0, 0.0]


@pytest.mark.parametrize(
    ("cats", "message"),
    [
        ({"good": 1.0, "bad": 1.0, "odd": 0.0}, "E895"),
        ({"good": 0.5, "bad": 0.0, "odd": 0.0}, "E851"),
        ({"good": float("nan"), "bad": 0.0, "odd": 0.0}, "E851"),
        ({"good": 1.0, "else": 0.5}, "E851"),
        ({"else": 1.0}, "'else'.*doesn't know"),
        ({"good": 1.0, "bad": 0.0, "odd": 0.0, "else": 0.0}, None),
        ({}, None),
    ],
)
def test_categories_are_checked_by_whoever_asks_for_the_loss(
    start, cats, message, factory
):
    pipe, examples, _ = start()
    examples[1].reference.cats = cats
    scores = np.full_like(TRUTHS, 0.5)
    if message is None or (message == "E895" and factory == "rnn_textcat_multilabel"):
        assert np.isfinite(pipe.get_loss(examples, scores)[0])
    else:
        with pytest.raises(ValueError, match=message):
            pipe.get_loss(examples, scores)
