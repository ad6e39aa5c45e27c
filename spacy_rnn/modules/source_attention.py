"""How well the pieces of a source answer a state of a decoder, forward and back."""

import torch
from torch import Tensor

from spacy_rnn.modules.decoder_cells import Weights
from spacy_rnn.modules.steps import SortedSteps


class DotAttention:
    """Scores are products of states and keys (Luong et al., 2015).

    Keys that are the source multiplied by a matrix make it the "general" one.
    """

    def __init__(self, keys: Tensor, weights: Weights) -> None:
        """Get ready.

        Args:
            keys: Of each piece of each source. Shape (B, S, H).
            weights: Parameters, of which it needs none.
        """
        self.keys = keys

    def score(self, states: Tensor, n_sources: int) -> Tensor:
        """Score the pieces of the first sources at a step.

        Args:
            states: As many in a row of one source as of another. Shape (n, H).
            n_sources: How many have the step.

        Returns:
            Shape (n_sources, states of each, S).
        """
        queries = states.unflatten(0, (n_sources, -1))
        keys = self.keys[:n_sources]
        return torch.bmm(queries, keys.transpose(1, 2))

    def start_back(self, states: Tensor) -> None:
        """Take note of all states, shape (N, H), that scores were made of."""
        self.states = states

    def backward(self, rows: slice, d_scores: Tensor, d_states: Tensor) -> None:
        """Add to the gradient of the states of a step.

        Args:
            rows: The rows of the step.
            d_scores: Shape (n, S).
            d_states: Shape (n, H).
        """
        keys = self.keys[: len(d_scores)]
        d_states += torch.bmm(d_scores[:, None], keys)[:, 0]

    def gradients(
        self, d_scores: Tensor, steps: SortedSteps
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the gradients of the keys and the weights.

        Args:
            d_scores: Of all steps. Shape (N, S).
            steps: Where they stand.
        """
        d_grid = steps.spread(d_scores).transpose(1, 2)
        return torch.bmm(d_grid, steps.spread(self.states)), {}


class AdditiveAttention:
    """Scores are made by a layer that reads states and keys (Bahdanau et al., 2015)."""

    def __init__(self, keys: Tensor, weights: Weights) -> None:
        """Get ready.

        Args:
            keys: Of each piece of each source. Shape (B, S, H).
            weights: Parameters.
        """
        assert weights.query is not None
        assert weights.answer is not None
        self.keys, self.W, self.v = keys, weights.query, weights.answer

    def score(self, states: Tensor, n_sources: int) -> Tensor:
        """Score the pieces of the first sources at a step, see `DotAttention`."""
        return self.hidden(states, n_sources) @ self.v

    def hidden(self, states: Tensor, n_sources: int) -> Tensor:
        """Return what the layer makes of them. Shape (n_sources, of each, S, H)."""
        queries = (states @ self.W.t()).unflatten(0, (n_sources, -1))
        return (queries[:, :, None] + self.keys[:n_sources, None]).tanh_()

    def start_back(self, states: Tensor) -> None:
        """Take note of all states, shape (N, H), that scores were made of."""
        self.states = states
        self.d_queries = torch.empty_like(states)
        self.d_keys, self.d_v = torch.zeros_like(self.keys), torch.zeros_like(self.v)

    def backward(self, rows: slice, d_scores: Tensor, d_states: Tensor) -> None:
        """Add to the gradient of the states of a step, see `DotAttention`."""
        hidden = self.hidden(self.states[rows], len(d_scores))[:, 0]
        self.d_v += d_scores.flatten() @ hidden.flatten(0, 1)
        d_sums = (1.0 - hidden.square()) * self.v * d_scores[:, :, None]
        self.d_keys[: len(d_scores)] += d_sums
        d_queries = torch.sum(d_sums, dim=1, out=self.d_queries[rows])
        d_states.addmm_(d_queries, self.W)

    def gradients(
        self, d_scores: Tensor, steps: SortedSteps
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the gradients of the keys and the weights, see `DotAttention`."""
        d_query = self.d_queries.t() @ self.states
        return self.d_keys, {"query": d_query, "answer": self.d_v}


ATTENTIONS: dict[str, type[DotAttention] | type[AdditiveAttention]] = {
    "dot": DotAttention,
    "general": DotAttention,
    "additive": AdditiveAttention,
}
