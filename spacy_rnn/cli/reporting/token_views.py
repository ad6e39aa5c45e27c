"""How taggers and morphologizers are looked at."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.morphology import Morphology
from spacy.pipeline import Morphologizer, Tagger
from spacy.tokens import Token
from spacy.training import Example
from thinc.util import to_numpy

from spacy_rnn.alignment import same_tokens
from spacy_rnn.cli.reporting.view import Claims, Prediction, Statistic, View, gather
from spacy_rnn.explain.explanation import without_listeners
from spacy_rnn.metrics.tally import Claim, precision_recall_f1, tally
from spacy_rnn.tags.scores import are_probabilities

BATCH = 256  # documents


def view_tags(pipe: Tagger, nlp: Language, examples: Sequence[Example]) -> list[View]:
    confidences = find_confidences(pipe, nlp, examples)
    return [view_tokens(pipe, "tag", lambda token: token.tag_, examples, confidences)]


def view_morphology(
    pipe: Morphologizer, nlp: Language, examples: Sequence[Example]
) -> list[View]:
    confidences = find_confidences(pipe, nlp, examples)
    pos = view_tokens(pipe, "pos", lambda token: token.pos_, examples, confidences)
    whole = view_tokens(pipe, "morph", find_features, examples, confidences)
    features = split_features(whole)
    if not whole.has_gold():
        return [pos]
    counts = tally(whole.labels, whole.true, whole.predicted).columns()
    total = counts.reshape(len(examples), 3, -1).sum(axis=2)
    features.statistics.append(
        Statistic(
            ("morph_acc",),
            ("Accuracy, all features",),
            total,
            lambda sums: precision_recall_f1(*sums.T)[2][:, None],
        )
    )
    return [pos, features]


def view_tokens(
    pipe: Any,
    prefix: str,
    getter: Callable[[Token], str | None],
    examples: Sequence[Example],
    confidences: Sequence[np.ndarray],
) -> View:
    """Look at an attribute of tokens, as `Scorer.score_token_attr` does."""
    pairs = zip(examples, confidences, strict=True)
    rows = [claim_tokens(example, getter, sure) for example, sure in pairs]
    return gather(pipe.name, f"token.{prefix}", "tokens", prefix, rows)


def claim_tokens(
    example: Example, getter: Callable[[Token], str | None], sure: np.ndarray
) -> Claims:
    """Say what tokens have, at their places in the reference."""
    gold = {token.i: value for token in example.reference if (value := getter(token))}
    found: dict[Claim, Prediction] = {}
    for token, place in zip(example.predicted, find_places(example), strict=True):
        if place in gold and not token.is_space:
            prediction = Prediction(float(sure[token.i]), token.i, token.i + 1)
            found[place, getter(token) or ""] = prediction
    return set(gold.items()), found


def find_places(example: Example) -> list[int]:
    """Say which token of the reference each one is; -1 if it isn't one."""
    if same_tokens([example]).all():
        return list(range(len(example.predicted)))
    places = example.alignment.x2y
    return [
        int(places[i][0]) if length == 1 else -1
        for i, length in enumerate(places.lengths)
    ]


def find_features(token: Token) -> str | None:
    """Return the features of a token, None if it is unknown whether it has any."""
    return str(token.morph) or Morphology.EMPTY_MORPH if token.has_morph() else None


def split_features(whole: View) -> View:
    """Look at each feature of tokens by itself: Case, Number and so on.

    That is as `Scorer.score_token_attr_per_feat` does: what has no feature in the
    reference isn't asked for any.
    """
    rows: list[Claims] = []
    for gold, found in zip(whole.true, whole.predicted, strict=True):
        asked = {i for i, label in gold if label != Morphology.EMPTY_MORPH}
        features = {
            each: about
            for claim, about in found.items()
            for each in features_of(claim)
            if claim[0] in asked
        }
        rows.append(({each for claim in gold for each in features_of(claim)}, features))
    return gather(
        whole.component, "token.morph", "tokens", "morph_micro", rows, exclusive=False
    )


def features_of(claim: Claim) -> Iterator[Claim]:
    """Yield the features that a token has, each with its place."""
    place, label = claim
    for feature in label.split(Morphology.FEATURE_SEP):
        if feature not in ("", Morphology.EMPTY_MORPH):
            yield (place, feature.split(Morphology.FIELD_SEP)[0]), feature


def find_confidences(
    pipe: Any, nlp: Language, examples: Sequence[Example]
) -> list[np.ndarray]:
    """Find how probable a tagger takes its tags to be. Shape (tokens,) each."""
    model = without_listeners(nlp, pipe)
    found = []
    for start in range(0, len(examples), BATCH):
        docs = [each.predicted for each in examples[start : start + BATCH]]
        if not any(map(len, docs)):
            found += [np.zeros(0)] * len(docs)
            continue
        found += [to_probabilities(to_numpy(rows)) for rows in model.predict(docs)]
    return found


def to_probabilities(rows: np.ndarray) -> np.ndarray:
    """Return the largest probability of each row of scores, or of probabilities."""
    if not len(rows):
        return np.zeros(0)
    if are_probabilities(rows):
        return rows.max(axis=1)
    shifted = np.exp(rows.astype("d") - rows.max(axis=1, keepdims=True))
    return 1.0 / shifted.sum(axis=1)
