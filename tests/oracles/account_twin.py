"""A twin of the account engine in plain Python: one path, one step and one pool at a time, in double precision.

Written from the order of events that the engine's text states, from the texts of policies, orders and procedures, and
from METHODS M8 to M10, M14, M15, M19 and M46. It shares the draws' names and the prices of positions with the other
twin, and nothing with the kernel. What is left of a position is a position of its own, of a smaller quantity.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from stresslab.book.configuration import Configuration
from stresslab.margin.ledger_lines import LINES
from stresslab.scenario.scenario import Scenario
from tests.oracles.desk_twin import Desk, Order, OrderTicket, Outages, ticket_of
from tests.oracles.liquidator_twin import next_reduction, ratio_of_closed
from tests.oracles.twin import Pool, Step, gain, highest, lowest, marginal_rate, uniforms, value


@dataclass
class Doubt:
    """How near any decision came to going the other way, in money."""

    distance: float = math.inf

    def exceeds(self, left: float, right: float, scale: float = 1.0) -> bool:
        """Whether one figure exceeds another; `scale` turns their unit into money."""
        self.distance = min(self.distance, abs(left - right) * scale)
        return left > right


@dataclass
class AccountResult:
    """What became of one account; rows of pools in the configuration's order."""

    liquidation_steps: list[int]
    closed_steps: list[int]
    profits: list[float]
    insurance_draws: list[float]
    required_collateral: list[float]
    lines: dict[str, float]
    cash_used: float
    alerts: list[list[int | None]]
    distance: float
    events: set[str] = field(default_factory=set)


class AccountPool(Pool):
    """A pool whose cash and positions change on the way."""

    def __init__(
        self, scenario: Scenario, members: Sequence[int], collateral: float, doubt: Doubt, events: set[str]
    ) -> None:
        super().__init__(scenario, members, collateral)
        self.whole, self.doubt, self.events = list(self.positions), doubt, events
        self.shares = [1.0] * len(self.whole)
        self.today = [0.0] * len(scenario.market.assets)
        self.cash = collateral
        self.lines = dict.fromkeys(LINES, 0.0)
        self.is_open, self.liquidation_step, self.closed_step = True, -1, -1
        self.is_single = len(set(self.assets)) == 1
        self.received, self.required_most = 0.0, self.deficit(self.today)
        self.due: list[tuple[int, Order] | None] = [None] * len(self.whole)
        self.stand: float | None = None
        self.was_filled = False

    def _sum(self, logs, figure):
        """Only what is still held."""
        return sum(
            figure(position, self.price(leg, logs))
            for leg, position in enumerate(self.positions)
            if self.shares[leg] > 0.0
        )

    def book(self, line: str, amount: float) -> None:
        """Move cash, on a line."""
        self.lines[line] += amount
        self.cash += amount

    def equity(self, logs: Sequence[float]) -> float:
        """Cash and what open positions earned."""
        return self.cash + self.profit(logs)

    def has_surplus(self, logs: Sequence[float]) -> bool:
        if not any(self.shares):
            # Nothing is held, so nothing is tested but whether money is owed.
            return abs(self.cash) < 1e-9 * self.collateral or self.doubt.exceeds(self.cash, 0.0)
        return self.doubt.exceeds(self.cash, self.deficit(logs))

    def impact(self, leg: int, notional: float) -> float:
        """Square root of size over volume (VENUES section 15)."""
        impact, market = self.scenario.impact, self.scenario.market
        if impact is None:
            return 0.0
        name = market.assets[self.assets[leg]]
        daily = float(market.volatilities[self.assets[leg]]) / math.sqrt(365.0)
        return impact.stress * daily * math.sqrt(notional / impact.daily_volumes[name]) * notional

    def close_leg(
        self,
        leg: int,
        part: float,
        price: float,
        fee_rate: float,
        slippage: float,
        *,
        fee_line: str = "trading_fee",
        is_forced: bool = True,
    ) -> None:
        """Close a part of what is left of a position, at a price."""
        position = self.positions[leg]
        closed = replace(position, quantity=position.quantity * part)
        notional = value(closed, price)
        self.book("price_pnl", gain(closed, price))
        self.book(fee_line, -fee_rate * notional)
        self.book("slippage", -slippage * notional - (self.impact(leg, notional) if is_forced else 0.0))
        self.shares[leg] = 0.0 if part == 1.0 else self.shares[leg] * (1.0 - part)
        if self.shares[leg] > 0.0:
            whole = self.whole[leg]
            self.positions[leg] = replace(whole, quantity=whole.quantity * self.shares[leg])

    def close(self, number: int, equity: float, logs: Sequence[float]) -> None:
        """Everything that is left is closed by the venue, at an equity and at marks that fees are charged on."""
        venue = self.scenario.book.venue
        self.is_open, self.closed_step = False, number
        if self.liquidation_step < 0:
            self.liquidation_step = number
        seized = venue.backstop > 0.0 and not self.doubt.exceeds(equity, venue.backstop * self.required(logs))
        notionals = {
            leg: value(position, self.price(leg, logs))
            for leg, position in enumerate(self.positions)
            if self.shares[leg] > 0.0
        }
        self.book("price_pnl", equity - self.cash)
        self.book("liquidation_fee", -venue.liquidation_fee_rate * sum(notionals.values()))
        self.book("slippage", -sum(self.impact(leg, notional) for leg, notional in notionals.items()))
        if self.cash < 0.0:
            self.events.add("insurance")
            self.book("insurance_draw", -self.cash)
        elif seized or venue.remainder != "returned":
            self.events.add("seized" if seized else "forfeited")
            self.book("forfeit", -self.cash)

    def liquidate(self, number: int, equity: float, logs: Sequence[float]) -> None:
        """One reduction by the venue's procedure; the end of the pool where that leaves nothing."""
        parts = next_reduction(self, logs)
        venue = self.scenario.book.venue
        ends = parts is None or all(part == 1.0 for leg, part in parts.items() if self.shares[leg] > 0.0)
        if not ends:
            ends = not self.doubt.exceeds(equity, 0.0)
        if not ends and venue.backstop > 0.0:
            ends = not self.doubt.exceeds(equity, venue.backstop * self.required(logs))
        if ends or parts is None:
            self.close(number, equity, logs)
            return
        self.events.add("reduced")
        beyond = (equity - self.equity(logs)) * ratio_of_closed(self, parts, logs)
        self.book("price_pnl", beyond)
        for leg, part in parts.items():
            if part > 0.0:
                self.close_leg(
                    leg, part, self.price(leg, logs), venue.liquidation_fee_rate, 0.0, fee_line="liquidation_fee"
                )
        if self.liquidation_step < 0:
            self.liquidation_step = number

    @property
    def most(self) -> int:
        """Reductions in one test of a pool."""
        venue = self.scenario.book.venue
        if venue.liquidation_procedure == "full":
            return 1000
        pause = venue.reduction.pause
        return 12 if pause == 0.0 else max(1, min(12, int(self.scenario.step / pause)))

    def test_at_mark(self, number: int, logs: Sequence[float]) -> None:
        """Liquidate at the mark where no surplus is left."""
        for _ in range(self.most):
            if not self.is_open or self.has_surplus(logs):
                break
            self.liquidate(number, self.equity(logs), logs)
        self.required_most = max(self.required_most, self.deficit(logs) - self.received)

    def between(self, start: float, reached: float) -> float:
        """Log price between two of a single asset at which the surplus is zero, by halving."""
        for _ in range(50):
            middle = 0.5 * (start + reached)
            if self.cash > self.deficit([middle] * len(self.today)):
                start = middle
            else:
                reached = middle
        return reached

    def bridged(self, step: Step, index: int, path: int) -> float:
        """Largest deficit inside a step of a pool on several prices."""
        middle = self.middle(step)
        exposure = dict.fromkeys(self.assets, 0.0)
        for leg, position in enumerate(self.positions):
            if self.shares[leg] > 0.0:
                price, side = self.price(leg, middle), math.copysign(1.0, position.quantity)
                rises = -1.0 if position.symbol.contract == "inverse" else 1.0
                slope = side - rises * marginal_rate(position, price)
                exposure[self.assets[leg]] += value(position, price) * slope
        variance = sum(v * w * step.covariance[i][j] for i, v in exposure.items() for j, w in exposure.items())
        u = uniforms(self.scenario.seed, self.stream, path, index)[0]
        return -lowest(-self.deficit(step.start), -self.deficit(step.end), variance, u)

    def middle(self, step: Step) -> list[float]:
        return [0.5 * (start + end) for start, end in zip(step.start, step.end, strict=True)]

    def extremes(self, step: Step, asset: int) -> tuple[float, float]:
        low, high = (
            extreme(step.start[asset], step.end[asset], step.covariance[asset][asset], step.uniform[asset])
            for extreme in (lowest, highest)
        )
        return low, high

    def inside(self, step: Step, index: int, path: int) -> None:
        """Liquidate between the ends of a step."""
        (self._inside_single if self.is_single else self._inside_several)(step, index, path)

    def _inside_single(self, step: Step, index: int, path: int) -> None:
        asset, assets = self.assets[0], len(self.today)
        points = list(self.extremes(step, asset))
        if len(self.whole) == 1:
            points = points[:1] if self.whole[0].quantity > 0.0 else points[1:]
        deficits = [self.deficit([point] * assets) for point in points]
        reached = points[deficits.index(max(deficits))]
        self.required_most = max(self.required_most, max(deficits) - self.received)
        here = step.start[asset] if self.stand is None else self.stand
        for _ in range(self.most):
            if not self.is_open or self.has_surplus([reached] * assets):
                return
            if len(deficits) == 2 and min(deficits) > self.cash:
                self.doubt.exceeds(*deficits)
            if self.has_surplus([here] * assets):
                here = self.between(here, reached)
                self.liquidate(index + 1, self.required([here] * assets), [here] * assets)
            else:
                self.liquidate(index + 1, self.equity([here] * assets), [here] * assets)

    def _inside_several(self, step: Step, index: int, path: int) -> None:
        if self.was_filled:
            return
        worst = self.bridged(step, index, path)
        self.required_most = max(self.required_most, worst - self.received)
        if self.is_open and any(self.shares) and not self.doubt.exceeds(self.cash, worst):
            middle = self.middle(step)
            stood = self.has_surplus(step.start)
            self.liquidate(index + 1, self.required(middle) if stood else self.equity(middle), middle)

    def pay(self, rates: Sequence[float], logs: Sequence[float]) -> None:
        """Settle funding on signed notional at the mark."""
        amount = -sum(
            math.copysign(value(position, self.price(leg, logs)), position.quantity) * rates[self.assets[leg]]
            for leg, position in enumerate(self.positions)
            if self.shares[leg] > 0.0
        )
        self.received += amount
        if self.is_open:
            self.book("funding", amount)

    def fill_inside(self, step: Step, index: int, path: int, tickets: Sequence[OrderTicket | None]) -> None:
        """Fill the orders that come before the pool's liquidation, at their own price; it stands where the last was."""
        filled = []
        for leg, ticket in enumerate(tickets):
            if ticket is not None and self.is_open and self.shares[leg] > 0.0:
                asset = self.assets[leg]
                hit = ticket.reached(self, leg, step.start[asset], *self.extremes(step, asset))
                if hit is not None and self._comes_first(step, index, path, asset, hit[1]):
                    filled.append((leg, *hit))
        for leg, order, log in filled:
            if order.latency:
                if self.due[leg] is None:
                    self.due[leg] = (index + order.latency, order)
                continue
            self.events.add(order.kind)
            self.close_leg(leg, 1.0, self.price(leg, [log] * len(self.today)), order.fee_rate, order.slippage)
            self.was_filled, self.stand = True, log if self.is_single else None

    def _comes_first(self, step: Step, index: int, path: int, asset: int, level: float) -> bool:
        if self.is_single:
            return self.has_surplus([level] * len(self.today))
        if self.doubt.exceeds(self.cash, self.bridged(step, index, path)):
            return True
        order = passage(step.start[asset] - level, step.end[asset] - level)
        pool = passage(self.cash - self.deficit(step.start), self.cash - self.deficit(step.end))
        return not self.doubt.exceeds(order, pool)

    def fill_at_end(self, number: int, logs: Sequence[float], tickets: Sequence[OrderTicket | None]) -> None:
        """Fill at the mark orders whose latency is over; where nothing is bridged, orders that were passed too."""
        was_filled = False
        for leg, ticket in enumerate(tickets):
            if ticket is None or not self.is_open or self.shares[leg] == 0.0:
                continue
            if not ticket.bridged:
                here = logs[self.assets[leg]]
                hit = ticket.reached(self, leg, here, here, here)
                if hit is not None and (hit[0].latency == 0 or self.due[leg] is None):
                    self.due[leg] = (number + max(hit[0].latency - 1, 0), hit[0])
            due = self.due[leg]
            if due is not None and due[0] <= number:
                self.events.add(due[1].kind)
                self.close_leg(leg, 1.0, self.price(leg, logs), due[1].fee_rate, due[1].slippage)
                was_filled = True
        if was_filled:
            self.test_at_mark(number, logs)

    def auto_deleverage(self, step: Step, index: int, path: int) -> None:
        """The venue takes winning positions after a large move, at the mark."""
        event = self.scenario.auto_deleveraging
        taken = False
        for leg, position in enumerate(self.positions):
            asset = self.assets[leg]
            if event is None or not self.is_open or self.shares[leg] == 0.0:
                continue
            drawn = uniforms(self.scenario.seed, f"auto_deleveraging:{self.scenario.market.assets[asset]}", path, index)
            if drawn[0] >= event.probability:
                continue
            price = self.price(leg, step.end)
            moved = abs(step.end[asset] - step.start[asset])
            if self.doubt.exceeds(moved, event.move) and self.doubt.exceeds(gain(position, price), 0.0):
                self.events.add("auto_deleveraged")
                self.close_leg(leg, 1.0, price, 0.0, 0.0, is_forced=False)
                taken = True
        if taken:
            self.test_at_mark(index + 1, step.end)


def passage(before: float, after: float) -> float:
    """Mean share of the step at which a bridge between two distances passes zero (M15)."""
    total = abs(before) + abs(after)
    return abs(before) / total if total > 0.0 else 0.0


def run_account(
    scenario: Scenario,
    configuration: Configuration,
    steps: Sequence[Step],
    rates: Sequence[list[float] | None],
    path: int,
    bridge: str = "every_pool",
) -> AccountResult:
    """Take a configuration through one path."""
    doubt, events = Doubt(), set[str]()
    pools = [AccountPool(scenario, pool.positions, pool.collateral, doubt, events) for pool in configuration.pools]
    today = [0.0] * len(scenario.market.assets)
    before = [pool.equity(today) for pool in pools]
    desk, outages = Desk(scenario, configuration, pools, path, doubt), Outages(scenario, configuration, doubt)
    tickets = [[ticket_of(scenario, configuration, position, bridge) for position in pool.whole] for pool in pools]
    for pool in pools:
        pool.test_at_mark(0, today)
    for index, step in enumerate(steps):
        number, works, settled = index + 1, outages.work(index + 1), rates[index]
        for pool, orders in zip(pools, tickets, strict=True):
            pool.stand, pool.was_filled = None, False
            if bridge == "every_pool":
                if works:
                    pool.fill_inside(step, index, path, orders)
                pool.inside(step, index, path)
            if bridge == "none" or not pool.is_single:
                pool.test_at_mark(number, step.end)
            if settled is not None:
                pool.pay(settled, step.end)
                pool.test_at_mark(number, step.end)
            pool.auto_deleverage(step, index, path)
            if works:
                pool.fill_at_end(number, step.end, orders)
        desk.act(number, step.end, works)
        outages.see(number, step.end)
    for pool, equity in zip(pools, before, strict=True):
        # The line holds what was realized; what is still open belongs to it too, and what was earned before today not.
        unrealized = pool.profit(steps[-1].end) if pool.is_open else 0.0
        pool.lines["price_pnl"] += unrealized - (equity - pool.collateral)
        pool.cash += unrealized
    return AccountResult(
        liquidation_steps=[pool.liquidation_step if pool.liquidation_step >= 0 else len(steps) + 1 for pool in pools],
        closed_steps=[len(steps) + 1 if pool.is_open else pool.closed_step for pool in pools],
        profits=[
            pool.cash - pool.lines["transfers"] - max(equity, 0.0) for pool, equity in zip(pools, before, strict=True)
        ],
        insurance_draws=[pool.lines["insurance_draw"] for pool in pools],
        required_collateral=[pool.required_most for pool in pools],
        lines={line: sum(pool.lines[line] for pool in pools) for line in LINES},
        cash_used=desk.cash_used,
        alerts=desk.alerts,
        distance=doubt.distance,
        events=events | desk.events,
    )
