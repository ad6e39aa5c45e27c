"""The translator that one would write by hand in PyTorch, as tutorials do.

A packed LSTM in two directions reads the source; a Python loop writes the target piece
by piece, with the attention of Luong et al. (2015) and input feeding; the loss is the
cross-entropy of torch over the whole vocabulary, padding left out. It is the network of
`configs/translator.cfg`, and can take over its weights.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from thinc.api import Model
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.optim.swa_utils import AveragedModel

from spacy_rnn.modules.pieces import END, PADDING, START, UNKNOWN

Pieces = Sequence[Sequence[int]]  # of texts
State = tuple[Tensor, Tensor, Tensor]  # attention vector, h and c


class PlainSeq2Seq(nn.Module):
    """A network that reads pieces and writes others of the same vocabulary."""

    def __init__(
        self, n_pieces: int, *, width: int, hidden_width: int, dropout: float
    ) -> None:
        super().__init__()
        self.scale = width**0.5
        self.embed = nn.Embedding(n_pieces, width, PADDING)
        self.dropout = nn.Dropout(dropout)
        self.encoder = nn.LSTM(width, width // 2, batch_first=True, bidirectional=True)
        self.first = nn.Linear(width, 2 * hidden_width)
        self.cell = nn.LSTMCell(2 * width, hidden_width)
        self.attend = nn.Linear(width, hidden_width, bias=False)
        self.combine = nn.Linear(width + hidden_width, width)
        self.output = nn.Linear(width, n_pieces)
        self.output.weight = self.embed.weight

    def forward(self, sources: Tensor, targets: Tensor) -> Tensor:
        """Score the pieces of targets after those before. Shape (B, T, V).

        Args:
            sources: Padded at the end. Shape (B, S).
            targets: What stands before each piece of the target. Shape (B, T).
        """
        memory, keys, mask, state = self.encode(sources)
        X = self.dropout(self.scale * self.embed(targets))
        outputs = []
        for t in range(targets.shape[1]):
            state = self.step(X[:, t], memory, keys, mask, state)
            outputs.append(state[0])
        return self.output(self.dropout(torch.stack(outputs, 1)))

    def encode(self, sources: Tensor) -> tuple[Tensor, Tensor, Tensor, State]:
        """Read sources: what is attended to, its keys, where it is, the first state."""
        mask = sources != PADDING
        lengths = mask.sum(1)
        X = self.dropout(self.scale * self.embed(sources))
        packed = pack_padded_sequence(
            X, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        memory, _ = pad_packed_sequence(self.encoder(packed)[0], batch_first=True)
        memory = self.dropout(memory)
        mean = memory.sum(1) / lengths[:, None]
        h, c = torch.tanh(self.first(mean)).chunk(2, 1)
        nothing = memory.new_zeros(len(memory), memory.shape[2])
        keys = self.attend(memory) / h.shape[1] ** 0.5
        return memory, keys, mask, (nothing, h, c)

    def step(
        self, X: Tensor, memory: Tensor, keys: Tensor, mask: Tensor, state: State
    ) -> State:
        """Go a step, after pieces whose vectors are X. Shape (B, width)."""
        fed, h, c = state
        h, c = self.cell(torch.cat([X, fed], 1), (h, c))
        scores = torch.bmm(h[:, None], keys.transpose(1, 2))[:, 0]
        shares = scores.masked_fill(~mask, -torch.inf).softmax(1)
        context = torch.bmm(shares[:, None], memory)[:, 0]
        return torch.tanh(self.combine(torch.cat([context, h], 1))), h, c

    def loss(self, sources: Pieces, targets: Pieces, smoothing: float = 0.0) -> Tensor:
        """Find the cross-entropy of targets, without their ends, in nats per piece."""
        scores = self(pad(sources), pad([[START, *text] for text in targets]))
        right = pad([[*text, END] for text in targets])
        return cross_entropy(
            scores.flatten(0, 1),
            right.flatten(),
            ignore_index=PADDING,
            label_smoothing=smoothing,
        )

    def write(self, sources: Pieces, limit: int) -> list[list[int]]:
        """Write the most probable piece at each step, at most so many.

        The batch goes on until the last text has ended.
        """
        memory, keys, mask, state = self.encode(pad(sources))
        last = torch.full((len(sources),), START)
        is_going_on = torch.ones(len(sources), dtype=torch.bool)
        pieces = []
        for _ in range(limit):
            X = self.scale * self.embed(last)
            state = self.step(X, memory, keys, mask, state)
            scores = self.output(state[0])
            scores[:, [PADDING, UNKNOWN, START]] = -torch.inf
            last = scores.argmax(1)
            pieces.append(last)
            is_going_on &= last != END
            if not is_going_on.any():
                break
        return [text_of(row) for row in torch.stack(pieces, 1).tolist()]


def text_of(pieces: list[int]) -> list[int]:
    """Leave out the end, and what stands behind it."""
    return pieces[: pieces.index(END)] if END in pieces else pieces


def pad(texts: Pieces) -> Tensor:
    """Lay texts out in a grid. Shape (B, T)."""
    rows = [torch.tensor(text) for text in texts]
    return pad_sequence(rows, batch_first=True, padding_value=PADDING)


class PlainTrainer:
    """Training as in the config: Adam, its learning rate, clipping and averages."""

    def __init__(
        self, module: PlainSeq2Seq, learn_rates: Iterator[float], smoothing: float
    ) -> None:
        self.module = module
        self.averages = AveragedModel(module, multi_avg_fn=average)
        self.learn_rates = learn_rates
        self.optimizer = torch.optim.Adam(module.parameters())
        self.smoothing = smoothing

    def step(self, sources: Pieces, targets: Pieces) -> None:
        """Learn from a batch."""
        for group in self.optimizer.param_groups:
            group["lr"] = next(self.learn_rates)
        self.module.train()
        self.optimizer.zero_grad()
        self.module.loss(sources, targets, self.smoothing).backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        self.optimizer.step()
        self.averages.update_parameters(self.module)


def average(averages: list[Tensor], weights: list[Tensor], n_averaged: Tensor) -> None:
    """Average as Thinc's optimizer does."""
    t = int(n_averaged)
    torch._foreach_lerp_(averages, weights, 1.0 - min(0.9999, (1.0 + t) / (10.0 + t)))


@torch.no_grad()
def take_weights(module: PlainSeq2Seq, model: Model) -> None:
    """Take over the weights of a model of ours that has the same network."""
    encoder, network = (
        model.get_ref(name).attrs["torch_module"].bind(model.get_ref(name))
        for name in ("encode", "network")
    )
    layer = encoder.layers[0]
    for cell, suffix in ((layer.forward_cell, ""), (layer.backward_cell, "_reverse")):
        for name, weight in cell.named_parameters():
            getattr(module.encoder, name + suffix).copy_(weight)
    module.first.load_state_dict(network.first.state_dict())
    module.attend.weight.copy_(network.keys.weight)
    module.embed.weight.copy_(network.target.weight)
    module.output.bias.copy_(network.bias)
    module.combine.weight.copy_(
        torch.cat([network.values.weight, network.mix.weight], 1)
    )
    module.combine.bias.copy_(network.values.bias)
    hidden_width = module.cell.hidden_size
    reorder = partial(in_torch_order, hidden_width=hidden_width)
    W = reorder(network.recurrent.weight)
    fed, state = W.split([W.shape[1] - hidden_width, hidden_width], dim=1)
    module.cell.weight_ih.copy_(torch.cat([reorder(network.inputs.weight), fed], 1))
    module.cell.weight_hh.copy_(state)
    module.cell.bias_ih.copy_(reorder(network.inputs.bias))
    module.cell.bias_hh.zero_()


def in_torch_order(gates: Tensor, hidden_width: int) -> Tensor:
    """Turn the gates o, i, f, g into i, f, g, o."""
    return gates.roll(-hidden_width, 0)
