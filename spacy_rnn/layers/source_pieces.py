"""The pieces of documents, token by token."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from spacy.tokens import Doc

from spacy_rnn.layers.batches import count
from spacy_rnn.layers.features import token_features
from spacy_rnn.layers.subwords import SPACE
from spacy_rnn.types import SubwordsT


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


def doc_pieces(subwords: SubwordsT, docs: Sequence[Doc], limit: int) -> DocPieces:
    """Cut the tokens of documents into pieces, of each distinct one once.

    A piece never belongs to two tokens. A document of nothing but white space has none.

    Args:
        subwords: What cuts them.
        docs: The documents.
        limit: The greatest number of pieces of a document; the tokens behind are left
            out. 0 for all.
    """
    n_tokens = count(docs)
    features = token_features(docs, ["ORTH", "SPACY", "IS_SPACE"])
    orths, has_space = features[:, 0], features[:, 1].astype(bool)
    ends = np.cumsum(n_tokens)
    # Whether there is a space before; in front of a text one is made up.
    spaced = np.ones(len(orths), dtype=bool)
    spaced[1:] = has_space[:-1]
    spaced[(ends - n_tokens)[n_tokens > 0]] = True
    keys, kind_of = np.unique(
        np.stack([orths, spaced.astype(np.uint64)]), axis=1, return_inverse=True
    )
    texts = [
        SPACE * int(space) + docs[0].vocab.strings[int(orth)] for orth, space in keys.T
    ]
    kinds = subwords.predict(texts) if texts else []
    sizes = np.fromiter(map(len, kinds), dtype=np.int64, count=len(kinds))
    doc_of = np.repeat(np.arange(len(docs)), n_tokens)
    kind_of = kind_of.ravel()
    per_token = sizes[kind_of]
    has_words = np.bincount(doc_of, features[:, 2] == 0, len(docs)) > 0
    kept = has_words[doc_of]
    if limit:
        so_far = np.cumsum(per_token)
        before = np.concatenate([[0], so_far])[(ends - n_tokens)]
        inside = so_far - before[doc_of] <= limit
        inside[(ends - n_tokens)[n_tokens > 0]] = True
        kept &= inside
    tokens = np.flatnonzero(kept)
    token_of = np.repeat(tokens, per_token[tokens])
    flat = np.concatenate([np.array(each, dtype=np.int64) for each in kinds]) if kinds else np.empty(0, np.int64)
    starts = (np.cumsum(sizes) - sizes)[kind_of[tokens]]
    per = per_token[tokens]
    within = np.arange(per.sum()) - np.repeat(np.cumsum(per) - per, per)
    pieces = flat[np.repeat(starts, per) + within]
    lengths = np.bincount(doc_of[token_of], minlength=len(docs))
    return DocPieces(pieces, lengths, token_of)
