"""Other ways to choose sentences: simple rules, graphs, and logistic regression."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from summaries_data import Article
from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
from sumy.nlp.stemmers import Stemmer
from sumy.summarizers.lex_rank import LexRankSummarizer
from sumy.summarizers.text_rank import TextRankSummarizer
from sumy.utils import get_stop_words

Scorer = Callable[[list[Article]], list[np.ndarray]]


def lead(articles: list[Article]) -> list[np.ndarray]:
    """Take the first sentences."""
    return [-np.arange(len(article.sentences)) for article in articles]


def make_random(seed: int) -> Scorer:
    """Take any sentences."""
    rng = np.random.default_rng(seed)
    return lambda articles: [rng.random(len(each.sentences)) for each in articles]


def oracle(articles: list[Article]) -> list[np.ndarray]:
    """Take the sentences to choose, and then the first ones."""
    return [
        np.array(article.labels) - 1e-6 * np.arange(len(article.labels))
        for article in articles
    ]


class Words:
    """Splits text into words, as sumy asks for it, but without NLTK's data."""

    def to_words(self, text: str) -> list[str]:
        return re.findall(r"[^\W_]+", text.lower())


def make_graph(kind: type[Any]) -> Scorer:
    """Rate sentences by a summarizer of sumy, with stemming and stop words."""

    class Ratings(kind):
        """Returns the ratings in place of the best sentences."""

        @staticmethod
        def _get_best_sentences(sentences: Any, count: int, rating: Any) -> Any:
            return np.array([rating[sentence] for sentence in sentences])

    summarizer = Ratings(Stemmer("english"))
    summarizer.stop_words = get_stop_words("english")

    def rate(articles: list[Article]) -> list[np.ndarray]:
        words, ratings = Words(), []
        for article in articles:
            sentences = [Sentence(text, words) for text in article.sentences]
            document = ObjectDocumentModel([Paragraph(sentences)])
            with np.errstate(invalid="ignore"):  # LexRank: no words in common at all
                found = np.asarray(summarizer(document, 1), dtype=float)
            ratings.append(np.nan_to_num(found))
        return ratings

    return rate


def make_logistic_regression(train: list[Article]) -> Scorer:
    """Learn from places, lengths, and the tf-idf cosine with the article."""
    tfidf = TfidfVectorizer(stop_words="english", sublinear_tf=True)
    tfidf.fit([" ".join(article.sentences) for article in train])

    def describe(article: Article) -> np.ndarray:
        n = len(article.sentences)
        if not n:
            return np.zeros((0, 10))
        vectors = tfidf.transform(article.sentences)
        whole = np.asarray(vectors.sum(axis=0)).ravel()
        cosine = vectors @ whole / max(1e-9, float(np.linalg.norm(whole)))
        length = np.log1p([len(text.split()) for text in article.sentences])
        place = np.arange(n)
        plain = np.stack(
            [place == 0, np.log1p(place), place / n, length, cosine], axis=1
        ).astype(float)
        spread = plain.std(axis=0) + 1e-6
        return np.concatenate([plain, (plain - plain.mean(axis=0)) / spread], axis=1)

    scaler, model = StandardScaler(), LogisticRegression(max_iter=1000)
    X = scaler.fit_transform(np.concatenate([describe(article) for article in train]))
    model.fit(X, np.concatenate([article.labels for article in train]))

    def rate(articles: list[Article]) -> list[np.ndarray]:
        return [
            model.decision_function(scaler.transform(describe(article)))
            if article.sentences
            else np.zeros(0)
            for article in articles
        ]

    return rate


GRAPHS = {"TextRank": TextRankSummarizer, "LexRank": LexRankSummarizer}
