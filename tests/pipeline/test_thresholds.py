"""Thresholds of labels are checked, saved, and what labels and scores go by."""

import numpy as np
import pytest
import spacy
import srsly
from spacy.training import Example

BOTH = ["rnn_textcat", "rnn_textcat_multilabel"]
LABELS = ["bad", "good"]


def make_pipeline(factory, labels=LABELS, **config):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe(factory, config=config)
    for label in labels:
        pipe.add_label(label)
    return nlp, pipe


def make_examples(nlp, labels, *, exclusive=True, n_docs=40):
    """Examples whose predictions are given, right more often than not."""
    rng = np.random.default_rng(0)
    examples = []
    for _ in range(n_docs):
        scores = rng.random(len(labels))
        truths = rng.random(len(labels)) < scores
        if exclusive:
            scores /= scores.sum()
            truths = np.arange(len(labels)) == rng.choice(len(labels), p=scores)
        example = Example.from_dict(
            nlp.make_doc("Soup."),
            {"cats": dict(zip(labels, truths.astype(float), strict=True))},
        )
        example.predicted.cats = dict(zip(labels, scores.tolist(), strict=True))
        examples.append(example)
    return examples


def label_doc(nlp, pipe, cats):
    doc = nlp.make_doc("Soup.")
    doc.cats = cats
    return pipe.predicted_labels(doc)


def test_without_thresholds_scores_are_spacys():
    for factory in BOTH:
        nlp, pipe = make_pipeline(factory)
        examples = make_examples(nlp, LABELS)
        cfg = {**pipe.cfg, "labels": pipe.labels}
        assert pipe.score(examples) == pipe.scorer(examples, **cfg)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0])
def test_the_same_threshold_for_each_label_scores_as_one_for_all(threshold):
    nlp, pipe = make_pipeline("rnn_textcat_multilabel")
    examples = make_examples(nlp, LABELS, exclusive=False)
    pipe.configure(threshold=threshold)
    before = pipe.score(examples)
    pipe.configure(threshold=0.5, thresholds=dict.fromkeys(LABELS, threshold))
    assert pipe.score(examples) == before


def test_half_a_probability_for_one_of_two_labels_changes_nothing():
    nlp, pipe = make_pipeline("rnn_textcat")
    examples = make_examples(nlp, LABELS)
    before = pipe.score(examples)
    for label in LABELS:
        pipe.configure(thresholds={label: 0.5})
        assert pipe.score(examples) == before


@pytest.mark.parametrize("factory", BOTH)
def test_scores_are_those_of_the_labels_that_documents_get(factory):
    nlp, pipe = make_pipeline(factory, thresholds={"bad": 0.2})
    exclusive = factory == "rnn_textcat"
    examples = make_examples(nlp, LABELS, exclusive=exclusive)
    scores = pipe.score(examples)
    plain = make_pipeline(factory)[1].score(examples)
    assert scores["cats_auc_per_type"] == plain["cats_auc_per_type"]
    assert scores["cats_macro_f"] != plain["cats_macro_f"]
    main = "cats_macro_f" if exclusive else "cats_macro_auc"
    assert scores["cats_score"] == scores[main]
    for label in LABELS:
        given = [label in pipe.predicted_labels(each.predicted) for each in examples]
        right = [each.reference.cats[label] == 1.0 for each in examples]
        hits = sum(np.logical_and(given, right))
        found = scores["cats_f_per_type"][label]
        assert found["p"] == pytest.approx(hits / sum(given))
        assert found["r"] == pytest.approx(hits / sum(right))


def test_a_label_without_a_threshold_of_its_own_has_the_one_for_all():
    nlp, pipe = make_pipeline(
        "rnn_textcat_multilabel", threshold=0.6, thresholds={"bad": 0.1}
    )
    assert label_doc(nlp, pipe, {"bad": 0.1, "good": 0.5}) == ["bad"]
    assert label_doc(nlp, pipe, {"bad": 0.05, "good": 0.6}) == ["good"]
    assert label_doc(nlp, pipe, {"bad": 0.05, "good": 0.5}) == []


def test_one_of_two_labels_is_chosen_from_its_threshold_on():
    nlp, pipe = make_pipeline("rnn_textcat", thresholds={"good": 0.2})
    assert label_doc(nlp, pipe, {"bad": 0.8, "good": 0.2}) == ["good"]
    assert label_doc(nlp, pipe, {"bad": 0.9, "good": 0.1}) == ["bad"]
    pipe.configure(thresholds=None)
    assert label_doc(nlp, pipe, {"bad": 0.8, "good": 0.2}) == ["bad"]


def test_of_more_labels_the_most_probable_one_is_chosen():
    nlp, pipe = make_pipeline("rnn_textcat", ["a", "b", "c"])
    assert label_doc(nlp, pipe, {"a": 0.3, "b": 0.3, "c": 0.4}) == ["c"]


def test_a_document_that_was_not_processed_has_no_labels_to_tell():
    nlp, pipe = make_pipeline("rnn_textcat")
    with pytest.raises(ValueError, match="not processed"):
        pipe.predicted_labels(nlp.make_doc("Soup."))


@pytest.mark.parametrize(
    ("factory", "labels", "thresholds", "message"),
    [
        ("rnn_textcat_multilabel", LABELS, {"odd": 0.5}, r"aren't: \['odd'\]"),
        ("rnn_textcat_multilabel", LABELS, {"bad": -0.1}, "'bad' in thresholds"),
        ("rnn_textcat_multilabel", LABELS, [0.5, 0.5], "a mapping"),
        ("rnn_textcat", LABELS, {"bad": 0.5, "good": 0.5}, "one of two"),
        ("rnn_textcat", ["a", "b", "c"], {"a": 0.5}, "one of two"),
    ],
)
def test_thresholds_that_can_not_be_are_refused(factory, labels, thresholds, message):
    _, pipe = make_pipeline(factory, labels)
    with pytest.raises(ValueError, match=message):
        pipe.configure(thresholds=thresholds)
    assert pipe.cfg["thresholds"] is None


def test_one_of_two_labels_with_a_threshold_gets_no_third_beside_it():
    _, pipe = make_pipeline("rnn_textcat", thresholds={"bad": 0.2})
    assert pipe.add_label("good") == 0
    with pytest.raises(ValueError, match="one of two"):
        pipe.add_label("odd")
    pipe.configure(thresholds=None)
    assert pipe.add_label("odd") == 1


def test_a_label_that_is_added_has_the_threshold_for_all():
    nlp, pipe = make_pipeline("rnn_textcat_multilabel", thresholds={"bad": 0.2})
    pipe.add_label("odd")
    cats = {"bad": 0.3, "good": 0.3, "odd": 0.6}
    assert label_doc(nlp, pipe, cats) == ["bad", "odd"]


def test_a_threshold_of_an_unknown_label_is_refused_before_training():
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_textcat_multilabel", config={"thresholds": {"odd": 0.5}})
    examples = make_examples(nlp, LABELS)
    with pytest.raises(ValueError, match="odd"):
        nlp.initialize(lambda: examples)


def test_thresholds_are_saved_with_the_pipeline(tmp_path):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("rnn_textcat_multilabel")
    nlp.initialize(lambda: make_examples(nlp, LABELS))
    pipe.configure(thresholds={"bad": 0.2})
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path).get_pipe(pipe.name)
    assert loaded.cfg["thresholds"] == {"bad": 0.2}
    path = tmp_path / pipe.name / "cfg"
    srsly.write_json(path, {**srsly.read_json(path), "thresholds": {"odd": 0.2}})
    with pytest.raises(ValueError, match="odd"):
        spacy.load(tmp_path)
