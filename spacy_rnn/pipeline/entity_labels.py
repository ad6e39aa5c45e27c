"""The labels of entities: found in examples, and such as can be."""

import warnings
from collections.abc import Iterable, Iterator

from spacy.tokens import Span
from spacy.training import Example
from thinc.api import Model

from spacy_rnn.alignment import same_tokens
from spacy_rnn.pipeline.entity_gold import align_spans, excerpt, gold_spans
from spacy_rnn.pipeline.labels import count_outputs

CROSSING = "don't begin and end where predicted tokens do, and count as missing"
BLANK = "begin or end with white space, and are learned without it"
DIVIDED = "go on in another sentence, and aren't predicted where its start is known"


def find_labels(examples: Iterable[Example], spans_key: str | None) -> dict[str, str]:
    """Find the labels of all entities, each with the beginning of a text that has it.

    Warns once of each kind of entities that aren't learned as they are.

    Args:
        examples: The examples.
        spans_key: The group that holds the entities, None if `doc.ents` does.

    Raises:
        ValueError: If entities overlap.
    """
    found: dict[str, str] = {}
    problems: dict[str, list[str]] = {}  # of each kind the entities that have it
    for example in examples:
        text, same = excerpt(example.reference), same_tokens([example]).all()
        for span in gold_spans(example.reference, spans_key):
            found.setdefault(span.label_, text)
            for problem in find_problems(span, None if same else example):
                where = f"{span.text!r} in the document {text}"
                problems.setdefault(problem, []).append(where)
    for problem, entities in problems.items():
        warnings.warn(
            f"There are entities that {problem}: {len(entities)} in all, first "
            f"{entities[0]}",
            stacklevel=2,
        )
    return found


def find_problems(span: Span, example: Example | None) -> Iterator[str]:
    """Yield what keeps an entity from being learned as it is.

    Args:
        span: The entity in the reference.
        example: What aligns it, None where prediction and reference have equal tokens.
    """
    if example is not None and not align_spans(example, [span]):
        yield CROSSING
    if span[0].is_space or span[-1].is_space:
        yield BLANK
    if any(token.is_sent_start for token in span if token.i > span.start):
        yield DIVIDED


def check_label(label: str, place: str = "") -> None:
    """Raise a ValueError for what can't be the label of an entity."""
    if not isinstance(label, str) or not label:
        raise ValueError(f"A label has to be a string, and not empty, but is {label!r}")
    if label[:2] in ("B-", "I-", "L-", "U-"):
        raise ValueError(
            f"The label {label!r}{place} begins as a tag does. Labels have to be of "
            f"whole entities, as {label[2:]!r}"
        )


def check_outputs(
    name: str, model: Model, n_labels: int, n_tags: int, spans_key: str | None
) -> None:
    """Raise a ValueError if there are no labels, or the model is for other ones."""
    if not n_labels:
        place = "doc.ents" if spans_key is None else f"doc.spans[{spans_key!r}]"
        raise ValueError(
            f"'{name}' has no labels, since the examples have no entities in {place}. "
            f"If they are elsewhere, set annotate_ents and spans_key; if there are "
            f"none yet, name the labels in [initialize.components.{name}] or call "
            f"add_label."
        )
    nO = count_outputs(model)
    if nO not in (None, n_tags):
        raise ValueError(
            f"The model of '{name}' has to have as many outputs as there are tags, "
            f"{n_tags}, but nO is {nO}"
        )
