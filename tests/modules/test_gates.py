"""The plain equations are those of torch's cells, and what is read off them is so."""

import pytest
import torch
from torch.testing import assert_close

from spacy_rnn.modules.cells import CELLS
from spacy_rnn.modules.gates import inspect_cell, inspect_encoder, reversal, run_cell
from spacy_rnn.modules.rnn import RNNEncoder

GATES = {"lstm": ["input", "forget", "output"], "gru": ["reset", "update"]}


@pytest.fixture(params=CELLS)
def name(request):
    return request.param


def make_cell(name, scale=2.0):
    cell = CELLS[name](5, 4)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter *= scale
    return cell


@pytest.mark.parametrize("n_steps", [1, 2, 9])
def test_outputs_are_those_of_the_fused_kernels(name, n_steps):
    cell, X = make_cell(name), torch.randn(n_steps, 3, 5)
    outputs, _ = run_cell(cell, X)
    assert_close(outputs, cell(X)[0], atol=1e-5, rtol=0)


def test_gates_are_named_and_explain_the_outputs(name):
    cell, X = make_cell(name), torch.randn(6, 2, 5)
    outputs, gates = run_cell(cell, X)
    assert list(gates) == GATES.get(name, [])
    for values in gates.values():
        assert values.shape == outputs.shape
        assert ((values > 0) & (values < 1)).all()
    if name == "lstm":
        _, (_, memory) = cell(X)
        assert_close(outputs[-1], gates["output"][-1] * memory[0].tanh())


def test_open_and_closed_gates_are_counted():
    cell = make_cell("lstm")
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.bias_ih_l0[:4] = -10.0  # input gates are closed,
        cell.bias_ih_l0[4:7] = 10.0  # three of four forget gates are open
    lengths = torch.tensor([3, 1])
    X = torch.randn(3, 2, 5)
    report = inspect_cell(cell, X, lengths, reversal(lengths))
    assert report.low == {"input": 1.0, "forget": 0.0, "output": 0.0}
    assert report.high == {"input": 0.0, "forget": 0.75, "output": 0.0}


def test_padding_counts_nothing():
    cell = make_cell("gru", 5.0)
    documents = [torch.randn(n, 5) for n in (7, 2)]
    encoder = RNNEncoder(5, 4, cell="gru", bidirectional=False)
    encoder.layers[0].forward_cell = cell
    together = inspect_encoder(encoder, documents)["layers.0.forward_cell"]
    alone = [
        inspect_encoder(encoder, [each])["layers.0.forward_cell"] for each in documents
    ]
    for side in ("low", "high"):
        for gate in GATES["gru"]:
            shares = [getattr(report, side)[gate] for report in alone]
            expected = (7 * shares[0] + 2 * shares[1]) / 9
            assert getattr(together, side)[gate] == pytest.approx(expected, abs=1e-6)


def test_the_gradient_is_that_of_the_jacobian(name):
    cell = make_cell(name)
    reports = []
    documents = [torch.randn(6, 5) for _ in range(400)]
    lengths = torch.full((400,), 6)
    X = torch.stack(documents, dim=1)
    report = inspect_cell(cell, X, lengths, reversal(lengths))
    for document in documents:
        jacobian = torch.autograd.functional.jacobian(
            lambda each: run_cell(cell, each[:, None])[0][-1, 0], document
        )
        reports.append(jacobian.square().sum(dim=(0, 2)).flip(0))
    exact = torch.stack(reports).mean(0).sqrt()
    assert_close(report.gradient, exact, rtol=0.2, atol=1e-6)


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_a_linear_network_shows_the_factor_of_each_step(factor):
    cell = CELLS["rnn_relu"](2, 2)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.weight_ih_l0.copy_(torch.eye(2))
        cell.weight_hh_l0.copy_(factor * torch.eye(2))
    lengths = torch.tensor([8, 5])
    report = inspect_cell(cell, torch.ones(8, 2, 2), lengths, reversal(lengths))
    expected = 2**0.5 * factor ** torch.arange(8.0)
    assert_close(report.gradient, expected)


def test_a_gradient_that_has_almost_vanished_is_measured():
    cell = CELLS["rnn_relu"](1, 1)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.fill_(0.0)
        cell.weight_ih_l0.fill_(1.0)
        cell.weight_hh_l0.fill_(0.1)
    lengths = torch.tensor([31])
    report = inspect_cell(cell, torch.ones(31, 1, 1), lengths, reversal(lengths))
    assert float(report.gradient[30]) == pytest.approx(1e-30, rel=1e-3, abs=0)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_cell_of_an_encoder_gets_the_input_that_it_has(name, bidirectional):
    encoder = RNNEncoder(5, 4, cell=name, depth=2, bidirectional=bidirectional)
    documents = [torch.randn(n, 5) for n in (4, 0, 6)]
    reports = inspect_encoder(encoder, documents)
    cells = ["forward_cell", "backward_cell"] if bidirectional else ["forward_cell"]
    assert list(reports) == [f"layers.{i}.{cell}" for i in (0, 1) for cell in cells]
    X, lengths = torch.cat(documents), torch.tensor([4, 0, 6])
    below = RNNEncoder(5, 4, cell=name, bidirectional=bidirectional)
    below.layers[0] = encoder.layers[0]
    inner = list(below(X, lengths).split(lengths.tolist()))
    above = RNNEncoder(4, 4, cell=name, bidirectional=bidirectional)
    above.layers[0] = encoder.layers[1]
    for cell, report in inspect_encoder(above, inner).items():
        assert_close(reports[cell.replace("0", "1", 1)].gradient, report.gradient)


def test_the_backward_cell_reads_from_the_end():
    encoder = RNNEncoder(5, 4, cell="gru")
    layer = encoder.layers[0]
    layer.backward_cell.load_state_dict(layer.forward_cell.state_dict())
    document = torch.randn(6, 5)
    one = inspect_encoder(encoder, [document])
    other = inspect_encoder(encoder, [document.flip(0)])
    assert_close(
        one["layers.0.backward_cell"].gradient, other["layers.0.forward_cell"].gradient
    )


def test_nothing_is_left_behind():
    encoder = RNNEncoder(5, 4)
    state = torch.get_rng_state()
    inspect_encoder(encoder, [torch.randn(3, 5)])
    torch.set_rng_state(state)
    before = torch.get_rng_state()
    inspect_encoder(encoder, [torch.ones(3, 5)])
    assert (torch.get_rng_state() == before).all()
    assert all(parameter.grad is None for parameter in encoder.parameters())


def test_documents_without_tokens_have_no_report():
    assert inspect_encoder(RNNEncoder(5, 4), []) == {}
    assert inspect_encoder(RNNEncoder(5, 4), [torch.zeros(0, 5)]) == {}
