"""Volatility from highs and lows, and correlations drawn towards their mean."""

from __future__ import annotations

import tomllib
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stresslab.calibration.daily_fit import DailyChoices
from stresslab.calibration.fitting import calibrate
from stresslab.calibration.history import History, read_history
from stresslab.calibration.range_volatility import daily_ranges, range_volatility
from stresslab.calibration.shrinkage import shrinkage_intensity, shrunk_correlation
from stresslab.calibration.writing import calibration_summary, calibration_toml
from stresslab.documents.faults import InputError
from tests.calibration.simulated import closes, histories

RANGES = ("parkinson", "garman-klass", "yang-zhang")
SIGMA, DAYS, SEEN = 0.8, 1500, 1440


def hourly(folder: Path, sigma: float, days: int, seen: int, name: str = "BTC") -> History:
    """Bars of one hour, highs and lows those of a walk seen so often a day; each bar opens at the close before."""
    steps = np.random.default_rng(11).standard_normal(days * seen) * sigma / np.sqrt(365 * seen)
    path = np.concatenate([[0.0], np.cumsum(steps)])
    inside = seen // 24
    bars = np.lib.stride_tricks.sliding_window_view(path, inside + 1)[::inside]
    times = pd.date_range("2021-01-01", periods=24 * days, freq="h", tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    logs = {"open": bars[:, 0], "high": bars.max(axis=1), "low": bars.min(axis=1), "close": bars[:, -1]}
    file = folder / f"{name}_1h.csv"
    pd.DataFrame({"ts": times} | {key: 100 * np.exp(values) for key, values in logs.items()}).to_csv(file, index=False)
    return read_history(file)


@pytest.fixture(scope="module")
def brownian(tmp_path_factory: pytest.TempPathFactory) -> History:
    return hourly(tmp_path_factory.mktemp("brownian"), SIGMA, DAYS, SEEN)


@pytest.mark.parametrize("method", RANGES)
def test_the_volatility_of_brownian_bars_is_found(brownian: History, method: str) -> None:
    # Oracle: the volatility that was drawn. The walk is seen 1,440 times a day, which shortens Parkinson's mean square
    # by 4 x 0.5826 sqrt(8 / pi) / (4 ln 2 sqrt(1440)) = 3.5 %, the volatility by 1.8 %; the others by up to twice that.
    fit = calibrate([brownian], "gbm", choices=DailyChoices(method))
    error = fit.standard_errors.volatilities[0]
    found = fit.estimate.volatilities[0]
    assert -0.04 * SIGMA - 4 * error < found - SIGMA < 4 * error
    # Theory: variances of Parkinson 4.9 times, of the others about 7 times and more, below that of closes.
    close = calibrate([brownian], "gbm").standard_errors.volatilities[0]
    assert error < close / np.sqrt(4.9) * 1.5
    # Control: a volatility of a tenth more would be found out, which closes alone could hardly tell.
    assert abs(found - 1.1 * SIGMA) > 4 * error


def test_the_bias_of_a_coarse_walk_is_the_stated_one(tmp_path: Path) -> None:
    # Broadie, Glasserman and Kou: each end of the range is short by 0.5826 / sqrt(m) deviations of a day, and of a
    # Brownian motion of one deviation E range = sqrt(8 / pi), E range^2 = 4 ln 2. Seen 96 times a day.
    short = 2 * 0.5826 / np.sqrt(96)
    expected = SIGMA * np.sqrt((4 * np.log(2) - 2 * short * np.sqrt(8 / np.pi) + short**2) / (4 * np.log(2)))
    assert expected < 0.94 * SIGMA
    fit = calibrate([hourly(tmp_path, SIGMA, 2000, 96)], "gbm", choices=DailyChoices("parkinson"))
    assert abs(fit.estimate.volatilities[0] - expected) < 4 * fit.standard_errors.volatilities[0]


def test_formulas_by_hand() -> None:
    # Two days, logs of open over the close before, high, low and close over the open.
    days = np.array([[[0.01, 0.04, -0.02, 0.03]], [[-0.01, 0.01, -0.05, -0.01]]])
    parkinson = (0.06**2 + 0.06**2) / 2 / (4 * np.log(2))
    assert range_volatility(days, "parkinson")[0] == pytest.approx(np.sqrt(365 * parkinson))
    garman = 0.5 * 0.06**2 - 0.3862943611 * (0.03**2 + 0.01**2) / 2
    assert range_volatility(days, "garman-klass")[0] == pytest.approx(np.sqrt(365 * garman))
    # k = 0.34 / (1.34 + 3); variances of opens 0.0002 and of closes 0.0008; day by day Rogers and Satchell have
    # 0.04 x 0.01 + 0.02 x 0.05 and 0.01 x 0.02 + 0.05 x 0.04.
    k = 0.34 / 4.34
    zhang = 0.0002 + k * 0.0008 + (1 - k) * (0.0014 + 0.0022) / 2
    assert range_volatility(days, "yang-zhang")[0] == pytest.approx(np.sqrt(365 * zhang))


def test_a_day_that_lacks_a_bar_is_left_out(tmp_path: Path) -> None:
    history = histories(tmp_path, closes([0.6], [[1.0]], days=40), ["BTC"])[0]
    table = pd.read_csv(history.path).drop(index=[24 * 10 + 5, 24 * 20 + 23])
    table.to_csv(tmp_path / "BTC.csv", index=False)
    days = np.arange("2021-01-02", "2021-02-10", dtype="datetime64[D]")
    whole = ~np.isnan(daily_ranges([read_history(tmp_path / "BTC.csv")], days)).any(axis=(1, 2))
    # Days 10 and 20 after the first lack a bar, and day 21 has no close before it.
    assert np.flatnonzero(~whole).tolist() == [9, 19, 20]
    with pytest.raises(InputError, match="days with all their bars"):
        calibrate(
            [read_history(tmp_path / "BTC.csv")],
            "gbm",
            since=days[2].item(),
            until=days[33].item(),
            choices=DailyChoices("parkinson"),
        )


def plain_intensity(rows: np.ndarray) -> float:
    """The published formulas, sum by sum [Ledoit and Wolf 2004, appendix B]."""
    count, size = rows.shape
    x = rows - rows.mean(axis=0)
    s = [[sum(x[t, i] * x[t, j] for t in range(count)) / count for j in range(size)] for i in range(size)]
    pairs = [s[i][j] / (s[i][i] * s[j][j]) ** 0.5 for i in range(size) for j in range(i + 1, size)]
    mean = 2 / ((size - 1) * size) * sum(pairs)
    pi = rho = gamma = 0.0
    for i, j in product(range(size), repeat=2):
        pi_ij = sum((x[t, i] * x[t, j] - s[i][j]) ** 2 for t in range(count)) / count
        pi += pi_ij
        if i == j:
            rho += pi_ij
            continue
        gamma += (mean * (s[i][i] * s[j][j]) ** 0.5 - s[i][j]) ** 2
        theta_i = sum((x[t, i] ** 2 - s[i][i]) * (x[t, i] * x[t, j] - s[i][j]) for t in range(count)) / count
        theta_j = sum((x[t, j] ** 2 - s[j][j]) * (x[t, i] * x[t, j] - s[i][j]) for t in range(count)) / count
        rho += mean / 2 * ((s[j][j] / s[i][i]) ** 0.5 * theta_i + (s[i][i] / s[j][j]) ** 0.5 * theta_j)
    return float(max(0.0, min((pi - rho) / gamma / count, 1.0)))


CORRELATION = [[1.0, 0.8, 0.3, 0.6], [0.8, 1.0, 0.4, 0.5], [0.3, 0.4, 1.0, 0.2], [0.6, 0.5, 0.2, 1.0]]


def drawn(days: int, correlation: list[list[float]], seed: int = 7) -> np.ndarray:
    normals = np.random.default_rng(seed).standard_normal((days, 4)) @ np.linalg.cholesky(np.array(correlation)).T
    return np.asarray(normals * [0.02, 0.03, 0.05, 0.01])


@pytest.mark.parametrize("days", [60, 80, 200])
def test_the_intensity_is_the_published_one(days: int) -> None:
    rows = drawn(days, CORRELATION)
    found = shrinkage_intensity(rows)
    assert 0.0 < found < 1.0
    assert found == pytest.approx(plain_intensity(rows), rel=1e-9)
    # A missing day is left out.
    assert shrinkage_intensity(np.vstack([rows, [np.nan, 0.1, 0.1, 0.1]])) == pytest.approx(found)


def test_shrinking_brings_a_short_sample_nearer_to_the_truth() -> None:
    # Oracle: the correlations that were drawn, 0.6 each: drawing towards their mean must help; over 200 samples.
    alike = [[1.0 if i == j else 0.6 for j in range(4)] for i in range(4)]
    before, after = 0.0, 0.0
    for seed in range(200):
        rows = drawn(40, alike, seed)
        sample = np.corrcoef(rows.T)
        before += float(((sample - alike) ** 2).sum())
        after += float(((shrunk_correlation(sample, shrinkage_intensity(rows)) - alike) ** 2).sum())
    assert after < 0.8 * before
    # Control: many days of unlike pairs leave the sample where it is.
    assert shrinkage_intensity(drawn(5000, CORRELATION)) < 0.05


def test_shrinking_by_hand() -> None:
    # The mean of 0.8, 0.2 and 0.5 is 0.5; a quarter of the way there.
    given = np.array([[1.0, 0.8, 0.2], [0.8, 1.0, 0.5], [0.2, 0.5, 1.0]])
    moved = shrunk_correlation(given, 0.25)
    np.testing.assert_allclose(moved[[0, 0, 1], [1, 2, 2]], [0.725, 0.275, 0.5])
    assert shrinkage_intensity(drawn(50, CORRELATION)[:, :2]) == 0.0


def test_both_are_said_on_the_screen_and_in_the_file(tmp_path: Path) -> None:
    names = ["BTC", "ETH", "SOL"]
    three = [row[:3] for row in CORRELATION[:3]]
    read = histories(tmp_path, closes([0.6, 0.8, 1.0], three, days=80), names)
    fit = calibrate(read, "gbm", choices=DailyChoices("garman-klass", shrinkage=True))
    document = tomllib.loads(calibration_toml(fit, "x"))["history"]
    assert "garman-klass from highs and lows" in document["method"]
    assert "drawn towards their mean" in document["method"]
    assert any("from closes they would be" in remark for remark in document["remarks"])
    assert "Correlations are drawn towards their mean by the share 0." in calibration_summary(fit)
    # Closed bounds: shrinking moves the pairs towards each other.
    above = np.triu_indices(3, 1)
    assert np.ptp(fit.estimate.correlation[above]) < np.ptp(calibrate(read, "gbm").estimate.correlation[above])
    with pytest.raises(InputError, match="does not measure volatilities and correlations by the day"):
        calibrate(read, "bootstrap", choices=DailyChoices(shrinkage=True))
    with pytest.raises(InputError, match="no volatility is called"):
        calibrate(read, "gbm", choices=DailyChoices("close-close"))
