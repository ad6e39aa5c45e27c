"""spaCy's morphologizer on recurrent networks."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from spacy.attrs import MORPH, POS
from spacy.language import Language
from spacy.morphology import Morphology
from spacy.pipeline.morphologizer import Morphologizer, morphologizer_score
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats2d

from spacy_rnn.pipeline.default_models import TAGGER
from spacy_rnn.pipeline.labels import (
    check_enough,
    count_gold,
    ignore_others,
    make_room,
)
from spacy_rnn.pipeline.model_kinds import check_model
from spacy_rnn.pipeline.settings import note_settings
from spacy_rnn.pipeline.tagger import RNNTagger
from spacy_rnn.pipeline.truths import UNKNOWN, Truth, Values


@Language.factory(
    "rnn_morphologizer",
    assigns=["token.morph", "token.pos"],
    default_config={
        "model": TAGGER,
        "overwrite": True,
        "extend": False,
        "scorer": {"@scorers": "spacy.morphologizer_scorer.v1"},
        "label_smoothing": 0.0,
        "max_gradient_norm": 0.0,
    },
    default_score_weights={"pos_acc": 0.5, "morph_acc": 0.5, "morph_per_feat": None},
)
def make_rnn_morphologizer(
    nlp: Language,
    name: str,
    model: Model[list[Doc], list[Floats2d]],
    overwrite: bool,
    extend: bool,
    scorer: Callable | None,
    label_smoothing: float,
    max_gradient_norm: float,
) -> "RNNMorphologizer":
    """Create a tagger that writes the part of speech and the features of each token.

    Args:
        nlp: The pipeline.
        name: Name of the component, also in the losses.
        model: Predicts label probabilities, for each document of shape (tokens, K).
        overwrite: Whether to replace what is there already.
        extend: Whether to keep features that are there already, and add to them. Of a
            feature that has two values, `overwrite` tells which stays.
        scorer: The scoring method.
        label_smoothing: Share of the truth, in [0, (K - 1) / K), that is spread over
            the other labels.
        max_gradient_norm: The largest norm that the gradients of all weights together
            may have; larger ones are scaled down. 0 for any.
    """
    return RNNMorphologizer(
        nlp.vocab,
        model,
        name,
        overwrite=overwrite,
        extend=extend,
        scorer=scorer,
        label_smoothing=label_smoothing,
        max_gradient_norm=max_gradient_norm,
    )


class RNNMorphologizer(RNNTagger, Morphologizer):
    """spaCy's `morphologizer`, whose labels can also grow after training."""

    label_attrs = ("POS", "MORPH")

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], list[Floats2d]],
        name: str = "rnn_morphologizer",
        *,
        overwrite: bool = True,
        extend: bool = False,
        label_smoothing: float = 0.0,
        max_gradient_norm: float = 0.0,
        scorer: Callable | None = morphologizer_score,
    ) -> None:
        Morphologizer.__init__(
            self,
            vocab,
            model,
            name,
            overwrite=overwrite,
            extend=extend,
            label_smoothing=label_smoothing,
            scorer=scorer,
        )
        self.cfg["max_gradient_norm"] = max_gradient_norm
        note_settings(self)

    def initialize(  # type: ignore[override]
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        """Prepare for training, see spaCy's `Morphologizer.initialize`.

        Labels of the examples other than `labels` are ignored, which is warned of.

        Raises:
            ValueError: If there are no labels, or the model is for another component.
        """
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        check_model(self)
        if labels is None:
            found = [*self.labels, *count_gold(self, get_examples())]
            check_enough(self.name, found, "token.pos_ and token.morph", 1)
        Morphologizer.initialize(self, get_examples, nlp=nlp, labels=labels)
        # For labels beside those of an initialization before.
        make_room(self.name, (self.model, self._rehearsal_model), len(self.labels))
        if labels is not None:
            ignore_others(self, get_examples())

    def gold_labels(self, doc: Doc) -> list[str]:
        """List what the tokens of a reference have, as labels."""
        rows = Counter(map(tuple, doc.to_array([POS, MORPH]).tolist()))
        labels: list[str] = []
        for (pos, morph), count in rows.items():
            features = Morphology.feats_to_dict(doc.vocab.strings[morph])
            if pos:
                features[self.POS_FEAT] = doc.vocab.strings[pos]
            if features:
                label = self.vocab.strings[self.vocab.morphology.add(features)]
                labels += [label] * count
        return labels

    def set_annotations(
        self, docs: Doc | Iterable[Doc], batch_tag_ids: list[np.ndarray]
    ) -> None:
        # With `extend`, spaCy's method parses the features of every token anew.
        if not self.cfg["extend"]:
            super().set_annotations(docs, batch_tag_ids)
            return
        by_vocab: dict[int, dict[tuple[int, ...], tuple[int, int]]] = {}
        docs = [docs] if isinstance(docs, Doc) else docs
        for doc, tag_ids in zip(docs, batch_tag_ids, strict=True):
            merged = by_vocab.setdefault(id(doc.vocab), {})
            old = doc.to_array([POS, MORPH])
            rows = [*zip(tag_ids.tolist(), *old.T.tolist(), strict=True)]
            for row in set(rows).difference(merged):
                merged[row] = self._merge(doc.vocab, *row)
            new: Any = np.array([merged[row] for row in rows], dtype="uint64")
            doc.from_array([POS, MORPH], new.reshape(-1, 2))

    def _tell(self, vocab: Any, labels: list[str]) -> None:
        for label in labels:
            vocab.morphology.add(self.cfg["labels_morph"][label])

    def _merge(self, vocab: Any, tag_id: int, pos: int, morph: int) -> tuple[int, int]:
        """Add what was predicted to what a token has."""
        label = self.labels[tag_id]
        old = Morphology.feats_to_dict(vocab.strings[morph])
        new = Morphology.feats_to_dict(self.cfg["labels_morph"][label])
        overwrite = self.cfg["overwrite"]
        if overwrite or not pos:
            pos = self.cfg["labels_pos"][label]
        features = {**old, **new} if overwrite else {**new, **old}
        return pos, vocab.morphology.add(features)

    def _known_truths(self) -> dict[Values, Truth]:
        """Say what parts of speech and features tell of a token."""
        empty = self.vocab.morphology.add("")
        missing = ((0, 0), (0, empty))
        known: dict[Values, Truth] = dict.fromkeys(missing, UNKNOWN)
        for i, label in enumerate(self.labels):
            pos = self.cfg["labels_pos"][label]
            morph = self.vocab.morphology.add(self.cfg["labels_morph"][label])
            known[pos, morph] = (i, -1)
            if pos and morph == empty:  # features that are unset count as none
                known[pos, 0] = (i, -1)
        # spaCy adds a label for nothing at all, which says something of features alone.
        if any(self.cfg["labels_pos"].values()):
            known[0, empty] = UNKNOWN
        return known

    def _meet_unknown(self, example: Example, values: Values) -> None:
        if self.cfg.get("labels_given"):
            return
        strings: Any = example.reference.vocab.strings
        pos, morph = (strings[value] for value in values)
        warnings.warn(
            f"'{self.name}' doesn't know the part of speech {pos!r} with the features "
            f"{morph!r}, so it learns nothing from tokens that have them. The first is "
            f"in {example.reference.text[:60]!r}. `add_label` makes them known.",
            stacklevel=4,
        )
