r"""Training on long documents: what `recompute` and `bptt` cost and save (Linux).

    OMP_NUM_THREADS=1 python benchmarks/long_documents.py

A step is a forward and a backward pass of an encoder with two layers in two directions,
over 8 documents of 5,000 words with random vectors. Each row is measured in a process
of its own: the least CPU seconds of a step, the highest memory of the first step above
what there was before it, and the largest difference from the gradients of the first
row, relative to the largest of them.

What `bptt` does to the score of a network that classifies film reviews, of 700 words on
average; run it with 0 as well:

    python benchmarks/accuracy.py --data DIR --sets movie_reviews --tune --set \
        components.rnn_textcat.model.linear_model=null \
        components.rnn_textcat.model.tok2vec.encode.bptt=100
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple, get_args

import numpy as np
import torch
from memory import highest
from thinc.api import Model, fix_random_seed

from spacy_rnn.architectures.rnn import build_rnn_encoder
from spacy_rnn.types import Cell

N_DOCS, N_WORDS = 8, 5000
CHUNK = 250
SETTINGS: dict[str, dict[str, int]] = {
    "neither": {},
    f"`recompute = {CHUNK}`": {"recompute": CHUNK},
    f"`bptt = {CHUNK}`": {"bptt": CHUNK},
    "both": {"recompute": CHUNK, "bptt": CHUNK},
}


class Result(NamedTuple):
    """What training steps took and gave.

    Attributes:
        seconds: CPU time of the fastest step.
        megabytes: That the first step took at most, beyond what was there before.
        gradients: Those of the parameters, and of the first document.
    """

    seconds: float
    megabytes: float
    gradients: list[np.ndarray]


def measure(cell: Cell, width: int, steps: int, settings: dict[str, int]) -> Result:
    torch.set_num_threads(1)
    fix_random_seed(0)
    model = build_rnn_encoder(width, cell, depth=2, **settings)
    rng = np.random.default_rng(0)
    Xs, dYs = (
        [rng.standard_normal((N_WORDS, width), dtype="f") for _ in range(N_DOCS)]
        for _ in range(2)
    )
    model.initialize(X=Xs[:1])
    short = slice(2 * CHUNK)
    step(model, [Xs[0][short]], [dYs[0][short]])  # torch loads its parts
    model.set_grad("W", np.zeros_like(model.get_param("W")))
    before = highest()
    dX = step(model, Xs, dYs)
    megabytes = highest() - before
    gradients = [model.get_grad("W").copy(), dX]
    seconds = []
    for _ in range(steps):
        start = time.process_time()
        step(model, Xs, dYs)
        seconds.append(time.process_time() - start)
    return Result(min(seconds), megabytes, gradients)


def step(model: Model, Xs: list[np.ndarray], dYs: list[np.ndarray]) -> np.ndarray:
    """Go forward and back; return the gradient of the first document."""
    _, backprop = model.begin_update(Xs)
    return backprop(dYs)[0]


def difference(found: list[np.ndarray], expected: list[np.ndarray]) -> float:
    return max(
        float(abs(ours - theirs).max() / abs(theirs).max())
        for ours, theirs in zip(found, expected, strict=True)
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", nargs="+", choices=get_args(Cell), default=["lstm"])
    parser.add_argument("--widths", nargs="+", type=int, default=[128, 256])
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    print("| cell | width | | CPU seconds a step | MB | gradients differ by |")
    print("|---|---:|---|---:|---:|---:|")
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        for cell in args.cells:
            for width in args.widths:
                work = partial(measure, cell, width, args.steps)
                expected: list[np.ndarray] = []
                for name, found in zip(
                    SETTINGS, pool.map(work, SETTINGS.values()), strict=True
                ):
                    expected = expected or found.gradients
                    print(
                        f"| {cell} | {width} | {name} | {found.seconds:.2f} "
                        f"| {found.megabytes:.0f} "
                        f"| {difference(found.gradients, expected):.1g} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
