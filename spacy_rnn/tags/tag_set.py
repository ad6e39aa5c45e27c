"""The tags of labels: which may follow each other, and which spans they make."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from spacy.strings import get_string_id

Scheme = Literal["BIO", "BILUO"]

PREFIXES = {"BIO": "BI", "BILUO": "BILU"}
# Which of them the first, a middle, the last and the only token of a span have.
PLACES = {"BIO": [0, 1, 1, 0], "BILUO": [0, 1, 2, 3]}


@dataclass(frozen=True)
class TagSet:
    """The tags of a model, by number: first "O", then those of each label together.

    So the tags of labels that are added later come last.

    Attributes:
        transitions: Whether the tag of a column may follow that of a row. Shape (K, K).
        start: Whether a document may begin with a tag. Shape (K,).
        end: Whether a document may end with it. Shape (K,).
        begins: Whether it is for the first token of an entity. Shape (K,).
        continues: Whether it is for a later token. Shape (K,).
        label_of: The row of its label, -1 for "O". Shape (K,).
        of_label: A label's tags for the first, a middle, the last and the only token of
            an entity. Shape (labels, 4).
        rows: The row of each label in `of_label`.
        row_of: The same, from spaCy's number of the label.
    """

    transitions: np.ndarray
    start: np.ndarray
    end: np.ndarray
    begins: np.ndarray
    continues: np.ndarray
    label_of: np.ndarray
    of_label: np.ndarray
    rows: dict[str, int]
    row_of: dict[int, int]


def count_tags(n_labels: int, scheme: Scheme) -> int:
    """Count the tags of some labels, "O" included."""
    return 1 + n_labels * len(PREFIXES[scheme])


@lru_cache(maxsize=32)
def make_tag_set(labels: tuple[str, ...], scheme: Scheme) -> TagSet:
    """Number the tags of some labels, and say which sequences are whole spans."""
    prefixes = np.array(["O", *PREFIXES[scheme] * len(labels)])
    places, size = PLACES[scheme], len(PREFIXES[scheme])
    label_of = np.append(-1, np.arange(len(labels)).repeat(size))
    opens = np.isin(prefixes, ["B", "I"])
    continues = np.isin(prefixes, ["I", "L"])
    closes = ~opens if scheme == "BILUO" else np.ones_like(opens)
    same_label = label_of[:, None] == label_of
    return TagSet(
        transitions=np.where(continues, opens[:, None] & same_label, closes[:, None]),
        start=~continues,
        end=closes,
        begins=np.isin(prefixes, ["B", "U"]),
        continues=continues,
        label_of=label_of,
        of_label=1 + size * np.arange(len(labels))[:, None] + places,
        rows={label: i for i, label in enumerate(labels)},
        row_of={get_string_id(label): i for i, label in enumerate(labels)},
    )


def find_spans(tag_set: TagSet, path: np.ndarray) -> np.ndarray:
    """Read the spans that legal sequences of tags make.

    Args:
        tag_set: The tags.
        path: The tag of each token, documents end to end. Shape (N,).

    Returns:
        For each its first token, its end (exclusive) and the row of its label, in the
        order of the text. Shape (spans, 3).
    """
    begins, continues = tag_set.begins[path], tag_set.continues[path]
    (starts,) = begins.nonzero()
    goes_on = np.append(continues[1:], False)[: len(path)]
    (last,) = ((begins | continues) & ~goes_on).nonzero()
    return np.stack([starts, last + 1, tag_set.label_of[path[starts]]], axis=1)


def tag_spans(
    tag_set: TagSet, spans: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tag the tokens of spans, which may overlap.

    Args:
        tag_set: The tags.
        spans: As from `find_spans`. Shape (spans, 3).

    Returns:
        For each token of each span the number of the span, the token and its tag.
    """
    starts, ends, rows = spans.T
    lengths = ends - starts
    span_of = np.repeat(np.arange(len(spans)), lengths)
    tokens = np.arange(len(span_of)) + (starts - lengths.cumsum() + lengths)[span_of]
    is_first, is_last = tokens == starts[span_of], tokens == ends[span_of] - 1
    places = np.where(is_first, np.where(is_last, 3, 0), np.where(is_last, 2, 1))
    return span_of, tokens, tag_set.of_label[rows[span_of], places]


def span_sets(tag_set: TagSet, span: np.ndarray, length: int) -> np.ndarray:
    """Say which tags each token of a span has, and in BIO the one after it.

    That one could depart from the span, too, by making it longer.

    Args:
        tag_set: The tags.
        span: Its first token, its end and the row of its label.
        length: Where the document ends.

    Returns:
        From the first token on. Shape (tokens, K), bool.
    """
    _, end, row = span
    _, _, tags = tag_spans(tag_set, span[None])
    n_tags = len(tag_set.start)
    inside = np.eye(n_tags, dtype=bool)[tags]
    longer = tag_set.of_label[row, 1]
    if end < length and tag_set.transitions[tags[-1], longer]:
        inside = np.vstack([inside, np.arange(n_tags) != longer])
    return inside
