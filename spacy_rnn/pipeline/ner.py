"""Named entities, or any other spans that don't overlap, as tags of tokens."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model

from spacy_rnn.pipeline.default_models import NER
from spacy_rnn.pipeline.entity_docs import (
    Entities,
    annotate,
    find_entities,
    split_entities,
)
from spacy_rnn.pipeline.entity_gold import read_gold, read_incorrect
from spacy_rnn.pipeline.entity_labels import (
    check_label,
    check_outputs,
    find_labels,
)
from spacy_rnn.pipeline.guards import guarded
from spacy_rnn.pipeline.labels import ignore_others, make_room
from spacy_rnn.pipeline.learning import rehearse
from spacy_rnn.pipeline.model_kinds import OTHER, TAG_SEQUENCES, TAGS, check_model
from spacy_rnn.pipeline.settings import note_settings
from spacy_rnn.scorers import ner_score
from spacy_rnn.tags.decoding import span_confidences
from spacy_rnn.tags.known import allowed_tags
from spacy_rnn.tags.loss import crf_loss, divergence
from spacy_rnn.tags.scores import from_gradient, to_lattice
from spacy_rnn.tags.tag_set import (
    Scheme,
    TagSet,
    count_tags,
    make_tag_set,
)
from spacy_rnn.types import TagScores


@Language.factory(
    "rnn_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "doc.spans"],
    default_config={
        "model": NER,
        "scheme": "BILUO",
        "annotate_ents": True,
        "spans_key": "rnn_ner",
        "incorrect_spans_key": None,
        "scorer": {"@scorers": "spacy-rnn.ner_scorer.v1"},
        "max_gradient_norm": 0.0,
        "temperature": 1.0,
    },
    default_score_weights={
        "ents_f": 1.0,
        "ents_p": 0.0,
        "ents_r": 0.0,
        "ents_per_type": None,
    },
)
def make_rnn_ner(
    nlp: Language,
    name: str,
    model: Model[list[Doc], Any],
    scheme: Scheme,
    annotate_ents: bool,
    spans_key: str | None,
    incorrect_spans_key: str | None,
    scorer: Callable | None,
    max_gradient_norm: float,
    temperature: float,
) -> "RNNEntityRecognizer":
    """Create an entity recognizer.

    Args:
        nlp: The pipeline.
        name: Name of the component, also in the losses.
        model: Scores sequences of tags, or the tags of each token.
        scheme: "BIO" or "BILUO", which says of entities where they end, too.
        annotate_ents: Whether entities are learned from `doc.ents` and written there.
            If not, both is done in `doc.spans[spans_key]` only.
        spans_key: The group of `doc.spans` that entities are written to with their
            confidences. None for none.
        incorrect_spans_key: The group of `doc.spans` that says in training which spans
            aren't entities with their label. None for none.
        scorer: The scoring method.
        max_gradient_norm: The largest norm that the gradients of all weights together
            may have; larger ones are scaled down. 0 for any.
        temperature: What scores are divided by to find confidences, above 0. The
            command `calibrate` finds it.
    """
    return RNNEntityRecognizer(
        nlp.vocab,
        model,
        name,
        scheme=scheme,
        annotate_ents=annotate_ents,
        spans_key=spans_key,
        incorrect_spans_key=incorrect_spans_key,
        scorer=scorer,
        max_gradient_norm=max_gradient_norm,
        temperature=temperature,
    )


@guarded
class RNNEntityRecognizer(TrainablePipe):
    """Finds spans that don't overlap, by tags of which only legal sequences come out.

    What spaCy's `ner` respects is respected: entities that are there already, blocked
    tokens, sentence starts, missing values and incorrect spans.
    """

    loss_per = "document"
    model_kinds = (TAG_SEQUENCES, TAGS, OTHER)
    rehearse = rehearse

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], Any],
        name: str = "rnn_ner",
        *,
        scheme: Scheme = "BILUO",
        annotate_ents: bool = True,
        spans_key: str | None = "rnn_ner",
        incorrect_spans_key: str | None = None,
        scorer: Callable | None = ner_score,
        max_gradient_norm: float = 0.0,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(
            vocab,
            model,
            name,
            labels=[],
            scheme=scheme,
            annotate_ents=annotate_ents,
            spans_key=spans_key,
            incorrect_spans_key=incorrect_spans_key,
            max_gradient_norm=max_gradient_norm,
            temperature=temperature,
        )
        note_settings(self)
        self.scorer = scorer
        self._rehearsal_model: Model | None = None  # set by nlp.resume_training

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order in which the model has their tags."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> list[str]:
        """The labels, for `spacy init labels`."""
        return list(self.labels)

    @property
    def tag_set(self) -> TagSet:
        """The tags that the model scores, in the order of its columns."""
        return make_tag_set(self.labels, self.cfg["scheme"])

    @property
    def gold_key(self) -> str | None:
        """The group of spans that is learned from; None if it is `doc.ents`."""
        return None if self.cfg["annotate_ents"] else self.cfg["spans_key"]

    def gold_labels(self, doc: Doc) -> list[str]:
        """List the labels that a reference has, whether they are known or not."""
        key = self.gold_key
        spans = doc.ents if key is None else doc.spans.get(key) or ()
        return [span.label_ for span in spans]

    def add_label(self, label: str) -> int:
        """Add a label. The scores of the others stay as they are.

        Returns:
            1 if the label is new, 0 if it was known.

        Raises:
            ValueError: If it can't be a label, or the model can't have any more.
        """
        if label in self.labels:
            return 0
        check_label(label)
        n_tags = count_tags(len(self.labels) + 1, self.cfg["scheme"])
        make_room(self.name, (self.model, self._rehearsal_model), n_tags)
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        """Prepare for training: find the labels, and the dimensions of the model.

        Warns if there are entities that don't begin and end where tokens do, do it with
        white space, cross sentences, or have other labels than `labels`.

        Args:
            get_examples: Returns examples that hold all labels.
            nlp: The pipeline.
            labels: All labels; entities with others are ignored. If None, those of the
                examples are taken.

        Raises:
            ValueError: If there are no labels, or some that can't be, or entities
                overlap, or the model is for another component.
        """
        validate_get_examples(get_examples, "RNNEntityRecognizer.initialize")
        check_model(self)
        found = find_labels(get_examples(), self.gold_key)
        if labels is None:
            for label, text in found.items():
                check_label(label, f" of the document {text}")
        for label in sorted(found) if labels is None else labels:
            self.add_label(label)
        if labels is not None:
            ignore_others(self, get_examples())
        n_tags = len(self.tag_set.start)
        check_outputs(self.name, self.model, len(self.labels), n_tags, self.gold_key)
        docs = [example.predicted for example in islice(get_examples(), 10)]
        Y = [self.model.ops.alloc2f(len(doc), n_tags) for doc in docs]
        self.model.initialize(X=docs, Y=Y)

    def predict(self, docs: Iterable[Doc]) -> list[Entities]:
        """Find entities without changing the documents."""
        docs = list(docs)
        if not any(len(doc) for doc in docs):
            return [Entities([], []) for _ in docs]
        keep, temperature = self.cfg["annotate_ents"], self.cfg["temperature"]
        lattice, spans = find_entities(self.model, self.tag_set, docs, keep)
        confidences = None
        if self.cfg["spans_key"] is not None:
            confidences = span_confidences(lattice, self.tag_set, spans, temperature)
        return split_entities(docs, self.labels, spans, confidences)

    def set_annotations(self, docs: Iterable[Doc], entities: list[Entities]) -> None:
        """Write entities to `doc.ents` and `doc.spans`, as the settings say."""
        settings = {name: self.cfg[name] for name in ("annotate_ents", "spans_key")}
        for doc, found in zip(docs, entities, strict=True):
            annotate(doc, found, **settings)

    def get_loss(
        self, examples: Iterable[Example], scores: TagScores
    ) -> tuple[float, TagScores]:
        """Find how improbable the model takes what is known to be.

        Raises:
            ValueError: If an entity has a label that the model doesn't know, entities
                overlap, or a span is both an entity and incorrect.
        """
        examples = list(examples)
        validate_examples(examples, "RNNEntityRecognizer.get_loss")
        tag_set, key = self.tag_set, self.cfg["incorrect_spans_key"]
        given = self.cfg.get("labels_given", False)
        gold = read_gold(tag_set, examples, self.gold_key, ignore_others=given)
        incorrect = read_incorrect(tag_set, examples, key, self.gold_key)
        lattice, allowed = to_lattice(scores, tag_set), allowed_tags(tag_set, gold)
        loss, gradient = crf_loss(lattice, tag_set, allowed, incorrect)
        return loss, from_gradient(self.model.ops, gradient, scores)

    def divergence(
        self, scores: TagScores, before: TagScores
    ) -> tuple[float, TagScores]:
        """Find how far sequences are from what they were before, and the gradient.

        The loss is the Kullback-Leibler divergence of the tag sequences' distribution,
        per document, in nats.
        """
        lattices = (to_lattice(each, self.tag_set) for each in (scores, before))
        loss, gradient = divergence(*lattices)
        return loss, from_gradient(self.model.ops, gradient, scores)
