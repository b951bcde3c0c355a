"""Books of about the same size share a program, and what fills them up changes nothing in their outcomes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stresslab.margin.padding import SIZES, padded_size, unpadded
from stresslab.simulation import preparation
from stresslab.simulation.executors import ThreadExecutor
from stresslab.simulation.preparation import Programs
from stresslab.simulation.run import simulate
from stresslab.venues.tiers import TierTable
from tests.oracles.scenarios import configuration, pack, position, scenario

NAMES = ("BTC", "ETH", "SOL", "BNB", "XRP", "DOGE", "ADA", "LINK", "AVAX", "LTC", "DOT", "UNI")
TIERED = TierTable((0.0, 120.0, 200.0), (0.005, 0.01, 0.02), (125.0, 50.0, 20.0))


def question(positions, *, assets=None, longs=None, hedge=False, paths=1500, step=0.25, **options):
    """All isolated, all in one pool, and the first two apart from the rest; entry prices of 1, 100 of notional each."""
    assets = positions if assets is None else assets
    held = [
        position(
            f"p{place}",
            100.0 if longs is None or place < longs else -100.0,
            asset=NAMES[place % assets],
            tiers=TIERED if place % 2 else position("", 1.0).symbol.tiers,
        )
        for place in range(positions)
    ]
    everyone = list(range(positions))
    configurations = [
        configuration("isolated", *((f"only {place}", [place], 12.0) for place in everyone)),
        configuration("cross", ("cross", everyone, 12.0 * positions)),
    ]
    if hedge:
        configurations.append(
            configuration("hedge", ("two", everyone[:2], 30.0), ("rest", everyone[2:], 10.0 * positions))
        )
    correlation = np.full((assets, assets), 0.6) + 0.4 * np.eye(assets)
    volatilities = {name: 0.7 + 0.05 * place for place, name in enumerate(NAMES[:assets])}
    return scenario(
        held,
        configurations,
        volatilities=volatilities,
        correlation=correlation,
        paths=paths,
        step=step,
        venue=pack(fee_rate=0.001),
        **options,
    )


def outcomes(asked, **options):
    return simulate(asked, executor=ThreadExecutor(programs={}), **options)


def as_it_is(monkeypatch):
    monkeypatch.setattr(
        preparation,
        "laid_out",
        lambda made: (made.scenario.market, unpadded(made.problem, len(made.scenario.market.assets))),
    )


FIELDS = ("required_collateral", "profit", "insurance_draw", "log_price")


def assert_same(one, other):
    assert one.required_collateral.shape == other.required_collateral.shape
    np.testing.assert_array_equal(one.liquidation_step, other.liquidation_step)
    np.testing.assert_array_equal(one.driver, other.driver)
    np.testing.assert_array_equal(one.ratio_counts, other.ratio_counts)
    for name in FIELDS:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=2e-6, atol=2e-4, err_msg=name)


CASES = {
    "one": {"positions": 1},
    "five of three assets": {"positions": 5, "assets": 3, "longs": 3, "hedge": True},
    "seven": {"positions": 7, "longs": 4},
    "nine and a hedge": {"positions": 9, "longs": 5, "hedge": True},
    "eleven of five assets": {"positions": 11, "assets": 5, "hedge": True},
    "heavy tails": {"positions": 5, "model": "student_t", "extra": {"degrees_of_freedom": 4.0}},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("bridge", ["every_pool", "none"])
def test_what_fills_up_changes_nothing(case, bridge, monkeypatch):
    asked = question(**case)
    filled = outcomes(asked, bridge=bridge)
    assert not filled.failed.any()
    as_it_is(monkeypatch)
    assert_same(filled, outcomes(asked, bridge=bridge))
    # Something happens in these books, and the comparison sees a book that differs.
    assert (filled.liquidation_step <= filled.steps).any()
    other = outcomes(replace(asked, book=replace(asked.book, venue=pack(fee_rate=0.003))), bridge=bridge)
    assert not np.allclose(filled.profit, other.profit, rtol=2e-6, atol=2e-4)


def test_books_of_about_the_same_size_share_a_program():
    programs: Programs = {}
    executor = ThreadExecutor(programs=programs)
    seven = question(7, hedge=True, paths=100)
    simulate(seven, executor=executor)
    assert len(programs) == 1
    # Shorts for longs, another order of assets' names, eight, nine and ten of them.
    for other in (question(7, longs=2, hedge=True, paths=100), *(question(n, hedge=True, paths=100) for n in (9, 10))):
        simulate(other, executor=executor)
    assert len(programs) == 1
    # Eleven are laid out as sixteen, and another bridge is another program.
    simulate(question(11, hedge=True, paths=100), executor=executor)
    simulate(seven, bridge="none", executor=executor)
    assert len(programs) == 3


def test_sizes():
    assert [padded_size(count) for count in (0, 1, 5, 7, 9, 10, 11, 40)] == [0, 1, 6, 10, 10, 10, 16, 40]
    grown = [padded_size(count) for count in range(1, 2000)]
    assert all(size >= count for count, size in enumerate(grown, 1))
    assert len(set(grown)) < 20
    assert all(size <= 5 / 3 * count for count, size in enumerate(grown, 1))
    assert set(SIZES) <= set(grown)
