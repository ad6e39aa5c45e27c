"""Bars for what takes long, which are gone afterwards."""

from collections.abc import Iterable, Sequence
from typing import Any

from spacy.language import Language
from spacy.training import Example
from tqdm import tqdm


def progress(
    items: Iterable[Any],
    name: str | None = None,
    unit: str = "doc",
    total: int | None = None,
) -> Any:
    """Show how many of some items have been taken, of so many if they can't tell."""
    return tqdm(items, name, total, unit=unit, delay=2, leave=False, disable=None)


def predict(
    nlp: Language, examples: Sequence[Example], name: str | None = None
) -> None:
    """Let a pipeline process the documents of examples, under a bar with a name."""
    docs = nlp.pipe([example.predicted for example in examples])
    for example, doc in zip(progress(examples, name), docs, strict=True):
        example.predicted = doc
