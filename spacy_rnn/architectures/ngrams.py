"""A linear model of n-grams."""

from thinc.api import resizable
from thinc.layers.resizable import resize_model

from spacy_rnn.checks import check_at_least, check_rate
from spacy_rnn.layers.ngrams import Ngrams, resize_ngrams
from spacy_rnn.types import ScorerT


def build_bag_of_ngrams(
    ngram_size: int = 2,
    attr: str | int = "LOWER",
    rows: int = 262_144,
    ngram_dropout: float = 0.0,
    nO: int | None = None,
) -> ScorerT:
    """Build a linear model of the n-grams in a document, without an output layer.

    Its use is as `linear_model` of `spacy-rnn.TextCat.v1`. Edges of a document count as
    tokens, so that its first and last words can be told.

    Args:
        ngram_size: Tokens in the longest n-grams, at least 1; the shorter ones are
            there too.
        attr: The token attribute that n-grams are made of.
        rows: N-grams that can have weights, at least 1, the first to come in training.
        ngram_dropout: Probability, in [0, 1), of leaving an n-gram of a document out in
            training. `[training] dropout` leaves it alone.
        nO: Number of labels, if known.

    Raises:
        ValueError: If a number is out of range.
    """
    check_at_least("ngram_size", ngram_size, 1)
    check_at_least("rows", rows, 1)
    check_rate("ngram_dropout", ngram_dropout)
    model: ScorerT = resizable(
        Ngrams(
            nO, ngram_size=ngram_size, attr=attr, rows=rows, ngram_dropout=ngram_dropout
        ),
        resize_layer=resize_ngrams,
    )
    model.attrs["resize_output"] = resize_model
    return model
