"""Explanations of predictions, aligned with the tokens of a document."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline.tok2vec import Tok2VecListener
from spacy.tokens import Doc, Span
from spacy.training.batchers import minibatch_by_words
from thinc.api import Model

from spacy_rnn.checks import list_names
from spacy_rnn.explain.targets import Target, find_targets, score_targets
from spacy_rnn.pipeline.listening import find_upstream

Row = tuple[int, Doc, Target]  # a prediction of the document with this number
BATCH = 20_000  # tokens of the documents that are gone through at once


@dataclass
class Explanation:
    """What the tokens of a document contribute to a prediction.

    Scores are log odds: a score of 0 is a probability of one half, and a contribution
    of 0.7 doubles the odds.

    Attributes:
        doc: The document.
        component: Name of the component that predicts it.
        label: What is predicted: a category, a tag, the label of an entity, or the key
            of a summary's spans.
        start: The first token that it is predicted of.
        end: The token after the last one.
        score: Log odds of the prediction.
        baseline: The same for a document of as many tokens of which nothing is known.
        contributions: What each token adds, `score` less `baseline` in all, up to a
            `residual`. Shape (tokens,).
        attention: The weights of attention where there is any: of "words", shape
            (tokens,), summing to 1 over the document, or over each of its sentences
            where these have weights too; of "sentences", shape (sentences,).
    """

    doc: Doc
    component: str
    label: str
    start: int
    end: int
    score: float
    baseline: float
    contributions: np.ndarray
    attention: dict[str, np.ndarray]

    @property
    def span(self) -> Span:
        """What is predicted of: the document, a token, an entity or a sentence."""
        return Span(self.doc, self.start, self.end, label=self.label)

    @property
    def residual(self) -> float:
        """What contributions lack, in log odds, or have too much."""
        return self.score - self.baseline - float(self.contributions.sum())

    @property
    def probability(self) -> float:
        """The probability of the prediction, in [0, 1], before any calibration."""
        return float(0.5 * (1.0 + np.tanh(0.5 * self.score)))


def explain(
    nlp: Language,
    texts: Iterable[str | Doc],
    *,
    component: str | None = None,
    labels: Sequence[str] | None = None,
    extension: str | None = None,
) -> list[list[Explanation]]:
    """Explain what a component predicts (Sundararajan et al., 2017).

    Contributions are integrated gradients, from a document of unknown words to the
    document, through the encoder and everything behind it. A bag of n-grams beside the
    network contributes, too.

    Args:
        nlp: The pipeline.
        texts: Texts, or documents that the pipeline has processed.
        component: Name of the component, of which the pipeline's last one is taken
            that can be explained.
        labels: What to explain: of a classifier these categories, whether predicted or
            not; of taggers and entity recognizers, the predictions with these labels.
            If None, what is predicted.
        extension: Name of an extension attribute that is set to a document's
            explanations.

    Returns:
        For each text its explanations: of a classifier in the order of its labels, of
        others in the order of the text.

    Raises:
        TypeError: If it is one text or document, instead of several.
        ValueError: If there is no such component, its model can't be explained, or a
            label is unknown to it.
    """
    if isinstance(texts, str | Doc):
        raise TypeError("Expected texts or documents, but got one; put it in a list")
    name = find_component(nlp) if component is None else component
    if name not in nlp.pipe_names:
        raise ValueError(
            f"The pipeline has no component {name!r}. It has {nlp.pipe_names}."
        )
    pipe: Any = nlp.get_pipe(name)
    if not is_explained(pipe):
        raise ValueError(
            f"The model of {name!r} can't be explained. Models that can are those of "
            f"spacy-rnn's architectures for texts, tags, entities and summaries."
        )
    unknown = sorted(set(labels or ()) - set(pipe.labels))
    if unknown and not pipe.labels:
        raise ValueError(f"{name!r} has no labels by which to choose what to explain.")
    if unknown:
        raise ValueError(
            f"{name!r} doesn't know the labels {unknown}. It knows "
            f"{list_names(sorted(pipe.labels), unknown[0])}."
        )
    docs = [text if isinstance(text, Doc) else nlp(text) for text in texts]
    per_doc = find_targets(pipe, docs, labels)
    rows = [
        (i, doc, target)
        for i, (doc, targets) in enumerate(zip(docs, per_doc, strict=True))
        for target in targets
        if len(doc)
    ]
    by_doc: list[list[Explanation]] = [[] for _ in docs]
    for batch in minibatch_by_tokens(rows):
        for (i, _, _), each in zip(batch, explain_batch(nlp, name, batch), strict=True):
            by_doc[i].append(each)
    if extension is not None:
        if not Doc.has_extension(extension):
            Doc.set_extension(extension, default=None)
        for doc, explanations in zip(docs, by_doc, strict=True):
            doc._.set(extension, explanations)
    return by_doc


def explain_batch(
    nlp: Language, name: str, rows: Sequence[Row]
) -> Iterator[Explanation]:
    """Explain some predictions of a component, in their order."""
    pipe: Any = nlp.get_pipe(name)
    _, docs, targets = zip(*rows, strict=True)

    def log_odds(scores: Any, which: Sequence[int]) -> tuple[np.ndarray, Any]:
        return score_targets(pipe, scores, [rows[i][1:] for i in which])

    found = pipe.model.attrs["explain"](without_listeners(nlp, pipe), docs, log_odds)
    for doc, target, each in zip(docs, targets, found, strict=True):
        yield Explanation(
            doc=doc,
            component=name,
            label=target.label,
            start=target.start,
            end=target.end,
            score=float(each.score),
            baseline=float(each.baseline),
            contributions=each.tokens,
            attention=each.attention,
        )


def minibatch_by_tokens(rows: Iterable[Row]) -> Iterable[list[Row]]:
    """Part predictions into batches of so many tokens, any longer one by itself."""
    return minibatch_by_words(
        rows, BATCH, tolerance=0.0, get_length=lambda row: len(row[1])
    )


def without_listeners(nlp: Language, pipe: Any) -> Model:
    """Copy a component's model, with the models of components that it listens to."""
    model = copy_with_names(pipe.model)
    pairs = zip(list(pipe.model.walk()), list(model.walk()), strict=True)
    for node, twin in pairs:
        if isinstance(node, Tok2VecListener):
            upstream = find_upstream(nlp, pipe.name, node)
            if upstream is None:
                raise ValueError(
                    f"The component {node.upstream_name!r}, which the model listens "
                    f"to, is not in the pipeline"
                )
            model.replace_node(twin, copy_with_names(upstream))
    return model


def copy_with_names(model: Model) -> Model:
    """Copy a model, and what its layers call others, which `Model.copy` leaves out."""
    copied = model.copy()
    nodes, twins = list(model.walk()), list(copied.walk())
    twin_of = {id(node): twin for node, twin in zip(nodes, twins, strict=True)}
    for node, twin in zip(nodes, twins, strict=True):
        for name in node.ref_names:
            named = node.maybe_get_ref(name)
            twin.set_ref(name, None if named is None else twin_of[id(named)])
    return copied


def find_component(nlp: Language) -> str:
    """Find the last component whose model can be explained."""
    for name, pipe in reversed(nlp.pipeline):
        if is_explained(pipe):
            return name
    raise ValueError(
        f"The pipeline has no component that can be explained. It has {nlp.pipe_names}."
    )


def is_explained(pipe: Any) -> bool:
    return "explain" in getattr(getattr(pipe, "model", None), "attrs", {})
