"""Which of several texts agrees most with the others."""

import re
from collections.abc import Sequence

import numpy as np

# Thai and Lao, Burmese, Khmer, kana, Han: scripts without spaces between words.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")


def expected_agreement(
    texts: Sequence[str], log_probabilities: Sequence[float], temperature: float
) -> np.ndarray:
    """Find how much each text is expected to agree with what should be written.

    What should be written is one of the texts, with the probability that a model gives
    each. To choose the text that agrees most is to decide by minimum Bayes risk (Kumar
    & Byrne, 2004).

    Two texts agree by the words that they share, and by the pairs of adjacent words:
    the mean of the F1 of both, as in ROUGE (Lin, 2004), in lower case. Where a script
    has no spaces between words, each character is one.

    Args:
        texts: The texts. N of them.
        log_probabilities: Of each, in nats.
        temperature: What these are divided by, above 0: the higher, the more alike
            they count.

    Returns:
        Shape (N,), in [0, 1].
    """
    logits = np.array(log_probabilities) / temperature
    weights = np.exp(logits - logits.max())
    words = [WORD.findall(text.lower()) for text in texts]
    pairs = [list(zip(each, each[1:], strict=False)) for each in words]
    shared = 0.5 * (shared_items(words) + shared_items(pairs))
    return shared @ (weights / weights.sum())


def shared_items(lists: Sequence[Sequence]) -> np.ndarray:
    """Find the F1 of what each two lists share, 0 for empty ones. Shape (N, N).

    All pairs at once, as comparing them one after the other takes many times as long.
    """
    columns: dict[object, int] = {}
    places = [
        (row, columns.setdefault(item, len(columns)))
        for row, items in enumerate(lists)
        for item in items
    ]
    counts = np.zeros((len(lists), len(columns)))
    np.add.at(counts, tuple(np.array(places, dtype=int).reshape(-1, 2).T), 1.0)
    shared = np.minimum(counts[:, None], counts).sum(axis=2)
    totals = counts.sum(axis=1)
    return 2.0 * shared / np.maximum(totals[:, None] + totals, 1.0)
