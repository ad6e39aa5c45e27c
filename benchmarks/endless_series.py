"""A series without end, learned in pieces: memory, and forecasts in one pass (Linux).

    OMP_NUM_THREADS=1 python benchmarks/endless_series.py

An LSTM of 64 with a linear layer learns a series of 100,000 steps in pieces of 100,
whose state goes on from piece to piece. The highest memory so far, and at the end the
largest difference between forecasts in pieces and in one pass.
"""

import numpy as np
import torch
from memory import highest
from thinc.api import Adam, Linear, chain, fix_random_seed, with_array, with_getitem

from spacy_rnn.layers import RNN, with_state

N, PIECE, WIDTH = 100_000, 100, 64


def main() -> None:
    torch.set_num_threads(1)
    fix_random_seed(0)
    rng = np.random.default_rng(0)
    series = np.sin(np.arange(N + 1) / 7) + 0.1 * rng.normal(size=N + 1)
    X = series.astype("f")[:, None]
    encoder = with_state(RNN(WIDTH, 1, cell="lstm", depth=1, bidirectional=False))
    head = with_getitem(0, with_array(Linear(1, WIDTH)))
    model = chain(encoder, head).initialize()
    optimizer, states = Adam(0.001), None
    print("| steps | highest memory, MB | error |\n| ---: | ---: | ---: |")
    errors = []
    for start in range(0, N, PIECE):
        truth = X[start + 1 : start + PIECE + 1]
        piece = [X[start : start + PIECE]], states
        (Ys, states), backprop = model.begin_update(piece)
        error = Ys[0] - truth
        backprop(([error / PIECE], None))
        model.finish_update(optimizer)
        errors.append(float((error**2).mean()))
        done = start + PIECE
        if done in (1_000, 10_000, N // 2, N):
            print(f"| {done} | {highest():.1f} | {np.mean(errors[-10:]):.4f} |")
    pieces, states = [], None
    for start in range(0, N, PIECE):
        (Ys, states) = model.predict(([X[start : start + PIECE]], states))
        pieces.append(Ys[0])
    (at_once,), _ = model.predict(([X[:N]], None))
    difference = np.abs(np.concatenate(pieces) - at_once).max()
    print(f"\nLargest difference between pieces and one pass: {difference:.0e}")


if __name__ == "__main__":
    main()
