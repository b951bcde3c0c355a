"""Reverse stress: the most plausible joint move of the assets that liquidates a pool (METHODS M64).

Over the horizon T the log price of asset i moves by ``(drift_i - volatility_i^2 / 2) T + volatility_i sqrt(T) (C z)_i``
with C C' the correlation. What is sought is the shortest z at which the pool's surplus, under the rules of its
contracts, is not positive. A jump, a fat tail or a change of volatility has no place in z: the distance measures the
move in standard deviations of the model, it does not say how the model would make it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc, ndtr

from stresslab.book.book import Position
from stresslab.margin.pool_figures import legs_at_ratio, mark_of
from stresslab.margin.price_intervals import Leg
from stresslab.market.process import correlation_factor
from stresslab.market.specification import MarketSpecification

Array = NDArray[np.float64]
Surplus = Callable[[Array], Array]

REACH = 40.0
"""Standard deviations beyond which no move is sought."""
_GRID = np.linspace(0.0, REACH, 401)
_DIRECTIONS = 256
_STARTS = 4
_YEAR = 365.0
# Unit values stay finite in float64, however far a volatile asset goes.
_FARTHEST = 300.0


@dataclass(frozen=True)
class BreakingMove:
    """The most plausible move that liquidates a pool.

    Parameters
    ----------
    shock : numpy.ndarray
        The shortest z, [asset of the pool in the market's order], in standard deviations of independent factors.
    distance : float
        Its length, not negative; 0 where the pool is liquidated today, or by the drift alone.
    log_moves : numpy.ndarray
        Log of price over start price of every asset of the market, [asset]; assets that the pool does not hold are at
        their conditional mean given those that it holds (METHODS M48).
    plausibility : float
        Phi(-distance): probability that the factors lie beyond the plane that touches the move, 0 to 0.5.
    plausibility_any_direction : float
        Probability that the factors lie at least as far out in any direction (chi-squared), 0 to 1.
    """

    shock: Array
    distance: float
    log_moves: Array
    plausibility: float
    plausibility_any_direction: float


def breaking_move(
    members: Sequence[Position], collateral: float, market: MarketSpecification, horizon: float
) -> BreakingMove | None:
    """The most plausible joint move over the horizon that liquidates a pool (METHODS M64).

    Parameters
    ----------
    members : sequence of Position
        The pool's positions; a constant ratio of marks to the price of the underlying is kept.
    collateral : float
        Money behind the pool.
    market : MarketSpecification
        Volatilities, drifts and correlation of its assets.
    horizon : float
        Days, positive.

    Returns
    -------
    BreakingMove or None
        None where no move within `REACH` standard deviations liquidates, which is so wherever nothing moves.
    """
    years = horizon / _YEAR
    mean = (market.drifts - market.volatilities**2 / 2.0) * years
    deviation = market.volatilities * math.sqrt(years)
    held = [
        index
        for index, asset in enumerate(market.assets)
        if any(position.symbol.underlying == asset for position in members)
    ]
    pool = _Pool(members, collateral, [market.assets[index] for index in held])
    if float(pool.surplus(np.zeros((1, len(held))))[0]) <= 0.0:
        return BreakingMove(np.zeros(len(held)), 0.0, np.zeros(len(mean)), 0.5, 1.0)
    if not held or not np.all(np.isfinite(mean)) or not np.any(deviation[held] > 0.0):
        return None
    own = np.ix_(held, held)
    spread = deviation[held, None] * correlation_factor(market.correlation[own])
    shock = _shortest(pool, mean[held], spread)
    if shock is None:
        return None
    moves = mean.copy()
    covariance = deviation[:, None] * market.correlation * deviation
    own_moves = spread @ shock
    moves += covariance[:, held] @ np.linalg.pinv(covariance[own], hermitian=True) @ own_moves
    moves[held] = mean[held] + own_moves
    distance = float(np.linalg.norm(shock))
    factors = int(np.count_nonzero(np.abs(spread).sum(axis=0)))
    return BreakingMove(
        shock, distance, moves, float(ndtr(-distance)), float(gammaincc(factors / 2.0, distance**2 / 2.0))
    )


class _Pool:
    """Surplus of a pool as a function of log moves of the assets it holds."""

    def __init__(self, members: Sequence[Position], collateral: float, assets: Sequence[str]) -> None:
        self.members, self.collateral, self.assets = tuple(members), collateral, assets
        self.legs = legs_at_ratio(self.members, collateral)
        # In a pool of several, a fee at the bankruptcy price of one depends on the pnl of the others.
        self.entangled = len(members) > 1 and any(one.symbol.rules.closing_fee == "bankruptcy" for one in members)

    def surplus(self, log_moves: Array) -> Array:
        """Money, [trial], at log moves [trial, asset]."""
        moved = np.clip(log_moves, -_FARTHEST, _FARTHEST)
        columns = [self._column(one, moved) for one in self.members]
        if self.entangled:
            return np.array([self._entangled([float(each[row]) for each in columns]) for row in range(len(moved))])
        total = np.full(len(moved), self.collateral)
        for member, leg, column in zip(self.members, self.legs, columns, strict=True):
            total += _pnl_less_requirement(leg, np.exp(-column if member.symbol.contract == "inverse" else column))
        return total

    def _column(self, member: Position, moved: Array) -> Array:
        underlying = member.symbol.underlying
        return moved[:, self.assets.index(underlying)] if underlying in self.assets else np.zeros(len(moved))

    def _entangled(self, moves: Sequence[float]) -> float:
        moved = [
            replace(one, mark_price=mark_of(one) * math.exp(move))
            for one, move in zip(self.members, moves, strict=True)
        ]
        return math.fsum([self.collateral, *(leg.surplus(1.0) for leg in legs_at_ratio(moved, self.collateral))])


def _pnl_less_requirement(leg: Leg, ratio: Array) -> Array:
    """Of one leg, [trial], at unit values over today's."""
    value, lines = leg.scale * ratio, leg.requirement
    # As in `RequirementLines.piece_of`: a value on an edge belongs to the piece below.
    piece = np.maximum(np.searchsorted(np.asarray(lines.starts), value, side="left") - 1, 0)
    required = np.asarray(lines.slopes)[piece] * value + np.asarray(lines.constants)[piece]
    result: Array = leg.exposure * (value - leg.entry_value) - required
    return result


def _shortest(pool: _Pool, mean: Array, spread: Array) -> Array | None:
    """The shortest shock that liquidates: rays in many directions, the best of them polished."""
    # A third of a second to import, which a report that is typeset again need not wait for.
    from scipy.optimize import NonlinearConstraint, minimize

    def surplus(shocks: Array) -> Array:
        return pool.surplus(mean + shocks @ spread.T)

    size = len(mean)
    if float(surplus(np.zeros((1, size)))[0]) <= 0.0:
        return np.zeros(size)
    directions = np.vstack([np.eye(size), -np.eye(size)])
    if size > 1:
        count = _DIRECTIONS // 8 if pool.entangled else _DIRECTIONS
        steepest = _gradient(surplus, np.zeros(size))
        # Always the same directions: the result is a function of the pool and the market alone.
        many = np.random.default_rng(64).standard_normal((count, size))
        directions = np.vstack([directions, -steepest, steepest, many])
    lengths = np.linalg.norm(directions, axis=1)
    directions = directions[lengths > 0.0] / lengths[lengths > 0.0, None]
    reached = _first_crossings(surplus, directions)
    order = [index for index in np.argsort(reached, kind="stable") if np.isfinite(reached[index])]
    if not order:
        return None
    best = reached[order[0]] * directions[order[0]]
    if size == 1:
        return np.asarray(best)
    unit = abs(float(surplus(np.zeros((1, size)))[0]))

    def half_square(shock: Array) -> float:
        return 0.5 * float(shock @ shock)

    def itself(shock: Array) -> Array:
        return shock

    def scaled(shock: Array) -> Array:
        return surplus(shock[None]) / unit

    def scaled_gradient(shock: Array) -> Array:
        return _gradient(surplus, shock)[None] / unit

    for start in order[:_STARTS]:
        found = minimize(
            half_square,
            reached[start] * directions[start],
            jac=itself,
            method="SLSQP",
            constraints=NonlinearConstraint(scaled, -np.inf, 0.0, jac=scaled_gradient),
            options={"ftol": 1e-12, "maxiter": 60},
        ).x
        length = float(np.linalg.norm(found))
        if not 0.0 < length < math.inf:
            continue
        # Back on the edge exactly, so that what is returned liquidates whatever the search did.
        along = found[None] / length
        first = float(_first_crossings(surplus, along)[0])
        if first < float(np.linalg.norm(best)):
            best = first * along[0]
    return np.asarray(best)


def _gradient(surplus: Surplus, shock: Array) -> Array:
    width = 1e-5
    steps = width * np.eye(len(shock))
    both = surplus(np.vstack([shock + steps, shock - steps]))
    result: Array = (both[: len(shock)] - both[len(shock) :]) / (2.0 * width)
    return result


def _first_crossings(surplus: Surplus, directions: Array) -> Array:
    """Length at which each ray first meets a surplus that is not positive, [direction]; infinite where none does."""
    points = (_GRID[:, None, None] * directions).reshape(-1, directions.shape[1])
    dead = surplus(points).reshape(len(_GRID), len(directions)) <= 0.0
    hit = dead.any(axis=0)
    place = np.argmax(dead, axis=0)
    upper = _GRID[place]
    lower = _GRID[np.maximum(place - 1, 0)]
    for _ in range(48):
        middle = (lower + upper) / 2.0
        below = surplus(middle[:, None] * directions) <= 0.0
        upper, lower = np.where(below, middle, upper), np.where(below, lower, middle)
    return np.where(hit, upper, math.inf)


def breaking_path(
    start_prices: NDArray[np.float64], breaking_prices: NDArray[np.float64], elapsed: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Most plausible path of prices from today to a breaking move.

    Parameters
    ----------
    start_prices : numpy.ndarray
        Prices today, [asset], positive.
    breaking_prices : numpy.ndarray
        Prices after the breaking move, [asset], positive.
    elapsed : numpy.ndarray
        Share of the horizon's variance gone by, [time], 0 to 1; the share of time where volatility is constant.

    Returns
    -------
    numpy.ndarray
        Prices, [asset, time], positive. Log prices run straight: under normal log returns that is the mean and the
        mode of the bridge between both ends, whatever the correlation and, at constant volatility, the drift (M64).
    """
    moves = np.log(breaking_prices / start_prices)
    return np.asarray(start_prices[:, None] * np.exp(moves[:, None] * elapsed), dtype=np.float64)
