"""spaCy's tagger on recurrent networks."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from spacy.language import Language
from spacy.pipeline.tagger import Tagger, tagger_score
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer
from thinc.types import Floats2d
from thinc.util import to_numpy

from spacy_rnn.checks import check_not_negative, check_rate
from spacy_rnn.gradients import finish_update
from spacy_rnn.losses import token_cross_entropy
from spacy_rnn.pipeline.loading import naming_the_path
from spacy_rnn.pipeline.truths import UNKNOWN, Truth, Values, token_truths
from spacy_rnn.ragged import RaggedList, flatten

DEFAULT_MODEL = """
[model]
@architectures = "spacy-rnn.Tagger.v1"

[model.tok2vec]
@architectures = "spacy.Tok2Vec.v2"

[model.tok2vec.embed]
@architectures = "spacy-rnn.StackedEmbed.v1"

[model.tok2vec.embed.embeds]

[model.tok2vec.embed.embeds.words]
@architectures = "spacy-rnn.MultiHashEmbed.v1"
width = 128
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
rows = [20000, 1000, 2500, 2500]
include_static_vectors = false
word_dropout = 0.05
unknown_rate = 0.5

[model.tok2vec.embed.embeds.chars]
@architectures = "spacy-rnn.CharEmbed.v1"
width = 128
char_width = 50

[model.tok2vec.encode]
@architectures = "spacy-rnn.RNNEncoder.v1"
width = 256
cell = "lstm"
depth = 1
bidirectional = true
"""
MODEL = Config().from_str(DEFAULT_MODEL)["model"]


@Language.factory(
    "rnn_tagger",
    assigns=["token.tag"],
    default_config={
        "model": MODEL,
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


class RNNTagger(Tagger):
    """spaCy's `tagger`, whose labels can also grow after training."""

    label_attrs: tuple[str, ...] = ("TAG",)

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
        check_rate("label_smoothing", label_smoothing)
        check_not_negative("max_gradient_norm", max_gradient_norm)
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

    def add_label(self, label: str) -> int:
        """Add a label. The scores of the others stay as they are.

        Returns:
            1 if the label is new, 0 if it was known.
        """
        added: int = super().add_label(label)
        for model in (self.model, self._rehearsal_model):
            if model is not None and is_full(model, len(self.labels)):
                model.attrs["resize_output"](model, len(self.labels))
        return added

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        """Prepare for training, see spaCy's `Tagger.initialize`."""
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        if labels is None:
            labels = find_labels(get_examples(), self.cfg["neg_prefix"])
        super().initialize(get_examples, nlp=nlp, labels=labels)

    def get_loss(
        self, examples: Iterable[Example], scores: list[Floats2d]
    ) -> tuple[float, list[Floats2d]]:
        """Find the cross-entropy per annotated token, in nats, and its gradient.

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
            ops.asarray1i(truths[:, 0]),
            wrong=ops.asarray1i(truths[:, 1]),
            label_smoothing=self.cfg["label_smoothing"],
        )
        return loss, RaggedList(gradient, flat.lengths)

    def finish_update(self, sgd: Optimizer) -> None:
        """Update the weights, after clipping their gradients.

        Raises:
            NonFiniteGradientError: If a gradient is NaN or infinite.
        """
        max_norm = self.cfg["max_gradient_norm"]
        finish_update(self.name, self.model, sgd, max_norm=max_norm)

    def from_disk(
        self, path: str | Path, *, exclude: Iterable[str] = ()
    ) -> "RNNTagger":
        """Load the component.

        Raises:
            ValueError: If the weights are damaged, or those of another model.
        """
        with naming_the_path(self.name, path):
            return super().from_disk(path, exclude=exclude)

    def _scores2guesses(self, scores: list[Floats2d]) -> list[np.ndarray]:
        # Of all tokens at once, where spaCy's method goes document by document.
        flat = flatten(self.model.ops, scores)
        return RaggedList(to_numpy(flat.data.argmax(axis=1)), flat.lengths)

    def _known_truths(self) -> dict[Values, Truth]:
        """Say what tags tell of a token."""
        known: dict[Values, Truth] = {(None,): UNKNOWN, (0,): UNKNOWN}
        known |= {(get_string_id(tag),): (i, -1) for i, tag in enumerate(self.labels)}
        prefix = self.cfg["neg_prefix"]
        if prefix:
            for i, tag in enumerate(self.labels):
                known[(get_string_id(prefix + tag),)] = (-1, i)
        return known

    def _meet_unknown(self, example: Example, values: Values) -> None:
        raise ValueError(
            f"The document {example.reference.text[:60]!r} has the tag "
            f"{self.vocab.strings[values[0]]!r}, which '{self.name}' doesn't know. It "
            f"knows {sorted(self.labels)}."
        )


def find_labels(examples: Iterable[Example], neg_prefix: str) -> list[str]:
    """List the tags that tokens have or, after the prefix, are said not to have."""
    labels = set()
    for example in examples:
        for token in example.reference:
            tag = token.tag_
            if neg_prefix and tag != neg_prefix:
                tag = tag.removeprefix(neg_prefix)
            labels.add(tag)
    return sorted(labels - {""})


def is_full(model: Model, n_labels: int) -> bool:
    """Return whether a model's outputs are known, and are fewer than the labels."""
    return bool(model.has_dim("nO")) and model.get_dim("nO") < n_labels
