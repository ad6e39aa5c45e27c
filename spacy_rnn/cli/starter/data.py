"""Look at training data: which task it is for, how it is read, which labels it has."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import spacy
from spacy import registry
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from spacy_rnn.cli.output import add_counts
from spacy_rnn.cli.readers import (
    PAIRS,
    READERS,
    SUMMARIES,
    TEXTS,
    TOKENS,
    options_of,
)
from spacy_rnn.cli.starter.columns import SPANS_KEY, find_ways
from spacy_rnn.cli.starter.configs import TASKS, WRITERS, sentencizer_of
from spacy_rnn.cli.starter.ways import Given, Way
from spacy_rnn.corpora.file_corpus import FileCorpus
from spacy_rnn.corpora.files.rows import join_names, shorten
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
MANY = 1000  # articles, of which chosen sentences are learned well, soft labels or not


class Part(NamedTuple):
    """What a file, or a folder of them, has."""

    path: Path
    n_docs: int
    labels: dict[str, Counter[str]]  # by task, how often each occurs
    remarks: list[str]  # on what its reader leaves out


class Findings(NamedTuple):
    """What the data have, and what a config has to say of it."""

    tasks: list[str]
    others: list[str]  # tasks that the training data are fit for, too
    reader: dict[str, Any]  # the block of the reader, but for the path
    settings: dict[str, Any]  # other values of the config, by their place
    train: Part
    dev: Part | None

    @property
    def unknown(self) -> dict[str, list[str]]:
        """Labels that only the development data have, by task."""
        found = self.dev.labels if self.dev is not None else {}
        lacking = {
            task: sorted(labels.keys() - self.train.labels[task].keys())
            for task, labels in found.items()
        }
        return {task: labels for task, labels in lacking.items() if labels}


def look_at(
    train: Path,
    dev: Path | None = None,
    *,
    tasks: Sequence[str] | None = None,
    lang: str = "en",
    given: Given,
    dev_given: Given,
) -> Findings:
    """Read all data once, and find out what a config has to say of it.

    Args:
        train: A file, or a folder of files that are alike.
        dev: Another one.
        tasks: What to train. None guesses a task.
        lang: Code of the language, whose tokenizer makes the documents.
        given: Settings of the readers that the user has named.
        dev_given: Other ones for `dev`, in the place of these.

    Raises:
        ValueError: If a file can't be read, or isn't fit for the tasks, or `dev` has
            other columns or labels than `train`.
    """
    ways = find_ways(train, given)
    way = _choose_way(ways, tasks, train)
    chosen = list(tasks or [next(iter(way.tasks))])
    kind = way.reader or _choose_reader(chosen)
    options = _join_settings(way, chosen, kind, given)
    make_corpus: Any = registry.readers.get(READERS[kind])
    nlp = spacy.blank(lang)
    nlp.add_pipe(sentencizer_of(lang))  # which nothing but articles asks for
    tally = Tally(make_corpus(train, keep=False, **options), nlp)
    if tasks is None and chosen == ["textcat"] and tally.several:
        chosen = ["textcat-multilabel"]
    part = tally.describe(chosen)
    if kind == TEXTS:
        options["labels"] = sorted(part.labels[chosen[0]])
    dev_part = None
    if dev is not None:
        dev_corpus = make_corpus(dev, keep=False, **{**options, **dev_given})
        dev_part = Tally(dev_corpus, nlp).describe(chosen)
        _check_dev(part, dev_part)
    reader = {"@readers": READERS[kind], **options}
    settings = tally.suggest(chosen, part, kind)
    settings |= {f"corpora.dev.{k}": value for k, value in dev_given.items()}
    places = {LABELS_IN.get(task, task) for task in chosen}
    others = [
        task for task in _list_tasks(ways) if LABELS_IN.get(task, task) not in places
    ]
    return Findings(chosen, others, reader, settings, part, dev_part)


def _list_tasks(ways: Sequence[Way]) -> list[str]:
    """List all tasks that a file is fit for, the best guess first."""
    return list(dict.fromkeys(task for way in ways for task in way.tasks))


def _choose_way(ways: Sequence[Way], tasks: Sequence[str] | None, path: Path) -> Way:
    """Choose the way in which a file is read for some tasks."""
    fit = [way for way in ways if tasks is None or way.tasks.keys() >= set(tasks)]
    if not fit:
        found = _list_tasks(ways)
        lacking = [task for task in tasks or () if task not in found]
        what = " or ".join(lacking) or f"{' and '.join(tasks or ())} together"
        raise ValueError(
            f"{path}: nothing found to train {what} with, only {', '.join(found)}. "
            "Name the columns by options, if they weren't understood"
        )
    rivals = [way for way in fit if way.reader == fit[0].reader]
    if len(rivals) > 1:
        names = [way.settings["label_column"] for way in rivals]
        raise ValueError(
            f"{path}: the labels may be in {join_names(names)}; name the column by "
            "--label-column"
        )
    return fit[0]


def _choose_reader(tasks: Sequence[str]) -> str:
    """Choose the reader of .spacy files: all read them, each with its own tokens."""
    if set(tasks) <= WRITERS.keys():
        return PAIRS
    if "summarizer" in tasks:
        return SUMMARIES
    return TEXTS if set(tasks) <= {"textcat", "textcat-multilabel"} else TOKENS


def _join_settings(
    way: Way, tasks: Sequence[str], kind: str, given: Given
) -> dict[str, Any]:
    for name in given:
        if name not in options_of(kind) | {"errors"}:
            option = name.replace("_", "-")
            raise ValueError(f"--{option} is no option of {kind}, which these are")
    settings = dict(way.settings)
    for task in tasks:
        settings |= way.tasks[task]
    return {**settings, **given}


def _check_dev(train: Part, dev: Part) -> None:
    """Refuse development data that have nothing in common with the training data."""
    for task, labels in dev.labels.items():
        if labels and not labels.keys() & train.labels[task].keys():
            raise ValueError(
                f"{dev.path}: the labels of {task} are {shorten(sorted(labels))}, but "
                f"in {train.path} {shorten(sorted(train.labels[task]))}"
            )


class Tally:
    """Counts of what a corpus has. Reads, and so checks, all of it."""

    def __init__(self, corpus: FileCorpus, nlp: Language) -> None:
        self.corpus = corpus
        self.counts: Counter[tuple[str, str]] = Counter()
        self.n_docs = corpus.contents.n_docs or 0
        self.several: list[str] = []  # the texts that have not exactly one label
        self.n_none = 0  # texts of which no label is right
        self.lengths: Counter[int] = Counter()  # of spans, in tokens
        self.chosen: list[int] = []  # sentences in the summaries of a sample
        self.extracts: list[bool] = []  # whether the summaries are sentences
        self.has_features = False  # whether any token has some
        # What is slow to read, or has nothing to count.
        is_sampled = isinstance(corpus, SummaryCorpus | PairCorpus)
        docs: Iterable[Doc] = corpus.read_references(nlp)
        with tqdm(
            islice(docs, SAMPLE) if is_sampled else docs,
            total=min(self.n_docs, SAMPLE) if is_sampled else self.n_docs,
            unit="doc",
            disable=None,
            delay=2,
        ) as progress:
            for doc in progress:
                self._add(doc)

    def _add(self, doc: Doc) -> None:
        add_counts(self.counts, doc)
        n_labels = sum(value > 0 for value in doc.cats.values())
        if doc.cats and n_labels != 1:
            self.several.append(doc.text)
            self.n_none += not n_labels
        self.lengths.update(len(span) for span in doc.spans.get(SPANS_KEY, ()))
        self.has_features = self.has_features or any(str(each.morph) for each in doc)
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
