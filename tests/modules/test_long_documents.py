"""A document is cut in time where it is long, and nobody sees it."""

import pytest
import torch

from spacy_rnn.modules import cells, recurrent_layer, rnn
from spacy_rnn.modules.cells import CELLS
from tests.modules.test_rnn import NI, assert_close, make_encoder

LENGTHS = torch.tensor([23, 2, 0, 50])


@pytest.fixture(params=CELLS)
def cell(request):
    return request.param


def run_at_once(monkeypatch, n_steps):
    for module in (rnn, recurrent_layer):
        monkeypatch.setattr(module, "MAX_STEPS", n_steps)


@pytest.fixture
def steps(monkeypatch):
    """Note how many time steps are run at once, of which ten are allowed."""
    noted = []

    def note(cell, X, state, weights):
        noted.append(len(X))
        return cells.advance(cell, X, state, weights)

    for module in ("recurrent_layer", "recompute"):
        monkeypatch.setattr(f"spacy_rnn.modules.{module}.advance", note)
    run_at_once(monkeypatch, 10)
    return noted


@pytest.mark.parametrize("bidirectional", [False, True])
def test_predictions_are_those_of_the_whole(cell, bidirectional, steps, monkeypatch):
    encoder = make_encoder(cell, 2, bidirectional)
    X = torch.randn(int(LENGTHS.sum()), NI)
    with torch.inference_mode():
        found = encoder(X, LENGTHS)
        assert max(steps) == 10
        run_at_once(monkeypatch, 1_000)
        assert_close(found, encoder(X, LENGTHS), 1e-6)


@pytest.mark.parametrize(("bptt", "recompute"), [(0, 0), (13, 0), (0, 7), (25, 12)])
def test_gradients_are_those_of_the_whole(cell, bptt, recompute, steps, monkeypatch):
    encoder = make_encoder(cell, 2, True)
    X = torch.randn(int(LENGTHS.sum()), NI, requires_grad=True)
    dY = torch.randn(len(X), encoder.output_width)
    results = []
    for max_steps in (10, 1_000):
        run_at_once(monkeypatch, max_steps)
        Y = encoder(X, LENGTHS, bptt=bptt, recompute=recompute)
        results.append([Y, *torch.autograd.grad(Y, [X, *encoder.parameters()], dY)])
    assert min(steps) > 0
    for found, expected in zip(*results, strict=True):
        assert_close(found, expected)
