"""From scores to tag sequences, and how probable they are."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from spacy_rnn.checks import check_at_least
from spacy_rnn.modules import viterbi
from spacy_rnn.modules.crf import Posterior, log_partition, posterior
from spacy_rnn.modules.lattice import Lattice
from spacy_rnn.tags.schemes import (
    Constraints,
    Scheme,
    Span,
    check_span,
    continuation,
    span_to_tags,
)
from spacy_rnn.tags.scores import check_possible, to_lattice
from spacy_rnn.types import TagScores


def best_paths(
    scores: TagScores,
    constraints: Constraints,
    allowed: Sequence[np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Find the most probable tag sequence of each document.

    Args:
        scores: Scores of tag sequences, or of tokens alone.
        constraints: The legal sequences.
        allowed: The tags that each token may have, all if not given. For each document
            an array of shape (number of tokens, K), bool.

    Returns:
        For each document the numbers of its tags. Shape (number of tokens,), int64.

    Raises:
        ValueError: If no legal sequence is allowed for a document, or the arrays don't
            fit together.
    """
    lattice = to_lattice(scores, constraints, allowed)
    best, paths = viterbi.best_paths(lattice)
    check_possible(best)
    return split(paths, lattice)


def n_best_paths(
    scores: TagScores,
    constraints: Constraints,
    n: int,
    allowed: Sequence[np.ndarray] | None = None,
) -> list[list[tuple[float, np.ndarray]]]:
    """Find the n most probable tag sequences of each document, or all of them.

    Args:
        scores: As for `best_paths`.
        constraints: As for `best_paths`.
        n: How many, at least 1.
        allowed: As for `best_paths`.

    Returns:
        For each document its sequences, the best one first: the logarithm of the
        probability, and the numbers of the tags.

    Raises:
        ValueError: As for `best_paths`, or if `n` is too small.
    """
    check_at_least("n", n, 1)
    lattice = to_lattice(scores, constraints, allowed)
    best, paths = viterbi.n_best_paths(lattice, n)
    check_possible(best[:, 0])
    log_probabilities = (best - log_partition(lattice)[:, None]).tolist()
    per_rank = [split(path, lattice) for path in paths]
    return [
        [
            (value, ranks[doc])
            for value, ranks in zip(values, per_rank, strict=True)
            if value > -np.inf
        ]
        for doc, values in enumerate(log_probabilities)
    ]


def token_marginals(
    scores: TagScores,
    constraints: Constraints,
    allowed: Sequence[np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Find the probability of each tag at each token.

    Args:
        scores: As for `best_paths`.
        constraints: As for `best_paths`.
        allowed: As for `best_paths`.

    Returns:
        For each document probabilities, shape (number of tokens, K), float32.

    Raises:
        ValueError: As for `best_paths`.
    """
    lattice = to_lattice(scores, constraints, allowed)
    found = posterior(lattice)
    check_possible(found.log_partition)
    return split(found.marginals.float(), lattice)


def span_confidences(
    scores: TagScores,
    constraints: Constraints,
    spans: Sequence[Sequence[Span]],
    tags: Sequence[str],
    scheme: Scheme,
    allowed: Sequence[np.ndarray] | None = None,
) -> list[list[float]]:
    """Find the probability that a document has a span, with its label and boundaries.

    Args:
        scores: As for `best_paths`.
        constraints: As for `best_paths`.
        spans: The spans of each document.
        tags: The K tags.
        scheme: Their scheme.
        allowed: As for `best_paths`.

    Returns:
        For each document the probability of each of its spans, in [0, 1].

    Raises:
        ValueError: As for `best_paths`, or if a span reaches out of its document or has
            an unknown label.
    """
    lattice = to_lattice(scores, constraints, allowed)
    found = posterior(lattice)
    check_possible(found.log_partition)
    # Given its tag at one token, a document's tags at the later ones don't depend on
    # the earlier ones: the probability of a span is a product of conditional ones.
    first, onward, stop = (
        each.to(lattice.emissions.device)
        for each in span_steps(spans, lattice.lengths.tolist(), tags, scheme)
    )
    log_p = found.marginals[first[:, 0], first[:, 1]].log()
    ways = log_ways(lattice, found, onward)
    log_p.index_add_(0, onward[:, 0], ways.gather(1, onward[:, 3:]).squeeze(1))
    ways = log_ways(lattice, found, stop).scatter(1, stop[:, 3:], -torch.inf)
    log_p.index_add_(0, stop[:, 0], ways.logsumexp(1))
    # Behind a tag that is impossible, nothing has a probability.
    values = iter(log_p.exp().nan_to_num(0.0).clamp(max=1.0).tolist())
    return [[next(values) for _ in doc_spans] for doc_spans in spans]


def span_steps(
    spans: Sequence[Sequence[Span]],
    lengths: list[int],
    tags: Sequence[str],
    scheme: Scheme,
) -> tuple[Tensor, Tensor, Tensor]:
    """List what has to happen so that documents have their spans.

    Args:
        spans: The spans of each document, S in all.
        lengths: Tokens in each document.
        tags: The K tags.
        scheme: Their scheme.

    Returns:
        The first token and tag of each span, shape (S, 2); the steps within spans, as
        the number of the span, the token, the tag before and the tag, shape (steps, 4);
        and the same for the tags that must not come right after spans.
    """
    number = {tag: i for i, tag in enumerate(tags)}
    first: list[tuple[int, int]] = []
    onward: list[tuple[int, int, int, int]] = []
    stop: list[tuple[int, int, int, int]] = []
    offset = 0
    for doc_spans, length in zip(spans, lengths, strict=True):
        for span in doc_spans:
            check_span(span, length)
            start, end, label = span
            names = span_to_tags(end - start, label, scheme)
            if not number.keys() >= set(names):
                raise ValueError(f"{label!r} isn't a label of the tags {list(tags)}")
            numbers = [number[name] for name in names]
            at = offset + start
            for i in range(1, len(numbers)):
                onward.append((len(first), at + i, numbers[i - 1], numbers[i]))
            longer = continuation(label, scheme)
            if longer and end < length:
                stop.append((len(first), offset + end, numbers[-1], number[longer]))
            first.append((at, numbers[0]))
        offset += length
    return (
        torch.tensor(first, dtype=torch.long).view(-1, 2),
        torch.tensor(onward, dtype=torch.long).view(-1, 4),
        torch.tensor(stop, dtype=torch.long).view(-1, 4),
    )


def log_ways(lattice: Lattice, found: Posterior, steps: Tensor) -> Tensor:
    """Find how probable each tag is at some tokens, given the tag before.

    Args:
        lattice: The sequences.
        found: Their distribution.
        steps: As from `span_steps`. Shape (steps, 4).

    Returns:
        Logarithms of probabilities. Shape (steps, K).
    """
    return torch.log_softmax(
        lattice.transitions[steps[:, 2]] + found.log_beyond[steps[:, 1]], dim=1
    )


def split(values: Tensor, lattice: Lattice) -> list[np.ndarray]:
    """Cut the values of tokens into those of each document."""
    ends = lattice.lengths.cumsum(0)[:-1].numpy()
    return np.split(values.cpu().numpy(), ends) if len(lattice.lengths) else []
