"""Price processes against the distributions that they claim."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from stresslab.market import noise, student_t
from stresslab.market.models import MODELS
from stresslab.market.process import asset_streams, correlation_factor
from stresslab.market.specification import MarketSpecification

PATHS = 1 << 18
VOLATILITIES = (0.8, 0.5)
DRIFTS = (0.5, -0.25)
CORRELATION = ((1.0, 0.6), (0.6, 1.0))


def specification(model="gbm", *, nu=None, drifts=DRIFTS, volatilities=VOLATILITIES, correlation=CORRELATION):
    return MarketSpecification(
        model=model,
        assets=("BTC", "ETH")[: len(volatilities)],
        start_prices=np.ones(len(volatilities)),
        volatilities=np.array(volatilities),
        drifts=np.array(drifts),
        correlation=np.array(correlation),
        extra={} if nu is None else {"degrees_of_freedom": nu},
    )


def walk(market, steps, step, seed=11):
    """Log prices after every step, [step, asset, path], and the deviation of every step, [step, asset, path or 1]."""
    model = MODELS[market.model]
    process = model.build(market, step)
    keys = jnp.asarray(noise.stream_keys(seed, model.streams(market.assets)))
    path = jnp.arange(PATHS, dtype=jnp.uint32)

    @jax.jit
    def advance(process, state, index):
        draws = process.draw(keys, noise.Counter(path, index))
        return process.step(state, draws, jnp.float32(step / 365.0))

    state = process.init(PATHS)
    logs, deviations = [], []
    for index in range(steps):
        state, market_step = advance(process, state, jnp.uint32(index))
        logs.append(np.asarray(process.log_price(state), np.float64))
        deviations.append(np.asarray(market_step.deviation, np.float64))
        assert np.array_equal(np.asarray(market_step.log_price), np.asarray(process.log_price(state)))
    return np.array(logs), np.array(deviations)


# Correlation factor


@pytest.mark.parametrize(
    "matrix",
    [
        [[1.0]],
        [[1.0, 0.6], [0.6, 1.0]],
        [[1.0, 1.0], [1.0, 1.0]],
        [[1.0, -1.0], [-1.0, 1.0]],
        [[1.0, 1.0, 0.3], [1.0, 1.0, 0.3], [0.3, 0.3, 1.0]],
        [[1.0, 0.5, 0.2], [0.5, 1.0, -0.4], [0.2, -0.4, 1.0]],
    ],
)
def test_factor_times_its_transpose_is_the_correlation(matrix):
    factor = correlation_factor(np.array(matrix))
    np.testing.assert_allclose(factor @ factor.T, matrix, atol=1e-9)
    assert np.array_equal(factor, np.tril(factor))


def test_factor_of_two_assets_by_hand():
    np.testing.assert_allclose(correlation_factor(np.array([[1.0, 0.6], [0.6, 1.0]])), [[1.0, 0.0], [0.6, 0.8]])


def test_a_stream_bears_the_name_of_its_asset():
    assert asset_streams(["BTC", "ETH"]) == ("asset:BTC", "asset:ETH")
    assert student_t.streams(["BTC"]) == ("asset:BTC", "shared:variance")


# Geometric Brownian motion


def test_brownian_log_returns_have_the_moments_of_m36():
    logs, deviations = walk(specification(), steps=4, step=2.0)
    years = 8.0 / 365.0
    final = logs[-1]
    for asset, (sigma, mu) in enumerate(zip(VOLATILITIES, DRIFTS, strict=True)):
        spread = sigma * math.sqrt(years)
        assert abs(final[asset].mean() - (mu - sigma**2 / 2) * years) < 4 * spread / math.sqrt(PATHS)
        assert abs(final[asset].var() / spread**2 - 1.0) < 4 * math.sqrt(2 / PATHS)
        assert stats.kstest(final[asset, :20_000], "norm", args=((mu - sigma**2 / 2) * years, spread)).pvalue > 1e-3
        np.testing.assert_allclose(deviations[:, asset], sigma * math.sqrt(2.0 / 365.0), rtol=1e-6)
    # Standard error of a correlation: (1 - rho^2) / sqrt(n).
    assert abs(np.corrcoef(final)[0, 1] - 0.6) < 4 * (1 - 0.36) / math.sqrt(PATHS)
    increments = np.diff(logs[:, 0], axis=0)
    assert abs(np.corrcoef(increments[0], increments[1])[0, 1]) < 4 / math.sqrt(PATHS)


def test_the_expected_price_grows_with_the_drift():
    # DESIGN section 8: E[S(T)] = S(0) exp(mu T); the variance of S(T) is that of a lognormal.
    logs, _ = walk(specification(), steps=3, step=10.0)
    years = 30.0 / 365.0
    for asset, (sigma, mu) in enumerate(zip(VOLATILITIES, DRIFTS, strict=True)):
        expected = math.exp(mu * years)
        error = expected * math.sqrt(math.expm1(sigma**2 * years) / PATHS)
        assert abs(np.exp(logs[-1, asset]).mean() - expected) < 4 * error
        # Without the half variance in the mean the test would fail by far.
        assert abs(np.exp(logs[-1, asset] + sigma**2 / 2 * years).mean() - expected) > 10 * error


def test_the_same_noise_does_not_depend_on_the_other_assets():
    both, _ = walk(specification(), steps=2, step=1.0)
    alone, _ = walk(specification(drifts=DRIFTS[:1], volatilities=VOLATILITIES[:1], correlation=((1.0,),)), 2, 1.0)
    np.testing.assert_allclose(both[:, 0], alone[:, 0], atol=1e-7)


# Student-t


@pytest.fixture(scope="module")
def fat():
    """Two days of eight-hourly steps, nu = 4."""
    return walk(specification("student_t", nu=4.0), steps=6, step=1.0 / 3.0)


def standardized(daily, asset):
    sigma, mu = VOLATILITIES[asset], DRIFTS[asset]
    return (daily - (mu - sigma**2 / 2) / 365.0) / (sigma / math.sqrt(365.0))


def test_daily_returns_are_student_t(fat):
    logs, _ = fat
    unit = math.sqrt(4.0 / 2.0)
    for asset in range(2):
        for day in (logs[2, asset], logs[5, asset] - logs[2, asset]):
            scaled = standardized(day, asset) * unit
            assert stats.kstest(scaled, "t", args=(4.0,)).pvalue > 1e-3
            assert stats.kstest(scaled, "norm").pvalue < 1e-10
            for share in (0.001, 0.01, 0.05, 0.5, 0.95, 0.99, 0.999):
                value = stats.t.ppf(share, 4.0)
                error = math.sqrt(share * (1 - share) / PATHS) / stats.t.pdf(value, 4.0)
                assert abs(np.quantile(scaled, share) - value) < 4 * error


def test_daily_returns_have_the_stated_volatility_and_kurtosis():
    # Unit variance; E[x^4] = 3 (nu - 2) / (nu - 4); E[x^8] = 105 (nu - 2)^3 / ((nu - 4) (nu - 6) (nu - 8)).
    logs, _ = walk(specification("student_t", nu=10.0), steps=1, step=1.0)
    scaled = standardized(logs[0, 0], 0)
    fourth, eighth = 3 * 8 / 6, 105 * 8**3 / (6 * 4 * 2)
    assert abs((scaled**2).mean() - 1.0) < 4 * math.sqrt((fourth - 1.0) / PATHS)
    assert abs((scaled**4).mean() - fourth) < 4 * math.sqrt((eighth - fourth**2) / PATHS)
    assert abs((scaled**4).mean() - 3.0) > 10 * math.sqrt((eighth - fourth**2) / PATHS)


def test_the_variance_is_common_to_all_assets_and_constant_within_a_day(fat):
    _, deviations = fat
    scale = deviations / (np.array(VOLATILITIES)[:, None] * math.sqrt(1.0 / 1095.0))
    np.testing.assert_allclose(scale[:, 0], scale[:, 1], rtol=1e-6)
    for step in (1, 2):
        assert np.array_equal(scale[step], scale[0])
        assert np.array_equal(scale[3 + step], scale[3])
    assert abs(np.corrcoef(np.log(scale[0, 0]), np.log(scale[3, 0]))[0, 1]) < 4 / math.sqrt(PATHS)


def test_the_mixing_variance_is_inverse_chi_squared(fat):
    _, deviations = fat
    mixing = (deviations[0, 0] / (VOLATILITIES[0] * math.sqrt(1.0 / 1095.0))) ** 2
    assert stats.kstest(2.0 / mixing, "chi2", args=(4.0,)).pvalue > 1e-3


def test_shocks_do_not_know_the_variance(fat):
    # Dividing out the variance must leave normals that do not depend on it, in size or in sign.
    logs, deviations = fat
    shock = (logs[0, 0] - (DRIFTS[0] - VOLATILITIES[0] ** 2 / 2) / 1095.0) / deviations[0, 0]
    assert stats.kstest(shock, "norm").pvalue > 1e-3
    high = deviations[0, 0] > np.median(deviations[0, 0])
    assert stats.ks_2samp(shock[high], shock[~high]).pvalue > 1e-3


def test_joint_tails_are_those_of_a_multivariate_t(fat):
    # Both legs beyond the marginal 1 % quantile, by quadrature of the mixture: W by its quantile, normals jointly.
    logs, _ = fat
    value = stats.t.ppf(0.01, 4.0)
    below = np.array([standardized(logs[2, asset], asset) * math.sqrt(2.0) < value for asset in range(2)])
    share = (np.arange(2_000) + 0.5) / 2_000
    thresholds = value * np.sqrt(stats.chi2.ppf(share, 4.0) / 4.0)
    joint = stats.multivariate_normal(cov=np.array(CORRELATION)).cdf(np.column_stack([thresholds, thresholds])).mean()
    assert abs(below.all(axis=0).mean() - joint) < 4 * math.sqrt(joint / PATHS)
    # Variances drawn apart, as if each asset had its own, would halve that.
    apart = np.mean(below[0] & np.roll(below[1], 1))
    assert abs(apart - joint) > 10 * math.sqrt(joint / PATHS)


@pytest.mark.parametrize("nu", [2.5, 3.183, 10.0, 1000.0])
def test_the_table_of_scales_holds_the_quantiles(nu):
    # What no draw can reach is made up by scaling; its size is the next test's.
    table = student_t.log_scale_table(nu) + 0.5 * math.log(student_t.attained_mean(nu))
    score = np.linspace(-5.4, 5.4, table.size)
    assert np.all(np.diff(table) > 0.0)
    for point in (1e-3, 0.25, 0.5, 0.9, 0.999):
        at = np.interp(stats.norm.ppf(point), score, table)
        # scipy's chi-squared is another routine than the table's own.
        assert at == pytest.approx(0.5 * math.log((nu - 2.0) / stats.chi2.isf(point, nu)), abs=2e-6)


@pytest.mark.parametrize("nu", [2.5, 3.0, 6.0])
def test_the_variances_that_can_be_drawn_average_to_one(nu):
    # All 2^23 uniforms there are, through the table that the kernel reads.
    table = student_t.log_scale_table(nu)
    score = special.ndtri((np.arange(2**23) + 0.5) * 2.0**-23)
    mean = np.exp(2.0 * np.interp(score, np.linspace(-5.4, 5.4, table.size), table)).mean()
    assert mean == pytest.approx(1.0, abs=1e-5)
    # Unscaled it would fall short: the finest draw is 2^-24.
    assert mean * student_t.attained_mean(nu) < 1.0 - 5e-6


def test_the_step_must_divide_a_day_where_the_variance_is_daily():
    assert MODELS["student_t"].step_fault({}, 1.0 / 24.0) is None
    assert MODELS["student_t"].step_fault({}, 1.0) is None
    assert MODELS["student_t"].step_fault({}, 5.0 / 24.0) is not None
    assert MODELS["student_t"].step_fault({}, 2.0) is not None
    assert MODELS["gbm"].step_fault({}, 5.0 / 24.0) is None
