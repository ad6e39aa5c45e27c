"""Scores of sentences that depend on which sentences before them are chosen."""

import torch
from torch import Tensor

from spacy_rnn.modules.devices import to_device
from spacy_rnn.modules.steps import SortedSteps


def sequential_scores(base: Tensor, query: Tensor, H: Tensor, sizes: Tensor) -> Tensor:
    """Lower the score of a sentence by what the summary so far says already.

    The summary at sentence j is the sum of the vectors before it, each weighted by its
    probability of being chosen (Nallapati et al., 2017); the same in training as in
    prediction.

    Args:
        base: Scores of the sentences by themselves. Shape (S,).
        query: What a sentence is compared to the summary by. Shape (S, n).
        H: Sentence vectors. Shape (S, n).
        sizes: Sentences in each document, 0 allowed; on the CPU. Shape (B,).

    Returns:
        The scores. Shape (S,).
    """
    if not len(base):
        return base
    order = sizes.argsort(descending=True, stable=True)
    order = order[: int(sizes.count_nonzero())]
    steps = SortedSteps.of(sizes[order])
    starts = (sizes.cumsum(0) - sizes)[order]
    places = to_device(starts[steps.rows] + steps.times, base.device)
    rows = zip(
        *(X[places].split(steps.sizes) for X in (base, query, H)),
        strict=True,
    )
    summary = H.new_zeros(len(order), H.shape[1])
    scores = []
    for base_t, query_t, H_t in rows:
        summary = summary[: len(base_t)]
        score = base_t - (query_t * torch.tanh(summary)).sum(1)
        summary = torch.addcmul(summary, torch.sigmoid(score)[:, None], H_t)
        scores.append(score)
    return torch.cat(scores)[places.argsort()]
