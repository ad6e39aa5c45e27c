"""One vector per document from the vectors of its tokens."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from spacy_rnn.modules.attention import AttentionPool
from spacy_rnn.modules.segment_max import SegmentMax


class Pool(nn.Module):
    """Pool the tokens of each document in one or several ways, side by side."""

    def __init__(self, input_width: int, *, pooling: Sequence[str]) -> None:
        super().__init__()
        self.pooling = pooling
        self.attention = (
            AttentionPool(input_width, input_width) if "attention" in pooling else None
        )

    def forward(
        self, X: Tensor, lengths: Tensor, *, bidirectional: bool = False
    ) -> Tensor:
        """Pool a batch. Empty documents get zeros.

        Args:
            X: Token vectors of all documents, end to end. Shape (N, nI).
            lengths: Tokens in each document, 0 allowed, summing to N. Shape (B,).
            bidirectional: Whether the second half of each vector was read from the
                document's end, so that "last" takes it from the first token.

        Returns:
            The poolings in their order. Shape (B, nI * number of poolings).
        """
        doc_of = torch.repeat_interleave(
            torch.arange(len(lengths), device=X.device), lengths, output_size=len(X)
        )
        pooled = [
            final_states(X, lengths, bidirectional)
            if kind == "last"
            else self.pool(kind, X, lengths, doc_of)
            for kind in self.pooling
        ]
        return torch.cat(pooled, dim=1)

    def pool(self, kind: str, X: Tensor, lengths: Tensor, doc_of: Tensor) -> Tensor:
        """Pool over all tokens in one way. Shape (B, nI)."""
        if kind == "attention":
            assert self.attention is not None
            return self.attention(X, lengths, doc_of)[0]
        if kind == "mean":
            total = X.new_zeros(len(lengths), X.shape[1]).index_add(0, doc_of, X)
            return total / lengths.clamp(min=1)[:, None]
        return SegmentMax.apply(X, lengths)


def final_states(X: Tensor, lengths: Tensor, bidirectional: bool) -> Tensor:
    """Return each document's last state, and that of the backward half at its start."""
    if not len(X):
        return X.new_zeros(len(lengths), X.shape[1])
    ends = lengths.cumsum(0)
    last = X[(ends - 1).clamp(min=0)]
    if bidirectional:
        first = X[(ends - lengths).clamp(max=len(X) - 1)]
        half = X.shape[1] // 2
        last = torch.cat([last[:, :half], first[:, half:]], dim=1)
    return last * (lengths > 0)[:, None]
