"""How near recurrent kernels come to the speed of the processor, on one core.

    OMP_NUM_THREADS=1 python benchmarks/kernels.py

The products of a layer in two directions, counted in floating-point operations, by the
processor time that it takes, as a share of what a product of two large matrices reaches
on the same core: that of torch or of oneDNN (see `spacy_rnn.modules.linear`), whichever
is faster. "ours" is the encoder, with all that it does beside the cells; "torch" the
cells of torch alone, as it chooses their kernels (oneDNN's for the LSTM); "native"
torch's own kernels without oneDNN; "loop" a product and the gates step by step, for all
but the LSTM that of `spacy_rnn.modules.loops`. Candidates take turns, and the fastest
round of each counts.

ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 before it
shows what a processor without AVX-512 does.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, get_args

import torch
from timing import fastest, timed
from torch import Tensor
from torch.backends import mkldnn
from torch.nn.functional import linear

from spacy_rnn.modules.cells import loop
from spacy_rnn.modules.linear import product
from spacy_rnn.modules.rnn import RNNEncoder
from spacy_rnn.types import Cell

SHAPES = ((40, 32), (24, 56), (400, 8), (2000, 1))  # steps and documents of a block
GATES = {"lstm": 4, "gru": 3}
SIZE = 1024  # of the matrices for comparison


def lstm_loop(X: Tensor, first: Tensor, weights: list[Tensor]) -> Tensor:
    """An LSTM of one product and fused gates a step."""
    W_in, W, b_in, b = weights
    width, state, memory = first.shape[1], first, torch.zeros_like(first)
    sums, W, Ys = linear(X, W_in, b_in + b), W.t(), []
    for sums_t in sums.unbind():
        sums_t = torch.addmm(sums_t, state, W)
        gates = sums_t.sigmoid()
        update = sums_t[:, 2 * width : 3 * width].tanh()
        memory = gates[:, width : 2 * width] * memory
        memory.addcmul_(gates[:, :width], update)
        state = gates[:, 3 * width :] * memory.tanh()
        Ys.append(state)
    return torch.stack(Ys)


def read_twice(read: Callable[..., Tensor], cells: list[Any], X: Tensor) -> Tensor:
    return torch.cat([read(cell, X) for cell in cells], dim=2)


def run_torch(cell: Any, X: Tensor) -> Tensor:
    return cell(X)[0]


def run_native(cell: Any, X: Tensor) -> Tensor:
    enabled = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        return cell(X)[0]
    finally:
        torch._C._set_mkldnn_enabled(enabled)


def run_loop(name: str, cell: Any, X: Tensor) -> Tensor:
    first, weights = X.new_zeros(X.shape[1], cell.hidden_size), list(cell.parameters())
    if name == "lstm":
        return lstm_loop(X, first, weights)
    return loop(name, X, first, weights)


def candidates(
    name: Cell, n_steps: int, n_docs: int, width: int
) -> dict[str, tuple[Callable[[], Tensor], list[Tensor]]]:
    """Return what computes a layer, and what it has gradients for."""
    encoder = RNNEncoder(width, width, cell=name)
    layer: Any = encoder.layers[0]
    cells = [layer.forward_cell, layer.backward_cell]
    X = torch.randn(n_steps * n_docs, width, requires_grad=True)
    lengths = torch.full((n_docs,), n_steps)
    grid = X.detach().view(n_steps, n_docs, width).requires_grad_()
    weights = list(encoder.parameters())
    reads = {
        "torch": run_torch,
        "native": run_native,
        "loop": partial(run_loop, name),
    }
    return {"ours": (partial(encoder, X, lengths), [X, *weights])} | {
        kind: (partial(read_twice, read, cells, grid), [grid, *weights])
        for kind, read in reads.items()
    }


def forward(work: Callable[[], Tensor]) -> None:
    with torch.inference_mode():
        work()


def there_and_back(work: Callable[[], Tensor], inputs: list[Tensor]) -> None:
    Y = work()
    torch.autograd.grad(Y, inputs, torch.ones_like(Y))


def seconds(works: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    measured = {
        name: [partial(timed, work, time.process_time)] for name, work in works.items()
    }
    return fastest(measured, rounds)


def peak_speeds(rounds: int) -> dict[str, float]:
    """Return how many floating-point operations a second a product reaches here."""
    A = torch.randn(SIZE, SIZE)
    works = {"torch": lambda: linear(A, A), "oneDNN": lambda: product(A, A)}
    found = seconds(works, rounds)
    return {name: 2 * SIZE**3 / each for name, each in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--widths", nargs="+", type=int, default=[128, 512])
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    torch.set_num_threads(1)
    peaks = peak_speeds(args.rounds)
    peak = max(peaks.values())
    capability = torch.backends.cpu.get_cpu_capability()
    onednn = "with" if mkldnn.is_available() else "without"
    print(f"torch {torch.__version__}, {capability}, {onednn} oneDNN")
    for name, each in peaks.items():
        print(f"product by {name}: {each / 1e9:.0f} GFLOP/s")
    print()
    print("| cell | width | block | pass | ours | torch | native | loop |")
    print("|---|---:|---|---|---:|---:|---:|---:|")
    for name in get_args(Cell):
        for width in args.widths:
            for shape in SHAPES:
                works = candidates(name, *shape, width)
                one_way = {k: partial(forward, work) for k, (work, _) in works.items()}
                both = {k: partial(there_and_back, *w) for k, w in works.items()}
                products = 2 * shape[0] * shape[1] * (width + width // 2) * width
                products *= GATES.get(name, 1)
                for title, times, each in (
                    ("forward", 1, one_way),
                    ("forward and back", 3, both),
                ):
                    found = seconds(each, args.rounds)
                    shares = [times * products / found[k] / peak for k in works]
                    cells = " | ".join(f"{share:.0%}" for share in shares)
                    block = "{} x {}".format(*shape)
                    print(f"| {name} | {width} | {block} | {title} | {cells} |")


if __name__ == "__main__":
    main()
