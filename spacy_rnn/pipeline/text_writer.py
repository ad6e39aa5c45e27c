"""Components that write a text about each document."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Optimizer
from thinc.types import Floats1d

from spacy_rnn.extensions import register_text, written_texts
from spacy_rnn.metrics.agreement import expected_agreement
from spacy_rnn.pipeline.guards import guarded
from spacy_rnn.pipeline.learning import learn
from spacy_rnn.pipeline.model_kinds import NEW_TEXTS, check_model
from spacy_rnn.pipeline.settings import note_settings
from spacy_rnn.types import Candidate, Seq2SeqT

SAMPLE = 10  # documents that a model is initialized with
SEARCH = (
    "beam_width",
    "min_length",
    "max_length",
    "length_penalty",
    "coverage_penalty",
    "no_repeat",
    "whole_words",
)


@guarded
class TextWriter(TrainablePipe):
    """Write a text about each document, with an encoder-decoder."""

    loss_per = "piece"
    model_kinds = (NEW_TEXTS,)

    def __init__(
        self,
        vocab: Vocab,
        model: Seq2SeqT,
        name: str,
        *,
        extension: str,
        beam_width: int = 5,
        n_best: int = 0,
        attention: bool = False,
        min_length: int = 0,
        max_length: int = 100,
        length_penalty: float = 1.5,
        coverage_penalty: float = 0.0,
        no_repeat: int = 0,
        whole_words: bool = False,
        mbr_temperature: float = 0.0,
        scorer: Callable | None = None,
        max_gradient_norm: float = 0.0,
    ) -> None:
        """Make the component.

        The settings are those of `make_text_writer`.

        Raises:
            ValueError: If a setting can't be.
        """
        super().__init__(
            vocab,
            model,
            name,
            extension=extension,
            beam_width=beam_width,
            n_best=n_best,
            attention=attention,
            min_length=min_length,
            max_length=max_length,
            length_penalty=length_penalty,
            coverage_penalty=coverage_penalty,
            no_repeat=no_repeat,
            whole_words=whole_words,
            mbr_temperature=mbr_temperature,
            max_gradient_norm=max_gradient_norm,
        )
        note_settings(self)
        self.scorer = scorer
        self._rehearsal_model: Seq2SeqT | None = None
        register_text(extension)
        register_text(f"{extension}_candidates")

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
    ) -> None:
        """Learn the pieces of words of all examples, and prepare for training.

        Raises:
            ValueError: If no document has both a word and a text to learn from, or the
                model is for another component.
        """
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        check_model(self)

        def pairs() -> Iterator[tuple[str, str]]:
            for example in get_examples():
                target = self.target(example)
                if target and not example.reference.text.isspace():
                    yield example.reference.text, target

        sample = [example.x for example in islice(get_examples(), SAMPLE)]
        if next(pairs(), None) is None:
            raise ValueError(
                f"No document has a text in doc._.{self.cfg['extension']}, so "
                f"'{self.name}' has nothing to learn from"
            )
        self.model.attrs["learn_pieces"](self.model, pairs)
        self.model.initialize(X=(sample, [None] * len(sample)))

    def pipe(
        self, stream: Iterable[Doc], *, batch_size: int = 128, share: float = 1.0
    ) -> Iterator[Doc]:
        """Write a text about each document of a stream.

        `share` is of no use here: it is what `update` is given, which spaCy hands on
        where a component annotates in training.
        """
        yield from super().pipe(stream, batch_size=batch_size)

    def predict(self, docs: Iterable[Doc]) -> list[list[Candidate]]:
        """Search for the best texts for each document, the best one first."""
        settings = {name: self.cfg[name] for name in SEARCH}
        n_best, temperature = max(1, self.cfg["n_best"]), self.cfg["mbr_temperature"]
        found = self.model.attrs["write"](
            self.model,
            list(docs),
            n_best=self.cfg["beam_width"] if temperature else n_best,
            keep=self.cfg["attention"] and self.cfg["n_best"] > 0,
            **settings,
        )
        if not temperature:
            return found
        return [by_agreement(each, temperature)[:n_best] for each in found]

    def set_annotations(
        self, docs: Iterable[Doc], candidates: list[list[Candidate]]
    ) -> None:
        """Write the best text of each document, an empty one if it hasn't a word."""
        extension, n_best = self.cfg["extension"], self.cfg["n_best"]
        name = f"{extension}_candidates"
        for doc, found in zip(docs, candidates, strict=True):
            doc._.set(extension, found[0].text if found else "")
            if n_best:
                doc._.set(name, [each.as_dict() for each in found])
            elif doc._.get(name) is not None:
                doc._.set(name, None)  # those of another text

    def target(self, example: Example) -> str | None:
        """Return the text that is learned from a reference: the first, of several."""
        texts = written_texts(example.reference, self.cfg["extension"])
        return texts[0] if texts else None

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
        share: float = 1.0,
    ) -> dict[str, float]:
        """Learn from a batch of documents with their texts.

        A document without a text, or without a word, counts nothing.

        Args:
            examples: The batch.
            drop: Dropout rate.
            sgd: Updates the weights, if there is one.
            losses: Where the loss is added, per piece.
            share: Of a batch of which this is a part, the share of the pieces. The
                gradient, a mean over pieces, is multiplied by it.

        Returns:
            The losses.
        """
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.update")
        targets = [self.target(example) for example in examples]
        return self._learn(
            examples, targets, drop=drop, sgd=sgd, losses=losses, share=share
        )

    def count_pieces(self, examples: Sequence[Example]) -> int:
        """Count the pieces of a batch's texts, over which the loss is a mean."""
        docs = [example.predicted for example in examples]
        targets = [self.target(example) for example in examples]
        return self.model.attrs["count_pieces"](self.model, docs, targets)

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
        **config: Any,
    ) -> dict[str, float]:
        """Learn from what the component wrote before training went on.

        That is distillation of texts (Kim & Rush, 2016).
        """
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.rehearse")
        if self._rehearsal_model is None:
            return {} if losses is None else losses
        docs = [example.predicted for example in examples]
        settings = {name: self.cfg[name] for name in SEARCH} | {"beam_width": 1}
        found = self._rehearsal_model.attrs["write"](
            self._rehearsal_model, docs, n_best=1, keep=False, **settings
        )
        targets = [each[0].text if each else None for each in found]
        return self._learn(examples, targets, drop=drop, sgd=sgd, losses=losses)

    def get_loss(
        self, examples: Iterable[Example], scores: Floats1d
    ) -> tuple[float, Floats1d]:
        """Find the cross-entropy per piece, in nats, and its gradient.

        On a GPU the loss is an array without dimensions.
        """
        validate_examples(examples, f"{type(self).__name__}.get_loss")
        xp = self.model.ops.xp
        return xp.sum(scores, dtype="f8"), xp.ones_like(scores)

    def _learn(
        self,
        examples: list[Example],
        targets: Sequence[str | None],
        *,
        drop: float,
        sgd: Optimizer | None,
        losses: dict[str, float] | None,
        share: float = 1.0,
    ) -> dict[str, float]:
        docs = [example.predicted for example in examples]

        def find_loss(scores: Floats1d) -> tuple[Any, Floats1d]:
            loss, gradient = self.get_loss(examples, scores)
            return loss, share * gradient

        return learn(
            self, docs, (docs, targets), find_loss, drop=drop, sgd=sgd, losses=losses
        )


def by_agreement(found: list[Candidate], temperature: float) -> list[Candidate]:
    """Sort candidates by how much they agree with each other, and score them so."""
    if not found:
        return found
    texts, log_probs = zip(*((x.text, x.log_probability) for x in found), strict=True)
    agreement = expected_agreement(texts, log_probs, temperature)
    order = np.argsort(-agreement, kind="stable")
    return [replace(found[i], score=float(agreement[i])) for i in order]
