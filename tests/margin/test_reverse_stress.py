"""The most plausible move that liquidates, against METHODS O8 and closed forms."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import numpy as np
import pytest

from stresslab.book.book import Book, Position
from stresslab.book.configurations import standard_configurations
from stresslab.margin.closed_form import liquidation_price_in_tier
from stresslab.margin.explanation import explain
from stresslab.margin.reverse_stress import breaking_move, breaking_path
from stresslab.market.specification import MarketSpecification
from stresslab.venues.pack import RulePack, Symbol
from stresslab.venues.tiers import TierTable

ONE_TIER = TierTable((0.0,), (0.005,), (100.0,))
PACK = RulePack("a venue", "made up for tests", dt.date(2026, 1, 1), 8.0, "full", 0.0, "returned", {}, "")


def position(asset: str, quantity: float, tiers: TierTable = ONE_TIER) -> Position:
    symbol = Symbol(f"{asset}USDT", asset, "linear", tiers)
    return Position(asset.lower(), symbol, quantity, 1.0, 1.0, "cross", None)


def market(*volatilities: float, correlation: float = 0.8) -> MarketSpecification:
    size = len(volatilities)
    return MarketSpecification(
        model="gbm",
        assets=tuple("ABC"[:size]),
        start_prices=np.ones(size),
        volatilities=np.array(volatilities),
        drifts=np.zeros(size),
        correlation=np.full((size, size), correlation) + (1.0 - correlation) * np.eye(size),
        extra={},
    )


def test_cross_account_of_two_longs() -> None:
    """Published in METHODS O8: a constrained minimum found with four starts."""
    found = breaking_move([position("A", 1.0), position("B", 1.0)], 0.2, market(0.8, 1.0), 7.0)
    assert found is not None
    np.testing.assert_allclose(found.shock, [-0.73372, -0.27157], atol=2e-5)
    assert found.distance == pytest.approx(0.78236, abs=1e-5)
    np.testing.assert_allclose(np.expm1(found.log_moves), [-0.08371, -0.10724], atol=1e-5)
    # Two degrees of freedom: the chi-squared tail is exp(-d^2 / 2).
    assert found.plausibility_any_direction == pytest.approx(math.exp(-(found.distance**2) / 2.0), rel=1e-9)
    assert found.plausibility == pytest.approx(0.5 * math.erfc(found.distance / math.sqrt(2.0)), rel=1e-9)


@pytest.mark.parametrize("quantity", [1.0, -1.0])
def test_one_price_is_the_distance_to_the_liquidation_price(quantity: float) -> None:
    """METHODS M57 by hand: |b - nu T| / (sigma sqrt T) with b the log of the liquidation price of M4."""
    found = breaking_move([position("A", quantity)], 0.1, market(0.8), 7.0)
    assert found is not None
    edge = math.log(liquidation_price_in_tier(quantity, 1.0, 0.005, 0.0, 0.1))
    years = 7.0 / 365.0
    assert found.log_moves[0] == pytest.approx(edge, abs=1e-10)
    assert found.distance == pytest.approx(abs(edge + 0.32 * years) / (0.8 * math.sqrt(years)), rel=1e-9)


def test_assets_left_out_go_to_their_conditional_mean() -> None:
    """METHODS M48 by hand: mean_B + rho (sd_B / sd_A) (move_A - mean_A)."""
    found = breaking_move([position("A", 1.0)], 0.1, market(0.8, 1.0), 7.0)
    assert found is not None
    years = 7.0 / 365.0
    expected = -0.5 * years + 0.8 * (1.0 / 0.8) * (found.log_moves[0] + 0.32 * years)
    assert found.log_moves[1] == pytest.approx(expected, abs=1e-12)


def test_nothing_breaks_an_unlevered_long() -> None:
    """Collateral above the notional at entry covers a fall to 0; a hair below 1 / leverage does not."""
    assert breaking_move([position("A", 1.0)], 1.01, market(0.8), 7.0) is None
    assert breaking_move([position("A", 1.0)], 0.9, market(0.8), 7.0) is not None


def test_liquidated_today_is_no_distance() -> None:
    """Collateral below the requirement of 0.005 of the notional at today's mark."""
    found = breaking_move([position("A", 1.0)], 0.004, market(0.8), 7.0)
    assert found is not None
    assert found.distance == 0.0
    assert found.log_moves[0] == 0.0


def test_a_hedge_breaks_where_its_legs_part() -> None:
    """The explained surplus at the marks of the move is 0, and no shock a percent shorter on a circle liquidates."""
    tiers = TierTable((0.0, 0.8), (0.005, 0.02), (100.0, 20.0))
    members = (position("A", 1.0, tiers), position("B", -1.0, tiers))
    model = market(0.8, 1.0)
    found = breaking_move(members, 0.1, model, 7.0)
    assert found is not None

    def surplus(log_moves: np.ndarray) -> float:
        moved = tuple(
            replace(one, mark_price=math.exp(move)) for one, move in zip(members, log_moves.tolist(), strict=True)
        )
        book = Book("a book", PACK, "USDT", 0.1, moved, "")
        configuration = next(one for one in standard_configurations(book) if one.name == "all_cross")
        return explain(book, [configuration]).pools[0].surplus

    assert surplus(found.log_moves) == pytest.approx(0.0, abs=1e-10)
    years = 7.0 / 365.0
    deviation = np.array([0.8, 1.0]) * math.sqrt(years)
    factor = np.array([[1.0, 0.0], [0.8, 0.6]])
    drift = -0.5 * np.array([0.64, 1.0]) * years
    for angle in np.linspace(0.0, 2.0 * math.pi, 721):
        direction = np.array([math.cos(angle), math.sin(angle)])
        assert surplus(drift + deviation * (factor @ (0.99 * found.distance * direction))) > 0.0


def test_the_path_is_the_mean_of_the_bridge() -> None:
    """Oracle: E[X_s | X_T] by Gaussian regression, Cov(X_s, X_t) = min(s, t) S, with drift; T of 1."""
    covariance = np.array([[0.64, 0.48], [0.48, 1.0]])
    drift, start, end = np.array([-0.3, 0.7]), np.array([100.0, 3.0]), np.array([80.0, 3.3])
    times = np.array([0.0, 0.25, 0.6, 1.0])
    found = breaking_path(start, end, times)
    for column, time in enumerate(times.tolist()):
        surprise = np.linalg.solve(covariance, np.log(end / start) - drift)
        mean = drift * time + (time * covariance) @ surprise
        np.testing.assert_allclose(found[:, column], start * np.exp(mean), rtol=1e-12)
    # Negative control: a straight line of prices, not of their logs, is another path.
    assert abs(found[0, 2] - (100.0 - 20.0 * 0.6)) > 0.1
