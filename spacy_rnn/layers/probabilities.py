"""The end of a classifier: probabilities from scores."""

from collections.abc import Callable

from thinc.api import Model, Ops
from thinc.types import Floats2d

# A label that is added after training starts out with a probability of about 1e-7, so
# the scores of the others stay as they are; training still reaches it.
NEW_LABEL_BIAS = -16.0


def Probabilities(*, exclusive: bool) -> Model[Floats2d, Floats2d]:
    """Turn scores into probabilities: softmax over the labels, or logistic for each.

    As with Thinc's `Softmax`, the gradient that comes in has to be the cross-entropy's
    with respect to the scores, which is probability minus truth: it's passed on as it
    is. (Thinc's `Logistic` multiplies it by p (1 - p), which makes cross-entropy a
    squared error.)
    """
    return Model(
        "softmax" if exclusive else "logistic", forward, attrs={"exclusive": exclusive}
    )


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    return probabilities(model.ops, X, exclusive=model.attrs["exclusive"]), pass_on


def probabilities(ops: Ops, scores: Floats2d, *, exclusive: bool) -> Floats2d:
    """Turn scores into probabilities. Shape (B, K)."""
    return ops.softmax(scores) if exclusive else ops.sigmoid(scores)


def pass_on(dX: Floats2d) -> Floats2d:
    return dX
