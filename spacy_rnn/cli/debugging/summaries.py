"""Summaries: sentences that were chosen, written texts, and what can be reached."""

from collections import Counter
from statistics import fmean, median
from typing import Any, NamedTuple

import numpy as np
from spacy.tokens import Span
from spacy.training import Example

from spacy_rnn.cli.debugging.labels import judge_missing
from spacy_rnn.cli.debugging.topics import Component, Topic, count, percent
from spacy_rnn.cli.tables import Table
from spacy_rnn.extensions import written_texts
from spacy_rnn.metrics.oracle import sentence_gains
from spacy_rnn.metrics.rouge import rouge
from spacy_rnn.pipeline.summary_choice import choose
from spacy_rnn.pipeline.summary_gold import has_gold, sentence_truths
from spacy_rnn.scorers import summaries_of

SAMPLE = 200  # articles of dev that are scored, which takes longest
WAYS = {  # to choose sentences, as they are called
    "first": "First within the budget",
    "best": "Best within the budget",
    "chosen": "Those that were chosen",
}
ROUGES = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}
OFF = 1.5  # a budget that is larger or smaller than summaries by so much


class Sentences(NamedTuple):
    """The sentences of an article."""

    spans: list[Span]
    truths: np.ndarray  # whether each was chosen, 0 or 1
    references: list[str]


class SummaryTally:
    """Counts of articles, their sentences, and those that were chosen."""

    def __init__(self, component: Component) -> None:
        self.component = component
        self.cfg = component.pipe.cfg
        self.key = self.cfg["spans_key"]
        self.place = f"doc.spans[{self.key!r}] or doc._.summary"
        self.n_docs: Counter[bool] = Counter()  # whether anything is annotated
        self.n_sentences: list[int] = []
        self.n_chosen: list[int] = []
        self.n_words: list[int] = []  # of written summaries
        self.n_in_lead = 0  # chosen sentences that as many first ones have
        self.sample: list[Sentences] = []

    def follow(self) -> "SummaryTally":
        """Return an empty one."""
        return SummaryTally(self.component)

    def add(self, example: Example, key: int) -> None:
        """Count an article."""
        reference = example.reference
        is_annotated = has_gold(reference, self.key)
        self.n_docs[is_annotated] += 1
        truths = sentence_truths(example, self.key) if is_annotated else None
        if truths is None:
            return
        n_chosen = int(truths.sum())
        self.n_sentences.append(len(truths))
        self.n_chosen.append(n_chosen)
        self.n_in_lead += int(truths[:n_chosen].sum())
        self.n_words += [
            len(text.split()) for text in written_texts(reference, "summary")[:1]
        ]
        references = summaries_of(reference, self.key)
        if references and len(self.sample) < SAMPLE:
            spans = list(example.predicted.sents)
            self.sample.append(Sentences(spans, truths, references))

    def describe(self, dev: "SummaryTally") -> Topic:
        """Say what is found about summaries."""
        title = f"{self.component.name}: {self.place}"
        topic = Topic.of_parts(title, self.facts(), dev.facts())
        topic.tables[0].rows.append(
            ("Chosen among the first", self.share_in_lead(), dev.share_in_lead())
        )
        for part, tally in (("Train", self), ("Dev", dev)):
            judge_missing(topic, part, self.place, tally.n_docs)
            tally.judge(topic, part)
        self.judge_budget(topic)
        if dev.sample:
            dev.judge_reach(topic)
        return topic

    def facts(self) -> dict[str, Any]:
        """Return the counts; of what varies from article to article, the median."""
        return {
            "articles": len(self.n_sentences),
            "sentences_of_an_article": float(median(self.n_sentences or [0])),
            "chosen_sentences": float(median(self.n_chosen or [0])),
            "written_summaries": len(self.n_words),
            "words_of_a_written_summary": float(median(self.n_words or [0])),
        }

    def share_in_lead(self) -> str:
        """Say how many chosen sentences are among as many first ones."""
        return percent(self.n_in_lead, sum(self.n_chosen))

    def judge(self, topic: Topic, part: str) -> None:
        """Say what is wrong with a part."""
        n_none = self.n_chosen.count(0)
        n_whole = sum(map(int.__eq__, self.n_chosen, self.n_sentences))
        topic.facts[part.lower()] |= {
            "chosen_among_the_first": self.n_in_lead,
            "nothing_chosen": n_none,
            "everything_chosen": n_whole,
        }
        for n, what in (
            (n_none, "no chosen sentence, or none with a word of their summary"),
            (n_whole, "nothing but chosen sentences, which leave no choice"),
        ):
            if n:
                n_articles = len(self.n_chosen)
                topic.add(
                    "fail" if n == n_articles else "warn",
                    f"{part} has {count(n, 'article')} ({percent(n, n_articles)}) with "
                    f"{what}",
                )

    def judge_budget(self, topic: Topic) -> None:
        """Say whether summaries of the component are as long as those of the data."""
        budget, usual = self.cfg["budget"], median(self.n_chosen or [0])
        if self.cfg["unit"] != "sentences" or not usual:
            return
        if not budget / OFF <= usual <= budget * OFF:
            topic.warn(
                f"The budget of {self.component.name!r} is {budget:g} sentences, but "
                f"articles of train have {usual:g} chosen ones (the median)"
            )

    def judge_reach(self, topic: Topic) -> None:
        """Say what scores the first and the best sentences have."""
        found = [self.score(article) for article in self.sample]
        means = {
            way: {name: fmean(each[way][name] for each in found) for name in ROUGES}
            for way in WAYS
        }
        topic.facts["rouge"] = {"articles": len(found), **means}
        rows = [
            (name, *(f"{100 * value:.1f}" for value in means[way].values()))
            for way, name in WAYS.items()
        ]
        topic.tables.append(Table(("F1 on dev", *ROUGES.values()), rows))
        first, best = (100 * means[way]["rouge1"] for way in ("first", "best"))
        topic.info(
            f"With its budget, {self.component.name!r} can reach a ROUGE-1 of about "
            f"{best:.1f}, and {first:.1f} by taking the first sentences (of "
            f"{count(len(found), 'article')} of dev)"
        )

    def score(self, article: Sentences) -> dict[str, dict[str, float]]:
        """Return the F1 of ROUGE for each way to choose sentences of an article."""
        spans, truths, references = article
        settings = ("budget", "unit", "trigram_blocking")
        budget = {name: self.cfg[name] for name in settings}
        texts = [" ".join(span.text.split()) for span in spans]
        gains = np.array(sentence_gains(texts, references[0]))
        ways = {
            "first": choose(spans, -np.arange(len(spans)), **budget),
            "best": choose(spans, truths + gains / (1 + gains.max()), **budget),
            "chosen": np.flatnonzero(truths).tolist(),
        }
        found = {}
        for way, chosen in ways.items():
            candidate = "\n".join(texts[i] for i in sorted(chosen))
            scores = rouge(candidate, references)
            found[way] = {name: scores[name].f1 for name in ROUGES}
        return found
