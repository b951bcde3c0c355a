"""The kernel against its plain twin, path by path (DESIGN section 8: steps equal, money to 1e-5 of the account)."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from stresslab.margin.problem import Bridge
from stresslab.scenario.reading import read_scenario
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.run import simulate
from stresslab.venues.tiers import TierTable
from tests.oracles import twin as twin_module
from tests.oracles.scenarios import configuration, pack, position, scenario
from tests.oracles.twin import gain, market_path, twin

TOLERANCE = 1e-5
QUARTERLY_REVIEW = Path(__file__).parents[2] / "scenarios" / "quarterly_review.toml"


@dataclass
class Comparison:
    """Largest difference of each outcome, in units of the account's value, and what the paths held."""

    required: float = 0.0
    profit: float = 0.0
    loss: float = 0.0
    insurance: float = 0.0
    log_price: float = 0.0
    wrong_steps: int = 0
    wrong_ratios: int = 0
    undecided: int = 0
    compared: int = 0
    liquidated: int = 0
    today: int = 0
    drawn: int = 0
    wrong_drivers: int = 0
    drivers: int = 0

    def agrees(self) -> bool:
        money = max(self.required, self.profit, self.loss, self.insurance)
        return (
            money < TOLERANCE
            and self.log_price < 1e-5
            and self.wrong_steps + self.wrong_ratios + self.wrong_drivers == 0
        )


def compare(
    question: Scenario,
    bridge: Bridge = "every_pool",
    *,
    of_twin: Scenario | None = None,
    total: Comparison | None = None,
) -> Comparison:
    """Run both, and the twin on another scenario where one is given."""
    result = total or Comparison()
    outcomes = simulate(question, bridge=bridge)
    problem = outcomes.problem
    book = question.book
    value = book.wallet_balance + sum(gain(p, p.mark_price or math.nan) for p in book.positions)
    paths = [twin(of_twin or question, path, bridge) for path in range(question.paths)]

    for path, (_, logs) in enumerate(paths):
        result.log_price = max(result.log_price, float(np.abs(outcomes.log_price[:, path] - logs).max()))
    for which, stakes in enumerate(problem.configuration_stakes):
        for path, (configurations, _) in enumerate(paths):
            decided, loss = True, 0.0
            for stake, expected in zip(stakes, configurations[which], strict=True):
                pool = problem.layout.stake_pools[stake]
                required = abs(outcomes.required_collateral[pool, path] - expected.required_collateral)
                result.required = max(result.required, required / value)
                result.compared += 1
                loss -= expected.profit
                if expected.distance < TOLERANCE * value:
                    result.undecided += 1
                    decided = False
                    continue
                result.wrong_steps += int(outcomes.liquidation_step[stake, path] != expected.liquidation_step)
                result.profit = max(result.profit, abs(outcomes.profit[stake, path] - expected.profit) / value)
                draw = abs(outcomes.insurance_draw[stake, path] - expected.insurance_draw)
                result.insurance = max(result.insurance, draw / value)
                result.liquidated += int(expected.liquidation_step <= outcomes.steps)
                result.today += int(expected.liquidation_step == 0)
                result.drawn += int(expected.insurance_draw > 0.0)
                lost = sorted(expected.lost, reverse=True)
                if len(lost) > 1 and lost[0] - lost[1] > TOLERANCE * value:
                    members = question.configurations[which].pools[stakes.index(stake)].positions
                    driver = members[expected.lost.index(lost[0])]
                    result.wrong_drivers += int(outcomes.driver[stake, path] != driver)
                    result.drivers += 1
            if decided:
                ours = -sum(float(outcomes.profit[stake, path]) for stake in stakes)
                result.loss = max(result.loss, abs(ours - loss) / value)
        for place, stake in enumerate(stakes):
            followed = [configurations[which][place] for configurations, _ in paths]
            if min(each.distance for each in followed) < TOLERANCE * value:
                continue
            for row, step in enumerate(outcomes.snapshots):
                ratios = np.array([each.ratios[step - 1] for each in followed])
                # A ratio within rounding of an edge may fall on either side of it.
                low = (ratios[:, None] * (1.0 - 1e-4) > outcomes.ratio_edges).sum(axis=0)
                high = (ratios[:, None] * (1.0 + 1e-4) > outcomes.ratio_edges).sum(axis=0)
                low[0] = high[0] = (ratios > 1.0).sum()
                counts = outcomes.ratio_counts[row, stake]
                result.wrong_ratios += int(((counts < low) | (counts > high)).sum())
    return result


def review(paths: int = 24) -> Scenario:
    """Three days of the shipped review with its collateral cut, so that pools are liquidated."""
    whole = read_scenario(QUARTERLY_REVIEW, paths=paths)
    cut = tuple(
        replace(each, pools=tuple(replace(pool, collateral=0.22 * pool.collateral) for pool in each.pools))
        for each in whole.configurations
    )
    return replace(whole, configurations=cut, horizon=3.0, steps=72)


# What is bridged, the model, and the side of each position.
SHAPES: tuple[tuple[Bridge, str, tuple[tuple[str, float], ...]], ...] = (
    ("every_pool", "gbm", (("BTC", 1.0), ("ETH", -1.0), ("BTC", -1.0))),
    ("every_pool", "student_t", (("BTC", 1.0), ("ETH", 1.0), ("SOL", -1.0), ("ETH", -1.0))),
    ("every_pool", "gbm", (("BTC", 1.0), ("BTC", -1.0))),
    ("none", "student_t", (("BTC", -1.0), ("ETH", 1.0), ("BTC", 1.0))),
    ("single_price", "gbm", (("SOL", 1.0), ("ETH", -1.0))),
)


def random_scenario(number: int) -> tuple[Scenario, Bridge]:
    """A small book with tiers, hedges, pools under water, fees and forfeits.

    Three numbers in a row share what is held with whom, and so one compilation; all their figures differ.
    """
    bridge, model, signs = SHAPES[number // 3]
    draw = random.Random(number)
    assets = sorted({asset for asset, _ in signs})
    cut = len(signs) // 2
    fat = model == "student_t"
    held = []
    for index, (asset, sign) in enumerate(signs):
        entry = draw.choice([0.5, 30.0, 4_000.0])
        floor = draw.uniform(0.6, 1.4)
        quantity = sign * draw.uniform(0.3, 2.0) / entry
        tiers = TierTable((0.0, floor * 0.5, floor), (0.004, 0.01, draw.uniform(0.015, 0.05)), (100.0, 50.0, 20.0))
        mark = entry * draw.uniform(0.97, 1.03)
        held.append(position(f"p{index}", quantity, asset=asset, entry=entry, mark=mark, tiers=tiers))

    everything = list(range(len(held)))
    by_price = [[i for i in everything if held[i].symbol.underlying == asset] for asset in assets]
    partitions = {
        "isolated": [[index] for index in everything],
        "cross": [everything],
        "halves": [part for part in (everything[:cut], everything[cut:]) if part],
        "by price": [part for part in by_price if part],
    }
    share: dict[tuple[int, ...], float] = {}

    def money(members: list[int]) -> float:
        gross = sum(abs(held[member].quantity) * held[member].entry_price for member in members)
        return gross * share.setdefault(tuple(members), draw.choice([0.01, 0.06, 0.1, 0.15, 0.25]))

    configurations = [
        configuration(
            f"{name} {factor}", *((f"{name} {k}", part, factor * money(part)) for k, part in enumerate(parts))
        )
        for name, parts in partitions.items()
        for factor in (1.0, 1.5)
    ]
    loads = np.array([[draw.gauss(0.0, 1.0) for _ in range(3)] for _ in assets])
    covariance = loads @ loads.T
    scales = np.sqrt(np.diag(covariance))
    question = scenario(
        held,
        configurations,
        volatilities={asset: draw.uniform(0.5, 1.5) for asset in assets},
        drifts=[draw.uniform(-1.0, 1.0) for _ in assets],
        correlation=covariance / np.outer(scales, scales),
        model=model,
        extra={"degrees_of_freedom": draw.uniform(2.5, 8.0)} if fat else {},
        days=5.0,
        step=0.25,
        paths=16,
        seed=draw.getrandbits(63),
        venue=pack(
            fee_rate=draw.choice([0.0, 0.002, 0.03]), remainder=draw.choice(["returned", "returned", "forfeited"])
        ),
    )
    return question, bridge


@pytest.fixture(scope="module")
def shipped() -> Comparison:
    return compare(review())


def test_the_shipped_review_agrees_path_by_path(shipped):
    assert shipped.agrees(), shipped
    assert shipped.liquidated > 40
    assert shipped.undecided < 0.01 * shipped.compared


def test_the_shipped_review_without_the_bridge_agrees_path_by_path():
    result = compare(review(paths=16), "none")
    assert result.agrees(), result
    assert result.liquidated > 20


def test_random_books_agree_path_by_path():
    total = Comparison()
    for number in range(3 * len(SHAPES)):
        before = replace(total)
        compare(*random_scenario(number), total=total)
        assert total.agrees(), (number, before, total)
    # The books must have held what they are for.
    assert total.liquidated - total.today > 150
    assert total.today > 50
    assert total.drawn > 70
    assert total.drivers > 80
    assert total.undecided < 0.01 * total.compared


def test_a_quarter_of_hourly_steps_does_not_drift():
    # Single precision rounds 2160 sums to 3e-8 each; at random that is 2e-6 at most, always the same way 6e-5.
    whole = read_scenario(QUARTERLY_REVIEW, paths=3)
    question = replace(whole, configurations=whole.configurations[:1])
    outcomes = simulate(question)
    assert outcomes.steps == 2160
    for path in range(3):
        np.testing.assert_allclose(outcomes.log_price[:, path], market_path(question, path)[-1].end, rtol=0, atol=5e-6)


def test_a_twin_that_takes_the_wrong_side_of_the_bridge_disagrees(monkeypatch):
    right = twin_module.lowest
    monkeypatch.setattr(
        twin_module, "lowest", lambda start, end, variance, u: start + end - right(start, end, variance, u)
    )
    assert not compare(replace(random_scenario(0)[0], paths=4)).agrees()


def test_a_twin_that_mirrors_the_draw_of_the_high_disagrees(monkeypatch):
    right = twin_module.lowest
    monkeypatch.setattr(twin_module, "highest", lambda start, end, variance, u: -right(-start, -end, variance, u))
    result = compare(review(paths=8))
    assert not result.agrees()
    assert result.log_price < 1e-5


def test_a_twin_that_mirrors_the_daily_variance_disagrees(monkeypatch):
    right = twin_module.mixing_variance
    monkeypatch.setattr(twin_module, "mixing_variance", lambda nu, u: right(nu, 1.0 - u))
    assert not compare(review(paths=2)).agrees()


def test_a_twin_that_forgets_the_fee_disagrees_on_losses_alone():
    question = review(paths=8)
    dear = replace(
        question, book=replace(question.book, venue=replace(question.book.venue, liquidation_fee_rate=0.002))
    )
    assert compare(dear).agrees()
    result = compare(dear, of_twin=question)
    assert result.loss > 100 * TOLERANCE
    assert result.required < TOLERANCE
    assert result.wrong_steps == 0
