"""The network that writes texts."""

import pytest
import torch
from small_seq2seq import KINDS, make_network, make_source, make_target, take

from spacy_rnn.modules.pieces import START, Pieces
from spacy_rnn.modules.seq2seq import Seq2Seq

SOURCES, TARGETS = [5, 1, 3, 7], [4, 6, 1, 2]
OPTIONS = [
    {},
    {"copying": True},
    {"coverage": True},
    {"copying": True, "coverage": True, "tied": False},
]


@pytest.mark.parametrize(("cell", "attention"), KINDS)
@pytest.mark.parametrize("options", OPTIONS)
def test_known_texts_are_as_probable_as_step_by_step(cell, attention, options):
    network = make_network(cell, attention, **options)
    memory, source = make_source(SOURCES)
    texts, target = make_target(TARGETS)
    losses = network.loss(memory, source, target)[1:]
    for row, text in enumerate(texts):
        opened, state = network.open(*take(memory, source, row), torch.tensor([0]))
        total, last = 0.0, torch.tensor([START])
        for piece in text:
            log_probs, _, _, state = network.step(opened, state, last)
            total += float(log_probs[0, piece])
            last = torch.tensor([piece])
        assert -float(losses[row].detach()) == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize(("cell", "attention"), KINDS)
def test_texts_of_one_source_go_on_as_each_does_alone(cell, attention):
    network = make_network(cell, attention, copying=True, coverage=True)
    memory, source = make_source([4, 4])
    opened, state = network.open(memory, source, torch.tensor([0, 1]))
    state = state.take(torch.tensor([0, 0, 0, 1, 1, 1]))
    last = torch.tensor([4, 5, 6, 7, 8, 4])
    together = network.step(opened, state, last)
    for row in range(len(last)):
        own = [field[row // 3 :][:1] for field in opened]
        rows = torch.tensor([row])
        alone = network.step(type(opened)(*own), state.take(rows), last[rows])
        for found, expected in zip(
            (*together[:3], *together[3]), (*alone[:3], *alone[3]), strict=True
        ):
            torch.testing.assert_close(found[rows], expected)


@pytest.mark.parametrize("coverage_loss", [0.0, 0.7])
def test_what_becomes_small_is_a_mean_over_pieces_with_what_is_read_again(
    coverage_loss,
):
    network = make_network(coverage=True)
    memory, source = make_source(SOURCES)
    texts, target = make_target(TARGETS)
    total, *losses = network.loss(
        memory, source, target, coverage_loss=coverage_loss
    ).tolist()
    again = 0.0
    for row, text in enumerate(texts):
        opened, state = network.open(*take(memory, source, row), torch.tensor([0]))
        read, last = torch.zeros(1, SOURCES[row], dtype=torch.double), START
        for piece in text:
            _, shares, _, state = network.step(opened, state, torch.tensor([last]))
            again += float(torch.minimum(shares, read).sum())
            read, last = read + shares, piece
    assert again > 1.0
    mean = (sum(losses) + coverage_loss * again) / sum(TARGETS)
    assert total == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize("attention", ["dot", "general", "additive"])
def test_products_of_keys_are_scaled_by_their_width_and_sums_are_not(attention):
    network = make_network(attention=attention)
    memory, source = make_source([4])
    read, _ = network.open(memory, source, torch.tensor([0]))
    keys = memory if attention == "dot" else memory @ network.keys.weight.T
    scale = 1.0 if attention == "additive" else 6**-0.5
    torch.testing.assert_close(read.keys[0], scale * keys)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_network_starts_with_vectors_of_length_1_and_remembers(cell):
    network = Seq2Seq(
        2000,
        1000,
        6,
        0,
        width=50,
        hidden_width=20,
        cell=cell,
        attention="additive",
        tied=False,
        copying=False,
        coverage=False,
    )
    weights = {name: value.detach() for name, value in network.named_parameters()}
    for table in ("source", "target", "softmax"):
        squares = weights[f"{table}.weight"].square().sum(1)
        assert squares.mean().item() == pytest.approx(1.0, abs=0.02)
    for gate in weights["recurrent.weight"][:, 50:].split(20):
        torch.testing.assert_close(gate @ gate.T, torch.eye(20), atol=1e-5, rtol=0)
    ones = weights["inputs.bias"].view(-1, 20).eq(1.0).all(1)
    assert ones.tolist() == [cell == "lstm" and i == 2 for i in range(len(ones))]


@pytest.mark.parametrize("options", OPTIONS)
def test_the_loss_of_a_text_does_not_depend_on_the_batch(options):
    network = make_network(**options)
    memory, source = make_source(SOURCES)
    texts, target = make_target(TARGETS)
    losses = network.loss(memory, source, target)[1:]
    for row, text in enumerate(texts):
        pieces = torch.tensor(text)
        alone = Pieces(pieces, torch.tensor([len(text)]), pieces)
        loss = network.loss(*take(memory, source, row), alone)[1]
        assert float(loss.detach()) == pytest.approx(float(losses[row].detach()))


@pytest.mark.parametrize("attention", ["dot", "additive"])
@pytest.mark.parametrize("options", OPTIONS)
def test_gradients_are_those_of_finite_differences(attention, options):
    network = make_network(attention=attention, **options)
    memory, source = make_source([4, 2])
    _, target = make_target([2, 3])
    names = [name for name, _ in network.named_parameters()]
    parameters = [each.detach().requires_grad_() for each in network.parameters()]

    def run(memory, *parameters):
        named = dict(zip(names, parameters, strict=True))
        settings = {"smoothing": 0.1, "coverage_loss": 0.5, "part": "loss"}
        arguments = (memory, settings.pop("part"), source, target)
        return torch.func.functional_call(network, named, arguments, settings)[0]

    inputs = (memory.requires_grad_(), *parameters)
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)


def test_vectors_of_tokens_are_added_to_those_of_their_pieces():
    network = make_network()
    network.tokens = torch.nn.Linear(4, network.width, bias=False).double()
    _, source = make_source([5, 3])
    X = torch.randn(int(source.token_of[-1]) + 1, 4, dtype=torch.double)
    added = network.embed(X, source) - network.embed(torch.zeros_like(X), source)
    torch.testing.assert_close(added, network.tokens(X)[source.token_of])


def test_a_decoder_starts_from_the_mean_of_its_source():
    network = make_network()
    memory, source = make_source(SOURCES)
    order = torch.tensor([3, 0, 2, 1])
    _, state = network.open(memory, source, order)
    means = [take(memory, source, row)[0].mean(0) for row in order.tolist()]
    h, c = torch.tanh(network.first(torch.stack(means))).chunk(2, dim=1)
    nothing = h.new_zeros(len(order), network.width)
    torch.testing.assert_close(state.output, torch.cat([nothing, h], dim=1))
    torch.testing.assert_close(state.memory, c)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_loss_hangs_on_every_parameter(cell):
    options = {"copying": True, "coverage": True, "tied": False}
    network = make_network(cell, "additive", **options)
    memory, source = make_source(SOURCES)
    _, target = make_target(TARGETS)
    network.loss(memory, source, target)[0].backward()
    for parameter in network.parameters():
        assert parameter.grad.any()


def test_dropout_of_everything_leaves_how_frequent_pieces_are():
    network, inputs = make_network(), []
    memory, source = make_source(SOURCES)
    texts, target = make_target(TARGETS)
    assert not network.embed(memory, source, dropout=0.99999).any()
    network.inputs.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    losses = network.loss(memory, source, target, dropout=0.99999)[1:]
    assert not inputs[0].any()
    log_probs = torch.log_softmax(network.bias, dim=0)
    expected = torch.stack([-log_probs[text].sum() for text in texts])
    torch.testing.assert_close(losses, expected.detach())
