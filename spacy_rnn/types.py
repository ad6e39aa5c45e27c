"""Names for what flows between the layers.

Shapes in docstrings are written with these letters:

    B   documents in a batch
    N   tokens in a batch, all documents end to end
    T   time steps of a block of documents of similar length
    M   distinct feature rows in a batch (M <= N)
    A   token attributes that are embedded
    K   labels
    nI  width of the input
    nO  width of the output
"""

from typing import Literal

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

Cell = Literal["rnn_tanh", "rnn_relu", "lstm", "gru"]
Pooling = Literal["last", "mean", "max", "attention"]

EncoderT = Model[list[Floats2d], list[Floats2d]]  # token vectors of each document
Tok2VecT = Model[list[Doc], list[Floats2d]]
PoolT = Model[list[Floats2d], Floats2d]  # (B, nO)
ScorerT = Model[list[Doc], Floats2d]  # (B, K)
