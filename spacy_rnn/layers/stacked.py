"""Several embeddings side by side."""

from collections.abc import Callable, Sequence
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from spacy_rnn.layers.batches import concatenate, split
from spacy_rnn.ragged import count, flatten
from spacy_rnn.types import Tok2VecT


def Stacked(embeds: Sequence[Tok2VecT]) -> Tok2VecT:
    """Put what several embeddings make of a token into one vector, in their order.

    Unlike `thinc.api.concatenate` it takes a batch of no documents, and leaves a first
    layer that is a stack itself as it is.
    """
    return Model("stacked_embed", forward, init=init, dims={"nO": None}, layers=embeds)


def forward(
    model: Tok2VecT, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    xp = model.ops.xp
    parts, callbacks = [], []
    for embed in model.layers:
        Xs, callback = embed(docs, is_train)
        check_list(embed, Xs)
        parts.append(flatten(model.ops, Xs).data)
        callbacks.append(callback)
    Y = xp.concatenate(parts, axis=1)
    lengths = count(docs)

    def backprop(dYs: list[Floats2d]) -> list[Doc]:
        dY, _ = concatenate(model, dYs, Y.shape[1])
        end = 0
        for part, callback in zip(parts, callbacks, strict=True):
            start, end = end, end + part.shape[1]
            callback(split(xp.ascontiguousarray(dY[:, start:end]), lengths))
        return []

    return split(Y, lengths), backprop


def init(model: Tok2VecT, X: Any = None, Y: Any = None) -> None:
    for embed in model.layers:
        embed.initialize(X=X)
    if all(embed.has_dim("nO") for embed in model.layers):
        model.set_dim("nO", sum(embed.get_dim("nO") for embed in model.layers))


def check_list(embed: Model, part: Any) -> None:
    """Raise a ValueError for an embedding of another form, such as a `Ragged`."""
    if not isinstance(part, list):
        raise ValueError(
            f"An embedding in a stack has to return a list of arrays, one for each "
            f"document, but '{embed.name}' returned a {type(part).__name__}"
        )
