"""Encoder-decoders, which read a text and write another one."""

from typing import get_args

from spacy_rnn.checks import (
    check_at_least,
    check_choice,
    check_not_negative,
    check_rate,
)
from spacy_rnn.layers.seq2seq import Seq2Seq
from spacy_rnn.layers.writing import write
from spacy_rnn.types import (
    Attention,
    DecoderCell,
    EncoderT,
    Seq2SeqT,
    SubwordsT,
    Tok2VecT,
)


def build_seq2seq(
    encode: EncoderT,
    subwords: SubwordsT,
    tok2vec: Tok2VecT | None = None,
    target_subwords: SubwordsT | None = None,
    width: int = 256,
    hidden_width: int = 256,
    cell: DecoderCell = "lstm",
    attention: Attention = "general",
    tied: bool = True,
    copying: bool = False,
    coverage: bool = False,
    coverage_loss: float = 0.0,
    label_smoothing: float = 0.1,
    max_source: int = 0,
    dropout: float = 0.0,
) -> Seq2SeqT:
    """Build a recurrent encoder-decoder with attention (Bahdanau et al., 2015).

    It takes documents with the text that is to be written about each, or None, and
    returns the negative log-likelihood of each text, divided by the number of pieces of
    all: their sum is the loss per piece, and its gradient is made when they are
    computed.

    Args:
        encode: Reads the vectors of the source's pieces, of the given width.
        subwords: Cuts sources into pieces, token by token, and targets.
        tok2vec: Makes vectors of tokens, which are added to those of their pieces.
            None for pieces alone.
        target_subwords: Cuts targets into pieces, if they have a vocabulary of their
            own.
        width: Width of the vectors of pieces, at least 1.
        hidden_width: Width of the decoder's state, at least 1.
        cell: Of the decoder: "lstm" or "gru".
        attention: How a state and what the encoder made are compared: "dot" (which
            needs an encoder of the hidden width), "general" (Luong et al., 2015) or
            "additive" (Bahdanau et al., 2015).
        tied: Let the softmax have the vectors of the target pieces (Press & Wolf,
            2017).
        copying: Let pieces of the source be copied (See et al., 2017). Sources and
            targets need one vocabulary.
        coverage: Let attention see how much has been read of each piece (See et al.,
            2017).
        coverage_loss: How much it costs to read again what has been read, 0 or more
            (See et al., 2017).
        label_smoothing: Share of the truth, in [0, 1), that is spread over all pieces
            (Szegedy et al., 2016).
        max_source: The greatest number of pieces of a document that is read, or 0 for
            all.
        dropout: Probability, in [0, 1), of zeroing a feature of the vectors of pieces,
            and of what the softmax reads. Only in training, where `[training] dropout`
            replaces it.

    Raises:
        ValueError: If a name is unknown, a number is out of range, or copying is asked
            for with two vocabularies.
    """
    check_choice("cell", cell, get_args(DecoderCell))
    check_choice("attention", attention, get_args(Attention))
    check_at_least("width", width, 1)
    check_at_least("hidden_width", hidden_width, 1)
    check_at_least("max_source", max_source, 0)
    check_rate("label_smoothing", label_smoothing)
    check_rate("dropout", dropout)
    check_not_negative("coverage_loss", coverage_loss)
    if copying and target_subwords is not None:
        raise ValueError(
            "What is copied has to be in the vocabulary of the target: set "
            "target_subwords = null, or copying = false"
        )
    if attention == "dot" and encode.get_dim("nO") != hidden_width:
        raise ValueError(
            f'attention = "dot" compares what the encoder makes with the state as it '
            f"is, so it needs an encoder of width {hidden_width}, the hidden_width, "
            f"but it is of width {encode.get_dim('nO')}"
        )
    model = Seq2Seq(
        tok2vec,
        encode,
        subwords,
        target_subwords,
        width=width,
        hidden_width=hidden_width,
        cell=cell,
        attention=attention,
        tied=tied,
        copying=copying,
        coverage=coverage,
        coverage_loss=coverage_loss,
        label_smoothing=label_smoothing,
        max_source=max_source,
        dropout=dropout,
    )
    model.attrs["write"] = write
    return model
