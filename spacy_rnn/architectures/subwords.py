"""Pieces of words, for the texts that an encoder-decoder reads and writes."""

from typing import get_args

from spacy_rnn.checks import check_at_least, check_choice, check_rate
from spacy_rnn.layers.subwords import Subwords
from spacy_rnn.types import SubwordKind, SubwordsT


def build_subwords(
    size: int = 8000, kind: SubwordKind = "bpe", piece_dropout: float = 0.0
) -> SubwordsT:
    """Build what cuts texts into pieces of words.

    The pieces are learned from the training data by `nlp.initialize`, with
    sentencepiece (Kudo & Richardson, 2018), and saved with the pipeline. Every text is
    made of pieces, and nothing of it is lost: what no piece is known for is written in
    bytes, and white space stays as it is.

    Args:
        size: The greatest number of pieces, above 260, the number of those for bytes
            and for the ends of texts.
        kind: "bpe", which joins the pair that is most frequent until there are enough
            (Sennrich et al., 2016), or "unigram", which drops what is least needed
            until there are no more (Kudo, 2018).
        piece_dropout: Probability, in [0, 1), of leaving a piece out of a batch of
            training. Wherever the piece would stand, the two smaller ones that say the
            same do, so a network learns from few texts of what words are made. This is
            BPE-dropout (Provilkov et al., 2020) with one choice for a whole batch: a
            word has the same pieces in a source and its target, and can be copied.

    Raises:
        ValueError: If the kind is unknown or the number is too small.
    """
    check_choice("kind", kind, get_args(SubwordKind))
    check_at_least("size", size, 261)
    check_rate("piece_dropout", piece_dropout)
    return Subwords(size=size, kind=kind, piece_dropout=piece_dropout)
