"""The cells of a decoder, step by step, forward and back.

What a cell reads before a step is one vector: the attention vector and the state of
the step before, side by side. A cell keeps the buffers of all steps, since a backward
pass reads them; what doesn't depend on another step is computed for all steps at once.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from spacy_rnn.modules.linear import product
from spacy_rnn.modules.steps import SortedSteps


class Weights(NamedTuple):
    """The parameters of a decoder's recurrence.

    Attributes:
        recurrent: What the cell makes of attention vector and state. Shape (gates * H,
            D + H).
        mix: What an attention vector has of the state. Shape (D, H).
        reset: What a GRU's reset gate lets through besides the state. Shape (H,).
        read: By how much the score of a piece grows with what has been read of it.
            Shape (1,).
        query: What additive attention makes of states. Shape (H, H).
        answer: Its last layer. Shape (H,).
    """

    recurrent: Tensor
    mix: Tensor
    reset: Tensor | None = None
    read: Tensor | None = None
    query: Tensor | None = None
    answer: Tensor | None = None


class LSTMSteps:
    """The cell of Hochreiter & Schmidhuber (1997), with the gates o, i, f and g."""

    n_gates = 4

    def __init__(self, inputs: Tensor, memory: Tensor, weights: Weights) -> None:
        """Get ready.

        Args:
            inputs: The part of the gates that is known of all steps. Shape (N, 4 * H).
            memory: Before the first step. Shape (B, H).
            weights: Parameters.
        """
        self.inputs, self.W = inputs, weights.recurrent
        self.first = self.memory = memory
        self.width = memory.shape[1]
        self.gates = torch.empty_like(inputs)
        self.memories = inputs.new_empty(len(inputs), self.width)
        self.squashed = torch.empty_like(self.memories)

    def forward(self, rows: slice, before: Tensor, state: Tensor) -> None:
        """Go a step.

        Args:
            rows: The rows of the step.
            before: What the cell reads of the step before. Shape (n, D + H).
            state: Filled with the new state. Shape (n, H).
        """
        gates, memory = self.gates[rows], self.memories[rows]
        torch.addmm(self.inputs[rows], before, self.W.t(), out=gates)
        gates[:, : 3 * self.width].sigmoid_()
        gates[:, 3 * self.width :].tanh_()
        o, i, f, g = gates.chunk(4, dim=1)
        torch.mul(i, g, out=memory).addcmul_(f, self.memory[: len(before)])
        self.memory = memory
        torch.mul(o, torch.tanh(memory, out=self.squashed[rows]), out=state)

    def start_back(self, steps: SortedSteps, before: Tensor) -> None:
        """Compute for all steps what a backward pass multiplies gradients by.

        Args:
            steps: Where the rows stand.
            before: What was read before each step. Shape (N, D + H).
        """
        o, i, f, g = self.gates.chunk(4, dim=1)
        memories = steps.shift(self.first, self.memories)
        self.slopes = torch.cat(
            [
                self.squashed * o * (1.0 - o),
                g * i * (1.0 - i),
                memories * f * (1.0 - f),
                i * (1.0 - g.square()),
            ],
            dim=1,
        )
        self.to_memory = o * (1.0 - self.squashed.square())
        self.kept = f
        self.d_memory = torch.zeros_like(self.first)

    def backward(self, rows: slice, d_state: Tensor, d_before: Tensor) -> None:
        """Go a step back.

        Args:
            rows: The rows of the step.
            d_state: Gradient of the state after it. Shape (n, H).
            d_before: The gradient of what was read is added to it. Shape (n, D + H).
        """
        d_memory = self.d_memory[: len(d_state)]
        d_memory.addcmul_(d_state, self.to_memory[rows])
        d_gates = self.slopes[rows]
        d_gates[:, : self.width].mul_(d_state)
        d_gates[:, self.width :].view(len(d_state), 3, -1).mul_(d_memory[:, None])
        d_memory.mul_(self.kept[rows])
        d_before.addmm_(d_gates, self.W)

    def gradients(self, before: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the gradients of the inputs, the memory and the weights.

        Args:
            before: What was read before each step. Shape (N, D + H).
        """
        dW = product(self.slopes.t(), before.t())
        return self.slopes, self.d_memory, {"recurrent": dW}


class GRUSteps:
    """The cell of Cho et al. (2014), with the gates reset, update and new."""

    n_gates = 3

    def __init__(self, inputs: Tensor, memory: Tensor, weights: Weights) -> None:
        """Get ready.

        Args:
            inputs: The part of the gates that is known of all steps. Shape (N, 3 * H).
            memory: Of no use to this cell. Shape (B, H).
            weights: Parameters.
        """
        assert weights.reset is not None
        self.inputs, self.memory, self.b = inputs, memory, weights.reset
        self.width = memory.shape[1]
        self.fed = weights.recurrent.shape[1] - self.width
        self.W, self.W_new = weights.recurrent.split([2 * self.width, self.width])
        self.gates = torch.empty_like(inputs)
        self.recurrent = inputs.new_empty(len(inputs), self.width)

    def forward(self, rows: slice, before: Tensor, state: Tensor) -> None:
        """Go a step, see `LSTMSteps`."""
        fed, last = before.split([self.fed, self.width], dim=1)
        inputs, new_inputs = self.split(self.inputs[rows])
        gates, new = self.split(self.gates[rows])
        W_fed, W_last = self.W_new.split([self.fed, self.width], dim=1)
        gates.copy_(torch.addmm(inputs, before, self.W.t()).sigmoid_())
        recurrent = torch.addmm(self.b, last, W_last.t(), out=self.recurrent[rows])
        reset, update = gates.chunk(2, dim=1)
        sums = torch.addmm(new_inputs, fed, W_fed.t()).addcmul_(reset, recurrent)
        torch.lerp(new.copy_(sums.tanh_()), last, update, out=state)

    def split(self, gates: Tensor) -> list[Tensor]:
        """Part the gates from the new content."""
        return list(gates.split([2 * self.width, self.width], dim=1))

    def start_back(self, steps: SortedSteps, before: Tensor) -> None:
        """Compute what gradients are multiplied by, see `LSTMSteps`."""
        last = before[:, self.fed :]
        reset, self.update, new = self.gates.chunk(3, dim=1)
        self.d_new = (1.0 - self.update) * (1.0 - new.square())
        through = self.d_new * reset
        self.slopes = torch.cat(
            [
                through * self.recurrent * (1.0 - reset),
                (last - new) * self.update * (1.0 - self.update),
            ],
            dim=1,
        )
        self.through = through

    def backward(self, rows: slice, d_state: Tensor, d_before: Tensor) -> None:
        """Go a step back, see `LSTMSteps`."""
        d_gates = self.slopes[rows]
        d_gates.view(len(d_state), 2, -1).mul_(d_state[:, None])
        d_new = self.d_new[rows].mul_(d_state)
        d_recurrent = self.through[rows].mul_(d_state)
        W_fed, W_last = self.W_new.split([self.fed, self.width], dim=1)
        d_before.addmm_(d_gates, self.W)
        d_fed, d_last = d_before.split([self.fed, self.width], dim=1)
        d_fed.addmm_(d_new, W_fed)
        d_last.addcmul_(d_state, self.update[rows]).addmm_(d_recurrent, W_last)

    def gradients(self, before: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the gradients of the inputs and the weights, see `LSTMSteps`."""
        fed, last = before.split([self.fed, self.width], dim=1)
        dW_new = torch.cat([self.d_new.t() @ fed, self.through.t() @ last], dim=1)
        d_inputs = torch.cat([self.slopes, self.d_new], dim=1)
        d_weights = {
            "recurrent": torch.cat([self.slopes.t() @ before, dW_new]),
            "reset": self.through.sum(dim=0),
        }
        return d_inputs, torch.zeros_like(self.memory), d_weights


Cell = LSTMSteps | GRUSteps
CELLS: dict[str, type[LSTMSteps] | type[GRUSteps]] = {
    "lstm": LSTMSteps,
    "gru": GRUSteps,
}
