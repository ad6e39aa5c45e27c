"""Which of several texts agrees most with the others."""

from random import Random

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spacy_rnn.metrics.agreement import expected_agreement
from spacy_rnn.metrics.rouge import rouge

TEXTS = ["Budget meeting", "Meeting on Monday", "Lunch", "The budget meeting on Monday"]
LOG_PROBABILITIES = [-2.0, -3.0, -1.0, -9.0]


def reference(texts, log_probabilities, temperature):
    weights = np.exp(np.array(log_probabilities) / temperature)
    weights /= weights.sum()
    agreement = []
    for text in texts:
        scores = [rouge(text, other, stemming=False) for other in texts]
        shared = [(each["rouge1"].f1 + each["rouge2"].f1) / 2 for each in scores]
        agreement.append(np.dot(weights, shared))
    return agreement


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 1e6])
def test_texts_agree_by_the_mean_of_two_rouge_scores_with_what_is_probable(temperature):
    random = Random(0)
    for n in range(1, 12):
        texts = [
            " ".join(random.choices("abcdE", k=random.randrange(7))) for _ in range(n)
        ]
        scores = [-10.0 * random.random() for _ in texts]
        found = expected_agreement(texts, scores, temperature)
        assert_allclose(found, reference(texts, scores, temperature), atol=1e-12)


def test_the_temperature_says_how_much_it_counts_how_probable_a_text_is():
    def best(temperature):
        return TEXTS[expected_agreement(TEXTS, LOG_PROBABILITIES, temperature).argmax()]

    assert best(0.1) == "Lunch"
    assert best(2.0) == "Budget meeting"
    assert best(1e6) == "The budget meeting on Monday"


def test_improbable_texts_are_no_number_that_is_lost():
    found = expected_agreement(TEXTS, [x - 1e4 for x in LOG_PROBABILITIES], 1.0)
    assert_allclose(found, expected_agreement(TEXTS, LOG_PROBABILITIES, 1.0))


def test_words_are_those_of_any_alphabet_in_lower_case():
    texts = ["Ärger über Züge", "ärger, über - ZÜGE!", "Tašská"]
    found = expected_agreement(texts, [0.0, 0.0, 0.0], 1.0)
    assert_allclose(found, [2 / 3, 2 / 3, 1 / 6])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("会議は月曜日", "会 議 は 月 曜 日"),
        ("MR会議in2026", "MR 会 議 in2026"),
        ("ประชุม", "ป ร ะ ช ุ ม"),
        ("회의 시간", "회의 시간"),
        ("समय बदला", "समय बदला"),
    ],
)
def test_a_character_is_a_word_where_there_are_no_spaces(text, words):
    found = expected_agreement([text, words, words[:4]], [0.0, 0.0, 0.0], 1.0)
    assert found[0] == found[1] > found[2] > 0.0


@pytest.mark.parametrize("texts", [[""], ["", "?!"], ["...", ""]])
def test_texts_without_words_agree_with_none(texts):
    assert_allclose(expected_agreement(texts, [-1.0] * len(texts), 1.0), 0.0)
