"""What the words of a document say about its sentences."""

from functools import partial

import torch
from torch import Tensor, nn

from spacy_rnn.modules.devices import to_device

SMALL = 1e-6  # added to a square before its root is taken
ISOLATED = 1e-4  # square of a sum of cosines that counts as none
SPREAD = 0.1  # of a mean: where values differ by less, they count as alike
N_STATISTICS = 7  # of each view


class WordStatistics(nn.Module):
    """Measure each sentence by the words that it shares with its document.

    With n sentences in a document, w_i(v) the weight of all tokens of the word v in
    sentence i, W(v) its sum over them, e_i(v) = log(1 + W(v) - w_i(v)) how much of v
    is elsewhere, and sums over the words v or the sentences j other than i, a sentence
    is measured by

    * log(1 + l_i), its length l_i = sum_v w_i(v);
    * r_i / (1 + l_i) and log(1 + r_i), its repetition r_i = sum_v w_i(v) e_i(v)
      (Luhn, 1958);
    * cos(w_i, W), its place beside the centroid (Radev et al., 2004);
    * c_i / (n - 1), its centrality c_i = sum_j cos(w_i, w_j) (Erkan & Radev, 2004);
    * log(1 + sum_j cos(w_i, w_j) c_j / (c_j^2 + 0.0001)), a step of a random walk over
      the same graph (Mihalcea & Tarau, 2004), to which a sentence that has next to
      nothing in common with others adds next to nothing;
    * sum_v w_i(v) / (1 + e_i(v)) / (1 + l_i), the share of what it alone has.

    The weights are learned, in several ways side by side, called views. Nothing grows
    with the square of n: what is compared to all others is compared to their sum.
    """

    def forward(
        self,
        weights: Tensor,
        pair_of: Tensor,
        sentence_of: Tensor,
        word_of: Tensor,
        sizes: Tensor,
    ) -> Tensor:
        """Measure the sentences of a batch.

        Args:
            weights: Of each token, in [0, 1], in each view. Shape (N, V).
            pair_of: Which pair of a sentence and a word each token is. Shape (N,).
            sentence_of: The sentence of each pair. Shape (P,).
            word_of: The word of each pair, counted from 0; no two documents share one.
                Shape (P,).
            sizes: Sentences in each document, 0 allowed, summing to S; on the CPU.
                Shape (B,).

        Returns:
            The measures as they are, and standardized within each document.
            Shape (S, 2 * 7 * V).
        """
        # What sums leave of small differences is divided by small numbers. In float32,
        # where sums depend on their order, so on the batch, that would show.
        dtype, weights = weights.dtype, weights.double()
        n_sentences, n_views = int(sizes.sum()), weights.shape[1]
        by_sentence = partial(sums, sentence_of, n_sentences)
        by_word = partial(sums, word_of, len(word_of))  # there are no more words
        counts = sums(pair_of, len(sentence_of), weights)
        unit = counts / (by_sentence(counts**2) + SMALL).sqrt()[sentence_of]
        own = by_sentence(unit**2)
        sizes = to_device(sizes, weights.device)
        doc_of = torch.repeat_interleave(sizes, output_size=n_sentences)
        others = (sizes - 1).clamp(min=1)[doc_of, None].to(weights.dtype)

        centrality = by_sentence(unit * by_word(unit)[word_of]) - own
        share = centrality / (centrality**2 + ISOLATED)
        handed = by_word(unit * share[sentence_of])[word_of]
        walk = by_sentence(unit * handed) - own * share

        frequency = by_word(counts)[word_of]
        elsewhere = torch.log1p((frequency - counts).clamp(min=0.0))
        length = by_sentence(counts)
        repeated = by_sentence(counts * elsewhere)
        doc_norm = sums(doc_of, len(sizes), by_sentence(counts * frequency))
        centroid = by_sentence(unit * frequency) / (doc_norm + SMALL).sqrt()[doc_of]
        alone = by_sentence(counts / (1.0 + elsewhere))
        measures = torch.stack(
            [
                torch.log1p(length),
                repeated / (length + 1.0),
                torch.log1p(repeated),
                centroid,
                centrality / others,
                torch.log1p(walk.clamp(min=0.0)),
                alone / (length + 1.0),
            ],
            dim=1,
        ).view(n_sentences, N_STATISTICS * n_views)
        return torch.cat([measures, standardize(measures, doc_of, sizes)], 1).to(dtype)


def sums(group_of: Tensor, n_groups: int, X: Tensor) -> Tensor:
    """Sum rows by their group. Shape (rows, n) to (groups, n)."""
    return X.new_zeros(n_groups, X.shape[1]).index_add(0, group_of, X)


def standardize(X: Tensor, doc_of: Tensor, sizes: Tensor) -> Tensor:
    """Shift and scale each column within each document. Shape (S, n).

    Differences that are small against the mean stay small, so that rounding errors
    among sentences that are alike are not blown up.
    """
    n = sizes.clamp(min=1)[:, None].to(X.dtype)
    mean = sums(doc_of, len(sizes), X) / n
    deviation = X - mean[doc_of]
    variance = sums(doc_of, len(sizes), deviation**2) / n
    spread = (variance + (SPREAD * mean) ** 2 + SMALL).sqrt()
    return deviation / spread[doc_of]
