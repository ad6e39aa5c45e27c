"""Learning again what was known before, so that it isn't forgotten."""

from collections.abc import Iterable
from typing import Any

from spacy.pipeline import TrainablePipe
from spacy.training import Example, validate_examples
from thinc.api import Optimizer, set_dropout_rate


def rehearse(
    self: TrainablePipe,
    examples: Iterable[Example],
    *,
    drop: float = 0.0,
    sgd: Optimizer | None = None,
    losses: dict[str, float] | None = None,
    **config: Any,
) -> dict[str, float]:
    """Learn to predict as before `nlp.resume_training`, so that it isn't forgotten.

    The loss is the Kullback-Leibler divergence, in nats, of what the component predicts
    in training from what it predicted. Annotation of the examples is not looked at.

    Returns:
        The losses, with that of the batch.
    """
    losses = {} if losses is None else losses
    losses.setdefault(self.name, 0.0)
    examples = list(examples)
    validate_examples(examples, f"{type(self).__name__}.rehearse")
    docs = [example.predicted for example in examples]
    if self._rehearsal_model is None or not any(map(len, docs)):
        return losses
    set_dropout_rate(self.model, drop)
    scores, backprop = self.model.begin_update(docs)
    # As it predicts, so without dropout, and nothing in it counts what it sees.
    loss, gradient = self.divergence(scores, self._rehearsal_model.predict(docs))
    backprop(gradient)
    if sgd is not None:
        self.finish_update(sgd)
    losses[self.name] += loss
    return losses
