"""How far scores would be others on other documents of the same kind."""

from collections.abc import Callable, Iterator

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95
CHUNK = 64  # resamples at once


def resamples(n_docs: int, n: int = RESAMPLES) -> Iterator[np.ndarray]:
    """Draw documents with replacement, as many as there are (Efron, 1979).

    Yields:
        How often each document was drawn, the same whenever it is called. Shape
        (up to 64 resamples, documents).
    """
    generator = np.random.default_rng(0)
    for start in range(0, n, CHUNK):
        drawn = generator.integers(n_docs, size=(min(CHUNK, n - start), n_docs))
        drawn += np.arange(len(drawn))[:, None] * n_docs
        counts = np.bincount(drawn.ravel(), minlength=len(drawn) * n_docs)
        yield counts.reshape(len(drawn), n_docs).astype("f")


def bootstrap(
    columns: np.ndarray,
    score: Callable[[np.ndarray], np.ndarray],
    n: int = RESAMPLES,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find scores that are made of sums over documents, with their intervals.

    Args:
        columns: What is summed. Shape (documents, C).
        score: Makes scores of sums: from shape (n, C) to (n, S).
        n: Number of resamples.

    Returns:
        The scores, and the lower and upper ends of the intervals that hold 95 % of
        the resamples' scores. Shape (S,) each.
    """
    (found,) = score(columns.sum(axis=0, dtype="d", keepdims=True))
    if not len(columns):
        return found, found, found
    drawn = [score(counts @ columns) for counts in resamples(len(columns), n)]
    return found, *interval(np.concatenate(drawn))


def interval(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the percentiles between which 95 % are. Shapes (n, S) to (S,)."""
    outside = 50.0 * (1.0 - LEVEL)
    low, high = np.percentile(drawn, [outside, 100.0 - outside], axis=0)
    return low, high
