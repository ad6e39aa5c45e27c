"""An objective for `spacy pretrain`: the words beside each word."""

from collections.abc import Callable
from typing import get_args

from spacy.vocab import Vocab
from thinc.api import Model, Ops
from thinc.types import Floats1d

from spacy_rnn.checks import check_at_least, check_choice
from spacy_rnn.layers.language_model import LanguageModel
from spacy_rnn.types import Tok2VecT, WordAttr


def build_pretrain_language_model(
    attr: WordAttr = "NORM", rows: int = 20_000
) -> Callable[[Vocab, Tok2VecT], Model]:
    """Build an objective for `[pretraining]`: next words, and previous words.

    The forward direction of a `spacy-rnn.RNNEncoder.v1` predicts the next word from the
    words so far, the backward direction the previous one (Peters et al., 2017). While
    that goes on, the directions of stacked layers don't read each other, for each knows
    what the other has to tell. The words to choose from are those of the batch, so
    larger batches make it harder.

    Args:
        attr: What is predicted of a token: "NORM", "LOWER" or "ORTH".
        rows: Rows of the table of words, at least 1. Several rare words may share one.

    Raises:
        ValueError: If an argument is out of range. Where the objective is used: if the
            layer to pretrain has not just one such encoder, or it has `layer_norm`.
    """
    check_choice("attr", attr, get_args(WordAttr))
    check_at_least("rows", rows, 1)

    def create_objective(vocab: Vocab, tok2vec: Tok2VecT) -> Model:
        model = LanguageModel(tok2vec, attr=attr, rows=rows)
        model.set_ref("tok2vec", tok2vec)
        model.attrs["loss"] = mean_loss
        return model

    return create_objective


def mean_loss(ops: Ops, docs: object, losses: Floats1d) -> tuple[float, Floats1d]:
    """Return the sum of the losses, for the log, and the gradient of their mean."""
    gradient = ops.alloc1f(len(losses))
    gradient += 1.0 / max(1, len(losses))
    return float(ops.xp.sum(losses)), gradient
