"""Rewrite the tags of named entities and other chunks to BIO, whatever their scheme."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal, TypeVar

from spacy_rnn.corpora.files.lines import Location

ChunkScheme = Literal["IOB1", "BIO", "BILUO", "IOBES"]
Tag = str | None  # None: unknown
Place = TypeVar("Place")
Pair = tuple[Tag, Tag]  # neighbours in a sentence

EDGE = ""  # stands before the first tag of a sentence, and after the last
UNKNOWN = frozenset((None, "", "_", "-"))
PREFIXES = {"IOB1": "BI", "BIO": "BI", "BILUO": "BILU", "IOBES": "BIES"}


def to_bio(tags: Sequence[Tag], scheme: ChunkScheme) -> list[str]:
    """Rewrite the tags of a sentence. What is unknown becomes "", as a Doc has it.

    Raises:
        ValueError: If a tag is none of the scheme, or must not be where it is.
    """
    return [rewrite_tag(*pair, scheme) for pair in pair_up(tags)][:-1]


def pair_up(tags: Sequence[Tag]) -> list[Pair]:
    """Pair each tag with the one before it, and the edge with the last tag."""
    known = [None if tag in UNKNOWN else tag for tag in tags]
    return list(pairwise((EDGE, *known, EDGE)))


@lru_cache(maxsize=2**16)
def rewrite_tag(previous: Tag, tag: Tag, scheme: ChunkScheme) -> str:
    """Rewrite a tag to BIO, given the one before it.

    A chunk is known in whole or not at all: it does not reach into what is unknown.

    Raises:
        ValueError: If a tag is none of the scheme, or must not follow the other.
    """
    prefix_before, label_before = _split(previous, scheme)
    prefix, label = _split(tag, scheme)
    is_open = prefix_before in ("B", "I")
    continues = prefix in ("I", "L")
    fits = continues and is_open and label == label_before
    if scheme in ("BILUO", "IOBES") and (continues or is_open) and not fits:
        raise ValueError(f"{_describe(previous, tag)} must not be in {scheme}")
    if scheme == "BIO" and continues and not fits:
        raise ValueError(
            f"{_describe(previous, tag)} must not be in BIO; a chunk begins there with "
            'scheme = "IOB1"'
        )
    if tag is None:
        return ""
    if not label:
        return "O"
    return f"I-{label}" if fits else f"B-{label}"


def choose_scheme(
    pairs: Mapping[Pair, Location],
    column: str,
    scheme: ChunkScheme | Literal["auto"] = "auto",
) -> ChunkScheme:
    """Find a scheme that all tags of a column are in.

    Args:
        pairs: The different pairs of neighbours, each with a place where it is.
        column: Name of the column.
        scheme: The only one to try, or "auto" for all.

    Raises:
        ValueError: If there is none.
    """
    problem = None
    for candidate in _list_candidates(pairs) if scheme == "auto" else [scheme]:
        problem = _find_problem(pairs, candidate)
        if problem is None:
            return candidate
    assert problem is not None
    location, error = problem
    tried = "IOB1, BIO, BILUO or IOBES" if scheme == "auto" else scheme
    raise ValueError(f"{location}: {column!r} is not in {tried}: {error}")


def closest_scheme(
    counts: Mapping[Pair, int], scheme: ChunkScheme | Literal["auto"] = "auto"
) -> ChunkScheme:
    """Find the scheme that the fewest tags of a column are not in.

    Args:
        counts: How often each pair of neighbours is there.
        scheme: The only one to try, or "auto" for all.
    """
    if scheme != "auto":
        return scheme
    candidates: list[ChunkScheme] = ["BIO", "BILUO", "IOBES", "IOB1"]

    def is_misfit(pair: Pair, candidate: ChunkScheme) -> bool:
        # What is wrong in BIO can be read as IOB1, which few write any more.
        is_strange = candidate == "IOB1" and _begins_without_need(*pair)
        return is_strange or _find_problem({pair: pair}, candidate) is not None

    def count_misfits(candidate: ChunkScheme) -> int:
        return sum(n for pair, n in counts.items() if is_misfit(pair, candidate))

    return min(candidates, key=count_misfits)


def _list_candidates(pairs: Iterable[Pair]) -> list[ChunkScheme]:
    prefixes = {tag.partition("-")[0] for _, tag in pairs if tag}
    if prefixes & {"L", "U"}:
        return ["BILUO"]
    if prefixes & {"E", "S"}:
        return ["IOBES"]
    # IOB1 has "B-" only where a chunk follows another of its label. One that has it
    # elsewhere is BIO, and a mistake in it should not turn it into something else.
    if any(_begins_without_need(*pair) for pair in pairs):
        return ["BIO"]
    return ["BIO", "IOB1"]


def _begins_without_need(previous: Tag, tag: Tag) -> bool:
    if tag is None or not tag.startswith("B-"):
        return False
    return previous not in (tag, f"I-{tag[2:]}")


def _find_problem(
    pairs: Mapping[Pair, Place], scheme: ChunkScheme
) -> tuple[Place, ValueError] | None:
    for pair, location in pairs.items():
        try:
            rewrite_tag(*pair, scheme)
        except ValueError as error:
            return location, error
    return None


def _split(tag: Tag, scheme: ChunkScheme) -> tuple[str, str]:
    """Split a tag into its prefix, as BILUO has it, and its label, empty for none."""
    if tag is None or tag in (EDGE, "O"):
        return "O", ""
    prefix, _, label = tag.partition("-")
    if len(prefix) != 1 or prefix not in PREFIXES[scheme] or not label:
        expected = ", ".join(f"'{letter}-…'" for letter in PREFIXES[scheme])
        raise ValueError(f"{tag!r} is no tag of {scheme}, which has 'O', {expected}")
    return {"E": "L", "S": "U"}.get(prefix, prefix), label


def _describe(previous: Tag, tag: Tag) -> str:
    name, name_before = (
        "an unknown tag" if each is None else repr(each) for each in (tag, previous)
    )
    if tag == EDGE:
        return f"{name_before} at the end of a sentence"
    if previous == EDGE:
        return f"{name} at the beginning of a sentence"
    return f"{name} after {name_before}"
