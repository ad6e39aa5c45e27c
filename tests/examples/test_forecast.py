import gzip
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.examples.conftest import FOLDER, rows_of

SMALL = ["--epochs", "3", "--width", "8", "--window", "14"]


@pytest.fixture
def forecast(example):
    return example("forecast")


@pytest.fixture
def series(example):
    return example("series")


@pytest.fixture
def table_of(series):
    """Return a function that makes a table without gaps."""
    return lambda values: series.Table([], values, values)


def write(path, rows, header="date,a,b"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf8")
    return path


def days(n, first="2024-01-01"):
    """Name dates of n days."""
    start = date.fromisoformat(first)
    return [str(start + timedelta(days=i)) for i in range(n)]


def waves(n, a=20.0, b=-3.0):
    """Make rows of two series that are sums of waves, with little noise."""
    rng, t = np.random.default_rng(0), np.arange(n)
    one = a + np.sin(t / 3) + 0.1 * rng.normal(size=n)
    two = b * np.cos(2 * np.pi * t / 7) + 0.1 * rng.normal(size=n)
    return [
        f"{day},{x:.3f},{y:.3f}" for day, x, y in zip(days(n), one, two, strict=True)
    ]


def test_each_example_is_short():
    for path in FOLDER.glob("*.py"):
        assert len(path.read_text(encoding="utf8").splitlines()) < 250, path


def test_it_forecasts_the_series_that_it_makes(forecast, capsys, tmp_path):
    plot = tmp_path / "last.svg"
    forecast.main([*SMALL, "--seeds", "2", "--plot", str(plot)])
    rows = {row[1]: row for row in rows_of(capsys.readouterr().out) if row[0] == "made"}
    error = {method: float(row[2]) for method, row in rows.items() if row[2]}
    for seed in (0, 1):
        assert error[f"network, seed {seed}"] < 1.1 * error["autoregression"]
        assert error[f"network, seed {seed}"] < 0.8 * error["a season ago"]
        assert 70 < float(rows[f"network, seed {seed}"][4]) < 90
    assert error["a season ago"] < error["last value"]
    low, forecast_, high = map(float, rows["1"][2:])
    assert low < forecast_ < high
    assert "<svg" in plot.read_text(encoding="utf8")


def test_two_columns_share_a_network_and_the_network_can_do_without_autoregression(
    forecast, capsys, tmp_path
):
    path = write(tmp_path / "waves.csv", waves(300))
    forecast.main(
        ["--data", str(path), *SMALL, "--horizon", "3", "--linear", "0"]
        + ["--epochs", "15", "--learn-rate", "0.01"]
    )
    rows = rows_of(capsys.readouterr().out)
    assert "autoregression of changes" not in [row[1] for row in rows]
    for name in ("a", "b"):
        error = {row[1]: float(row[2]) for row in rows if row[0] == name}
        assert error["network, seed 0"] < 0.7 * error["last value"]
        assert [row[1] for row in rows if row[0] == name][-3:] == ["1", "2", "3"]


def test_nothing_before_the_test_knows_of_it(forecast, table_of, tmp_path):
    """Scales, fits, networks and the width of intervals are made of earlier rows."""
    rows, printed = waves(300), []
    for last in (rows[-1], f"{days(300)[-1]},1000,1000"):
        path = write(tmp_path / "waves.csv", [*rows[:-1], last])
        s = forecast.Settings(data=str(path), epochs=1, width=4)
        table, dev, test = forecast.read(s)
        assert (dev, test) == (210, 240)
        made = table_of(table.values / table.values[:dev].std(axis=0))
        parts = (
            forecast.series.cut(made, 30, 1, 0, dev),
            forecast.series.cut(made, 30, 1, dev, test),
        )
        forecaster = forecast.Forecaster(*parts, s, 0)
        printed.append((forecaster.margin, forecaster.model.to_bytes()))
    assert printed[0] == printed[1]


def test_windows_lie_where_they_should(series, table_of):
    values = np.stack([np.arange(20.0), 100 + np.arange(20.0)], axis=1)
    windows = series.cut(table_of(values), 4, 2, 10, 15)
    assert windows.start.tolist() == [10, 11, 12, 13]
    assert windows.X[0].tolist() == [[6, 7, 8, 9], [106, 107, 108, 109]]
    assert windows.Y[-1].tolist() == [[13, 14], [113, 114]]
    assert series.repeat(values, windows, 1)[0].tolist() == [[9, 9], [109, 109]]
    assert series.repeat(values, windows, 3)[0].tolist() == [[7, 8], [107, 108]]


def test_a_linear_series_is_forecast_by_the_autoregression(series, table_of):
    table = table_of(np.arange(40.0)[:, None] ** 2)
    learned, later = (series.cut(table, 3, 2, *part) for part in ((0, 30), (30, 40)))
    weights = series.fit_linear(learned)
    assert_allclose(series.apply_linear(weights, later), later.Y, rtol=1e-6)


def test_an_autoregression_may_know_the_time_in_the_season(series, table_of):
    noise = np.random.default_rng(0).normal(size=(400, 2))
    wave = 3 * np.sin(2 * np.pi * np.arange(400) / 50 + 1)[:, None]
    table = table_of(wave * [1, 2] + noise)
    parts = (0, 300), (300, 400)
    plain = [series.cut(table, 2, 1, *part) for part in parts]
    timed = [series.with_season(windows, 50) for windows in plain]
    errors = [
        np.std(series.apply_linear(series.fit_linear(learned), last) - last.Y)
        for learned, last in (plain, timed)
    ]
    assert errors[1] < 1.1 < errors[0]


def test_smoothing_sees_nothing_of_what_it_forecasts(series, table_of):
    rng = np.random.default_rng(0)
    values = np.tile([1.0, 5.0, 3.0], 40)[:, None] + rng.normal(0, 0.1, (120, 1))
    windows = series.cut(table_of(values), 3, 4, 90, 110)
    found = series.smooth(values, 90, windows, 3)
    assert np.abs(found - windows.Y).max() < 0.7
    changed = values.copy()
    changed[100:] += 50
    assert_allclose(series.smooth(changed, 90, windows, 3)[:11], found[:11])


def test_the_loss_is_least_at_mean_and_quantiles(forecast):
    truth = np.random.default_rng(0).exponential(size=(20_000, 1))
    best = np.array([np.log(1 / 0.9), 1.0, np.log(10)])
    for shift, sign in ((0.0, 0), (0.1, 1), (-0.1, -1)):
        Y = np.broadcast_to(best + shift, (20_000, 1, 3))
        total = forecast.d_loss(Y, truth, np.ones((20_000, 1))).sum(axis=(0, 1))
        if sign:
            assert (np.sign(total) == sign).all()
        else:
            assert np.abs(total).max() < 0.02


def test_the_gradient_is_not_of_the_loss_of_others(forecast):
    truth, weight = np.zeros((2, 1)), np.ones((2, 1))
    Y = np.array([[[-1.0, 0.5, 2.0]], [[1.0, -0.5, -2.0]]])
    dY = forecast.d_loss(Y, truth, weight) * truth.size
    assert_allclose(dY[:, 0], [[-0.1, 1.0, 0.1], [0.9, -1.0, -0.9]])


@pytest.mark.parametrize("compress", [False, True])
def test_gaps_are_filled_and_not_scored(series, tmp_path, compress):
    rows = waves(40)
    rows[5] = f"{days(40)[5]},,nan"
    del rows[20:22]  # dates that are missing
    path = write(tmp_path / "gaps.csv", rows)
    if compress:
        data, path = path.read_bytes(), tmp_path / "gaps.csv.gz"
        path.write_bytes(gzip.compress(data))
    table = series.read_csv(str(path), [], 0, 3)
    assert table.values.shape == (40, 2)
    assert np.isfinite(table.values).all()
    gaps = np.isnan(table.truth)
    assert gaps.nonzero()[0].tolist() == [5, 5, 20, 20, 21, 21]
    assert_array_equal(table.values[~gaps], table.truth[~gaps])


def test_what_is_read_in_a_gap_tells_nothing_of_what_comes_after_it(series, tmp_path):
    rows = waves(40)
    del rows[20:22]
    read = []
    for after in (rows[20], f"{days(40)[22]},1000,1000"):
        path = write(tmp_path / "gaps.csv", [*rows[:20], after, *rows[21:]])
        read.append(series.read_csv(str(path), [], 0, 3).values)
    assert_array_equal(read[0][:22], read[1][:22])
    assert_array_equal(read[0][[20, 21]], read[0][[19, 19]])
    assert (read[0][22] != read[1][22]).all()


def test_a_value_that_is_not_known_is_no_truth_to_learn_from(forecast, series):
    values = np.random.default_rng(0).normal(size=(300, 2))
    truth = values.copy()
    truth[[60, 230], 0] = np.nan
    table = series.Table(["a", "b"], values, truth)
    learned, dev = (series.cut(table, 10, 2, *part) for part in ((0, 200), (200, 300)))
    s = forecast.Settings(window=10, horizon=2, epochs=1, width=4)
    assert np.isfinite(forecast.Forecaster(learned, dev, s, 0).predict(dev)).all()
    known = np.isfinite(learned.Y[:, 0]).all(axis=1)
    fewer = series.Windows(*(each[known] for each in learned))
    fits = [series.fit_linear(each)[0] for each in (learned, fewer)]
    assert_array_equal(*fits)
    truth = np.array([[0.0, np.nan]])
    dY = forecast.d_loss(np.ones((1, 2, 3)), truth, np.ones((1, 1)))
    assert (dY[0, 0] != 0).all()
    assert (dY[0, 1] == 0).all()


@pytest.mark.parametrize("cells", [["1", "nan", "3", "", "5", ""], ["1", '""', "3"]])
def test_a_row_without_a_value_is_a_gap_in_a_file_without_dates(
    series, tmp_path, cells
):
    path = write(tmp_path / "x.csv", cells, header="a")
    table = series.read_csv(str(path), [], 0, 1)
    expected = [float(cell) if cell.isdigit() else np.nan for cell in cells]
    while np.isnan(expected[-1]):
        expected.pop()
    assert_array_equal(table.truth[:, 0], expected)


@pytest.mark.parametrize(
    "dates",
    [
        ["2024-01", "2024-02", "2024-03", "2024-04", "2024-06"],
        [
            "2024-01-01 00:00",
            "2024-01-01 01:00",
            "2024-01-01 02:00",
            "2024-01-01 04:00",
        ],
    ],
)
def test_months_and_hours_have_gaps_too(series, tmp_path, dates):
    path = write(
        tmp_path / "x.csv", [f"{date},{i}" for i, date in enumerate(dates)], "t,a"
    )
    table = series.read_csv(str(path), [], 0, 1)
    gaps = np.isnan(table.truth[:, 0])
    assert gaps.nonzero()[0].tolist() == [len(dates) - 1]


@pytest.mark.parametrize(
    ("names", "found"), [([], ["a", "b"]), (["b"], ["b"]), (["a"], ["a"])]
)
def test_a_file_needs_no_dates(series, tmp_path, names, found):
    path = write(tmp_path / "x.csv", ["1,5", "2,4", "4,3"], header="a,b")
    table = series.read_csv(str(path), names, 0, 1)
    assert table.names == found
    columns = {"a": [1, 2, 4], "b": [5, 4, 3]}
    assert table.values.T.tolist() == [columns[name] for name in found]


def test_years_row_numbers_and_seconds_are_no_series(series, tmp_path):
    for first, step in ((1990, 1), (0, 1), (0, 0.1)):
        rows = [f"{first + step * i:g},{x}" for i, x in enumerate((5, 4, 7, 1))]
        path = write(tmp_path / "x.csv", rows, header=",a")
        assert series.read_csv(str(path), [], 0, 1).names == ["a"]
    path = write(tmp_path / "x.csv", ["1", "2", "3"], header="a")
    assert series.read_csv(str(path), [], 0, 1).names == ["a"]


def test_hours_may_have_the_offsets_of_summer_and_winter(series, tmp_path):
    rows = [
        "2024-03-31T01:00:00+01:00,1",
        "2024-03-31T03:00:00+02:00,2",
        "2024-03-31T04:00:00+02:00,3",
    ]
    path = write(tmp_path / "x.csv", rows, header="time,a")
    assert series.read_csv(str(path), [], 0, 0).truth[:, 0].tolist() == [1, 2, 3]


def test_a_column_that_is_named_twice_is_read_once(forecast, tmp_path):
    path = write(tmp_path / "x.csv", waves(300))
    table, *_ = forecast.read(forecast.Settings(data=str(path), columns="b,b"))
    assert table.names == ["b"]


def test_names_may_follow_a_space(series, tmp_path):
    path = write(tmp_path / "x.csv", ["2024-01-01, 5", "2024-01-02, 4"], "date, a")
    assert series.read_csv(str(path), ["a"], 0, 0).names == ["a"]


def change(rows, i, text):
    return [*rows[:i], f"{days(60)[i]},{text}", *rows[i + 1 :]]


ROWS = waves(60)
WRONG = {
    "text": (change(ROWS, 7, "cold,1"), "line 9, column 'a': 'cold' is no number"),
    "infinite": (change(ROWS, 7, "inf,1"), "line 9, column 'a': 'inf' is no number"),
    "a long gap": (
        [*ROWS[:9], *(f"{day},," for day in days(60)[9:13]), *ROWS[13:]],
        "'a' has no value at 2024-01-13.*max-gap",
    ),
    "missing rows": (
        [*ROWS[:9], *ROWS[13:]],
        "line 11, .*'2024-01-14' comes after a gap",
    ),
    "a far date": (
        ["2024-01-01 00:00:00,1,2", "2024-01-01 00:00:01,1,2", "9999-01-01,1,2"],
        "line 4, .*'9999-01-01' comes after a gap",
    ),
    "a gap at the end": (change(ROWS, 59, "1,"), "'b' has no value at 2024-02-29"),
    "no date": ([*ROWS[:3], "soon,1,2"], "line 5, column 'date': 'soon' is no date"),
    "dates back": ([*ROWS[:5], ROWS[2]], "line 7.*isn't after the one before"),
    "odd dates": ([*ROWS, "2024-03-01 12:00,1,1"], "line 62.*isn't where the dates"),
    "a blank line": (["", *ROWS[:3], "", "soon,1,2"], "line 7, .*'soon' is no date"),
    "constant": (
        [f"{day},4,{i}" for i, day in enumerate(days(60))],
        "'a' is 4.0 in all",
    ),
    "short": (ROWS[:30], "Of 30 rows, 21 are for training.*--window"),
    "no rows": ([], "has no rows"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_with_a_file_is_said(forecast, tmp_path, kind):
    rows, message = WRONG[kind]
    path = write(tmp_path / "x.csv", rows)
    with pytest.raises(SystemExit, match=rf"(?s)forecast.py: .*{message}"):
        forecast.main(["--data", str(path)])


def test_what_is_wrong_with_a_command_is_said(forecast, tmp_path):
    path = write(tmp_path / "x.csv", ROWS)
    with pytest.raises(SystemExit, match=r"no column 'c', only \['date', 'a', 'b'\]"):
        forecast.main(["--data", str(path), "--columns", "a,c"])
    with pytest.raises(SystemExit, match="No such file"):
        forecast.main(["--data", str(tmp_path / "none.csv")])
    with pytest.raises(SystemExit, match="cell has to be one of .*'gru'"):
        forecast.main([*SMALL, "--cell", "rnn"])
    for content in (b"", "t,°C\n1,2\n".encode("latin1")):
        path.write_bytes(content)
        with pytest.raises(SystemExit, match=r"x\.csv is empty or no CSV"):
            forecast.main(["--data", str(path)])


def test_an_interval_is_as_wide_as_the_held_out_rows_ask_for(forecast, table_of):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(900, 1))
    values[500:] *= 3.0  # wilder than what was learned
    cut = forecast.series.cut
    learned, dev, last = (
        cut(table_of(values), 10, 1, first, end)
        for first, end in pairwise((0, 500, 700, 900))
    )
    s = forecast.Settings(window=10, epochs=3, width=4)
    forecaster = forecast.Forecaster(learned, dev, s, 0)
    Y = forecaster.predict(last)
    assert 0.7 < ((Y[..., 0] <= last.Y) & (Y[..., 2] >= last.Y)).mean() < 0.9


@pytest.mark.parametrize(
    "dates",
    [
        ["1990-02-28", "1990-03-31", "1990-04-30", "1990-05-31"],
        ["1990-06-30", "1990-09-30", "1990-12-31", "1991-03-31"],
        ["2023-02-28", "2024-02-29", "2025-02-28"],
    ],
)
def test_months_may_be_known_by_their_ends(series, tmp_path, dates):
    path = write(tmp_path / "a.csv", [f"{day},1,2" for day in dates])
    assert np.isfinite(series.read_csv(str(path), [], 0, 0).truth).all()
    del dates[1]
    path = write(tmp_path / "a.csv", [f"{day},1,2" for day in dates])
    table = series.read_csv(str(path), [], 0, 1)
    if len(dates) > 2:  # else the gap is the step
        assert np.isnan(table.truth[:, 0]).tolist() == [False, True, False, False]


def test_cells_without_names_are_refused(forecast, tmp_path):
    rows = [
        f"{day};{value:.1f}".replace(".", ",") for value, day in enumerate(days(90))
    ]
    path = write(tmp_path / "a.csv", rows, header="date;a")
    with pytest.raises(SystemExit, match=r"more cells .* 'date;a'. Are commas between"):
        forecast.main(["--data", str(path)])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--window", "1"),
        ("--season", "0"),
        ("--seeds", "0"),
        ("--dropout", "1"),
        ("--dev", "nan"),
        ("--linear", "2"),
    ],
)
def test_a_setting_out_of_its_range_is_named(forecast, option, value):
    with pytest.raises(
        SystemExit, match=rf"forecast.py: {option} has to be at least \d.*: {value}"
    ):
        forecast.main([option, value])
