"""Look at the data of a config, in one pass over each corpus."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from spacy import registry
from spacy.language import Language
from spacy.schemas import ConfigSchemaInit
from spacy.training import Example
from spacy.training.initialize import load_vectors_into_model
from spacy.util import load_config, load_model_from_config, resolve_dot_names
from thinc.api import Config
from tqdm import tqdm

from spacy_rnn.cli.debugging.categories import CategoryTally
from spacy_rnn.cli.debugging.documents import DocumentTally
from spacy_rnn.cli.debugging.entities import EntityTally
from spacy_rnn.cli.debugging.spans import SpanTally
from spacy_rnn.cli.debugging.summaries import SummaryTally
from spacy_rnn.cli.debugging.tags import TagTally
from spacy_rnn.cli.debugging.topics import Component, Tally, Topic, key_of
from spacy_rnn.cli.debugging.words import WordTally
from spacy_rnn.corpora.files.rows import join_names
from spacy_rnn.training.settings import check_settings

# What counts the annotation that a component assigns; the first that fits is taken.
TALLIES: Mapping[str, Callable[[Component], Tally]] = {
    "doc.cats": CategoryTally,
    "doc._.summary": SummaryTally,
    "doc.ents": EntityTally,
    "doc.spans": SpanTally,
    "token.tag": TagTally,
    "token.morph": TagTally,
}
EMBEDDING = ["doc.tensor"]  # what is assigned by components that others listen to


def look_at(
    config_path: Path, *, overrides: Mapping[str, Any], limit: int = 0
) -> list[Topic]:
    """Read the corpora of a config, and say what is found in them.

    Args:
        config_path: The config.
        overrides: Settings of it by their place.
        limit: Documents to read of each corpus, 0 for all.

    Raises:
        ValueError: If a corpus can't be read, or may have no end.
    """
    raw = load_config(config_path, overrides=dict(overrides), interpolate=False)
    check_settings(raw.interpolate())
    nlp = load_model_from_config(raw, auto_fill=True)
    config = nlp.config.interpolate()
    if config["training"]["max_epochs"] < 0 and not limit:
        raise ValueError(
            "with max_epochs = -1 the training data may have no end; say by --limit "
            "how many documents to look at"
        )
    corpora = open_corpora(config)
    reports = [take_report(corpus) for corpus in corpora]
    if config["initialize"]["vectors"]:
        load_vectors_into_model(nlp, config["initialize"]["vectors"])
    tallies, pipeline = make_tallies(nlp, config)
    train: list[Tally] = [DocumentTally(), WordTally(nlp.vocab), *tallies]
    read(corpora[0](nlp), train, limit)
    dev = [tally.follow() for tally in train]
    read(corpora[1](nlp), dev, limit)
    pairs = zip(train, dev, strict=True)
    documents, *others = (before.describe(after) for before, after in pairs)
    for part, texts in zip(("train", "dev"), reports, strict=True):
        documents.facts[part]["left_out"] = texts
        for text in texts:
            documents.add("warn", f"{part.capitalize()}: {text}")
    return [pipeline, documents, *others]


def open_corpora(config: Config) -> Sequence[Callable[[Language], Iterable[Example]]]:
    """Make the readers for training and development data, which are read once, as is.

    Raises:
        ValueError: If there is no such section.
    """
    training, corpora = config["training"], config["corpora"]
    names = [training["train_corpus"], training["dev_corpus"]]
    if not registry.is_promise(corpora):
        known = [f"corpora.{name}" for name in corpora]
        for name in names:
            if name not in known:
                raise ValueError(
                    f"[training] names the corpus {name!r}, but the config has only "
                    f"{join_names(known)}"
                )
        for corpus in corpora.values():
            for setting, value in (("augmenter", None), ("keep", False)):
                if setting in corpus:
                    corpus[setting] = value
    return list(resolve_dot_names(config, names))


def take_report(corpus: Any) -> list[str]:
    """Ask a reader what it leaves out, which it would log otherwise."""
    contents = getattr(corpus, "contents", None)
    return [] if contents is None else contents.report.take()


def make_tallies(nlp: Language, config: Mapping[str, Any]) -> tuple[list[Tally], Topic]:
    """Make a tally for each component that trains, and say which have none."""
    initialize = registry.resolve(config["initialize"], schema=ConfigSchemaInit)
    topic = Topic("Pipeline")
    tallies, found, others = [], [], []
    frozen = list(config["training"]["frozen_components"])
    pipeline: Any = nlp.pipeline
    for name, pipe in pipeline:
        assigns = nlp.get_pipe_meta(name).assigns
        if name in frozen or not getattr(pipe, "is_trainable", False):
            continue
        make = next((TALLIES[each] for each in TALLIES if each in assigns), None)
        if make is not None:
            labels = initialize["components"].get(name, {}).get("labels")
            given = None if labels is None else list(labels)
            tallies.append(make(Component(name, pipe, given)))
            found.append(name)
        elif assigns != EMBEDDING:
            others.append(name)
    topic.facts = {"looked_at": found, "not_looked_at": others, "frozen": frozen}
    if found:
        topic.add("info", f"Annotation is looked at for {join_names(found)}")
    if others:
        topic.add(
            "info",
            f"Annotation for {join_names(others)} isn't looked at here; see "
            f"python -m spacy debug data",
        )
    if frozen:
        topic.add("info", f"Frozen, and not looked at: {join_names(frozen)}")
    if not found and not others:
        topic.add("fail", f"No component learns anything: {join_names(nlp.pipe_names)}")
    return tallies, topic


def read(examples: Iterable[Example], tallies: Sequence[Tally], limit: int) -> None:
    """Let tallies count examples, with a bar for what takes long."""
    shown = tqdm(
        islice(examples, limit or None), unit="doc", delay=2, leave=False, disable=None
    )
    for example in shown:
        key = key_of(example.reference)
        for tally in tallies:
            tally.add(example, key)
