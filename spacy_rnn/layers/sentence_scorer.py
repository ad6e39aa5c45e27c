"""Scores of sentences as a Thinc layer."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats1d, Floats2d

from spacy_rnn.layers.arrays import as_tensor
from spacy_rnn.layers.batches import concatenate, split, to_device
from spacy_rnn.layers.features import mix_keys, token_features
from spacy_rnn.layers.gates import note_inputs
from spacy_rnn.layers.pool import attend
from spacy_rnn.layers.segments import sentences, with_segments
from spacy_rnn.layers.torch_layer import run, torch_layer
from spacy_rnn.modules.sentence_scorer import Layout
from spacy_rnn.modules.sentence_scorer import SentenceScorer as TorchScorer
from spacy_rnn.ragged import count, flatten
from spacy_rnn.types import Cell, SentenceScorerT, Tok2VecT

# Flags of a token, and what each adds to its weight before training, in log odds.
FLAGS = {
    "IS_STOP": -4.0,
    "IS_PUNCT": -6.0,
    "IS_SPACE": -6.0,
    "IS_ALPHA": 0.5,
    "LIKE_NUM": -0.5,
}


def SentenceScorer(
    tok2vec: Tok2VecT,
    *,
    width: int,
    hidden_width: int,
    cell: Cell,
    views: int,
    attr: int | str,
    dropout: float,
) -> SentenceScorerT:
    """Score the sentences of documents, see `build_sentence_scorer`."""
    build = partial(
        TorchScorer,
        width=width,
        hidden_width=hidden_width,
        cell=cell,
        views=views,
        flag_weights=list(FLAGS.values()),
    )
    scorer = torch_layer(
        "score_sentences",
        build,
        score,
        dims={"nI": tok2vec.maybe_get_dim("nO")},
        attrs={
            "column": attr,
            "dropout_rate": dropout,
            "attend": partial(attend, "pool"),
            "attention_of": "words",
        },
    )
    return Model(
        "sentence_scorer",
        forward,
        init=init,
        layers=[with_segments(tok2vec, sentences), scorer],
    )


def forward(
    model: SentenceScorerT, docs: list[Doc], is_train: bool
) -> tuple[list[Floats1d], Callable[[list[Floats1d]], list[Doc]]]:
    vectors, scorer = model.layers
    scorer.get_param("W")  # a KeyError here tells spaCy that nothing is initialized
    if not any(map(len, docs)):  # some encoders of spaCy can't do with nothing
        return [model.ops.alloc1f(0) for _ in docs], lambda dYs: []
    (Xs, sizes), backprop_vectors = vectors(docs, is_train)
    Y, backprop_scorer = scorer((docs, sizes, Xs), is_train)

    def backprop(dYs: list[Floats1d]) -> list[Doc]:
        backprop_vectors(backprop_scorer(flatten(model.ops, dYs).data.ravel()))
        return []

    return split(Y, sizes), backprop  # type: ignore[return-value]


def score(
    model: Model, inputs: tuple[list[Doc], np.ndarray, list[Floats2d]], is_train: bool
) -> tuple[Floats1d, Callable[[Floats1d], list[Floats2d]]]:
    """Score sentences of which the token vectors are known. Shape (S,)."""
    docs, sizes, Xs = inputs
    X, lengths = concatenate(model, Xs, model.get_dim("nI"))
    note_inputs(model, X, lengths)
    dropout = model.attrs["dropout_rate"] if is_train else 0.0
    Y, backprop_torch = run(
        model,
        as_tensor(X).requires_grad_(is_train),
        layout=lay_out(model, docs, sizes, lengths),
        dropout=dropout or 0.0,
        is_train=is_train,
    )

    def backprop(dY: Floats1d) -> list[Floats2d]:
        return split(backprop_torch(dY), lengths)

    return Y, backprop


def lay_out(
    model: Model, docs: Sequence[Doc], sizes: np.ndarray, lengths: np.ndarray
) -> Layout:
    """Say where the words and sentences of a batch stand.

    Args:
        model: The layer, where the result goes.
        docs: The documents.
        sizes: Sentences in each document.
        lengths: Tokens in each sentence, those of all documents in a row.
    """
    read = token_features(docs, [model.attrs["column"], *FLAGS])
    doc_of = np.repeat(np.arange(len(docs)), count(docs))
    keys = mix_keys(np.stack([doc_of.astype(np.uint64), read[:, 0]], axis=1))
    words, word_of = np.unique(keys, return_inverse=True)
    sentence_of = np.repeat(np.arange(len(lengths)), lengths)
    pairs, pair_of = np.unique(
        sentence_of * max(1, len(words)) + word_of, return_inverse=True
    )
    return Layout(
        lengths=to_device(model, lengths),
        sizes=torch.from_numpy(sizes),
        pair_of=to_device(model, pair_of),
        pair_sentence=to_device(model, pairs // max(1, len(words))),
        pair_word=to_device(model, pairs % max(1, len(words))),
        flags=to_device(model, read[:, 1:].astype("f")),
    )


def init(model: SentenceScorerT, X: list[Doc] | None = None, Y: Any = None) -> None:
    vectors, scorer = model.layers
    vectors.initialize(X=X)
    if scorer.has_dim("nI") is None:
        scorer.set_dim("nI", vectors.get_dim("nO"))
    scorer.initialize()
