"""The labels of entities: found in examples, and such as can be."""

import warnings
from collections.abc import Iterable

from spacy.training import Example
from thinc.api import Model

from spacy_rnn.alignment import same_tokens
from spacy_rnn.pipeline.entity_gold import excerpt, gold_spans


def find_labels(examples: Iterable[Example], spans_key: str | None) -> dict[str, str]:
    """Find the labels of all entities, each with the beginning of a text that has it.

    Warns once if there are entities that don't begin and end where tokens do.

    Args:
        examples: The examples.
        spans_key: The group that holds the entities, None if `doc.ents` does.

    Raises:
        ValueError: If entities overlap.
    """
    labels: dict[str, str] = {}
    n_crossing, first = 0, ""
    for example in examples:
        text = excerpt(example.reference)
        spans = gold_spans(example.reference, spans_key)
        for span in spans:
            labels.setdefault(span.label_, text)
        for span in [] if same_tokens(example) else spans:
            if not example.get_aligned_spans_y2x([span]):
                first = first or f"{span.text!r} in the document {text}"
                n_crossing += 1
    if n_crossing:
        warnings.warn(
            f"There are entities that don't begin and end where predicted tokens do, "
            f"and count as missing: {n_crossing} in all, first {first}",
            stacklevel=2,
        )
    return labels


def check_label(label: str, place: str = "") -> None:
    """Raise a ValueError for what can't be the label of an entity."""
    if not isinstance(label, str) or not label:
        raise ValueError(f"A label has to be a string, and not empty, but is {label!r}")
    if label[:2] in ("B-", "I-", "L-", "U-"):
        raise ValueError(
            f"The label {label!r}{place} begins as a tag does. Labels have to be of "
            f"whole entities, as {label[2:]!r}"
        )


def count_outputs(model: Model) -> int | None:
    """Return how many tags a model scores, None if that is open."""
    layer = model.get_ref("output_layer") if model.has_ref("output_layer") else model
    return layer.maybe_get_dim("nO")
