"""A twin of the simulation in plain Python: one path, one step and one position at a time, in double precision.

It is written from DESIGN section 8 and METHODS M1, M3, M8, M14, M19, M35, M36 and M41 and shares nothing with the
kernel but the scenario's data and the names of the streams. It is slow and looks at everything in the most direct way:
a requirement is a sum over tiers, a liquidation price is found by halving an interval, a chi-squared quantile likewise.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

from stresslab.book.book import Position
from stresslab.scenario.scenario import Scenario

MASK = 0xFFFFFFFF


def threefry(key: tuple[int, int], counter: tuple[int, int], rounds: int) -> tuple[int, int]:
    """Threefry 2x32 on whole numbers."""
    keys = [*key, key[0] ^ key[1] ^ 0x1BD11BDA]
    x, y = (counter[0] + keys[0]) & MASK, (counter[1] + keys[1]) & MASK
    turns = (13, 15, 26, 6, 17, 29, 16, 24)
    for number in range(1, rounds + 1):
        turn = turns[(number - 1) % 8]
        x = (x + y) & MASK
        y = ((y << turn) & MASK | y >> (32 - turn)) ^ x
        if number % 4 == 0:
            group = number // 4
            x = (x + keys[group % 3]) & MASK
            y = (y + keys[(group + 1) % 3] + group) & MASK
    return x, y


@cache
def key_of(seed: int, stream: str) -> tuple[int, int]:
    """Key of a stream: eight bytes of BLAKE2b over the seed, little-endian, and the name."""
    digest = hashlib.blake2b(seed.to_bytes(8, "little") + stream.encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


def uniforms(seed: int, stream: str, path: int, step: int) -> tuple[float, float]:
    """Two uniforms of 23 bits each (M35)."""
    first, second = threefry(key_of(seed, stream), (path, step), 13)
    return ((first >> 9) + 0.5) / 2**23, ((second >> 9) + 0.5) / 2**23


def cholesky(matrix: Sequence[Sequence[float]]) -> list[list[float]]:
    """Lower triangular root; a column without variance of its own stays empty."""
    size = len(matrix)
    root = [[0.0] * size for _ in range(size)]
    for row in range(size):
        for column in range(row + 1):
            rest = matrix[row][column] - sum(root[row][k] * root[column][k] for k in range(column))
            if row == column:
                root[row][row] = math.sqrt(max(rest, 0.0))
            elif root[column][column] > 1e-6:
                root[row][column] = rest / root[column][column]
    return root


def gamma_share(shape: float, x: float) -> float:
    """Regularized lower incomplete gamma function by its power series, which converges for every x."""
    if x <= 0.0:
        return 0.0
    term = math.exp(shape * math.log(x) - x - math.lgamma(shape + 1.0))
    total, count = term, 1
    while term > 1e-17 * total:
        term *= x / (shape + count)
        total += term
        count += 1
    return total


@cache
def mixing_variance(degrees_of_freedom: float, u: float) -> float:
    """The u-quantile of (nu - 2) / chi2(nu) (M41), scaled so that the uniforms which there are average to one."""
    return (degrees_of_freedom - 2.0) / chi_squared(degrees_of_freedom, 1.0 - u) / mean_of_draws(degrees_of_freedom)


def chi_squared(degrees_of_freedom: float, share: float) -> float:
    """The value that a share of a chi-squared variable lies below, by halving an interval."""
    low, high = 0.0, 2.0 * degrees_of_freedom + 100.0
    for _ in range(70):
        middle = 0.5 * (low + high)
        if gamma_share(0.5 * degrees_of_freedom, 0.5 * middle) < share:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@cache
def mean_of_draws(degrees_of_freedom: float) -> float:
    """Mean of (nu - 2) / chi2(nu) over the midpoints of 2^23 cells.

    E[1 / chi2(nu); chi2(nu) > c] = P(chi2(nu - 2) > c) / (nu - 2); the first cells, where midpoints are not fine enough
    for an integral, are added one by one.
    """
    cells, width = 200, 2.0**-23
    outer = sum(1.0 / chi_squared(degrees_of_freedom, (cell + 0.5) * width) for cell in range(cells)) * width
    edge = chi_squared(degrees_of_freedom, cells * width)
    return (degrees_of_freedom - 2.0) * outer + 1.0 - gamma_share(0.5 * degrees_of_freedom - 1.0, 0.5 * edge)


def lowest(start: float, end: float, variance: float, u: float) -> float:
    """Lowest point of a Brownian bridge (M14)."""
    return 0.5 * (start + end - math.sqrt((end - start) ** 2 - 2.0 * variance * math.log(u)))


def highest(start: float, end: float, variance: float, u: float) -> float:
    """Highest point of a Brownian bridge: one draw serves both ends, high draws standing for high prices."""
    return -lowest(-start, -end, variance, 1.0 - u)


def requirement(position: Position, price: float) -> float:
    """Maintenance margin, tier by tier (M3, second form)."""
    notional, table = abs(position.quantity) * price, position.symbol.tiers
    total = 0.0
    for floor, end, rate in zip(table.floors, (*table.floors[1:], math.inf), table.maintenance_rates, strict=True):
        if notional <= floor:
            break
        total += rate * (min(notional, end) - floor)
    return total


def marginal_rate(position: Position, price: float) -> float:
    """Rate of the tier in force."""
    notional, table = abs(position.quantity) * price, position.symbol.tiers
    return [rate for floor, rate in zip(table.floors, table.maintenance_rates, strict=True) if notional > floor][-1]


@dataclass(frozen=True)
class Step:
    """One step of the market: log of price over start price at both ends, and what was drawn for its inside."""

    start: list[float]
    end: list[float]
    covariance: list[list[float]]
    uniform: list[float]


@dataclass(frozen=True)
class PoolResult:
    """What became of one pool; `distance` is how near its surplus came to zero at the worst point of any step.

    `ratios` holds equity over requirement after every step, 1 from the liquidation on.
    """

    liquidation_step: int
    required_collateral: float
    profit: float
    insurance_draw: float
    distance: float
    ratios: list[float]


def market_path(scenario: Scenario, path: int) -> list[Step]:
    """Prices of one path."""
    market, seed = scenario.market, scenario.seed
    dt = scenario.step / 365.0
    root = cholesky(market.correlation.tolist())
    assets = range(len(market.assets))
    here = [0.0] * len(market.assets)
    steps = []
    for index in range(scenario.steps):
        variance = 1.0
        if market.model == "student_t":
            day = math.floor(index * scenario.step + 1e-9)
            variance = mixing_variance(
                market.extra["degrees_of_freedom"], uniforms(seed, "shared:variance", path, day)[0]
            )
        draws = [uniforms(seed, f"asset:{asset}", path, index) for asset in market.assets]
        normals = [NormalDist().inv_cdf(first) for first, _ in draws]
        sigmas = [float(volatility) * math.sqrt(variance * dt) for volatility in market.volatilities]
        there = []
        for asset in assets:
            mean = (float(market.drifts[asset]) - 0.5 * float(market.volatilities[asset]) ** 2) * dt
            shock = sum(root[asset][k] * normals[k] for k in assets)
            there.append(here[asset] + mean + sigmas[asset] * shock)
        covariance = [[sigmas[i] * sigmas[j] * float(market.correlation[i, j]) for j in assets] for i in assets]
        steps.append(Step(here, there, covariance, [second for _, second in draws]))
        here = there
    return steps


class Pool:
    """The positions of one pool and the money behind them."""

    def __init__(self, scenario: Scenario, members: Sequence[int], collateral: float) -> None:
        self.scenario, self.collateral = scenario, collateral
        self.positions = [scenario.book.positions[member] for member in members]
        self.assets = [scenario.market.assets.index(position.symbol.underlying) for position in self.positions]
        self.stream = "pool:" + "\x1f".join(sorted(position.id for position in self.positions))

    def price(self, leg: int, logs: Sequence[float]) -> float:
        """Mark price of a leg: its basis to the underlying stays in proportion."""
        mark = self.positions[leg].mark_price
        assert mark is not None
        return mark * math.exp(logs[self.assets[leg]])

    def _sum(self, logs: Sequence[float], figure: Callable[[Position, float], float]) -> float:
        return sum(figure(position, self.price(leg, logs)) for leg, position in enumerate(self.positions))

    def profit(self, logs: Sequence[float]) -> float:
        """Profit and loss since entry (M1)."""
        return self._sum(logs, lambda position, price: position.quantity * (price - position.entry_price))

    def required(self, logs: Sequence[float]) -> float:
        """Maintenance requirement of the pool."""
        return self._sum(logs, requirement)

    def notional(self, logs: Sequence[float]) -> float:
        """Gross notional."""
        return self._sum(logs, lambda position, price: abs(position.quantity) * price)

    def deficit(self, logs: Sequence[float]) -> float:
        """Requirement less profit: the collateral that would be just too little at these prices (DESIGN section 2)."""
        return self.required(logs) - self.profit(logs)

    def after_fee(self, equity: float, logs: Sequence[float]) -> float:
        """Equity once everything is closed."""
        return equity - self.scenario.book.venue.liquidation_fee_rate * self.notional(logs)

    def crossing(self, reached: Sequence[float]) -> list[float]:
        """Log prices at which the surplus is zero, between today's and those reached, all moving by one factor."""
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            if self.deficit([middle * log for log in reached]) < self.collateral:
                low = middle
            else:
                high = middle
        return [high * log for log in reached]

    def worst_of_step(self, step: Step, path: int, index: int, bridge: str) -> list[tuple[float, float]]:
        """Points of a step where the surplus may be least: the deficit there, and what closing there would leave."""
        single = len(set(self.assets)) == 1
        if bridge == "none" or (bridge == "single_price" and not single):
            return [(self.deficit(step.end), self.after_fee(self.collateral + self.profit(step.end), step.end))]
        if single:
            asset = self.assets[0]
            points = []
            for extreme in (lowest, highest):
                inside = extreme(step.start[asset], step.end[asset], step.covariance[asset][asset], step.uniform[asset])
                logs = [inside] * len(step.end)
                deficit, left = self.deficit(logs), 0.0
                if deficit >= self.collateral:
                    there = self.crossing(logs)
                    left = self.after_fee(self.required(there), there)
                points.append((deficit, left))
            return points
        middle = [0.5 * (start + end) for start, end in zip(step.start, step.end, strict=True)]
        exposure = dict.fromkeys(self.assets, 0.0)
        for leg, position in enumerate(self.positions):
            price = self.price(leg, middle)
            side = math.copysign(1.0, position.quantity)
            exposure[self.assets[leg]] += abs(position.quantity) * price * (side - marginal_rate(position, price))
        variance = sum(v * w * step.covariance[i][j] for i, v in exposure.items() for j, w in exposure.items())
        u = uniforms(self.scenario.seed, self.stream, path, index)[0]
        surplus = [self.collateral - self.deficit(logs) for logs in (step.start, step.end)]
        least = lowest(surplus[0], surplus[1], variance, u)
        return [(self.collateral - least, self.after_fee(self.required(middle), middle))]

    def follow(self, steps: Sequence[Step], path: int, bridge: str) -> PoolResult:
        """Take the pool through one path."""
        today = [0.0] * len(self.scenario.market.assets)
        worst = self.deficit(today)
        distance = abs(self.collateral - worst)
        settled = self.after_fee(self.collateral + self.profit(today), today)
        liquidation = 0 if worst >= self.collateral else None
        ratios = []
        for index, step in enumerate(steps):
            for deficit, left in self.worst_of_step(step, path, index, bridge):
                worst = max(worst, deficit)
                if liquidation is None and deficit >= self.collateral:
                    liquidation, settled = index + 1, left
            distance = min(distance, abs(self.collateral - worst))
            alive = liquidation is None
            ratios.append((self.collateral + self.profit(step.end)) / self.required(step.end) if alive else 1.0)
        value_today = max(self.collateral + self.profit(today), 0.0)
        if liquidation is None:
            profit = self.profit(steps[-1].end) - self.profit(today)
            return PoolResult(len(steps) + 1, worst, profit, 0.0, distance, ratios)
        left = max(settled, 0.0) if self.scenario.book.venue.remainder == "returned" else 0.0
        return PoolResult(liquidation, worst, left - value_today, max(-settled, 0.0), distance, ratios)


def twin(scenario: Scenario, path: int, bridge: str = "every_pool") -> tuple[list[list[PoolResult]], list[float]]:
    """One path of a scenario: the result of each configuration's pools, and the log prices at the horizon."""
    steps = market_path(scenario, path)
    results = [
        [Pool(scenario, pool.positions, pool.collateral).follow(steps, path, bridge) for pool in configuration.pools]
        for configuration in scenario.configurations
    ]
    return results, steps[-1].end
