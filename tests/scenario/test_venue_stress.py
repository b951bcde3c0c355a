"""Harsher rules and thinner markets from the start."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import stresslab as sl
from stresslab.documents.faults import InputError
from stresslab.margin.explanation import explain
from stresslab.scenario.reading import read_scenario
from stresslab.scenario.resolution import identity, resolved
from stresslab.scenario.scenario import Impact, VenueStress
from stresslab.simulation.run import simulate
from stresslab.venues.rules.margin_rules import MarginRules, maintenance_margin
from stresslab.venues.tiers import TierTable
from tests.scenario.files import PACK, SCENARIO, edited, write

SCENARIOS = Path(__file__).parents[2] / "scenarios"
IMPACT = "[liquidation_impact]\nstress = 2\ndaily_volumes = { BTC = 2e10, ETH = 1e10 }\n"
START = "[[configuration]]"


def read(folder, lines, *edits, pack=PACK):
    text = edited(SCENARIO, (START, f"{lines}\n{START}"), ("100_000", "1024"), ("90d", "2d"), *edits)
    return sl.read_scenario(write(folder, scenario=text, pack=pack))


def told(scenario):
    return [str(notice) for notice in scenario.notices if "rule pack" in str(notice)]


def test_rates_and_with_them_liquidation_prices_are_those_of_a_stressed_pack(tmp_path):
    scenario = read(tmp_path, "[venue_stress]\nmaintenance_factor = 2")
    tiers = scenario.book.positions[0].symbol.tiers
    assert tiers.maintenance_rates == (0.008, 0.01, 0.02)
    assert tiers.floors == (0.0, 50_000.0, 250_000.0)
    # M3 by hand: amounts double with the rates, 100 and 2,600. Leverages obey 1 / rate: 125, 100 and 50.
    assert tiers.maintenance_amounts == pytest.approx((0.0, 100.0, 2_600.0))
    assert tiers.maximal_leverages == (125.0, 100.0, 50.0)
    assert read(tmp_path, "[venue_stress]\nmaintenance_factor = 4").book.positions[
        0
    ].symbol.tiers.maximal_leverages == pytest.approx((62.5, 50.0, 25.0))
    # Twice the rate in the third tier: 20 * 60,500 - 50,000 - 2,600 = 20 P (1 - 0.02), so P = 59,051.02.
    (pool,) = [
        each for each in explain(scenario.book, scenario.configurations[:1]).pools if each.positions[0].id == "btc-long"
    ]
    assert pool.positions[0].liquidation_price == pytest.approx((20 * 60_500 - 50_000 - 2_600) / (20 * 0.98))
    assert told(scenario)
    assert "maintenance rates times 2" in told(scenario)[0]
    assert resolved(scenario)["venue_stress"] == {
        "maintenance_factor": 2.0,
        "haircut_increase": 0.0,
        "impact_factor": 1.0,
    }
    assert resolved(scenario)["venue"]["symbols"]["BTCUSDT"]["maintenance_rates"] == [0.008, 0.01, 0.02]
    plain = read(tmp_path, "")
    assert not told(plain)
    assert identity(plain) != identity(scenario)
    # The same as a pack that says so itself, path by path; and not the same as the plain pack.
    harsher = edited(
        PACK,
        ("0.004, 0, 125", "0.008, 0, 125"),
        ("0.005, 50, 100", "0.01, 100, 100"),
        ("0.01, 1_300, 50", "0.02, 2_600, 50"),
        ("[[0, 0.005, 0, 100]]", "[[0, 0.01, 0, 100]]"),
        ("[[0, 0.005, 0, 100]]", "[[0, 0.01, 0, 100]]"),
    )
    steps = [simulate(each).liquidation_step for each in (scenario, read(tmp_path, "", pack=harsher), plain)]
    np.testing.assert_array_equal(steps[0], steps[1])
    assert (steps[0] < steps[2]).any()
    assert (steps[0] <= steps[2]).all()


@pytest.mark.parametrize("rule", ["marginal", "whole_position", "size_slope", "square_root"])
def test_every_tier_rule_asks_a_multiple(rule, tmp_path):
    from dataclasses import replace

    from stresslab.scenario.venue_stress import under_stress

    position = read(tmp_path, "").book.positions[0]
    tiers = TierTable((0.0, 100_000.0), (0.01, 0.02), (20.0, 10.0))
    rules = MarginRules(tier_rule=rule, size_factor=0.0 if rule in ("marginal", "whole_position") else 0.001)
    plain = replace(position, symbol=replace(position.symbol, tiers=tiers, rules=rules))
    (stressed,) = under_stress((plain,), VenueStress(3.0, 0.2, 1.0))
    figures = [
        maintenance_margin(20.0, 61_000.0, each.symbol.tiers, rules=each.symbol.rules) for each in (plain, stressed)
    ]
    assert figures[0] > 0.0
    assert figures[1] == pytest.approx(3.0 * figures[0])


def test_haircuts_rise_and_debts_have_none(tmp_path):
    question = (SCENARIOS / "multi_asset_collateral.toml").read_text()
    path = tmp_path / "scenarios" / "haircuts.toml"
    path.parent.mkdir()
    book = (SCENARIOS / "books" / "treasury_desk.toml").as_posix()
    question = question.replace("books/treasury_desk.toml", book)

    def ratio(increase):
        path.write_text(question + f"[venue_stress]\nhaircut_increase = {increase}\n")
        scenario = read_scenario(path)
        pools = explain(scenario.book, scenario.configurations[:1]).pools
        (pool,) = [each for each in pools if each.pool == "cross"]
        return scenario, pool

    scenario, pool = ratio(0.1)
    # By hand: 15 % of the first 60,000 of 102,900 and 25 % of the rest, 11 % of the stablecoin; nothing of the debt.
    assert pool.haircuts == pytest.approx(0.15 * 60_000.0 + 0.25 * 42_900.0 + 0.11 * 50_000.0)
    assert "haircuts of collateral plus 0.1" in told(scenario)[0]
    # Maintenance margin is not touched; without an increase nothing is, and nothing is told.
    plain, calm = ratio(0)
    assert pool.maintenance_margin == calm.maintenance_margin
    assert calm.haircuts == pytest.approx(0.05 * 60_000.0 + 0.15 * 42_900.0 + 0.01 * 50_000.0)
    assert not told(plain)
    with pytest.raises(InputError, match=r"a haircut of 0\.15 becomes 1\.05, above 1"):
        ratio(0.9)


def test_impact_is_multiplied(tmp_path):
    scenario = read(tmp_path, IMPACT + "[venue_stress]\nimpact_factor = 4")
    assert scenario.impact == Impact(8.0, {"BTC": 2e10, "ETH": 1e10})
    assert "price impact of closes times 4" in told(scenario)[0]
    # Path by path what a scenario with that impact gives.
    stated = read(tmp_path, IMPACT.replace("stress = 2", "stress = 8"))
    plain = read(tmp_path, IMPACT)
    profits = [simulate(each).profit for each in (scenario, stated, plain)]
    np.testing.assert_array_equal(profits[0], profits[1])
    assert profits[0].sum() < profits[2].sum()


def test_faults_are_placed(tmp_path):
    cases = {
        "maintenance_factor = 0.5": "`maintenance_factor` is 0.5, below 1",
        # 0.01 in the third tier.
        "maintenance_factor = 100": 'a maintenance rate of "BTCUSDT" becomes 1, not below 1',
        "haircut_increase = 0.1": "the book holds no asset with a haircut",
        "impact_factor = 2": "`impact_factor` stands without [liquidation_impact]",
        "depth = 2": 'unknown key "depth"',
    }
    for line, message in cases.items():
        with pytest.raises(InputError) as error:
            read(tmp_path, f"[venue_stress]\n{line}")
        faults = [str(fault) for fault in error.value.faults]
        assert [message in each for each in faults] == [True], (message, faults)


def test_the_shipped_scenario_is_harsher_than_its_twin():
    """Oracle: its twin's own figures, doubled."""
    harsher = read_scenario(SCENARIOS / "harsher_rules.toml", paths=1_024)
    plain = read_scenario(SCENARIOS / "reduced_by_steps.toml", paths=1_024)
    pairs = zip(harsher.book.positions, plain.book.positions, strict=True)
    for stressed, usual in pairs:
        rates = [2.0 * rate for rate in usual.symbol.tiers.maintenance_rates]
        assert list(stressed.symbol.tiers.maintenance_rates) == pytest.approx(rates)
    assert harsher.impact is not None
    assert plain.impact is not None
    assert harsher.impact.stress == 2.0 * plain.impact.stress
