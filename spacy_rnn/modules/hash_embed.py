"""Hashed feature embedding of the distinct tokens of a batch."""

import torch
from torch import Tensor, nn

from spacy_rnn.modules.add_rows import AddRows
from spacy_rnn.modules.distinct import spread
from spacy_rnn.modules.linear import Linear
from spacy_rnn.modules.maxout import Maxout

MAXOUT_PIECES = 3


class MultiHashEmbed(nn.Module):
    """Embed several attributes of a token in hashed tables and mix them.

    Each attribute has a table of its own; a value is the sum of four of its rows
    (Svenstrup et al., 2017). The results, and a projection of a static vector if there
    is one, are mixed by a maxout layer with layer normalization. The mixing costs as
    much as an LSTM of two layers, so it is done once for each distinct token.
    """

    def __init__(
        self, width: int, static_width: int | None = None, *, rows: list[int]
    ) -> None:
        super().__init__()
        self.tables = nn.Embedding(sum(rows), width)
        self.project_static = (
            None if static_width is None else nn.Linear(static_width, width, bias=False)
        )
        parts = len(rows) + (static_width is not None)
        self.mix = Linear(parts * width, MAXOUT_PIECES * width)
        self.norm = nn.LayerNorm(width)
        nn.init.uniform_(self.tables.weight, -0.1, 0.1)
        nn.init.xavier_uniform_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)

    def forward(
        self,
        rows: Tensor,
        static: Tensor | None,
        distinct_of: Tensor | None = None,
        lengths: Tensor | None = None,
        *,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
    ) -> Tensor:
        """Embed a batch.

        Args:
            rows: For each distinct token the rows to add up, the tables of all
                attributes being one. Shape (M, A, 4).
            static: Static vectors of the distinct tokens. Shape (M, static width).
            distinct_of: Which distinct token each token is. Shape (N,).
            lengths: Tokens in each document. Shape (B,).
            dropout: Probability, in [0, 1), of zeroing a feature throughout a document.
            word_dropout: Probability, in [0, 1), of zeroing a token's whole vector.

        Returns:
            Vectors of the tokens, shape (N, nO), or of the distinct tokens, shape
            (M, nO), where `distinct_of` isn't given.
        """
        X = self.embed(rows, static)
        if distinct_of is None or lengths is None:
            return X
        return spread(
            X, distinct_of, lengths, dropout=dropout, word_dropout=word_dropout
        )

    def embed(self, rows: Tensor, static: Tensor | None) -> Tensor:
        """Embed distinct tokens. Shape (M, nO)."""
        n_tokens, n_attrs, _ = rows.shape
        X = AddRows.apply(self.tables.weight, rows.flatten(0, 1))
        X = X.view(n_tokens, n_attrs * X.shape[1])
        if self.project_static is not None:
            assert static is not None
            X = torch.cat([X, self.project_static(static)], dim=1)
        return self.norm(Maxout.apply(self.mix(X), MAXOUT_PIECES))
