"""Articles with their summaries, and what a choice of sentences is worth."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import srsly
from recipe import ROOT, read_rows

from spacy_rnn.metrics.oracle import oracle_labels
from spacy_rnn.metrics.rouge import rouge, tokenize
from spacy_rnn.nltk_text import split_sentences

FOLDS = 5


class SummarySet(NamedTuple):
    """A data set.

    Attributes:
        folder: Its name under DIR/summarization.
        n_sentences: Sentences that are chosen; None takes as many as the reference has.
        component: Settings of the component: how long summaries are, and where there
            are many articles, that the choice of sentences is learned.
        training: Settings of the training.
    """

    folder: str
    n_sentences: int | None
    component: dict[str, str | float]
    training: dict[str, int]


SETS = {
    "bbc": SummarySet(
        "bbc_news_summary",
        None,
        {"unit": "share", "budget": 0.45, "soft_labels": 0.0},
        {},
    ),
    "scitldr": SummarySet("scitldr_a", 1, {"budget": 1, "soft_labels": 0.0}, {}),
    "aeslc": SummarySet("aeslc", 1, {"budget": 1, "soft_labels": 0.0}, {}),
}
BUNDLED = SummarySet("", None, {}, {"max_steps": 400})


class Article(NamedTuple):
    """The sentences of an article, 1 for those to choose, and reference summaries."""

    sentences: list[str]
    labels: list[int]
    references: list[str]


class Split(NamedTuple):
    """The parts of a data set."""

    train: list[Article]
    dev: list[Article]
    test: list[Article]


def read_split(data: Path, name: str, *, tune: bool = False) -> Split:
    """Read a data set. To tune, test is dev, and the real test file stays unread."""
    folder = data / "summarization" / SETS[name].folder
    limit = SETS[name].n_sentences
    parts = ["train", "dev", "dev" if tune else "test"]
    return Split(
        *([to_article(row, limit) for row in read_rows(folder, part)] for part in parts)
    )


def read_folds() -> list[Split]:
    """Read the bundled corpus in five folds, each of which is dev and test once.

    A part of the rest is dev: the fold before it.
    """
    folder = ROOT / "corpus" / "summaries"
    rows = [row for part in ("train", "dev") for row in read_rows(folder, part)]
    articles = [to_article(row, None) for row in rows]
    folds = [articles[i::FOLDS] for i in range(FOLDS)]
    splits = []
    for i in range(FOLDS):
        dev = (i - 1) % FOLDS
        rest = [fold for j, fold in enumerate(folds) if j not in (i, dev)]
        splits.append(Split(sum(rest, []), folds[dev], folds[i]))
    return splits


def to_article(row: dict, limit: int | None) -> Article:
    """Read a row; where it has no labels, choose the sentences most like a summary."""
    sentences = row.get("sents") or row.get("text")
    if isinstance(sentences, str):
        spans = split_sentences(sentences, line_breaks="always")
        sentences = [sentences[start:end] for start, end in spans]
    sentences = [" ".join(sentence.split()) for sentence in sentences]
    summary = row["summary"]  # a text, or its sentences
    summary = summary if isinstance(summary, str) else "\n".join(summary)
    references = row.get("refs") or [summary]
    labels = row.get("sent_labels")
    if labels is None:
        tokens = [tokenize(sentence, stemming=True) for sentence in sentences]
        first = tokenize(references[0], stemming=True)
        labels = oracle_labels(tokens, first, max_sentences=limit)
    elif limit is None:
        # The summary is made of sentences, but has no spaces between them.
        references = [join(sentences, np.flatnonzero(labels))]
    return Article(sentences, list(labels), references)


def write_articles(path: Path, articles: list[Article]) -> None:
    """Write what spacy-rnn.SummaryCorpus.v1 reads."""
    srsly.write_jsonl(
        path,
        (
            {
                "sents": article.sentences,
                "sent_labels": article.labels,
                "refs": article.references,
            }
            for article in articles
            if article.sentences
        ),
    )


def evaluate(
    articles: list[Article], scores: list[np.ndarray], limit: int | None
) -> dict[str, float]:
    """Score the sentences that have the highest scores.

    Args:
        articles: The articles.
        scores: A score for each of their sentences.
        limit: How many are chosen; None takes as many as the labels do.

    Returns:
        Mean stemmed ROUGE F1, the best reference counting, and the micro F1 of the
        chosen sentences, in percent.
    """
    found = []
    hits = n_chosen = n_right = 0
    for article, score in zip(articles, scores, strict=True):
        n = sum(article.labels) if limit is None else limit
        chosen = np.sort(np.argsort(-np.asarray(score), kind="stable")[:n])
        found.append(rouge(join(article.sentences, chosen), article.references))
        hits += sum(article.labels[i] for i in chosen)
        n_chosen += len(chosen)
        n_right += sum(article.labels)
    means = {
        name: 100 * float(np.mean([each[name].f1 for each in found]))
        for name in ("rouge1", "rouge2", "rougeL")
    }
    return {**means, "sentences": 200 * hits / max(1, n_chosen + n_right)}


def join(sentences: list[str], chosen: np.ndarray) -> str:
    """Make a text of the chosen sentences."""
    return " ".join(sentences[i] for i in chosen)
