"""How much a summary needs each sentence of a document."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spacy_rnn.modules.attention import AttentionPool
from spacy_rnn.modules.devices import to_device
from spacy_rnn.modules.dropout import keep_mask
from spacy_rnn.modules.novelty import sequential_scores
from spacy_rnn.modules.rnn import RNNEncoder
from spacy_rnn.modules.segment_max import SegmentMax
from spacy_rnn.modules.word_statistics import N_STATISTICS, WordStatistics

POSITIONS = 50  # sentences that are told apart by their place; the rest are one
PARTS = 10  # of a document


@dataclass
class Layout:
    """Where the words and sentences of a batch stand.

    Attributes:
        lengths: Tokens in each sentence. Shape (S,).
        sizes: Sentences in each document, 0 allowed; on the CPU. Shape (B,).
        pair_of: Which pair of a sentence and a word each token is. Shape (N,).
        pair_sentence: The sentence of each pair. Shape (P,).
        pair_word: The word of each pair, counted from 0; no two documents share one.
            Shape (P,).
        flags: What is known of each token besides its vector. Shape (N, F).
    """

    lengths: Tensor
    sizes: Tensor
    pair_of: Tensor
    pair_sentence: Tensor
    pair_word: Tensor
    flags: Tensor


class SentenceScorer(nn.Module):
    """Score sentences as candidates for a summary.

    Words become sentence vectors by attention (Yang et al., 2016), which a recurrent
    network reads beside the word statistics. The score of a sentence is the sum of
    terms for its content, its salience in the document, its novelty beside what is
    chosen before it, and its absolute and relative position (Nallapati et al., 2017).
    """

    def __init__(
        self,
        input_width: int,
        *,
        width: int,
        hidden_width: int,
        cell: str,
        views: int,
        flag_weights: list[float],
    ) -> None:
        super().__init__()
        n_statistics = 2 * N_STATISTICS * views
        self.pool = AttentionPool(input_width, input_width)
        self.weigh = nn.Linear(input_width + len(flag_weights), views)
        self.statistics = WordStatistics()
        self.encoder = RNNEncoder(2 * input_width + n_statistics, width, cell=cell)
        self.hidden = nn.Linear(width + n_statistics, hidden_width)
        self.content = nn.Linear(hidden_width + n_statistics, 1)
        self.document = nn.Linear(width, width)
        self.salience = nn.Linear(width, width, bias=False)
        self.redundancy = nn.Linear(width, width, bias=False)
        self.position = nn.Parameter(torch.zeros(POSITIONS + 1))
        self.part = nn.Parameter(torch.zeros(PARTS))
        self.init(flag_weights)

    def init(self, flag_weights: list[float]) -> None:
        """Start with content words weighing most, and with the terms near zero."""
        with torch.no_grad():
            n_flags = len(flag_weights)
            self.weigh.weight[:, :-n_flags].mul_(0.1)
            self.weigh.weight[:, -n_flags:] = torch.tensor(flag_weights)
            self.weigh.bias.fill_(2.0)
            for term in (self.salience, self.redundancy):
                term.weight.mul_(0.1)
            self.content.bias.zero_()

    def forward(self, X: Tensor, layout: Layout, *, dropout: float = 0.0) -> Tensor:
        """Score a batch.

        Args:
            X: Token vectors of all sentences, end to end. Shape (N, nI).
            layout: Where they stand.
            dropout: Probability, in [0, 1), of zeroing a feature of a sentence.

        Returns:
            Log odds of being chosen. Shape (S,).
        """
        sizes = to_device(layout.sizes, X.device)
        n_sentences = len(layout.lengths)
        if not n_sentences:
            return X.new_zeros(0)
        doc_of = torch.repeat_interleave(sizes, output_size=n_sentences)
        statistics = self.measure(X, layout)
        vectors = torch.cat([self.pool_words(X, layout.lengths), statistics], dim=1)
        if dropout:
            vectors = vectors * keep_mask(vectors, vectors.shape, dropout)
        H = self.encoder(vectors, layout.sizes, dropout=dropout)
        hidden = torch.relu(self.hidden(torch.cat([H, statistics], dim=1)))
        if dropout:
            hidden = hidden * keep_mask(hidden, hidden.shape, dropout)
        content = self.content(torch.cat([hidden, statistics], dim=1)).squeeze(1)
        total = H.new_zeros(len(sizes), H.shape[1]).index_add(0, doc_of, H)
        mean = total / sizes.clamp(min=1)[:, None]
        document = self.salience(torch.tanh(self.document(mean)))
        base = content + (H * document[doc_of]).sum(1) + self.place(layout.sizes, X)
        return sequential_scores(base, self.redundancy(H), H, layout.sizes)

    def measure(self, X: Tensor, layout: Layout) -> Tensor:
        """Weigh the words and measure the sentences. Shape (S, statistics)."""
        inputs = torch.cat([X, layout.flags.to(X.dtype)], dim=1)
        return self.statistics(
            torch.sigmoid(self.weigh(inputs)),
            layout.pair_of,
            layout.pair_sentence,
            layout.pair_word,
            layout.sizes,
        )

    def pool_words(self, X: Tensor, lengths: Tensor) -> Tensor:
        """Make sentence vectors of token vectors. Shape (S, 2 * nI)."""
        sentence_of = torch.repeat_interleave(lengths, output_size=len(X))
        attended, _ = self.pool(X, lengths, sentence_of)
        return torch.cat([attended, SegmentMax.apply(X, lengths)], dim=1)

    def place(self, sizes: Tensor, X: Tensor) -> Tensor:
        """Score the places of sentences. Shape (S,)."""
        starts = torch.repeat_interleave(sizes.cumsum(0) - sizes, sizes)
        time = torch.arange(len(starts)) - starts
        part = time * PARTS // torch.repeat_interleave(sizes, sizes)
        return (
            self.position[to_device(time.clamp(max=POSITIONS), X.device)]
            + self.part[to_device(part, X.device)]
        )
