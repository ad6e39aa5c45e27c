"""Documents as sequences of segments, which are sequences of words."""

from collections.abc import Callable
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from spacy_rnn.layers.batches import concatenate, split
from spacy_rnn.layers.segments import Cut, with_segments
from spacy_rnn.types import EncoderT, PoolT, ScorerT, Tok2VecT


def Hierarchical(
    tok2vec: Tok2VecT,
    pool_words: PoolT,
    encode: EncoderT,
    pool_segments: PoolT,
    *,
    cut: Cut,
) -> ScorerT:
    """Make a vector of each document by way of its segments (Yang et al., 2016).

    What the encoder makes of a segment in its context stands beside the segment's own
    vector. So a small corpus, which can't teach the encoder much, still has those.

    Args:
        tok2vec: Makes the token vectors, of each segment by itself.
        pool_words: Makes a segment's vector of those of its tokens.
        encode: Lets each segment know of the others.
        pool_segments: Makes a document's vector of those of its segments.
        cut: Cuts a document into segments.
    """
    if "attend" in pool_segments.attrs:
        pool_segments.attrs["attention_of"] = "sentences"
    return Model(
        "hierarchical",
        forward,
        init=init,
        layers=[with_segments(tok2vec, cut), pool_words, encode, pool_segments],
    )


def forward(
    model: ScorerT, docs: list[Doc], is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], list[Doc]]]:
    vectors, pool_words, encode, pool_segments = model.layers
    (Xs, sizes), backprop_vectors = vectors(docs, is_train)
    segments, backprop_words = pool_words(Xs, is_train)
    encoded, backprop_encoder = encode(split(segments, sizes), is_train)
    width, nO = segments.shape[1], encode.get_dim("nO")
    pairs = model.ops.xp.hstack([segments, concatenate(model, encoded, nO)[0]])
    Y, backprop_segments = pool_segments(split(pairs, sizes), is_train)

    def backprop(dY: Floats2d) -> list[Doc]:
        d_pairs, _ = concatenate(model, backprop_segments(dY), width + nO)
        through = backprop_encoder(split(d_pairs[:, width:], sizes))
        d_segments = d_pairs[:, :width] + concatenate(model, through, width)[0]
        backprop_vectors(backprop_words(d_segments))
        return []

    return Y, backprop


def init(model: ScorerT, X: list[Doc] | None = None, Y: Any = None) -> None:
    vectors, pool_words, encode, pool_segments = model.layers
    vectors.initialize(X=X)
    if vectors.has_dim("nO"):
        pool_words.set_dim("nI", vectors.get_dim("nO"), force=True)
    pool_words.initialize()
    if encode.has_dim("nI") is None and X:
        segments = pool_words.predict(vectors.predict(X[:1])[0])
        encode.set_dim("nI", segments.shape[1])
    encode.initialize()
    pool_segments.set_dim("nI", encode.get_dim("nI") + encode.get_dim("nO"), force=True)
    pool_segments.initialize()
