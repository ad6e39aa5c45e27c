"""What each of several processes learns of a batch."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from spacy.language import Language
from spacy.pipeline import EntityLinker, TextCategorizer
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Model

from spacy_rnn.training.ranks import Ranks


class Shares:
    """A pipeline as spaCy's loop sees it, which learns this rank's share of a batch.

    What a layer learns outside of its parameters, it learns of the whole batch, as it
    would in one process: see `layers.learning`.
    """

    def __init__(
        self,
        nlp: Language,
        models: dict[str, Model],
        ranks: Ranks,
        drawn_alike: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.nlp = nlp
        self.models = models
        self.ranks = ranks
        self.drawn_alike = drawn_alike

    @property
    def pipeline(self) -> Any:
        return self.nlp.pipeline

    def use_params(self, params: Any) -> Any:
        return self.nlp.use_params(params)

    def update(
        self, examples: list[Example], *, losses: dict[str, float], **options: Any
    ) -> None:
        docs = [example.predicted for example in examples]
        lengths = [len(doc) for doc in docs]
        chosen = choose_share(lengths, self.ranks)
        if any(lengths):  # else, components skip the batch
            with self.drawn_alike():
                self._learn_ahead(docs, chosen)
        part = [examples[i] for i in chosen]
        shares = self._shares_of_means(part, examples)
        own: dict[str, float] = {}
        scaled = {
            name: {"share": share}
            for name, share in shares.items()
            if hasattr(self.nlp.get_pipe(name), "count_pieces")
        }
        self.nlp.update(part, losses=own, component_cfg=scaled, **options)
        for name, loss in own.items():
            losses[name] = losses.get(name, 0.0) + loss * shares.get(name, 1.0)

    def _shares_of_means(
        self, part: list[Example], whole: list[Example]
    ) -> dict[str, float]:
        """Find how much a part has of what losses are means over, by pipe.

        The loss of a part counts as much, so that those of all ranks add up to that of
        the whole batch. Others are sums.
        """
        shares = {}
        for name in self.models:
            pipe = self.nlp.get_pipe(name)
            if (total := count_units(pipe, whole)) is not None:
                shares[name] = (count_units(pipe, part) or 0) / max(1, total)
        return shares

    def _learn_ahead(self, docs: list[Doc], chosen: list[int]) -> None:
        for model in self.models.values():
            for layer in model.walk():
                if "learn" in layer.attrs:
                    layer.attrs["learn"](layer, docs, chosen)


def count_units(pipe: Any, examples: Sequence[Example]) -> int | None:
    """Count what the loss of a pipe is a mean over; None if it is a sum."""
    of_spacy = isinstance(pipe, (TextCategorizer, EntityLinker))
    unit = getattr(pipe, "loss_per", "document" if of_spacy else None)
    if unit == "document":
        return len(examples)
    if unit == "token":
        return sum(len(example.predicted) for example in examples)
    return pipe.count_pieces(examples) if unit == "piece" else None


def choose_share(lengths: Sequence[int], ranks: Ranks) -> list[int]:
    """Choose the documents of a batch that a rank learns, so that all have like work.

    Empty documents go to the first one, beside others if there are: components skip a
    batch that has nothing else.

    Args:
        lengths: Tokens in each document.
        ranks: Which rank, of how many.

    Returns:
        Their places in the batch, the shortest first.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    empty = [i for i in order if not lengths[i]]
    share = order[len(empty) :][ranks.rank :: ranks.size]
    return share if ranks.rank else empty + share
