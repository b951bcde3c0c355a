"""The kernel against its plain twin under every rule of a pack, path by path (tolerances of `test_twin`)."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from stresslab.book.book import Position
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.run import simulate
from stresslab.venues.pack import Symbol
from stresslab.venues.rules.margin_rules import PLAIN, MarginRules
from stresslab.venues.tiers import TierTable
from tests.oracles import twin as twin_module
from tests.oracles.scenarios import configuration, pack, scenario
from tests.oracles.test_twin import Comparison, compare

FEE = MarginRules(closing_fee="bankruptcy", closing_fee_rate=0.001)
RULES = {
    "inverse": PLAIN,
    "whole position": MarginRules(tier_rule="whole_position"),
    "whole position, inverse": MarginRules(tier_rule="whole_position"),
    "whole position by size, inverse": MarginRules(tier_rule="whole_position", tier_measure="size"),
    "by size": MarginRules(tier_measure="size"),
    "size slope": MarginRules(tier_rule="size_slope", size_factor=0.004),
    "square root, below": MarginRules(tier_rule="square_root", size_factor=0.006, trigger="below"),
    "at entry": MarginRules(requirement_at="entry"),
    "at entry, inverse, fee at bankruptcy": replace(FEE, requirement_at="entry", tier_rule="whole_position"),
    "fee at mark": MarginRules(closing_fee="mark", closing_fee_rate=0.003),
    "fee at bankruptcy": FEE,
}


def symbol_of(name: str, asset: str, rules: MarginRules, unit: float, draw: random.Random) -> Symbol:
    """Tiers whose edges lie where the book's positions go; `unit` is the measure of a typical position."""
    if rules.size_factor:
        tiers = TierTable((0.0,), (0.01,), (50.0,))
    else:
        floor = unit * draw.uniform(0.7, 1.3)
        tiers = TierTable((0.0, 0.6 * floor, floor), (0.01, 0.02, draw.uniform(0.03, 0.06)), (50.0, 25.0, 10.0))
    contract = "inverse" if "inverse" in name else "linear"
    return Symbol(f"{asset}-{contract}", asset, contract, tiers, 10.0 if contract == "inverse" else 1.0, rules)


def random_scenario(name: str, number: int, *, extra: tuple[Position, ...] = ()) -> Scenario:
    """Longs and shorts, among them both sides of one symbol; all alone, all together, and by price."""
    draw = random.Random(f"{name} {number}")
    rules, inverse = RULES.get(name, PLAIN), "inverse" in name
    assets = ["BTC", "BTC", "BTC"] if inverse else ["BTC", "BTC", "ETH"]
    signs = [1.0, -0.7, 1.0] if inverse else [1.0, -0.7, -1.0]
    held: list[Position] = []
    for index, (asset, sign) in enumerate(zip(assets, signs, strict=True)):
        mark = 40.0 if asset == "BTC" else 3.0
        entry = mark * draw.uniform(0.96, 1.04)
        # Worth about 1 in money: dollars over price, or coins times price.
        quantity = sign * draw.uniform(0.6, 1.4) * (mark / 10.0 if inverse else 1.0 / mark)
        unit = abs(quantity) if rules.tier_measure == "size" else 1.0
        symbol = symbol_of(name, asset, rules, unit, draw)
        held.append(Position(f"p{index}", symbol, quantity, entry, mark, "cross", None))
    held += extra
    everything = list(range(len(held)))
    partitions = {"isolated": [[0], [1], [2]], "cross": [everything], "hedge": [[0, 1], everything[2:]]}
    configurations = []
    for label, parts in partitions.items():
        for factor in (1.0, 1.4):
            money = [factor * len(part) * draw.choice([0.04, 0.09, 0.2]) for part in parts]
            pools = [(f"{label} {k}", part, money[k]) for k, part in enumerate(parts)]
            configurations.append(configuration(f"{label} {factor}", *pools))
    named = sorted({position.symbol.underlying for position in held})
    return scenario(
        held,
        configurations,
        volatilities={asset: draw.uniform(0.6, 1.2) for asset in named},
        correlation=np.eye(len(named)) * 0.4 + 0.6,
        days=5.0,
        step=0.25,
        paths=16,
        seed=draw.getrandbits(63),
        venue=pack(fee_rate=draw.choice([0.0, 0.002, 0.03])),
    )


@pytest.mark.parametrize("name", RULES)
def test_random_books_agree_path_by_path(name):
    total = Comparison()
    for number in range(2):
        compare(random_scenario(name, number), total=total)
        assert total.agrees(), (number, total)
    assert total.liquidated - total.today > 30
    assert total.undecided < 0.02 * total.compared


SPOT = Symbol("BTC-SPOT", "BTC", "spot", TierTable((0.0,), (0.0,), (1.0,)))


def asset(name: str, value: float, price: float, *haircuts: tuple[float, float]) -> Position:
    """A collateral asset of a value, with discount tiers; a debt has none."""
    floors, rates = zip(*haircuts, strict=True) if haircuts else ((0.0,), (0.0,))
    symbol = Symbol(name, name, "spot", TierTable(floors, rates, tuple(1.0 for _ in floors)))
    return Position(f"{name} held", symbol, value / price, 0.0, price, "cross", None, is_collateral=True)


WALLETS = {
    # Spot that was bought at a tenth less and hedges the short.
    "spot hedge": (Position("spot", SPOT, 1.0 / 40.0, 36.0, 40.0, "cross", None),),
    # Bitcoin as collateral beside contracts on it, a stablecoin that can lose its peg, and a debt.
    "collateral": (asset("BTC", 0.2, 40.0, (0.0, 0.05), (0.15, 0.2)), asset("USDX", 0.1, 1.0, (0.0, 0.01))),
    "debt": (asset("BTC", -0.1, 40.0), asset("SOL", 0.15, 7.0, (0.0, 0.1))),
}


def wallet_scenario(name: str, number: int) -> Scenario:
    question = random_scenario(name, number, extra=WALLETS[name])
    # A pool that holds neither the contracts nor cash: what it demands is a haircut, or nothing.
    count = len(question.book.positions)
    alone = configuration("alone", ("contracts", [0, 1, 2], 0.3), *((f"w{k}", [k], 0.2) for k in range(3, count)))
    return replace(question, configurations=(*question.configurations, alone))


@pytest.mark.parametrize("name", WALLETS)
def test_books_with_spot_and_collateral_agree_path_by_path(name):
    total = Comparison()
    for number in range(2):
        compare(wallet_scenario(name, number), total=total)
        assert total.agrees(), (number, total)
    assert total.liquidated - total.today > 30


def with_rules(question: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """The same question under other switches."""
    changed = tuple(
        replace(each, symbol=replace(each.symbol, rules=replace(each.symbol.rules, **changes)))
        for each in question.book.positions
    )
    return replace(question, book=replace(question.book, positions=changed))


CONTROLS: dict[str, dict[str, Any]] = {
    "whole position": {"tier_rule": "marginal"},
    "by size": {"tier_measure": "notional"},
    "at entry": {"requirement_at": "mark"},
    "fee at mark": {"closing_fee_rate": 0.0031},
    "fee at bankruptcy": {"closing_fee_rate": 0.0011},
    "size slope": {"size_factor": 0.0041},
}


@pytest.mark.parametrize("name", CONTROLS)
def test_a_twin_with_another_switch_disagrees(name):
    question = replace(random_scenario(name, 0), paths=8)
    result = compare(question, of_twin=with_rules(question, CONTROLS[name]))
    assert not result.agrees()
    assert result.log_price < 1e-5


def test_a_long_is_liquidated_by_a_rise_into_a_dearer_tier(monkeypatch):
    """By hand: a long of 1 needs 1 % of it, and above 1.02 a fifth: 0.204 against 0.15 and a gain of 0.02."""
    tiers = TierTable((0.0, 1.02), (0.01, 0.2), (50.0, 5.0))
    symbol = Symbol("S", "BTC", "linear", tiers, 1.0, MarginRules(tier_rule="whole_position"))
    held = [Position("a", symbol, 1.0, 1.0, 1.0, "cross", None)]
    configurations = [configuration("x", ("a", [0], 0.15)), configuration("y", ("a", [0], 0.19))]
    question = scenario(held, configurations, volatilities={"BTC": 0.5}, days=3.0, step=0.25, paths=256)
    assert compare(replace(question, paths=32)).agrees()
    outcomes = simulate(question)
    rise = outcomes.log_price[0] > np.log(1.02)
    assert rise.sum() > 30
    assert (outcomes.liquidation_step[0, rise] <= outcomes.steps).all()
    # 0.204 less the gain: what just survives the corner.
    assert outcomes.required_collateral[0, rise].min() == pytest.approx(0.184, abs=1e-6)
    assert (outcomes.liquidation_step[1, rise] > outcomes.steps).mean() > 0.5
    # What is left at the corner is the money and the gain.
    settled = rise & (outcomes.profit[0] > 0.0)
    assert settled.sum() > 20
    np.testing.assert_allclose(outcomes.profit[0, settled], 0.02, atol=1e-6)
    monkeypatch.setattr(twin_module.Pool, "way_to", lambda self, log: [log])
    assert compare(replace(question, paths=32)).required > 1e-4


def test_a_twin_that_counts_all_of_its_collateral_disagrees(monkeypatch):
    question = replace(wallet_scenario("collateral", 0), paths=8)
    right = twin_module.requirement
    monkeypatch.setattr(twin_module, "requirement", lambda held, p: 0.0 if held.is_collateral else right(held, p))
    result = compare(question)
    assert result.required > 1e-3


def test_an_inverse_short_without_leverage_is_never_liquidated():
    """VENUES pitfall 16; METHODS M5: a short of as many dollars as its collateral is worth has no such price."""
    symbol = Symbol("inverse", "BTC", "inverse", TierTable((0.0,), (0.01,), (50.0,)), 10.0)
    held = [Position(name, symbol, side * 4.0, 40.0, 40.0, "cross", None) for name, side in (("s", -1.0), ("l", 1.0))]
    configurations = [
        configuration("one", ("s", [0], 1.0), ("l", [1], 1.0)),
        configuration("less", ("s", [0], 0.9), ("l", [1], 0.9)),
    ]
    question = scenario(held, configurations, volatilities={"BTC": 5.0}, days=90.0, step=1.0, paths=1_024)
    outcomes = simulate(question)
    (short, long), (levered, _) = outcomes.problem.configuration_stakes
    liquidated = outcomes.liquidation_step <= outcomes.steps
    assert not liquidated[short].any()
    # Controls: the long without leverage is (M5: at half its entry and 1 %), and so is a short with a little of it.
    assert liquidated[long].mean() > 0.5
    assert 0.05 < liquidated[levered].mean() < 1.0
    # The coins of a short never fall below what its dollars buy: what it earns in coin is bounded by its collateral.
    assert (outcomes.profit[short] >= -1.0).all()


@pytest.mark.parametrize("trigger", ["at_or_below", "below"])
def test_at_a_surplus_of_exactly_zero_the_trigger_decides_today(trigger):
    """VENUES section 1: dYdX does not liquidate at equality. The first move decides it then."""
    symbol = Symbol("S", "BTC", "linear", TierTable((0.0,), (0.5,), (2.0,)), 1.0, replace(PLAIN, trigger=trigger))
    other = replace(symbol, underlying="ETH")
    held = [Position("a", symbol, 1.0, 1.0, 1.0, "cross", None), Position("b", other, 1.0, 1.0, 1.0, "cross", None)]
    configurations = [configuration("x", ("a", [0], 0.5), ("b", [1], 0.75)), configuration("y", ("c", [0, 1], 1.0))]
    question = scenario(held, configurations, volatilities={"BTC": 0.5, "ETH": 0.5}, days=1.0, paths=1_024)
    outcomes = simulate(question)
    (alone, _), (together,) = outcomes.problem.configuration_stakes
    expected = 0 if trigger == "at_or_below" else 1
    assert (outcomes.liquidation_step[[alone, together]] == expected).all()
