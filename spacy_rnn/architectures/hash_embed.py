"""Embeddings of tokens, for `embed` in `spacy.Tok2Vec.v2`, and a whole tok2vec."""

from spacy.ml.models.tok2vec import build_Tok2Vec_model

from spacy_rnn.architectures.rnn import build_rnn_encoder
from spacy_rnn.checks import check_at_least, check_not_negative, check_rate
from spacy_rnn.layers.hash_embed import HashEmbed
from spacy_rnn.types import Cell, Tok2VecT


def build_multi_hash_embed(
    width: int,
    attrs: list[str | int],
    rows: list[int],
    include_static_vectors: bool,
    dropout: float = 0.0,
    word_dropout: float = 0.0,
    unknown_rate: float = 0.0,
) -> Tok2VecT:
    """Build what `spacy.MultiHashEmbed.v2` is, computed once per distinct token.

    Args:
        width: Width of the output and of each table, at least 1.
        attrs: Token attributes to embed, such as "NORM", "PREFIX", "SUFFIX", "SHAPE".
        rows: Rows in the table of each attribute, at least 1.
        include_static_vectors: Also use the vocab's table of word vectors, through a
            learned projection. The table itself isn't trained.
        dropout: Probability, in [0, 1), of zeroing a feature throughout a document.
            Only in training, where `[training] dropout` replaces it.
        word_dropout: Probability, in [0, 1), of zeroing the whole vector of a token in
            training. `[training] dropout` leaves it alone.
        unknown_rate: If above 0, what training hasn't seen of an attribute is one
            unknown value, instead of getting vectors that say nothing. For it to be
            learned, a value that was seen n times is taken for unknown with a
            probability of unknown_rate / (unknown_rate + n) in training (Kiperwasser &
            Goldberg, 2016).

    Raises:
        ValueError: If a number is out of range, or `attrs` is empty, or `rows` has
            another length.
    """
    check_at_least("width", width, 1)
    check_rate("dropout", dropout)
    check_rate("word_dropout", word_dropout)
    check_not_negative("unknown_rate", unknown_rate)
    if len(rows) != len(attrs):
        raise ValueError(
            f"rows needs one number for each of attrs, but there are {len(rows)} rows "
            f"and {len(attrs)} attrs"
        )
    if not attrs:
        raise ValueError("attrs needs at least one token attribute, such as NORM")
    for number in rows:
        check_at_least("rows", number, 1)
    return HashEmbed(
        width,
        attrs=attrs,
        rows=rows,
        include_static_vectors=include_static_vectors,
        dropout=dropout,
        word_dropout=word_dropout,
        unknown_rate=unknown_rate,
    )


def build_hash_embed_rnn(
    width: int,
    depth: int,
    embed_size: int,
    subword_features: bool = True,
    pretrained_vectors: bool | None = None,
    cell: Cell = "lstm",
    bidirectional: bool = True,
    dropout: float = 0.0,
    word_dropout: float = 0.0,
) -> Tok2VecT:
    """Build a tok2vec in one line, as `spacy.HashEmbedCNN.v2` does for a CNN.

    Args:
        width: Width of the output and of the embedding, at least 1; even with two
            directions.
        depth: Number of stacked recurrent layers, at least 1.
        embed_size: Rows in the table of words, at least 1; the tables of prefixes,
            suffixes and shapes have half as many.
        subword_features: Also embed prefix, suffix and shape. Better left out for
            scripts without an alphabet.
        pretrained_vectors: Also use the vocab's table of word vectors.
        cell: "rnn_tanh", "rnn_relu", "lstm" or "gru".
        bidirectional: Also read each document from its end.
        dropout: Probability, in [0, 1), of zeroing a feature throughout a document,
            after the embedding and after each layer. `[training] dropout` replaces it.
        word_dropout: Probability, in [0, 1), of zeroing the whole vector of a token.

    Raises:
        ValueError: If a number is out of range, or the width is odd with two
            directions.
    """
    check_at_least("embed_size", embed_size, 1)
    attrs: list[str | int] = ["NORM"]
    rows = [embed_size]
    if subword_features:
        attrs += ["PREFIX", "SUFFIX", "SHAPE"]
        rows += [max(1, embed_size // 2)] * 3
    return build_Tok2Vec_model(
        build_multi_hash_embed(
            width,
            attrs,
            rows,
            bool(pretrained_vectors),
            dropout=dropout,
            word_dropout=word_dropout,
        ),
        build_rnn_encoder(
            width,
            cell=cell,
            depth=depth,
            bidirectional=bidirectional,
            dropout=dropout,
        ),
    )
