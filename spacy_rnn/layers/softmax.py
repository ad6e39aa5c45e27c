"""The end of a tagger: label probabilities of each token."""

from collections.abc import Callable
from typing import Any

import torch
from thinc.api import Model
from thinc.types import Floats2d

from spacy_rnn.layers.affine import affine, init_affine
from spacy_rnn.layers.arrays import as_array, as_tensor
from spacy_rnn.layers.batches import concatenate, split
from spacy_rnn.types import EncoderT


def Softmax(
    nO: int | None = None, nI: int | None = None, *, normalize: bool
) -> EncoderT:
    """Give each label of each token a probability.

    As with Thinc's `Softmax`, the gradient that comes in has to be the cross-entropy's
    with respect to the scores, which is probability minus truth.

    Args:
        nO: Number of labels.
        nI: Width of the token vectors.
        normalize: Whether predictions are probabilities, too. If not, they're the
            scores that probabilities are made of in training, in the same order.
    """
    return Model(
        "softmax",
        forward,
        init=init_affine,
        dims={"nO": nO, "nI": nI},
        params={"W": None, "b": None},
        attrs={"softmax_normalize": normalize},
    )


def forward(
    model: EncoderT, Xs: list[Floats2d], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Floats2d]]]:
    X, lengths = concatenate(model, Xs, model.get_dim("nI"))
    Y: Any
    Y, backprop_affine = affine(model, X, is_train)
    if is_train or model.attrs["softmax_normalize"]:
        Y = as_array(torch.softmax(as_tensor(Y), dim=1), model.ops)

    def backprop(dYs: list[Floats2d]) -> list[Floats2d]:
        dY, _ = concatenate(model, dYs, model.get_dim("nO"))
        return split(backprop_affine(dY), lengths)

    return split(Y, lengths), backprop
