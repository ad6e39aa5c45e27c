"""What each of several processes learns of a batch."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from spacy.language import Language
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

    def update(self, examples: list[Example], **options: Any) -> None:
        docs = [example.predicted for example in examples]
        lengths = [len(doc) for doc in docs]
        chosen = choose_share(lengths, self.ranks)
        if any(lengths):  # else, components skip the batch
            with self.drawn_alike():
                self._learn_ahead(docs, chosen)
        self.nlp.update([examples[i] for i in chosen], **options)

    def _learn_ahead(self, docs: list[Doc], chosen: list[int]) -> None:
        for model in self.models.values():
            for layer in model.walk():
                if "learn" in layer.attrs:
                    layer.attrs["learn"](layer, docs, chosen)


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
