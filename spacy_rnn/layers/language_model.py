"""A language model on token vectors as a Thinc layer."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats1d, Floats2d

from spacy_rnn.layers.arrays import as_tensor
from spacy_rnn.layers.batches import concatenate, split, to_device
from spacy_rnn.layers.features import token_features
from spacy_rnn.layers.rnn import find_encoders, init_dims, keep_directions_apart
from spacy_rnn.layers.torch_layer import run, torch_layer
from spacy_rnn.modules import language_model
from spacy_rnn.types import Tok2VecT, WordAttr

LanguageModelT = Model[list[Doc], Floats1d]


def LanguageModel(tok2vec: Tok2VecT, *, attr: WordAttr, rows: int) -> LanguageModelT:
    """Predict the words beside each word.

    It takes documents, and returns the negative log likelihood of each prediction. In
    training, the directions of the encoder don't meet from now on.

    Raises:
        ValueError: If `tok2vec` hasn't one of our encoders, or several, or one whose
            directions can't be kept apart.
    """
    encoders = find_encoders(tok2vec)
    if len(encoders) != 1:
        raise ValueError(
            f"A language model needs a tok2vec with one spacy-rnn.RNNEncoder.v1, but "
            f"'{tok2vec.name}' has {len(encoders)} of them"
        )
    keep_directions_apart(encoders[0])
    build = partial(
        language_model.LanguageModel,
        rows=rows,
        bidirectional=encoders[0].attrs["bidirectional"],
    )
    head = torch_layer(
        "word_predictions",
        build,
        predict_words,
        init_dims=init_dims,
        dims={"nI": tok2vec.get_dim("nO")},
        attrs={"attr": attr, "rows": rows},
    )
    return Model("language_model", forward, init=init, layers=[tok2vec, head])


def init(model: LanguageModelT, X: Any = None, Y: Any = None) -> None:
    tok2vec, head = model.layers
    tok2vec.initialize(X=X)
    head.initialize()


def forward(
    model: LanguageModelT, docs: list[Doc], is_train: bool
) -> tuple[Floats1d, Callable[[Floats1d], list[Doc]]]:
    tok2vec, head = model.layers
    Xs, backprop_tok2vec = tok2vec(docs, is_train)
    losses, backprop_head = head((docs, Xs), is_train)
    return losses, lambda d_losses: backprop_tok2vec(backprop_head(d_losses))


def predict_words(
    model: Model, inputs: tuple[list[Doc], list[Floats2d]], is_train: bool
) -> tuple[Floats1d, Callable[[Floats1d], list[Floats2d]]]:
    docs, Xs = inputs
    X, lengths = concatenate(model, Xs, model.get_dim("nI"))
    words = token_features(docs, [model.attrs["attr"]])[:, 0]
    rows = (words % np.uint64(model.attrs["rows"])).astype(np.int64)
    losses, backprop_torch = run(
        model,
        as_tensor(X).requires_grad_(is_train),
        to_device(model, rows),
        to_device(model, lengths),
        is_train=is_train,
    )
    return losses, lambda d_losses: split(backprop_torch(d_losses), lengths)
