"""The loss of choosing pieces, in chunks."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode

from spacy_rnn.modules import chunked_softmax
from spacy_rnn.modules.chunked_softmax import ChunkedLoss


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunked_softmax, "CHUNK", 3)


def make_inputs():
    torch.manual_seed(0)
    X, W, b = (
        torch.randn(*shape, dtype=torch.double, requires_grad=True)
        for shape in ((7, 4), (6, 4), (6,))
    )
    gate = torch.rand(7, dtype=torch.double).clamp(0.1, 0.9)
    copied = 0.9 * (1.0 - gate)
    copied[2] = 0.0
    return X, W, b, torch.randint(6, (7,)), gate, copied


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_it_is_the_cross_entropy_of_torch(smoothing):
    X, W, b, pieces, *_ = make_inputs()
    loss, losses = ChunkedLoss.apply(X, W, b, pieces, smoothing, None, None)
    expected = cross_entropy(
        X @ W.t() + b, pieces, label_smoothing=smoothing, reduction="sum"
    )
    plain = cross_entropy(X @ W.t() + b, pieces, reduction="none")
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(losses, plain.detach())
    found = torch.autograd.grad(3.0 * loss, (X, W, b))
    torch.testing.assert_close(found, torch.autograd.grad(3.0 * expected, (X, W, b)))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_what_is_copied_adds_to_the_probability(smoothing):
    X, W, b, pieces, gate, copied = make_inputs()
    gate.requires_grad_()
    copied.requires_grad_()
    inputs = (X, W, b, gate, copied)
    loss, losses = ChunkedLoss.apply(X, W, b, pieces, smoothing, gate, copied)
    log_probs = torch.log_softmax(X @ W.t() + b, dim=1)
    chances = log_probs.gather(1, pieces[:, None])[:, 0].exp()
    each = -torch.log(gate * chances + copied)
    expected = (1 - smoothing) * each.sum() - smoothing * log_probs.mean(1).sum()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(losses, each.detach())
    torch.testing.assert_close(
        torch.autograd.grad(loss, inputs), torch.autograd.grad(expected, inputs)
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradients_are_those_of_finite_differences(smoothing):
    X, W, b, pieces, gate, copied = make_inputs()
    copied[2] = 0.05
    inputs = (X, W, b, gate.requires_grad_(), copied.requires_grad_())

    def run(X, W, b, gate, copied):
        return ChunkedLoss.apply(X, W, b, pieces, smoothing, gate, copied)[0]

    assert torch.autograd.gradcheck(run, inputs)


def test_a_text_that_is_copied_whole_has_finite_gradients():
    X, W, b, pieces, *_ = make_inputs()
    gate = torch.zeros(7, dtype=torch.double, requires_grad=True)
    copied = torch.ones(7, dtype=torch.double, requires_grad=True)
    loss, _ = ChunkedLoss.apply(X, W, b, pieces, 0.0, gate, copied)
    assert loss == 0.0
    for gradient in torch.autograd.grad(loss, (X, W, b, gate, copied)):
        assert gradient.isfinite().all()


def test_no_more_logits_than_those_of_a_chunk_exist():
    X, W, b, pieces, *_ = make_inputs()
    shapes = []

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            found = func(*args, **(kwargs or {}))
            if isinstance(found, torch.Tensor) and found.dim() == 2:
                shapes.append(tuple(found.shape))
            return found

    with Sizes():
        loss, _ = ChunkedLoss.apply(X, W, b, pieces, 0.1, None, None)
        loss.backward()
    assert (3, 6) in shapes
    assert (7, 6) not in shapes
