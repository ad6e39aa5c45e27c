"""The slow and obvious reference for everything about tag sequences: list them all."""

from itertools import product

import numpy as np


class EverySequence:
    """All possible tag sequences of one document.

    Args:
        emissions: Shape (tokens, K); -inf is impossible, here and below.
        transitions: From row to column. Shape (K, K).
        start: Shape (K,).
        end: Shape (K,).

    Attributes:
        tags: The sequences, the best one first. Shape (sequences, tokens).
        scores: Their scores. Shape (sequences,).
    """

    def __init__(self, emissions, transitions, start, end):
        n_tokens, self.n_tags = emissions.shape
        tags = np.array(list(product(range(self.n_tags), repeat=n_tokens)), dtype=int)
        tags = tags.reshape(self.n_tags**n_tokens, n_tokens)
        scores = emissions[np.arange(n_tokens), tags].sum(axis=1)
        scores += transitions[tags[:, :-1], tags[:, 1:]].sum(axis=1)
        if n_tokens:
            scores += start[tags[:, 0]] + end[tags[:, -1]]
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] > -np.inf]
        self.tags, self.scores = tags[order], scores[order]

    @property
    def log_partition(self):
        if not len(self.scores):
            return -np.inf
        return self.scores[0] + np.log(np.exp(self.scores - self.scores[0]).sum())

    @property
    def probabilities(self):
        return np.exp(self.scores - self.log_partition)

    def marginals(self):
        """Return the probability of each tag at each token. Shape (tokens, K)."""
        one_hot = self.tags[:, :, None] == np.arange(self.n_tags)
        return (self.probabilities[:, None, None] * one_hot).sum(axis=0)

    def transitions(self):
        """Return how often each transition is expected. Shape (K, K)."""
        expected = np.zeros((self.n_tags, self.n_tags))
        for tags, p in zip(self.tags, self.probabilities, strict=True):
            np.add.at(expected, (tags[:-1], tags[1:]), p)
        return expected

    def probability_of(self, is_so):
        """Return the probability of the sequences that something is true of."""
        chosen = [is_so(tags) for tags in self.tags]
        return float(self.probabilities[chosen].sum())
