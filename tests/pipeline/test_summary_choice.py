"""Which sentences the budget has room for."""

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_rnn.pipeline.summary_choice import choose, words_of

NLP = spacy.blank("en")
NLP.add_pipe("sentencizer")
TEXTS = ["One two three four.", "Five, six!", "The end.", "7 8 9 10 11.", "..."]
SENTENCES = [doc[:] for doc in NLP.pipe(TEXTS)]
SCORES = np.array([0.2, 0.9, 0.5, 0.8, 1.0])


def pick(budget, unit, scores=SCORES, *, trigram_blocking=False):
    return choose(
        SENTENCES, scores, budget=budget, unit=unit, trigram_blocking=trigram_blocking
    )


def test_words_are_tokens_without_punctuation():
    assert [len(words_of(s)) for s in SENTENCES] == [4, 2, 2, 5, 0]


def test_a_sentence_without_words_is_never_chosen():
    assert pick(1.0, "share") == [1, 3, 2, 0]


@pytest.mark.parametrize(("budget", "unit"), [(100, "sentences"), (100, "words")])
def test_all_of_several_sentences_is_no_summary(budget, unit):
    assert pick(budget, unit) == [1, 3, 2]
    for n_sentences, expected in [(1, 1), (2, 1), (3, 2)]:
        settings = {"budget": budget, "unit": unit, "trigram_blocking": False}
        chosen = choose(SENTENCES[:n_sentences], SCORES[:n_sentences], **settings)
        assert len(chosen) == expected


@pytest.mark.parametrize(
    ("budget", "unit", "expected"),
    [
        (1, "sentences", [1]),
        (2, "sentences", [1, 3]),
        (0.5, "sentences", [1]),
        (1, "words", [1]),
        (2, "words", [1]),
        (6, "words", [1, 2]),  # sentence 3 has no room, the next best has
        (7, "words", [1, 3]),
        (9, "words", [1, 3, 2]),
        (1.0, "share", [1, 3, 2, 0]),
        (0.16, "share", [1]),
        (0.55, "share", [1, 3]),
    ],
)
def test_the_best_sentences_that_fit_are_chosen(budget, unit, expected):
    assert pick(budget, unit) == expected


def test_of_equal_sentences_the_first_is_chosen():
    assert pick(2, "sentences", np.zeros(5)) == [0, 1]


def test_a_document_without_sentences_has_an_empty_summary():
    settings = {"budget": 3, "unit": "share", "trigram_blocking": True}
    assert choose([], np.zeros(0), **settings) == []


def test_trigram_blocking_leaves_out_what_was_said():
    doc = NLP("We saw the old cat. Now THE OLD CAT sleeps. The old dog runs. We saw.")
    found = [
        choose(
            list(doc.sents),
            np.array([0.9, 0.8, 0.7, 0.6]),
            budget=3,
            unit="sentences",
            trigram_blocking=blocking,
        )
        for blocking in (False, True)
    ]
    assert found == [[0, 1, 2], [0, 2, 3]]


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=6), max_size=5))
def test_only_three_words_in_a_row_are_blocked(sentences):
    doc = Doc(
        NLP.vocab,
        [word for words in sentences for word in [*words, "."]],
        sent_starts=[not i for words in sentences for i in range(len(words) + 1)],
    )
    said, expected = "", []
    for i, words in enumerate("".join(each) for each in sentences):
        if words and not any(words[j : j + 3] in said for j in range(len(words) - 2)):
            said += f"{words} "
            expected.append(i)
    settings = {"budget": 1.0, "unit": "share", "trigram_blocking": True}
    scores = -np.arange(len(sentences))
    assert choose(list(doc.sents), scores, **settings) == expected


@given(
    st.lists(st.floats(0, 1), min_size=5, max_size=5),
    st.integers(1, 14),
    st.booleans(),
)
def test_no_more_is_chosen_than_the_budget_allows(scores, budget, blocking):
    chosen = pick(budget, "words", np.array(scores), trigram_blocking=blocking)
    cost = sum(len(words_of(SENTENCES[i])) for i in chosen)
    assert len(set(chosen)) == len(chosen) > 0
    assert cost <= budget or len(chosen) == 1
    kept = [scores[i] for i in chosen]
    assert kept == sorted(kept, reverse=True)
