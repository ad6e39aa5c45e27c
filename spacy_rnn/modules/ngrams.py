"""Linear scores of a bag of n-grams."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spacy_rnn.modules.dropout import keep_mask

# The length of every document's vector of n-grams. At 6, a sentence of 20 words weighs
# each of its words and pairs of words at about one.
NORM = 6.0


class NgramScores(nn.Module):
    """Add up a weight per label of each n-gram that a document has, and a bias.

    A document is the vector of its distinct n-grams, normalized to one length, so that
    a long document isn't learned in larger steps than a short one.
    """

    def __init__(self, output_width: int, *, rows: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(rows, output_width))
        self.bias = nn.Parameter(torch.zeros(output_width))

    def forward(self, rows: Tensor, counts: Tensor, *, dropout: float = 0.0) -> Tensor:
        """Score a batch.

        Args:
            rows: The n-grams of all documents, end to end. Shape (number of n-grams,).
            counts: How many of them each document has, 0 allowed. Shape (B,).
            dropout: Probability, in [0, 1), of leaving an n-gram of a document out.

        Returns:
            Shape (B, K).
        """
        value = NORM / counts.clamp(min=1).to(self.weight.dtype).sqrt()
        values = value.repeat_interleave(counts, output_size=len(rows))
        if dropout:
            values = values * keep_mask(values, values.shape, dropout)
        starts = counts.cumsum(0) - counts
        scores = F.embedding_bag(
            rows, self.weight, starts, mode="sum", per_sample_weights=values
        )
        return scores + self.bias
