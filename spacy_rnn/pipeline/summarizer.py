"""Summaries of the sentences that matter most."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats1d
from thinc.util import to_numpy

from spacy_rnn.extensions import register_text
from spacy_rnn.losses import cross_entropy, divergence
from spacy_rnn.pipeline.calibration import scale_logistic
from spacy_rnn.pipeline.default_models import SUMMARIZER
from spacy_rnn.pipeline.guards import guarded
from spacy_rnn.pipeline.learning import rehearse
from spacy_rnn.pipeline.model_kinds import OTHER, SENTENCES, check_model
from spacy_rnn.pipeline.settings import note_settings
from spacy_rnn.pipeline.summary_choice import Order, Unit, choose
from spacy_rnn.pipeline.summary_gold import has_gold, sentence_truths, soften
from spacy_rnn.ragged import RaggedList, flatten
from spacy_rnn.scorers import summary_score

SAMPLE = 10  # documents that a model is initialized with


@Language.factory(
    "rnn_summarizer",
    requires=["doc.sents"],
    assigns=["doc.spans", "doc._.summary"],
    default_config={
        "model": SUMMARIZER,
        "budget": 3,
        "unit": "sentences",
        "trigram_blocking": False,
        "order": "document",
        "spans_key": "summary",
        "soft_labels": None,
        "scorer": {"@scorers": "spacy-rnn.rouge_scorer.v1"},
        "max_gradient_norm": 0.0,
        "temperature": 1.0,
        "bias": 0.0,
    },
    default_score_weights={
        "rouge_1_f": 0.0,
        "rouge_2_f": 0.5,
        "rouge_l_f": 0.0,
        "rouge_lsum_f": None,
        "summary_p": None,
        "summary_r": None,
        "summary_f": 0.5,
    },
)
def make_rnn_summarizer(
    nlp: Language,
    name: str,
    model: Model[list[Doc], list[Floats1d]],
    budget: float,
    unit: Unit,
    trigram_blocking: bool,
    order: Order,
    spans_key: str,
    soft_labels: float | None,
    scorer: Callable | None,
    max_gradient_norm: float,
    temperature: float,
    bias: float,
) -> "RNNSummarizer":
    """Create a component that makes a summary of the sentences that matter most.

    Args:
        nlp: The pipeline.
        name: Name of the component, also in the losses.
        model: Predicts the log odds of being chosen, of each sentence of a document.
        budget: How long a summary may be, above 0, in the unit. The best sentence is
            always taken.
        unit: "sentences"; "words", which are the tokens other than punctuation and
            space; or "share", of the document's words, at most 1.
        trigram_blocking: Whether to leave out a sentence that has three words in a row
            in common with a better one that was taken (Paulus et al., 2018).
        order: Whether chosen sentences come as in the "document" or by "rank", the best
            first.
        spans_key: The group of `doc.spans` that holds the chosen sentences.
        soft_labels: How much of what is learned, in [0, 1], is what each sentence has
            in common with a written summary, instead of whether it was chosen. None: 0
            where the summary is made of the chosen sentences, else 1.
        scorer: The scoring method.
        max_gradient_norm: The largest norm that the gradients of all weights together
            may have; larger ones are scaled down. 0 for any.
        temperature: What log odds are divided by at prediction, above 0. The command
            `calibrate` finds it.
        bias: What is added to them then, likewise.
    """
    return RNNSummarizer(
        nlp.vocab,
        model,
        name,
        budget=budget,
        unit=unit,
        trigram_blocking=trigram_blocking,
        order=order,
        spans_key=spans_key,
        soft_labels=soft_labels,
        scorer=scorer,
        max_gradient_norm=max_gradient_norm,
        temperature=temperature,
        bias=bias,
    )


@guarded
class RNNSummarizer(TrainablePipe):
    """Choose the sentences of a summary by scores, after Nallapati et al. (2017)."""

    loss_per = "token"
    model_kinds = (SENTENCES, OTHER)
    rehearse = rehearse

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], list[Floats1d]],
        name: str = "rnn_summarizer",
        *,
        budget: float = 3,
        unit: Unit = "sentences",
        trigram_blocking: bool = False,
        order: Order = "document",
        spans_key: str = "summary",
        soft_labels: float | None = None,
        scorer: Callable | None = summary_score,
        max_gradient_norm: float = 0.0,
        temperature: float = 1.0,
        bias: float = 0.0,
    ) -> None:
        super().__init__(
            vocab,
            model,
            name,
            budget=budget,
            unit=unit,
            trigram_blocking=trigram_blocking,
            order=order,
            spans_key=spans_key,
            max_gradient_norm=max_gradient_norm,
            soft_labels=soft_labels,
            temperature=temperature,
            bias=bias,
        )
        note_settings(self)
        self.scorer = scorer
        self._rehearsal_model: Model | None = None  # set by nlp.resume_training
        register_text("summary")

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
    ) -> None:
        """Prepare for training.

        Raises:
            ValueError: If no document has chosen sentences or a summary, or the model
                is for another component.
        """
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        check_model(self)
        key = self.cfg["spans_key"]
        if not any(has_gold(example.reference, key) for example in get_examples()):
            raise ValueError(
                f"No document has chosen sentences in doc.spans[{key!r}] or a summary "
                f"in doc._.summary, so '{self.name}' has nothing to learn from"
            )
        sample = [example.x for example in islice(get_examples(), SAMPLE)]
        self.model.initialize(X=sample)

    def predict(self, docs: Iterable[Doc]) -> list[np.ndarray]:
        """Predict the probability of each sentence of each document."""
        scores = self.model.predict(list(docs))
        if not scores:
            return []
        ops, flat = self.model.ops, flatten(self.model.ops, scores)
        probabilities = self.calibrated(to_numpy(ops.sigmoid(flat.data)))
        return RaggedList(probabilities, flat.lengths)

    def calibrated(self, probabilities: Any) -> Any:
        """Turn the model's probabilities into those that the settings make of them."""
        return scale_logistic(probabilities, self.cfg["temperature"], self.cfg["bias"])

    def set_annotations(self, docs: Iterable[Doc], scores: list[np.ndarray]) -> None:
        """Write the chosen sentences, their text, and the probabilities of all.

        The text has a line for each sentence, as ROUGE-Lsum expects it.
        """
        for doc, probability in zip(docs, scores, strict=True):
            sentences = list(doc.sents)
            chosen = choose(
                sentences,
                probability,
                budget=self.cfg["budget"],
                unit=self.cfg["unit"],
                trigram_blocking=self.cfg["trigram_blocking"],
            )
            if self.cfg["order"] == "document":
                chosen.sort()
            spans = [sentences[i] for i in chosen]
            key = self.cfg["spans_key"]
            attrs = {
                "scores": probability[chosen].tolist(),
                "sentence_scores": probability.tolist(),
            }
            doc.spans[key] = SpanGroup(doc, name=key, spans=spans, attrs=attrs)
            doc._.summary = "\n".join(" ".join(span.text.split()) for span in spans)

    def get_loss(
        self, examples: Iterable[Example], scores: Sequence[Floats1d]
    ) -> tuple[float, list[Floats1d]]:
        """Find the cross-entropy per labelled sentence, in nats, and its gradient.

        A document without chosen sentences and without a summary counts nothing.
        On a GPU the loss is an array without dimensions.
        """
        examples, share = list(examples), self.cfg["soft_labels"]
        validate_examples(examples, f"{type(self).__name__}.get_loss")
        ops, flat = self.model.ops, flatten(self.model.ops, scores)
        truths = []
        for example, size in zip(examples, flat.lengths, strict=True):
            truth = sentence_truths(example, self.cfg["spans_key"])
            unknown = np.full(size, np.nan)
            truths.append(unknown if truth is None else soften(truth, example, share))
        values = np.concatenate(truths)
        is_known = ~np.isnan(values)
        loss, gradient = cross_entropy(
            ops,
            ops.sigmoid(flat.data)[:, None],
            ops.asarray2f(np.nan_to_num(values)[:, None]),
            ops.asarray2f(is_known[:, None]),
            exclusive=False,
            label_smoothing=0.0,
        )
        loss *= len(values) / max(1, int(is_known.sum()))
        return loss, RaggedList(gradient[:, 0], flat.lengths)

    def divergence(
        self, scores: Sequence[Floats1d], before: Sequence[Floats1d]
    ) -> tuple[float, list[Floats1d]]:
        """Find how far probabilities are from what they were, and the gradient.

        The loss is the Kullback-Leibler divergence per sentence, in nats.
        """
        ops: Any = self.model.ops
        flat, then = flatten(ops, scores), flatten(ops, before)
        now, then = (ops.sigmoid(each.data)[:, None] for each in (flat, then))
        loss, gradient = divergence(ops, now, then, exclusive=False)
        return loss, RaggedList(gradient[:, 0], flat.lengths)
