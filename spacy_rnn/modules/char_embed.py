"""One vector per distinct word, from its characters."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from spacy_rnn.modules.add_rows import AddRows
from spacy_rnn.modules.devices import to_device
from spacy_rnn.modules.distinct import spread
from spacy_rnn.modules.pool import final_states
from spacy_rnn.modules.rnn import RNNEncoder
from spacy_rnn.modules.segment_max import SegmentMax

WINDOW = 3  # characters that a filter of the CNN sees
HASHES = 4  # rows that are added up for a character


class CharEmbed(nn.Module):
    """Embed words by their characters, each distinct word of a batch once.

    A character is the sum of four rows of one hashed table (Svenstrup et al., 2017), so
    that it needs no vocabulary and hardly ever has a twin. The vector of a word gets
    the scale that other embeddings have by layer normalization (Ba et al., 2016).
    """

    def __init__(
        self,
        width: int,
        *,
        encoder: Literal["cnn", "lstm"],
        char_width: int,
        rows: int,
    ) -> None:
        super().__init__()
        self.table = nn.Embedding(rows, char_width)
        self.encode = (CharCNN if encoder == "cnn" else CharLSTM)(char_width, width)
        self.norm = nn.LayerNorm(width)
        init_chars(self.table.weight, HASHES)

    def forward(
        self,
        rows: Tensor,
        chars: Tensor,
        word_lengths: Tensor,
        distinct_of: Tensor | None = None,
        lengths: Tensor | None = None,
        *,
        dropout: float = 0.0,
    ) -> Tensor:
        """Embed a batch.

        Args:
            rows: For each distinct character the rows to add up. Shape (U, 4).
            chars: Which distinct character each one is, all distinct words end to end.
                Shape (C,).
            word_lengths: Characters in each distinct word, 0 allowed, summing to C; on
                the CPU. Shape (M,).
            distinct_of: Which distinct word each token is. Shape (N,).
            lengths: Tokens in each document. Shape (B,).
            dropout: Probability, in [0, 1), of zeroing a feature throughout a document.

        Returns:
            Vectors of the tokens, shape (N, nO), or of the distinct words, shape
            (M, nO), where `distinct_of` isn't given.
        """
        table = AddRows.apply(self.table.weight, rows)
        X: Tensor = self.norm(self.encode(table, chars, word_lengths))
        if distinct_of is None or lengths is None:
            return X
        return spread(X, distinct_of, lengths, dropout=dropout)


class CharCNN(nn.Module):
    """Take the highest score that each filter has in a word (Ma & Hovy, 2016).

    A filter sees a character and its two neighbours; beyond the ends of a word stand
    two learned ones (Kim et al., 2016). Words lie end to end, so there is no padding. A
    filter's score is the sum of what it gives to each of the three characters, so the
    products are made once for each distinct character, and then looked up.
    """

    def __init__(self, char_width: int, width: int) -> None:
        super().__init__()
        self.ends = nn.Parameter(torch.empty(2, char_width))
        self.filters = nn.Linear(char_width, WINDOW * width, bias=False)
        self.bias = nn.Parameter(torch.zeros(width))
        init_chars(self.ends, 1)
        bound = math.sqrt(6 / (WINDOW * char_width + width))  # Glorot & Bengio (2010)
        nn.init.uniform_(self.filters.weight, -bound, bound)

    def forward(self, table: Tensor, chars: Tensor, lengths: Tensor) -> Tensor:
        """Encode words, given the vectors of their characters. Shape (M, nO)."""
        lengths = to_device(lengths, chars.device)
        seen = neighbours(chars, lengths, before=len(table), after=len(table) + 1)
        scores = self.filters(torch.cat([table, self.ends]))
        offsets = torch.arange(WINDOW, device=chars.device)
        X = AddRows.apply(scores.view(-1, len(self.bias)), WINDOW * seen + offsets)
        return SegmentMax.apply(X, lengths) + self.bias


class CharLSTM(nn.Module):
    """Read a word from both ends, and take both last states (Lample et al., 2016)."""

    def __init__(self, char_width: int, width: int) -> None:
        super().__init__()
        self.read = RNNEncoder(char_width, width)

    def forward(self, table: Tensor, chars: Tensor, lengths: Tensor) -> Tensor:
        """Encode words, given the vectors of their characters. Shape (M, nO)."""
        X = self.read(table.index_select(0, chars), lengths)
        return final_states(X, to_device(lengths, X.device), bidirectional=True)


def neighbours(chars: Tensor, lengths: Tensor, *, before: int, after: int) -> Tensor:
    """Return each character between those on its left and right. Shape (C, 3).

    Args:
        chars: Characters of all words, end to end. Shape (C,).
        lengths: Characters in each word. Shape (M,).
        before: What stands on the left of the first character of a word.
        after: What stands on the right of the last one.
    """
    word = torch.repeat_interleave(lengths, output_size=len(chars))
    is_first = torch.ones_like(word, dtype=torch.bool)
    is_first[1:] = word[1:] != word[:-1]
    left = chars.roll(1).masked_fill_(is_first, before)
    right = chars.roll(-1).masked_fill_(is_first.roll(-1), after)
    return torch.stack([left, chars, right], dim=1)


def init_chars(weight: Tensor, n_rows: int) -> None:
    """Draw rows of which `n_rows` add up to a variance of one over their width."""
    bound = math.sqrt(3 / (n_rows * weight.shape[1]))
    nn.init.uniform_(weight, -bound, bound)
