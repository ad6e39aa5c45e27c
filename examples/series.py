"""Series of numbers for `forecast.py`: reading, windows, and simple forecasts."""

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

try:
    import pandas as pd
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel
except ImportError as error:
    raise ImportError(f"{error}: pip install '.[examples]'") from error

LONGEST_SEASON = 48  # that exponential smoothing takes up


class Table(NamedTuple):
    """Series side by side. Shape (rows, S).

    Attributes:
        names: Of the series.
        values: What may be read: a gap has the value before it.
        truth: What came: a gap is NaN.
    """

    names: list[str]
    values: np.ndarray
    truth: np.ndarray


class Windows(NamedTuple):
    """What is read and what comes after.

    Attributes:
        X: Shape (windows, S, window).
        Y: NaN where it isn't known. Shape (windows, S, horizon).
        start: The row where Y begins. Shape (windows,).
    """

    X: np.ndarray
    Y: np.ndarray
    start: np.ndarray

    @property
    def last(self) -> np.ndarray:
        """The value before Y. Shape (windows, S, 1)."""
        return self.X[..., -1:]

    @property
    def changes(self) -> "Windows":
        """The same less the last value."""
        return Windows(self.X - self.last, self.Y - self.last, self.start)

    @property
    def pace(self) -> np.ndarray:
        """How much a series moves from step to step. Shape (windows, S, 1)."""
        return np.abs(np.diff(self.X)).mean(axis=-1, keepdims=True) + 0.02


def cut(table: Table, window: int, horizon: int, first: int, end: int) -> Windows:
    """Cut the windows whose Y lies in some rows."""
    start = np.arange(max(first, window), end - horizon + 1)
    X = sliding_window_view(table.values, window, axis=0)
    Y = sliding_window_view(table.truth, horizon, axis=0)
    return Windows(X[start - window], Y[start], start)


def synthesize(n: int = 2000) -> Table:
    """Make a series with a trend, a season whose strength changes, and noise."""
    rng, time = np.random.default_rng(0), np.arange(n)
    season = np.sin(2 * np.pi * time / 7) * (2.0 + np.sin(2 * np.pi * time / 300))
    values = 20.0 + 0.005 * time + 2.0 * season + rng.normal(0.0, 1.0, n)
    return Table(["made"], values[:, None], values[:, None])


def read_csv(path: str, names: list[str], rows: int, max_gap: int) -> Table:
    """Read a CSV, whose first column may be dates, or years or other even steps.

    Args:
        path: The file. It may be compressed.
        names: The columns to read, if empty all but dates and even steps.
        rows: How many rows to read, 0 for all.
        max_gap: How many missing values in a row are filled, with the one before.

    Raises:
        ValueError: If something is wrong with the file, naming the line.
    """
    options: Any = {"skip_blank_lines": False, "skipinitialspace": True}
    try:
        table = pd.read_csv(path, nrows=rows or None, **options)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError) as error:
        raise ValueError(f"{path} is empty or no CSV in UTF-8: {error}") from error
    if table.empty:
        raise ValueError(f"{path} has no rows")
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the first for names
        raise ValueError(
            f"{path} has more cells in a row than names in the first line, "
            f"{','.join(table)!r}. Are commas between them?"
        )
    first, *others = table.columns
    has_dates = others and not pd.api.types.is_numeric_dtype(table[first])
    if has_dates:
        table = table.dropna(how="all")  # blank lines; the others keep their numbers
    else:  # a blank line among the others may be a gap
        table = table.loc[table.first_valid_index() : table.last_valid_index()]
    is_time = has_dates or (others and steps_evenly(table[first]))
    names = names or (others if is_time else [*table])
    for name in names:
        if name not in table:
            raise ValueError(f"{path} has no column {name!r}, only {[*table]}")
        numbers = pd.to_numeric(table[name], errors="coerce")
        infinite = table[name].notna() & ~np.isfinite(numbers)
        refuse(path, table[name], infinite, "is no number")
        table[name] = numbers
    if has_dates and first not in names:
        table = even_out(path, table, first, max_gap)
    table = table[names]
    # On a line to the next value, what is read would tell what comes.
    filled = table.ffill(limit=max_gap, limit_area="inside") if max_gap else table
    for name in names:
        if filled[name].isna().any():
            raise ValueError(
                f"{path}: column {name!r} has no value at "
                f"{filled.index[filled[name].isna()][0]}. Up to {max_gap} values in a "
                f"row are filled (--max-gap), but none at the beginning or the end."
            )
    return Table(names, filled.to_numpy("float64"), table.to_numpy("float64"))


def steps_evenly(numbers: Any) -> bool:
    """Tell whether numbers rise by the same from row to row, as years do."""
    steps = numbers.astype("float64").diff()
    least, most = steps.min(), steps.max()
    return bool(least > 0 and np.isclose(least, most, atol=0.0))  # 0.1 isn't exact


def even_out(path: str, table: pd.DataFrame, name: str, max_gap: int) -> pd.DataFrame:
    """Add the rows that are missing between the dates of a column."""
    options: Any = {"format": "ISO8601", "errors": "coerce", "utc": True}
    dates = pd.to_datetime(table[name], **options).dt.tz_localize(None)
    refuse(path, table[name], dates.isna(), "is no date like 2016-07-01 13:00")
    steps = dates.diff()
    refuse(path, table[name], steps <= pd.Timedelta(0), "isn't after the one before")
    first, last, step = dates.iloc[0], dates.iloc[-1], steps.mode().min()
    if len(dates) < 2:
        return table
    if step < pd.Timedelta(days=28):
        gap = f"comes after a gap of more than {max_gap} rows (--max-gap)"
        refuse(path, table[name], steps > (max_gap + 1) * step, gap)
        every = pd.date_range(first, last, freq=step)
    else:  # months, quarters or years
        n, length = round(step.days / 30.4), (last.year - first.year) * 12
        months = range(0, length + last.month - first.month + 1, n)
        at_end = (
            pd.offsets.MonthEnd(0) if dates.dt.is_month_end.all() else pd.Timedelta(0)
        )
        days = [first + pd.DateOffset(months=i) + at_end for i in months]
        every = pd.DatetimeIndex(days)
    refuse(path, table[name], ~dates.isin(every), "isn't where the dates before lead")
    return table.set_index(dates).reindex(every)


def refuse(path: str, column: Any, wrong: Any, what: str) -> None:
    """Raise a ValueError for the first value that is wrong, if there is any."""
    if wrong.any():
        row = column.index[int(np.argmax(wrong))]
        where = f"{path}, line {row + 2}, column {column.name!r}"
        raise ValueError(f"{where}: {str(column[row])!r} {what}")


def with_one(X: np.ndarray) -> np.ndarray:
    """Add a feature that is always one."""
    return np.concatenate([X, np.ones((*X.shape[:-1], 1))], axis=-1)


def with_season(windows: Windows, season: int) -> Windows:
    """Add the time in a season to what is read, as sine and cosine."""
    angle = 2 * np.pi * windows.start[:, None, None] / season
    time = np.concatenate([np.sin(angle), np.cos(angle)], axis=2)
    time = np.broadcast_to(time, (*windows.X.shape[:2], 2))
    return windows._replace(X=np.concatenate([windows.X, time], axis=2))


def fit_linear(windows: Windows) -> np.ndarray:
    """Fit a linear autoregression to each series. Shape (S, window + 1, horizon)."""
    X, known = with_one(windows.X), ~np.isnan(windows.Y).any(axis=-1)
    return np.stack(
        [
            np.linalg.lstsq(X[rows, i], windows.Y[rows, i])[0]
            for i, rows in enumerate(known.T)
        ]
    )


def apply_linear(weights: np.ndarray, windows: Windows) -> np.ndarray:
    """Forecast. Shape (windows, S, horizon)."""
    return np.einsum("nsw,swh->nsh", with_one(windows.X), weights)


def repeat(values: np.ndarray, windows: Windows, season: int) -> np.ndarray:
    """Forecast what was there a season ago, 1 for the last value."""
    ahead = np.arange(windows.Y.shape[-1])
    rows = windows.start[:, None] + ahead - season * (ahead // season + 1)
    return values[rows].swapaxes(1, 2)


def smooth(values: np.ndarray, n: int, windows: Windows, season: int) -> np.ndarray:
    """Forecast by exponential smoothing, fitted to the first n rows of each series."""
    season = season if season <= LONGEST_SEASON else 1
    options: Any = {"initialization_method": "heuristic"}
    if season > 1:
        options |= {"seasonal": "add", "seasonal_periods": season}
    levels, seasons = np.zeros((2, *values.shape))
    for i, series in enumerate(values.T):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a search that has not converged
            params = ETSModel(series[:n], **options).fit(disp=False).params
            states = ETSModel(series, **options).smooth(params)
        levels[:, i] = states.level
        if season > 1:
            seasons[:, i] = states.season
    return levels[windows.start - 1][..., None] + repeat(seasons, windows, season)
