import pytest
import torch
from torch.nn.functional import linear

from spacy_rnn.modules.linear import Linear, has_onednn, pad_rows, product


@pytest.fixture(params=["as here", "without oneDNN"])
def onednn(request, monkeypatch):
    if request.param != "as here":
        monkeypatch.setattr("spacy_rnn.modules.linear.has_onednn", lambda: False)


def check_same(found, expected):
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.usefixtures("onednn")
@pytest.mark.parametrize("n_rows", [1, 2, 15, 16, 33, 500])
def test_product_and_gradients_are_those_of_torch(n_rows):
    layer, X = Linear(20, 7), torch.randn(n_rows, 20, requires_grad=True)
    inputs = [X, layer.weight, layer.bias]
    Y, expected = layer(X), linear(*inputs)
    check_same(Y, expected)
    dY = torch.randn(Y.shape)
    gradients = torch.autograd.grad(Y, inputs, dY)
    for found, reference in zip(
        gradients, torch.autograd.grad(expected, inputs, dY), strict=True
    ):
        check_same(found, reference)


LAYOUTS = {
    "rows end to end": lambda n, k: torch.randn(n, k),
    "columns end to end": lambda n, k: torch.randn(k, n).t(),
    "rows apart": lambda n, k: torch.randn(n, k + 5)[:, 2 : k + 2],
    "columns apart": lambda n, k: torch.randn(k, n + 5)[:, 2 : n + 2].t(),
    "every other row": lambda n, k: torch.randn(2 * n, k)[::2],
    "every other column": lambda n, k: torch.randn(n, 2 * k)[:, ::2],
    "one row": lambda n, k: torch.randn(1, k).expand(n, k),
    "one number": lambda n, k: torch.randn(1, 1).expand(n, k),
}


@pytest.mark.parametrize("W_layout", LAYOUTS)
@pytest.mark.parametrize("X_layout", LAYOUTS)
def test_product_is_that_of_torch_whatever_the_strides(X_layout, W_layout):
    X, W, b = LAYOUTS[X_layout](40, 20), LAYOUTS[W_layout](7, 20), torch.randn(7)
    check_same(product(X, W, b), linear(X, W, b))
    check_same(product(X, W), linear(X, W))


@pytest.mark.parametrize(("n_rows", "width"), [(0, 4), (30, 0), (0, 0)])
def test_a_product_of_nothing_is_the_bias(n_rows, width):
    X, W = torch.zeros(n_rows, width), torch.zeros(5, width)
    assert torch.equal(product(X, W, torch.ones(5)), torch.ones(n_rows, 5))


def test_double_precision_stays():
    layer = Linear(20, 7).double()
    X = torch.randn(40, 20, dtype=torch.float64)
    assert torch.allclose(layer(X), linear(X, layer.weight, layer.bias), rtol=1e-12)


def test_products_have_few_numbers_of_rows():
    assert len({len(pad_rows(torch.ones(n, 1))) for n in range(5_000)}) < 100


@pytest.fixture
def asking_anew():
    has_onednn.cache_clear()
    yield
    has_onednn.cache_clear()


@pytest.mark.usefixtures("asking_anew")
@pytest.mark.parametrize("capability", ["DEFAULT", "AVX2"])
def test_without_avx512_torch_multiplies(monkeypatch, capability):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert not has_onednn()


@pytest.mark.usefixtures("asking_anew")
def test_a_torch_without_the_function_of_onednn_multiplies_by_itself(monkeypatch):
    def fail(X, W, b):
        raise AttributeError("'_OpNamespace' 'mkldnn' has no '_linear_pointwise'")

    monkeypatch.setattr("spacy_rnn.modules.linear.by_onednn", fail)
    assert product(torch.ones(9, 3), torch.ones(4, 3)).tolist() == [[3.0] * 4] * 9
