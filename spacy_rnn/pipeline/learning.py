"""How components learn from a batch."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples
from thinc.api import Optimizer, set_dropout_rate


def update(
    self: TrainablePipe,
    examples: Iterable[Example],
    *,
    drop: float = 0.0,
    sgd: Optimizer | None = None,
    losses: dict[str, float] | None = None,
) -> dict[str, float]:
    """Learn from a batch of examples.

    Those of spaCy's components look through documents one by one for what `get_loss`
    checks for all of them at once. What is no batch is refused by the component's name.
    """
    examples = list(examples)
    validate_examples(examples, f"{type(self).__name__}.update")
    docs = [example.predicted for example in examples]

    def find_loss(scores: Any) -> tuple[Any, Any]:
        return self.get_loss(examples, scores)

    return learn(self, docs, docs, find_loss, drop=drop, sgd=sgd, losses=losses)


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
    examples = list(examples)
    validate_examples(examples, f"{type(self).__name__}.rehearse")
    before = self._rehearsal_model
    docs = [] if before is None else [example.predicted for example in examples]

    def find_loss(scores: Any) -> tuple[Any, Any]:
        # As it predicts, so without dropout, and nothing in it counts what it sees.
        return self.divergence(scores, before.predict(docs))

    return learn(self, docs, docs, find_loss, drop=drop, sgd=sgd, losses=losses)


def learn(
    pipe: TrainablePipe,
    docs: Sequence[Doc],
    inputs: Any,
    find_loss: Callable[[Any], tuple[Any, Any]],
    *,
    drop: float,
    sgd: Optimizer | None,
    losses: dict[str, float] | None,
) -> dict[str, float]:
    """Learn from a batch, unless it has no word.

    Args:
        pipe: The component.
        docs: The documents of the batch.
        inputs: What its model takes.
        find_loss: Takes what the model makes of them. Returns the loss, a number or an
            array without dimensions, and the gradient.
        drop: Dropout rate.
        sgd: Updates the weights, if there is one.
        losses: Where the loss is added.

    Returns:
        The losses.
    """
    losses = {} if losses is None else losses
    losses.setdefault(pipe.name, 0.0)
    if not any(map(len, docs)):
        return losses
    set_dropout_rate(pipe.model, drop)
    scores, backprop = pipe.model.begin_update(inputs)
    loss, gradient = find_loss(scores)
    backprop(gradient)
    # A GPU is asked for it as soon as it has all of the backward pass to do.
    losses[pipe.name] += float(loss)
    if sgd not in (None, False):
        pipe.finish_update(sgd)
    return losses
