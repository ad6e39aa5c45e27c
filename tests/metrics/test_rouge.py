"""ROUGE is what `rouge-score` computes, and faster."""

import gzip
import json
import os
import subprocess
import sys
import time
from itertools import cycle
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_rnn.metrics.rouge import Score, rouge, tokenize

RougeScorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer
DefaultTokenizer = pytest.importorskip("rouge_score.tokenizers").DefaultTokenizer

SENTIMENT = Path(__file__).parents[2] / "corpus" / "sentiment" / "train.jsonl"
DATA = os.environ.get("SPACY_RNN_DATA")  # folder of the data sets, as for benchmarks
TYPES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
SCORERS = {
    stemming: RougeScorer(TYPES, use_stemmer=stemming) for stemming in (True, False)
}

# Few words and many lines: repetitions, ties between LCS, empty lines.
WORD = st.sampled_from(
    ["a", "b", "runs", "running", "ran", "Tax", "taxes", "2005", "é"]
)
GAP = st.sampled_from([" ", "\n", ", ", "\r\n", "\t", "-", "\u2028", "\n \n"])
WORDS = st.lists(st.tuples(WORD, GAP), max_size=25).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)
# Whatever a string can hold, half surrogate pairs too; and what lower() makes longer.
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=40)
ODD = st.text(st.sampled_from("aZ9\n İΣςẞKé\u0301\x1f\u3000"), max_size=20)
TEXTS = WORDS | ANYTHING | ODD


def by_reference(candidate, references, *, stemming=True):
    return SCORERS[stemming].score_multi(references, candidate)


def largest_difference(found, expected):
    return max(
        abs(one - other)
        for name in TYPES
        for one, other in zip(found[name], expected[name], strict=True)
    )


def make_pairs(n):
    """Make summaries of bundled texts, a text a line, and references like them."""
    lines = SENTIMENT.read_text("utf8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    random = Random(0)
    pairs = []
    for _ in range(n):
        article = random.sample(texts, 16)
        reference = random.sample(article, 8)
        candidate = random.sample(article, random.randint(1, 10))
        words = " ".join(random.sample(reference, 3)).split()
        random.shuffle(words)
        pairs.append(("\n".join([*candidate, " ".join(words)]), "\n".join(reference)))
    return pairs


def read_pairs(name):
    """Read the test part of a set: the first lines of a text, and its references."""
    path = Path(DATA) / "summarization" / name / "test.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf8") as file:
        rows = [json.loads(line) for line in file]
    pairs = []
    for n_lines, row in zip(cycle([1, 3, 8]), rows, strict=False):
        sentences = row.get("sents", row["text"].split("\n"))
        chosen = zip(sentences, row.get("sent_labels", []), strict=False)
        gold = "\n".join(sentence for sentence, label in chosen if label)
        references = row.get("refs") or [row["summary"], gold]
        pairs.append(("\n".join(sentences[:n_lines]), references))
    return pairs


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3), st.booleans())
def test_scores_are_those_of_the_reference_implementation(candidate, references, stem):
    found = rouge(candidate, references, stemming=stem)
    expected = by_reference(candidate, references, stemming=stem)
    assert list(found) == TYPES
    assert largest_difference(found, expected) <= 1e-9


@given(WORDS, WORDS)
def test_lines_that_repeat_each_other_are_no_different(candidate, reference):
    found = rouge(candidate, reference, stemming=False)
    expected = by_reference(candidate, [reference], stemming=False)
    assert largest_difference(found, expected) <= 1e-9


@given(TEXTS, st.booleans())
def test_words_are_those_of_the_reference_implementation(text, stemming):
    expected = DefaultTokenizer(stemming).tokenize(text)
    assert tokenize(text, stemming=stemming) == expected


def test_bundled_texts_score_as_by_the_reference_implementation():
    for candidate, reference in make_pairs(40):
        found = rouge(candidate, reference)
        expected = by_reference(candidate, [reference])
        assert largest_difference(found, expected) <= 1e-6


def test_it_takes_a_third_of_the_time_of_the_reference_implementation_or_less():
    pairs = make_pairs(40)
    seconds = []
    for compute in (rouge, by_reference):
        compute("running", ["runs"])  # what is done only once is done
        start = time.perf_counter()
        for candidate, reference in pairs:
            compute(candidate, [reference])
        seconds.append(time.perf_counter() - start)
    assert 3 * seconds[0] < seconds[1]


@pytest.mark.skipif(
    DATA is None,
    reason="needs the folder of the data sets in the environment variable "
    "SPACY_RNN_DATA, with summarization/*/test.jsonl.gz in it",
)
@pytest.mark.parametrize("name", ["bbc_news_summary", "aeslc", "scitldr_a"])
@pytest.mark.parametrize("stemming", [True, False])
def test_published_sets_score_as_by_the_reference_implementation(name, stemming):
    pairs = read_pairs(name)
    assert len(pairs) > 200
    largest = max(
        largest_difference(
            rouge(candidate, references, stemming=stemming),
            by_reference(candidate, references, stemming=stemming),
        )
        for candidate, references in pairs
    )
    assert largest <= 1e-6


def test_an_example_by_hand():
    # 3 of 4 words and 6; "the cat" of 3 pairs and 5; "the cat sat" in this order.
    found = rouge("The cat sat down.", "The cat, they say, sat still", stemming=False)
    assert found["rouge1"] == Score(3 / 4, 3 / 6, pytest.approx(0.6))
    assert found["rouge2"] == Score(1 / 3, 1 / 5, pytest.approx(0.25))
    assert found["rougeL"] == found["rougeLsum"] == found["rouge1"]


def test_the_order_of_lines_matters_to_rouge_l_alone():
    found = rouge("one two\nthree four", "three four\none two")
    assert found["rougeL"].f1 == 0.5
    assert found["rougeLsum"].f1 == found["rouge1"].f1 == 1.0


def test_a_line_that_is_in_the_reference_twice_counts_as_often_as_in_the_candidate():
    found = rouge("the cat", "the cat\nthe cat")
    assert found["rougeLsum"] == Score(1.0, 0.5, pytest.approx(2 / 3))


def test_words_are_compared_by_their_stems_unless_told_otherwise():
    assert rouge("Taxes running", "tax runs")["rouge1"].f1 == 1.0
    assert rouge("Taxes running", "tax runs", stemming=False)["rouge1"].f1 == 0.0


def test_each_type_takes_the_reference_that_is_best_for_it():
    references = ["a x b y c", "a b z z z z z", "nothing"]
    found = rouge("c b a", references)
    for name in TYPES:
        alone = [rouge("c b a", reference)[name] for reference in references]
        assert found[name] == max(alone, key=lambda score: score.f1)
    assert rouge("a b", ["a b", "c"]) == rouge("a b", ["c", "a b"])


@pytest.mark.parametrize("text", ["", " \n ", "…", "Привет, мир", "新闻"])
def test_a_text_without_words_scores_nothing(text):
    nothing = dict.fromkeys(TYPES, Score(0.0, 0.0, 0.0))
    for other in (text, "some words"):
        assert rouge(text, other) == rouge(other, text) == nothing


@given(TEXTS, TEXTS)
def test_precision_and_recall_change_places_with_the_texts(one, other):
    there, back = rouge(one, other), rouge(other, one)
    for name in ("rouge1", "rouge2", "rougeL"):
        assert there[name].precision == back[name].recall
        assert there[name].recall == back[name].precision


def test_without_a_reference_there_is_nothing_to_compare_with():
    with pytest.raises(ValueError, match="list of references is empty"):
        rouge("a summary", [])


@pytest.mark.parametrize("wrong", [None, ["a", "list"], b"bytes", 3.0])
def test_what_is_no_text_is_refused_and_shown(wrong):
    with pytest.raises(TypeError, match="compares texts, but one is"):
        rouge(wrong, "a reference")
    with pytest.raises(TypeError, match="compares texts, but one is"):
        rouge("a candidate", ["a reference", wrong])


def test_nltk_waits_for_the_first_word_to_stem():
    code = (
        "import sys; from spacy_rnn.metrics.rouge import rouge;"
        "rouge('words', 'words', stemming=False); before = 'nltk' in sys.modules;"
        "rouge('words', 'words'); print(before, 'nltk' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["False", "True"]
