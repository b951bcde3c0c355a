from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_t

from stresslab.calibration.fitting import Calibration, calibrate, fit_degrees_of_freedom
from stresslab.calibration.history import read_history
from stresslab.calibration.returns import bar_returns, daily_returns
from stresslab.documents.faults import InputError
from tests.calibration.simulated import closes, frame, histories

VOLATILITIES = [0.6, 0.8, 1.2]
CORRELATION = [[1.0, 0.8, 0.6], [0.8, 1.0, 0.5], [0.6, 0.5, 1.0]]
NAMES = ["BTC", "ETH", "SOL"]
DEGREES = 4.5
DAYS = 1500


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    prices = closes(VOLATILITIES, CORRELATION, days=DAYS, degrees_of_freedom=DEGREES)
    return calibrate(histories(tmp_path_factory.mktemp("student"), prices, NAMES), "student_t")


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    prices = closes(VOLATILITIES, CORRELATION, days=DAYS)
    return calibrate(histories(tmp_path_factory.mktemp("normal"), prices, NAMES), "gbm")


def test_the_parameters_of_a_normal_market_are_recovered(normal: Calibration) -> None:
    # Closed form for normal returns: standard errors sigma / sqrt(2 n) and (1 - rho^2) / sqrt(n).
    error = np.array(VOLATILITIES) / np.sqrt(2 * DAYS)
    miss = np.abs(normal.estimate.volatilities - VOLATILITIES) / error
    assert miss.max() < 4
    correlation = np.array(CORRELATION)
    correlation_error = (1 - correlation**2 + np.eye(3)) / np.sqrt(DAYS)
    assert (np.abs(normal.estimate.correlation - correlation) / correlation_error).max() < 4
    assert normal.estimate.parameters == {}
    # Hourly bars hold 24 times the days.
    assert (np.abs(normal.bar_volatilities - VOLATILITIES) / error).max() < 4 / np.sqrt(24)
    # Negative control: a year of 252 days would be found out.
    wrong = normal.estimate.volatilities * np.sqrt(252 / 365)
    assert (np.abs(wrong - VOLATILITIES) / error).min() > 4


def test_the_jackknife_agrees_with_the_closed_form_standard_errors(normal: Calibration) -> None:
    # The jackknife over 40 blocks is itself known to about 1 / sqrt(2 * 39) = 11 %.
    ratio = normal.standard_errors.volatilities / (np.array(VOLATILITIES) / np.sqrt(2 * DAYS))
    np.testing.assert_allclose(ratio, 1, rtol=0, atol=4 * 0.113)
    above = np.triu_indices(3, 1)
    closed = (1 - np.array(CORRELATION)[above] ** 2) / np.sqrt(DAYS)
    np.testing.assert_allclose(normal.standard_errors.correlation[above] / closed, 1, rtol=0, atol=4 * 0.113)


def test_the_parameters_of_a_student_market_are_recovered(student: Calibration) -> None:
    errors = student.standard_errors
    assert (np.abs(student.estimate.volatilities - VOLATILITIES) / errors.volatilities).max() < 4
    above = np.triu_indices(3, 1)
    distance = np.abs(student.estimate.correlation - CORRELATION)[above]
    assert (distance / errors.correlation[above]).max() < 4
    degrees, error = student.estimate.parameters["degrees_of_freedom"], errors.parameters["degrees_of_freedom"]
    assert abs(degrees - DEGREES) < 4 * error
    # The error must say something: the information in 1,500 days tells 4.5 from 3 and from 8.
    assert 0.05 < error < 0.6
    # Fat tails widen the errors of volatilities: with kurtosis 3 + 6 / (nu - 4) = 15 the normal's are too small.
    assert (errors.volatilities > 1.2 * np.array(VOLATILITIES) / np.sqrt(2 * DAYS)).all()


def test_normal_returns_have_no_fat_tails() -> None:
    returns = np.diff(np.log(closes(VOLATILITIES, CORRELATION, days=DAYS, bars_a_day=1)), axis=0)
    assert fit_degrees_of_freedom(returns, np.array(CORRELATION)) > 50


def test_the_likelihood_is_that_of_scipy() -> None:
    # scipy's density of the multivariate t on a grid of degrees, scaled to unit variance: an independent maximum.
    returns = np.diff(np.log(closes(VOLATILITIES, CORRELATION, days=400, degrees_of_freedom=4, bars_a_day=1)), axis=0)
    standard = (returns - returns.mean(axis=0)) / returns.std(axis=0)
    grid = np.arange(2.5, 8, 0.02)
    shape = np.array(CORRELATION)
    likelihood = [multivariate_t.logpdf(standard, shape=shape * (nu - 2) / nu, df=nu).sum() for nu in grid.tolist()]
    assert fit_degrees_of_freedom(returns, shape) == pytest.approx(grid[np.argmax(likelihood)], abs=0.02)


def test_a_direction_without_variance_is_left_out() -> None:
    # Two copies of one asset carry the same information as one: the joint fit is the fit of the one.
    returns = np.diff(np.log(closes([0.6], [[1.0]], days=800, degrees_of_freedom=4, bars_a_day=1)), axis=0)
    single = fit_degrees_of_freedom(returns, np.eye(1))
    assert fit_degrees_of_freedom(np.hstack([returns, returns]), np.ones((2, 2))) == pytest.approx(single, rel=1e-5)


def test_no_return_is_taken_across_a_gap(tmp_path: Path) -> None:
    close = closes([0.6], [[1.0]], days=200)[:, 0]
    jumped = np.concatenate([close[:2400], 1.5 * close[2400:]])
    table = frame(jumped)
    # The jump lies between bars 2399 and 2400, at a midnight; the outage hides the bars around it.
    table.drop(index=range(2395, 2406)).to_csv(tmp_path / "BTC.csv", index=False)
    history = read_history(tmp_path / "BTC.csv")
    assert [gap.bars for gap in history.gaps] == [11]
    returns = bar_returns(history)
    assert len(returns) == 4800 - 11 - 2
    assert np.abs(returns).max() < np.log(1.5) / 2
    daily = daily_returns([history], None, None)
    # The close of 2021-04-10 (bar 2399) is missing, and with it the returns of that day and the next.
    assert [str(day) for day in daily.days[np.isnan(daily.values[:, 0])]] == ["2021-04-10", "2021-04-11"]
    assert np.nanmax(np.abs(daily.values)) < 0.2
    # Negative control: filled forward, the jump would be the largest return of the history.
    filled = pd.Series(jumped).mask(lambda s: (s.index >= 2395) & (s.index < 2406)).ffill().to_numpy()
    assert np.abs(np.diff(np.log(filled))).max() > 0.3


def test_an_outage_within_a_day_leaves_the_return_of_the_day(tmp_path: Path) -> None:
    close = closes([0.6], [[1.0]], days=40)[:, 0]
    frame(close).drop(index=range(100, 110)).to_csv(tmp_path / "BTC.csv", index=False)
    daily = daily_returns([read_history(tmp_path / "BTC.csv")], None, None)
    assert len(daily.days) == 39
    np.testing.assert_allclose(daily.values[:, 0], np.log(close[47::24] / close[23:-24:24]), rtol=1e-10)


def test_daily_and_four_hourly_bars_give_the_same_daily_figures(tmp_path: Path) -> None:
    prices = closes(VOLATILITIES, CORRELATION, days=120)
    fits = []
    for hours in (1, 4, 24):
        folder = tmp_path / str(hours)
        folder.mkdir()
        fits.append(calibrate(histories(folder, prices[hours - 1 :: hours], NAMES, hours), "gbm").estimate)
    for fit in fits[1:]:
        np.testing.assert_allclose(fit.volatilities, fits[0].volatilities, rtol=1e-10)
        np.testing.assert_allclose(fit.correlation, fits[0].correlation, rtol=1e-10)


def test_the_window_is_the_days_that_all_histories_cover_or_the_part_asked_for(tmp_path: Path) -> None:
    prices = closes(VOLATILITIES, CORRELATION, days=100)
    read = histories(tmp_path, prices, NAMES)
    frame(prices[240:, 2], start="2021-01-11").to_csv(tmp_path / "SOL_1h.csv", index=False)
    read[2] = read_history(tmp_path / "SOL_1h.csv")
    whole = calibrate(read, "gbm")
    # SOL's first close of a day is that of 11 January, its last that of 10 April, the hundredth day of 2021.
    assert (whole.since, whole.until, whole.days) == (dt.date(2021, 1, 12), dt.date(2021, 4, 10), 89)
    part = calibrate(read, "gbm", since=dt.date(2021, 2, 1), until=dt.date(2021, 3, 31))
    assert (part.since, part.until, part.days) == (dt.date(2021, 2, 1), dt.date(2021, 3, 31), 28 + 31)
    returns = np.diff(np.log(prices[23::24, 0]))[30 : 30 + 59]
    assert part.estimate.volatilities[0] == pytest.approx(returns.std(ddof=1) * np.sqrt(365), rel=1e-10)
    early = calibrate(read, "gbm", since=dt.date(2020, 1, 1))
    assert early.since == whole.since
    assert any("was to begin 2020-01-01" in remark for remark in early.remarks)


def test_pairs_that_do_not_fit_together_are_repaired_and_said_so(tmp_path: Path) -> None:
    # Three thirds of the window, in each of which one asset has no bars: every pair is estimated on its own
    # third, A and B alike, B and C alike, A and C opposite, which no three variables can be.
    generator = np.random.default_rng(3)
    days, third = 180, 60
    core = generator.standard_normal((days, 3)) * 0.03
    core[:third, 1] = core[:third, 0]
    core[third : 2 * third, 2] = core[third : 2 * third, 1]
    core[2 * third :, 2] = -core[2 * third :, 0]
    read = []
    for column, (name, absent) in enumerate(
        {"A": range(third, 2 * third), "B": range(2 * third, days), "C": range(third)}.items()
    ):
        close = 100 * np.exp(np.cumsum(core[:, column]))
        table = frame(close, hours=24).drop(index=[day for day in absent if day not in (0, days - 1)])
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        read.append(read_history(tmp_path / f"{name}.csv"))
    fit = calibrate(read, "gbm")
    # Correlations 1, 1, -1: eigenvalues 2, 2, -1.
    assert fit.estimate.repair.smallest_eigenvalue == pytest.approx(-1, abs=0.1)
    assert fit.estimate.repair.distance > 0.5
    assert np.linalg.eigvalsh(fit.estimate.correlation.round(4))[0] > 0
    assert any("did not fit together" in remark for remark in fit.remarks)


FAULTY = [
    ({"days": 20}, "19 daily returns in the window"),
    ({"days": 1}, "fewer than two ends of a day"),
    ({"second": "2022-01-01"}, "no overlap"),
    ({"second": "2021-02-20"}, "daily returns in the window"),
    ({"since": dt.date(2030, 1, 1)}, "no history in the window"),
    ({"name": "BTC"}, "BTC is also the asset of"),
    ({"model": "heston"}, "no market model 'heston'"),
    ({"still": 30}, "never moves in the window"),
]


@pytest.mark.parametrize(("case", "words"), FAULTY)
def test_histories_that_cannot_be_calibrated(tmp_path: Path, case: dict[str, object], words: str) -> None:
    prices = closes([0.6, 0.8], [[1, 0.5], [0.5, 1]], days=int(str(case.get("days", 80))))
    if "still" in case:
        prices[30 * 24 :, 0] = 50.0
    (tmp_path / "second").mkdir()
    first, second = tmp_path / "BTC_1h.csv", tmp_path / "second" / f"{case.get('name', 'ETH')}_1h.csv"
    frame(prices[:, 0]).to_csv(first, index=False)
    frame(prices[:, 1], start=str(case.get("second", "2021-01-01"))).to_csv(second, index=False)
    since = case.get("since", dt.date(2021, 2, 5) if "still" in case else None)
    assert since is None or isinstance(since, dt.date)
    with pytest.raises(InputError, match=words) as caught:
        calibrate([read_history(first), read_history(second)], str(case.get("model", "gbm")), since=since)
    assert all(fault.remedy for fault in caught.value.faults)


def test_no_history_is_a_fault() -> None:
    with pytest.raises(InputError, match="no history is given"):
        calibrate([], "gbm")
