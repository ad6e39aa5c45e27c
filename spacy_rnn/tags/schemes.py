"""Labelled spans as one tag per token, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Scheme = Literal["BIO", "BILUO"]
Span = tuple[int, int, str]  # first token, end (exclusive), label

PREFIXES = {"BIO": "BI", "BILUO": "BILU"}


@dataclass(frozen=True)
class Constraints:
    """Which tags may follow each other.

    Attributes:
        transitions: Whether the tag of a column may follow that of a row. Shape (K, K),
            bool.
        start: Whether a document may begin with a tag. Shape (K,), bool.
        end: Whether a document may end with a tag. Shape (K,), bool.
    """

    transitions: np.ndarray
    start: np.ndarray
    end: np.ndarray


def make_tags(labels: Sequence[str], scheme: Scheme) -> list[str]:
    """List the tags of a scheme: "O", then those of each label in turn.

    The tags of labels that are added later come last.
    """
    return ["O", *(f"{p}-{label}" for label in labels for p in PREFIXES[scheme])]


def legal(tags: Sequence[str], scheme: Scheme) -> Constraints:
    """Find out which sequences of tags are made of whole spans.

    Raises:
        ValueError: If a tag isn't one of the scheme.
    """
    split = [split_tag(tag, scheme) for tag in tags]
    labels = np.array([label for _, label in split], dtype=object)
    opens = np.array([prefix in ("B", "I") for prefix, _ in split], dtype=bool)
    continues = np.array([prefix in ("I", "L") for prefix, _ in split], dtype=bool)
    closes = ~opens if scheme == "BILUO" else np.ones_like(opens)
    same_label = labels[:, None] == labels
    return Constraints(
        transitions=np.where(continues, opens[:, None] & same_label, closes[:, None]),
        start=~continues,
        end=closes,
    )


def spans_to_tags(spans: Sequence[Span], length: int, scheme: Scheme) -> list[str]:
    """Tag the tokens of a document.

    Args:
        spans: Spans in any order.
        length: Tokens in the document.
        scheme: The tag scheme.

    Raises:
        ValueError: If a span is empty or reaches out of the document, or two overlap.
    """
    tags = ["O"] * length
    covered = [False] * length
    for start, end, label in spans:
        check_span((start, end, label), length)
        if any(covered[start:end]):
            raise ValueError(
                f"Spans must not overlap, but {label!r} from {start} to {end} has a "
                f"token in common with another: {sorted(spans)}"
            )
        covered[start:end] = [True] * (end - start)
        tags[start:end] = span_to_tags(end - start, label, scheme)
    return tags


def span_to_tags(length: int, label: str, scheme: Scheme) -> list[str]:
    """Return the tags of one span, of at least one token."""
    if scheme == "BIO":
        return [f"B-{label}"] + [f"I-{label}"] * (length - 1)
    if length == 1:
        return [f"U-{label}"]
    return [f"B-{label}"] + [f"I-{label}"] * (length - 2) + [f"L-{label}"]


def continuation(label: str, scheme: Scheme) -> str | None:
    """Return the tag that would make a complete span longer, if there can be one."""
    return f"I-{label}" if scheme == "BIO" else None


def sets_without(
    span: Span, length: int, tags: Sequence[str], scheme: Scheme
) -> np.ndarray:
    """Say by disjoint groups of sets of tags that a document doesn't have a span.

    In the i-th group all goes as with the span up to its i-th token, and then not. In
    BIO the token after the span can depart from it too, by making it longer.

    Args:
        span: The span; its tags are known.
        length: Tokens in the document.
        tags: The K tags.
        scheme: Their scheme.

    Returns:
        The tags that are left to each token. Shape (groups, length, K), bool.
    """
    start, end, label = span
    names = span_to_tags(end - start, label, scheme)
    inside = np.array([[tag == name for tag in tags] for name in names])
    longer = continuation(label, scheme)
    if longer and end < length:
        inside = np.vstack([inside, [tag != longer for tag in tags]])
    groups = np.ones((len(inside), length, len(tags)), dtype=bool)
    for i, sets in enumerate(inside):
        groups[i, start + i] = ~sets
        groups[i + 1 :, start + i] = sets
    return groups


def check_span(span: Span, length: int) -> None:
    """Raise a ValueError for a span that is empty or reaches out of its document."""
    if not 0 <= span[0] < span[1] <= length:
        raise ValueError(
            f"A span has to lie within the document's {length} tokens and have at "
            f"least one, but {span[2]!r} goes from {span[0]} to {span[1]}"
        )


def tags_to_spans(tags: Sequence[str], scheme: Scheme) -> list[Span]:
    """Read the spans of a legal sequence of tags, in their order.

    Raises:
        ValueError: If a tag isn't one of the scheme, or the sequence isn't legal.
    """
    spans: list[Span] = []
    start, current = 0, ""  # the label of the span that we are in
    for i, tag in enumerate(tags):
        if tag == "O" and not current:
            continue
        prefix, label = split_tag(tag, scheme)
        if prefix in ("I", "L"):
            if label != current:
                raise illegal(tags, i)
        elif current:
            if scheme == "BILUO":
                raise illegal(tags, i)
            spans.append((start, i, current))
        if prefix in ("B", "U"):
            start = i
        if prefix in ("L", "U"):
            spans.append((start, i + 1, label))
        current = label if prefix in ("B", "I") else ""
    if current:
        if scheme == "BILUO":
            raise illegal(tags, len(tags))
        spans.append((start, len(tags), current))
    return spans


def split_tag(tag: str, scheme: Scheme) -> tuple[str, str]:
    """Split a tag into its prefix and its label, which is empty for "O".

    Raises:
        ValueError: If the tag isn't one of the scheme.
    """
    if tag == "O":
        return "O", ""
    prefix, hyphen, label = tag.partition("-")
    if len(prefix) != 1 or prefix not in PREFIXES[scheme] or not hyphen or not label:
        raise ValueError(
            f"A tag of the scheme {scheme} is 'O', or one of {list(PREFIXES[scheme])} "
            f"with a hyphen and a label, but it is {tag!r}"
        )
    return prefix, label


def illegal(tags: Sequence[str], i: int) -> ValueError:
    tag = repr(tags[i]) if i < len(tags) else "the end"
    before = repr(tags[i - 1]) if i else "the start"
    return ValueError(f"{tag} must not come after {before}, at token {i}: {list(tags)}")
