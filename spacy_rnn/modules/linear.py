"""A linear layer on oneDNN, which `torch.nn.Linear` doesn't use for float32."""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spacy_rnn.modules.shapes import round_down, round_up

ROW_BITS = 4


class Linear(nn.Linear):
    """`torch.nn.Linear` by oneDNN, where it is there; by torch's own BLAS elsewhere."""

    def forward(self, X: Tensor) -> Tensor:
        return linear(X, self.weight, self.bias)


def linear(X: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Compute what `torch.nn.functional.linear` does, as `Linear` does."""
    plain = X.device.type == "cpu" and X.dtype == torch.float32
    if plain and len(X) and not torch.is_autocast_enabled("cpu") and has_onednn():
        Y: Tensor = OneDNNLinear.apply(X.flatten(0, -2), weight, bias)
        return Y.view(*X.shape[:-1], len(weight))
    return F.linear(X, weight, bias)


class OneDNNLinear(torch.autograd.Function):
    """The product and its gradients, each one call of oneDNN."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not any(ctx.needs_input_grad):
            return product_in_two(X, weight, bias)
        n_rows = len(X)
        X = pad(X)
        ctx.save_for_backward(X, weight)
        return product(X, weight, bias)[:n_rows]

    @staticmethod
    def backward(  # type: ignore[override]
        ctx: Any, dY: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        X, weight = ctx.saved_tensors
        n_rows = len(dY)
        dY = pad(dY)
        needs_X, needs_weight, needs_bias = ctx.needs_input_grad
        return (
            product(dY, weight.t().contiguous())[:n_rows] if needs_X else None,
            product(dY.t().contiguous(), X.t().contiguous()) if needs_weight else None,
            dY.sum(0) if needs_bias else None,
        )


def pad(X: Tensor) -> Tensor:
    """Add rows of zeros, so that oneDNN sees few shapes."""
    n_rows = round_up(len(X), ROW_BITS)
    return F.pad(X, (0, 0, 0, n_rows - len(X))) if n_rows > len(X) else X


def product_in_two(X: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Compute `product` for any number of rows, and copy none but the last ones.

    For many rows and a narrow result, a copy of all of them takes as long as the
    product.
    """
    n_first = round_down(len(X), ROW_BITS)
    first, rest = X[:n_first], X[n_first:]
    Y = product(first, weight, bias)
    if not len(rest):
        return Y
    return torch.cat([Y, product(pad(rest), weight, bias)[: len(rest)]])


def product(X: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute `X @ weight.T + bias` by oneDNN."""
    return torch.ops.mkldnn._linear_pointwise(
        X.contiguous(), weight, bias, "none", [], ""
    )


@cache
def has_onednn() -> bool:
    """Return whether this torch has oneDNN's product, which is no public function."""
    X, weight, bias = torch.ones(2, 3), torch.ones(4, 3), torch.ones(4)
    try:
        found = product(X, weight, bias)
    except (AttributeError, RuntimeError, TypeError):
        return False
    return torch.equal(found, F.linear(X, weight, bias))
