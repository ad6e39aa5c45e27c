"""spaCy's text categorizers on recurrent networks: how a config makes them."""

from collections.abc import Callable

from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from spacy_rnn.pipeline.calibration import ByLabel
from spacy_rnn.pipeline.default_models import EXCLUSIVE_TEXTCAT, MULTILABEL_TEXTCAT
from spacy_rnn.pipeline.labels import ClassWeights
from spacy_rnn.pipeline.text_categorizer import (
    RNNMultiLabelTextCategorizer,
    RNNTextCategorizer,
)
from spacy_rnn.pipeline.thresholds import Thresholds

SCORE_WEIGHTS = {
    "cats_score": 1.0,
    "cats_score_desc": None,
    "cats_micro_p": None,
    "cats_micro_r": None,
    "cats_micro_f": None,
    "cats_macro_p": None,
    "cats_macro_r": None,
    "cats_macro_f": None,
    "cats_macro_auc": None,
    "cats_f_per_type": None,
}


@Language.factory(
    "rnn_textcat",
    assigns=["doc.cats"],
    default_config={
        "threshold": 0.0,
        "thresholds": None,
        "model": EXCLUSIVE_TEXTCAT,
        "scorer": {"@scorers": "spacy.textcat_scorer.v2"},
        "class_weights": None,
        "label_smoothing": 0.0,
        "max_gradient_norm": 0.0,
        "temperature": 1.0,
    },
    default_score_weights=SCORE_WEIGHTS,
)
def make_rnn_textcat(
    nlp: Language,
    name: str,
    model: Model[list[Doc], Floats2d],
    threshold: float,
    thresholds: Thresholds,
    scorer: Callable | None,
    class_weights: ClassWeights,
    label_smoothing: float,
    max_gradient_norm: float,
    temperature: float,
) -> "RNNTextCategorizer":
    """Create a text classifier that gives each document exactly one label.

    Args:
        nlp: The pipeline.
        name: Name of the component, also in the losses.
        model: Predicts the probability of each label, shape (B, K).
        threshold: Unused, as in spaCy's `textcat`.
        thresholds: Of two labels, one with the probability from which on it is chosen,
            in [0, 1]. None for the more probable one.
        scorer: The scoring method.
        class_weights: How much a document of each label counts in training: "balanced"
            for the inverse of the label's frequency, or a mapping of label to weight, 1
            for those not named.
        label_smoothing: Share of the truth, in [0, 1), that is spread over all labels.
        max_gradient_norm: The largest norm that the gradients of all weights together
            may have; larger ones are scaled down. 0 for any.
        temperature: What the scores of labels are divided by at prediction, above 0.
            The command `calibrate` finds it.
    """
    return RNNTextCategorizer(
        nlp.vocab,
        model,
        name,
        threshold=threshold,
        thresholds=thresholds,
        scorer=scorer,
        class_weights=class_weights,
        label_smoothing=label_smoothing,
        max_gradient_norm=max_gradient_norm,
        temperature=temperature,
    )


@Language.factory(
    "rnn_textcat_multilabel",
    assigns=["doc.cats"],
    default_config={
        "threshold": 0.5,
        "thresholds": None,
        "model": MULTILABEL_TEXTCAT,
        "scorer": {"@scorers": "spacy.textcat_multilabel_scorer.v2"},
        "class_weights": None,
        "label_smoothing": 0.0,
        "max_gradient_norm": 0.0,
        "temperature": 1.0,
        "bias": 0.0,
    },
    default_score_weights=SCORE_WEIGHTS,
)
def make_rnn_textcat_multilabel(
    nlp: Language,
    name: str,
    model: Model[list[Doc], Floats2d],
    threshold: float,
    thresholds: Thresholds,
    scorer: Callable | None,
    class_weights: ClassWeights,
    label_smoothing: float,
    max_gradient_norm: float,
    temperature: ByLabel,
    bias: ByLabel,
) -> "RNNMultiLabelTextCategorizer":
    """Create a text classifier that gives each document any number of labels.

    Args:
        nlp: The pipeline.
        name: Name of the component, also in the losses.
        model: Predicts the probability of each label, shape (B, K).
        threshold: Probability from which on a label counts as predicted, in [0, 1].
        thresholds: The same for single labels; `threshold` holds for the others.
        scorer: The scoring method.
        class_weights: How much a document that has a label counts for that label in
            training: "balanced" for as much in all as the documents that don't have it,
            or a mapping of label to weight, 1 for those not named.
        label_smoothing: Share of the truth, in [0, 1), that is spread over yes and no.
        max_gradient_norm: The largest norm that the gradients of all weights together
            may have; larger ones are scaled down. 0 for any.
        temperature: What log odds are divided by at prediction, above 0, for all labels
            or by label, 1 for those not named. The command `calibrate` finds it.
        bias: What is added to them then, for all labels or by label, likewise.
    """
    return RNNMultiLabelTextCategorizer(
        nlp.vocab,
        model,
        name,
        threshold=threshold,
        thresholds=thresholds,
        scorer=scorer,
        class_weights=class_weights,
        label_smoothing=label_smoothing,
        max_gradient_norm=max_gradient_norm,
        temperature=temperature,
        bias=bias,
    )
