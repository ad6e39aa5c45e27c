"""Forecasts of one or several series, with intervals, beside simpler methods.

    python examples/forecast.py                                # of a series of its own
    python examples/forecast.py --data temperatures.csv --columns Temp --season 365

A network reads the last values of a series, and its last state says what comes next: a
mean and an interval for each step ahead. It learns what a linear autoregression leaves
(Zhang, 2003), in units of how much the series moves of late; several series share it.
All is made of the first rows, but for the width of the intervals, which is set on rows
that follow (Romano et al., 2019). The last rows are the test.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import series
import torch
from series import Windows
from settings import run_command, setting
from thinc.api import Adam, Dropout, Linear, Model, chain, fix_random_seed
from thinc.schedules import warmup_linear
from thinc.types import Floats2d

from spacy_rnn.layers import RNN, Pool

QUANTILES = (0.1, 0.9)
COVERED = QUANTILES[1] - QUANTILES[0]  # share of values that an interval should cover


@dataclass
class Settings:
    """What can be set, also on the command line."""

    data: str = setting("", "CSV with a header; makes a series if left out")
    columns: str = setting("", "columns to forecast, with commas; all if left out")
    rows: int = setting(0, "rows to read, 0 for all")
    dev: float = setting(0.1, "share of rows that the intervals are set on", below=1)
    test: float = setting(0.2, "share of rows that are the test", below=1)
    max_gap: int = setting(3, "missing values in a row that are filled")
    window: int = setting(30, "values that the network reads", least=2)
    horizon: int = setting(1, "steps ahead", least=1)
    season: int = setting(7, "steps in a season", least=1)
    cell: str = setting("lstm", "lstm, gru, rnn_tanh or rnn_relu")
    width: int = setting(32, "width of the network", least=1)
    dropout: float = setting(
        0.1, "share of its last state that it drops in training", below=1
    )
    linear: int = setting(
        1, "0: the network alone, without an autoregression below", below=2
    )
    epochs: int = setting(15, "times that training goes through the windows", least=1)
    batch: int = setting(64, "windows in a step", least=1)
    learn_rate: float = setting(0.002, "learning rate after a twentieth of the steps")
    seeds: int = setting(1, "networks to train, one after the other", least=1)
    plot: str = setting("", "SVG to draw the last forecasts of the first column in")


def features(windows: Windows, s: Settings) -> list[Floats2d]:
    """Make what the network reads: the way to the last value, and the time."""
    way = (windows.X - windows.last) / windows.pace
    rows = windows.start[:, None, None] + np.arange(-s.window, 0)
    angle = 2 * np.pi * rows / s.season
    parts = way, np.log(windows.pace), np.sin(angle), np.cos(angle)
    X = np.stack(np.broadcast_arrays(*parts), axis=-1)
    return list(X.reshape(-1, s.window, len(parts)).astype("f"))


def build_model(s: Settings) -> Model[list[Floats2d], Floats2d]:
    """Build a network that says lower end, mean and upper end of each step ahead."""
    cell: Any = s.cell
    return chain(
        RNN(s.width, 4, cell=cell, depth=1, bidirectional=False),
        Pool(s.width, pooling=["last"], bidirectional=False),
        Dropout(s.dropout),
        Linear(3 * s.horizon, s.width),
    ).initialize()


def d_loss(Y: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the gradient of squared error and quantile loss (Koenker & Bassett, 1978).

    Args:
        Y: Lower end, mean and upper end. Shape (B, horizon, 3).
        truth: NaN where it isn't known. Shape (B, horizon).
        weight: Of the squared error. Shape (B, 1).
    """
    lower, mean, upper = np.moveaxis(Y, 2, 0)
    ends = (lower > truth) - QUANTILES[0], (upper > truth) - QUANTILES[1]
    dY = ends[0], 2.0 * weight * (mean - truth), ends[1]
    return np.where(np.isnan(truth)[..., None], 0.0, np.stack(dY, axis=2)) / truth.size


class Forecaster:
    """An autoregression, a network for what it leaves, and a margin."""

    def __init__(self, learned: Windows, dev: Windows, s: Settings, seed: int) -> None:
        fix_random_seed(seed)
        self.s, self.margin = s, 0.0
        self.weights = series.fit_linear(learned.changes)
        self.weights *= s.linear
        self.model = build_model(s)
        self.train(learned, np.random.default_rng(seed))
        lower, _, upper = np.moveaxis(self.predict(dev), 3, 0)
        outside = np.maximum(lower - dev.Y, dev.Y - upper) / dev.pace
        self.margin = float(np.nanquantile(outside, COVERED))

    def train(self, windows: Windows, rng: np.random.Generator) -> None:
        """Train the network on what the autoregression leaves."""
        s, X = self.s, features(windows, self.s)
        truth = ((windows.Y - self.base(windows)) / windows.pace).reshape(-1, s.horizon)
        weight = windows.pace.reshape(-1, 1) ** 2
        weight /= weight.mean()  # so that errors count as much as they do in the end
        steps = s.epochs * max(1, len(X) // s.batch)
        rates: Any = warmup_linear(s.learn_rate, steps // 20, steps)
        optimizer = Adam(rates, grad_clip=1.0, use_averages=True)
        for step in range(steps):
            if step % (steps // s.epochs) == 0:
                batches = np.array_split(rng.permutation(len(X)), steps // s.epochs)
            rows = batches.pop()
            flat, backprop = self.model.begin_update([X[i] for i in rows])
            Y = np.asarray(flat).reshape(-1, s.horizon, 3)
            dY: Any = d_loss(Y, truth[rows], weight[rows]).astype("f")
            backprop(dY.reshape(flat.shape))
            self.model.finish_update(optimizer)
            optimizer.step_schedules()
        with self.model.use_params(optimizer.averages or {}):
            self.model = self.model.copy()

    def base(self, windows: Windows) -> np.ndarray:
        return windows.last + series.apply_linear(self.weights, windows.changes)

    def predict(self, windows: Windows) -> np.ndarray:
        """Return lower end, mean and upper end. Shape (windows, S, horizon, 3)."""
        Y: Any = self.model.predict(features(windows, self.s))
        Y = Y.reshape(*windows.Y.shape, 3)
        Y[..., 0] = np.minimum(Y[..., 0], Y[..., 1]) - self.margin
        Y[..., 2] = np.maximum(Y[..., 1], Y[..., 2]) + self.margin
        return self.base(windows)[..., None] + windows.pace[..., None] * Y


def plot(found: np.ndarray, truth: np.ndarray, s: Settings) -> None:
    """Draw forecasts of one series that follow each other, with what came."""
    from matplotlib.figure import Figure

    blocks = slice(-1 - 200 // s.horizon * s.horizon, None, s.horizon)
    lower, mean, upper = np.moveaxis(found[blocks], 2, 0)
    axes = (figure := Figure(figsize=(8, 4), layout="constrained")).add_subplot()
    axes.fill_between(range(mean.size), lower.ravel(), upper.ravel(), alpha=0.3)
    axes.plot(truth[blocks].ravel(), label="what came", color="#808080")
    axes.plot(mean.ravel(), label="forecast")
    axes.set_xlabel("steps")
    axes.legend()
    figure.savefig(s.plot, metadata={"Date": None})


def read(s: Settings) -> tuple[series.Table, int, int]:
    """Read or make series. Also return in which rows dev and test begin."""
    names = [name for name in dict.fromkeys(s.columns.split(",")) if name]
    table = (
        series.read_csv(s.data, names, s.rows, s.max_gap)
        if s.data
        else series.synthesize()
    )
    n = len(table.values)
    test = n - round(n * s.test)
    dev = test - round(n * s.dev)
    needed = max(s.window, s.season) + s.horizon
    if min(dev - needed, test - dev - s.horizon, n - test - s.horizon) < 0:
        raise ValueError(
            f"Of {n} rows, {dev} are for training, {test - dev} for intervals and "
            f"{n - test} for the test, but the first needs {needed}, each other "
            f"{s.horizon}: make --window, --season or --horizon smaller"
        )
    for name, values in zip(table.names, table.values.T, strict=True):
        if not np.ptp(values[:dev]):
            raise ValueError(f"{name!r} is {values[0]} in all of the first {dev} rows")
    return table, dev, test


def run(s: Settings) -> None:
    """Print the errors of each method in the test, and draw the last forecasts."""
    torch.set_num_threads(1)  # more gain nothing in small products
    table, dev, test = read(s)
    mean, deviation = table.values[:dev].mean(axis=0), table.values[:dev].std(axis=0)
    scaled, truth = ((each - mean) / deviation for each in table[1:])
    table = series.Table(table.names, scaled, truth)
    parts = (0, dev), (dev, test), (test, len(scaled))
    sizes = s.window, s.horizon
    learned, held_out, last = (series.cut(table, *sizes, *each) for each in parts)
    found: dict[str, np.ndarray] = {
        "last value": series.repeat(scaled, last, 1),
        "a season ago": series.repeat(scaled, last, s.season),
        "exponential smoothing": series.smooth(scaled, dev, last, s.season),
        "autoregression": series.apply_linear(series.fit_linear(learned), last),
    }
    in_season = [series.with_season(each, s.season) for each in (learned, last)]
    weights = series.fit_linear(in_season[0])
    found["autoregression in season"] = series.apply_linear(weights, in_season[1])
    for seed in range(s.seeds):
        forecaster = Forecaster(learned, held_out, s, seed)
        if s.linear:
            found["autoregression of changes"] = forecaster.base(last)
        found[f"network, seed {seed}"] = forecaster.predict(last)
    print("| series | method | MSE, scaled | RMSE | covered, % |\n|-|-|-:|-:|-:|")
    for i, name in enumerate(table.names):
        for method, Y in found.items():
            row = score(Y[:, i], last.Y[:, i], deviation[i])
            print(f"| {name} | {method} | {row} |")
    window = Windows(scaled[-s.window :].T[None], last.Y[:1], np.array([len(scaled)]))
    ahead = forecaster.predict(window)[0] * deviation[:, None, None]
    print("\n| series | steps ahead | low | forecast | high |\n|-|-:|-:|-:|-:|")
    for name, rows in zip(table.names, ahead + mean[:, None, None], strict=True):
        for step, row in enumerate(rows, start=1):
            print(f"| {name} | {step} | {row[0]:.3f} | {row[1]:.3f} | {row[2]:.3f} |")
    if s.plot:
        plot(Y[:, 0] * deviation[0] + mean[0], last.Y[:, 0] * deviation[0] + mean[0], s)


def score(Y: np.ndarray, truth: np.ndarray, deviation: float) -> str:
    """Compare forecasts with what came, where that is known."""
    covered, known = "", ~np.isnan(truth)
    if Y.ndim == 3:
        inside = (Y[..., 0] <= truth) & (Y[..., 2] >= truth)
        covered = f"{100 * inside[known].mean():.1f}"
        Y = Y[..., 1]
    error = np.mean((Y - truth)[known] ** 2)
    return f"{error:.4f} | {deviation * error**0.5:.3f} | {covered}"


def main(argv: list[str] | None = None) -> None:
    run_command("forecast.py", __doc__, Settings, run, argv)


if __name__ == "__main__":
    main()
