"""spaCy's text categorizers, with a loss of their own."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline.textcat import TextCategorizer, textcat_score
from spacy.pipeline.textcat_multilabel import (
    MultiLabel_TextCategorizer,
    textcat_multilabel_score,
)
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats2d
from thinc.util import to_numpy

from spacy_rnn.losses import cross_entropy, divergence
from spacy_rnn.pipeline.calibration import (
    ByLabel,
    scale_logistic,
    scale_softmax,
    spread,
)
from spacy_rnn.pipeline.guards import guarded
from spacy_rnn.pipeline.labels import (
    ClassWeights,
    check_known,
    find_categories,
    make_room,
    read_categories,
    score,
    true_labels,
)
from spacy_rnn.pipeline.learning import rehearse
from spacy_rnn.pipeline.listening import follow_upstream
from spacy_rnn.pipeline.model_kinds import ANY_LABELS, ONE_LABEL, OTHER, check_model
from spacy_rnn.pipeline.settings import note_settings
from spacy_rnn.pipeline.thresholds import (
    Thresholds,
    check_thresholds,
    predict_labels,
    score_decisions,
)

FILLER = "."  # some models of spaCy can't do with nothing but empty documents


@guarded
class RNNTextCategorizer(TextCategorizer):
    """spaCy's `textcat`, with class weights and label smoothing.

    An empty document always gets the model's own scores, whatever is beside it.
    """

    exclusive = True
    model_kinds: tuple[str | None, ...] = (ONE_LABEL, OTHER)
    rehearse = rehearse

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], Floats2d],
        name: str = "rnn_textcat",
        *,
        threshold: float = 0.0,
        thresholds: Thresholds = None,
        scorer: Callable | None = textcat_score,
        class_weights: ClassWeights = None,
        label_smoothing: float = 0.0,
        max_gradient_norm: float = 0.0,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(vocab, model, name, threshold=threshold, scorer=scorer)
        self.cfg["thresholds"] = thresholds
        self.cfg["class_weights"] = class_weights
        self.cfg["label_smoothing"] = label_smoothing
        self.cfg["max_gradient_norm"] = max_gradient_norm
        self.cfg["temperature"] = temperature
        self.cfg["label_weights"] = {}  # found by initialize
        note_settings(self)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Iterable[str] | None = None,
        positive_label: str | None = None,
    ) -> None:
        """Prepare for training, see spaCy's `TextCategorizer.initialize`.

        Labels of the examples other than `labels` are ignored, which is warned of.

        Raises:
            ValueError: Also if there are too few labels, `class_weights` names one that
                there isn't, or all weights are 0, or the model is for another
                component.
        """
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        check_model(self)
        find_categories(self, get_examples, labels)
        follow_upstream(self, nlp)
        super().initialize(
            get_examples, nlp=nlp, labels=self.labels, positive_label=positive_label
        )

    def add_label(self, label: str) -> int:
        """Add a label, before or after training.

        Raises:
            ValueError: If one of two labels has a threshold, and this would be a third.
        """
        if self.exclusive and len(self.labels) >= 2:
            labels = {*self.labels, label}
            check_thresholds(self.cfg["thresholds"], labels, exclusive=True)
        added: int = super().add_label(label)
        make_room(self.name, [self._rehearsal_model], len(self.labels))
        return added

    def predict(self, docs: Iterable[Doc]) -> Floats2d:
        docs = list(docs)
        n_docs = len(docs)
        if not any(map(len, docs)):
            docs.append(Doc(self.vocab, [FILLER]))
        scores = self.model.ops.asarray2f(self.model.predict(docs))
        return self.calibrated(scores[:n_docs])

    def calibrated(self, probabilities: Any) -> Any:
        """Turn the model's probabilities into those that the settings make of them."""
        return scale_softmax(probabilities, self.cfg["temperature"])

    def set_annotations(self, docs: Iterable[Doc], scores: Floats2d) -> None:
        # One transfer from a GPU, where spaCy's method makes one for each score.
        labels = self.labels
        for doc, row in zip(docs, to_numpy(scores).tolist(), strict=True):
            doc.cats.update(zip(labels, row, strict=True))

    def get_loss(
        self, examples: Iterable[Example], scores: Floats2d
    ) -> tuple[float, Any]:
        """Find the cross-entropy per document, in nats, and its gradient.

        A document without any label counts nothing where exactly one is right.
        On a GPU the loss is an array without dimensions.
        """
        examples = list(examples)
        values, is_plain = read_categories(examples, self.labels)
        several = (values == 1.0).sum(axis=1) > 1
        if not is_plain or (self.exclusive and several.any()):
            self._validate_categories(examples)
            if not self.cfg.get("labels_given"):
                check_known(examples, self.labels)
        truths = np.nan_to_num(values)
        class_weights = self.cfg["label_weights"]
        weights = np.array([class_weights.get(label, 1.0) for label in self.labels])
        if self.exclusive:
            weights = (truths * weights).sum(axis=1, keepdims=True)
        else:
            weights = ~np.isnan(values) * np.where(truths, weights, 1.0)
        return cross_entropy(
            self.model.ops,
            scores,
            self.model.ops.asarray2f(truths),
            self.model.ops.asarray2f(weights),
            exclusive=self.exclusive,
            label_smoothing=self.cfg["label_smoothing"],
        )

    def divergence(self, scores: Floats2d, before: Floats2d) -> tuple[float, Floats2d]:
        """Find how far probabilities are from what they were, and the gradient.

        The loss is the Kullback-Leibler divergence per document, in nats.
        """
        return divergence(self.model.ops, scores, before, exclusive=self.exclusive)

    def predicted_labels(self, doc: Doc) -> list[str]:
        """List the labels of a document, by its probabilities and the thresholds.

        Raises:
            ValueError: If the component has not processed the document.
        """
        return predict_labels(self, doc)

    def score(self, examples: Iterable[Example], **settings: Any) -> dict[str, Any]:
        """Score examples with the component's scorer, and its thresholds for labels."""
        examples = list(examples)
        scores = score(self, examples, **settings)
        if not self.cfg["thresholds"]:
            return scores
        return score_decisions(self, examples, scores)

    def gold_labels(self, doc: Doc) -> list[str]:
        """List the labels that a reference has, whether they are known or not."""
        return true_labels(doc)

    def _validate_categories(self, examples: Iterable[Example]) -> None:
        if not self.cfg.get("labels_given"):
            super()._validate_categories(examples)
            return
        # Another component may have labels of its own in the same documents.
        own: Any = []
        for example in examples:
            cats = example.reference.cats
            known = {label: cats[label] for label in self.labels if label in cats}
            own.append(SimpleNamespace(reference=SimpleNamespace(cats=known)))
        super()._validate_categories(own)


class RNNMultiLabelTextCategorizer(RNNTextCategorizer, MultiLabel_TextCategorizer):
    """spaCy's `textcat_multilabel`, with class weights and label smoothing."""

    exclusive = False
    model_kinds = (ANY_LABELS, OTHER)

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], Floats2d],
        name: str = "rnn_textcat_multilabel",
        *,
        threshold: float = 0.5,
        thresholds: Thresholds = None,
        scorer: Callable | None = textcat_multilabel_score,
        class_weights: ClassWeights = None,
        label_smoothing: float = 0.0,
        max_gradient_norm: float = 0.0,
        temperature: ByLabel = 1.0,
        bias: ByLabel = 0.0,
    ) -> None:
        super().__init__(
            vocab,
            model,
            name,
            threshold=threshold,
            thresholds=thresholds,
            scorer=scorer,
            class_weights=class_weights,
            label_smoothing=label_smoothing,
            max_gradient_norm=max_gradient_norm,
        )
        self.cfg |= {"temperature": temperature, "bias": bias}
        note_settings(self)

    def calibrated(self, probabilities: Any) -> Any:
        """Turn the model's probabilities into those that the settings make of them."""
        temperature = spread(self.cfg["temperature"], self.labels, 1.0)
        bias = spread(self.cfg["bias"], self.labels, 0.0)
        return scale_logistic(probabilities, temperature, bias)

    def initialize(  # type: ignore[override]
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        """Prepare for training, see spaCy's `MultiLabel_TextCategorizer.initialize`.

        Labels of the examples other than `labels` are ignored, which is warned of.

        Raises:
            ValueError: Also if there are too few labels, `class_weights` names one that
                there isn't, or all weights are 0, or the model is for another
                component.
        """
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        check_model(self)
        find_categories(self, get_examples, labels)
        follow_upstream(self, nlp)
        MultiLabel_TextCategorizer.initialize(
            self, get_examples, nlp=nlp, labels=self.labels
        )
