"""What a block of documents costs, from which its plan is made.

    python benchmarks/block_costs.py --gpu-id 0
    OMP_NUM_THREADS=1 python benchmarks/block_costs.py --gpu-id -1

Two layers of LSTMs in two directions over blocks of so many time steps and documents,
without padding, forward and back: launched one by one and, on a GPU, as a CUDA graph.
The least of several rounds, in milliseconds, until the GPU is done. Then the costs of
`spacy_rnn.modules.block_plan` that explain these times best: a block takes so long,
each step so long, and each cell; the first two in cells.
"""

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from timing import fastest, timed
from torch import Tensor

from spacy_rnn.modules.cells import all_weights
from spacy_rnn.modules.graphs import Graphs
from spacy_rnn.modules.rnn import RNNEncoder

SHAPES = (
    *((16, 32), (16, 256), (40, 16), (40, 128), (40, 512), (40, 1024), (40, 3072)),
    *((250, 16), (250, 128), (1000, 16), (1000, 56), (1000, 224)),
)
CPU_SHAPES = ((4, 16), (8, 64), (24, 8), (40, 16), (40, 56), (200, 8), (400, 16))
DEPTH = 2
Run = Callable[[list[Tensor]], Tensor]


def runs_of(encoder: RNNEncoder) -> dict[str, Run]:
    """Return the ways to run a block."""
    weights = all_weights(encoder, dropout=0.0)
    block, graphs = partial(encoder.encode_block, bptt=0, recompute=0), Graphs()
    ways: dict[str, Run] = {"one by one": lambda inputs: block(inputs, weights)}
    if next(encoder.parameters()).is_cuda:
        ways["graph"] = lambda inputs: graphs.run(block, inputs, weights)
    return ways


def measure(
    encoder: RNNEncoder, steps: int, docs: int, rounds: int
) -> dict[str, list[float]]:
    """Return the milliseconds of prediction and of training, for each way."""
    device = next(encoder.parameters()).device
    X = torch.randn(steps, docs, encoder.output_width, device=device)
    dY = torch.randn_like(X)
    cells = torch.arange(steps * docs, device=device).view(steps, docs)
    inputs = [X.requires_grad_(), cells.flip(0).flatten()]
    works = {}
    for name, run in runs_of(encoder).items():

        def predict(run: Run = run) -> None:
            with torch.inference_mode():
                run(inputs)
            wait(device)

        def train(run: Run = run) -> None:
            run(inputs).backward(dY)
            wait(device)

        for kind, work in (("predict", predict), ("train", train)):
            work()
            work()  # now it is captured
            works[f"{name}, {kind}"] = [partial(timed, work)]
    times = fastest(works, rounds)
    return {name: 1000 * seconds for name, seconds in times.items()}


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def solve(shapes: list[tuple[int, int]], times: list[float]) -> np.ndarray:
    """Return what a block, a step and a cell take, in the units of the times.

    Deviations count by their share of the time, none is below zero.
    """
    A = np.array([[1.0, steps, steps * docs] for steps, docs in shapes])
    A /= np.array(times)[:, None]
    kept = [0, 1, 2]
    while True:
        found = np.zeros(3)
        found[kept] = np.linalg.lstsq(A[:, kept], np.ones(len(times)), rcond=None)[0]
        if found.min() >= 0:
            return found
        kept.remove(int(found.argmin()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gpu-id", type=int, default=0, help="-1 for a CPU")
    parser.add_argument("--widths", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    on_gpu = args.gpu_id >= 0
    device = f"cuda:{args.gpu_id}" if on_gpu else "cpu"
    name = torch.cuda.get_device_name(device) if on_gpu else "a CPU"
    print(f"{name}, torch {torch.__version__}")
    for width in args.widths:
        encoder = RNNEncoder(width, width, depth=DEPTH).to(device)
        shapes = list(SHAPES if on_gpu else CPU_SHAPES)
        times = [measure(encoder, *shape, args.rounds) for shape in shapes]
        ways = list(times[0])
        print(f"\nwidth {width}\n\n| steps x documents | {' | '.join(ways)} |")
        print("|---|" + "---:|" * len(ways))
        for (steps, docs), found in zip(shapes, times, strict=True):
            cells = " | ".join(f"{found[way]:.2f}" for way in ways)
            print(f"| {steps} x {docs} | {cells} |", flush=True)
        for way in ways:
            block, step, cell = solve(shapes, [found[way] for found in times])
            print(f"{way}: block {block / cell:,.0f}, step {step / cell:,.0f} cells")


if __name__ == "__main__":
    main()
