"""spaCy's tagger on recurrent networks."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline.tagger import Tagger, tagger_score
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats2d
from thinc.util import to_numpy

from spacy_rnn.checks import list_names
from spacy_rnn.losses import divergence, token_cross_entropy
from spacy_rnn.pipeline.default_models import TAGGER
from spacy_rnn.pipeline.guards import guarded
from spacy_rnn.pipeline.labels import (
    check_enough,
    count_gold,
    ignore_others,
    make_room,
)
from spacy_rnn.pipeline.learning import rehearse
from spacy_rnn.pipeline.model_kinds import OTHER, TAGS, check_model
from spacy_rnn.pipeline.settings import note_settings
from spacy_rnn.pipeline.truths import UNKNOWN, Truth, Values, token_truths
from spacy_rnn.ragged import RaggedList, flatten
from spacy_rnn.tags.scores import are_probabilities


@Language.factory(
    "rnn_tagger",
    assigns=["token.tag"],
    default_config={
        "model": TAGGER,
        "overwrite": False,
        "scorer": {"@scorers": "spacy.tagger_scorer.v1"},
        "neg_prefix": "!",
        "label_smoothing": 0.0,
        "max_gradient_norm": 0.0,
    },
    default_score_weights={
        "tag_acc": 1.0,
        "pos_acc": 0.0,
        "tag_micro_p": None,
        "tag_micro_r": None,
        "tag_micro_f": None,
    },
)
def make_rnn_tagger(
    nlp: Language,
    name: str,
    model: Model[list[Doc], list[Floats2d]],
    overwrite: bool,
    scorer: Callable | None,
    neg_prefix: str,
    label_smoothing: float,
    max_gradient_norm: float,
) -> "RNNTagger":
    """Create a tagger that writes the most probable label of each token.

    Args:
        nlp: The pipeline.
        name: Name of the component, also in the losses.
        model: Predicts label probabilities, for each document of shape (tokens, K).
        overwrite: Whether to replace tags that are there already.
        scorer: The scoring method.
        neg_prefix: A tag in the data that begins with it says only that the token
            hasn't the tag that follows. An empty one turns that off.
        label_smoothing: Share of the truth, in [0, (K - 1) / K), that is spread over
            the other labels.
        max_gradient_norm: The largest norm that the gradients of all weights together
            may have; larger ones are scaled down. 0 for any.
    """
    return RNNTagger(
        nlp.vocab,
        model,
        name,
        overwrite=overwrite,
        scorer=scorer,
        neg_prefix=neg_prefix,
        label_smoothing=label_smoothing,
        max_gradient_norm=max_gradient_norm,
    )


@guarded
class RNNTagger(Tagger):
    """spaCy's `tagger`, whose labels can also grow after training."""

    loss_per = "token"
    label_attrs: tuple[str, ...] = ("TAG",)
    model_kinds = (TAGS, OTHER)
    rehearse = rehearse

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], list[Floats2d]],
        name: str = "rnn_tagger",
        *,
        overwrite: bool = False,
        scorer: Callable | None = tagger_score,
        neg_prefix: str = "!",
        label_smoothing: float = 0.0,
        max_gradient_norm: float = 0.0,
    ) -> None:
        super().__init__(
            vocab,
            model,
            name,
            overwrite=overwrite,
            scorer=scorer,
            neg_prefix=neg_prefix,
            label_smoothing=label_smoothing,
        )
        self.cfg["max_gradient_norm"] = max_gradient_norm
        note_settings(self)

    def add_label(self, label: str) -> int:
        """Add a label. The scores of the others stay as they are.

        Returns:
            1 if the label is new, 0 if it was known.
        """
        added: int = super().add_label(label)
        make_room(self.name, (self.model, self._rehearsal_model), len(self.labels))
        return added

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        """Prepare for training, see spaCy's `Tagger.initialize`.

        Tags of the examples other than `labels` are ignored, which is warned of.

        Raises:
            ValueError: If there are no labels, or the model is for another component.
        """
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        check_model(self)
        if labels is None:
            labels = sorted(count_gold(self, get_examples()))
            check_enough(self.name, [*self.labels, *labels], "token.tag_", 1)
            super().initialize(get_examples, nlp=nlp, labels=labels)
            return
        super().initialize(get_examples, nlp=nlp, labels=labels)
        ignore_others(self, get_examples())

    def set_annotations(
        self, docs: Doc | Iterable[Doc], batch_tag_ids: list[np.ndarray]
    ) -> None:
        """Write the labels of documents, also of those with another vocabulary.

        A component that was sourced keeps its own, which the pipeline hasn't.
        """
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        others = {id(doc.vocab): doc.vocab for doc in docs}
        others.pop(id(self.vocab), None)
        if others:
            used = np.unique(np.concatenate(batch_tag_ids)).tolist()
            for vocab in others.values():
                self._tell(vocab, [self.labels[i] for i in used])
        super().set_annotations(docs, batch_tag_ids)

    def get_loss(
        self, examples: Iterable[Example], scores: list[Floats2d]
    ) -> tuple[float, list[Floats2d]]:
        """Find the cross-entropy per annotated token, in nats, and its gradient.

        On a GPU the loss is an array without dimensions.

        Raises:
            ValueError: If a token has a label that the component doesn't know.
        """
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.get_loss")
        truths = token_truths(
            self.name,
            examples,
            self.label_attrs,
            self._known_truths(),
            self._meet_unknown,
        )
        ops, flat = self.model.ops, flatten(self.model.ops, scores)
        loss, gradient = token_cross_entropy(
            ops,
            flat.data,
            truths[:, 0],
            wrong=truths[:, 1],
            label_smoothing=self.cfg["label_smoothing"],
        )
        return loss, RaggedList(gradient, flat.lengths)

    def divergence(
        self, scores: list[Floats2d], before: list[Floats2d]
    ) -> tuple[float, list[Floats2d]]:
        """Find how far probabilities are from what they were, and the gradient.

        The loss is the Kullback-Leibler divergence per token, in nats.
        """
        ops = self.model.ops
        flat, flat_before = flatten(ops, scores), flatten(ops, before)
        then = flat_before.data
        if not are_probabilities(then):
            then = ops.softmax(then)
        loss, gradient = divergence(ops, flat.data, then, exclusive=True)
        return loss, RaggedList(gradient, flat.lengths)

    def gold_labels(self, doc: Doc) -> list[str]:
        """List the tags that tokens of a reference have, or are said not to have."""
        prefix = self.cfg["neg_prefix"]
        tags = [token.tag_ for token in doc if token.tag]
        if not prefix:
            return tags
        return [tag if tag == prefix else tag.removeprefix(prefix) for tag in tags]

    def _scores2guesses(self, scores: list[Floats2d]) -> list[np.ndarray]:
        # Of all tokens at once, where spaCy's method goes document by document.
        flat = flatten(self.model.ops, scores)
        return RaggedList(to_numpy(flat.data.argmax(axis=1)), flat.lengths)

    def _tell(self, vocab: Any, labels: list[str]) -> None:
        """Let another vocabulary know what is written for labels."""
        for label in labels:
            vocab.strings.add(label)

    def _known_truths(self) -> dict[Values, Truth]:
        """Say what tags tell of a token."""
        known: dict[Values, Truth] = {(0,): UNKNOWN}
        known |= {(get_string_id(tag),): (i, -1) for i, tag in enumerate(self.labels)}
        prefix = self.cfg["neg_prefix"]
        if prefix:
            for i, tag in enumerate(self.labels):
                known[(get_string_id(prefix + tag),)] = (-1, i)
        return known

    def _meet_unknown(self, example: Example, values: Values) -> None:
        if self.cfg.get("labels_given"):
            return
        strings: Any = example.reference.vocab.strings
        tag = strings[values[0]]
        raise ValueError(
            f"The document {example.reference.text[:60]!r} has the tag {tag!r}, which "
            f"'{self.name}' doesn't know. It knows "
            f"{list_names(sorted(self.labels), tag)}."
        )
