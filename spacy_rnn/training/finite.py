"""Losses, weights and predictions that are no finite numbers end a run."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from thinc.api import Model
from thinc.util import get_array_module, is_xp_array

from spacy_rnn.training.weights import named_arrays

ADVICE = (
    "so training stopped. What is in the output folder is what the last evaluation "
    "wrote. A lower learning rate, or clipping of gradients, may help."
)


def check_losses(losses: dict[str, float]) -> None:
    """Raise a ValueError for a loss that is not a finite number."""
    for name, loss in losses.items():
        if not math.isfinite(float(loss)):
            raise ValueError(f"The loss of '{name}' is {float(loss)}, {ADVICE}")


def check_weights(models: dict[str, Model[Any, Any]]) -> None:
    """Raise a ValueError for a weight that is not a finite number."""
    for pipe, layer, name, array in named_arrays(models):
        if not get_array_module(array).isfinite(array).all():
            raise ValueError(
                f"The weights of '{pipe}' are no longer finite numbers, in {name!r} of "
                f"its layer {layer!r}, {ADVICE}"
            )


@contextmanager
def checked_predictions(models: dict[str, Model[Any, Any]]) -> Iterator[None]:
    """Raise a ValueError where a model predicts NaN while in the context.

    Weights that are finite, but large, can lead to it as well.
    """
    functions = {name: model._func for name, model in models.items()}
    for name, model in models.items():
        model._func = check_output(name, functions[name])
    try:
        yield
    finally:
        for name, model in models.items():
            model._func = functions[name]


def check_output(name: str, function: Any) -> Any:
    """Return the function of a layer, which then checks what it gives."""

    def forward(model: Model[Any, Any], X: Any, is_train: bool) -> Any:
        Y, backprop = function(model, X, is_train)
        if has_nan(Y):
            raise ValueError(f"'{name}' predicts what is no number, {ADVICE}")
        return Y, backprop

    return forward


def has_nan(value: Any) -> bool:
    """Tell whether there is NaN in an array, or in a list or tuple of such."""
    if isinstance(value, list | tuple):
        return any(map(has_nan, value))
    if not is_xp_array(value) or value.dtype.kind != "f":
        return False
    return bool(get_array_module(value).isnan(value).any())
