"""The embedding of tokens by their characters as a Thinc layer."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.types import Floats2d
from torch import Tensor

from spacy_rnn.layers.batches import no_docs, split, to_device
from spacy_rnn.layers.features import distinct_keys, hash_rows, token_features
from spacy_rnn.layers.hash_embed import run_for_update
from spacy_rnn.layers.row_cache import RowCache
from spacy_rnn.layers.torch_layer import backprop_nothing, run, torch_layer
from spacy_rnn.modules import char_embed
from spacy_rnn.ragged import count
from spacy_rnn.types import CharEncoder, Tok2VecT, WordAttr


def CharEmbed(
    nO: int,
    *,
    encoder: CharEncoder,
    char_width: int,
    rows: int,
    max_chars: int,
    attr: WordAttr,
    dropout: float,
) -> Tok2VecT:
    """Embed the tokens of documents, each distinct word of a batch once.

    At inference the vectors of earlier batches are kept, see `RowCache`.
    """
    return torch_layer(
        f"char_{encoder}",
        partial(
            char_embed.CharEmbed, encoder=encoder, char_width=char_width, rows=rows
        ),
        forward,
        dims={"nO": nO},
        attrs={
            "attr": attr,
            "rows": rows,
            "max_chars": max_chars,
            "dropout_rate": dropout,
            "row_cache": RowCache(),
        },
    )


def forward(
    model: Tok2VecT, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    cache: RowCache = model.attrs["row_cache"]
    lengths = count(docs)
    if is_train:
        cache.clear()
    if not lengths.any():
        nothing = split(model.ops.alloc2f(0, model.get_dim("nO")), lengths)
        return nothing, no_docs if is_train else backprop_nothing
    words = token_features(docs, [model.attrs["attr"]])[:, 0]
    if is_train:
        tokens, distinct_of = distinct_keys(words)
        return run_for_update(
            model,
            lengths,
            *characters(model, read_words(docs, words, tokens)),
            to_device(model, distinct_of),
            to_device(model, lengths),
        )

    def compute(tokens: np.ndarray) -> Floats2d:
        texts = read_words(docs, words, tokens)
        return run(model, *characters(model, texts), is_train=False)[0]

    return split(cache.fetch(model, words, compute), lengths), backprop_nothing


def read_words(docs: Sequence[Doc], words: np.ndarray, tokens: np.ndarray) -> list[str]:
    """Look the strings of some tokens up.

    Args:
        docs: The batch. Its documents may have different vocabs.
        words: Hash of each token's string, documents end to end. Shape (N,), uint64.
        tokens: Which of the tokens to read. Shape (M,).
    """
    ends = count(docs).cumsum()
    doc_of = np.searchsorted(ends, tokens, side="right").tolist()
    return [
        docs[i].vocab.strings[word]
        for i, word in zip(doc_of, words[tokens].tolist(), strict=True)
    ]


def characters(model: Tok2VecT, texts: list[str]) -> tuple[Tensor, Tensor, Tensor]:
    """Hash words character by character.

    Returns:
        For each distinct character the rows of the table to add up, shape (U, 4); which
        of them each character is, words end to end, shape (C,); and the characters in
        each word, shape (M,), on the CPU.
    """
    texts = [cut(text, model.attrs["max_chars"]) for text in texts]
    code_points = np.frombuffer("".join(texts).encode("utf-32-le"), dtype="<u4")
    distinct, chars = np.unique(code_points, return_inverse=True)
    rows = hash_rows(distinct[:, None].astype(np.uint64), [model.attrs["rows"]])
    return (
        to_device(model, rows[:, 0]),
        to_device(model, chars),
        torch.tensor([len(text) for text in texts], dtype=torch.long),
    )


def cut(text: str, max_chars: int) -> str:
    """Keep the two halves of a long word that tell most: its start and its end."""
    if len(text) <= max_chars:
        return text
    n_last = max_chars // 2
    return text[: max_chars - n_last] + text[len(text) - n_last :]
