"""What a report says of components is what their scorers say."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_rnn.cli.reporting.charts import make_charts
from spacy_rnn.cli.reporting.collect import find_views, predict, score_others
from spacy_rnn.cli.reporting.measure import measure
from spacy_rnn.cli.reporting.mistakes import find_mistakes
from spacy_rnn.cli.reporting.token_views import find_confidences, to_probabilities
from spacy_rnn.cli.reporting.view import Prediction, gather

SENTENCES = ("sents_p", "sents_r", "sents_f")


def test_scores_are_those_of_the_components_scorers(trained, examples):
    expected = trained.evaluate(examples, per_component=True)
    predict(trained, examples)
    found = {}
    for view in find_views(trained, examples, None):
        task = measure(view, [len(each.predicted) for each in examples], n=20)
        found.setdefault(view.component, []).extend(task.scores)
    compared = []
    for component, scores in found.items():
        for score in scores:
            if score.key in expected[component]:
                value = expected[component][score.key] or 0.0
                assert score.value == pytest.approx(value), (component, score.key)
                compared.append((component, score.key))
    assert {name for name, _ in compared} == {*trained.pipe_names} - {"senter"}
    assert {key for _, key in compared} == {
        *("cats_micro_f", "cats_macro_f", "cats_macro_auc", "tag_acc", "pos_acc"),
        *("morph_acc", "morph_micro_p", "morph_micro_r", "morph_micro_f"),
        *("ents_p", "ents_r", "ents_f", "spans_sc_p", "spans_sc_r", "spans_sc_f"),
    }


def test_scores_of_labels_are_those_of_the_components_scorers(trained, examples):
    expected = trained.evaluate(examples, per_component=True)
    keys = {
        "rnn_textcat": "cats_f_per_type",
        "rnn_textcat_multilabel": "cats_f_per_type",
        "rnn_ner": "ents_per_type",
        "ner2": "spans_sc_per_type",
    }
    predict(trained, examples)
    for view in find_views(trained, examples, None):
        if view.component in keys:
            task = measure(view, [len(each.predicted) for each in examples], n=20)
            by_label = expected[view.component][keys[view.component]]
            for row in task.labels:
                scores = (row.precision, row.recall, row.f1)
                expected_of = by_label.get(row.label, dict.fromkeys("prf", 0.0))
                assert scores == pytest.approx([expected_of[k] for k in "prf"])


def test_a_tagger_is_as_sure_as_its_model(trained, examples):
    predict(trained, examples)
    (view,) = find_views(trained, examples, "rnn_tagger")
    pipe = trained.get_pipe("rnn_tagger")
    scores = pipe.model.predict([each.predicted for each in examples])
    for rows, example, found in zip(scores, examples, view.predicted, strict=True):
        odds = np.exp(rows)
        expected = odds.max(axis=1) / odds.sum(axis=1)
        assert found
        for (_, label), about in found.items():
            assert example.predicted[about.start].tag_ == label
            assert about.confidence == pytest.approx(expected[about.start], abs=1e-5)


def test_a_tagger_is_unsure_of_no_token_and_says_probabilities_as_they_are(trained):
    empty = [Example(trained.make_doc(""), trained.make_doc(""))]
    (found,) = find_confidences(trained.get_pipe("tagger"), trained, empty)
    assert len(found) == len(to_probabilities(np.zeros((0, 2)))) == 0
    rows = np.array([[0.25, 0.75], [1.0, 0.0]], dtype="f")
    assert to_probabilities(rows).tolist() == [0.75, 1.0]
    assert to_probabilities(np.log(rows[:1])).tolist() == pytest.approx([0.75])


def test_entities_of_spacy_in_parts_of_a_token_count_as_by_their_scorer():
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("ner")
    reference = Doc(nlp.vocab, words=["New-York", "is", "big"])
    reference.ents = [Span(reference, 0, 1, "LOC")]
    doc = nlp.make_doc(reference.text)
    doc.ents = [Span(doc, i, i + 1, "LOC") for i in (0, 1, 2, 4)]
    example = Example(doc, reference)
    (view,) = find_views(nlp, [example], None)
    task = measure(view, [5], n=20)
    scores = {each.key: each.value for each in task.scores}
    expected = pipe.score([example])
    assert scores == {key: expected[key] for key in ("ents_f", "ents_p", "ents_r")}
    assert sum(task.kinds.values()) == 1
    assert "What is wrong about spans" in [each.title for each in make_charts(task)]


def test_confidences_of_entities_are_those_of_their_group(trained, examples):
    predict(trained, examples)
    (view,) = find_views(trained, examples, "ner2")
    found = [p.confidence for each in view.predicted for p in each.values()]
    groups = [each.predicted.spans["sc"] for each in examples]
    assert len(found) <= sum(map(len, groups))
    assert not np.isnan(found).any()


def test_components_without_a_view_have_their_scores(trained, examples):
    predict(trained, examples)
    for example in examples:
        for token in example.reference:
            token.is_sent_start = token.i == 0
    scores = trained.get_pipe("senter").score(examples)
    others = score_others(trained, examples, None, ("token_",))
    assert others == {"senter": {key: scores[key] for key in SENTENCES}}
    assert score_others(trained, examples, "rnn_ner", ()) == {}
    assert score_others(trained, examples, None, ("sents_",)) == {}


def test_data_without_annotation_has_no_view(trained):
    docs = [trained.make_doc("Ada closed.")] * 2
    examples = [Example(doc, doc.copy()) for doc in docs]
    predict(trained, examples)
    assert find_views(trained, examples, None) == []


@pytest.mark.parametrize("is_chosen", [True, False])
def test_summaries_are_scored_as_by_their_scorer(is_chosen):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    pipe = nlp.add_pipe("rnn_summarizer", config={"budget": 1})
    examples = []
    for text in ("It rained. A bridge will be built.", "Prices fell. Nobody knew why."):
        reference = nlp.get_pipe("sentencizer")(nlp.make_doc(text))
        reference._.summary = text.split(". ")[0]
        if is_chosen:
            reference.spans["summary"] = list(reference.sents)[1:]
        examples.append(Example(nlp.make_doc(text), reference))
    nlp.initialize(lambda: [Example(e.y.copy(), e.y.copy()) for e in examples])
    expected = nlp.evaluate(examples)
    predict(nlp, examples)
    (view,) = find_views(nlp, examples, pipe.name)
    task = measure(view, [8, 6], n=20)
    titles = {each.key: each.title for each in task.scores}
    assert (titles["rouge_2_f"], titles["rouge_lsum_f"]) == ("ROUGE-2", "ROUGE-Lsum")
    assert any(each.key == "summary_f" for each in task.scores) == is_chosen
    for score in task.scores:
        assert score.value == pytest.approx(expected[score.key])
    assert sum(task.reliability.counts) == 4
    assert [each.predicted for each in find_mistakes(view, nlp, examples)] == [
        "summary"
        for true, found in zip(view.true, view.predicted, strict=True)
        if found.keys() - true
    ]


def test_the_interval_of_a_mean_over_labels_holds_it_though_they_are_rare():
    labels = [f"label{i}" for i in range(100)]  # one document has each
    claims = zip(labels, [*labels[:80], *labels[:20]], strict=True)
    rows = [
        ({("", true)}, {("", found): Prediction(0.5, 0, 3)}) for true, found in claims
    ]
    view = gather("textcat", "doc.cats", "documents", "cats", rows)
    (macro,) = (each for each in measure(view, [3] * 100, n=100).scores[1:])
    assert macro.key == "cats_macro_f"
    assert macro.low < macro.value < macro.high
