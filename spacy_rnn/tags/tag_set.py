"""Entities as tags: which tags a token may have, and which entities tags make."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from spacy.strings import get_string_id

from spacy_rnn.tags.schemes import (
    Constraints,
    Scheme,
    Span,
    legal,
    make_tags,
    split_tag,
)

# Values of spaCy's ENT_IOB. A token that is BEGIN without a type is a blocked one.
MISSING, INSIDE, OUTSIDE, BEGIN = range(4)


@dataclass(frozen=True)
class TagSet:
    """The tags of a model.

    Attributes:
        tags: "O", then those of each label together, K in all.
        constraints: Which sequences are legal.
        begins: Whether a tag is for the first token of an entity. Shape (K,).
        continues: Whether it is for a later token. Shape (K,).
        label_of: The label of each tag, empty for "O".
        of_label: A label's tags for the first, a middle, the last and the only token of
            an entity. Shape (labels, 4).
        rows: The row of each label in `of_label`.
        row_of: The same, from spaCy's number of the label.
    """

    tags: list[str]
    constraints: Constraints
    begins: np.ndarray
    continues: np.ndarray
    label_of: list[str]
    of_label: np.ndarray
    rows: dict[str, int]
    row_of: dict[int, int]


@lru_cache(maxsize=32)
def make_tag_set(labels: tuple[str, ...], scheme: Scheme) -> TagSet:
    """List the tags of some labels, in the scheme."""
    tags = make_tags(labels, scheme)
    prefixes, label_of = zip(*(split_tag(tag, scheme) for tag in tags), strict=True)
    places = "BILU" if scheme == "BILUO" else "BIIB"
    of_label = [[tags.index(f"{p}-{label}") for p in places] for label in labels]
    return TagSet(
        tags=tags,
        constraints=legal(tags, scheme),
        begins=np.array([prefix in ("B", "U") for prefix in prefixes]),
        continues=np.array([prefix in ("I", "L") for prefix in prefixes]),
        label_of=list(label_of),
        of_label=np.array(of_label, dtype="i").reshape(-1, 4),
        rows={label: i for i, label in enumerate(labels)},
        row_of={get_string_id(label): i for i, label in enumerate(labels)},
    )


@dataclass
class Annotation:
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


def make_annotation(
    tag_set: TagSet, lengths: Sequence[int], iob: np.ndarray, types: np.ndarray
) -> Annotation:
    """Note what is known, from spaCy's ENT_IOB and ENT_TYPE of each token.

    As in spaCy, what is INSIDE without anything to go on from begins an entity.
    """
    labels = np.array([tag_set.row_of.get(t, -1) for t in types.tolist()], dtype="i")
    known = Annotation(np.array(lengths, dtype="i"), iob, labels)
    goes_on = np.zeros(len(iob), dtype=bool)
    goes_on[1:] = known.is_entity[:-1] & (types[1:] == types[:-1])
    goes_on[first_tokens(known.lengths)] = False
    known.iob = np.where((iob == INSIDE) & ~goes_on, BEGIN, iob)
    return known


def allowed_tags(tag_set: TagSet, known: Annotation) -> list[np.ndarray]:
    """Find the tags that tokens may have, given what is known.

    An entity is known as a whole: what is MISSING beside it is no part of it.

    Returns:
        For each document, shape (tokens, K), bool.
    """
    allowed = np.ones((len(known.iob), len(tag_set.tags)), dtype=bool)
    restrict(allowed, tag_set, known)
    return split(allowed, known.lengths)


def restrict(allowed: np.ndarray, tag_set: TagSet, known: Annotation) -> None:
    """Leave what is known the only possibility, see `allowed_tags`."""
    inside, is_entity = known.iob == INSIDE, known.is_entity
    goes_on = np.append(inside[1:], False)[: len(inside)]
    after = np.flatnonzero(is_entity & ~goes_on) + 1
    allowed[np.ix_(after[after < len(inside)], tag_set.continues)] = False
    allowed[known.iob != MISSING] = False
    allowed[known.iob == OUTSIDE, tag_set.tags.index("O")] = True
    places = np.where(goes_on, inside, 3 - inside)[is_entity]
    allowed[is_entity, tag_set.of_label[known.labels[is_entity], places]] = True


def find_spans(tag_set: TagSet, paths: Sequence[np.ndarray]) -> list[list[Span]]:
    """Read the entities of documents from legal sequences of tags.

    Args:
        tag_set: The tags.
        paths: The index of each token's tag, an array for each document.
    """
    lengths = np.array([len(path) for path in paths], dtype="i")
    path = np.concatenate([*paths, np.zeros(0, dtype="i")])
    begins, continues = tag_set.begins[path], tag_set.continues[path]
    starts = np.flatnonzero(begins)
    goes_on = np.append(continues[1:], False)[: len(path)]
    ends = np.flatnonzero((begins | continues) & ~goes_on) + 1
    doc_ends = np.cumsum(lengths)
    doc_of = np.searchsorted(doc_ends, starts, side="right")
    offsets = (doc_ends - lengths)[doc_of]
    spans: list[list[Span]] = [[] for _ in paths]
    columns = (doc_of, starts - offsets, ends - offsets, path[starts])
    for i, start, end, tag in zip(*(c.tolist() for c in columns), strict=True):
        spans[i].append((start, end, tag_set.label_of[tag]))
    return spans


def first_tokens(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """Find where documents that lie end to end begin, but for the empty ones."""
    lengths = np.asarray(lengths, dtype="i")
    return (np.cumsum(lengths) - lengths)[lengths > 0]


def concatenate(rows: Sequence[np.ndarray], width: int) -> np.ndarray:
    """Lay what `Doc.to_array` gives for documents end to end. Shape (N, width)."""
    return np.concatenate([*rows, np.zeros((0, width), dtype="uint64")])


def split(rows: np.ndarray, lengths: Sequence[int] | np.ndarray) -> list[np.ndarray]:
    """Part the rows of documents that lie end to end."""
    return np.split(rows, np.cumsum(lengths))[:-1]
