"""Random accounts on which much acts at once: books, procedures, policies and events, all numbers drawn.

A shape says what is compiled: who is held with whom, and which kinds of policy act where. Everything else is a number.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stresslab.book.book import Position
from stresslab.book.policies import (
    Alerts,
    Answer,
    Deleveraging,
    Outage,
    Policy,
    Reallocation,
    StopLoss,
    TakeProfit,
    TopUp,
    Withdrawal,
)
from stresslab.margin.problem import Bridge
from stresslab.market.funding import FundingSpecification
from stresslab.market.premium import Premium, PremiumLaw
from stresslab.scenario.scenario import AutoDeleveraging, Impact, Scenario
from stresslab.venues.pack import Symbol
from stresslab.venues.rules.margin_rules import PLAIN, MarginRules
from stresslab.venues.rules.procedures import WHOLE, Reduction
from stresslab.venues.tiers import TierTable
from tests.oracles.scenarios import configuration, pack, scenario

STEP = 0.25
SIDES = (("BTC", 1.0), ("BTC", -1.0), ("ETH", 1.0), ("ETH", -1.0))
PARTS = {
    "isolated": [[0], [1], [2], [3]],
    "cross": [[0, 1, 2, 3]],
    "hedge": [[0, 1], [2, 3]],
    "mixed": [[0, 1, 2], [3]],
}
RULES = (
    ("inverse", PLAIN),
    ("linear", MarginRules(tier_measure="size")),
    ("inverse", MarginRules(tier_measure="size")),
    ("linear", MarginRules(tier_rule="size_slope", size_factor=0.02)),
    ("inverse", MarginRules(tier_rule="square_root", size_factor=0.02)),
    ("linear", MarginRules(requirement_at="entry")),
    ("linear", MarginRules(closing_fee="mark", closing_fee_rate=0.003)),
)


@dataclass(frozen=True)
class Shape:
    """What is compiled.

    `policies` says for each configuration, by the name of its partition, what acts there: a letter is a kind of policy,
    see `POLICIES`; capital where the desk takes time to answer. `order_latency` says whether stops take time to fill.
    """

    policies: Mapping[str, str]
    procedure: str = "full"
    reduction: Reduction = WHOLE
    bridge: Bridge = "every_pool"
    model: str = "gbm"
    funding: bool = True
    impact: bool = True
    backstop: bool = False
    auto_deleveraging: bool = False
    rules: bool = False
    order_latency: bool = True


SHAPES = {
    # Nothing changes the size of positions.
    "whole": Shape({"isolated": "aTwo", "cross": "tw", "hedge": "rto"}),
    "orders": Shape({"isolated": "spTo", "cross": "sDo", "hedge": "pdw"}, backstop=True, auto_deleveraging=True),
    "steps": Shape(
        {"cross": "Tda", "hedge": "srt"},
        procedure="steps",
        reduction=Reduction(0.3, 1, STEP / 3.0, "pairs_first"),
        model="student_t",
        backstop=True,
        funding=False,
    ),
    "tiers": Shape(
        {"mixed": "spDtwo"},
        procedure="tiers",
        reduction=Reduction(1.0, 1, 0.0, "together"),
        rules=True,
        order_latency=False,
    ),
    "jumps": Shape(
        {"mixed": "spTDwroa"},
        reduction=Reduction(1.0, 1, 0.0, "worst_first"),
        bridge="none",
        model="student_t",
        auto_deleveraging=True,
        backstop=True,
    ),
}


def _answer(draw: random.Random) -> Answer:
    return Answer(
        draw.uniform(0.05, 0.5), draw.choice([0.0, 0.8]), draw.choice([0.0, 0.3]), (21.5, 7.5), 2.0, draw.choice([1, 3])
    )


def _top_up(draw: random.Random, value: float, answer: Answer | None) -> Policy:
    trigger = draw.uniform(1.5, 5.0)
    delay = draw.choice([0.0, 0.0, STEP, 2.5 * STEP])
    return TopUp(
        "reserve",
        trigger,
        trigger + draw.uniform(0.5, 3.0),
        draw.uniform(0.05, 0.2) * value,
        draw.uniform(0.1, 0.3) * value,
        delay,
        answer,
    )


def _deleveraging(draw: random.Random, value: float, answer: Answer | None) -> Policy:
    trigger = draw.uniform(1.3, 3.5)
    latency = draw.choice([0.0, 0.0, STEP])
    costs = draw.uniform(0.0, 0.01), draw.uniform(0.0, 0.001)
    return Deleveraging("cut", trigger, trigger + draw.uniform(0.5, 2.0), *costs, latency, answer)


def _withdrawal(draw: random.Random, value: float, answer: Answer | None) -> Policy:
    target = draw.uniform(4.0, 8.0)
    cap = draw.choice([0.05 * value, np.inf])
    return Withdrawal("sweep", target + draw.uniform(0.5, 3.0), target, cap, draw.choice([0.0, STEP]))


def _reallocation(draw: random.Random, value: float, answer: Answer | None) -> Policy:
    return Reallocation("balance", draw.choice([2, 4]) * STEP, "margin_ratio", draw.choice([0.0, STEP]))


def _stop(draw: random.Random, value: float, answer: Answer | None) -> Policy:
    distances = {f"p{leg}": draw.uniform(0.015, 0.08) for leg in range(4) if draw.random() < 0.8} or {"p0": 0.03}
    last = draw.random() < 0.5
    wick = 0.01 if last else 0.0
    costs = draw.uniform(0.0, 0.02), draw.uniform(0.0, 0.001), draw.choice([0.0, 0.0, 0.5 * STEP, 2.0 * STEP])
    return StopLoss("stops", distances, "last" if last else "mark", wick, *costs)


def _profit(draw: random.Random, value: float, answer: Answer | None) -> Policy:
    distances = {f"p{leg}": draw.uniform(0.02, 0.1) for leg in range(4) if draw.random() < 0.7} or {"p1": 0.03}
    return TakeProfit("targets", distances, draw.uniform(0.0, 0.003), 0.0005, draw.choice([0.0, 0.0, STEP]))


def _outage(draw: random.Random, value: float, answer: Answer | None) -> Policy:
    windows = ((draw.uniform(0.0, 1.5), draw.uniform(0.1, 1.0)), (draw.uniform(2.0, 3.5), 0.3))
    return Outage("dark", windows, draw.choice([0.05, 0.1, np.inf]), draw.choice([1, 3]) * STEP, 1.5 * STEP)


def _alerts(draw: random.Random, value: float, answer: Answer | None) -> Policy:
    return Alerts("pager", (draw.uniform(4.0, 6.0), draw.uniform(2.0, 3.0), 1.3))


POLICIES: dict[str, Callable[[random.Random, float, Answer | None], Policy]] = {
    "a": _alerts,
    "d": _deleveraging,
    "o": _outage,
    "p": _profit,
    "r": _reallocation,
    "s": _stop,
    "t": _top_up,
    "w": _withdrawal,
}


def _symbol(asset: str, leg: int, draw: random.Random, rules: bool) -> Symbol:
    floor = draw.uniform(0.5, 0.9)
    table = TierTable((0.0, floor * 0.5, floor), (0.008, 0.015, draw.uniform(0.02, 0.04)), (100.0, 50.0, 20.0))
    contract, rule = draw.choice(RULES) if rules else ("linear", PLAIN)
    if rule.size_factor:
        table = TierTable((0.0, np.inf, np.inf), (0.01, 0.01, 0.01), (50.0, 50.0, 50.0))
    return Symbol(f"{asset}-{leg}", asset, contract, table, 1.0, rule)


def random_account(name: str, number: int, paths: int) -> Scenario:
    """A random book of a shape, and what acts on it; the size of each position is about 1, in money."""
    shape, draw = SHAPES[name], random.Random(f"{name} {number}")
    held: list[Position] = []
    for leg, (asset, sign) in enumerate(SIDES):
        symbol = _symbol(asset, leg, draw, shape.rules)
        # By size the floors count contracts, so that the unit of price is one where any rule may be drawn.
        mark = draw.uniform(0.8, 1.25) if shape.rules else draw.choice([0.5, 30.0, 4_000.0])
        quantity = sign * draw.uniform(0.5, 1.5) * (mark if symbol.contract == "inverse" else 1.0 / mark)
        entry = mark * draw.uniform(0.98, 1.02)
        held.append(Position(f"p{leg}", symbol, quantity, entry, mark, "cross", None))
    configurations = []
    reduces = shape.procedure != "full" or shape.reduction.order != "together"
    wallet = 4.0 * draw.choice([0.04, 0.07] if reduces else [0.08, 0.15])
    for label, letters in shape.policies.items():
        parts = PARTS[label]
        pools = [
            (f"{label} {k}", part, wallet * len(part) / 4 * draw.uniform(0.7, 1.4)) for k, part in enumerate(parts)
        ]
        policies = tuple(
            POLICIES[letter.lower()](draw, wallet, _answer(draw) if letter.isupper() else None) for letter in letters
        )
        policies = tuple(_with_latency(each, shape) for each in policies)
        if name == "whole":
            policies = tuple(
                replace(each, aim="required_collateral") if isinstance(each, Reallocation) else each
                for each in policies
            )
        configurations.append(replace(configuration(label, *pools), policies=policies))
    venue = pack(fee_rate=draw.choice([0.0, 0.002, 0.02]), remainder=draw.choice(["returned", "returned", "forfeited"]))
    venue = replace(
        venue,
        liquidation_procedure=shape.procedure,
        reduction=shape.reduction,
        backstop=draw.uniform(0.5, 0.9) if shape.backstop else 0.0,
    )
    fat = shape.model == "student_t"
    question = scenario(
        held,
        configurations,
        volatilities={"BTC": draw.uniform(0.7, 1.3), "ETH": draw.uniform(0.7, 1.3)},
        drifts=[draw.uniform(-1.0, 1.0) for _ in range(2)],
        correlation=[[1.0, 0.7], [0.7, 1.0]],
        model=shape.model,
        extra={"degrees_of_freedom": draw.uniform(2.5, 8.0)} if fat else {},
        days=5.0,
        step=STEP,
        paths=paths,
        seed=draw.getrandbits(63),
        venue=venue,
    )
    market = replace(question.market, funding=_funding(draw)) if shape.funding else question.market
    changes: dict[str, Any] = {"market": market, "start": dt.datetime(2026, 10, 1, 9, tzinfo=dt.UTC)}
    if shape.impact:
        changes["impact"] = Impact(draw.uniform(0.5, 3.0), {"BTC": draw.uniform(10, 1e4), "ETH": 300.0})
    if shape.auto_deleveraging:
        changes["auto_deleveraging"] = AutoDeleveraging(draw.uniform(0.1, 0.4), draw.uniform(0.03, 0.06))
    return replace(question, **changes)


def _with_latency(policy: Policy, shape: Shape) -> Policy:
    """Stops that fill at once, or one step later at least; targets take their time where stops do."""
    if isinstance(policy, TakeProfit) and not shape.order_latency:
        return replace(policy, latency=0.0)
    if isinstance(policy, StopLoss):
        return replace(policy, latency=max(policy.latency, 0.5 * STEP) if shape.order_latency else 0.0)
    return policy


def _funding(draw: random.Random) -> FundingSpecification:
    def premium() -> Premium:
        law = PremiumLaw(-0.5, 0.5, -0.001, 0.002, 0.003, draw.uniform(0.002, 0.006), 0.1, 0.05)
        return Premium(law, draw.uniform(0.3, 1.0), draw.uniform(-0.5, 0.5), 0.3, draw.uniform(2.0, 5.0), 0.2)

    return FundingSpecification(draw.choice([1, 2, 3]) * STEP, 0.0001, 0.0005, 0.01, (premium(), premium()), 0.4)
