"""Classifiers of long texts."""

from functools import partial

from spacy_rnn.architectures.textcat import build_classifier
from spacy_rnn.checks import check_at_least
from spacy_rnn.layers.hierarchical import Hierarchical
from spacy_rnn.layers.pool import Pool, check_pooling, reads_both_ways
from spacy_rnn.layers.rnn import RNN
from spacy_rnn.layers.segments import chunks
from spacy_rnn.types import Cell, Pooling, ScorerT, Tok2VecT


def build_hierarchical_textcat(
    tok2vec: Tok2VecT,
    exclusive_classes: bool,
    width: int = 96,
    cell: Cell = "lstm",
    word_pooling: list[Pooling] = ["attention"],  # noqa: B006
    sentence_pooling: list[Pooling] = ["attention"],  # noqa: B006
    chunk_size: int = 32,
    dropout: float = 0.0,
    linear_model: ScorerT | None = None,
    linear_share: float = 0.8,
    nO: int | None = None,
) -> ScorerT:
    """Build a classifier of long texts, with attention over words and over sentences.

    A hierarchical attention network (Yang et al., 2016): words become sentence vectors,
    those are read by a recurrent network in two directions, and both together become
    the vector of the document.

    Args:
        tok2vec: Makes the token vectors. It gets each sentence by itself; only one that
            listens to another component gets documents.
        exclusive_classes: Whether exactly one label is right (softmax) or any number of
            them (logistic).
        width: Width of the sentence encoder, at least 2 and even.
        cell: Of the sentence encoder: "rnn_tanh", "rnn_relu", "lstm" or "gru".
        word_pooling: How words become a sentence vector: one or several of "last",
            "mean", "max" and "attention", each at most once.
        sentence_pooling: How sentences become a document vector, in the same way;
            "last" is the last sentence.
        chunk_size: Tokens in what stands for a sentence in a document without sentence
            boundaries, at least 1.
        dropout: Probability, in [0, 1), of zeroing a feature of the document vector.
            Only in training, where `[training] dropout` replaces it.
        linear_model: A model without an output layer, such as
            `spacy-rnn.BagOfNgrams.v1`, whose scores are averaged with the network's.
            The two are trained apart, each by its own cross-entropy.
        linear_share: What it contributes to the average, in (0, 1).
        nO: Number of labels, if known.

    Raises:
        ValueError: If a pooling is empty, unknown or repeats itself, the cell is
            unknown, or a number is out of range.
    """
    check_at_least("width", width, 2)
    check_at_least("chunk_size", chunk_size, 1)
    check_pooling("word_pooling", word_pooling)
    check_pooling("sentence_pooling", sentence_pooling)
    word_width = tok2vec.maybe_get_dim("nO")
    segment_width = None if word_width is None else word_width * len(word_pooling)
    pair_width = None if segment_width is None else segment_width + width
    pool = Pool(
        word_width, pooling=word_pooling, bidirectional=reads_both_ways(tok2vec)
    )
    encoder = RNN(width, segment_width, cell=cell, depth=1, bidirectional=True)
    doc2vec = Hierarchical(
        tok2vec,
        pool,
        encoder,
        Pool(pair_width, pooling=sentence_pooling, bidirectional=False),
        cut=partial(chunks, size=chunk_size),
    )
    return build_classifier(
        [doc2vec],
        None if pair_width is None else pair_width * len(sentence_pooling),
        tok2vec=tok2vec,
        pool=pool,
        exclusive_classes=exclusive_classes,
        dropout=dropout,
        linear_model=linear_model,
        linear_share=linear_share,
        nO=nO,
    )
