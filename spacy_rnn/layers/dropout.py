"""Thinc's dropout over all documents of a batch at once."""

from collections.abc import Callable

from thinc.api import Model
from thinc.layers.dropout import forward as drop
from thinc.types import Floats2d

from spacy_rnn.checks import check_rate
from spacy_rnn.ragged import RaggedList, flatten
from spacy_rnn.types import EncoderT


def Dropout(rate: float) -> EncoderT:
    """Zero features of token vectors, as `thinc.api.Dropout` does.

    That one draws a mask for each document.

    Raises:
        ValueError: If the rate is out of range.
    """
    check_rate("dropout", rate)
    return Model("dropout", forward, attrs={"dropout_rate": rate, "is_enabled": True})


def forward(
    model: EncoderT, Xs: list[Floats2d], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Floats2d]]]:
    flat = flatten(model.ops, Xs)
    Y, backprop_whole = drop(model, flat.data, is_train)

    def backprop(dYs: list[Floats2d]) -> list[Floats2d]:
        dY = flatten(model.ops, dYs).data
        return RaggedList(backprop_whole(dY), flat.lengths)

    return RaggedList(Y, flat.lengths), backprop
