"""Scores of sentences that depend on which sentences before them are chosen."""

import torch
from torch import Tensor


class SentenceOrder:
    """Sentences in the order in which they are decided on.

    First the first sentence of every document, then every second one: documents go
    side by side, the longest first, and drop out where they end. So nothing is padded.
    """

    def __init__(self, sizes: Tensor) -> None:
        """Plan the steps of a batch.

        Args:
            sizes: Sentences in each document, 0 allowed; on the CPU. Shape (B,).
        """
        rank = sizes.argsort(descending=True, stable=True).argsort()
        starts = torch.repeat_interleave(sizes.cumsum(0) - sizes, sizes)
        time = torch.arange(len(starts)) - starts
        by_rank = torch.repeat_interleave(rank, sizes)
        self.places = (time * max(1, len(sizes)) + by_rank).argsort()
        self.inverse = self.places.argsort()
        self.n_docs: list[int] = torch.bincount(time).tolist() if len(time) else []


def sequential_scores(
    base: Tensor, query: Tensor, H: Tensor, order: SentenceOrder
) -> Tensor:
    """Lower the score of a sentence by what the summary so far says already.

    The summary at sentence j is the sum of the vectors before it, each weighted by its
    probability of being chosen (Nallapati et al., 2017); the same in training as in
    prediction.

    Args:
        base: Scores of the sentences by themselves. Shape (S,).
        query: What a sentence is compared to the summary by. Shape (S, n).
        H: Sentence vectors. Shape (S, n).
        order: In which the sentences are decided on.

    Returns:
        The scores. Shape (S,).
    """
    if not order.n_docs:
        return base
    places = order.places.to(base.device)
    rows = zip(
        *(X[places].split(order.n_docs) for X in (base, query, H)),
        strict=True,
    )
    summary = H.new_zeros(order.n_docs[0], H.shape[1])
    scores = []
    for base_t, query_t, H_t in rows:
        summary = summary[: len(base_t)]
        score = base_t - (query_t * torch.tanh(summary)).sum(1)
        summary = torch.addcmul(summary, torch.sigmoid(score)[:, None], H_t)
        scores.append(score)
    return torch.cat(scores)[order.inverse.to(base.device)]
