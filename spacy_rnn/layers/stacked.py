"""Several embeddings side by side."""

from collections.abc import Callable, Sequence
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d
from thinc.util import get_width

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
        part, callback = embed(docs, is_train)
        check_list(embed, part)
        parts.append(part)
        callbacks.append(callback)
    Ys = [xp.concatenate(of_doc, axis=1) for of_doc in zip(*parts, strict=True)]
    widths = [get_width(part) for part in parts]

    def backprop(dYs: list[Floats2d]) -> list[Doc]:
        end = 0
        for width, callback in zip(widths, callbacks, strict=True):
            start, end = end, end + width
            callback([xp.ascontiguousarray(dY[:, start:end]) for dY in dYs])
        return []

    return Ys, backprop


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
