"""Counts of what training data have, and what of it a config has to name."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc

from spacy_rnn.cli.output import add_counts
from spacy_rnn.cli.progress import progress
from spacy_rnn.cli.readers import TEXTS
from spacy_rnn.cli.starter.columns import SPANS_KEY
from spacy_rnn.cli.starter.configs import TASKS
from spacy_rnn.corpora.file_corpus import FileCorpus
from spacy_rnn.corpora.files.rows import shorten
from spacy_rnn.corpora.pairs.corpus import PairCorpus
from spacy_rnn.corpora.summaries.corpus import SummaryCorpus
from spacy_rnn.corpora.summaries.docs import SUMMARY

LABELS_IN = {  # as `add_counts` names the places
    "ner": "doc.ents",
    "spans": f"doc.spans[{SPANS_KEY!r}]",
    "tagger": "token.tag",
    "morphologizer": "token.pos",
    "textcat": "doc.cats",
    "textcat-multilabel": "doc.cats",
}
DENIED = "!"  # what a tag begins with that a token is only known not to have
COVERED = 0.99  # of spans, by the sizes that a suggester tries
SAMPLE = 200  # articles whose summaries are looked at
PIECES = 1.25  # of a token, where pieces of words are read
# How many pieces of a text are read: what subject lines were measured with, and as many
# as the component reads by default.
MIN_SOURCE, MAX_SOURCE = 100, 400
MANY = 1000  # articles, of which chosen sentences are learned well, soft labels or not


class Part(NamedTuple):
    """What a file, or a folder of them, has."""

    path: Path
    n_docs: int
    labels: dict[str, Counter[str]]  # by task, how often each occurs
    remarks: list[str]  # on what its reader leaves out


class Tally:
    """Counts of what a corpus has. Reads, and so checks, all of it."""

    def __init__(self, corpus: FileCorpus, nlp: Language) -> None:
        self.corpus = corpus
        self.counts: Counter[tuple[str, str]] = Counter()
        self.n_docs = corpus.contents.n_docs or 0
        self.several: list[str] = []  # the texts that have not exactly one label
        self.n_none = 0  # texts of which no label is right
        self.lengths: Counter[int] = Counter()  # of spans, in tokens
        self.sizes: Counter[int] = Counter()  # of texts, in tokens
        self.chosen: list[int] = []  # sentences in the summaries of a sample
        self.extracts: list[bool] = []  # whether the summaries are sentences
        self.has_features = False  # whether any token has some
        # What is slow to read, or has nothing to count.
        limit = SAMPLE if isinstance(corpus, SummaryCorpus | PairCorpus) else None
        docs: Iterable[Doc] = islice(corpus.read_references(nlp), limit)
        for doc in progress(docs, total=min(self.n_docs, limit or self.n_docs)):
            self._add(doc)

    def _add(self, doc: Doc) -> None:
        add_counts(self.counts, doc)
        self.sizes[len(doc)] += 1
        n_labels = sum(value > 0 for value in doc.cats.values())
        if doc.cats and n_labels != 1:
            self.several.append(doc.text)
            self.n_none += not n_labels
        self.lengths.update(len(span) for span in doc.spans.get(SPANS_KEY, ()))
        if doc.has_annotation("MORPH") and not self.has_features:
            self.has_features = any(str(each.morph) for each in doc)
        if SUMMARY in doc.spans:
            self.chosen.append(len(doc.spans[SUMMARY]))
            self.extracts.append(_is_extract(doc))

    def describe(self, tasks: Sequence[str]) -> Part:
        """Count the labels of some tasks.

        Raises:
            ValueError: If there is nothing to learn a task from.
        """
        path = self.corpus.path
        labels = {task: self._count(task) for task in tasks if task in LABELS_IN}
        for task, counts in labels.items():
            if not counts:
                raise ValueError(f"{path}: {LABELS_IN[task]} has nothing for {task}")
        if "textcat" in tasks and self.several:
            raise ValueError(
                f"{path}: {len(self.several)} of {self.n_docs} texts have not exactly "
                f"one label, the first {shorten(self.several[0])}; the task for such "
                "texts is textcat-multilabel"
            )
        if "textcat" in tasks and len(labels["textcat"]) < 2:
            raise ValueError(
                f"{path}: all texts have the label {next(iter(labels['textcat']))!r}, "
                f"and a classifier learns from two or more"
            )
        remarks = self.corpus.contents.report.take()
        if self.n_none and "textcat-multilabel" in tasks:
            remarks.append(f"No label is right for {self.n_none:,} of the texts")
        return Part(Path(path), self.n_docs, labels, remarks)

    def _count(self, task: str) -> Counter[str]:
        denied = DENIED if task == "tagger" else ()
        return Counter(
            {
                label: n
                for (place, label), n in self.counts.items()
                if place == LABELS_IN[task] and not label.startswith(denied)
            }
        )

    def suggest(self, tasks: Sequence[str], part: Part, kind: str) -> dict[str, Any]:
        """Say what a config has to name beside the reader."""
        settings: dict[str, Any] = {
            f"initialize.components.{TASKS[task]}.labels": sorted(labels)
            for task, labels in part.labels.items()
            if kind != TEXTS and task != "morphologizer"
        }
        if "spans" in tasks:
            sizes = list(range(1, self._cover_spans() + 1))
            settings["components.spancat.suggester.sizes"] = sizes
        if "morphologizer" in tasks and not self.has_features:
            weights = {"pos_acc": 1.0, "morph_acc": None}
            settings |= {f"training.score_weights.{k}": v for k, v in weights.items()}
        if "summarizer" in tasks:
            budget = max(1, round(median(self.chosen)))
            settings["components.rnn_summarizer.budget"] = budget
            if self.n_docs >= MANY and not all(self.extracts):
                settings["components.rnn_summarizer.soft_labels"] = 0.0
        if "abstractive-summarizer" in tasks:
            size = round(PIECES * median(self.sizes.elements()))
            settings["components.rnn_abstractive_summarizer.model.max_source"] = min(
                MAX_SOURCE, max(MIN_SOURCE, size)
            )
        return settings

    def _cover_spans(self) -> int:
        """Find the length that all spans have at most, but for a few very long ones."""
        total, so_far = self.lengths.total(), 0
        for length in sorted(self.lengths):
            so_far += self.lengths[length]
            if so_far >= COVERED * total:
                return length
        return 1


def _is_extract(doc: Doc) -> bool:
    """Tell a summary of sentences of its article from one in other words."""
    summary = doc._.get(SUMMARY)
    if not summary:
        return True
    text = summary if isinstance(summary, str) else summary[0]
    article = " ".join(doc.text.split())
    return all(" ".join(line.split()) in article for line in text.splitlines())
