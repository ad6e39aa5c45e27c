"""Offsets of parts of a text."""

from collections.abc import Iterable, Iterator, Sequence

Span = tuple[int, int]  # the offsets of the first character, and behind the last one


def spans_between(text: str, starts: Sequence[int]) -> Iterator[Span]:
    """Yield what is from each offset to the next one, without white space around it."""
    stops = [*starts[1:], len(text)]
    return trim(zip(starts, stops, strict=True), text)


def trim(spans: Iterable[Span], text: str) -> Iterator[Span]:
    """Take white space off the ends of spans. What is nothing else is left out."""
    for start, stop in spans:
        while start < stop and text[start].isspace():
            start += 1
        while start < stop and text[stop - 1].isspace():
            stop -= 1
        if start < stop:
            yield start, stop
