"""The recurrence of a decoder."""

import pytest
import torch

from spacy_rnn.modules.decoder_cells import CELLS, Weights
from spacy_rnn.modules.decoder_loop import DecoderLoop
from spacy_rnn.modules.steps import SortedSteps

LENGTHS = torch.tensor([4, 2, 1])
KINDS = [
    pytest.param(cell, attention, reads, id=f"{cell}-{attention}-{reads}")
    for cell in CELLS
    for attention in ("dot", "additive")
    for reads in (False, True)
]


def draw(*shape):
    return torch.randn(*shape, dtype=torch.double, requires_grad=True)


def make_inputs(cell, attention, reads):
    """Return what is read of three sources of two to four pieces, and the weights."""
    torch.manual_seed(0)
    B, S, D, H = 3, 4, 3, 5
    gates = CELLS[cell].n_gates * H
    barred = torch.zeros(B, S, dtype=torch.double)
    barred[0, 3:] = barred[2, 2:] = -torch.inf
    is_additive = attention == "additive"
    weights = Weights(
        recurrent=draw(gates, D + H),
        mix=draw(D, H),
        reset=draw(H) if cell == "gru" else None,
        read=draw(1) if reads else None,
        query=draw(H, H) if is_additive else None,
        answer=draw(H) if is_additive else None,
    )
    memory = draw(B, H).requires_grad_(cell == "lstm")
    n_rows = int(LENGTHS.sum())
    inputs = [draw(n_rows, gates), draw(B, D + H), memory, draw(B, S, H), draw(B, S, D)]
    return barred, inputs, weights


@pytest.mark.parametrize(("cell", "attention", "reads"), KINDS)
def test_gradients_are_those_of_finite_differences(cell, attention, reads):
    barred, inputs, weights = make_inputs(cell, attention, reads)

    def run(*args):
        return DecoderLoop.apply(
            (cell, attention), SortedSteps.of(LENGTHS), barred, *args
        )

    assert torch.autograd.gradcheck(run, (*inputs, *weights))


@pytest.mark.parametrize(("cell", "attention", "reads"), KINDS)
def test_steps_are_those_of_a_loop_that_anybody_can_read(cell, attention, reads):
    barred, inputs, weights = make_inputs(cell, attention, reads)
    steps = SortedSteps.of(LENGTHS)
    outputs, shares = DecoderLoop.apply(
        (cell, attention), steps, barred, *inputs, *weights
    )
    for row, length in enumerate(LENGTHS.tolist()):
        own = steps.rows == row
        found = slow_loop(
            cell,
            inputs[0][own],
            *(each[row] for each in inputs[1:]),
            barred[row],
            weights,
        )
        assert len(found) == length
        for output, share, (Y, state, expected) in zip(
            outputs[own], shares[own], found, strict=True
        ):
            torch.testing.assert_close(output, torch.cat([Y, state]))
            torch.testing.assert_close(share, expected)


def slow_loop(cell, inputs, output, memory, keys, values, barred, weights):
    """Yield attention vector, state and shares of each step of one text."""
    D, H = values.shape[1], keys.shape[1]
    fed, state = output[:D], output[D:]
    read, found = torch.zeros_like(barred), []
    W_fed, W_state = weights.recurrent[:, :D], weights.recurrent[:, D:]
    for x in inputs:
        from_fed, from_state = x + W_fed @ fed, W_state @ state
        if cell == "lstm":
            o, i, f, g = (from_fed + from_state).split(H)
            memory = f.sigmoid() * memory + i.sigmoid() * g.tanh()
            state = o.sigmoid() * memory.tanh()
        else:
            reset, update = (from_fed + from_state)[: 2 * H].sigmoid().split(H)
            recurrent = from_state[2 * H :] + weights.reset
            new = torch.tanh(from_fed[2 * H :] + reset * recurrent)
            state = (1 - update) * new + update * state
        if weights.query is None:
            scores = keys @ state
        else:
            scores = torch.tanh(keys + weights.query @ state) @ weights.answer
        if weights.read is not None:
            scores = scores + weights.read * read
        shares = torch.softmax(scores + barred, 0)
        fed = torch.tanh(shares @ values + weights.mix @ state)
        read = read + shares
        found.append((fed, state, shares))
    return found


def test_a_backward_pass_leaves_the_outputs_to_be_freed():
    barred, inputs, weights = make_inputs("lstm", "dot", False)
    outputs, _ = DecoderLoop.apply(
        ("lstm", "dot"), SortedSteps.of(LENGTHS), barred, *inputs, *weights
    )
    loop = outputs.grad_fn.loop
    assert loop.outputs is not outputs
    assert loop.outputs.grad_fn is None


def test_a_backward_pass_leaves_the_gradients_that_it_gets_as_they_are():
    barred, inputs, weights = make_inputs("lstm", "dot", True)
    found = DecoderLoop.apply(
        ("lstm", "dot"), SortedSteps.of(LENGTHS), barred, *inputs, *weights
    )
    gradients = [torch.randn_like(each) for each in found]
    before = [each.clone() for each in gradients]
    torch.autograd.backward(found, gradients)
    for gradient, same in zip(gradients, before, strict=True):
        assert torch.equal(gradient, same)
