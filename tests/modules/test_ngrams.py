import pytest
import torch
from torch.autograd import gradcheck

from spacy_rnn.modules.ngrams import NORM, NgramScores

ROWS = torch.tensor([3, 0, 7, 3, 1])
COUNTS = torch.tensor([3, 0, 2])


def make_module():
    module = NgramScores(2, rows=8).double()
    with torch.no_grad():
        module.weight.normal_()
        module.bias.normal_()
    return module


def test_scores_equal_a_loop_over_the_documents():
    module = make_module()
    expected = []
    for rows in ROWS.split(COUNTS.tolist()):
        total = sum((module.weight[row] for row in rows), torch.zeros(2).double())
        expected.append(total * NORM / max(1, len(rows)) ** 0.5 + module.bias)
    assert torch.allclose(module(ROWS, COUNTS), torch.stack(expected))


def test_gradients_are_those_of_finite_differences():
    module = make_module()

    def score(weight, bias):
        weights = {"weight": weight, "bias": bias}
        return torch.func.functional_call(module, weights, (ROWS, COUNTS))

    assert gradcheck(score, (module.weight, module.bias))


def test_a_long_document_is_learned_in_steps_of_the_same_size_as_a_short_one():
    module = make_module()
    steps = []
    for n in (1, 6):
        module.zero_grad()
        module(torch.arange(n), torch.tensor([n])).sum().backward()
        steps.append(module.weight.grad.norm())
    assert steps[0] == pytest.approx(steps[1])


def test_dropout_leaves_ngrams_out_and_keeps_the_mean():
    torch.manual_seed(0)
    module = NgramScores(1, rows=4)
    with torch.no_grad():
        module.weight.fill_(1.0)
    rows, counts = torch.arange(4).repeat(5000), torch.full((5000,), 4)
    whole = module(rows[:4], counts[:1])
    dropped = module(rows, counts, dropout=0.5)
    assert len(dropped.unique()) == 5
    assert dropped.mean().item() == pytest.approx(whole.item(), rel=0.03)
