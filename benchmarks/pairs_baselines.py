"""What can be had on the bundled pairs without learning anything.

    OMP_NUM_THREADS=1 python benchmarks/pairs_baselines.py

Of each test source, the target is taken to be the source itself, its first words, or
the target of the most similar training source: that with the largest share of distinct
words in common (Jaccard's index), in lower case, the first of equals. The first words
are as many as a training target has on average. Translations are scored by BLEU, chrF
and exact matches, subject lines by the F1 of ROUGE-1, ROUGE-2 and ROUGE-L and exact
matches; all are in percent.
"""

import re
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import spacy

from spacy_rnn.corpora.pairs.corpus import PairCorpus
from spacy_rnn.extensions import written_texts
from spacy_rnn.metrics.bleu import translation_scores
from spacy_rnn.metrics.rouge import rouge

CORPUS = Path(__file__).parent.parent / "corpus"
COLUMNS = {  # of the source and the target of each corpus
    "translation": ("en", "de"),
    "notices": ("text", "summary"),
}
ROUGE = ("rouge1", "rouge2", "rougeL")


class Pair(NamedTuple):
    source: str
    references: list[str]


def read_part(name: str, part: str) -> list[Pair]:
    """Read a part of a bundled corpus."""
    source, target = COLUMNS[name]
    path = CORPUS / name / f"{part}.jsonl"
    corpus = PairCorpus(path, source_column=source, target_column=target)
    docs = corpus.read_references(spacy.blank("en"))
    return [Pair(doc.text, written_texts(doc, corpus.extension)) for doc in docs]


def words_of(text: str) -> set[str]:
    """Return the distinct words of a text, in lower case."""
    return set(re.findall(r"\w+", text.lower()))


def nearest_target(source: str, train: list[Pair]) -> str:
    """Return the target of the training source that is most like another one."""
    words = words_of(source)

    def likeness(pair: Pair) -> float:
        others = words_of(pair.source)
        return len(words & others) / max(1, len(words | others))

    return max(train, key=likeness).references[0]


def make_baselines(train: list[Pair]) -> dict[str, Callable[[str], str]]:
    """Make functions from a source to what is taken for its target."""
    n_words = round(fmean(len(pair.references[0].split()) for pair in train))
    return {
        "the source": str,
        f"its first {n_words} words": lambda text: " ".join(text.split()[:n_words]),
        "the most similar": lambda text: nearest_target(text, train),
    }


def score(name: str, candidates: list[str], test: list[Pair]) -> dict[str, float]:
    """Score what is taken for the targets, in percent."""
    references = [pair.references for pair in test]
    scores = translation_scores(candidates, references)
    if name == "notices":
        pairs = list(zip(candidates, references, strict=True))
        each = [rouge(candidate, several) for candidate, several in pairs]
        means = {key: fmean(found[key].f1 for found in each) for key in ROUGE}
        scores = means | {"exact_match": scores["exact_match"]}
    return {key: 100 * value for key, value in scores.items()}


def main() -> None:
    for name in COLUMNS:
        train, test = read_part(name, "train"), read_part(name, "test")
        for baseline, predict in make_baselines(train).items():
            found = score(name, [predict(pair.source) for pair in test], test)
            shown = "  ".join(f"{key} {value:.1f}" for key, value in found.items())
            print(f"{name}: {baseline}: {shown}")


if __name__ == "__main__":
    main()
