"""Pairs of a text and what it becomes, such as its translation."""

from typing import NamedTuple

from spacy_rnn.corpora.files.lines import Location, Unreadable

EMPTY_PAIRS = "Empty pairs"
LONG_TARGETS = "Pairs with a target that is too long"


class NoSource(Unreadable):
    kind = "Pairs without a source"


class NoTarget(Unreadable):
    kind = "Pairs without a target"


class Pair(NamedTuple):
    """A source and its targets, without white space around them."""

    location: Location | str  # in a file, or what errors call it
    source: str
    targets: list[str]  # that are not empty; the first is trained on


def make_pair(location: Location | str, source: str, targets: list[str]) -> Pair:
    """Make a pair, which is empty on both sides or on neither.

    Raises:
        NoSource: If nothing but the source is empty.
        NoTarget: If nothing but the targets is empty.
    """
    source = source.strip()
    targets = [target.strip() for target in targets]
    targets = [target for target in targets if target]
    if targets and not source:
        raise NoSource(f"{location}: there is nothing in the source")
    if source and not targets:
        raise NoTarget(f"{location}: there is nothing in the target")
    return Pair(location, source, targets)
