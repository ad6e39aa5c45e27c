"""The worst mistakes: wrong predictions of which a component was sure."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from spacy.language import Language
from spacy.pipeline import Morphologizer
from spacy.tokens import Doc
from spacy.training import Example

from spacy_rnn.cli.reporting.facts import Mistake
from spacy_rnn.cli.reporting.view import Prediction, View
from spacy_rnn.explain.explanation import (
    explain_batch,
    is_explained,
    minibatch_by_tokens,
)
from spacy_rnn.explain.targets import find_targets
from spacy_rnn.visual.tokens import direction_of

MOST = 12  # mistakes of a component
MOST_OF_A_KIND = 3  # of those with the same labels
BEFORE, AFTER = 40, 80  # tokens of the text around a mistake


class Wrong(NamedTuple):
    """Something that is wrong.

    Attributes:
        certainty: How sure the component is of it, in [0, 1], or NaN.
        document: The number of the document.
        label: The label that was predicted, or is missing.
        is_missing: Whether it is missing.
        about: Its confidence, and its tokens.
        true: The labels that there are in its place.
    """

    certainty: float
    document: int
    label: str
    is_missing: bool
    about: Prediction
    true: tuple[str, ...]


def find_mistakes(
    view: View,
    nlp: Language,
    examples: Sequence[Example],
    labels: Collection[str] | None = None,
) -> list[Mistake]:
    """Find the worst mistakes, with what contributed to them.

    Args:
        view: What a component said.
        nlp: Its pipeline.
        examples: The documents.
        labels: The only labels that are looked at, None for all.
    """
    chosen = choose(view, examples, labels)
    pipe: Any = nlp.get_pipe(view.component)
    contributions: dict[Wrong, np.ndarray] = {}
    if is_explained(pipe):
        contributions = explain_mistakes(view, nlp, examples, chosen)
    return [
        show(each, examples[each.document].predicted, contributions.get(each))
        for each in chosen
    ]


def choose(
    view: View, examples: Sequence[Example], labels: Collection[str] | None
) -> list[Wrong]:
    """Choose the worst mistakes, one of a document, and a few of a kind."""
    found = [
        each
        for each in find_wrong(view, examples)
        if labels is None or each.label in labels or set(each.true) & set(labels)
    ]
    found.sort(key=lambda each: -np.nan_to_num(each.certainty, nan=-1.0))
    kinds, docs, chosen = Counter[Any](), set[int](), list[Wrong]()
    for each in found:
        kind = (each.label, each.is_missing, each.true)
        is_enough = each.is_missing and kinds[True] == MOST // 2
        is_known = kinds[kind] == MOST_OF_A_KIND and len(view.labels) > 1
        if each.document in docs or is_known or is_enough:
            continue
        docs.add(each.document)
        kinds.update([kind, each.is_missing])
        chosen.append(each)
        if len(chosen) == MOST:
            break
    return chosen


def find_wrong(view: View, examples: Sequence[Example]) -> Iterator[Wrong]:
    """Yield all predictions that are wrong, and labels of documents that are missing.

    The latter where any number of them may be right: else another one is wrong.
    """
    for i, (true, predicted) in enumerate(zip(view.true, view.predicted, strict=True)):
        at = defaultdict(list)
        for place, label in true:
            at[place].append(label)
        for claim, about in predicted.items():
            if claim not in true:
                labels = tuple(sorted(at[claim[0]]))
                yield Wrong(about.confidence, i, claim[1], False, about, labels)
        if view.scores is None or view.exclusive:
            continue
        length = len(examples[i].predicted)
        for place, label in true - predicted.keys():
            p = float(view.scores[0][i, list(view.labels).index(label)])
            about = Prediction(p, 0, length)
            yield Wrong(1.0 - p, i, label, True, about, tuple(sorted(at[place])))


def explain_mistakes(
    view: View, nlp: Language, examples: Sequence[Example], chosen: Sequence[Wrong]
) -> dict[Wrong, np.ndarray]:
    """Find what tokens contribute to predictions, and to nothing else of a document."""
    pipe: Any = nlp.get_pipe(view.component)
    rows = []
    for i, each in enumerate(chosen):
        doc = examples[each.document].predicted
        label = find_label(pipe, each, doc)
        labels = [label] if label in pipe.labels else None
        for target in find_targets(pipe, [doc], labels)[0] if len(doc) else ():
            if (target.start, target.end) == each.about[1:]:
                rows.append((i, doc, target))
    found = {}
    for batch in minibatch_by_tokens(rows):
        explained = explain_batch(nlp, view.component, batch)
        for (i, _, _), one in zip(batch, explained, strict=True):
            found[chosen[i]] = one.contributions
    return found


def find_label(pipe: Any, wrong: Wrong, doc: Doc) -> str:
    """Return the label of a component's model: a morphologizer's are of two kinds."""
    if not isinstance(pipe, Morphologizer):
        return wrong.label
    token = doc[wrong.about.start]
    morphs, tags = pipe.cfg["labels_morph"], pipe.cfg["labels_pos"]
    return next(
        (
            label
            for label in pipe.labels
            if (tags[label], morphs[label]) == (token.pos, str(token.morph))
        ),
        pipe.labels[0],
    )


def show(wrong: Wrong, doc: Doc, contributions: np.ndarray | None) -> Mistake:
    """Cut out the text around a mistake."""
    start, end = wrong.about.start, wrong.about.end
    first = max(0, start - BEFORE)
    last = min(len(doc), start + BEFORE + AFTER if end - start > AFTER else end + AFTER)
    tokens = doc[first:last]
    sure = wrong.about.confidence
    return Mistake(
        document=wrong.document,
        predicted=wrong.label,
        is_missing=wrong.is_missing,
        true=list(wrong.true),
        confidence=None if sure != sure else sure,
        tokens=[token.text for token in tokens],
        spaces=[token.whitespace_ for token in tokens],
        start=start - first,
        end=min(end, last) - first,
        contributions=None
        if contributions is None
        else [round(v, 4) for v in contributions[first:last].tolist()],
        is_cut=(first > 0, last < len(doc)),
        lang=doc.lang_,
        direction=direction_of(doc),
    )
