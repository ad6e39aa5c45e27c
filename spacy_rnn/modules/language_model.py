"""What a recurrent encoder expects of the words beside each word."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


class LanguageModel(nn.Module):
    """Next words and previous words, predicted from what was read up to there.

    The words to choose from are those of the batch, which is as if wrong ones were
    sampled by how often they occur. So the cost does not grow with the vocabulary
    (Bengio & Senécal, 2008). Both directions share the vectors of the words (Peters et
    al., 2017; Peters et al., 2018).
    """

    def __init__(self, width: int, *, rows: int, bidirectional: bool) -> None:
        """Make the module.

        Args:
            width: Width of an encoded token. With two directions, the first half of it
                knows the words up to the token, the second those from it on.
            rows: Words that are told from each other.
            bidirectional: Also predict previous words.
        """
        super().__init__()
        self.width = width // 2 if bidirectional else width
        self.words = nn.Embedding(rows, self.width)
        self.bias = nn.Embedding(rows, 1)
        self.project = nn.ModuleList(
            nn.Linear(self.width, self.width) for _ in range(1 + bidirectional)
        )
        nn.init.normal_(self.words.weight, std=0.02)
        nn.init.zeros_(self.bias.weight)

    def forward(self, X: Tensor, words: Tensor, lengths: Tensor) -> Tensor:
        """Find how improbable the words are taken to be.

        Args:
            X: Encoded tokens of all documents, end to end. Shape (N, width).
            words: Row of each token's word. Shape (N,).
            lengths: Tokens in each document, 0 allowed, summing to N. Shape (B,).

        Returns:
            Negative log likelihoods, in nats: of each word but the first of a document
            by the words before it, and with two directions, of each but the last by
            those behind it.
        """
        inner = torch.ones(len(X), dtype=torch.bool, device=X.device)
        inner[lengths[lengths > 0].cumsum(0) - 1] = False
        before = inner.nonzero()[:, 0]  # tokens that have another one behind them
        if not len(before):
            return X.flatten()[:0]
        behind = before + 1
        distinct, classes = words.unique(return_inverse=True)
        table, bias = self.words(distinct), self.bias(distinct)
        losses = []
        for read, project, (known, unknown) in zip(
            X.split(self.width, dim=1),
            self.project,
            ((before, behind), (behind, before)),
            strict=False,
        ):
            logits = torch.addmm(bias.T, project(read[known]), table.T)
            losses.append(cross_entropy(logits, classes[unknown], reduction="none"))
        return torch.cat(losses)
