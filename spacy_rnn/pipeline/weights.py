"""Weights of components, which are neither loaded nor changed unseen."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from spacy.pipeline import TrainablePipe
from thinc.api import Optimizer

from spacy_rnn.gradients import finish_update as clip_and_update
from spacy_rnn.pipeline.loading import naming_the_path

PipeT = TypeVar("PipeT", bound=type[TrainablePipe])


def guard_weights(pipe: PipeT) -> PipeT:
    """Let a component check gradients before it learns from them, and what it loads."""
    for method in (finish_update, from_disk):
        setattr(pipe, method.__name__, method)
    return pipe


def finish_update(self: TrainablePipe, sgd: Optimizer) -> None:
    """Update the weights, after clipping their gradients.

    Raises:
        NonFiniteGradientError: If a gradient is NaN or infinite.
    """
    max_norm = self.cfg["max_gradient_norm"]
    clip_and_update(self.name, self.model, sgd, max_norm=max_norm)


def from_disk(
    self: TrainablePipe, path: str | Path, *, exclude: Iterable[str] = ()
) -> Any:
    """Load the component.

    Raises:
        ValueError: If the weights are damaged, or those of another model.
    """
    with naming_the_path(self.name, path):
        return TrainablePipe.from_disk(self, path, exclude=exclude)
