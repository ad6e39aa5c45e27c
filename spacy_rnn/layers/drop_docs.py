"""Dropout of whole documents."""

from collections.abc import Callable

from thinc.api import Model
from thinc.types import Floats2d


def DropDocs(rate: float) -> Model[Floats2d, Floats2d]:
    """Zero all that a branch of a network says of a document, now and then.

    What is kept isn't scaled up: the branches are added, and at prediction both of them
    speak.
    """
    return Model("drop_docs", forward, attrs={"branch_dropout": rate})


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    rate = model.attrs["branch_dropout"]
    if not is_train or not rate:
        return X, pass_on
    keep = model.ops.xp.random.uniform(0.0, 1.0, (len(X), 1)) >= rate

    def backprop(dY: Floats2d) -> Floats2d:
        return dY * keep

    return X * keep, backprop


def pass_on(dX: Floats2d) -> Floats2d:
    return dX
