"""Which sentences of an article make the best summary, to train an extractor on."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

from spacy_rnn.checks import check_at_least
from spacy_rnn.metrics.rouge import tokenize


def oracle_labels(
    sentences: Sequence[Sequence[str]],
    reference: Sequence[str],
    *,
    max_sentences: int | None = None,
) -> list[int]:
    """Choose sentences one by one, each time the one that improves ROUGE most.

    The greedy search of Nallapati et al. (2017). What it raises is the F1 of ROUGE-1
    plus that of ROUGE-2 (Lin, 2004), of the chosen sentences together; pairs of words
    don't reach from one sentence into the next. It ends where no sentence raises it. Of
    sentences that raise it equally the first is taken: sums are compared as fractions,
    so that no rounding decides.

    Args:
        sentences: Tokens of each sentence, as `spacy_rnn.metrics.rouge.tokenize` makes
            them.
        reference: Tokens of the reference summary.
        max_sentences: Number of sentences to choose at most, 1 or more; any if None.

    Returns:
        For each sentence, 1 if it was chosen and 0 if not.

    Raises:
        ValueError: If `max_sentences` is below 1.
    """
    if max_sentences is not None:
        check_at_least("max_sentences", max_sentences, 1)
    words = Overlap(sentences, reference)
    pairs = Overlap(map(pairs_of, sentences), pairs_of(reference))
    labels = [0] * len(sentences)
    candidates = list(range(len(sentences)))
    score = (0, 1)
    while max_sentences is None or sum(labels) < max_sentences:
        # What has nothing new in common with the reference only makes it longer.
        candidates = [i for i in candidates if words.gains[i] or pairs.gains[i]]
        best = None
        for i in candidates:
            new = add(words.with_sentence(i), pairs.with_sentence(i))
            if new[0] * score[1] > score[0] * new[1]:
                best, score = i, new
        if best is None:
            break
        labels[best] = 1
        candidates.remove(best)
        words.choose(best)
        pairs.choose(best)
    return labels


def label_sentences(
    sentences: Iterable[str], summary: str, *, max_sentences: int | None = None
) -> list[int]:
    """Choose the sentences that together are most like a summary, by stems.

    Args:
        sentences: The text of each.
        summary: The text to be like.
        max_sentences: As for `oracle_labels`.

    Returns:
        For each sentence, 1 if it was chosen and 0 if not.
    """
    return oracle_labels(
        [tokenize(sentence, stemming=True) for sentence in sentences],
        tokenize(summary, stemming=True),
        max_sentences=max_sentences,
    )


def sentence_gains(sentences: Iterable[str], summary: str) -> list[float]:
    """Compare each sentence by itself with a summary.

    Args:
        sentences: The text of each.
        summary: The text to be like.

    Returns:
        For each sentence the F1 of ROUGE-1 plus that of ROUGE-2, by stems, in [0, 2].
    """
    texts = [tokenize(sentence, stemming=True) for sentence in sentences]
    reference = tokenize(summary, stemming=True)
    words = Overlap(texts, reference)
    pairs = Overlap(map(pairs_of, texts), pairs_of(reference))
    halves = (
        add(words.with_sentence(i), pairs.with_sentence(i)) for i in range(len(texts))
    )
    return [2 * hits / size for hits, size in halves]


class Overlap:
    """What the chosen sentences have in common with a reference, kept up to date.

    Items are words, or pairs of them, and count as often as they are in both.

    Attributes:
        gains: For each sentence how many items more are in common if it is chosen.
    """

    def __init__(
        self, sentences: Iterable[Sequence[Hashable]], reference: Sequence[Hashable]
    ) -> None:
        self.missing = Counter(reference)  # from the chosen sentences
        self.common = 0
        self.size = len(reference)  # with the chosen sentences
        self.sizes: list[int] = []
        self.gains: list[int] = []
        self.counts: list[dict[Hashable, int]] = []
        self.holders: defaultdict[Hashable, list[int]] = defaultdict(list)
        for i, sentence in enumerate(sentences):
            counts = Counter(item for item in sentence if item in self.missing)
            for item in counts:
                self.holders[item].append(i)
            self.counts.append(counts)
            self.sizes.append(len(sentence))
            self.gains.append((counts & self.missing).total())

    def with_sentence(self, i: int) -> tuple[int, int]:
        """Return half of the F1, as a fraction, if one more sentence is chosen."""
        return self.common + self.gains[i], max(self.size + self.sizes[i], 1)

    def choose(self, chosen: int) -> None:
        """Choose a sentence."""
        self.common += self.gains[chosen]
        self.size += self.sizes[chosen]
        for item, count in self.counts[chosen].items():
            before = self.missing[item]
            after = max(before - count, 0)
            self.missing[item] = after
            for i in self.holders[item]:
                held = self.counts[i][item]
                self.gains[i] -= min(held, before) - min(held, after)


def pairs_of(tokens: Sequence[str]) -> list[tuple[str, str]]:
    """Return each token but the last with the next one."""
    return list(zip(tokens, tokens[1:], strict=False))


def add(left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    """Add two fractions, without shortening them."""
    return left[0] * right[1] + right[0] * left[1], left[1] * right[1]
