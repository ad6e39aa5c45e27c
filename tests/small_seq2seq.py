"""A small encoder-decoder in float64, and what it is compared with."""

import torch

from spacy_rnn.modules.pieces import Pieces
from spacy_rnn.modules.seq2seq import Seq2Seq

KINDS = [
    (cell, attention)
    for cell in ("lstm", "gru")
    for attention in ("dot", "general", "additive")
]
N_PIECES = 9  # the first four of which stand for no text


def make_network(cell="lstm", attention="general", **settings):
    torch.manual_seed(0)
    plain = {"tied": True, "copying": False, "coverage": False}
    network = Seq2Seq(
        N_PIECES,
        0,
        6,
        0,
        width=5,
        hidden_width=6,
        cell=cell,
        attention=attention,
        **plain | settings,
    ).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.5)
    return network


def make_source(lengths, seed=0):
    """Make sources, in which the last two pieces of each three are one token."""
    generator = torch.Generator().manual_seed(seed)
    pieces, token_of = [], []
    for length in lengths:
        pieces.append(torch.randint(4, N_PIECES, (length,), generator=generator))
        places = torch.arange(length)
        first = int(token_of[-1][-1]) + 1 if token_of else 0
        token_of.append(first + places - places // 3)
    memory = torch.randn(sum(lengths), 6, dtype=torch.double, generator=generator)
    return memory, Pieces(torch.cat(pieces), torch.tensor(lengths), torch.cat(token_of))


def make_target(lengths, seed=1):
    """Make targets of so many pieces, the last one being the end."""
    generator = torch.Generator().manual_seed(seed)
    texts = [
        [*torch.randint(4, N_PIECES, (length - 1,), generator=generator).tolist(), 3]
        for length in lengths
    ]
    flat = torch.tensor([piece for text in texts for piece in text])
    return texts, Pieces(flat, torch.tensor(lengths), flat)


def take(memory, source, row):
    """Return a source by itself."""
    ends = source.lengths.cumsum(0)
    part = slice(int(ends[row] - source.lengths[row]), int(ends[row]))
    alone = Pieces(
        source.pieces[part], source.lengths[row : row + 1], source.token_of[part]
    )
    return memory[part], alone
