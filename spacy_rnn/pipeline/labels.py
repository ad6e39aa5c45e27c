"""The labels of examples: known, counted, weighed."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Model

from spacy_rnn.checks import SHOWN, check_not_negative, list_names
from spacy_rnn.losses import balanced_classes, balanced_labels
from spacy_rnn.pipeline.thresholds import check_thresholds

ClassWeights = Literal["balanced"] | dict[str, float] | None
UNKNOWN = ".* doesn't know (any|some) of the labels"  # how such messages begin


def check_class_weights(class_weights: ClassWeights) -> None:
    """Raise a ValueError for weights that can't be."""
    if class_weights is None or class_weights == "balanced":
        return
    if not isinstance(class_weights, dict):
        raise ValueError(
            f'class_weights has to be null, "balanced" or a mapping of label to '
            f"weight, but it is {class_weights!r}"
        )
    for label, weight in class_weights.items():
        check_not_negative(f"The class weight of {label!r}", weight)


def learn_class_weights(
    class_weights: ClassWeights,
    get_examples: Callable[[], Iterable[Example]],
    labels: Sequence[str],
    *,
    exclusive: bool,
) -> dict[str, float]:
    """Find what documents of each label count; 1 for a label that isn't named.

    Raises:
        ValueError: If the weights name labels that there aren't, or nothing counts.
    """
    if class_weights == "balanced":
        counts = count_labels(get_examples(), labels)
        return balanced_classes(counts) if exclusive else balanced_labels(counts)
    weights = dict(class_weights or {})
    unknown = weights.keys() - set(labels)
    if unknown:
        raise ValueError(
            f"class_weights names labels that the data doesn't have: "
            f"{list_names(sorted(unknown))}. The labels are "
            f"{list_names(sorted(labels))}."
        )
    if not any(weights.get(label, 1.0) for label in labels):
        raise ValueError(
            f"class_weights is 0 for each of the labels {list_names(sorted(labels))}, "
            f"so there would be nothing to learn. One at least has to be above 0."
        )
    return weights


def find_categories(
    pipe: Any,
    get_examples: Callable[[], Iterable[Example]],
    labels: Iterable[str] | None,
) -> None:
    """Add all labels of a classifier, and find the weights of their documents.

    Args:
        pipe: The component.
        get_examples: Returns examples.
        labels: The labels, others are ignored; None for those of the examples.

    Raises:
        ValueError: If there are too few, or the weights don't fit them.
    """
    given = labels is not None
    if labels is None:
        cats = (example.reference.cats for example in get_examples())
        labels = dict.fromkeys(label for each in cats for label in each)
    for label in labels:
        pipe.add_label(label)
    if given:
        ignore_others(pipe, get_examples())
    check_enough(pipe.name, pipe.labels, "doc.cats", 2 if pipe.exclusive else 1)
    check_thresholds(pipe.cfg["thresholds"], pipe.labels, exclusive=pipe.exclusive)
    pipe.cfg["label_weights"] = learn_class_weights(
        pipe.cfg["class_weights"], get_examples, pipe.labels, exclusive=pipe.exclusive
    )


def true_labels(doc: Doc) -> list[str]:
    """List the labels that a document has."""
    return [label for label, value in doc.cats.items() if value]


def count_gold(pipe: Any, examples: Iterable[Example]) -> Counter[str]:
    """Count the labels that a component would learn, whether it knows them or not."""
    counts: Counter[str] = Counter()
    for example in examples:
        counts.update(pipe.gold_labels(example.reference))
    return counts


def unknown_labels(nlp: Language, examples: Iterable[Example]) -> dict[str, str]:
    """Find gold labels that the components of a pipeline don't know.

    What a component predicts is never one of them, so they count as mistakes of it. It
    is worth knowing before training that those of the dev data are such.

    Args:
        nlp: The pipeline, initialized.
        examples: The examples.

    Returns:
        By component, a sentence that names them and how often there are.
    """
    examples = list(examples)
    pipeline: Any = nlp.pipeline
    found = {
        name: describe_unknown(pipe, examples)
        for name, pipe in pipeline
        if hasattr(pipe, "gold_labels") and pipe.labels
    }
    return {name: text for name, text in found.items() if text}


def describe_unknown(pipe: Any, examples: Iterable[Example]) -> str:
    """Name gold labels that a component doesn't know; nothing if there are none."""
    counts, known = count_gold(pipe, examples), set(pipe.labels)
    unknown = Counter({label: n for label, n in counts.items() if label not in known})
    if not unknown or pipe.cfg.get("labels_given"):
        return ""
    which = "any" if known.isdisjoint(counts) else "some"
    return (
        f"'{pipe.name}' doesn't know {which} of the labels in the data: "
        f"{list_counts(unknown)}. It knows {list_names(sorted(known))}."
    )


def score(
    self: TrainablePipe, examples: Iterable[Example], **settings: Any
) -> dict[str, Any]:
    """Score a batch of examples with the component's scorer.

    Warns of gold labels that the component doesn't know.
    """
    examples = list(examples)
    if self.labels:
        text = describe_unknown(self, examples)
        if text:
            # Always the same words, so that Python shows them once.
            warnings.warn(text, stacklevel=2)
    return TrainablePipe.score(self, examples, **settings)


def ignore_others(pipe: Any, examples: Iterable[Example]) -> None:
    """Let a component overlook labels other than those it was given, and name them."""
    pipe.cfg["labels_given"] = True
    counts = count_gold(pipe, examples)
    for label in pipe.labels:
        counts.pop(label, None)
    if counts:
        warnings.warn(
            f"'{pipe.name}' ignores the labels that aren't among those it was given: "
            f"{list_counts(counts)}. It was given {list_names(sorted(pipe.labels))}.",
            stacklevel=3,
        )


def list_counts(counts: Counter[str]) -> str:
    """Name labels and how often there are, the most frequent ones first."""
    listed = [f"{label!r} ({count})" for label, count in counts.most_common(SHOWN)]
    more = len(counts) - len(listed)
    return ", ".join(listed) + (f" and {more} more" if more else "")


def check_enough(name: str, labels: Sequence[str], place: str, at_least: int) -> None:
    """Raise a ValueError if there is nothing to choose between.

    Args:
        name: Name of the component.
        labels: All its labels.
        place: Where labels are looked for.
        at_least: How many labels there have to be.
    """
    if len(labels) >= at_least:
        return
    found = f"no label but {labels[0]!r}" if labels else "no labels"
    raise ValueError(
        f"'{name}' has {found}, and needs {at_least} or more: that is all that the "
        f"examples have in {place}. Does the reader look for labels in the right "
        f"column or key? If the data lacks some, name all labels in "
        f"[initialize.components.{name}]."
    )


def check_known(examples: Iterable[Example], labels: Sequence[str]) -> None:
    """Raise a ValueError if a document has a label that isn't one of these."""
    for example in examples:
        for label in true_labels(example.reference):
            if label not in labels:
                raise ValueError(
                    f"The document {example.reference.text[:60]!r} has the label "
                    f"{label!r}, which the model doesn't know. It knows "
                    f"{list_names(sorted(labels), label)}."
                )


def read_categories(
    examples: Sequence[Example], labels: Sequence[str]
) -> tuple[np.ndarray, bool]:
    """Read the categories of a batch, each document's once.

    Returns:
        The value of each label, NaN where a document doesn't say, shape (B, K); and
        whether all that the documents say is in it, and is 0 or 1.
    """
    cats = [example.reference.cats for example in examples]
    rows = [list(map(each.get, labels)) for each in cats]
    values = np.array(rows, dtype="f").reshape(len(cats), len(labels))
    n_plain = np.count_nonzero((values == 0.0) | (values == 1.0))
    return values, n_plain == sum(map(len, cats))


def count_labels(
    examples: Iterable[Example], labels: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Count for each label the documents that have it, and those that don't."""
    have: Counter[str] = Counter()
    lack: Counter[str] = Counter()
    for example in examples:
        for label, value in example.reference.cats.items():
            (have if value else lack)[label] += 1
    return {label: (have[label], lack[label]) for label in labels}


def count_outputs(model: Model) -> int | None:
    """Return how many labels or tags a model scores, None if that is open."""
    layer = model.get_ref("output_layer") if model.has_ref("output_layer") else model
    return layer.maybe_get_dim("nO")


def make_room(name: str, models: Iterable[Model | None], n_outputs: int) -> None:
    """Let models score more, if they can't score so many. The other scores stay.

    Raises:
        ValueError: If one can't get more.
    """
    for model in filter(None, models):
        nO = count_outputs(model)
        if nO is None or nO >= n_outputs:
            continue
        if "resize_output" not in model.attrs:
            raise ValueError(
                f"The model of '{name}' has {nO} outputs, and can't get more, so no "
                f"label can be added"
            )
        model.attrs["resize_output"](model, n_outputs)
