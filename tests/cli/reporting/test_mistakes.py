"""The worst mistakes of components."""

import numpy as np
import pytest
from spacy.training import Example

from spacy_rnn.cli.reporting.collect import find_views, predict
from spacy_rnn.cli.reporting.mistakes import (
    AFTER,
    BEFORE,
    MOST_OF_A_KIND,
    Wrong,
    choose,
    find_mistakes,
    find_wrong,
)
from spacy_rnn.cli.reporting.view import Prediction, View


@pytest.fixture
def views(trained, examples):
    predict(trained, examples)
    return find_views(trained, examples, None)


def test_only_what_is_wrong_is_a_mistake_and_all_that_is(views, examples):
    for view in views:
        wrong = list(find_wrong(view, examples))
        expected = sum(
            len(found.keys() - true)
            for true, found in zip(view.true, view.predicted, strict=True)
        )
        assert sum(not each.is_missing for each in wrong) == expected
        assert all(each.label not in each.true for each in wrong if not each.is_missing)


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_label_that_is_missing_is_a_mistake_where_any_number_may_be_right(
    examples, exclusive
):
    claims = [{("", "a")}, {("", "b")}], [{}, {("", "b"): Prediction(0.9, 0, 3)}]
    scores = np.array([[0.1, 0.2], [0.3, 0.9]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    view = View("cats", "doc.cats", "documents", "cats", "ab", *claims, exclusive)
    view.scores = scores
    found = list(find_wrong(view, examples))
    length = len(examples[0].predicted)
    missing = Wrong(0.9, 0, "a", True, Prediction(0.1, 0, length), ("a",))
    assert found == ([] if exclusive else [missing])


def test_the_most_certain_come_first_and_few_of_a_kind(views, examples):
    for view in views:
        chosen = choose(view, examples, None)
        certain = [each.certainty for each in chosen if each.certainty >= 0]
        assert certain == sorted(certain, reverse=True)
        assert len({each.document for each in chosen}) == len(chosen)
        kinds = [(each.label, each.is_missing, each.true) for each in chosen]
        assert max(map(kinds.count, kinds), default=0) <= MOST_OF_A_KIND


def test_ours_are_explained_and_others_are_shown_as_they_are(views, trained, examples):
    explained = set()
    for view in views:
        for each in find_mistakes(view, trained, examples):
            assert len(each.tokens) == len(each.spaces)
            assert 0 <= each.start < each.end <= len(each.tokens)
            if each.contributions is not None:
                assert len(each.contributions) == len(each.tokens)
                explained.add(view.component)
    assert "rnn_tagger" in explained
    assert "rnn_morphologizer" in explained
    assert "rnn_textcat_multilabel" in explained
    assert not explained & {"tagger", "spancat"}


def test_labels_can_be_chosen(views, trained, examples):
    view = next(each for each in views if each.component == "rnn_tagger")
    for each in find_mistakes(view, trained, examples, ["VERB"]):
        assert "VERB" in (each.predicted, *each.true)


def test_long_texts_are_cut_around_a_mistake(trained):
    words = "It closed . " * 100
    example = Example.from_dict(trained.make_doc(words), {"words": words.split()})
    for token in example.reference:
        token.tag_ = "VERB"
    predict(trained, [example])
    (view,) = find_views(trained, [example], "rnn_tagger")
    (mistake,) = find_mistakes(view, trained, [example])
    assert len(mistake.tokens) <= BEFORE + AFTER + 1
    assert len(mistake.contributions) == len(mistake.tokens)
    assert any(mistake.is_cut)
