"""From scores to tags, and how probable the spans are that they make."""

import numpy as np
import torch

from spacy_rnn.modules import viterbi
from spacy_rnn.modules.crf import FEW_TAGS, posterior
from spacy_rnn.modules.devices import to_device
from spacy_rnn.modules.lattice import Lattice
from spacy_rnn.tags.scores import check_possible, docs_of
from spacy_rnn.tags.tag_set import TagSet, tag_spans


def best_paths(lattice: Lattice) -> np.ndarray:
    """Find the most probable tag sequence of each document.

    Returns:
        The tag of each token. Shape (N,), int64.

    Raises:
        ValueError: If a document has no possible sequence.
    """
    parts = [viterbi.best_paths(part) for _, part in lattice.parts()]
    best, path = map(torch.cat, zip(*parts, strict=True))
    check_possible(best)
    return path.cpu().numpy()


def span_confidences(
    lattice: Lattice, tag_set: TagSet, spans: np.ndarray, temperature: float = 1.0
) -> np.ndarray:
    """Find the probability that documents have spans, with labels and boundaries.

    Args:
        lattice: The sequences.
        tag_set: The tags.
        spans: As from `find_spans`. Shape (spans, 3).
        temperature: What all scores are divided by, above 0 (Guo et al., 2017).

    Returns:
        Probabilities, in [0, 1], 0 in documents without a possible sequence. Shape
        (spans,).
    """
    if not len(spans):
        return np.zeros(0)
    lattice, spans = leave_out_empty(lattice, spans)
    if temperature != 1.0:
        lattice = Lattice(
            lattice.emissions / temperature,
            lattice.lengths,
            *(scores / temperature for scores in lattice.leaves[1:]),
        )
    confidences = np.zeros(len(spans))
    itemsize = 4 if lattice.emissions.shape[1] > FEW_TAGS else 8
    for first, part in lattice.parts(itemsize):
        passed = spans[:, 0] - first
        here = (passed >= 0) & (passed < len(part.emissions))
        moved = spans[here] - [first, first, 0]
        confidences[here] = confidences_of(part, tag_set, moved)
    return confidences


def confidences_of(lattice: Lattice, tag_set: TagSet, spans: np.ndarray) -> np.ndarray:
    """Do what `span_confidences` does for documents of which each has a span."""
    found = posterior(lattice, find_range(lattice, spans[:, 0]))
    # Given its tag at one token, a document's tags at the later ones don't depend on
    # the earlier ones: the probability of a span is a product of conditional ones.
    span_of, tokens, tags = tag_spans(tag_set, spans)
    starts, ends, rows = spans.T
    is_first = tokens == starts[span_of]
    onward = np.flatnonzero(~is_first)
    # A tag that would make the span longer must not come right after it.
    inner = np.flatnonzero(~np.isin(ends, lattice.lengths.cumsum(0).numpy()))
    last = np.flatnonzero(tokens == ends[span_of] - 1)[inner]
    longer = tag_set.of_label[rows[inner], 1]
    p = found.marginal(starts, tags[is_first])
    steps = found.conditional(tokens[onward], tags[onward - 1], tags[onward])
    stops = 1.0 - found.conditional(ends[inner], tags[last], longer)
    p.log_().index_add_(
        0, to_device(torch.from_numpy(span_of[onward]), p.device), steps.log_()
    )
    p.index_add_(0, to_device(torch.from_numpy(inner), p.device), stops.log_())
    # Behind a tag that is impossible, nothing has a probability.
    return p.exp_().nan_to_num_(0.0).clamp_(max=1.0).cpu().numpy()


def find_range(lattice: Lattice, tokens: np.ndarray) -> torch.Tensor:
    """Find the first and the last of some tokens in each document. Shape (2, B)."""
    docs = np.searchsorted(lattice.lengths.numpy().cumsum(), tokens, side="right")
    found = np.repeat([[len(lattice.emissions)], [0]], len(lattice.lengths), axis=1)
    np.minimum.at(found[0], docs, tokens)
    np.maximum.at(found[1], docs, tokens)
    return torch.from_numpy(found)


def leave_out_empty(lattice: Lattice, spans: np.ndarray) -> tuple[Lattice, np.ndarray]:
    """Leave out the documents without spans, and move the spans accordingly."""
    lengths, doc_of = lattice.lengths.numpy(), docs_of(lattice, spans)
    has_spans = np.bincount(doc_of, minlength=len(lengths)) > 0
    if has_spans.all():
        return lattice, spans
    left_out, moved = np.where(has_spans, 0, lengths).cumsum(), spans.copy()
    moved[:, :2] -= left_out[doc_of, None]
    return lattice.select(torch.from_numpy(has_spans.nonzero()[0])), moved
