"""The text classifier that one would write by hand in PyTorch, with our layers.

Hashed tables for several attributes of a word, mixed by a maxout layer; a packed BiLSTM
of two layers; the mean; a linear layer.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from spacy_rnn.layers.features import hash_rows, token_features

PIECES = 3


class PlainClassifier(nn.Module):
    """A network that classifies documents."""

    def __init__(
        self, *, width: int, rows: Sequence[int], n_labels: int, dropout: float
    ) -> None:
        super().__init__()
        self.tables = nn.EmbeddingBag(sum(rows), width, mode="sum")
        self.mix = nn.Linear(len(rows) * width, PIECES * width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(
            width, width // 2, num_layers=2, bidirectional=True, batch_first=True
        )
        self.output = nn.Linear(width, n_labels)

    def forward(self, docs: Sequence[Tensor]) -> Tensor:
        """Score documents.

        Args:
            docs: For each document the rows to add up, shape (tokens, attributes, 4).

        Returns:
            Shape (B, K).
        """
        device = self.output.weight.device
        lengths = torch.tensor([len(doc) for doc in docs])
        rows = torch.cat(list(docs)).to(device)
        X = self.tables(rows.flatten(0, 1)).view(len(rows), -1)
        X = self.mix(X).unflatten(1, (PIECES, -1)).amax(1)
        X = self.dropout(self.norm(X))
        padded = pad_sequence(X.split(lengths.tolist()), batch_first=True)
        packed = pack_padded_sequence(
            padded, lengths, batch_first=True, enforce_sorted=False
        )
        Y, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.output(Y.sum(1) / lengths.to(device)[:, None])


def feature_rows(
    docs: Sequence[Doc], attrs: Sequence[int | str], rows: Sequence[int]
) -> list[Tensor]:
    """Look up the rows of each token. Shape (tokens, attributes, 4) for a document."""
    features = token_features(docs, list(attrs))
    lengths = [len(doc) for doc in docs]
    return list(torch.from_numpy(hash_rows(features, list(rows))).split(lengths))


def make_step(
    module: PlainClassifier, learn_rate: float = 0.001
) -> Callable[[Sequence[Tensor], np.ndarray], None]:
    """Make a function that takes a step of training on a batch."""
    device = module.output.weight.device
    optimizer = torch.optim.Adam(module.parameters(), lr=learn_rate)

    def step(docs: Sequence[Tensor], labels: np.ndarray) -> None:
        module.train()
        optimizer.zero_grad()
        truths = torch.from_numpy(labels).to(device)
        F.cross_entropy(module(docs), truths).backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()

    return step
