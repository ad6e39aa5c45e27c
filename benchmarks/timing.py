"""Measure candidates against each other on a machine that isn't quiet."""

import time
from collections.abc import Callable, Mapping, Sequence

Work = Callable[[], float]  # does something once, and returns the seconds it took


def timed(
    work: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the seconds that something takes."""
    start = clock()
    work()
    return clock() - start


def fastest(works: Mapping[str, Sequence[Work]], rounds: int) -> dict[str, float]:
    """Return the least seconds of each candidate; they take turns in every round.

    Args:
        works: For each candidate the variants that the best one is chosen from.
        rounds: How often everything is done.
    """
    best = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, variants in works.items():
            for work in variants:
                best[name] = min(best[name], work())
    return best


def batches_by_words(lengths: Sequence[int], n_words: int) -> list[list[int]]:
    """Fill batches with documents up to a number of words.

    Returns:
        The indices of the documents in each. The last one, not full, is left out.
    """
    batches: list[list[int]] = [[]]
    words = 0
    for i, length in enumerate(lengths):
        if batches[-1] and words + length > n_words:
            batches.append([])
            words = 0
        batches[-1].append(i)
        words += length
    return batches[:-1]
