"""Look at training data: which task it is for, how it is read, which labels it has."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import spacy
from spacy import registry

from spacy_rnn.cli.readers import (
    PAIRS,
    READERS,
    SUMMARIES,
    TEXTS,
    TOKENS,
    options_of,
)
from spacy_rnn.cli.starter.columns import find_ways
from spacy_rnn.cli.starter.configs import WRITERS, sentencizer_of
from spacy_rnn.cli.starter.tally import LABELS_IN, Part, Tally
from spacy_rnn.cli.starter.ways import Given, Way
from spacy_rnn.corpora.files.rows import join_names, shorten


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
    if "label_separator" in given and len(tally.several) == tally.n_none:
        separator = given["label_separator"]
        part.remarks.append(
            f"--label-separator {separator!r} parts no label: no text has several"
        )
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
