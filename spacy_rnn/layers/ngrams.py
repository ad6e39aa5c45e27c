"""A linear bag of n-grams as a Thinc layer."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.types import Floats2d
from thinc.util import get_width, to_numpy

from spacy_rnn.layers.arrays import as_array
from spacy_rnn.layers.batches import no_docs, to_device
from spacy_rnn.layers.contributions import LinearPart
from spacy_rnn.layers.features import mix_keys, token_features
from spacy_rnn.layers.key_table import KeyTable
from spacy_rnn.layers.learning import Learning
from spacy_rnn.layers.probabilities import NEW_LABEL_BIAS
from spacy_rnn.layers.torch_layer import run, torch_layer
from spacy_rnn.modules.ngrams import NORM, NgramScores
from spacy_rnn.ragged import count
from spacy_rnn.types import ScorerT

EDGE = np.uint64(1)  # stands before the first and after the last token


def Ngrams(
    nO: int | None = None,
    *,
    ngram_size: int,
    attr: int | str,
    rows: int,
    ngram_dropout: float,
) -> ScorerT:
    """Score documents by the n-grams that they have."""
    return torch_layer(
        "ngrams",
        partial(NgramScores, rows=rows),
        forward,
        init_dims=init_dims,
        dims={"nO": nO},
        attrs={
            "ngram_size": ngram_size,
            "column": attr,
            "ngram_dropout": ngram_dropout,
            "table": KeyTable(rows),
            "learn": Learning(read_words, claim_rows),
            "linear": ngram_contributions,
        },
    )


def forward(
    model: ScorerT, docs: list[Doc], is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], list[Doc]]]:
    table: KeyTable = model.attrs["table"]
    lengths = count(docs)
    words = read_words(model, docs)
    ngrams, doc_of = extract_ngrams(words[:, 0], lengths, model.attrs["ngram_size"])
    if is_train and model.attrs["learn"].take(model, words) is None:
        table.claim(ngrams)
    rows = table.find(ngrams)
    known = rows >= 0
    # Sorted by document and row, each of them once.
    pairs = np.unique(doc_of[known] * len(table.keys) + rows[known])
    counts = np.bincount(pairs // len(table.keys), minlength=len(docs))
    Y, backprop_torch = run(
        model,
        to_device(model, pairs % len(table.keys)),
        to_device(model, counts),
        dropout=model.attrs["ngram_dropout"] if is_train else 0.0,
        is_train=is_train,
    )

    def backprop(dY: Floats2d) -> list[Doc]:
        backprop_torch(dY)
        return []

    return Y, backprop if is_train else no_docs


def read_words(model: ScorerT, docs: Sequence[Doc]) -> np.ndarray:
    """Read the attribute whose n-grams count. Shape (N, 1), uint64."""
    return token_features(docs, [model.attrs["column"]])


def claim_rows(model: ScorerT, words: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Give rows to the n-grams of a batch, and return its words as they are."""
    ngrams, _ = extract_ngrams(words[:, 0], lengths, model.attrs["ngram_size"])
    model.attrs["table"].claim(ngrams)
    return words


def extract_ngrams(
    words: np.ndarray, lengths: np.ndarray, ngram_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """List the n-grams of each document, up to a size, with marks at its edges.

    Args:
        words: One attribute of all tokens, documents end to end. Shape (N,), uint64.
        lengths: Tokens in each document. Shape (B,).
        ngram_size: Tokens in the longest n-grams.

    Returns:
        The n-grams as keys, uint64, and the document of each.
    """
    n_docs = len(lengths)
    token_docs = np.repeat(np.arange(n_docs), lengths)
    marked = np.full(len(words) + 2 * n_docs, EDGE)
    marked[np.arange(len(words)) + 2 * token_docs + 1] = words
    docs = np.repeat(np.arange(n_docs), lengths + 2)
    keys = [mix_keys(words[:, None])]
    key_docs = [token_docs]
    longest = marked
    for size in range(2, ngram_size + 1):
        longest = mix_keys(np.stack([longest[:-1], marked[size - 1 :]], axis=1))
        inside = docs[: len(longest)] == docs[size - 1 :]
        keys.append(longest[inside])
        key_docs.append(docs[: len(longest)][inside])
    return np.concatenate(keys), np.concatenate(key_docs)


def ngram_contributions(
    model: ScorerT, docs: Sequence[Doc], share: float
) -> LinearPart:
    """Share the scores of n-grams out evenly among their tokens.

    An n-gram that a document has several times counts once, so each time it has a part
    of the weight. What edges alone have, where a document is empty, no token adds.
    """
    table: KeyTable = model.attrs["table"]
    lengths = np.array([len(doc) for doc in docs], dtype=np.int64)
    words = read_words(model, docs)[:, 0]
    size = model.attrs["ngram_size"]
    ngrams, doc_of = extract_ngrams(words, lengths, size)
    rows = table.find(ngrams)
    known = rows >= 0
    pairs, pair_of, times = np.unique(
        doc_of[known] * len(table.keys) + rows[known],
        return_inverse=True,
        return_counts=True,
    )
    n_known = np.bincount(pairs // len(table.keys), minlength=len(docs))
    module: Any = model.attrs["torch_module"].bind(model)
    weights, bias = (to_numpy(as_array(x, model.ops)) for x in module.parameters())
    value = NORM / np.sqrt(n_known.clip(min=1))[doc_of[known]] / times[pair_of]
    parts = weights[rows[known]] * value[:, None]
    covered = covered_tokens(lengths, size)[known]
    n_covered = (covered >= 0).sum(axis=1, keepdims=True)
    tokens = np.zeros((len(words), len(bias)))
    for column in covered.T:
        inside = column >= 0
        np.add.at(tokens, column[inside], (parts / n_covered.clip(min=1))[inside])
    rest = np.tile(bias.astype("f8"), (len(docs), 1))
    np.add.at(rest, doc_of[known], np.where(n_covered, 0.0, parts))
    return LinearPart(np.split(tokens, np.cumsum(lengths)[:-1]), rest, share)


def covered_tokens(lengths: np.ndarray, ngram_size: int) -> np.ndarray:
    """Say which tokens are in each n-gram, in the order of `extract_ngrams`.

    Returns:
        Their numbers in the batch, -1 for an edge or none. Shape (n-grams, ngram_size).
    """
    n_tokens, n_docs = int(lengths.sum()), len(lengths)
    tokens = np.arange(n_tokens)
    marked = np.full(n_tokens + 2 * n_docs, -1)
    marked[tokens + 2 * np.repeat(np.arange(n_docs), lengths) + 1] = tokens
    docs = np.repeat(np.arange(n_docs), lengths + 2)
    covered = [tokens[:, None]]
    for size in range(2, min(ngram_size, len(marked)) + 1):
        windows = np.lib.stride_tricks.sliding_window_view(marked, size)
        covered.append(windows[docs[: len(windows)] == docs[size - 1 :]])
    return np.concatenate(
        [
            np.pad(each, ((0, 0), (0, ngram_size - each.shape[1])), constant_values=-1)
            for each in covered
        ]
    )


def resize_ngrams(model: ScorerT, new_nO: int) -> ScorerT:
    """Return a layer of the same n-grams with more labels, which come to nearly 0."""
    table: KeyTable = model.attrs["table"]
    resized = Ngrams(
        new_nO,
        ngram_size=model.attrs["ngram_size"],
        attr=model.attrs["column"],
        rows=len(table.keys),
        ngram_dropout=model.attrs["ngram_dropout"],
    )
    resized.ops = model.ops
    if model.has_param("W"):
        resized.initialize()
        old: Any = model.attrs["torch_module"].bind(model)
        new: Any = resized.attrs["torch_module"].bind(resized)
        with torch.no_grad():
            new.weight[:, : model.get_dim("nO")] = old.weight
            new.bias.fill_(NEW_LABEL_BIAS)
            new.bias[: model.get_dim("nO")] = old.bias
    resized.attrs["table"] = table
    return resized


def init_dims(model: ScorerT, X: Any, Y: Any) -> None:
    if Y is not None and model.has_dim("nO") is None:
        model.set_dim("nO", get_width(Y))
    model.attrs["table"] = KeyTable(len(model.attrs["table"].keys))
