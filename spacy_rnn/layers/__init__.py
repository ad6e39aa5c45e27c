"""Thinc layers. Those named here are for everybody: see `docs/sequences.md`."""

from spacy_rnn.layers.crf import CRF
from spacy_rnn.layers.dropout import Dropout
from spacy_rnn.layers.pool import Pool
from spacy_rnn.layers.rnn import RNN
from spacy_rnn.layers.softmax import Softmax
from spacy_rnn.layers.streams import with_state

__all__ = ["CRF", "RNN", "Dropout", "Pool", "Softmax", "with_state"]
