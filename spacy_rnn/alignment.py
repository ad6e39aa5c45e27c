"""Whether the tokens of predictions are those of their references."""

from collections.abc import Sequence

import numpy as np
from spacy.attrs import ORTH
from spacy.tokens import Doc
from spacy.training import Example


def same_tokens(examples: Sequence[Example]) -> np.ndarray:
    """Say where nothing has to be aligned, which would take long. Shape (B,), bool."""
    predicted = [example.predicted for example in examples]
    reference = [example.reference for example in examples]
    lengths = np.array([*map(len, predicted)], dtype=np.int64)
    same = lengths == np.array([*map(len, reference)], dtype=np.int64)
    if not same.all():  # the others have to be compared
        (places,) = same.nonzero()
        same[places] = same_tokens([examples[i] for i in places])
        return same
    doc_of = np.repeat(np.arange(len(lengths)), lengths)
    same[doc_of[words_of(predicted) != words_of(reference)]] = False
    return same


def words_of(docs: Sequence[Doc]) -> np.ndarray:
    """Return the hashes of all words, documents end to end. Shape (N,), uint64."""
    nothing = np.empty(0, dtype=np.uint64)
    return np.concatenate([nothing, *(doc.to_array(ORTH) for doc in docs)])
