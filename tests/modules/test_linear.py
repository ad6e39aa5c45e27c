import pytest
import torch
from torch.nn import functional as F

from spacy_rnn.modules import linear
from spacy_rnn.modules.linear import Linear, OneDNNLinear, has_onednn


@pytest.mark.skipif(not has_onednn(), reason="this torch has no product by oneDNN")
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("n_rows", [1, 2, 33, 500])
def test_product_and_gradients_are_those_of_torch(n_rows, bias):
    X, weight = torch.randn(n_rows, 20), torch.randn(7, 20)
    ours = [X, weight, torch.randn(7) if bias else None]
    theirs = [None if t is None else t.clone().requires_grad_() for t in ours]
    ours = [None if t is None else t.requires_grad_() for t in ours]
    Y, expected = OneDNNLinear.apply(*ours), F.linear(*theirs)
    assert torch.allclose(Y, expected, atol=1e-4)
    dY = torch.randn(Y.shape)
    Y.backward(dY)
    expected.backward(dY)
    for found, reference in zip(ours, theirs, strict=True):
        if found is not None:
            largest = reference.grad.abs().max()
            assert (found.grad - reference.grad).abs().max() <= 1e-5 * largest


@pytest.mark.skipif(not has_onednn(), reason="this torch has no product by oneDNN")
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("n_rows", [1, 2, 15, 16, 17, 33, 500, 1025])
def test_product_without_gradients_is_that_of_torch(n_rows, bias):
    X, weight = torch.randn(n_rows, 20), torch.randn(7, 20)
    b = torch.randn(7) if bias else None
    for rows in (X, X.t().contiguous().t()):
        Y = OneDNNLinear.apply(rows, weight, b)
        assert Y.shape == (n_rows, 7)
        assert torch.allclose(Y, F.linear(X, weight, b), atol=1e-4)


def test_products_have_few_shapes(monkeypatch):
    shapes = set()

    def record(X, weight, bias=None):
        shapes.add(len(X))
        return X @ weight.t()

    monkeypatch.setattr(linear, "product", record)
    weight = torch.ones(1, 1)
    for n_rows in range(1, 5_000):
        OneDNNLinear.apply(torch.ones(n_rows, 1), weight, None)
    assert len(shapes) < 100


@pytest.mark.skipif(not has_onednn(), reason="this torch has no product by oneDNN")
def test_gradient_of_what_is_not_contiguous_is_right():
    X = torch.randn(20, 9).t().requires_grad_()
    weight = torch.randn(7, 20, requires_grad=True)
    dY = torch.ones(1, 1).expand(9, 7)
    OneDNNLinear.apply(X, weight, None).backward(dY)
    assert torch.allclose(X.grad, dY @ weight.detach(), atol=1e-5)
    assert torch.allclose(weight.grad, dY.t() @ X.detach(), atol=1e-5)


def test_a_batch_without_rows_has_a_result_and_a_gradient():
    layer = Linear(4, 3)
    X = torch.zeros(0, 4, requires_grad=True)
    layer(X).sum().backward()
    assert X.grad.shape == (0, 4)
    assert not layer.weight.grad.any()
