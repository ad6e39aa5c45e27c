"""The oracle chooses as one would who scores every candidate anew."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_rnn.metrics.oracle import label_sentences, oracle_labels, sentence_gains
from spacy_rnn.metrics.rouge import rouge

TOKENS = st.lists(st.sampled_from("abcdef"), max_size=8)
SENTENCES = st.lists(TOKENS, max_size=8)
BUDGET = st.none() | st.integers(1, 9)


def pairs_of(tokens):
    return [tuple(tokens[i : i + 2]) for i in range(len(tokens) - 1)]


def f1(candidate, reference):
    common = (Counter(candidate) & Counter(reference)).total()
    return Fraction(2 * common, max(len(candidate) + len(reference), 1))


def score(sentences, chosen, reference):
    """Count everything from the start."""
    words = [word for i in chosen for word in sentences[i]]
    pairs = [pair for i in chosen for pair in pairs_of(sentences[i])]
    return f1(words, reference) + f1(pairs, pairs_of(reference))


def choose_by_rescoring(sentences, reference, max_sentences):
    """Follow the docstring of `oracle_labels`."""
    chosen, scores = [], [Fraction(0)]
    while len(chosen) != max_sentences:
        others = [i for i in range(len(sentences)) if i not in chosen]
        found = [score(sentences, [*chosen, i], reference) for i in others]
        if not found or max(found) <= scores[-1]:
            break
        chosen.append(others[found.index(max(found))])
        scores.append(max(found))
    return [int(i in chosen) for i in range(len(sentences))]


@given(SENTENCES, TOKENS, BUDGET)
def test_labels_are_those_of_rescoring_every_candidate(sentences, reference, budget):
    found = oracle_labels(sentences, reference, max_sentences=budget)
    assert found == choose_by_rescoring(sentences, reference, budget)


@given(st.data(), SENTENCES, BUDGET)
def test_labels_for_an_extract_are_those_of_rescoring(data, sentences, budget):
    extract = data.draw(st.lists(st.sampled_from(sentences or [[]]), max_size=3))
    reference = [token for sentence in extract for token in sentence]
    found = oracle_labels(sentences, reference, max_sentences=budget)
    assert found == choose_by_rescoring(sentences, reference, budget)


@given(SENTENCES, TOKENS, st.integers(1, 9))
def test_no_more_sentences_are_chosen_than_allowed(sentences, reference, budget):
    free = oracle_labels(sentences, reference)
    assert sum(oracle_labels(sentences, reference, max_sentences=budget)) == min(
        sum(free), budget
    )


@given(SENTENCES, TOKENS)
def test_one_sentence_is_the_one_that_rouge_likes_best(sentences, reference):
    labels = oracle_labels(sentences, reference, max_sentences=1)
    found = [
        rouge(" ".join(sentence), " ".join(reference), stemming=False)
        for sentence in sentences
    ]
    sums = [each["rouge1"].f1 + each["rouge2"].f1 for each in found]
    if any(labels):
        assert sums[labels.index(1)] == pytest.approx(max(sums))
    else:
        assert sum(sums) == 0.0


def test_the_sentences_of_an_extract_are_found():
    sentences = [text.split() for text in ("a b c", "d e f", "g h i j", "k l")]
    assert oracle_labels(sentences, ["g", "h", "i", "j", "a", "b", "c"]) == [1, 0, 1, 0]


def test_a_sentence_that_makes_the_summary_worse_is_left_out():
    # Two of its four words are right, but that is less than what is there already.
    sentences = [["a", "b", "c"], ["d", "w", "x", "y", "z"]]
    assert oracle_labels(sentences, ["a", "b", "c", "d"]) == [1, 0]


def test_of_equal_sentences_the_first_is_taken_and_the_second_adds_nothing():
    sentences = [["x"], ["a", "b"], ["a", "b"]]
    assert oracle_labels(sentences, ["a", "b"]) == [0, 1, 0]


def test_pairs_of_words_decide_between_the_same_words():
    sentences = [["c", "b", "a"], ["a", "b", "c"]]
    assert oracle_labels(sentences, ["a", "b", "c"]) == [0, 1]


def test_a_pair_of_words_counts_even_where_both_are_in_the_summary_already():
    sentences = [list("bacdef"), list("abc")]
    assert oracle_labels(sentences, list("abcdef")) == [1, 1]


@pytest.mark.parametrize("sentences", [[], [[]], [["a"], []]])
def test_nothing_in_common_chooses_nothing(sentences):
    for reference in ([], ["b"]):
        assert oracle_labels(sentences, reference) == [0] * len(sentences)


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_below_one_sentence_is_an_error(budget):
    with pytest.raises(ValueError, match="max_sentences has to be 1 or more"):
        oracle_labels([["a"]], ["a"], max_sentences=budget)


@given(SENTENCES, TOKENS)
def test_gains_are_those_of_each_sentence_by_itself(sentences, reference):
    texts, summary = [" ".join(each) for each in sentences], " ".join(reference)
    expected = [rouge(text, summary) for text in texts]
    assert sentence_gains(texts, summary) == pytest.approx(
        [scores["rouge1"].f1 + scores["rouge2"].f1 for scores in expected]
    )


def test_texts_are_compared_by_stems():
    texts, summary = ["A dog slept.", "The cats were running."], "Cat runs"
    assert label_sentences(texts, summary) == [0, 1]
    assert sentence_gains(texts, summary) == [0.0, pytest.approx(2 / 3)]
