import pytest
import torch
from torch import nn
from torch.autograd import gradcheck

from spacy_rnn.modules.cells import (
    CELLS,
    advance,
    cell_weights,
    first_state,
    init_cell,
    read_only,
)
from spacy_rnn.modules.dropout import keep_mask
from tests.modules.test_rnn import NI, SETTINGS, assert_close, make_encoder

LENGTHS = [3, 40, 0, 1, 17]  # in several blocks


@pytest.mark.parametrize("cell", CELLS)
def test_each_gate_starts_with_weights_as_the_papers_say(cell):
    module = CELLS[cell](40, 24)
    init_cell(module)
    bound = (6 / (40 + 24)) ** 0.5
    for gate in module.weight_ih_l0.detach().split(24):
        assert 0.95 * bound < gate.abs().max() <= bound
    for gate in module.weight_hh_l0.detach().split(24):
        assert_close(gate @ gate.T, torch.eye(24))
    biases = (module.bias_ih_l0 + module.bias_hh_l0).view(-1, 24)
    expected = torch.zeros_like(biases)
    if cell == "lstm":
        expected[1] = 1.0  # of the forget gate
    assert torch.equal(biases, expected)


@pytest.mark.parametrize(("cell", "depth", "bidirectional"), SETTINGS)
def test_weight_dropout_is_one_mask_for_each_recurrent_matrix(
    cell, depth, bidirectional
):
    X, lengths = torch.randn(sum(LENGTHS), NI), torch.tensor(LENGTHS)
    encoder = make_encoder(cell, depth, bidirectional)
    torch.manual_seed(3)
    Y = encoder(X, lengths, weight_dropout=0.5)
    dY = torch.randn(Y.shape)
    Y.backward(dY)
    twin = make_encoder(cell, depth, bidirectional)
    torch.manual_seed(3)
    masks = {}
    for name, weight in twin.named_parameters():
        if "weight_hh" in name:
            masks[name] = keep_mask(weight, tuple(weight.shape), 0.5)
            weight.data *= masks[name]
    Y_twin = twin(X, lengths)
    Y_twin.backward(dY)
    assert_close(Y, Y_twin)
    for (name, ours), theirs in zip(
        encoder.named_parameters(), twin.parameters(), strict=True
    ):
        assert_close(ours.grad, theirs.grad * masks.get(name, 1.0))


@pytest.mark.parametrize("recompute", [0, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_under_weight_dropout_are_those_of_finite_differences(
    cell, recompute
):
    encoder = make_encoder(cell, 2).double()
    lengths = torch.tensor([2, 0, 5, 1])
    X = torch.randn(8, NI, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in encoder.named_parameters()]
    values = [value.detach().requires_grad_() for value in encoder.parameters()]
    options = {"weight_dropout": 0.4, "recompute": recompute}

    def encode(X, *values):
        torch.manual_seed(1)
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(encoder, parameters, (X, lengths), options)

    assert gradcheck(encode, (X, *values), fast_mode=True)


def test_weight_dropout_leaves_the_parameters_alone_and_draws_anew_each_time():
    encoder = make_encoder("lstm")
    X, lengths = torch.randn(sum(LENGTHS), NI), torch.tensor(LENGTHS)
    before = encoder(X, lengths)
    drops = {tuple(encoder(X, lengths, weight_dropout=0.5)[-1]) for _ in range(5)}
    assert len(drops) > 1
    assert torch.equal(encoder(X, lengths), before)


def test_weight_dropout_keeps_the_mean_of_recurrent_weights_and_all_others():
    cell = nn.GRU(NI, 200)
    w_ih, w_hh, b_ih, b_hh = cell.parameters()
    found = cell_weights(cell, 0.3)
    for same, weight in ((found[0], w_ih), (found[2], b_ih), (found[3], b_hh)):
        assert torch.equal(same, weight)
    kept = found[1] != 0
    assert kept.float().mean().item() == pytest.approx(0.7, abs=0.01)
    assert torch.allclose(found[1][kept], w_hh[kept] / 0.7)


def test_weights_with_dropout_lie_end_to_end():
    found = cell_weights(nn.LSTM(NI, 4), 0.3)
    places = [weight.storage_offset() for weight in found]
    sizes = [weight.numel() for weight in found]
    assert places == [sum(sizes[:i]) for i in range(4)]
    assert len({weight.untyped_storage().data_ptr() for weight in found}) == 1


@torch.no_grad()
@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_that_reads_some_features_takes_the_others_for_zero(cell):
    weights = list(CELLS[cell](6, 4).parameters())
    X = torch.randn(5, 3, 6)
    state = first_state(cell, X, weights)
    found, _ = advance(cell, X, state, read_only(weights, slice(2)))
    X[:, :, 2:] = 0.0
    expected, _ = advance(cell, X, state, weights)
    assert_close(found, expected)
