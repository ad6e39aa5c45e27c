"""Attention over the tokens of a document."""

import torch
from torch import Tensor, nn


class AttentionPool(nn.Module):
    """Sum the tokens of each document, weighted by a learned score (Yang et al., 2016).

    Documents lie end to end, so there is no padding to mask. The weights are returned
    beside the result: they are what a user wants to look at.
    """

    def __init__(self, input_width: int, hidden_width: int) -> None:
        super().__init__()
        self.key = nn.Linear(input_width, hidden_width)
        self.query = nn.Linear(hidden_width, 1, bias=False)

    def forward(
        self, X: Tensor, lengths: Tensor, doc_of: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Pool a batch.

        Args:
            X: Token vectors of all documents. Shape (N, nI).
            lengths: Tokens in each document, 0 allowed, summing to N. Shape (B,).
            doc_of: The document of each token, rising. Shape (N,).

        Returns:
            One vector per document, zero for an empty one, shape (B, nI), and the
            weight of each token in its document, in [0, 1], shape (N,).
        """
        # tanh(x) as 2 sigmoid(2x) - 1, which torch computes faster
        hidden = 2.0 * torch.sigmoid(2.0 * self.key(X)) - 1.0
        scores = self.query(hidden).squeeze(1)
        n_docs = len(lengths)
        highest = scores.new_zeros(n_docs).scatter_reduce(
            0, doc_of, scores.detach(), "amax", include_self=False
        )
        weights = torch.exp(scores - highest[doc_of])  # stable: no exponent above 0
        total = weights.new_zeros(n_docs).index_add(0, doc_of, weights)
        weights = weights / total[doc_of]
        pooled = X.new_zeros(n_docs, X.shape[1]).index_add(
            0, doc_of, weights[:, None] * X
        )
        return pooled, weights
