"""What a search is for, and what it finds."""

import math
from dataclasses import dataclass
from heapq import nlargest
from operator import attrgetter
from typing import NamedTuple

from torch import Tensor


@dataclass(frozen=True)
class SearchSettings:
    """How texts are searched for.

    Attributes:
        beam_width: Hypotheses of a text that are followed side by side, at least 1; 1
            is greedy search.
        n_best: How many are wanted of a text, at most the beam width.
        min_length: The least number of pieces of a text, but for an empty source, and
            where `no_repeat` leaves nothing to go on with.
        max_length: The greatest, not below the least.
        length_penalty: How much long texts are preferred, 0 or more. Of the
            log-probability divided by `((5 + length) / 6) ** length_penalty` the
            greatest is best (Wu et al., 2016).
        coverage_penalty: How much it counts that all of a source is read, 0 or more
            (Wu et al., 2016).
        no_repeat: Length of the runs of pieces that no text has twice (Paulus et al.,
            2018), or 0 for any.
        whole_words: Whether what begins a word of the source goes on only as it does
            there, so that no words are made up of it. Needs a model that copies.
    """

    beam_width: int = 5
    n_best: int = 1
    min_length: int = 0
    max_length: int = 100
    length_penalty: float = 1.5
    coverage_penalty: float = 0.0
    no_repeat: int = 0
    whole_words: bool = False

    def divisor(self, length: int) -> float:
        """Return what a log-probability is divided by."""
        return ((5.0 + length) / 6.0) ** self.length_penalty


class Hypothesis(NamedTuple):
    """A text that was found, on the CPU.

    Attributes:
        pieces: The last one ends it. Shape (T,).
        log_probability: In nats.
        score: By which it was compared with others.
        log_probs: Of each piece after those before it. Shape (T,).
        shares: How much of each piece of the source was read for it. Shape (T, S), or
            (0, 0) if they weren't kept.
        copies: The probability of copying each piece of the source then. Shape (T, S),
            (T, 0) if there is no copying, or (0, 0) if they weren't kept.
    """

    pieces: Tensor
    log_probability: float
    score: float
    log_probs: Tensor
    shares: Tensor
    copies: Tensor


def n_best(found: list[Hypothesis], n: int) -> list[Hypothesis]:
    """Return the n best, or all if there are fewer, the best one first."""
    return nlargest(n, found, key=attrgetter("score"))


def nth_score(found: list[Hypothesis], n: int) -> float:
    """Return the score of the n-th best, minus infinity if there are fewer."""
    best = n_best(found, n)
    return best[-1].score if len(best) == n else -math.inf
