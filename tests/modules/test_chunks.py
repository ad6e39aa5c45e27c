"""Gradients that are cut between chunks, and activations computed again for each."""

import pytest
import torch
from torch.autograd import gradcheck

from spacy_rnn.modules.cells import CELLS
from spacy_rnn.modules.rnn import RNNEncoder
from tests.modules.test_rnn import NI, SETTINGS, assert_close, make_encoder

LENGTHS = [9, 20, 0, 1, 8, 4]
CHUNKS = [(1, 0), (4, 0), (0, 1), (0, 3), (4, 3), (4, 8), (3, 100), (100, 100)]


def encode_slowly(encoder, X, lengths, bptt):
    """Read document by document, step by step, detaching the states by hand."""
    docs = []
    for Y in X.split(lengths):
        for layer in encoder.layers:
            halves = [read_slowly(layer.forward_cell, Y, bptt)]
            if layer.backward_cell is not None:
                halves.append(read_slowly(layer.backward_cell, Y.flip(0), bptt).flip(0))
            Y = torch.cat(halves, dim=1)
        docs.append(Y)
    return torch.cat(docs)


def read_slowly(cell, X, bptt):
    state, Ys = None, [X.new_zeros(0, cell.hidden_size)]
    for step, x in enumerate(X):
        if bptt and step and step % bptt == 0:
            is_pair = isinstance(state, tuple)
            state = tuple(s.detach() for s in state) if is_pair else state.detach()
        Y, state = cell(x[None], state)
        Ys.append(Y)
    return torch.cat(Ys)


def gradients(encoder, encode, X, dY):
    """Return the output, and the gradients of the input and of all parameters."""
    X = X.clone().requires_grad_()
    Y = encode(X)
    return [Y, *torch.autograd.grad(Y, [X, *encoder.parameters()], dY)]


@pytest.mark.parametrize(("cell", "depth", "bidirectional"), SETTINGS)
def test_gradients_are_those_of_states_that_are_detached_by_hand(
    cell, depth, bidirectional
):
    encoder = make_encoder(cell, depth, bidirectional)
    X = torch.randn(sum(LENGTHS), NI)
    dY = torch.randn(len(X), encoder.output_width)
    for bptt, recompute in CHUNKS:
        found = gradients(
            encoder,
            lambda X, bptt=bptt, recompute=recompute: encoder(
                X, torch.tensor(LENGTHS), bptt=bptt, recompute=recompute
            ),
            X,
            dY,
        )
        expected = gradients(
            encoder,
            lambda X, bptt=bptt: encode_slowly(encoder, X, LENGTHS, bptt),
            X,
            dY,
        )
        for ours, theirs in zip(found, expected, strict=True):
            assert_close(ours, theirs)


@pytest.mark.parametrize("recompute", [0, 2, 5, 7])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_beyond_a_chunk_is_exactly_zero(cell, bidirectional, recompute):
    encoder = make_encoder(cell, bidirectional=bidirectional)
    width, bptt, length = encoder.output_width, 5, 17
    X = torch.randn(2 + length, NI, requires_grad=True)
    Y = encoder(X, torch.tensor([2, length]), bptt=bptt, recompute=recompute)[2:]
    halves = Y.split(width // 2 if bidirectional else width, dim=1)
    for step in range(length):
        for is_backward, half in enumerate(halves):
            (dX,) = torch.autograd.grad(half[step].sum(), X, retain_graph=True)
            reached = dX[2:].any(dim=1).flip(0) if is_backward else dX[2:].any(dim=1)
            read = length - 1 - step if is_backward else step
            window = torch.arange(length)
            window = (window <= read) & (window >= read - read % bptt)
            assert not reached[~window].any()
            if cell != "rnn_relu":  # whose units may be off
                assert reached[window].all()
            assert not dX[:2].any()


@pytest.mark.parametrize(("cell", "depth", "bidirectional"), SETTINGS)
def test_chunks_leave_the_output_as_it_is(cell, depth, bidirectional):
    encoder = make_encoder(cell, depth, bidirectional)
    X, lengths = torch.randn(sum(LENGTHS), NI), torch.tensor(LENGTHS)
    expected = encoder(X, lengths)
    for bptt, recompute in CHUNKS:
        found = encoder(X, lengths, bptt=bptt, recompute=recompute)
        assert_close(found, expected, 1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_recomputed_gradients_are_those_of_finite_differences(cell):
    options = {"residual": True, "layer_norm": True}
    encoder = make_encoder(cell, 2, **options).double()
    lengths = torch.tensor([2, 0, 5, 1])
    X = torch.randn(8, NI, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in encoder.named_parameters()]
    values = [value.detach().requires_grad_() for value in encoder.parameters()]

    def encode(X, *values):
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(
            encoder, parameters, (X, lengths), {"recompute": 2}
        )

    assert gradcheck(encode, (X, *values), fast_mode=True)


@pytest.mark.parametrize("cell", CELLS)
def test_little_is_kept_of_what_is_computed_again(cell):
    encoder = RNNEncoder(32, 32, cell=cell, depth=2)
    X = torch.randn(1_000, 32, requires_grad=True)
    kept = []
    for recompute in (0, 50):
        sizes = {}

        def note(tensor, sizes=sizes):
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().size()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            Y = encoder(X, torch.tensor([1_000]), recompute=recompute)
        Y.sum().backward()
        kept.append(sum(sizes.values()))
    assert kept[1] < kept[0] / 2
