from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_t

from stresslab.calibration.degrees_of_freedom import fit_degrees_of_freedom
from stresslab.calibration.fitting import Calibration, calibrate
from stresslab.calibration.history import History, read_history
from stresslab.calibration.returns import bar_returns, daily_returns
from stresslab.documents.faults import InputError
from stresslab.market.models import MODELS
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


def test_a_singular_matrix_is_made_safe_and_not_called_a_misfit(tmp_path: Path) -> None:
    # One asset under two names: the eigenvalues are 2 and 0, and the floor of two assets is 2e-4.
    prices = np.repeat(closes([0.6], [[1]], days=60), 2, axis=1)
    fit = calibrate(histories(tmp_path, prices, ["BTC", "WBTC"]), "gbm")
    assert fit.estimate.repair.smallest_eigenvalue == pytest.approx(0, abs=1e-12)
    # Off the diagonal 1 becomes 1 - 2e-4, twice: sqrt(2) x 2e-4.
    assert fit.estimate.repair.distance == pytest.approx(2e-4 * np.sqrt(2), rel=1e-6)
    assert any("made safe for rounding, which moved them by 0.00028" in remark for remark in fit.remarks)
    assert not any("did not fit together" in remark for remark in fit.remarks)


def pegged(folder: Path, moves: dict[int, float]) -> list[History]:
    """A hundred days of a random walk, and a price of 1 but for some days, by hourly bars."""
    peg = np.ones(100 * 24)
    for day, price in moves.items():
        peg[day * 24 : (day + 1) * 24] = price
    return histories(folder, np.column_stack([closes([0.6], [[1]], days=100)[:, 0], peg]), ["BTC", "USDC"])


@pytest.mark.parametrize("model", ["gbm", "student_t"])
def test_a_price_that_moves_once_leaves_a_replicate_out(tmp_path: Path, model: str) -> None:
    fit = calibrate(pegged(tmp_path, {50: 0.99}), model)
    # The closed form: two returns of -+ log 0.99 in 99 days, of mean 0.
    spread = np.log(0.99) * np.sqrt(2 / 98 * 365)
    assert fit.estimate.volatilities[1] == pytest.approx(-spread, rel=1e-9)
    figures = [fit.standard_errors.volatilities, fit.standard_errors.correlation, fit.estimate.correlation]
    assert all(np.isfinite(figure).all() for figure in figures)
    # 99 days in 40 blocks: days 50 and 51 are the returns 49 and 50, both in the block of returns 49 and 50.
    blocks = np.array_split(np.arange(99), 40)
    assert any({49, 50} <= set(block) for block in blocks)
    assert any("USDC" in remark and "leave out 1 of" in remark for remark in fit.remarks)
    # The negative control: a second move elsewhere, and no replicate stands still.
    (tmp_path / "b").mkdir()
    assert not any(
        "leave out" in remark for remark in calibrate(pegged(tmp_path / "b", {20: 0.98, 50: 0.99}), model).remarks
    )


@pytest.mark.parametrize("model", ["gbm", "student_t"])
def test_a_price_that_stands_still_on_shared_days_is_a_fault(tmp_path: Path, model: str) -> None:
    # USDC moves on day 50 alone, whose closes BTC lacks.
    read = pegged(tmp_path, {50: 0.99})
    table = pd.read_csv(read[0].path).drop(index=range(50 * 24, 51 * 24))
    table.to_csv(read[0].path, index=False)
    with pytest.raises(InputError) as caught:
        calibrate([read_history(read[0].path), read[1]], model)
    (fault,) = caught.value.faults
    assert fault.path == read[1].path
    assert fault.problem.startswith(
        "USDC does not move on the days that it shares with BTC in the window, 2021-01-02 to 2"
    )


def test_lowest_degrees_of_freedom_are_those_of_the_model() -> None:
    # Every other day still, and one day of a huge move: the tails are as fat as can be.
    returns = np.full((200, 1), 1e-4) * (-1.0) ** np.arange(200)[:, None]
    returns[7] = 5.0
    degrees = fit_degrees_of_freedom(returns, np.eye(1))
    assert degrees < 2.6
    MODELS["student_t"].parameters.model_validate({"degrees_of_freedom": round(degrees, 3)})


FAULTY = [
    ({"days": 20}, "19 daily returns in the window"),
    ({"days": 1}, "fewer than two ends of a day"),
    ({"second": "2022-01-01"}, "no overlap"),
    ({"second": "2021-02-20"}, "daily returns in the window"),
    ({"since": dt.date(2030, 1, 1)}, "no history in the window"),
    ({"name": "BTC"}, "BTC is also the asset of"),
    ({"model": "paths"}, "no market model 'paths'"),
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
