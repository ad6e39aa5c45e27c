"""Taggers that choose the label of each token by itself."""

from functools import partial

from thinc.api import Model, chain, resizable
from thinc.layers.resizable import resize_linear_weighted, resize_model

from spacy_rnn.layers.contributions import contributions
from spacy_rnn.layers.dropout import Dropout
from spacy_rnn.layers.probabilities import NEW_LABEL_BIAS
from spacy_rnn.layers.softmax import Softmax
from spacy_rnn.types import TaggerT, Tok2VecT


def build_tagger(
    tok2vec: Tok2VecT,
    dropout: float = 0.0,
    normalize: bool = False,
    nO: int | None = None,
) -> TaggerT:
    """Build a tagger on token vectors: `spacy.Tagger.v2`, but faster, and it resizes.

    Args:
        tok2vec: Makes the token vectors.
        dropout: Probability, in [0, 1), of zeroing a feature of a token vector. Only in
            training, where `[training] dropout` replaces it. If 0, nothing is dropped
            here, even then: our encoders' vectors come with dropout.
        normalize: Whether predictions are probabilities. If not, they're scores in the
            same order, which takes less time. In training they always are.
        nO: Number of labels, if known.

    Raises:
        ValueError: If the rate is out of range.
    """
    output_layer: Model = resizable(
        Softmax(nO, tok2vec.maybe_get_dim("nO"), normalize=normalize),
        resize_layer=partial(
            resize_linear_weighted, fill_defaults={"W": 0.0, "b": NEW_LABEL_BIAS}
        ),
    )
    model: TaggerT = chain_tagger(tok2vec, output_layer, dropout=dropout, nO=nO)
    model.set_ref("softmax", output_layer.layers[0])  # as spaCy's tagger calls it
    return model


def chain_tagger(
    tok2vec: Tok2VecT, output_layer: Model, *, dropout: float, nO: int | None
) -> Model:
    """Put an output layer, which can be resized, on token vectors.

    Raises:
        ValueError: If the rate is out of range.
    """
    layers = [Dropout(dropout), output_layer] if dropout else [output_layer]
    model: Model = chain(tok2vec, *layers)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("output_layer", output_layer.layers[0])
    if nO is not None:
        model.set_dim("nO", nO)
    model.attrs["resize_output"] = resize_output
    model.attrs["explain"] = contributions
    return model


def resize_output(model: Model, new_nO: int) -> Model:
    """Make room for more labels. The scores of the old ones stay as they are."""
    output_layer = resize_model(model.layers[-1], new_nO)
    for node in (model, output_layer):
        node.set_dim("nO", new_nO, force=True)
    for name in ("output_layer", "softmax"):
        if model.has_ref(name):
            model.set_ref(name, output_layer.layers[0])
    return model
