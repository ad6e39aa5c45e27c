"""Names for what flows between the layers.

Shapes in docstrings are written with these letters:

    B   documents in a batch
    N   tokens in a batch, all documents end to end
    T   time steps of a block of documents of similar length
    M   distinct feature rows in a batch (M <= N)
    A   token attributes that are embedded
    S   sentences in a batch, those of all documents in a row
    P   pairs of a sentence and a distinct word of it in a batch
    V   views: ways of weighing words
    C   characters of the distinct words in a batch, all words end to end
    U   distinct characters in a batch
    K   labels
    nI  width of the input
    nO  width of the output
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats1d, Floats2d

Cell = Literal["rnn_tanh", "rnn_relu", "lstm", "gru"]
Pooling = Literal["last", "mean", "max", "attention"]
CharEncoder = Literal["cnn", "lstm"]
WordAttr = Literal["ORTH", "LOWER", "NORM"]  # attributes that are whole words
DecoderCell = Literal["lstm", "gru"]
Attention = Literal["dot", "general", "additive"]
SubwordKind = Literal["bpe", "unigram"]

EncoderT = Model[list[Floats2d], list[Floats2d]]  # token vectors of each document
Tok2VecT = Model[list[Doc], list[Floats2d]]
# The next piece of each sequence, and its state before it or after it, None before the
# first. Shape (states of all layers, nO).
Stream = tuple[list[Floats2d], list[Floats2d | None] | None]
StreamT = Model[Stream, Stream]
PoolT = Model[list[Floats2d], Floats2d]  # (B, nO)
ScorerT = Model[list[Doc], Floats2d]  # (B, K)
SentenceScorerT = Model[list[Doc], list[Floats1d]]  # of each document's sentences
TaggerT = Model[list[Doc], list[Floats2d]]  # label scores of each document's tokens
SubwordsT = Model[Sequence[str], list[list[int]]]  # pieces of texts
# Documents and their targets; the negative log-likelihood of each.
Seq2SeqT = Model[tuple[list[Doc], Sequence[str | None]], Floats1d]


@dataclass
class CRFScores:
    """Scores of tag sequences, in nats, or the gradient of a loss for them.

    The score of a sequence is the sum of its emissions, of the transitions from each
    tag to the next, of the start score of its first tag and the end score of its last.

    Attributes:
        emissions: For each document, shape (number of tokens, K).
        transitions: From row to column. Shape (K, K).
        start: Shape (K,).
        end: Shape (K,).
    """

    emissions: list[Floats2d]
    transitions: Floats2d
    start: Floats1d
    end: Floats1d


@dataclass
class Candidate:
    """A text that was written about a document.

    Attributes:
        text: The text.
        score: By which it was chosen: the log-probability, divided for its length, or
            how much it is expected to agree with what should be written, in [0, 1].
        log_probability: In nats.
        pieces: What it's made of; "▁" stands for a space, the last one for the end.
            T of them.
        log_probabilities: Of each piece, after those before it.
        attention: How much of each token of the document was read for each piece,
            adding up to 1. Shape (T, tokens). None unless asked for.
        copied: The token that each piece was copied from, or -1. Empty unless attention
            was asked for, and where there is no copying.
    """

    text: str
    score: float
    log_probability: float
    pieces: list[str]
    log_probabilities: list[float]
    attention: np.ndarray | None = None
    copied: list[int] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return what is known as values that can be saved with a document."""
        return {**vars(self), "probability": math.exp(self.log_probability)}


TagScores = CRFScores | list[Floats2d]  # of sequences, or of each token by itself
CRFT = Model[list[Floats2d], CRFScores]
CRFTaggerT = Model[list[Doc], CRFScores]
