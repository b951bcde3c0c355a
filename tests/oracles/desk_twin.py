"""A twin of what a desk does: orders, alarms, transfers, cuts and outages, one pool and one step at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, TypeVar

from stresslab.book.book import Position
from stresslab.book.configuration import Configuration
from stresslab.book.policies import (
    Alerts,
    Answer,
    Deleveraging,
    Outage,
    Reallocation,
    StopLoss,
    TakeProfit,
    TopUp,
    Withdrawal,
)
from stresslab.scenario.scenario import Scenario
from tests.oracles.twin import cholesky, uniforms, value

if TYPE_CHECKING:
    from tests.oracles.account_twin import AccountPool, Doubt

P = TypeVar("P")


def policy_of(configuration: Configuration, kind: type[P]) -> P | None:
    return next((policy for policy in configuration.policies if isinstance(policy, kind)), None)


def steps_of(days: float, scenario: Scenario) -> int:
    """Whole steps that a duration needs."""
    return math.ceil(days / scenario.step - 1e-9)


@dataclass(frozen=True)
class Order:
    """One order: prices over today's mark, and what its fill costs."""

    kind: str
    level: float
    trigger: float
    fee_rate: float
    slippage: float
    latency: int


@dataclass(frozen=True)
class OrderTicket:
    """Both orders of a position."""

    side: float
    stop: Order | None
    profit: Order | None
    bridged: bool

    def reached(self, pool: AccountPool, leg: int, start: float, low: float, high: float) -> tuple[Order, float] | None:
        """The order that a step reaches, and the log price of its fill; of both the stop."""
        worst, best = (low, high) if self.side > 0.0 else (high, low)
        worth = value(pool.positions[leg], pool.price(leg, [start] * len(pool.today)))
        if self.stop is not None:
            trigger, level = math.log(self.stop.trigger), math.log(self.stop.level)
            if not pool.doubt.exceeds(self.side * worst, self.side * trigger, worth):
                return self.stop, min(level, start) if self.side > 0.0 else max(level, start)
        if self.profit is not None:
            level = math.log(self.profit.level)
            if not pool.doubt.exceeds(self.side * level, self.side * best, worth):
                return self.profit, max(level, start) if self.side > 0.0 else min(level, start)
        return None


def ticket_of(scenario: Scenario, configuration: Configuration, position: Position, bridge: str) -> OrderTicket | None:
    """The orders that a configuration's policies place on a position."""
    side = math.copysign(1.0, position.quantity)
    orders: list[Order | None] = []
    placed: tuple[StopLoss | TakeProfit | None, ...] = (
        policy_of(configuration, StopLoss),
        policy_of(configuration, TakeProfit),
    )
    for policy, name, direction in zip(placed, ("stop_loss", "take_profit"), (-1.0, 1.0), strict=True):
        if policy is None or position.id not in policy.distances:
            orders.append(None)
            continue
        level = 1.0 + side * direction * policy.distances[position.id]
        # The last price runs a wick beyond the mark: it is at the level while the mark is still short of it.
        wick = policy.wick if isinstance(policy, StopLoss) else 0.0
        latency = steps_of(policy.latency, scenario)
        orders.append(Order(name, level, level / (1.0 - side * wick), policy.fee_rate, policy.slippage, latency))
    if orders == [None, None]:
        return None
    return OrderTicket(side, orders[0], orders[1], bridge == "every_pool")


class Outages:
    """When the tools of one account do not work."""

    def __init__(self, scenario: Scenario, configuration: Configuration, doubt: Doubt) -> None:
        self.policy, self.scenario, self.doubt = policy_of(configuration, Outage), scenario, doubt
        self.until, self.reference = 0, [0.0] * len(scenario.market.assets)

    def work(self, number: int) -> bool:
        if self.policy is None:
            return True
        step = self.scenario.step
        begin, end = (number - 1) * step, number * step
        # A step that a window touches is lost as a whole.
        dark = any(begin < at + long - 1e-9 and at + 1e-9 < end for at, long in self.policy.windows)
        return not dark and number > self.until

    def see(self, number: int, logs: Sequence[float]) -> None:
        if self.policy is None or math.isinf(self.policy.move):
            return
        moves = [abs(now - then) for now, then in zip(logs, self.reference, strict=True)]
        if any([self.doubt.exceeds(move, self.policy.move) for move in moves]):
            self.until = max(self.until, number + steps_of(self.policy.duration, self.scenario))
        if number % max(1, steps_of(self.policy.window, self.scenario)) == 0:
            self.reference = list(logs)


class Alarm:
    """Alarms of the pools of one policy."""

    def __init__(self, desk: Desk, answer: Answer | None, name: str) -> None:
        self.desk, self.answer, self.name = desk, answer, name
        self.raised: list[tuple[int, bool] | None] = [None] * len(desk.pools)

    def ring(self, place: int, low: bool, number: int, works: bool) -> bool:
        """Whether the desk acts on a pool now."""
        if self.answer is None:
            return low and works
        if not low:
            self.raised[place] = None
            return False
        raised = self.raised[place]
        if raised is None or (not raised[1] and raised[0] <= number):
            raised = self.raised[place] = self._raise(self.answer, place, number)
        if raised[1] and raised[0] <= number and works:
            self.raised[place] = None
            return True
        return False

    def _raise(self, answer: Answer, place: int, number: int) -> tuple[int, bool]:
        desk, scenario = self.desk, self.desk.scenario
        stream = f"answer:{self.name}:{desk.configuration.name}:{desk.configuration.pools[place].name}"
        first, second = uniforms(scenario.seed, stream, desk.path, number - 1)
        start = scenario.start
        hours = number * scenario.step * 24.0
        if start is not None:
            hours += start.weekday() * 24.0 + start.hour + start.minute / 60.0
        hour, weekend = hours % 24.0, hours // 24.0 % 7.0 >= 5.0
        since, until = answer.night or (0.0, 0.0)
        night = since <= hour < until if since <= until else hour >= since or hour < until
        factor = (answer.night_factor if night else 1.0) * (answer.weekend_factor if weekend else 1.0)
        median = answer.median_delay / scenario.step * factor
        steps = median * math.exp(answer.spread * NormalDist().inv_cdf(first))
        if abs(steps - 1e-4 - round(steps - 1e-4)) < 1e-5 * (1.0 + steps):
            desk.doubt.distance = 0.0
        if second < answer.no_answer:
            desk.events.add("no_answer")
            return number + max(1, steps_of(1.0, scenario)), False
        desk.events.add("answered")
        return number + math.ceil(steps - 1e-4), True


class Desk:
    """All policies of one account that act at the end of a step, in their order."""

    def __init__(
        self, scenario: Scenario, configuration: Configuration, pools: list[AccountPool], path: int, doubt: Doubt
    ) -> None:
        self.scenario, self.configuration, self.pools, self.path = scenario, configuration, pools, path
        self.doubt, self.events = doubt, set[str]()
        count = len(pools)
        levels = policy_of(configuration, Alerts)
        self.levels = () if levels is None else levels.levels
        self.alerts: list[list[int | None]] = [[None] * count for _ in self.levels]
        self.moved = self.cash_used = 0.0
        self.cut = policy_of(configuration, Deleveraging)
        self.cut_due: list[int | None] = [None] * count
        self.sweep = policy_of(configuration, Withdrawal)
        self.sweep_due: list[int | None] = [None] * count
        self.taken = [0.0] * count
        self.balance = policy_of(configuration, Reallocation)
        self.meant, self.meant_due = [0.0] * count, 0
        self.purse = policy_of(configuration, TopUp)
        self.reserve = 0.0 if self.purse is None else self.purse.reserve
        self.sent, self.coming = [0.0] * count, [0.0] * count
        self.coming_due = [0] * count
        self.cut_alarm, self.purse_alarm = (
            Alarm(self, None if policy is None else policy.answer, "" if policy is None else policy.name)
            for policy in (self.cut, self.purse)
        )

    def act(self, number: int, logs: Sequence[float], works: bool) -> None:
        """Look at the end of a step."""
        for row, level in enumerate(self.levels):
            for place, pool in enumerate(self.pools):
                if pool.is_open and self.alerts[row][place] is None and self._below(pool, logs, level):
                    self.alerts[row][place] = number
        for policy in (self._cut, self._sweep, self._rebalance, self._top_up):
            policy(number, logs, works)

    def _below(self, pool: AccountPool, logs: Sequence[float], ratio: float, extra: float = 0.0) -> bool:
        required = pool.required(logs)
        if required == 0.0:
            # Where nothing is held there is no margin ratio.
            return False
        return self.doubt.exceeds(ratio * required, pool.equity(logs) + extra)

    def _move(self, amounts: Sequence[float]) -> None:
        for pool, amount in zip(self.pools, amounts, strict=True):
            if amount:
                pool.book("transfers", amount)
        self.moved += sum(amounts)
        self.cash_used = max(self.cash_used, self.moved)

    def _cut(self, number: int, logs: Sequence[float], works: bool) -> None:
        policy = self.cut
        if policy is None:
            return
        for place, pool in enumerate(self.pools):
            low = pool.is_open and self.cut_due[place] is None and self._below(pool, logs, policy.trigger)
            if self.cut_alarm.ring(place, low, number, works):
                self.cut_due[place] = number + steps_of(policy.latency, self.scenario)
            due = self.cut_due[place]
            if due is None or due > number or not works:
                continue
            self.cut_due[place] = None
            goal = policy.target * pool.required(logs)
            if not pool.is_open or goal == 0.0:
                continue
            part = min(1.0, 1.0 - pool.equity(logs) / goal)
            if not self.doubt.exceeds(part, 0.0):
                continue
            self.events.add("deleveraged")
            for leg in range(len(pool.whole)):
                if pool.shares[leg] > 0.0:
                    pool.close_leg(leg, part, pool.price(leg, logs), policy.fee_rate, policy.slippage)
            pool.test_at_mark(number, logs)

    def _sweep(self, number: int, logs: Sequence[float], works: bool) -> None:
        policy = self.sweep
        if policy is None or not works:
            return
        amounts = [0.0] * len(self.pools)
        for place, pool in enumerate(self.pools):
            rich = pool.is_open and self.taken[place] < policy.cap and self.sweep_due[place] is None
            rich = rich and (any(pool.shares) or abs(pool.cash) > 1e-9 * pool.collateral)
            if rich and self.doubt.exceeds(pool.equity(logs), policy.trigger * pool.required(logs)):
                self.sweep_due[place] = number + steps_of(policy.delay, self.scenario)
            due = self.sweep_due[place]
            if due is None or due > number:
                continue
            if pool.is_open:
                excess = min(pool.equity(logs) - policy.target * pool.required(logs), pool.cash)
                amount = max(min(excess, policy.cap - self.taken[place]), 0.0)
                self.taken[place] += amount
                amounts[place] = -amount
                self.sweep_due[place] = None
                self.events.add("withdrawn")
        self._move(amounts)

    def _rebalance(self, number: int, logs: Sequence[float], works: bool) -> None:
        policy = self.balance
        if policy is None:
            return
        amounts = [0.0] * len(self.pools)
        if number % max(1, round(policy.every / self.scenario.step)) == 0:
            self.meant_due = number + steps_of(policy.delay, self.scenario)
            if works:
                gives, gets = self._divided(policy, logs)
                amounts = [-amount for amount in gives]
                self.meant = [old + new for old, new in zip(self.meant, gets, strict=True)]
        if works and self.meant_due <= number:
            for place, pool in enumerate(self.pools):
                if pool.is_open:
                    amounts[place] += self.meant[place]
                elif self.meant[place] > 0.0:
                    self.events.add("stayed_outside")
            self.meant = [0.0] * len(self.pools)
        self._move(amounts)

    def _divided(self, policy: Reallocation, logs: Sequence[float]) -> tuple[list[float], list[float]]:
        """What each pool gives, and what each is to get."""
        equity = [pool.equity(logs) if pool.is_open else 0.0 for pool in self.pools]
        needed = [pool.required(logs) if pool.is_open else 0.0 for pool in self.pools]
        weights = needed if policy.aim == "margin_ratio" else [self._risk(pool, logs) for pool in self.pools]
        change = [0.0] * len(self.pools)
        if sum(needed) > 0.0:
            total = sum(equity) if policy.aim == "margin_ratio" else max(sum(equity) - sum(needed), 0.0)
            for place, pool in enumerate(self.pools):
                wanted = total * weights[place] / sum(weights)
                if policy.aim != "margin_ratio":
                    wanted += needed[place]
                change[place] = wanted - equity[place] if pool.is_open else 0.0
        gives = [min(max(-amount, 0.0), max(p.cash, 0.0)) for amount, p in zip(change, self.pools, strict=True)]
        asked = sum(max(amount, 0.0) for amount in change)
        if asked <= 0.0 or sum(gives) <= 0.0:
            return [0.0] * len(gives), [0.0] * len(gives)
        self.events.add("reallocated")
        return gives, [max(amount, 0.0) * sum(gives) / asked for amount in change]

    def _risk(self, pool: AccountPool, logs: Sequence[float]) -> float:
        """Standard deviation of the pool's pnl under the scenario's volatilities and correlations."""
        if not pool.is_open:
            return 0.0
        market = self.scenario.market
        exposure = [0.0] * len(market.assets)
        for leg, position in enumerate(pool.positions):
            if pool.shares[leg] > 0.0:
                worth = math.copysign(value(position, pool.price(leg, logs)), position.quantity)
                exposure[pool.assets[leg]] += worth * float(market.volatilities[pool.assets[leg]])
        root = cholesky(market.correlation.tolist())
        columns = range(len(exposure))
        return math.sqrt(sum(sum(exposure[row] * root[row][column] for row in columns) ** 2 for column in columns))

    def _top_up(self, number: int, logs: Sequence[float], works: bool) -> None:
        policy = self.purse
        if policy is None:
            return
        delay = steps_of(policy.delay, self.scenario)
        amounts = [0.0] * len(self.pools)
        for place, pool in enumerate(self.pools):
            if self.coming[place] > 0.0 and not pool.is_open:
                self.events.add("sent_back")
                self.reserve += self.coming[place]
                self.sent[place] -= self.coming[place]
                self.coming[place] = 0.0
        for place, pool in enumerate(self.pools):
            if self.coming[place] > 0.0 and self.coming_due[place] <= number and works:
                amounts[place], self.coming[place] = self.coming[place], 0.0
            low = pool.is_open and self.coming[place] == 0.0
            low = low and self._below(pool, logs, policy.trigger, amounts[place])
            if not self.purse_alarm.ring(place, low, number, works):
                continue
            equity = pool.equity(logs) + amounts[place]
            wanted = policy.target * pool.required(logs) - equity
            amount = min(wanted, max(policy.cap - self.sent[place], 0.0), self.reserve)
            if amount <= 0.0:
                continue
            self.events.add("topped_up")
            self.reserve -= amount
            self.sent[place] += amount
            if delay:
                self.coming[place], self.coming_due[place] = amount, number + delay
            else:
                amounts[place] += amount
        self._move(amounts)
