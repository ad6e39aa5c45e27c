"""Where labels come from, and what is refused."""

import pytest
import spacy
import srsly
from spacy.training import Example

from spacy_rnn.pipeline.labels import unknown_labels


@pytest.fixture
def nlp(make_nlp, factory):
    return make_nlp(factory)


def test_labels_are_read_from_the_examples(nlp, make_examples, factory):
    nlp.initialize(lambda: make_examples(nlp, factory))
    pipe = nlp.get_pipe(factory)
    assert pipe.labels == pipe.label_data == ("good", "bad", "odd")


def test_given_labels_keep_their_order_and_may_be_unseen(nlp, make_examples, factory):
    nlp.config["initialize"]["components"][factory] = {
        "labels": ["odd", "new", "bad", "good"]
    }
    nlp.initialize(lambda: make_examples(nlp, factory))
    assert nlp.get_pipe(factory).labels == ("odd", "new", "bad", "good")
    assert list(nlp("Soup").cats) == ["odd", "new", "bad", "good"]


def test_labels_are_read_from_a_json_file(nlp, make_examples, factory, tmp_path):
    srsly.write_json(tmp_path / "labels.json", ["odd", "bad", "good"])
    nlp.config["initialize"]["components"][factory] = {
        "labels": {
            "@readers": "spacy.read_labels.v1",
            "path": str(tmp_path / "labels.json"),
        }
    }
    nlp.initialize(lambda: make_examples(nlp, factory))
    assert nlp.get_pipe(factory).labels == ("odd", "bad", "good")


def test_labels_may_be_added_before_initializing(nlp, make_examples, factory):
    pipe = nlp.get_pipe(factory)
    assert [pipe.add_label(label) for label in ("extra", "good", "good")] == [1, 1, 0]
    nlp.initialize(lambda: make_examples(nlp, factory))
    assert pipe.labels == ("extra", "good", "bad", "odd")
    assert len(nlp("Soup").cats) == 4


def test_the_model_has_an_output_per_label(nlp, make_examples, factory):
    nlp.initialize(lambda: make_examples(nlp, factory))
    assert nlp.get_pipe(factory).model.predict([nlp.make_doc("Soup")]).shape == (1, 3)


@pytest.fixture
def overlapping(make_examples):
    """Return examples with labels for two components."""

    def make(nlp):
        rows = [
            ("We loved the warm soup", {"good": 1, "bad": 0, "food": 1, "staff": 0}),
            ("The staff were rude", {"good": 0, "bad": 1, "food": 0, "staff": 1}),
        ]
        return make_examples(nlp, rows)

    return make


def test_two_components_learn_labels_of_their_own(
    make_nlp, make_model, overlapping, fit, factory
):
    own = {factory: ["good", "bad"], "topics": ["food", "staff"]}
    nlp = make_nlp(factory)
    nlp.add_pipe(factory, name="topics", config={"model": make_model(factory)})
    for name, labels in own.items():
        nlp.config["initialize"]["components"][name] = {"labels": labels}
    examples = overlapping(nlp)
    with pytest.warns(UserWarning, match="ignores") as caught:
        fit(nlp, examples, 60)
    messages = sorted(str(each.message) for each in caught)
    assert len(messages) == 2
    assert "'food' (1), 'staff' (1)" in messages[0]
    assert "'good' (1), 'bad' (1)" in messages[1]
    for example in examples:
        example.predicted = nlp(example.reference.text)
        for label, truth in example.reference.cats.items():
            assert example.predicted.cats[label] == pytest.approx(truth, abs=0.2)
    for name, labels in own.items():
        scores = nlp.get_pipe(name).score(examples)
        assert list(scores["cats_f_per_type"].keys() ^ set(labels)) == []


def test_labels_that_only_the_dev_data_has_are_named(nlp, make_examples, factory):
    nlp.initialize(lambda: make_examples(nlp, factory))
    rows = [("Fine", {" good": 1.0}), ("Too", {" good": 1.0}), ("Bad", {"poor": 1.0})]
    dev = make_examples(nlp, rows)
    expected = r"doesn't know any of .*: ' good' \(2\), 'poor' \(1\)\. It knows"
    with pytest.warns(UserWarning, match=expected) as caught:
        nlp.get_pipe(factory).score(dev)
    assert unknown_labels(nlp, dev) == {factory: str(caught[0].message)}
    dev += make_examples(nlp, [("Also", {"good": 1.0})])
    assert "know some of" in unknown_labels(nlp, dev)[factory]
    assert unknown_labels(nlp, make_examples(nlp, factory)) == {}


@pytest.mark.parametrize("cats", [{}, {"good": 1.0}])
def test_too_few_labels_are_told_with_where_they_were_looked_for(
    make_nlp, make_examples, cats
):
    pipe = make_nlp("rnn_textcat").get_pipe("rnn_textcat")
    examples = make_examples(make_nlp("rnn_textcat"), [("Soup", cats)])
    with pytest.raises(ValueError, match=r"needs 2 or more.*doc\.cats.*column"):
        pipe.initialize(lambda: examples)


def test_class_weights_of_which_none_counts_are_refused(
    make_nlp, make_examples, factory
):
    weights = {"good": 0.0, "bad": 0.0, "odd": 0.0}
    nlp = make_nlp(factory, class_weights=weights)
    with pytest.raises(ValueError, match="nothing to learn"):
        nlp.initialize(lambda: make_examples(nlp, factory))


def test_an_unknown_label_is_refused_in_training(nlp, make_examples, factory):
    nlp.initialize(lambda: make_examples(nlp, factory))
    stranger = make_examples(nlp, [("A stranger came", {"unheard": 1.0})])
    with pytest.raises(ValueError, match="A stranger came") as caught:
        nlp.update(stranger)
    assert "'unheard'" in str(caught.value)
    assert "['bad', 'good', 'odd']" in str(caught.value)


def test_an_unknown_label_that_does_not_apply_is_harmless(nlp, make_examples, factory):
    optimizer = nlp.initialize(lambda: make_examples(nlp, factory))
    cats = {"good": 1.0, "bad": 0.0, "odd": 0.0, "unheard": 0.0}
    nlp.update(make_examples(nlp, [("Soup", cats)]), sgd=optimizer)
    assert nlp.get_pipe(factory).labels == ("good", "bad", "odd")


def test_positive_label_is_kept_and_scored(make_nlp, make_examples, fit):
    nlp = make_nlp("rnn_textcat")
    nlp.config["initialize"]["components"]["rnn_textcat"] = {"positive_label": "good"}
    pairs = [
        ("warm soup", {"good": 1, "bad": 0}),
        ("rude staff", {"good": 0, "bad": 1}),
    ]
    examples = make_examples(nlp, pairs)
    fit(nlp, examples, 30)
    assert nlp.get_pipe("rnn_textcat").cfg["positive_label"] == "good"
    scores = nlp.evaluate(examples)
    assert scores["cats_score_desc"] == "F (good)"
    assert scores["cats_score"] == 1.0


def test_a_label_added_after_training_is_learned_beside_the_others(
    trained, scores_of, make_examples, fit, factory, tmp_path
):
    before = scores_of(trained)
    pipe = trained.get_pipe(factory)
    assert pipe.add_label("new") == 1
    after = scores_of(trained)
    assert after[:, :3] == pytest.approx(before, abs=1e-6)
    assert after[:, 3] == pytest.approx(0.0, abs=1e-6)
    absent = {"good": 0.0, "bad": 0.0, "odd": 0.0}
    learned = make_examples(trained, [("Nothing of the kind", {**absent, "new": 1.0})])
    fit(trained, make_examples(trained, factory) + learned, 100, initialize=False)
    assert trained("Nothing of the kind").cats["new"] > 0.8
    assert scores_of(trained)[:, :3] == pytest.approx(before, abs=0.1)
    trained.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert scores_of(loaded) == pytest.approx(scores_of(trained), abs=1e-6)


def add_number(pipe, examples):
    pipe.add_label(5)


def give_no_function(pipe, examples):
    pipe.initialize(None)


def give_no_function_but_labels(pipe, examples):
    pipe.initialize(None, labels=["good", "bad"])


def give_a_list(pipe, examples):
    pipe.initialize(examples)


def give_a_list_and_labels(pipe, examples):
    pipe.initialize(examples, labels=["good", "bad", "odd"])


def give_texts(pipe, examples):
    pipe.initialize(lambda: ["just", "texts"])


def give_texts_and_labels(pipe, examples):
    pipe.initialize(lambda: ["just", "texts"], labels=["good", "bad", "odd"])


def initialize_with(cats, **settings):
    def initialize(pipe, examples):
        example = Example.from_dict(examples[0].reference.copy(), {"cats": cats})
        pipe.initialize(lambda: [example], **settings)

    return initialize


def update_with(cats):
    def update(pipe, examples):
        pipe.initialize(lambda: examples)
        example = Example.from_dict(examples[0].reference.copy(), {"cats": cats})
        pipe.update([example])

    return update


MISTAKES = {
    "label is a number": add_number,
    "no function": give_no_function,
    "no function but labels": give_no_function_but_labels,
    "list": give_a_list,
    "list and labels": give_a_list_and_labels,
    "texts": give_texts,
    "texts and labels": give_texts_and_labels,
    "value is a half": initialize_with({"good": 0.5, "bad": 0.0}),
    "value is two": initialize_with({"good": 2, "bad": 0.0}, labels=["good", "bad"]),
    "value is a half in training": update_with({"good": 0.5, "bad": 0.0}),
}
EXCLUSIVE_MISTAKES = {
    "two positive": initialize_with({"good": 1.0, "bad": 1.0}),
    "two positive in training": update_with({"good": 1.0, "bad": 1.0}),
    "unknown positive label": initialize_with(
        {"good": 1.0, "bad": 0.0}, positive_label="fine"
    ),
    "positive label of three": initialize_with(
        {"good": 1.0, "bad": 0.0, "odd": 0.0}, positive_label="good"
    ),
}


def error_of(nlp, name, mistake, examples):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        mistake(nlp.get_pipe(name), examples)
    message = str(caught.value).replace("rnn_" + name, name)
    return type(caught.value), message.replace("RNN", "")


def errors_of_both(nlp, make_examples, factory, peer, mistake):
    nlp.add_pipe(peer)
    examples = make_examples(nlp, factory)
    return [error_of(nlp, name, mistake, examples) for name in (factory, peer)]


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_raises_what_it_raises_in_spacy(
    nlp, make_examples, factory, peer, mistake
):
    ours, theirs = errors_of_both(nlp, make_examples, factory, peer, mistake)
    assert ours[0] is theirs[0]
    assert ours[1][:6] == theirs[1][:6]


@pytest.mark.parametrize(
    "mistake", EXCLUSIVE_MISTAKES.values(), ids=EXCLUSIVE_MISTAKES.keys()
)
def test_a_mistake_with_exclusive_labels_raises_what_it_raises_in_spacy(
    make_nlp, make_examples, mistake
):
    nlp = make_nlp("rnn_textcat")
    ours, theirs = errors_of_both(nlp, make_examples, "rnn_textcat", "textcat", mistake)
    assert ours == theirs
