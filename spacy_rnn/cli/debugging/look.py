"""Look at the data of a config, in one pass over each corpus."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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

from spacy_rnn.cli.debugging.categories import CategoryTally
from spacy_rnn.cli.debugging.documents import DocumentTally
from spacy_rnn.cli.debugging.entities import EntityTally
from spacy_rnn.cli.debugging.spans import SpanTally
from spacy_rnn.cli.debugging.summaries import SummaryTally
from spacy_rnn.cli.debugging.tags import TagTally
from spacy_rnn.cli.debugging.topics import Component, Tally, Topic, key_of
from spacy_rnn.cli.debugging.words import WordTally
from spacy_rnn.cli.progress import progress
from spacy_rnn.corpora.files.rows import join_names
from spacy_rnn.training.settings import check_settings

MakeTally = Callable[[Component], Tally]
# What counts the annotation that a component assigns; the first that fits is taken.
TALLIES: Mapping[str, MakeTally] = {
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
    components = list(list_components(nlp, config))
    train: list[Tally] = [DocumentTally(), WordTally(nlp.vocab)]
    train += [make(component) for component, make in components if make is not None]
    read(corpora[0](nlp), train, limit)
    dev = [tally.follow() for tally in train]
    read(corpora[1](nlp), dev, limit)
    pairs = zip(train, dev, strict=True)
    documents, *others = (before.describe(after) for before, after in pairs)
    for part, texts in zip(("train", "dev"), reports, strict=True):
        documents.facts[part]["left_out"] = texts
        for text in texts:
            documents.warn(f"{part.capitalize()}: {text}")
    return [describe_pipeline(nlp, config, components), documents, *others]


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


def list_components(
    nlp: Language, config: Mapping[str, Any]
) -> Iterator[tuple[Component, MakeTally | None]]:
    """Yield each component that learns, and what counts its annotation, if any does."""
    initialize = registry.resolve(config["initialize"], schema=ConfigSchemaInit)
    pipeline: Any = nlp.pipeline
    for name, pipe in pipeline:
        is_frozen = name in config["training"]["frozen_components"]
        is_trainable = getattr(pipe, "is_trainable", False)  # no plain function is
        assigns = nlp.get_pipe_meta(name).assigns
        if is_frozen or not is_trainable or assigns == EMBEDDING:
            continue
        labels = initialize["components"].get(name, {}).get("labels")
        given = None if labels is None else list(labels)
        make = next((TALLIES[each] for each in TALLIES if each in assigns), None)
        yield Component(name, pipe, given), make


def describe_pipeline(
    nlp: Language,
    config: Mapping[str, Any],
    components: Iterable[tuple[Component, MakeTally | None]],
) -> Topic:
    """Say which components are looked at."""
    names: dict[bool, list[str]] = {True: [], False: []}
    for component, make in components:
        names[make is not None].append(component.name)
    frozen = list(config["training"]["frozen_components"])
    facts = {"looked_at": names[True], "not_looked_at": names[False], "frozen": frozen}
    topic = Topic("Pipeline", facts)
    if names[True]:
        topic.info(f"Annotation is looked at for {join_names(names[True])}")
    if names[False]:
        topic.info(
            f"Annotation for {join_names(names[False])} isn't looked at here; see "
            f"python -m spacy debug data"
        )
    if frozen:
        topic.info(f"Frozen, and not looked at: {join_names(frozen)}")
    if not names[True] and not names[False]:
        topic.fail(f"No component learns anything: {join_names(nlp.pipe_names)}")
    return topic


def read(examples: Iterable[Example], tallies: Sequence[Tally], limit: int) -> None:
    """Let tallies count examples, with a bar for what takes long."""
    for example in progress(islice(examples, limit or None)):
        key = key_of(example.reference)
        for tally in tallies:
            tally.add(example, key)
