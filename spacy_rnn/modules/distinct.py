"""From the distinct tokens of a batch to all of its tokens."""

import torch
from torch import Tensor
from torch.nn import functional as F

from spacy_rnn.modules.dropout import keep_mask


def spread(
    X: Tensor,
    distinct_of: Tensor,
    lengths: Tensor,
    *,
    dropout: float = 0.0,
    word_dropout: float = 0.0,
) -> Tensor:
    """Give each token its vector, two copies of a word getting masks of their own.

    Args:
        X: Vectors of the distinct tokens. Shape (M, nO).
        distinct_of: Which distinct token each token is. Shape (N,).
        lengths: Tokens in each document. Shape (B,).
        dropout: Probability, in [0, 1), of zeroing a feature throughout a document.
        word_dropout: Probability, in [0, 1), of zeroing a token's whole vector.

    Returns:
        Vectors of all tokens. Shape (N, nO).
    """
    X = F.embedding(distinct_of, X)
    if dropout:
        mask = keep_mask(X, (len(lengths), X.shape[1]), dropout)
        X = X * mask.repeat_interleave(lengths, dim=0, output_size=len(X))
    if word_dropout:
        X = X * (torch.rand(len(X), 1, device=X.device) >= word_dropout)
    return X
