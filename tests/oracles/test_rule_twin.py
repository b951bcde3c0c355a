"""The kernel against its plain twin under every rule of a pack, path by path (tolerances of `test_twin`)."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from stresslab.book.book import Position
from stresslab.scenario.scenario import Scenario
from stresslab.venues.pack import Symbol
from stresslab.venues.rules.margin_rules import PLAIN, MarginRules
from stresslab.venues.tiers import TierTable
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
