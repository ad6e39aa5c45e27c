"""What ROUGE costs beside rouge-score, whether both agree, and the speed of the oracle.

    OMP_NUM_THREADS=1 python benchmarks/rouge.py --data DIR

For each set: the time of all four types, stemmed, for up to 1,000 summaries with one or
several references, and the largest difference of any precision, recall or F1. A summary
is the beginning of its article, as many lines as the reference has. DIR holds
summarization/NAME/test.jsonl.gz; without --data, pairs are made of bundled opinions.
The oracle is timed, without splitting into words, on articles of 40 sentences of the
set, for references with every fifth of these sentences, short of every third word.
"""

import argparse
import gzip
import json
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from rouge_score.rouge_scorer import RougeScorer
from timing import timed

from spacy_rnn.metrics.oracle import oracle_labels
from spacy_rnn.metrics.rouge import rouge, tokenize

TYPES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
BUNDLED = Path(__file__).parent.parent / "corpus" / "sentiment" / "train.jsonl"
N_SENTENCES = 40


class Pair(NamedTuple):
    """A summary and what it is compared with."""

    candidate: str
    references: list[str]


def read_set(data: Path, name: str) -> tuple[list[Pair], list[str]]:
    """Read the test part of a set. Return its pairs, and the sentences of all texts."""
    path = data / "summarization" / name / "test.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf8") as file:
        rows = [json.loads(line) for line in file]
    lines = [row.get("sents") or row["text"].split("\n") for row in rows]
    pairs = [make_pair(row, sents) for row, sents in zip(rows, lines, strict=True)]
    return pairs, [sentence for sentences in lines for sentence in sentences]


def make_pair(row: dict[str, Any], sentences: list[str]) -> Pair:
    """Compare the beginning of an article with its references, or chosen sentences."""
    references = row.get("refs") or [row["summary"]]
    if "refs" not in row and "sent_labels" in row:
        chosen = zip(sentences, row["sent_labels"], strict=True)
        references = ["\n".join(sentence for sentence, label in chosen if label)]
    n_lines = max(text.count("\n") for text in references) + 1
    return Pair("\n".join(sentences[:n_lines]), references)


def make_set(n_pairs: int) -> tuple[list[Pair], list[str]]:
    """Make pairs of the bundled opinions: 8 lines each, of the same 16."""
    rows = BUNDLED.read_text(encoding="utf8").splitlines()
    texts = [json.loads(row)["text"] for row in rows]
    random = Random(0)
    pairs = []
    for _ in range(n_pairs):
        article = random.sample(texts, 16)
        candidate, reference = random.sample(article, 8), random.sample(article, 8)
        pairs.append(Pair("\n".join(candidate), ["\n".join(reference)]))
    return pairs, texts


def compare(pairs: list[Pair]) -> tuple[float, float, float]:
    """Return the seconds that rouge-score and ours take, and the largest difference."""
    scorer = RougeScorer(TYPES, use_stemmer=True)
    expected: list[Any] = []
    found: list[Any] = []
    seconds = timed(
        lambda: expected.extend(scorer.score_multi(refs, text) for text, refs in pairs)
    )
    ours = timed(lambda: found.extend(rouge(text, refs) for text, refs in pairs))
    largest = max(
        abs(one - other)
        for scores, others in zip(found, expected, strict=True)
        for name in TYPES
        for one, other in zip(scores[name], others[name], strict=True)
    )
    return seconds, ours, largest


def oracle_speed(sentences: list[str], n_articles: int = 200) -> float:
    """Return for how many articles of 40 sentences a second the oracle finds labels."""
    random = Random(0)
    articles = []
    for _ in range(n_articles):
        drawn = random.sample(sentences, N_SENTENCES)
        article = [tokenize(sentence, stemming=True) for sentence in drawn]
        words = [word for sentence in article[::5] for word in sentence]
        articles.append((article, [word for i, word in enumerate(words) if i % 3]))
    seconds = timed(lambda: [oracle_labels(*article) for article in articles])
    return n_articles / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument(
        "--sets", nargs="+", default=["bbc_news_summary", "aeslc", "scitldr_a"]
    )
    parser.add_argument("--pairs", type=int, default=1000, help="of a set, at most")
    args = parser.parse_args()
    makers = {"bundled": partial(make_set, args.pairs)}
    if args.data:
        makers = {name: partial(read_set, args.data, name) for name in args.sets}
    rouge("stemmers", "load")  # NLTK is imported when the first word is stemmed
    columns = "pairs rouge-score,s ours,s faster difference oracle,articles/s"
    print("| |", *(f"{column} |" for column in columns.split()))
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, make in makers.items():
        pairs, sentences = make()
        pairs = pairs[: args.pairs]
        seconds, ours, largest = compare(pairs)
        row = f"| {name} | {len(pairs)} | {seconds:.2f} | {ours:.3f} "
        row += f"| {seconds / ours:.1f} | {largest:.0e} "
        row += f"| {oracle_speed(sentences):.0f} |"
        print(row, flush=True)


if __name__ == "__main__":
    main()
