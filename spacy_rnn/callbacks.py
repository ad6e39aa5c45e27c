"""Callbacks of the training loop."""

from collections.abc import Callable
from functools import partial
from typing import Any

from spacy.language import Language
from thinc.api import Model

from spacy_rnn.checks import check_not_negative
from spacy_rnn.gradients import clip_gradients, once_before_update, trained_models


def create_clip_gradients(
    max_norm: float,
) -> Callable[[Language, dict[str, Any]], None]:
    """Clip the gradients of all components by their norm together.

    It is for `[training.before_update]`. All gradients of a step are there when the
    first component is to be updated; that is when they are clipped, with those of
    spaCy's own components. The optimizer's `grad_clip`, which clips each parameter by
    itself, comes after it.

    Args:
        max_norm: The largest norm; larger gradients are scaled down. 0 only checks that
            gradients are finite, before any weights are updated.

    Raises:
        ValueError: If the norm is negative.
    """
    check_not_negative("max_norm", max_norm)
    known: tuple[Language | None, dict[str, Model]] = None, {}

    def before_update(nlp: Language, args: dict[str, Any]) -> None:
        nonlocal known
        if known[0] is not nlp:  # reading a config takes as long as clipping
            known = nlp, trained_models(nlp)
        models = known[1]
        if models:
            first = next(iter(models.values()))
            once_before_update(first, partial(clip_gradients, models, max_norm))

    return before_update
