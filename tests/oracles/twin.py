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


def value(position: Position, price: float) -> float:
    """Absolute value of a position: size times price, or dollars over price if inverse (M1, M2)."""
    size = abs(position.quantity) * position.symbol.contract_size
    return size / price if position.symbol.contract == "inverse" else size * price


def gain(position: Position, price: float) -> float:
    """Profit and loss since entry (M1, M2)."""
    if position.symbol.contract == "inverse":
        dollars = position.quantity * position.symbol.contract_size
        return dollars * (1.0 / position.entry_price - 1.0 / price)
    return position.quantity * (price - position.entry_price)


def requirement(position: Position, price: float) -> float:
    """Maintenance margin by the rules of the contract (VENUES section 1), with a fee to close at the mark."""
    rules, table = position.symbol.rules, position.symbol.tiers
    worth = value(position, position.entry_price if rules.requirement_at == "entry" else price)
    counted = abs(position.quantity) if rules.tier_measure == "size" else worth
    fee = rules.closing_fee_rate * value(position, price) if rules.closing_fee == "mark" else 0.0
    base = table.maintenance_rates[0]
    if rules.tier_rule == "size_slope":
        return (base + rules.size_factor * abs(position.quantity)) * worth + fee
    if rules.tier_rule == "square_root":
        return max(base, 0.8 * base + rules.size_factor * math.sqrt(abs(position.quantity))) * worth + fee
    total, tier_rate = 0.0, base
    for floor, end, rate in zip(table.floors, (*table.floors[1:], math.inf), table.maintenance_rates, strict=True):
        if counted <= floor:
            break
        total += rate * (min(counted, end) - floor)
        tier_rate = rate
    # Marginal tiers add up each part (M3, second form); by size that sum over the size is the rate.
    return fee + (tier_rate * worth if rules.tier_rule == "whole_position" else total * worth / counted)


def marginal_rate(position: Position, price: float) -> float:
    """What the requirement rises by with the value at the mark."""
    rules, table = position.symbol.rules, position.symbol.tiers
    fee = rules.closing_fee_rate if rules.closing_fee == "mark" else 0.0
    if rules.requirement_at == "entry":
        return fee
    worth = value(position, price)
    if rules.tier_measure == "size" or rules.size_factor > 0.0:
        return requirement(position, price) / worth
    return fee + [r for floor, r in zip(table.floors, table.maintenance_rates, strict=True) if worth > floor][-1]


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

    `ratios` holds equity over requirement after every step, 1 from the liquidation on; `lost` what each position's
    profit less its requirement fell by from today to the liquidation, and is empty where there is none on the way.
    """

    liquidation_step: int
    required_collateral: float
    profit: float
    insurance_draw: float
    distance: float
    ratios: list[float]
    lost: list[float]


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


# A deficit, what closing there would leave, and log prices.
Point = tuple[float, float, list[float]]


class Pool:
    """The positions of one pool and the money behind them."""

    def __init__(self, scenario: Scenario, members: Sequence[int], collateral: float) -> None:
        self.scenario, self.collateral = scenario, collateral
        self.positions = [scenario.book.positions[member] for member in members]
        self.assets = [scenario.market.assets.index(position.symbol.underlying) for position in self.positions]
        self.free = collateral - self.bankruptcy_fee(collateral)
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
        return self._sum(logs, gain)

    def required(self, logs: Sequence[float]) -> float:
        """Maintenance requirement of the pool."""
        return self._sum(logs, requirement)

    def discounted(self, logs: Sequence[float]) -> float:
        """The part of the requirement that is haircuts of collateral (M8)."""
        return self._sum(logs, lambda position, price: requirement(position, price) if position.is_collateral else 0.0)

    def ratio(self, logs: Sequence[float]) -> float:
        """Equity less haircuts over maintenance margin and fees in the trigger."""
        discount = self.discounted(logs)
        demanded = self.required(logs) + self.bankruptcy_fee(self.collateral) - discount
        return (self.collateral + self.profit(logs) - discount) / demanded if demanded > 0.0 else math.inf

    def notional(self, logs: Sequence[float]) -> float:
        """Gross notional that a liquidation closes."""
        return self._sum(logs, lambda position, price: 0.0 if position.is_collateral else value(position, price))

    def bankruptcy_fee(self, collateral: float) -> float:
        """Fees to close at the bankruptcy price of each position, all others held at today's marks."""
        total = 0.0
        today = [0.0] * len(self.scenario.market.assets)
        for leg, position in enumerate(self.positions):
            rules = position.symbol.rules
            if rules.closing_fee != "bankruptcy":
                continue
            others = self.profit(today) - gain(position, self.price(leg, today))
            side = math.copysign(1.0, position.quantity)
            # From where the position has won much to where it has lost much; where nothing is lost, no fee.
            won, lost = 40.0 * side, -40.0 * side
            for _ in range(90):
                middle = 0.5 * (won + lost)
                price = position.entry_price * math.exp(middle)
                left = collateral + others + gain(position, price) - rules.closing_fee_rate * value(position, price)
                won, lost = (middle, lost) if left > 0.0 else (won, middle)
            total += rules.closing_fee_rate * value(position, position.entry_price * math.exp(lost))
        return total

    def with_fee(self, deficit: float) -> float:
        """The collateral that just meets a deficit and the fees at its own bankruptcy prices."""
        if all(position.symbol.rules.closing_fee != "bankruptcy" for position in self.positions):
            return deficit
        low, high = deficit, deficit + self.notional([0.0] * len(self.scenario.market.assets))
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if middle - self.bankruptcy_fee(middle) > deficit else (middle, high)
        return high

    def way_to(self, log: float) -> list[float]:
        """Log prices on the way from today's to one of a single asset: both sides of each edge of a tier, and it."""
        edges = set()
        for position in self.positions:
            for floor in position.symbol.tiers.floors[1:]:
                mark = position.mark_price
                assert mark is not None
                move = math.log(floor / value(position, mark))
                edges.add(-move if position.symbol.contract == "inverse" else move)
        passed = sorted((edge for edge in edges if 0.0 < edge * math.copysign(1.0, log) < abs(log)), key=abs)
        return [point for edge in passed for point in (edge * (1.0 - 1e-9), edge * (1.0 + 1e-9))] + [log]

    def deficit(self, logs: Sequence[float]) -> float:
        """Requirement less profit: the collateral that would be just too little at these prices (DESIGN section 2)."""
        return self.required(logs) - self.profit(logs)

    def after_fee(self, equity: float, logs: Sequence[float]) -> float:
        """Equity once everything is closed."""
        return equity - self.scenario.book.venue.liquidation_fee_rate * self.notional(logs)

    def crossing(self, reached: float) -> list[float]:
        """Log prices at which the surplus is first zero, between today's and one reached by a single asset."""
        low = 0.0
        for high in self.way_to(reached):
            if self.deficit([high] * len(self.scenario.market.assets)) < self.free:
                low = high
                continue
            for _ in range(60):
                middle = 0.5 * (low + high)
                inside = self.deficit([middle] * len(self.scenario.market.assets)) < self.free
                low, high = (middle, high) if inside else (low, middle)
            break
        return [high] * len(self.scenario.market.assets)

    def worst_of_step(self, step: Step, path: int, index: int, bridge: str, alive: bool) -> list[Point]:
        """Points of a step where the surplus may be least."""
        single = len(set(self.assets)) == 1
        if bridge == "none" or (bridge == "single_price" and not single):
            left = self.after_fee(self.collateral + self.profit(step.end), step.end)
            return [(self.deficit(step.end), left, step.end)]
        if single:
            asset = self.assets[0]
            points = []
            for extreme in (lowest, highest):
                inside = extreme(step.start[asset], step.end[asset], step.covariance[asset][asset], step.uniform[asset])
                deficit, left = max(self.deficit([log] * len(step.end)) for log in self.way_to(inside)), 0.0
                there = step.end
                if alive and deficit >= self.free:
                    there = self.crossing(inside)
                    left = self.after_fee(self.collateral + self.profit(there), there)
                points.append((deficit, left, there))
            return points
        middle = [0.5 * (start + end) for start, end in zip(step.start, step.end, strict=True)]
        exposure = dict.fromkeys(self.assets, 0.0)
        for leg, position in enumerate(self.positions):
            price = self.price(leg, middle)
            side = math.copysign(1.0, position.quantity)
            rises = -1.0 if position.symbol.contract == "inverse" else 1.0
            exposure[self.assets[leg]] += value(position, price) * (side - rises * marginal_rate(position, price))
        variance = sum(v * w * step.covariance[i][j] for i, v in exposure.items() for j, w in exposure.items())
        u = uniforms(self.scenario.seed, self.stream, path, index)[0]
        surplus = [self.collateral - self.deficit(logs) for logs in (step.start, step.end)]
        least = lowest(surplus[0], surplus[1], variance, u)
        equity = self.required(middle) + self.collateral - self.free
        return [(self.collateral - least, self.after_fee(equity, middle), middle)]

    def lost(self, logs: Sequence[float]) -> list[float]:
        """What each position's profit less its requirement has fallen by since today."""

        def surplus(leg: int, log: Sequence[float]) -> float:
            position, price = self.positions[leg], self.price(leg, log)
            return gain(position, price) - requirement(position, price)

        today = [0.0] * len(logs)
        return [surplus(leg, today) - surplus(leg, logs) for leg in range(len(self.positions))]

    def follow(self, steps: Sequence[Step], path: int, bridge: str) -> PoolResult:
        """Take the pool through one path."""
        today = [0.0] * len(self.scenario.market.assets)
        worst = self.deficit(today)
        distance = abs(self.free - worst)
        settled = self.after_fee(self.collateral + self.profit(today), today)
        liquidation = 0 if worst >= self.free else None
        ratios: list[float] = []
        lost: list[float] = []
        for index, step in enumerate(steps):
            for deficit, left, there in self.worst_of_step(step, path, index, bridge, liquidation is None):
                worst = max(worst, deficit)
                if liquidation is None and deficit >= self.free:
                    liquidation, settled, lost = index + 1, left, self.lost(there)
            distance = min(distance, abs(self.free - worst))
            ratios.append(self.ratio(step.end) if liquidation is None else 1.0)
        worst = self.with_fee(worst)
        value_today = max(self.collateral + self.profit(today), 0.0)
        if liquidation is None:
            profit = self.profit(steps[-1].end) - self.profit(today)
            return PoolResult(len(steps) + 1, worst, profit, 0.0, distance, ratios, lost)
        left = max(settled, 0.0) if self.scenario.book.venue.remainder == "returned" else 0.0
        return PoolResult(liquidation, worst, left - value_today, max(-settled, 0.0), distance, ratios, lost)


def twin(scenario: Scenario, path: int, bridge: str = "every_pool") -> tuple[list[list[PoolResult]], list[float]]:
    """One path of a scenario: the result of each configuration's pools, and the log prices at the horizon."""
    steps = market_path(scenario, path)
    results = [
        [Pool(scenario, pool.positions, pool.collateral).follow(steps, path, bridge) for pool in configuration.pools]
        for configuration in scenario.configurations
    ]
    return results, steps[-1].end
