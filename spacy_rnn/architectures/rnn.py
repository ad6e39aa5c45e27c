"""Recurrent encoders, for `encode` in `spacy.Tok2Vec.v2` and for plain sequences."""

from spacy_rnn.layers.rnn import RNN
from spacy_rnn.types import Cell, EncoderT


def build_rnn_encoder(
    width: int,
    cell: Cell = "lstm",
    depth: int = 1,
    bidirectional: bool = True,
    dropout: float = 0.0,
    residual: bool = False,
    layer_norm: bool = False,
    mixed_precision: bool = False,
    weight_dropout: float = 0.0,
    bptt: int = 0,
    recompute: int = 0,
    cuda_graphs: bool = False,
) -> EncoderT:
    """Build a recurrent encoder.

    It takes and returns a list of float arrays, one per document, of shape (tokens, nI)
    and (tokens, width). The input may have any width.

    Args:
        width: Width of the output, at least 1; with two directions even, half of it for
            each.
        cell: "rnn_tanh" or "rnn_relu" (Elman, 1990), "lstm" (Hochreiter & Schmidhuber,
            1997) or "gru" (Cho et al., 2014).
        depth: Number of stacked layers, at least 1.
        bidirectional: Also read each document from its end (Schuster & Paliwal, 1997).
        dropout: Probability, in [0, 1), of zeroing a feature of a layer's output
            throughout a document (Gal & Ghahramani, 2016). Only in training, where
            `[training] dropout` replaces it.
        residual: Add each layer's input to its output, projected where the widths
            differ (He et al., 2016).
        layer_norm: Normalize each layer's output (Ba et al., 2016).
        mixed_precision: Compute in bfloat16 what is faster in it, with float32
            parameters and results: LSTMs on a CPU that has AVX512_BF16 or AMX, and
            the projection of `residual`. Exact to about two digits.
        weight_dropout: Probability, in [0, 1), of zeroing a recurrent weight throughout
            a batch (Merity et al., 2018). Only in training; `[training] dropout` leaves
            it alone.
        bptt: Length in words, at least 1, of the chunks that the gradient of a
            recurrent state doesn't leave, or 0 for whole documents (Williams & Peng,
            1990). States are carried on, so results stay the same. Chunks are counted
            from where a direction starts to read.
        recompute: Length in words, at least 1, of the chunks of long documents that are
            computed again in the backward pass instead of remembered, or 0 to remember
            everything (Gruslys et al., 2016). Takes less memory and more time, and
            leaves results and gradients the same.
        cuda_graphs: On a GPU, capture what is done for a block of documents when its
            shape comes for the second time, and launch it as a whole from then on.
            Takes up to an eighth of the GPU's memory, and leaves results the same.

    Raises:
        ValueError: If the cell is unknown, a number is out of range, or an odd width is
            to be shared by two directions.
    """
    return RNN(
        width,
        cell=cell,
        depth=depth,
        bidirectional=bidirectional,
        dropout=dropout,
        residual=residual,
        layer_norm=layer_norm,
        mixed_precision=mixed_precision,
        weight_dropout=weight_dropout,
        bptt=bptt,
        recompute=recompute,
        cuda_graphs=cuda_graphs,
    )
