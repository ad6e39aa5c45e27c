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

from dataclasses import dataclass
from typing import Literal

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats1d, Floats2d

Cell = Literal["rnn_tanh", "rnn_relu", "lstm", "gru"]
Pooling = Literal["last", "mean", "max", "attention"]
CharEncoder = Literal["cnn", "lstm"]
WordAttr = Literal["ORTH", "LOWER", "NORM"]  # attributes that are whole words

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


TagScores = CRFScores | list[Floats2d]  # of sequences, or of each token by itself
CRFT = Model[list[Floats2d], CRFScores]
CRFTaggerT = Model[list[Doc], CRFScores]
