"""What layers learn outside of their parameters, such as which n-gram owns a row.

A layer learns from the features of a batch, in training, before it computes: by itself,
in its forward pass, or ahead of it. The latter is for processes that train together:
each learns from the whole batch, so all learn the same, and then computes a share.
"""

from collections.abc import Callable, Sequence

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model

from spacy_rnn.ragged import count

Read = Callable[[Model, Sequence[Doc]], np.ndarray]
Lesson = Callable[[Model, np.ndarray, np.ndarray], np.ndarray]


class Learning:
    """How a layer learns ahead from a batch; the value of its attribute "learn".

    Attributes:
        read: Returns the features of all tokens of documents. Shape (N, A).
        lesson: Learns from features and the lengths of documents, and returns what the
            layer is to compute with in their place. Shape (N, A).
    """

    def __init__(self, read: Read, lesson: Lesson) -> None:
        self.read = read
        self.lesson = lesson
        self._ahead: tuple[np.ndarray, np.ndarray] | None = None

    def __reduce__(self) -> tuple[type["Learning"], tuple[Read, Lesson]]:
        return Learning, (self.read, self.lesson)  # for copies as well

    def __call__(
        self, model: Model, docs: Sequence[Doc], chosen: Sequence[int]
    ) -> None:
        """Learn from a batch, ahead of a forward pass on a part of it.

        Args:
            model: The layer.
            docs: The batch.
            chosen: Places in it of the documents that the forward pass will get.
        """
        lengths = count(docs)
        features = self.read(model, docs)
        learned = self.lesson(model, features.copy(), lengths)
        ends = lengths.cumsum()
        tokens = [np.arange(ends[i] - lengths[i], ends[i]) for i in chosen]
        rows = np.concatenate([np.empty(0, dtype=np.int64), *tokens])
        self._ahead = features[rows], learned[rows]

    def take(self, model: Model, features: np.ndarray) -> np.ndarray | None:
        """Return what the layer is to compute with if it has learned ahead, else None.

        Args:
            model: The layer, which is called in training.
            features: Of all tokens. Shape (N, A).

        Raises:
            ValueError: If the layer has learned ahead of other documents.
        """
        if self._ahead is None:
            return None
        (expected, learned), self._ahead = self._ahead, None
        if not np.array_equal(expected, features):
            raise ValueError(
                f"'{model.name}' has learned from a batch that it doesn't get now. "
                f"Where several processes train, a component may not leave documents "
                f"out, nor read what an annotating component writes."
            )
        return learned
