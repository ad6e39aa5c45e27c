"""Exact recurrence over documents of uneven length."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import zip_longest

import torch
from torch import Tensor, nn

from spacy_rnn.modules.block_plan import MAX_STEPS, costs_of, shrunk
from spacy_rnn.modules.blocks import Blocks
from spacy_rnn.modules.cells import AllWeights, Weights, all_weights, read_only
from spacy_rnn.modules.dropout import keep_mask
from spacy_rnn.modules.graphs import Graphs
from spacy_rnn.modules.recurrent_layer import RecurrentLayer
from spacy_rnn.modules.streams import read_on

SHRINK = (1, 4, 16, 64)  # how many times smaller blocks a GPU is given in its need


class RNNEncoder(nn.Module):
    """Stacked recurrent layers over a batch of documents.

    A document's vectors do not depend on what else is in its batch: padding never
    enters a state, in either direction. Without the options it computes what
    `nn.LSTM(bidirectional=True, num_layers=depth)` computes on packed sequences, only
    faster: the work is done on dense blocks of documents of similar length, which
    oneDNN and cuDNN's persistent kernels serve, and the backward direction is a
    network of its own that reads each document reversed.

    Elman (1990), Hochreiter & Schmidhuber (1997), Cho et al. (2014); two directions:
    Schuster & Paliwal (1997).
    """

    def __init__(
        self,
        input_width: int,
        output_width: int,
        *,
        cell: str = "lstm",
        depth: int = 1,
        bidirectional: bool = True,
        residual: bool = False,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self.input_width = input_width
        self.output_width = output_width
        self.cell_width = output_width // 2 if bidirectional else output_width
        self.graphs = Graphs()
        self.layers = nn.ModuleList(
            RecurrentLayer(
                output_width if i else input_width,
                output_width,
                cell=cell,
                bidirectional=bidirectional,
                residual=residual,
                layer_norm=layer_norm,
            )
            for i in range(depth)
        )

    def forward(
        self,
        X: Tensor,
        lengths: Tensor,
        *,
        dropout: float = 0.0,
        weight_dropout: float = 0.0,
        bptt: int = 0,
        recompute: int = 0,
        directions_meet: bool = True,
        cuda_graphs: bool = False,
        states: Tensor | None = None,
    ) -> Tensor:
        """Encode a batch.

        Args:
            X: Token vectors of all documents, end to end. Shape (N, nI).
            lengths: Tokens in each document, 0 allowed, summing to N; on the CPU.
                Shape (B,).
            dropout: Probability, in [0, 1), of zeroing a feature of a layer's output
                throughout a document (Gal & Ghahramani, 2016).
            weight_dropout: Probability, in [0, 1), of zeroing a recurrent weight
                throughout the batch (Merity et al., 2018).
            bptt: Tokens in a chunk that the gradient of a recurrent state doesn't
                leave, counted from where a cell starts to read a document; 0 for the
                whole document (Williams & Peng, 1990).
            recompute: Tokens in a chunk whose activations are computed again in the
                backward pass instead of kept; 0 for none (Gruslys et al., 2016).
            directions_meet: Whether a layer reads both directions of the one below, or
                each direction its own only, as a language model has to (Peters et al.,
                2017).
            cuda_graphs: Whether a GPU may run blocks as graphs, see `Graphs`.
            states: What is remembered of each sequence from earlier batches, for one
                direction: of each layer h, and after it an LSTM's c. Shape (B, depth or
                2 * depth, nO). What is remembered now is written there, and nothing is
                computed again. If None, sequences begin.

        Returns:
            Encoded tokens. Shape (N, nO).

        Raises:
            ValueError: If X has another shape, which oneDNN's LSTM would read as is.
        """
        shape = (int(lengths.sum()), self.input_width)
        if X.shape != shape:
            raise ValueError(
                f"The token vectors of all documents have to have the shape {shape}, "
                f"but theirs is {tuple(X.shape)}"
            )
        if len(X) == 0:
            return X.new_zeros(0, self.output_width)
        weights = all_weights(self, weight_dropout)
        if not directions_meet:
            weights |= self.part_directions(weights)
        if states is not None:
            return read_on(
                self.layers, X, lengths, states, weights, dropout=dropout, bptt=bptt
            )
        if not torch.is_grad_enabled():
            bptt, recompute = 0, MAX_STEPS  # which takes less memory here as well
        autocast = torch.is_autocast_enabled("cuda")
        cuda_graphs = cuda_graphs and X.is_cuda and not autocast
        costs = costs_of(X.device.type, self.cell_width, cuda_graphs=cuda_graphs)
        encode_block = partial(self.encode_block, bptt=bptt, recompute=recompute)

        def encode(block: tuple[Tensor, Tensor]) -> Tensor:
            inputs = [*block, *self.draw_masks(block[0], dropout)]
            in_parts = bptt or 0 < recompute < len(inputs[0])
            if cuda_graphs and not in_parts:
                return self.graphs.run(encode_block, inputs, weights)
            return encode_block(inputs, weights)

        def encode_all(shrink: int) -> Tensor:
            blocks = Blocks(lengths, X.device, shrunk(costs, shrink))
            return blocks.join(map(encode, blocks.split(X)))

        # Smaller blocks take less memory, but not of what a backward pass needs.
        *shrinks, last = [1] if torch.is_grad_enabled() else SHRINK
        if self.graphs.kept:
            shrinks.insert(0, 1)
        for shrink in shrinks:
            with suppress(torch.cuda.OutOfMemoryError):
                return encode_all(shrink)
            self.graphs.clear()
        return encode_all(last)

    def part_directions(self, weights: AllWeights) -> dict[nn.Module, Weights]:
        """Let each direction of the upper layers read its own half of their input."""
        half = self.output_width // 2
        parted: dict[nn.Module, Weights] = {}
        for layer in self.layers[1:]:
            assert isinstance(layer, RecurrentLayer)
            first, second = layer.forward_cell, layer.backward_cell
            if second is not None:
                parted[first] = read_only(weights[first], slice(half))
                parted[second] = read_only(weights[second], slice(half, None))
        return parted

    def draw_masks(self, X: Tensor, dropout: float) -> list[Tensor]:
        """Draw what the output of each layer is multiplied with, none without dropout.

        Shape (1, B, nO) each, for a block of shape (T, B, nI).
        """
        shape = (1, X.shape[1], self.output_width)
        return [keep_mask(X, shape, dropout) for _ in self.layers] if dropout else []

    def encode_block(
        self,
        inputs: Sequence[Tensor],
        weights: AllWeights,
        *,
        bptt: int,
        recompute: int,
    ) -> Tensor:
        """Encode one block.

        Args:
            inputs: A block and its `reverse`, see `RecurrentLayer.forward`, and the
                masks of all layers, if there are any.
            weights: Parameters of each part of the encoder.
            bptt: Time steps in a chunk that the gradient doesn't leave, or 0.
            recompute: Time steps whose activations are computed again, or 0.

        Returns:
            Shape (T, B, nO).
        """
        X, reverse, *masks = inputs
        for layer, mask in zip_longest(self.layers, masks):
            X = layer(X, reverse, weights, bptt=bptt, recompute=recompute)
            if mask is not None:
                X = X * mask.to(X.dtype)
        return X
