"""Look at the data of a config, in one pass over each corpus."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from spacy import registry
from spacy.language import Language
from spacy.schemas import ConfigSchemaInit
from spacy.training import Example
from spacy.util import load_config, load_model_from_config, resolve_dot_names
from thinc.api import Config
from tqdm import tqdm

from spacy_rnn.cli.debugging.categories import CategoryTally
from spacy_rnn.cli.debugging.documents import DocumentTally
from spacy_rnn.cli.debugging.entities import EntityTally
from spacy_rnn.cli.debugging.spans import SpanTally
from spacy_rnn.cli.debugging.summaries import SummaryTally
from spacy_rnn.cli.debugging.tags import TagTally
from spacy_rnn.cli.debugging.topics import Tally, Topic, key_of
from spacy_rnn.cli.debugging.words import WordTally
from spacy_rnn.training.settings import check_settings

MakeTally = Callable[[str, Any, list[str] | None], Tally]
# What looks at the annotation that a component assigns; the first one that fits.
TALLIES: Mapping[str, MakeTally] = {
    "doc.cats": CategoryTally,
    "doc._.summary": SummaryTally,
    "doc.ents": EntityTally,
    "doc.spans": SpanTally,
    "token.tag": TagTally,
    "token.morph": TagTally,
}


def look_at(
    config_path: Path, *, overrides: Mapping[str, Any], limit: int = 0
) -> list[Topic]:
    """Read the corpora of a config, and say what is found in them.

    Args:
        config_path: The config.
        overrides: Settings of it by their place.
        limit: Documents to read of each corpus, 0 for all.

    Raises:
        ValueError: If a corpus can't be read, or no component trains.
    """
    config = load_config(config_path, overrides=dict(overrides), interpolate=False)
    check_settings(config.interpolate())
    nlp = load_model_from_config(config, auto_fill=True)
    config = nlp.config.interpolate()
    training = config["training"]
    names = [training["train_corpus"], training["dev_corpus"]]
    train, dev = open_corpora(config, names)
    if training["max_epochs"] < 0 and not limit:
        raise ValueError(
            "with max_epochs = -1 the training data may have no end; say by --limit "
            "how many documents to look at"
        )
    makers = list(choose_tallies(nlp, config))
    documents = DocumentTally()
    train_tallies: list[Tally] = [
        documents,
        WordTally(nlp.vocab),
        *(make() for make in makers),
    ]
    dev_tallies: list[Tally] = [
        DocumentTally(documents),
        WordTally(nlp.vocab),
        *(make() for make in makers),
    ]
    read(train(nlp), train_tallies, limit)
    read(dev(nlp), dev_tallies, limit)
    pairs: Any = zip(train_tallies, dev_tallies, strict=True)
    return [train_tally.describe(dev_tally) for train_tally, dev_tally in pairs]


def open_corpora(config: Config, names: list[str | None]) -> list[Any]:
    """Make the readers, for one pass over what is there, as it is there."""
    for corpus in config["corpora"].values():
        for setting, value in (("augmenter", None), ("keep", False)):
            if setting in corpus:
                corpus[setting] = value
    return list(resolve_dot_names(config, names))


def choose_tallies(
    nlp: Language, config: Mapping[str, Any]
) -> Iterator[Callable[[], Tally]]:
    """Yield for each component that trains what makes its tallies."""
    initialize = registry.resolve(config["initialize"], schema=ConfigSchemaInit)
    pipeline: Any = nlp.pipeline
    for name, pipe in pipeline:
        if name in config["training"]["frozen_components"] or not pipe.is_trainable:
            continue
        assigns = nlp.get_pipe_meta(name).assigns
        make = next((TALLIES[each] for each in TALLIES if each in assigns), None)
        labels = initialize["components"].get(name, {}).get("labels")
        given = None if labels is None else list(labels)
        if make is not None:
            yield partial(make, name, pipe, given)


def read(examples: Iterable[Example], tallies: list[Tally], limit: int) -> None:
    """Let tallies count examples, with a bar for what takes long."""
    shown = tqdm(
        islice(examples, limit or None), unit="doc", delay=2, leave=False, disable=None
    )
    for example in shown:
        key = key_of(example.reference)
        for tally in tallies:
            tally.add(example, key)
