"""Contributions to expected shortfall: by hand, against the closed form, and against paths that are known whole."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stresslab.measures.contributions import (
    diversification,
    liquidation_ranks,
    shortfall_contributions,
    tail_weights,
)
from stresslab.measures.position_losses import Holdings, position_losses
from stresslab.measures.tails import tail


def two_normals(count: int, seed: int) -> np.ndarray:
    """Losses of METHODS O7: weights 1, volatilities 80 % and 100 % a year, correlation 0.8, seven days."""
    draws = np.random.default_rng(seed).standard_normal((2, count))
    second = 0.8 * draws[0] + 0.6 * draws[1]
    return -math.sqrt(7.0 / 365.0) * np.array([0.8 * draws[0], second])


def test_contributions_are_those_of_the_closed_form():
    # METHODS O7, M54: 0.553225 = 0.242510 + 0.310715.
    found = shortfall_contributions(two_normals(400_000, 1), 0.975)
    for value, error, oracle in zip(found.values, found.standard_errors, (0.242510, 0.310715), strict=True):
        assert error < 0.002
        assert abs(value - oracle) < 4.0 * error
    # The control: in proportion to volatility, as a share of the whole, would be told from it.
    assert abs(found.values[0] - 0.553225 * 0.8 / 1.8) > 2.0 * found.standard_errors[0]


def test_standard_errors_are_the_spread_over_samples():
    found = [shortfall_contributions(two_normals(4000, 100 + seed), 0.975) for seed in range(400)]
    spread = np.std([each.values for each in found], axis=0, ddof=1)
    stated = np.mean([each.standard_errors for each in found], axis=0)
    # The spread over 400 samples is known to 3.5 %.
    np.testing.assert_allclose(stated, spread, rtol=0.12)
    # The control: without the trade at the edge of the tail the error would be that of a mean of its losses alone.
    parts = two_normals(4000, 100)
    weights = tail_weights(parts.sum(axis=0), 0.975)
    alone = (parts * weights).std(axis=1) / math.sqrt(4000) / 0.025
    assert (np.abs(alone / spread - 1.0) > 0.5).all()


def test_they_add_up_and_the_whole_has_the_error_of_its_shortfall():
    parts = two_normals(1999, 3)
    found = shortfall_contributions(parts, 0.975)
    whole = tail(np.sort(parts.sum(axis=0)), 0.975)
    assert found.values.sum() == pytest.approx(whole.expected_shortfall, rel=1e-12)
    one = shortfall_contributions(parts.sum(axis=0)[None], 0.975)
    assert one.standard_errors[0] == pytest.approx(whole.standard_error, rel=0.03)


def test_ties_at_the_edge_share_it_by_hand():
    # Ten paths at 80 %: two of weight; one loses 9, three lose 6 and share the other one.
    parts = np.array([[9.0, 6.0, 0.0, 3.0, 0, 0, 0, 0, 0, 0], [0.0, 0.0, 6.0, 3.0, 0, 0, 0, 0, 0, 0]])
    weights = tail_weights(parts.sum(axis=0), 0.8)
    np.testing.assert_allclose(weights[:4], [1.0, 1 / 3, 1 / 3, 1 / 3])
    found = shortfall_contributions(parts, 0.8)
    np.testing.assert_allclose(found.values, [(9 + 2 + 1) / 2, (2 + 1) / 2])
    # The order of the paths does not matter.
    np.testing.assert_allclose(shortfall_contributions(parts[:, ::-1], 0.8).values, found.values)


def test_a_tail_without_a_path_has_no_error():
    found = shortfall_contributions(np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]]), 0.975)
    np.testing.assert_allclose(found.values, [3.0, 1.0])
    assert np.isnan(found.standard_errors).all()


def test_diversification_of_normals():
    # O7: ES at 97.5 % of a standard normal is 2.337803; two of volatility 80 % and 100 % alone, less both together.
    parts = two_normals(400_000, 5)
    ((value, error),) = diversification(parts, parts.sum(axis=0), [0.975])
    oracle = 2.337803 * 1.8 * math.sqrt(7.0 / 365.0) - 0.553225
    assert abs(value - oracle) < 4.0 * error
    assert error < 0.002
    # One part twice is not diversified.
    same = two_normals(4000, 5)[:1]
    found = diversification([same[0], same[0]], 2.0 * same[0], [0.95, 0.975])
    assert [each[0] for each in found] == pytest.approx([0.0, 0.0], abs=1e-12)


def test_ranks_by_hand():
    steps = np.array([[1, 9, 2, 9], [3, 9, 2, 4], [9, 9, 5, 4]], np.int32)
    found = [ranks.tolist() for ranks in liquidation_ranks(list(steps), 8)]
    assert found == [[1.0, 1.5], [2.0, 1.5, 1.5], [3.0, 1.5]]


def stopped_paths(count: int = 20_000, steps: int = 400):
    """A pool of a long of 1 and a short of 0.5, closed when it has lost 0.3 %: small moves, so that pnl is straight."""
    random = np.random.default_rng(11)
    deviations = np.array([0.003, 0.005])
    factor = np.linalg.cholesky([[1.0, 0.6], [0.6, 1.0]])
    moves = (
        deviations[:, None, None]
        / math.sqrt(steps)
        * np.einsum("ij,jpt->ipt", factor, random.standard_normal((2, count, steps)))
    )
    price = np.cumsum(moves, axis=2)
    holdings = Holdings(np.array([1.0, -0.5]), np.array([1.0, 1.0]), np.array([0, 1], dtype=np.intp))
    pnl = np.stack([holdings.pnl(price[:, :, step]) for step in range(steps)], axis=2)
    total = pnl.sum(axis=0)
    dead = (total <= -0.003).any(axis=1)
    last = np.where(dead, (total <= -0.003).argmax(axis=1), steps - 1)
    true = -np.take_along_axis(pnl, np.broadcast_to(last, (2, count))[:, :, None], axis=2)[:, :, 0]
    covariance = np.outer(deviations, deviations) * np.array([[1.0, 0.6], [0.6, 1.0]])
    return holdings, true, price[:, :, -1], dead, (last + 1) / steps, covariance


def test_positions_of_a_liquidated_pool_lost_what_the_paths_say():
    holdings, true, end, dead, time, covariance = stopped_paths()
    assert 0.2 < dead.mean() < 0.6
    found = position_losses(holdings, true.sum(axis=0), end, dead, time, covariance)
    np.testing.assert_allclose(found.sum(axis=0), true.sum(axis=0), atol=1e-12)
    # Where the pool survives the prices at the horizon say all.
    np.testing.assert_allclose(found[:, ~dead], true[:, ~dead], atol=1e-12)
    # The paths themselves are the oracle: of all that died, and of those whose first price ended low.
    low = dead & (end[0] < np.median(end[0, dead]))
    for chosen in (dead, low):
        error = (true - found)[:, chosen].std(axis=1) / math.sqrt(chosen.sum())
        assert (np.abs((true - found)[:, chosen].mean(axis=1)) < 4.0 * error + 1e-5).all()
    # The control: the loss shared by size of the positions is far from it, and so are the prices at the horizon.
    shared = true.sum(axis=0) * np.array([[2 / 3], [1 / 3]])
    assert abs((true - shared)[0, low].mean()) > 0.0003
    assert abs((true + holdings.pnl(end))[0, low].mean()) > 0.0003


def test_what_prices_do_not_explain_falls_on_positions_by_size():
    holdings = Holdings(np.array([3.0, -1.0]), np.array([1.0, 1.0]), np.array([0, -1], dtype=np.intp))
    end = np.log(np.array([[1.1, 0.9]]))
    found = position_losses(
        holdings, np.array([0.1, 0.7]), end, np.array([False, False]), np.ones(2), np.array([[1.0]])
    )
    # By hand: the first earns 0.3 or loses 0.3, the second stands still; the other 0.4 is shared three to one.
    np.testing.assert_allclose(found, [[-0.3 + 0.3, 0.3 + 0.3], [0.1, 0.1]], atol=1e-12)
