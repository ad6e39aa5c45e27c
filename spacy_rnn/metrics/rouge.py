"""ROUGE: how much of a reference summary is in a candidate, and the reverse.

The scores equal those of the Python package `rouge-score`, the usual reference, with
its own tokenizer and sentences that are split at newlines.
"""

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from spacy_rnn.metrics.lcs import Lines

WORD = re.compile("[a-z0-9]+")
N_STEMS = 65536  # distinct words that are kept with their stems, about 13 MB


class Score(NamedTuple):
    """Precision, recall and their harmonic mean, each in [0, 1]."""

    precision: float
    recall: float
    f1: float


def rouge(
    candidate: str, references: str | list[str], *, stemming: bool = True
) -> dict[str, Score]:
    r"""Compare a summary with one or several references (Lin, 2004).

    "rouge1" and "rouge2" count common words and pairs of words, none more often than it
    is in either text. "rougeL" is the longest common subsequence (LCS) of the texts.
    "rougeLsum" takes every line, ended by "\n", as a sentence: the words of a sentence
    of the reference that are in its LCS with any sentence of the candidate, counted no
    more often than they are in the candidate. There are no stop words, and there is no
    limit to the length. A text without words scores 0.

    Args:
        candidate: The summary.
        references: A text, or several, of which each type of score takes the one with
            the best F1, the first of equals.
        stemming: Compare stems instead of words.

    Returns:
        The scores "rouge1", "rouge2", "rougeL" and "rougeLsum".

    Raises:
        TypeError: If the candidate or a reference isn't a text.
        ValueError: If there is no reference.
    """
    if isinstance(references, str):
        references = [references]
    if not references:
        raise ValueError("ROUGE needs a reference, but the list of references is empty")
    summary = Summary(candidate, stemming=stemming)
    scores = [
        compare(summary, Summary(reference, stemming=stemming))
        for reference in references
    ]
    return {
        name: max((each[name] for each in scores), key=attrgetter("f1"))
        for name in scores[0]
    }


def tokenize(text: str, *, stemming: bool) -> list[str]:
    """Split a text into lower-case words of the letters a to z and digits.

    All else separates words, letters with accents and other scripts included: a text
    without Latin letters and digits has no words.

    Args:
        text: The text.
        stemming: Reduce words of four characters or more to their stems.
    """
    words = WORD.findall(text.lower())
    return list(map(stem, words)) if stemming else words


class Summary:
    """The words of a text, and how often each of them and each pair of them occurs."""

    def __init__(self, text: str, *, stemming: bool) -> None:
        if not isinstance(text, str):
            raise TypeError(f"ROUGE compares texts, but one is {text!r:.100}")
        self.lines = [tokenize(line, stemming=stemming) for line in text.split("\n")]
        self.tokens = list(chain.from_iterable(self.lines))
        self.unigrams = Counter(self.tokens)
        self.bigrams = Counter(zip(self.tokens, self.tokens[1:], strict=False))


def compare(candidate: Summary, reference: Summary) -> dict[str, Score]:
    """Compute the scores of all types."""
    lines = Lines(reference.lines)
    union = lines.union_lcs(candidate.lines)
    in_union = {t: (union & mask).bit_count() for t, mask in lines.masks.items()}
    words = len(candidate.tokens), len(reference.tokens)
    pairs = candidate.bigrams.total(), reference.bigrams.total()
    return {
        "rouge1": score(overlap(candidate.unigrams, reference.unigrams), *words),
        "rouge2": score(overlap(candidate.bigrams, reference.bigrams), *pairs),
        "rougeL": score(lines.lcs_length(candidate.tokens), *words),
        "rougeLsum": score(overlap(candidate.unigrams, in_union), *words),
    }


def overlap(left: Mapping[Any, int], right: Mapping[Any, int]) -> int:
    """Return how many items two bags have in common."""
    return sum(min(left[item], right[item]) for item in left.keys() & right.keys())


def score(hits: int, n_candidate: int, n_reference: int) -> Score:
    """Make a score of the number of hits, and of that of all items in either text."""
    if not hits:
        return Score(0.0, 0.0, 0.0)
    precision, recall = hits / n_candidate, hits / n_reference
    return Score(precision, recall, 2 * precision * recall / (precision + recall))


@lru_cache(maxsize=N_STEMS)
def stem(word: str) -> str:
    """Return the stem of a word (Porter, 1980); up to 3 characters are their own."""
    return porter_stemmer().stem(word) if len(word) > 3 else word


@lru_cache(maxsize=1)
def porter_stemmer() -> Any:
    """Return NLTK's stemmer. Importing it takes a second, so it waits till then."""
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()
