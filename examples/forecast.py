"""Forecasts of one or several series, with intervals, beside simpler methods.

    python examples/forecast.py                                # on a series of its own
    python examples/forecast.py --data temperatures.csv --columns Temp --season 365

The last values of a series go through a recurrent network, whose last state says what
comes next: a mean and an interval for each step ahead. It learns what a linear
autoregression leaves (Zhang, 2003), in units of how much the series moves of late, and
several series share one network. Scales, the autoregression and the network are made
of the first rows only, the intervals are widened or narrowed on those that follow
(Romano et al., 2019), and the last rows are for the test.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.lib.stride_tricks import sliding_window_view
from thinc.api import Adam, Dropout, Linear, Model, chain, fix_random_seed
from thinc.types import Floats2d

from spacy_rnn.layers.pool import Pool
from spacy_rnn.layers.rnn import RNN

QUANTILES = (0.1, 0.9)  # the ends of an interval of 80 %


@dataclass
class Settings:
    """What can be set on the command line."""

    data: str = field(default="", metadata={"help": "CSV with a header"})
    columns: str = field(default="", metadata={"help": "to forecast; all if left out"})
    rows: int = field(default=0, metadata={"help": "use the first rows only, 0: all"})
    dev: float = field(default=0.1, metadata={"help": "share of rows for intervals"})
    test: float = field(default=0.2, metadata={"help": "share of rows for the test"})
    max_gap: int = field(default=3, metadata={"help": "missing values filled in a row"})
    window: int = field(default=30, metadata={"help": "values that the network reads"})
    horizon: int = field(default=1, metadata={"help": "steps ahead"})
    season: int = field(default=7, metadata={"help": "steps in a season"})
    cell: str = field(default="lstm", metadata={"help": "rnn_tanh, lstm or gru"})
    width: int = field(default=32, metadata={"help": "of the network"})
    dropout: float = field(default=0.1, metadata={"help": "of its last state"})
    linear: int = field(default=1, metadata={"help": "0: no autoregression below it"})
    epochs: int = field(default=15, metadata={"help": "of training"})
    batch: int = field(default=64, metadata={"help": "windows in a step"})
    learn_rate: float = field(default=0.002, metadata={"help": "at its highest"})
    seeds: int = field(default=1, metadata={"help": "networks that are trained"})
    plot: str = field(default="", metadata={"help": "SVG of the last forecasts"})


class Series(NamedTuple):
    """A series, its gaps filled, and which of its values were there."""

    name: str
    values: np.ndarray
    known: np.ndarray


class Windows(NamedTuple):
    """Windows of a part of all series, and what came after them, scaled.

    Attributes:
        X: Shape (windows, window).
        Y: Shape (windows, horizon).
        time: Row in its series where Y begins. Shape (windows,).
        series: Which series. Shape (windows,).
        scale: How much it moves from step to step. Shape (windows, 1).
    """

    X: np.ndarray
    Y: np.ndarray
    time: np.ndarray
    series: np.ndarray
    scale: np.ndarray


def synthesize(n: int = 2000) -> list[Series]:
    """Make a series with a trend, a season that changes in strength, and noise."""
    rng, time = np.random.default_rng(0), np.arange(n)
    season = np.sin(2 * np.pi * time / 7) * (1.5 + np.sin(2 * np.pi * time / 200))
    drift = np.cumsum(rng.normal(0.0, 0.1, n))
    values = 20.0 + 0.005 * time + 2.0 * season + drift + rng.normal(0.0, 0.5, n)
    return [Series("made", values, np.ones(n, bool))]


def read_csv(settings: Settings) -> list[Series]:
    table = pd.read_csv(settings.data)
    names = [name for name in settings.columns.split(",") if name] or [
        name for name in table.columns if pd.api.types.is_numeric_dtype(table[name])
    ]
    found = []
    for name in names:
        values = table[name].to_numpy("float64")[: settings.rows or None]
        found.append(Series(name, values, np.isfinite(values)))
    return found


def cut(
    all_series: list[Series], scales: list[tuple[float, float]], s: Settings, part: str
) -> Windows:
    """Cut the windows of a part: whatever they are to forecast lies in it."""
    pieces = []
    for i, (series, (mean, deviation)) in enumerate(
        zip(all_series, scales, strict=True)
    ):
        n = len(series.values)
        ends = [0, n - round(n * s.test) - round(n * s.dev), n - round(n * s.test), n]
        first, end = dict(
            zip(
                ("train", "dev", "test"), zip(ends, ends[1:], strict=False), strict=True
            )
        )[part]
        time = np.arange(max(first, s.window), end - s.horizon + 1)
        scaled = (series.values - mean) / deviation
        time = time[sliding_window_view(series.known, s.horizon)[time].all(axis=1)]
        X = sliding_window_view(scaled, s.window)[time - s.window]
        Y = sliding_window_view(scaled, s.horizon)[time]
        scale = np.abs(np.diff(X)).mean(axis=1, keepdims=True) + 0.02
        pieces.append(Windows(X, Y, time, np.full(len(time), i), scale))
    return Windows(*map(np.concatenate, zip(*pieces, strict=True)))


def features(windows: Windows, s: Settings) -> list[Floats2d]:
    """Make what the network reads: the way to the last value, and the time."""
    way = (windows.X - windows.X[:, -1:]) / windows.scale
    steps = windows.time[:, None] + np.arange(-s.window, 0)
    angle = 2 * np.pi * steps / s.season
    scale = np.broadcast_to(np.log(windows.scale), way.shape)
    rows = np.stack([way, scale, np.sin(angle), np.cos(angle)], axis=2)
    return list(rows.astype("f"))


def fit_linear(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return weights and bias of a least squares fit. Shape (window + 1, horizon)."""
    return np.linalg.lstsq(with_one(X), Y, rcond=None)[0]


def with_one(X: np.ndarray) -> np.ndarray:
    return np.hstack([X, np.ones((len(X), 1))])


def base(windows: Windows, weights: np.ndarray) -> np.ndarray:
    last = windows.X[:, -1:]
    return last + with_one(windows.X - last) @ weights


def build_model(s: Settings) -> Model[list[Floats2d], Floats2d]:
    cell: Any = s.cell
    n_out = s.horizon * (1 + len(QUANTILES))
    return chain(
        RNN(s.width, 4, cell=cell, depth=1, bidirectional=False),
        Pool(s.width, pooling=["last"], bidirectional=False),
        Dropout(s.dropout),
        Linear(n_out, s.width),
    )


def d_loss(Y: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the gradient of squared error and quantile loss (Koenker & Bassett, 1978).

    Args:
        Y: Lower end, mean and upper end. Shape (windows, horizon, 3).
        truth: Shape (windows, horizon).
        weight: Of the squared error. Shape (windows, 1).
    """
    lower, mean, upper = np.moveaxis(Y, 2, 0)
    dY = [
        (lower > truth) - QUANTILES[0],
        2.0 * weight * (mean - truth),
        (upper > truth) - QUANTILES[1],
    ]
    return np.stack(dY, axis=2) / truth.size


def train(windows: Windows, weights: np.ndarray, s: Settings, seed: int) -> Model:
    fix_random_seed(seed)
    rng = np.random.default_rng(seed)
    X = features(windows, s)
    truth = (windows.Y - base(windows, weights)) / windows.scale
    weight = windows.scale**2 / np.mean(windows.scale**2)
    model = build_model(s).initialize()
    optimizer = Adam(s.learn_rate, grad_clip=1.0, use_averages=True)
    n_steps, step = s.epochs * (len(X) // s.batch), 0
    for _ in range(s.epochs):
        for rows in np.array_split(rng.permutation(len(X)), len(X) // s.batch):
            Y, backprop = model.begin_update([X[i] for i in rows])
            dY = d_loss(Y.reshape(len(rows), s.horizon, 3), truth[rows], weight[rows])
            backprop(dY.reshape(Y.shape).astype("f"))
            optimizer.learn_rate = (
                s.learn_rate * 0.5 * (1 + np.cos(np.pi * step / n_steps))
            )
            model.finish_update(optimizer)
            optimizer.step_schedules()
            step += 1
    for node in model.walk():
        for name in node.param_names:
            key = (node.id, name)
            if key in optimizer.averages:
                node.set_param(name, optimizer.averages[key])
    return model


def predict(
    model: Model, windows: Windows, weights: np.ndarray, s: Settings
) -> np.ndarray:
    Y = model.predict(features(windows, s)).reshape(-1, s.horizon, 3)
    return base(windows, weights)[:, :, None] + windows.scale[:, :, None] * np.sort(Y)


def score(found: np.ndarray, windows: Windows, scales) -> str:
    error = found - windows.Y
    deviation = np.array([each for _, each in scales])[windows.series][:, None]
    rmse = np.sqrt(np.mean((error * deviation) ** 2))
    return f"{np.mean(error**2):.4f} | {rmse:.3f}"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for each in fields(Settings):
        kind: Any = each.type
        parser.add_argument(
            f"--{each.name.replace('_', '-')}",
            type=kind,
            default=each.default,
            help=f"{each.metadata['help']} (%(default)s)",
        )
    s = Settings(**vars(parser.parse_args(argv)))
    torch.set_num_threads(1)
    all_series = read_csv(s) if s.data else synthesize()
    scales = []
    for series in all_series:
        n = len(series.values)
        first = series.values[: n - round(n * s.test) - round(n * s.dev)]
        scales.append((first.mean(), first.std()))
    parts = {
        part: cut(all_series, scales, s, part) for part in ("train", "dev", "test")
    }
    learned, test = parts["train"], parts["test"]
    last = learned.X[:, -1:]
    weights = fit_linear(learned.X - last, learned.Y - last)
    print("| method | MSE, scaled | RMSE | covered |")
    print("naive", score(np.repeat(test.X[:, -1:], s.horizon, 1), test, scales))
    print(
        "linear",
        score(with_one(test.X) @ fit_linear(learned.X, learned.Y), test, scales),
    )
    print("linear of differences", score(base(test, weights), test, scales))
    if not s.linear:
        weights = np.zeros_like(weights)
    for seed in range(s.seeds):
        model = train(learned, weights, s, seed)
        dev = predict(model, parts["dev"], weights, s)
        truth, scale = parts["dev"].Y, parts["dev"].scale
        outside = np.maximum(dev[..., 0] - truth, truth - dev[..., 2]) / scale
        margin = np.quantile(outside, 0.8)
        found = predict(model, test, weights, s)
        lower = found[..., 0] - margin * test.scale
        upper = found[..., 2] + margin * test.scale
        covered = np.mean((lower <= test.Y) & (test.Y <= upper))
        print("network, dev", score(dev[..., 1], parts["dev"], scales))
        print(
            "network",
            seed,
            score(found[..., 1], test, scales),
            f"{covered:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
