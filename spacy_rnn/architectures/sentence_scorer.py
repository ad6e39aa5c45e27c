"""Scorers of sentences, for summaries."""

from typing import get_args

from spacy_rnn.checks import check_at_least, check_choice, check_rate, check_two_halves
from spacy_rnn.layers.contributions import contributions
from spacy_rnn.layers.sentence_scorer import SentenceScorer
from spacy_rnn.types import Cell, SentenceScorerT, Tok2VecT


def build_sentence_scorer(
    tok2vec: Tok2VecT,
    width: int = 64,
    cell: Cell = "lstm",
    hidden_width: int = 64,
    views: int = 3,
    attr: str | int = "LOWER",
    dropout: float = 0.0,
) -> SentenceScorerT:
    """Build a network that scores sentences as candidates for a summary.

    It returns for each document the log odds that its sentences are chosen, shape
    (number of sentences,). Its terms are those of SummaRuNNer (Nallapati et al., 2017):
    content, salience in the document, novelty beside the sentences chosen before, and
    position. The content is what an encoder of words and one of sentences make of it,
    and statistics of the words that a sentence shares with its document.

    Args:
        tok2vec: Makes the token vectors. It gets each sentence by itself, so that the
            vectors of a sentence do not depend on others; only one that listens to
            another component gets documents.
        width: Width of the sentence encoder, at least 2 and even.
        cell: Of the sentence encoder: "rnn_tanh", "rnn_relu", "lstm" or "gru".
        hidden_width: Width of the layer that weighs the content, at least 1.
        views: How many ways of weighing words are learned for their statistics, at
            least 1.
        attr: The token attribute by which two words of a document are the same.
        dropout: Probability, in [0, 1), of zeroing a feature of a sentence. Only in
            training, where `[training] dropout` replaces it.

    Raises:
        ValueError: If the cell is unknown or a number is out of range.
    """
    check_choice("cell", cell, get_args(Cell))
    check_at_least("width", width, 2)
    check_at_least("hidden_width", hidden_width, 1)
    check_at_least("views", views, 1)
    check_rate("dropout", dropout)
    check_two_halves("width", width)
    model = SentenceScorer(
        tok2vec,
        width=width,
        hidden_width=hidden_width,
        cell=cell,
        views=views,
        attr=attr,
        dropout=dropout,
    )
    model.set_ref("tok2vec", tok2vec)
    model.attrs["explain"] = contributions
    return model
