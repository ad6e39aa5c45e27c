"""Products with a matrix of weights, by oneDNN where that is faster.

torch leaves those of float32 to MKL, which gains nothing from AVX-512 on AMD's Zen 5:
oneDNN takes half the time there (`benchmarks/kernels.py`).
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear, pad

from spacy_rnn.modules.block_plan import round_up

FEW_ROWS = 8  # up to which MKL is faster
ROW_BITS = 4  # oneDNN compiles code for each number of rows, so there are to be few


class Linear(nn.Linear):
    """`torch.nn.Linear` for an input of shape (N, nI)."""

    def forward(self, input: Tensor) -> Tensor:
        """Compute `input @ W.T + b`. Shape (N, nO)."""
        if not is_for_onednn(input):
            return super().forward(input)
        Y: Tensor = Product.apply(input, self.weight, self.bias)
        return Y


class Product(torch.autograd.Function):
    """`product`, with gradients."""

    @staticmethod
    def forward(ctx: Any, X: Tensor, W: Tensor, b: Tensor) -> Tensor:
        n_rows, X = len(X), pad_rows(X)
        ctx.save_for_backward(X, W)
        return product(X, W, b)[:n_rows]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dY: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        X, W = ctx.saved_tensors
        n_rows, db, dY = len(dY), dY.sum(0), pad_rows(dY)
        return product(dY, W.t())[:n_rows], product(dY.t(), X.t()), db


def pad_rows(X: Tensor) -> Tensor:
    """Add rows of zeros, up to one of few numbers of rows."""
    return pad(X, (0, 0, 0, round_up(len(X), ROW_BITS) - len(X)))


def product(X: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """Compute `X @ W.T + b`, without gradients, whatever the strides of X and W are.

    Args:
        X: Shape (N, nI).
        W: Shape (nO, nI).
        b: Without gaps. Shape (nO,).
    """
    return by_onednn(X, W, b) if is_for_onednn(X) else linear(X, W, b)


def is_for_onednn(X: Tensor) -> bool:
    fits = not X.is_cuda and X.dtype == torch.float32
    return fits and len(X) > FEW_ROWS and X.shape[1] > 0 and has_onednn()


def by_onednn(X: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    Y: Tensor = torch.ops.mkldnn._linear_pointwise(X, W, b, "none", [], "")
    return Y


@cache
def has_onednn() -> bool:
    """Return whether oneDNN uses AVX-512; torch's way to it isn't public."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    X, W, b = torch.ones(3, 2).t(), torch.ones(3, 4).t(), torch.ones(4)
    try:
        return torch.equal(by_onednn(X, W, b), linear(X, W, b))
    except (AttributeError, RuntimeError, TypeError):
        return False
