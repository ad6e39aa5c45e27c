"""What a report says of components is what their scorers say."""

import numpy as np
import pytest
import spacy
from mixed_pipelines import EMBED, ENCODERS
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_rnn.cli.reporting.collect import find_views, predict, score_others
from spacy_rnn.cli.reporting.measure import measure

TEXTS = [
    ["Ada", "Lovelace", "lives", "in", "New-York", "."],
    ["Don't", "ask", "Alan", "Turing", "!"],
    ["The", "big", "café", "in", "Paris", "closed", "."],
    ["It", "closed", "."],
]
TAGS = [
    ["PROPN", "PROPN", "VERB", "ADP", "PROPN", "PUNCT"],
    ["VERB", "VERB", "PROPN", "PROPN", "PUNCT"],
    ["DET", "ADJ", "NOUN", "ADP", "PROPN", "VERB", ""],
    ["PRON", "VERB", "PUNCT"],
]
ENTS = [
    [(0, 2, "PER"), (4, 5, "LOC")],
    [(2, 4, "PER")],
    [(2, 3, "LOC"), (4, 5, "LOC")],
    [],
]
CATS = [["a"], ["b"], ["a"], ["c"]]
SMALL = {"model": {"tok2vec": {"embed": EMBED, "encode": ENCODERS["ours"]}}}


def make_example(nlp, i):
    """Make an example whose reference has other tokens than the prediction."""
    words, tags = TEXTS[i], TAGS[i]
    reference = Doc(nlp.vocab, words=words, tags=tags, sent_starts=None)
    for token, tag in zip(reference, tags, strict=True):
        token.pos_ = tag
        if tag:
            token.set_morph("Number=Sing|Case=Nom" if tag == "PROPN" else "")
    spans = [Span(reference, *each) for each in ENTS[i]]
    reference.ents = spans
    reference.spans["sc"] = spans
    reference.cats = {label: float(label in CATS[i]) for label in "abc"}
    if i == 3:  # not annotated
        reference.cats = {"b": 1.0}
    return Example(nlp.make_doc(reference.text), reference)


@pytest.fixture(scope="module")
def trained():
    fix_random_seed(0)
    nlp = spacy.blank("en")
    for name in ("textcat", "textcat_multilabel", "tagger", "morphologizer", "ner"):
        nlp.add_pipe(f"rnn_{name}", config=SMALL)
    config = {"annotate_ents": False, "spans_key": "sc", **SMALL}
    nlp.add_pipe("rnn_ner", name="ner2", config=config)
    nlp.add_pipe("tagger", config={"overwrite": True})
    nlp.add_pipe("spancat", config={"spans_key": "sc", "threshold": 0.2})
    nlp.add_pipe("senter")
    examples = [make_example(nlp, i) for i in range(4)]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(3):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.fixture
def examples(trained):
    return [make_example(trained, i) for i in (0, 1, 2, 3, 0)]


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
    confidences, correct = view.decisions()
    assert len(confidences) == len(correct) > 10
    assert ((confidences > 1 / 7) & (confidences <= 1.0)).all()


def test_confidences_of_entities_are_those_of_their_group(trained, examples):
    predict(trained, examples)
    (view,) = find_views(trained, examples, "ner2")
    found = [p.confidence for each in view.predicted for p in each.values()]
    groups = [each.predicted.spans["sc"] for each in examples]
    assert len(found) <= sum(map(len, groups))
    assert not np.isnan(found).any()


def test_components_without_a_view_have_their_scores(trained, examples):
    predict(trained, examples)
    others = score_others(trained, examples, None, ("token_",))
    assert set(others) <= {"senter"}


def test_data_without_annotation_has_no_view(trained):
    docs = [trained.make_doc("Ada closed.")] * 2
    examples = [Example(doc, doc.copy()) for doc in docs]
    predict(trained, examples)
    assert find_views(trained, examples, None) == []
