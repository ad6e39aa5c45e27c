"""What is known of the entities in documents, and the tags that leaves to tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spacy_rnn.tags.tag_set import TagSet

# Values of spaCy's ENT_IOB. A token that is BEGIN without a type is a blocked one.
MISSING, INSIDE, OUTSIDE, BEGIN = range(4)


@dataclass
class KnownEntities:
    """What is known of the entities in documents that lie end to end.

    Attributes:
        lengths: Tokens in each document, summing to N. Shape (B,).
        iob: MISSING, INSIDE, OUTSIDE or BEGIN. Shape (N,).
        labels: Row of a token's label in `TagSet.of_label`, -1 if it isn't one of them.
            Shape (N,).
    """

    lengths: np.ndarray
    iob: np.ndarray
    labels: np.ndarray

    @property
    def is_entity(self) -> np.ndarray:
        """Whether a token is part of an entity. Shape (N,)."""
        return (self.iob == INSIDE) | (self.iob == BEGIN)

    def doc_of(self, tokens: np.ndarray) -> np.ndarray:
        """Find which document each of some tokens is in."""
        return np.searchsorted(np.cumsum(self.lengths), tokens, side="right")


def find_known(
    tag_set: TagSet, lengths: Sequence[int], iob: np.ndarray, types: np.ndarray
) -> KnownEntities:
    """Note what is known, from spaCy's ENT_IOB and ENT_TYPE of each token.

    As in spaCy, what is INSIDE without anything to go on from begins an entity.
    """
    labels = np.full(len(types), -1, dtype="i")
    (typed,) = types.nonzero()
    labels[typed] = [tag_set.row_of.get(each, -1) for each in types[typed].tolist()]
    known = KnownEntities(np.array(lengths, dtype="i"), iob, labels)
    goes_on = np.zeros(len(iob), dtype=bool)
    goes_on[1:] = known.is_entity[:-1] & (types[1:] == types[:-1])
    goes_on[first_tokens(known.lengths)] = False
    known.iob = np.where((iob == INSIDE) & ~goes_on, BEGIN, iob)
    return known


def allowed_tags(tag_set: TagSet, known: KnownEntities) -> np.ndarray:
    """Find the tags that tokens may have, given what is known. Shape (N, K), bool.

    An entity is known as a whole: what is MISSING beside it is no part of it.
    """
    allowed = np.ones((len(known.iob), len(tag_set.start)), dtype=bool)
    restrict(allowed, tag_set, known)
    return allowed


def restrict(allowed: np.ndarray, tag_set: TagSet, known: KnownEntities) -> None:
    """Leave what is known the only possibility, see `allowed_tags`."""
    inside, is_entity = known.iob == INSIDE, known.is_entity
    goes_on = np.append(inside[1:], False)[: len(inside)]
    after = np.flatnonzero(is_entity & ~goes_on) + 1
    allowed[np.ix_(after[after < len(inside)], tag_set.continues)] = False
    allowed[known.iob != MISSING] = False
    allowed[known.iob == OUTSIDE, 0] = True
    places = np.where(goes_on, inside, 3 - inside)[is_entity]
    allowed[is_entity, tag_set.of_label[known.labels[is_entity], places]] = True


def first_tokens(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """Find where documents that lie end to end begin, but for the empty ones."""
    lengths = np.asarray(lengths, dtype="i")
    return (np.cumsum(lengths) - lengths)[lengths > 0]


def concatenate(rows: Sequence[np.ndarray], width: int) -> np.ndarray:
    """Lay what `Doc.to_array` gives for documents end to end. Shape (N, width)."""
    return np.concatenate([*rows, np.zeros((0, width), dtype="uint64")])
