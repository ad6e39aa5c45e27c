"""Summaries: sentences that were chosen, written texts, and what can be reached."""

from collections import Counter
from statistics import fmean, median
from typing import Any, NamedTuple

import numpy as np
from spacy.tokens import Span
from spacy.training import Example

from spacy_rnn.cli.debugging.labels import judge_missing
from spacy_rnn.cli.debugging.topics import Table, Topic, count, percent
from spacy_rnn.extensions import written_texts
from spacy_rnn.metrics.oracle import sentence_gains
from spacy_rnn.metrics.rouge import rouge
from spacy_rnn.pipeline.summary_choice import choose
from spacy_rnn.pipeline.summary_gold import has_gold, sentence_truths
from spacy_rnn.scorers import summaries_of

SAMPLE = 200  # articles of dev that are scored, which takes longest
ROUGES = ("rouge1", "rouge2", "rougeL")
FIRST, BEST, REACHABLE = "first", "best", "best_within_budget"
OFF = 1.5  # a budget that is larger or smaller than summaries by so much


class Sentences(NamedTuple):
    """The sentences of an article."""

    spans: list[Span]
    truths: np.ndarray  # 0 or 1 for each
    references: list[str]


class SummaryTally:
    """Counts of articles, their sentences, and those that were chosen."""

    def __init__(self, name: str, pipe: Any, given: list[str] | None) -> None:
        self.name = name
        self.cfg = pipe.cfg
        self.n_docs: Counter[bool] = Counter()  # whether anything is annotated
        self.n_sentences: list[int] = []
        self.n_chosen: list[int] = []
        self.n_words: list[int] = []  # of written summaries
        self.n_in_lead = 0  # chosen sentences that as many first ones have
        self.sample: list[Sentences] = []

    def add(self, example: Example, key: int) -> None:
        """Count an article."""
        reference, spans_key = example.reference, self.cfg["spans_key"]
        truths = None
        if has_gold(reference, spans_key):
            truths = sentence_truths(example, spans_key)
        self.n_docs[truths is not None] += 1
        if truths is None:
            return
        n_chosen = int(truths.sum())
        self.n_sentences.append(len(truths))
        self.n_chosen.append(n_chosen)
        self.n_in_lead += int(truths[:n_chosen].sum())
        self.n_words += [
            len(text.split()) for text in written_texts(reference, "summary")[:1]
        ]
        if len(self.sample) < SAMPLE:
            spans = list(example.predicted.sents)
            references = summaries_of(reference, spans_key)
            self.sample.append(Sentences(spans, truths, references))

    def describe(self, dev: "SummaryTally") -> Topic:
        """Say what is found about summaries."""
        topic = Topic.of_parts(self.name, self.facts(), dev.facts())
        place = f"doc.spans[{self.cfg['spans_key']!r}] or doc._.summary"
        for name, part in (("train", self), ("dev", dev)):
            judge_missing(
                topic, name, place, has=part.n_docs[True], lack=part.n_docs[False]
            )
            part.judge(topic, name)
        self.judge_budget(topic)
        if any(article.references for article in dev.sample):
            dev.judge_reach(topic)
        return topic

    def facts(self) -> dict[str, Any]:
        """Return the counts."""
        n_chosen = sum(self.n_chosen)
        return {
            "articles": len(self.n_sentences),
            "sentences_of_an_article": float(median(self.n_sentences or [0])),
            "chosen_sentences": float(median(self.n_chosen or [0])),
            "written_summaries": len(self.n_words),
            "words_of_a_written_summary": float(median(self.n_words or [0])),
            "chosen_among_the_first": percent(self.n_in_lead, n_chosen),
        }

    def judge(self, topic: Topic, name: str) -> None:
        """Say what is wrong with a part."""
        none = self.n_chosen.count(0)
        whole = sum(map(int.__eq__, self.n_chosen, self.n_sentences))
        topic.facts[name] |= {"nothing_chosen": none, "everything_chosen": whole}
        n_articles = len(self.n_chosen)
        if n_articles and none == n_articles:
            topic.add("fail", f"No article of {name} has a chosen sentence")
        elif none:
            topic.add(
                "warn",
                f"{count(none, 'article')} of {name} ({percent(none, n_articles)}) "
                f"have no chosen sentence, or no word in common with their summary",
            )
        if n_articles and whole == n_articles:
            topic.add("fail", f"All sentences of all articles of {name} are chosen")
        elif whole:
            topic.add(
                "warn",
                f"{count(whole, 'article')} of {name} ({percent(whole, n_articles)}) "
                f"have only chosen sentences, so there is nothing to choose",
            )

    def judge_budget(self, topic: Topic) -> None:
        """Say whether summaries of the component are as long as those of the data."""
        budget, chosen = self.cfg["budget"], self.n_chosen
        if self.cfg["unit"] != "sentences" or not sum(chosen):
            return
        usual = fmean(chosen)
        if budget > OFF * usual or usual > OFF * budget:
            topic.add(
                "warn",
                f"The budget of {self.name!r} is {budget:g} sentences, but the "
                f"summaries of train have {usual:.1f} on average",
            )

    def judge_reach(self, topic: Topic) -> None:
        """Say what scores the first and the best sentences have."""
        rows = [self.score(article) for article in self.sample if article.references]
        means = {
            way: {name: fmean(row[way][name] for row in rows) for name in ROUGES}
            for way in (FIRST, BEST, REACHABLE)
        }
        topic.facts["rouge"] = means
        header = ("F1 on dev", "ROUGE-1", "ROUGE-2", "ROUGE-L")
        names = {
            FIRST: "First within the budget",
            BEST: "Chosen sentences",
            REACHABLE: "Best within the budget",
        }
        topic.tables.append(
            Table(
                header,
                [
                    (names[way], *(f"{100 * value:.1f}" for value in scores.values()))
                    for way, scores in means.items()
                ],
            )
        )
        topic.add(
            "info",
            f"No choice of sentences can be expected to score above that of "
            f"{names[BEST].lower()}; {count(len(rows), 'article')} of dev were scored",
        )

    def score(self, article: Sentences) -> dict[str, dict[str, float]]:
        """Return the F1 of ROUGE for each way to choose sentences of an article."""
        spans, truths, references = article
        budget = {
            name: self.cfg[name] for name in ("budget", "unit", "trigram_blocking")
        }
        texts = [" ".join(span.text.split()) for span in spans]
        gains = np.array(sentence_gains(texts, references[0]))
        ways = {
            FIRST: choose(spans, -np.arange(len(spans)), **budget),
            BEST: np.flatnonzero(truths).tolist(),
            REACHABLE: choose(spans, truths + gains / (gains.max() + 1), **budget),
        }
        found = {}
        for way, chosen in ways.items():
            candidate = "\n".join(texts[i] for i in sorted(chosen))
            scores = rouge(candidate, references)
            found[way] = {name: scores[name].f1 for name in ROUGES}
        return found
