"""Taggers that choose the tags of a whole document together."""

from typing import Any

from thinc.api import Model, resizable
from thinc.layers.chain import init as init_chain

from spacy_rnn.architectures.tagger import chain_tagger
from spacy_rnn.layers.crf import CRF, resize_crf
from spacy_rnn.types import CRFTaggerT, Tok2VecT


def build_crf_tagger(
    tok2vec: Tok2VecT, dropout: float = 0.0, nO: int | None = None
) -> CRFTaggerT:
    """Build a conditional random field on token vectors (Lafferty et al., 2001).

    With a bidirectional LSTM as the encoder it's the tagger of Lample et al. (2016).
    It takes documents and returns the scores of their tag sequences: for each document
    an array of shape (tokens, nO), and, common to all of them, the scores of
    transitions, shape (nO, nO), of the first tag and of the last, shape (nO,). Its
    probabilities can be trained on sets of tags too, where annotation is partial
    (Tsuboi et al., 2008).

    Args:
        tok2vec: Makes the token vectors.
        dropout: Probability, in [0, 1), of zeroing a feature of a token vector. Only in
            training, where `[training] dropout` replaces it. If 0, nothing is dropped
            here, even then: our encoders' vectors come with dropout.
        nO: Number of tags, if known.

    Raises:
        ValueError: If the rate is out of range.
    """
    output_layer: Model = resizable(
        CRF(nO, tok2vec.maybe_get_dim("nO")), resize_layer=resize_crf
    )
    model: CRFTaggerT = chain_tagger(tok2vec, output_layer, dropout=dropout, nO=nO)
    model.init = init
    return model


def init(model: CRFTaggerT, X: Any = None, Y: Any = None) -> None:
    init_chain(model, X, Y)
    model.set_dim("nO", model.get_ref("output_layer").get_dim("nO"))
