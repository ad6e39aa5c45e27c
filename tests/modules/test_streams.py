import pytest
import torch

from spacy_rnn.modules.cells import CELLS
from tests.modules.test_rnn import NI, NO, assert_close, make_encoder, make_reference


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_outputs_gradients_and_states_are_those_of_torch(cell, depth):
    encoder = make_encoder(cell, depth, bidirectional=False)
    network, pairs = make_reference(encoder, cell, depth, bidirectional=False)
    X = torch.randn(30, NI, requires_grad=True)
    n_states = depth * (2 if cell == "lstm" else 1)
    states = torch.randn(2, n_states, NO)
    first = states.transpose(0, 1).clone()
    first = (first[0::2], first[1::2]) if cell == "lstm" else first
    expected, after = network(X.view(2, 15, NI).transpose(0, 1), first)
    expected = expected.transpose(0, 1).reshape(30, NO)
    Y = encoder(X, torch.tensor([15, 15]), states=states)
    assert_close(Y, expected)
    if cell == "lstm":
        after = torch.stack(after, dim=1).flatten(0, 1)
    assert_close(states, after.transpose(0, 1).detach())
    dY = torch.randn(30, NO)
    found = torch.autograd.grad(Y, [X, *(ours for _, ours in pairs)], dY)
    reference = [X, *(theirs for theirs, _ in pairs)]
    for ours, theirs in zip(
        found, torch.autograd.grad(expected, reference, dY), strict=True
    ):
        assert_close(ours, theirs)
