"""A twin of the account engine in plain Python: one path, one step and one pool at a time, in double precision.

Written from the order of events that the engine's text states and from METHODS M8 to M10, M14, M19 and M46. It shares
the draws' names and the prices of positions with the other twin, and nothing with the kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

from stresslab.book.configuration import Configuration
from stresslab.book.policies import TopUp
from stresslab.margin.ledger_lines import LINES
from stresslab.market.premium import PremiumLaw
from stresslab.scenario.scenario import Scenario
from tests.oracles.twin import Pool, Step, highest, lowest, marginal_rate, requirement, uniforms


@dataclass
class AccountResult:
    """What became of one pool; `distance` is how near its surplus came to zero at any point that was looked at."""

    liquidation_step: int
    profit: float
    required_collateral: float
    lines: dict[str, float] = field(default_factory=dict)
    distance: float = math.inf


def premium_of(law: PremiumLaw, score: float) -> float:
    """The premium of a score: straight between two scores, a side of its own beyond each."""
    if score < law.low_score:
        beyond = law.low_score - score
        return law.low_premium - law.low_scale * beyond * math.exp(law.low_tail * beyond**2 / 2)
    if score > law.high_score:
        beyond = score - law.high_score
        return law.high_premium + law.high_scale * beyond * math.exp(law.high_tail * beyond**2 / 2)
    if law.high_score == law.low_score:
        return law.low_premium
    part = (score - law.low_score) / (law.high_score - law.low_score)
    return law.low_premium + part * (law.high_premium - law.low_premium)


def funding_rates(scenario: Scenario, steps: Sequence[Step], path: int) -> list[list[float] | None]:
    """Rate of every asset at the end of each step; None where nothing settles."""
    funding, market = scenario.market.funding, scenario.market
    if funding is None:
        return [None] * len(steps)
    fast, slow = ([0.0] * len(market.assets) for _ in range(2))
    rates: list[list[float] | None] = []
    every = round(funding.interval / scenario.step)
    for index, step in enumerate(steps):
        common = uniforms(scenario.seed, "funding of all", path, index)
        for asset, name in enumerate(market.assets):
            premium = funding.premiums[asset]
            alone = uniforms(scenario.seed, f"funding:{name}", path, index)
            first, second = (
                math.sqrt(funding.own_correlation) * NormalDist().inv_cdf(shared)
                + math.sqrt(1.0 - funding.own_correlation) * NormalDist().inv_cdf(own)
                for shared, own in zip(common, alone, strict=True)
            )
            trend = (float(market.drifts[asset]) - 0.5 * float(market.volatilities[asset]) ** 2) * scenario.step / 365
            price = (step.end[asset] - step.start[asset] - trend) / math.sqrt(step.covariance[asset][asset])
            # Rows of a Cholesky factor: the price's draw, then the fast part's, then the slow part's.
            a, b = premium.price_correlation, premium.slow_price_correlation
            across = -a * b / math.sqrt(1.0 - a * a)
            draws = (
                a * price + math.sqrt(1.0 - a * a) * first,
                b * price + across * first + math.sqrt(1.0 - b * b - across * across) * second,
            )
            for state, draw, half_life in zip(
                (fast, slow), draws, (premium.half_life, premium.slow_half_life), strict=True
            ):
                keep = math.exp(-math.log(2.0) * scenario.step / half_life)
                state[asset] = state[asset] * keep + math.sqrt(1.0 - keep * keep) * draw
        if (index + 1) % every:
            rates.append(None)
            continue
        row = []
        for premium, quick, lasting in zip(funding.premiums, fast, slow, strict=True):
            score = math.sqrt(1.0 - premium.slow_share) * quick + math.sqrt(premium.slow_share) * lasting
            value = premium_of(premium.law, score)
            toward = min(max(funding.interest_rate - value, -funding.clamp), funding.clamp)
            row.append(min(max(value + toward, -funding.cap), funding.cap))
        rates.append(row)
    return rates


class AccountPool(Pool):
    """A pool whose cash changes on the way."""

    def start(self) -> None:
        """Open the books at today's marks."""
        self.today = [0.0] * len(self.scenario.market.assets)
        self.cash, self.closed = self.collateral, 0
        self.lines = dict.fromkeys(LINES, 0.0)
        self.is_open, self.distance, self.received = True, math.inf, 0.0
        self.required_most = self.deficit(self.today)

    def book(self, line: str, amount: float) -> None:
        """Move cash, on a line."""
        self.lines[line] += amount
        self.cash += amount

    def liquidate(self, number: int, equity: float, logs: Sequence[float]) -> None:
        """Close everything at an equity and at marks that the fee is charged on."""
        self.is_open, self.closed = False, number
        self.book("price_pnl", equity - self.cash)
        self.book("liquidation_fee", -self.scenario.book.venue.liquidation_fee_rate * self.notional(logs))
        if self.cash < 0.0:
            self.book("insurance_draw", -self.cash)
        elif self.scenario.book.venue.remainder != "returned":
            self.book("forfeit", -self.cash)

    def test_margin(self, number: int, logs: Sequence[float]) -> None:
        """Liquidate at the mark where no surplus is left."""
        deficit = self.deficit(logs)
        if self.is_open:
            self.distance = min(self.distance, abs(self.cash - deficit))
            if self.cash <= deficit:
                self.liquidate(number, self.cash + self.profit(logs), logs)
        self.required_most = max(self.required_most, deficit - self.received)

    def between(self, start: float, reached: float) -> float:
        """Log price between two of a single asset at which the surplus is zero, by halving."""
        for _ in range(60):
            middle = 0.5 * (start + reached)
            if self.cash > self.deficit([middle] * len(self.today)):
                start = middle
            else:
                reached = middle
        return reached

    def inside(self, step: Step, path: int, index: int) -> None:
        """Look at the worst of the step."""
        if len(set(self.assets)) == 1:
            asset = self.assets[0]
            for extreme in (lowest, highest):
                log = extreme(step.start[asset], step.end[asset], step.covariance[asset][asset], step.uniform[asset])
                deficit = self.deficit([log] * len(self.today))
                self.required_most = max(self.required_most, deficit - self.received)
                if not self.is_open:
                    continue
                self.distance = min(self.distance, abs(self.cash - deficit))
                if self.cash <= deficit:
                    there = [self.between(step.start[asset], log)] * len(self.today)
                    self.liquidate(index + 1, self.required(there), there)
            return
        middle = [0.5 * (start + end) for start, end in zip(step.start, step.end, strict=True)]
        exposure = dict.fromkeys(self.assets, 0.0)
        for leg, position in enumerate(self.positions):
            price = self.price(leg, middle)
            slope = math.copysign(1.0, position.quantity) - marginal_rate(position, price)
            exposure[self.assets[leg]] += abs(position.quantity) * price * slope
        variance = sum(v * w * step.covariance[i][j] for i, v in exposure.items() for j, w in exposure.items())
        u = uniforms(self.scenario.seed, self.stream, path, index)[0]
        deficit = -lowest(-self.deficit(step.start), -self.deficit(step.end), variance, u)
        self.required_most = max(self.required_most, deficit - self.received)
        if self.is_open:
            self.distance = min(self.distance, abs(self.cash - deficit))
            if self.cash <= deficit:
                self.liquidate(index + 1, self._sum(middle, requirement), middle)

    def pay(self, rates: Sequence[float], logs: Sequence[float]) -> None:
        """Settle funding on signed notional at the mark."""
        amount = -sum(
            position.quantity * self.price(leg, logs) * rates[self.assets[leg]]
            for leg, position in enumerate(self.positions)
        )
        self.received += amount
        if self.is_open:
            self.book("funding", amount)

    def result(self, steps: Sequence[Step]) -> AccountResult:
        """Close the books at the horizon."""
        before = self.collateral + self.profit(self.today)
        unrealized = self.profit(steps[-1].end) if self.is_open else 0.0
        value = self.cash + unrealized - self.lines["transfers"]
        # The line holds what was realized; what is still open belongs to it too, and what was earned before today not.
        self.lines["price_pnl"] += unrealized - self.profit(self.today)
        return AccountResult(
            liquidation_step=len(steps) + 1 if self.is_open else self.closed,
            profit=value - max(before, 0.0),
            required_collateral=self.required_most,
            lines=self.lines,
            distance=self.distance,
        )


class Reserve:
    """A desk that tops up: one purse, and what is on its way to each pool."""

    def __init__(self, policy: TopUp, step: float, pools: Sequence[AccountPool]) -> None:
        self.policy, self.left, self.pools = policy, policy.reserve, pools
        self.delay = math.ceil(policy.delay / step - 1e-9)
        self.sent = [0.0] * len(pools)
        self.on_its_way: list[tuple[float, int] | None] = [None] * len(pools)

    def receive(self, number: int) -> None:
        """What is due arrives; what was sent to a pool that is gone comes back."""
        for place, pool in enumerate(self.pools):
            transfer = self.on_its_way[place]
            if transfer is None:
                continue
            if not pool.is_open:
                self.left += transfer[0]
                self.sent[place] -= transfer[0]
                self.on_its_way[place] = None
            elif transfer[1] <= number:
                pool.book("transfers", transfer[0])
                self.on_its_way[place] = None

    def send(self, number: int, logs: Sequence[float]) -> None:
        """Look at every pool in turn."""
        for place, pool in enumerate(self.pools):
            if not pool.is_open or self.on_its_way[place] is not None:
                continue
            equity, required = pool.cash + pool.profit(logs), pool.required(logs)
            pool.distance = min(pool.distance, abs(equity - self.policy.trigger * required))
            if equity >= self.policy.trigger * required:
                continue
            amount = min(self.policy.target * required - equity, self.policy.cap - self.sent[place], self.left)
            if amount <= 0.0:
                continue
            self.left -= amount
            self.sent[place] += amount
            if self.delay:
                self.on_its_way[place] = (amount, number + self.delay)
            else:
                pool.book("transfers", amount)


def run_account(
    scenario: Scenario,
    configuration: Configuration,
    steps: Sequence[Step],
    rates: Sequence[list[float] | None],
    path: int,
) -> list[AccountResult]:
    """Take a configuration through one path; one result a pool."""
    pools = [AccountPool(scenario, pool.positions, pool.collateral) for pool in configuration.pools]
    desks = [Reserve(policy, scenario.step, pools) for policy in configuration.policies if isinstance(policy, TopUp)]
    for pool in pools:
        pool.start()
        pool.test_margin(0, pool.today)
    for index, step in enumerate(steps):
        settled = rates[index]
        for pool in pools:
            pool.inside(step, path, index)
            if settled is not None:
                pool.pay(settled, step.end)
                pool.test_margin(index + 1, step.end)
        for desk in desks:
            desk.receive(index + 1)
            desk.send(index + 1, step.end)
    return [pool.result(steps) for pool in pools]
