"""The model whose volatility has a fast part, a slow part and a level: its filter, its draws, its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stresslab.market import component_history
from stresslab.market.bar_rows import BarRows
from stresslab.market.component_filter import VarianceParts, filtered_parts
from tests.market.test_history import FILES, history
from tests.market.walks import DRIFTS, HOUR, VOLATILITIES, end, market, walk

COMPONENTS = {"fast_half_life": "6h", "slow_half_life": "2d", "fast_weight": 0.4, "slow_weight": 0.3}


def components(rows, **extra):
    return market("component_history", history=rows, **FILES, **{**COMPONENTS, "largest_shock": 2.0, **extra})


def plain_components(returns, half_lives, weights, largest, year, month):
    """One asset, bar by bar: variances before each, parts and level after the last, and the makeup."""
    centered = [value - returns.mean() for value in returns]
    squares = [value**2 for value in centered]
    level = sum(squares[:month]) / month
    parts, variances, units = [level, level], [], []
    for index, square in enumerate(squares):
        if index > month:
            last = squares[max(index - year, 0) : index]
            level = sum(last) / len(last)
        variance = weights[0] * parts[0] + weights[1] * parts[1] + (1 - sum(weights)) * level
        variances.append(variance)
        units.append(square / variance)
        counted = min(square, largest**2 * variance)
        parts = [
            0.5 ** (1 / h) * part + (1 - 0.5 ** (1 / h)) * counted for h, part in zip(half_lives, parts, strict=True)
        ]
    mean = sum(units) / len(units)
    makeup = len(units) / sum(min(unit / mean, largest**2) for unit in units)
    return np.array(variances), parts, sum(squares[-year:]) / min(year, len(squares)), makeup


def test_components_are_those_of_a_plain_loop():
    # Longer than 365 days of 2 bars, so that the level moves and forgets.
    returns = history(1500).returns
    law = VarianceParts(5.0, 60.0, 0.45, 0.35, 2.5)
    found = filtered_parts(returns - returns.mean(axis=0), law, 0.5)
    for asset in range(2):
        column = returns[:, asset]
        variances, parts, level, makeup = plain_components(column, (5.0, 60.0), (0.45, 0.35), 2.5, 730, 60)
        np.testing.assert_allclose(found.variances[:, asset], variances, rtol=1e-7)
        np.testing.assert_allclose(found.parts[:, asset], parts, rtol=1e-7)
        assert found.level[asset] == pytest.approx(level, rel=1e-9)
        assert found.makeup[asset] == pytest.approx(makeup, rel=1e-7)
        # The limit counts, and the control without it differs.
        assert makeup > 1.02
    free = filtered_parts(returns - returns.mean(axis=0), VarianceParts(5.0, 60.0, 0.45, 0.35, 1e6), 0.5)
    assert np.abs(free.variances / found.variances - 1.0).max() > 0.1
    np.testing.assert_allclose(free.makeup, 1.0)


def test_nothing_later_moves_a_filtered_variance():
    returns = history(800).returns
    law = VarianceParts(24.0, 240.0, 0.5, 0.3, 5.0)
    shocked = returns.copy()
    shocked[760] = 0.5
    before, after = (filtered_parts(values, law, HOUR).variances for values in (returns, shocked))
    np.testing.assert_allclose(before[:761], after[:761], rtol=1e-8)
    assert (after[761] > 1.2 * before[761]).all()


def test_an_asset_that_stood_still_for_a_while_is_filtered():
    returns = history(3000).returns
    returns[:1000, 1] = 0.0
    returns[-900:, 0] = 0.0
    found = filtered_parts(returns, VarianceParts(24.0, 240.0, 0.5, 0.3, 5.0), HOUR)
    assert (found.variances > 0.001 * (returns**2).mean(axis=0)).all()
    assert np.isfinite(found.makeup).all()


def test_given_the_same_noise_a_plain_twin_draws_the_same_component_bars():
    rows = history()
    specification = components(rows, mean_block="12h")
    walked = walk(specification, 60, HOUR, paths=16, keep=True)
    before = [plain_components(rows.returns[:, i], (6.0, 48.0), (0.4, 0.3), 2.0, 8760, 500) for i in range(2)]
    limited = 0
    for path in range(16):
        row, log_price = None, [0.0, 0.0]
        parts = [[part / before[i][2] * VOLATILITIES[i] ** 2 for part in before[i][1]] for i in range(2)]
        for index, (draws, market_step) in enumerate(zip(walked.noise, walked.steps, strict=True)):
            begin, place = (float(values[path]) for values in draws.shared)
            row = math.floor(place * 500) if row is None or begin < 1.0 / 12.0 else (row + 1) % 500
            for i, (sigma, mu) in enumerate(zip(VOLATILITIES, DRIFTS, strict=True)):
                residuals = (rows.returns[:, i] - rows.returns[:, i].mean()) / np.sqrt(before[i][0])
                z = (residuals[row] - residuals.mean()) / residuals.std()
                variance = 0.4 * parts[i][0] + 0.3 * parts[i][1] + 0.3 * sigma**2
                deviation = math.sqrt(variance * HOUR / 365.0)
                log_price[i] += (mu - sigma**2 / 2) * HOUR / 365.0 + deviation * z
                assert walked.log_price[index, i, path] == pytest.approx(log_price[i], abs=2e-5)
                assert market_step.deviation[i, path] == pytest.approx(deviation, rel=2e-4)
                counted = before[i][3] * min(z * z, 4.0) * variance
                limited += z * z > 4.0
                for part, half_life in enumerate((6.0, 48.0)):
                    decay = 0.5 ** (1 / half_life)
                    parts[i][part] = decay * parts[i][part] + (1 - decay) * counted
    assert limited > 20


def test_the_mean_variance_of_components_goes_to_its_level():
    # Independent rows: E[counted] = E[v], so E[v] reverts from today's to the level, here within 1 % after 20 days:
    # the slow root of the two parts with weights 0.4 and 0.3 keeps less than 1e-2 of the gap then.
    specification = components(history(), mean_block="1h")
    process = component_history.build(specification, HOUR)
    _, state = end(specification, 480, HOUR, paths=1 << 15)
    for asset, sigma in enumerate(VOLATILITIES):
        variance = np.asarray(
            process.weights[0] * state.fast[asset] + process.weights[1] * state.slow[asset] + process.rest[asset],
            np.float64,
        )
        assert abs(variance.mean() / sigma**2 - 1.0) < 4 * variance.std() / sigma**2 / math.sqrt(1 << 15) + 0.01
        # Without making up for the limit it would fall short.
        assert float(process.makeup[asset, 0]) > 1.05


def test_without_weights_the_variance_stands_at_its_level():
    # The control: with weights the same draws go another way.
    rows = history()
    none = {"fast_weight": 0.0, "slow_weight": 0.0}
    found = walk(components(rows, mean_block="12h", **none), 50, HOUR, paths=256)
    assert (
        np.ptp([step.deviation[0] for step in walk(components(rows, **none), 5, HOUR, paths=8, keep=True).steps]) == 0
    )
    lively = walk(components(rows, mean_block="12h"), 50, HOUR, paths=256)
    assert np.abs(found.log_price - lively.log_price).max() > 1e-3


def test_a_volatility_that_nobody_states_is_that_of_the_last_year():
    rows = history(3000)
    days = BarRows(np.vstack([rows.returns[:2000] * 3.0, rows.returns[2000:]]), rows.lows, rows.highs, 365.0 / 1000, {})
    own = days.volatilities_of(365.0)
    np.testing.assert_allclose(own, rows.returns[2000:].std(axis=0) * math.sqrt(1000.0))
    assert (days.volatilities > 2.0 * own).all()
