"""Longest common subsequences (LCS) of a reference and candidates, many cells at once.

A column of the table of dynamic programming is one integer: bit i is 0 where the LCS
gets longer with token i of the reference. A token of the candidate turns one column
into the next by an addition, whose carries do the work of the inner loop (Crochemore et
al., 2001; Hyyrö, 2004).
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate


class Lines:
    """Lines of tokens, laid end to end, and where each token stands in them.

    After each line there is a bit of no token, where carries can be stopped.

    Attributes:
        ends: For each line the first bit of the next one.
        masks: For each token the bits where it stands.
        bits: The bits of all tokens.
    """

    def __init__(self, lines: Sequence[Sequence[str]]) -> None:
        self.ends = list(accumulate(len(line) + 1 for line in lines))
        self.masks: dict[str, int] = {}
        bit = 1
        for line in lines:
            for token in line:
                self.masks[token] = self.masks.get(token, 0) | bit
                bit <<= 1
            bit <<= 1
        self.bits = sum(self.masks.values())

    def lcs_length(self, candidate: Iterable[str]) -> int:
        """Return the length, in tokens, of the LCS of the joined lines and a candidate.

        Args:
            candidate: Its tokens.
        """
        every = (1 << self.ends[-1]) - 1 if self.ends else 0
        column = every  # here a bit without a token is one that nothing matches
        for token in candidate:
            if token in self.masks:
                rising = column & self.masks[token]
                column = ((column + rising) | (column - rising)) & every
        return (every ^ column).bit_count()

    def union_lcs(self, candidates: Iterable[Sequence[str]]) -> int:
        """Find the tokens that are in the LCS of their line with one of the candidates.

        A line and a candidate may have several LCS. This takes the one that is read
        from the end of both so: a match is taken; where there is none, the candidate
        loses its last token if the LCS with the line's shortened instead is shorter,
        and the line its last token otherwise.

        Args:
            candidates: The tokens of each.

        Returns:
            The bits of these tokens.
        """
        found = 0
        for candidate in candidates:
            columns = self._columns(candidate)
            start = 0
            for end in self.ends:
                found |= trace_back(columns, start, end - 1)
                start = end
        return found

    def _columns(self, candidate: Sequence[str]) -> list[tuple[int, int]]:
        """Compare a candidate with all lines side by side.

        Returns:
            For each token of the candidate, from the last to the first, the bits of the
            tokens that match it; and these together with the bits where the LCS of line
            and candidate, up to here, gets longer.
        """
        column = self.bits
        columns = []
        for token in candidate:
            matches = self.masks.get(token, 0)
            rising = column & matches
            column = ((column + rising) | (column - rising)) & self.bits
            columns.append((matches, matches | (self.bits ^ column)))
        columns.reverse()
        return columns


def trace_back(columns: Iterable[tuple[int, int]], start: int, end: int) -> int:
    """Read the LCS of a candidate and the line in the bits [start, end).

    Args:
        columns: As `Lines` makes them of the candidate.
        start: First bit of the line.
        end: First bit after the line.

    Returns:
        The bits of the LCS.
    """
    found = 0
    for matches, stops in columns:
        # Tokens of the line that neither match nor matter for the length are skipped.
        end = (stops & ((1 << end) - (1 << start))).bit_length()
        if not end:
            break
        last = 1 << (end - 1)
        if matches & last:
            found |= last
            end -= 1
    return found
