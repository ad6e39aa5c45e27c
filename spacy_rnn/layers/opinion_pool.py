"""Several classifiers as one."""

from collections.abc import Callable, Sequence

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d
from thinc.util import get_width, to_numpy

from spacy_rnn.layers.contributions import LinearPart
from spacy_rnn.layers.probabilities import probabilities
from spacy_rnn.types import ScorerT


def OpinionPool(
    expert: ScorerT, other: ScorerT, *, share: float, exclusive: bool
) -> ScorerT:
    """Average the scores of two classifiers: a logarithmic opinion pool (Heskes, 1998).

    If they were trained by the gradient of the average, the one that learns faster
    would leave nothing for the other to learn. So each is also pulled towards the
    probabilities of the pool: where all documents weigh the same, this trains each of
    them by its own cross-entropy, apart from the other (Smith et al., 2005). Where the
    gradient is 0, as nothing is known there, they are left alone.

    Args:
        expert: Scores documents. Shape (B, K).
        other: The same.
        share: What the first one contributes to the average, in (0, 1).
        exclusive: Whether scores become probabilities by a softmax, or each by a
            logistic function.
    """
    return Model(
        "opinion_pool",
        forward,
        init=init,
        layers=[expert, other],
        dims={"nO": expert.maybe_get_dim("nO")},
        attrs={"share": share, "exclusive": exclusive},
    )


def forward(
    model: ScorerT, docs: list[Doc], is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], list[Doc]]]:
    exclusive, share = model.attrs["exclusive"], model.attrs["share"]
    (X1, backprop1), (X2, backprop2) = (layer(docs, is_train) for layer in model.layers)
    Y = share * X1 + (1.0 - share) * X2

    def backprop(dY: Floats2d) -> list[Doc]:
        known = dY != 0.0
        if exclusive:
            known = known.any(axis=1, keepdims=True)
        pool = probabilities(model.ops, Y, exclusive=exclusive)
        for X, backprop_expert in ((X1, backprop1), (X2, backprop2)):
            own = probabilities(model.ops, X, exclusive=exclusive)
            backprop_expert(dY + known * (own - pool))
        return []

    return Y, backprop


def linear_part(model: ScorerT, docs: Sequence[Doc]) -> LinearPart:
    """Find what tokens contribute to the first one's scores.

    One that can't say, such as a linear model of spaCy's, adds what no token does.
    """
    expert, share = model.layers[0], model.attrs["share"]
    for node in expert.walk():
        if "linear" in node.attrs:
            return node.attrs["linear"](node, docs, share)
    scores = to_numpy(expert.predict(list(docs)))
    nothing = [np.zeros((len(doc), scores.shape[1])) for doc in docs]
    return LinearPart(nothing, scores, share)


def init(model: ScorerT, X: list[Doc] | None = None, Y: Floats2d | None = None) -> None:
    for layer in model.layers:
        layer.initialize(X=X, Y=Y)
    if Y is not None and model.has_dim("nO") is None:
        model.set_dim("nO", get_width(Y))
