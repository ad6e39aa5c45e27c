"""The pieces of documents, token by token."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from spacy.tokens import Doc

from spacy_rnn.layers.features import distinct_keys, mix_keys, token_features
from spacy_rnn.layers.subwords import SPACE, Spelling
from spacy_rnn.ragged import count

COLUMNS: list[int | str] = ["ORTH", "SPACY", "IS_SPACE"]


class DocPieces(NamedTuple):
    """The pieces of some documents, end to end.

    Attributes:
        pieces: Shape (N,).
        lengths: How many each document has. Shape (B,).
        token_of: Which token of the batch each belongs to, rising. Shape (N,).
    """

    pieces: np.ndarray
    lengths: np.ndarray
    token_of: np.ndarray


def doc_pieces(spelling: Spelling, docs: Sequence[Doc], limit: int) -> DocPieces:
    """Cut the tokens of documents into pieces, each distinct one once.

    A piece never belongs to two tokens. A document of nothing but white space has none.

    Args:
        spelling: What cuts them.
        docs: The documents.
        limit: The greatest number of pieces of a document, of which the last tokens are
            left out; 0 for any number. The first token stays in any case.
    """
    n_tokens = count(docs)
    doc_of = np.repeat(np.arange(len(docs)), n_tokens)
    features = token_features(docs, COLUMNS)
    pieces, sizes = token_pieces(spelling, docs, features, doc_of)
    has_words = np.bincount(doc_of[features[:, 2] == 0], minlength=len(docs)) > 0
    kept = has_words[doc_of]
    if limit:
        ends = np.cumsum(sizes)
        starts = np.concatenate([[0], ends])[np.cumsum(n_tokens) - n_tokens]
        kept &= (ends - starts[doc_of] <= limit) | is_first(doc_of)
    is_kept = np.repeat(kept, sizes)
    token_of = np.repeat(np.arange(len(sizes)), sizes)[is_kept]
    lengths = np.bincount(doc_of[token_of], minlength=len(docs))
    return DocPieces(pieces[is_kept], lengths, token_of)


def token_pieces(
    spelling: Spelling, docs: Sequence[Doc], features: np.ndarray, doc_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cut tokens into pieces.

    Args:
        spelling: What cuts them.
        docs: The documents.
        features: `COLUMNS` of each token. Shape (tokens, 3).
        doc_of: The document of each token, rising. Shape (tokens,).

    Returns:
        All pieces, shape (N,), and how many each token has, shape (tokens,).
    """
    if not len(features):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    # A token has a space before it if the one before has one behind it, or is white
    # space. So has the first one, as words look the same wherever they stand.
    is_spaced = is_first(doc_of)
    is_spaced[1:] |= features[:-1, 1:].any(axis=1)
    words = np.stack([features[:, 0], is_spaced.astype(np.uint64)], axis=1)
    at, kind_of = distinct_keys(mix_keys(words))
    # Of the first document that has it: not all need have one vocabulary.
    strings = [docs[i].vocab.strings for i in doc_of[at]]
    texts = [
        SPACE * spaces + known[orth]
        for known, (orth, spaces) in zip(strings, words[at].tolist(), strict=True)
    ]
    cut = spelling(texts)
    per_kind = np.array([len(each) for each in cut])
    flat = np.array([piece for each in cut for piece in each], dtype=np.int64)
    sizes = per_kind[kind_of]
    starts = (np.cumsum(per_kind) - per_kind)[kind_of]
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return flat[np.repeat(starts, sizes) + within], sizes


def is_first(doc_of: np.ndarray) -> np.ndarray:
    """Say which tokens are the first of their documents."""
    first = np.ones(len(doc_of), dtype=bool)
    first[1:] = doc_of[1:] != doc_of[:-1]
    return first


def select(pieces: DocPieces, kept: np.ndarray) -> DocPieces:
    """Leave out the pieces of some documents."""
    is_kept = np.repeat(kept, pieces.lengths)
    return DocPieces(
        pieces.pieces[is_kept], pieces.lengths[kept], pieces.token_of[is_kept]
    )
