"""The hashed embedding of documents as a Thinc layer."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.types import Floats2d
from torch import Tensor

from spacy_rnn.layers.arrays import as_tensor
from spacy_rnn.layers.batches import (
    concatenate,
    no_docs,
    split,
    to_device,
)
from spacy_rnn.layers.features import (
    content_keys,
    distinct_keys,
    hash_rows,
    mix_keys,
    static_vectors,
    token_features,
    vectors_attr,
)
from spacy_rnn.layers.learning import Learning
from spacy_rnn.layers.row_cache import RowCache
from spacy_rnn.layers.torch_layer import backprop_nothing, run, torch_layer
from spacy_rnn.layers.value_counts import ValueCounts
from spacy_rnn.modules.hash_embed import MultiHashEmbed
from spacy_rnn.ragged import count
from spacy_rnn.types import Tok2VecT


def HashEmbed(
    nO: int,
    *,
    attrs: list[int | str],
    rows: list[int],
    include_static_vectors: bool,
    dropout: float,
    word_dropout: float,
    unknown_rate: float = 0.0,
) -> Tok2VecT:
    """Embed the tokens of documents, each distinct one of a batch once.

    At inference the vectors of earlier batches are kept, see `RowCache`.
    """
    dims: dict[str, int | None] = {"nO": nO}
    if include_static_vectors:
        dims["nM"] = None  # width of the vectors table, as in spaCy
    model: Tok2VecT = torch_layer(
        "hash_embed",
        partial(MultiHashEmbed, rows=rows),
        forward,
        init_dims=init_dims,
        dims=dims,
        attrs={
            "columns": attrs,
            "rows": rows,
            "dropout_rate": dropout,
            "word_dropout": word_dropout,
            "unknown_rate": unknown_rate,
            "row_cache": RowCache(),
        },
    )
    if unknown_rate:  # tells known values from others
        model.attrs["value_counts"] = ValueCounts()
        model.attrs["learn"] = Learning(read_features, learn_values)
    return model


def forward(
    model: Tok2VecT, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    lengths = count(docs)
    if is_train:
        model.attrs["row_cache"].clear()
    if not lengths.any():
        nothing = split(model.ops.alloc2f(0, model.get_dim("nO")), lengths)
        return nothing, no_docs if is_train else backprop_nothing
    vocab = docs[0].vocab
    features = read_features(model, docs)
    if "value_counts" in model.attrs:
        features = known_values(model, features, lengths, is_train)
    if is_train:
        return train(model, vocab, features, lengths)
    return split(predict(model, vocab, features), lengths), backprop_nothing


def read_features(model: Tok2VecT, docs: Sequence[Doc]) -> np.ndarray:
    """Read what is embedded of tokens. Shape (N, A), uint64."""
    columns = model.attrs["columns"]
    if docs and model.has_dim("nM"):
        # The last one names static vectors.
        columns = [*columns, vectors_attr(docs[0].vocab)]
    return token_features(docs, columns)


def known_values(
    model: Tok2VecT, features: np.ndarray, lengths: np.ndarray, is_train: bool
) -> np.ndarray:
    """Put the unknown value in the place of some."""
    if is_train:
        learned = model.attrs["learn"].take(model, features)
        return learn_values(model, features, lengths) if learned is None else learned
    embedded = features[:, : len(model.attrs["rows"])]
    embedded[:] = model.attrs["value_counts"].replace_unseen(embedded)
    return features


def learn_values(
    model: Tok2VecT, features: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """Count the values of a batch, and put the unknown one in the place of some."""
    counts: ValueCounts = model.attrs["value_counts"]
    embedded = features[:, : len(model.attrs["rows"])]
    counts.add(embedded)
    embedded[:] = counts.replace_rare(embedded, model.attrs["unknown_rate"])
    return features


def train(
    model: Tok2VecT, vocab: Vocab, features: np.ndarray, lengths: np.ndarray
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    """Embed a batch, with dropout, for a backward pass."""
    features, distinct_of, static = distinct_tokens(model, vocab, features)
    return run_for_update(
        model,
        lengths,
        table_rows(model, features),
        None if static is None else as_tensor(static),
        to_device(model, distinct_of),
        to_device(model, lengths),
        word_dropout=model.attrs["word_dropout"],
    )


def run_for_update(
    model: Tok2VecT, lengths: np.ndarray, *inputs: Tensor | None, **options: Any
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    """Call the module of a layer with a row cache for a backward pass."""
    cache: RowCache = model.attrs["row_cache"]
    dropout = model.attrs["dropout_rate"] or 0.0
    Y, backprop_torch = run(model, *inputs, dropout=dropout, is_train=True, **options)

    def backprop(dYs: list[Floats2d]) -> list[Doc]:
        dY, _ = concatenate(model, dYs, model.get_dim("nO"))
        backprop_torch(dY)
        cache.clear(gradient_pending=True)
        return []

    return split(Y, lengths), backprop


def predict(model: Tok2VecT, vocab: Vocab, features: np.ndarray) -> Floats2d:
    """Embed a batch. Shape (N, nO)."""
    cache: RowCache = model.attrs["row_cache"]
    static: Any = None
    keys, distinct_of = mix_keys(features), None
    if model.has_dim("nM"):
        features, distinct_of, static = distinct_tokens(model, vocab, features)
        contents = content_keys(static)[:, None]
        keys = mix_keys(np.concatenate([features[:, :-1], contents], axis=1))

    def compute(chosen: np.ndarray) -> Floats2d:
        vectors = None
        if static is not None:
            vectors = as_tensor(static[model.ops.xp.asarray(chosen)])
        Y, _ = run(model, table_rows(model, features[chosen]), vectors, is_train=False)
        return Y

    Y = cache.fetch(model, keys, compute)
    return Y if distinct_of is None else Y[model.ops.xp.asarray(distinct_of)]


def distinct_tokens(
    model: Tok2VecT, vocab: Vocab, features: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Floats2d | None]:
    """Find the distinct tokens of a batch.

    Returns:
        Their features, in M rows; which of them each token is, shape (N,); and their
        static vectors, shape (M, nM), where the model reads them.
    """
    first, distinct_of = distinct_keys(mix_keys(features))
    features, static = features[first], None
    if model.has_dim("nM"):
        found = static_vectors(vocab, features[:, -1], model.get_dim("nM"))
        static = model.ops.asarray2f(found)  # the table may be on another device
    return features, distinct_of, static


def table_rows(model: Tok2VecT, features: np.ndarray) -> Tensor:
    """Hash distinct tokens to the rows of their tables. Shape (M, A, 4)."""
    return to_device(model, hash_rows(features, model.attrs["rows"]))


def init_dims(model: Tok2VecT, X: Any, Y: Any) -> None:
    if "value_counts" in model.attrs:
        model.attrs["value_counts"] = ValueCounts()
    if model.has_dim("nM") is not None or not X:
        return
    width = X[0].vocab.vectors.shape[1]
    if not width:
        raise ValueError(
            "include_static_vectors is set, but the vocab has no vectors table. Name "
            "one in [initialize] vectors."
        )
    model.set_dim("nM", width)
