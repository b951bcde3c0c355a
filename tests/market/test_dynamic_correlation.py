"""Dynamic conditional correlation (METHODS M40): by hand, against plain linear algebra, in law, and its refusals."""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import stresslab as sl
from stresslab.documents.faults import InputError
from stresslab.market.dynamic_correlation import MOST_ASSETS, DynamicCorrelation, correlate, dynamic_correlation
from stresslab.market.garch import Garch
from stresslab.market.models import MODELS
from stresslab.market.process import Noise
from stresslab.scenario import market_reading
from tests.market.walks import CORRELATION, HOUR, market, walk
from tests.scenario.files import SCENARIO, edited, write

PATHS = 1 << 16
GARCH = {"alpha": 0.05, "beta": 0.9, "degrees_of_freedom": 5.0}
THREE = np.array([[1.0, 0.7, 0.2], [0.7, 1.0, -0.1], [0.2, -0.1, 1.0]])
YEARS = jnp.float32(HOUR / 365.0)


def built(a, b, correlation=CORRELATION):
    """The process, with the one market's variances and any correlation."""
    garch = MODELS["garch"].build(market("garch", **GARCH), HOUR)
    assert isinstance(garch, Garch)
    return dynamic_correlation(garch, np.array(correlation), a, b)


def covariances(correlation, paths=64, seed=5):
    """Positive definite matrices around a correlation, [asset, asset, path]."""
    draws = np.random.default_rng(seed).standard_normal((len(correlation), 6, paths))
    products = np.einsum("ikp,jkp->ijp", draws, draws) / 6.0
    return 0.5 * np.array(correlation)[:, :, None] + 0.5 * products


def test_one_bar_by_hand():
    # Normals of which the shocks are (s, -s) for R = 0.6: z = (1, (-1 - 0.6) / 0.8), e = W^(1/2) (1, -1). With a = 0.1,
    # b = 0.8: Q = 0.9 R + 0.1 W (1, -1)(1, -1)', so the correlation is (0.54 - 0.1 W) / (0.9 + 0.1 W).
    process = built(0.1, 0.8)
    assert isinstance(process, DynamicCorrelation)
    score = jnp.zeros(1, jnp.float32)
    opposite = jnp.array([[1.0], [-2.0]], jnp.float32)
    for ends in (True, False):
        noise = Noise(opposite, jnp.full((2, 1), 0.5), (score, jnp.bool_(ends)))
        state, step = process.step(process.init(1), noise, YEARS)
        mixed = float(step.deviation[0, 0]) ** 2 / (0.64 * HOUR / 365.0)
        q = np.asarray(state.covariance)[:, :, 0]
        expected = (0.54 - 0.1 * mixed) / (0.9 + 0.1 * mixed) if ends else 0.6
        assert q[0, 1] / math.sqrt(q[0, 0] * q[1, 1]) == pytest.approx(expected, rel=1e-5)
        assert step.common is not None
        # The bar that has just passed had the stated correlation.
        assert float(step.common[0]) == pytest.approx(0.0, abs=1e-6)
    # The case is one of motion: a correlation of at most 0.5 after it.
    assert (0.54 - 0.1 * mixed) / (0.9 + 0.1 * mixed) < 0.55


@pytest.mark.parametrize("correlation", [np.array(CORRELATION), THREE, np.eye(MOST_ASSETS)])
def test_the_factor_is_that_of_plain_linear_algebra(correlation):
    q = covariances(correlation)
    normal = np.random.default_rng(9).standard_normal((len(q), q.shape[2]))
    told = np.asarray(correlate(jnp.asarray(q, jnp.float32), jnp.asarray(normal, jnp.float32)))
    for path in range(q.shape[2]):
        unit = np.sqrt(np.diag(q[:, :, path]))
        factor = np.linalg.cholesky(q[:, :, path] / np.outer(unit, unit))
        np.testing.assert_allclose(told[:, path], factor @ normal[:, path], rtol=0, atol=2e-4)


def test_perfectly_correlated_assets_move_as_one():
    q = jnp.ones((3, 3, 4), jnp.float32)
    normal = jnp.asarray(np.random.default_rng(2).standard_normal((3, 4)), jnp.float32)
    told = np.asarray(correlate(q, normal))
    np.testing.assert_allclose(told, np.broadcast_to(normal[0], (3, 4)), rtol=1e-6)


def test_the_bridge_of_two_assets_has_the_correlation_itself():
    q = covariances(CORRELATION)
    common = np.asarray(built(0.1, 0.8).common_share(jnp.asarray(q, jnp.float32)), np.float64)
    rho = q[0, 1] / np.sqrt(q[0, 0] * q[1, 1])
    np.testing.assert_allclose((1.0 - common) * 0.6 + common, rho, rtol=0, atol=2e-6)
    # Both directions occur, and a good way from the stated correlation.
    assert rho.min() < 0.3
    assert rho.max() > 0.75


def test_the_bridge_of_three_assets_has_the_nearest_valid_mix():
    q = covariances(THREE, paths=400)
    common = np.asarray(built(0.1, 0.8, THREE).common_share(jnp.asarray(q, jnp.float32)), np.float64)
    pairs, clipped = np.tril_indices(3, -1), 0
    lowest = []
    for path in range(q.shape[2]):
        unit = np.sqrt(np.diag(q[:, :, path]))
        correlation = q[:, :, path] / np.outer(unit, unit)
        # NumPy's own least squares of the departure on the way towards one.
        nearest = np.linalg.lstsq((1.0 - THREE)[pairs][:, None], (correlation - THREE)[pairs], rcond=None)[0][0]
        lowest.append(np.linalg.eigvalsh((1.0 - common[path]) * THREE + common[path])[0])
        if abs(common[path] - nearest) > 1e-5:
            clipped += 1
            # Only where the nearest is no correlation matrix, and then the boundary is taken.
            assert np.linalg.eigvalsh((1.0 - nearest) * THREE + nearest)[0] < 0.0
            assert lowest[-1] == pytest.approx(0.0, abs=1e-5)
    assert clipped < 200
    assert min(lowest) > -1e-5


def test_shocks_have_the_correlation_that_the_state_forecasts():
    walked = walk(
        market("garch", **GARCH, correlation_alpha=0.1, correlation_beta=0.85), 30, HOUR, paths=PATHS, keep=True
    )
    q = walked.states[28].covariance.astype(np.float64)
    forecast = q[0, 1] / np.sqrt(q[0, 0] * q[1, 1])
    mean = np.array([[0.5 - 0.32], [-0.25 - 0.125]]) * HOUR / 365.0
    move = (walked.log_price[29] - walked.log_price[28] - mean) / walked.deviation[29]
    product = move[0] * move[1]
    # Quarters of the paths by what was forecast: in each the mean product is the mean forecast (closed form).
    edges = np.quantile(forecast, [0.0, 0.25, 0.5, 0.75, 1.0])
    for low, high in itertools.pairwise(edges):
        among = (forecast >= low) & (forecast <= high)
        error = product[among].std() / math.sqrt(among.sum())
        assert abs(product[among].mean() - forecast[among].mean()) < 4.0 * error
    # A constant correlation would fail in the outer quarters.
    for among in (forecast <= edges[1], forecast >= edges[3]):
        assert abs(product[among].mean() - 0.6) > 6.0 * product[among].std() / math.sqrt(among.sum())


def test_without_weight_it_is_garch_to_the_bit():
    plain = walk(market("garch", **GARCH), 40, HOUR, paths=256)
    same = market("garch", **GARCH, correlation_alpha=0.0, correlation_beta=0.9)
    assert isinstance(MODELS["garch"].build(same, HOUR), Garch)
    assert np.array_equal(walk(same, 40, HOUR, paths=256).log_price, plain.log_price)
    moved = walk(market("garch", **GARCH, correlation_alpha=0.1, correlation_beta=0.85), 40, HOUR, paths=256).log_price
    # The first asset's prices do not change with the correlation; the other's do.
    np.testing.assert_allclose(moved[:, 0], plain.log_price[:, 0], rtol=0, atol=1e-6)
    assert np.abs(moved[:, 1] - plain.log_price[:, 1]).max() > 1e-3


def test_a_vanishing_weight_tends_to_garch():
    plain = walk(market("garch", **GARCH), 40, HOUR, paths=256).log_price
    near = walk(market("garch", **GARCH, correlation_alpha=1e-6, correlation_beta=0.5), 40, HOUR, paths=256).log_price
    np.testing.assert_allclose(near, plain, rtol=0, atol=5e-5)


def test_an_asset_without_volatility_is_no_failure():
    still = market("garch", volatilities=(0.8, 0.0), **GARCH, correlation_alpha=0.1, correlation_beta=0.85)
    walked = walk(still, 40, HOUR, paths=64)
    assert np.isfinite(walked.log_price).all()
    assert np.abs(walked.log_price[-1, 0]).max() > 0.01


def test_too_many_assets_are_refused():
    with pytest.raises(ValueError, match="at most 12 assets, and there are 13"):
        built(0.1, 0.8, np.eye(MOST_ASSETS + 1))
    assert isinstance(built(0.1, 0.8, np.eye(MOST_ASSETS)), DynamicCorrelation)


def test_a_scenario_of_too_many_assets_is_refused_at_its_key(tmp_path, monkeypatch):
    lines = "alpha = 0.05\nbeta = 0.9\ndegrees_of_freedom = 4\ncorrelation_beta = 0.9\ncorrelation_alpha = 0.05"
    text = edited(SCENARIO, ('model = "gbm"', f'model = "garch"\n{lines}'))
    assert sl.read_scenario(write(tmp_path, scenario=text)).market.extra["correlation_alpha"] == 0.05
    # The book holds two assets; as if one were the most.
    monkeypatch.setattr(market_reading, "MOST_ASSETS", 1)
    with pytest.raises(InputError, match="at most 1 assets, and the book has 2") as error:
        sl.read_scenario(write(tmp_path, scenario=text))
    (fault,) = error.value.faults
    assert text.splitlines()[fault.line - 1].startswith("correlation_alpha")
    # A constant correlation takes any number.
    constant = text.replace("correlation_alpha = 0.05", "correlation_alpha = 0.0")
    assert sl.read_scenario(write(tmp_path, scenario=constant)).market.model == "garch"


def test_the_twelve_asset_factor_compiles():
    q = jnp.asarray(covariances(np.eye(MOST_ASSETS)), jnp.float32)
    told = np.asarray(jax.jit(correlate)(q, jnp.ones(q.shape[::2], jnp.float32)))
    assert told.shape == q.shape[::2]
    assert np.isfinite(told).all()
