"""Models that draw bars of the past: what is drawn, how it is filtered, and what their files must hold."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import math

import numpy as np
import pytest

import stresslab as sl
from stresslab.documents.faults import InputError
from stresslab.market.bar_rows import BarRows, filtered_variances, standardized
from stresslab.market.models import MODELS
from stresslab.scenario.resolution import identity, resolved
from stresslab.simulation.run import simulate
from tests.market.walks import DRIFTS, HOUR, VOLATILITIES, end, market, walk
from tests.scenario.files import CALIBRATION, INLINE, SCENARIO, edited, write

FILES = {"histories": {"BTC": "BTC_1h.csv", "ETH": "ETH_1h.csv"}}
WEIGHTS = {"alpha": {"BTC": 0.08, "ETH": 0.05}, "gamma": 0.04, "beta": 0.85}


def history(count=500, seed=3):
    """Bars with fat tails, correlated, and wicks beyond their ends."""
    draw = np.random.default_rng(seed)
    returns = 0.01 * draw.standard_t(4.0, (count, 2)) @ np.array([[1.0, 0.7], [0.0, 0.8]]) + 0.0005
    lows = np.minimum(returns, 0.0) - 0.004 * draw.exponential(size=returns.shape)
    highs = np.maximum(returns, 0.0) + 0.004 * draw.exponential(size=returns.shape)
    return BarRows(returns, lows, highs, HOUR, {})


def filtered(rows, **extra):
    return market("filtered_history", history=rows, **FILES, **{**WEIGHTS, "mean_block": "12h", **extra})


def plain_variances(returns, alpha, gamma, beta):
    """M37 by hand for one asset, in units of its mean variance."""
    unit = [(value - returns.mean()) / returns.std() for value in returns]
    variance, found = 1.0, []
    for z in unit:
        found.append(variance)
        omega = 1.0 - alpha - gamma / 2.0 - beta
        variance = omega + (alpha + (gamma if z < 0.0 else 0.0)) * z * z + beta * variance
    return np.array(found), variance


def test_the_filter_is_m37():
    rows = history()
    weights = [np.array([0.08, 0.05]), np.array([0.04, 0.04]), np.array([0.85, 0.85])]
    found = filtered_variances(rows.returns, *weights)
    for asset in range(2):
        expected, last = plain_variances(rows.returns[:, asset], *(float(weight[asset]) for weight in weights))
        np.testing.assert_allclose(found[:-1, asset], expected, rtol=1e-12)
        assert found[-1, asset] == pytest.approx(last, rel=1e-12)
    assert found.std() > 0.1


def test_rows_are_standardized_whole():
    rows = history()
    ones = np.ones_like(rows.returns)
    unit = standardized(rows, ones)
    np.testing.assert_allclose(unit[:, :2].mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(unit[:, :2].std(axis=0), 1.0, rtol=1e-12)
    # Extremes in the same unit.
    np.testing.assert_allclose(unit[:, 2:4], rows.lows / rows.returns.std(axis=0), rtol=1e-9)
    np.testing.assert_allclose(unit[:, 4:], rows.highs / rows.returns.std(axis=0), rtol=1e-9)
    # A row of four times the variance shrinks to half.
    ones[0] = 4.0
    halved = standardized(rows, ones)
    spread = (rows.returns - rows.returns.mean(axis=0))[1:].std(axis=0) / rows.returns[1:].std(axis=0)
    np.testing.assert_allclose(halved[0, 2:] / unit[0, 2:], 0.5 * np.tile(spread, 2), rtol=0.05)


def test_given_the_same_noise_a_plain_twin_draws_the_same_bars():
    rows = history()
    specification = filtered(rows)
    walked = walk(specification, 120, HOUR, paths=32, keep=True)
    means, spreads = rows.returns.mean(axis=0), rows.returns.std(axis=0)
    weights = [(0.08, 0.04, 0.85), (0.05, 0.04, 0.85)]
    before = [plain_variances(rows.returns[:, i], *weights[i]) for i in range(2)]
    restarts = 0
    for path in range(32):
        row, log_price = None, [0.0, 0.0]
        variance = [before[i][1] * VOLATILITIES[i] ** 2 for i in range(2)]
        for index, (draws, market_step) in enumerate(zip(walked.noise, walked.steps, strict=True)):
            begin, place = (float(values[path]) for values in draws.shared)
            if row is None or begin < 1.0 / 12.0:
                row = math.floor(place * 500)
                restarts += 1
            else:
                row = (row + 1) % 500
            for i, (sigma, mu) in enumerate(zip(VOLATILITIES, DRIFTS, strict=True)):
                residuals = (rows.returns[:, i] - means[i]) / np.sqrt(before[i][0])
                z = (residuals[row] - residuals.mean()) / residuals.std()
                deviation = math.sqrt(variance[i] * HOUR / 365.0)
                unit = math.sqrt(before[i][0][row]) * residuals.std()
                start = log_price[i]
                log_price[i] += (mu - sigma**2 / 2) * HOUR / 365.0 + deviation * z
                low = min(start, log_price[i], start + deviation * rows.lows[row, i] / unit)
                high = max(start, log_price[i], start + deviation * rows.highs[row, i] / unit)
                assert walked.log_price[index, i, path] == pytest.approx(log_price[i], abs=2e-5)
                assert market_step.deviation[i, path] == pytest.approx(deviation, rel=2e-4)
                assert market_step.low_log_price[i, path] == pytest.approx(low, abs=2e-5)
                assert market_step.high_log_price[i, path] == pytest.approx(high, abs=2e-5)
                alpha, gamma, beta = weights[i]
                rate = z * z * variance[i]
                omega = (1.0 - alpha - gamma / 2.0 - beta) * sigma**2
                variance[i] = omega + (alpha + gamma * (z < 0.0)) * rate + beta * variance[i]
        assert spreads.min() > 0.0
    # One block in twelve bars: 32 paths of 120 steps begin 32 + 32 * 119 / 12, about 349, with a deviation of 17.
    assert abs(restarts - 32 - 32 * 119 / 12) < 4 * 17.1


def test_the_bootstrap_keeps_the_autocovariance_of_m39():
    # Lag k: (1 - 1/l)^k times the circular one of the history. A history that alternates has it large: l = 4.
    rows = history(400)
    alternating = rows.returns * 0.3 + 0.01 * np.where(np.arange(400) % 2, 1.0, -1.0)[:, None]
    rows = BarRows(alternating, np.minimum(alternating, 0.0), np.maximum(alternating, 0.0), HOUR, {})
    z = (alternating - alternating.mean(axis=0)) / alternating.std(axis=0)
    paths = 1 << 17
    specification = market("bootstrap", history=rows, mean_block="4h", **FILES)
    walked = walk(specification, 4, HOUR, paths=paths, keep=True)
    drift = (np.array(DRIFTS) - np.array(VOLATILITIES) ** 2 / 2) * HOUR / 365.0
    unit = np.array(VOLATILITIES) * math.sqrt(HOUR / 365.0)
    moves = np.diff(walked.log_price, axis=0, prepend=0.0)
    moves = (moves - drift[None, :, None]) / unit[None, :, None]
    for lag in (1, 2, 3):
        circular = (z * np.roll(z, -lag, axis=0)).mean(axis=0)
        for asset in range(2):
            product = moves[0, asset] * moves[lag, asset]
            error = product.std() / math.sqrt(paths)
            assert abs(product.mean() - 0.75**lag * circular[asset]) < 4 * error
            assert abs(product.mean() - circular[asset]) > 10 * error


def test_bootstrap_has_the_stated_volatility_and_whole_rows():
    rows = history()
    specification = market("bootstrap", history=rows, mean_block="1h", **FILES)
    paths = 1 << 16
    walked = walk(specification, 1, HOUR, paths=paths, keep=True)
    for asset, (sigma, mu) in enumerate(zip(VOLATILITIES, DRIFTS, strict=True)):
        x = walked.log_price[0, asset]
        mean, spread = (mu - sigma**2 / 2) * HOUR / 365.0, sigma * math.sqrt(HOUR / 365.0)
        assert abs(x.mean() - mean) < 4 * spread / math.sqrt(paths)
        square = ((x - mean) / spread) ** 2
        assert abs(square.mean() - 1.0) < 4 * square.std() / math.sqrt(paths)
    # Both assets of one hour: as many different pairs as rows, and the history's own correlation.
    assert len(np.unique(np.round(walked.log_price[0], 7), axis=1).T) <= 500
    found = np.corrcoef(walked.log_price[0])[0, 1]
    assert found == pytest.approx(rows.correlation[0, 1], abs=0.02)
    step = walked.steps[0]
    assert (step.factor @ step.factor.T)[0, 1] == pytest.approx(rows.correlation[0, 1], abs=1e-6)
    assert abs(rows.correlation[0, 1] - 0.6) > 0.02


def test_without_weights_the_filter_is_the_bootstrap():
    rows = history()
    none = {"alpha": 0.0, "gamma": 0.0, "beta": 0.0}
    flat = walk(filtered(rows, **none), 50, HOUR, paths=256).log_price
    plain = walk(market("bootstrap", history=rows, mean_block="12h", **FILES), 50, HOUR, paths=256).log_price
    np.testing.assert_allclose(flat, plain, rtol=0, atol=1e-6)
    assert np.abs(flat - walk(filtered(rows), 50, HOUR, paths=256).log_price).max() > 1e-3


def test_filtered_variance_keeps_its_long_run_mean():
    # From the mean itself, with independent rows, E[v] stays where it is if E[z^2; z < 0] = 1/2; without gamma always.
    specification = filtered(history(), gamma=0.0, mean_block="1h", start_volatility={"BTC": 0.8, "ETH": 0.5})
    _, state = end(specification, 100, HOUR, paths=1 << 16)
    for asset, sigma in enumerate(VOLATILITIES):
        variance = np.asarray(state.variance[asset], np.float64)
        assert abs(variance.mean() - sigma**2) < 4 * variance.std() / 256.0


# Files


def bars(path, count=400, *, seed=0, skip=(), start=dt.datetime(2026, 1, 1), hours=1, still_from=None):
    """A CSV of bars; ``skip`` names the ones that are missing."""
    draw = np.random.default_rng(seed)
    price = 100.0
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["ts", "open", "high", "low", "close"])
        for index in range(count):
            close = (
                price
                if still_from is not None and index >= still_from
                else price * math.exp(0.01 * draw.standard_normal())
            )
            if index not in skip:
                time = (start + dt.timedelta(hours=hours * index)).isoformat() + "Z"
                writer.writerow([time, price, max(price, close) * 1.001, min(price, close) * 0.999, close])
            price = close
    return path


def scenario_text(lines, *edits):
    inline = SCENARIO[SCENARIO.index("[market.correlation]") : SCENARIO.index("[[configuration]]")]
    return edited(SCENARIO, ('model = "gbm"', lines), (inline, ""), ("100_000", "1024"), ("90d", "10d"), *edits)


LINES = """model = "filtered_history"
histories = { BTC = "BTC.csv", ETH = "ETH.csv" }
alpha = 0.05
beta = 0.9"""


PARTS = LINES.replace("filtered_history", "component_history").removesuffix("alpha = 0.05\nbeta = 0.9")


def test_a_scenario_names_its_histories(tmp_path):
    bars(tmp_path / "BTC.csv", skip=(50, 51))
    bars(tmp_path / "ETH.csv", seed=1, skip=(200,))
    text = scenario_text(LINES, ("volatility = 0.78\n", ""))
    scenario = sl.read_scenario(write(tmp_path, scenario=text))
    rows = scenario.market.history
    assert rows is not None
    # 400 bars and so 399 returns; two missing bars in a row take three of them, one takes two.
    assert rows.returns.shape == (399 - 3 - 2, 2)
    # What the scenario states is kept, what it leaves out is the history's.
    assert scenario.market.volatilities.tolist() == [0.62, rows.volatilities[1]]
    assert rows.volatilities[1] == pytest.approx(0.01 * math.sqrt(8760.0), rel=0.15)
    np.testing.assert_array_equal(scenario.market.correlation, rows.correlation)
    hashes = {asset: hashlib.sha256((tmp_path / f"{asset}.csv").read_bytes()).hexdigest() for asset in ("BTC", "ETH")}
    assert resolved(scenario)["market"]["history"] == hashes
    before = identity(scenario)
    bars(tmp_path / "ETH.csv", seed=2, skip=(200,))
    assert identity(sl.read_scenario(tmp_path / "scenario.toml")) != before
    outcomes = simulate(scenario)
    assert not outcomes.failed.any()
    assert 0.01 < (outcomes.liquidation_step[0] <= outcomes.steps).mean() < 0.99


def test_lows_of_bars_reach_barriers_that_their_ends_do_not(tmp_path):
    # The same history without its wicks must liquidate less.
    bars(tmp_path / "BTC.csv")
    bars(tmp_path / "ETH.csv", seed=1)
    scenario = sl.read_scenario(
        write(
            tmp_path,
            scenario=scenario_text(
                LINES.replace("filtered_history", "bootstrap").replace("alpha = 0.05\nbeta = 0.9", 'mean_block = "6h"')
            ),
        )
    )
    with_wicks = simulate(scenario).required_collateral
    rows = scenario.market.history
    assert rows is not None
    flat = BarRows(rows.returns, np.minimum(rows.returns, 0.0), np.maximum(rows.returns, 0.0), rows.bar, rows.hashes)
    object.__setattr__(scenario.market, "history", flat)
    without = simulate(scenario).required_collateral
    single = 0
    assert np.all(with_wicks[single] >= without[single] - 1e-3)
    assert (with_wicks[single] > without[single] + 1.0).mean() > 0.9


def test_faults_of_histories_are_placed(tmp_path):
    bars(tmp_path / "BTC.csv")
    bars(tmp_path / "ETH.csv", seed=1, hours=2)
    bars(tmp_path / "late.csv", start=dt.datetime(2026, 1, 16))
    bars(tmp_path / "still.csv", count=600, still_from=355)
    both = '{ BTC = "BTC.csv", ETH = "ETH.csv" }'
    cases = {
        (LINES,): 'the history of "ETH" has bars of 2h, not of 1h',
        (LINES.replace(both, '{ BTC = "BTC.csv" }'),): '`histories` lacks "ETH", which the book needs; add its file',
        (LINES.replace("ETH.csv", "late.csv"),): "the histories share 39 bars, fewer than 100",
        (LINES.replace("BTC.csv", "late.csv").replace("ETH.csv", "still.csv"),): 'the price of "ETH" never moves',
        (LINES.replace("ETH.csv", "none.csv"),): "none.csv",
        (LINES + '\nmean_block = "30m"',): "blocks of 30m are shorter than a bar of 1h",
        (LINES.replace("0.9", "0.97"),): "alpha + gamma / 2 + beta is 1.02",
        (PARTS + "fast_weight = 0.6\nslow_weight = 0.4",): "the weights sum to 1, so the variance has no level",
        (PARTS + 'slow_half_life = "1d"',): "a slow half-life of 1d is not longer than the fast one of 1d",
        (LINES.replace("ETH.csv", "BTC.csv"), ('step = "1h"', 'step = "2h"')): "every step draws one bar of 1h",
    }
    for (lines, *edits), message in cases.items():
        with pytest.raises(InputError) as error:
            sl.read_scenario(write(tmp_path, scenario=scenario_text(lines, *edits)))
        told = [str(fault) for fault in error.value.faults]
        assert sum(message in line for line in told) == 1, (message, told)


def test_a_correlation_beside_histories_is_told_to_be_unused(tmp_path):
    bars(tmp_path / "BTC.csv")
    bars(tmp_path / "ETH.csv", seed=1)
    text = edited(SCENARIO, ('model = "gbm"', LINES))
    notices = [str(notice) for notice in sl.read_scenario(write(tmp_path, scenario=text)).notices]
    assert sum("bring their own correlation" in notice for notice in notices) == 1
    assert "filtered_history" in MODELS


def test_a_calibration_names_histories_beside_itself(tmp_path):
    (tmp_path / "fits").mkdir()
    bars(tmp_path / "fits" / "BTC.csv")
    bars(tmp_path / "fits" / "ETH.csv", seed=1)
    calibration = edited(
        CALIBRATION,
        ('model = "student_t"', 'model = "filtered_history"'),
        ("degrees_of_freedom = 4.0", LINES.removeprefix('model = "filtered_history"\n')),
    )
    (tmp_path / "fits" / "history.toml").write_text(calibration)
    text = edited(
        SCENARIO,
        (INLINE, ""),
        ('model = "gbm"', 'model = "filtered_history"\ncalibration = "fits/history.toml"'),
    )
    scenario = sl.read_scenario(write(tmp_path, scenario=text))
    assert scenario.market.history is not None
    assert scenario.market.history.returns.shape == (399, 2)
    assert scenario.market.volatilities.tolist() == [0.6, 0.8]
    assert scenario.market.extra["beta"] == 0.9
    # The control: beside the scenario there are no such files.
    (tmp_path / "fits" / "ETH.csv").rename(tmp_path / "ETH.csv")
    with pytest.raises(InputError) as error:
        sl.read_scenario(tmp_path / "scenario.toml")
    assert "ETH.csv" in str(error.value.faults[0])
