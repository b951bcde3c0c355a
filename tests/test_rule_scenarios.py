"""The shipped scenarios of venue rules and collateral, on few paths and a tenth of their horizon."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stresslab.cli import main
from stresslab.margin.explanation import explain
from stresslab.running import run_to_folder
from stresslab.scenario.reading import read_scenario
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.run import simulate

SCENARIOS = Path(__file__).parents[1] / "scenarios"


def shipped(name: str, paths: int = 1_024) -> Scenario:
    read = read_scenario(SCENARIOS / f"{name}.toml", paths=paths)
    return replace(read, horizon=read.horizon / 10, steps=read.steps // 10)


def test_the_coin_desk_loses_coin_by_its_contracts():
    """Oracle: METHODS M2 at the simulated prices, on the paths on which nothing is liquidated."""
    question = shipped("coin_margined")
    assert question.notices == ()
    outcomes = simulate(question)
    stakes = list(outcomes.problem.configuration_stakes[0])
    unharmed = (outcomes.liquidation_step[stakes] > outcomes.steps).all(axis=0)
    assert 0.9 < unharmed.mean() <= 1.0
    contracts = sum(position.quantity for position in question.book.positions)
    price = 62_700.0 * np.exp(outcomes.log_price[0, unharmed].astype(np.float64))
    expected = contracts * 100.0 * (1.0 / 62_700.0 - 1.0 / price)
    np.testing.assert_allclose(outcomes.profit[stakes][:, unharmed].sum(axis=0), expected, atol=2e-5)
    # The short is worth no more dollars than its coins: it is never liquidated (METHODS M5).
    assert outcomes.liquidation_step[stakes[0]].min() == outcomes.steps + 1


def test_the_treasury_counts_coins_at_their_price_and_debts_whole(tmp_path):
    """Oracle: prices times quantities on the paths on which nothing is liquidated; M8 by hand for the margin today."""
    question = shipped("multi_asset_collateral")
    results, _ = run_to_folder(question, tmp_path / "out", form="short")
    assert (tmp_path / "out" / "report.pdf").stat().st_size > 10_000
    booked = results.sel(configuration="as_booked", pool="cross")
    held = {"BTC": -14.0 + 4.0, "ETH": 520.0 + 30.0, "USDX": 50_000.0, "SOL": -150.0}
    today = {"BTC": 62_700.0, "ETH": 3_430.0, "USDX": 1.0, "SOL": 146.0}
    pnl = -14.0 * 900.0 + 520.0 * 50.0 + 4.0 * 3_700.0
    equity = 40_000.0 + pnl + 30.0 * 3_430.0 + 50_000.0 - 150.0 * 146.0
    assert float(booked["equity"]) == pytest.approx(equity)
    margin = 0.005 * (14.0 * 62_700.0 + 520.0 * 3_430.0)
    assert float(booked["maintenance_margin"]) == pytest.approx(margin)
    # 5 % of the first 60,000 of 102,900 and 15 % of the rest, and 1 % of the stablecoin; nothing of the debt.
    haircuts = 0.05 * 60_000.0 + 0.15 * 42_900.0 + 0.01 * 50_000.0
    assert float(booked["margin_ratio_today"]) == pytest.approx((equity - haircuts) / margin)
    assert math.isinf(float(results["margin_ratio_today"].sel(configuration="all_isolated", pool="stable")))

    outcomes = simulate(question)
    (stake,) = outcomes.problem.configuration_stakes[0]
    alive = outcomes.liquidation_step[stake] > outcomes.steps
    assert 0.3 < alive.mean() < 1.0
    ratios = np.exp(outcomes.log_price[:, alive].astype(np.float64))
    change = sum(held[asset] * today[asset] * (ratios[row] - 1.0) for row, asset in enumerate(question.market.assets))
    np.testing.assert_allclose(outcomes.profit[stake, alive], change, atol=1e-5 * 1e6)


def test_the_desk_at_the_edge_pays_the_rate_of_its_tier_on_everything():
    """By hand: 15.5 at 62,700 are 971,850, at 1 % and a fee of 0.05 % inside; 1,000,000 and more, at 2.5 %."""
    question = shipped("whole_position_tiers")
    shown = explain(question.book, question.configurations[:1]).pools[0]
    assert shown.maintenance_margin == pytest.approx(0.0105 * 971_850.0)
    dearer = replace(question.book.positions[0], mark_price=65_000.0)
    book = replace(question.book, positions=(dearer, *question.book.positions[1:]))
    assert explain(book, question.configurations[:1]).pools[0].maintenance_margin == pytest.approx(0.0255 * 1_007_500.0)
    outcomes = simulate(question)
    stake = outcomes.problem.configuration_stakes[0][0]
    # A fall to where 55,000 less the loss is 1.05 % of the value: the price is in the tier from 500,000.
    price = (15.5 * 62_000.0 - 55_000.0) / (15.5 * (1.0 - 0.0105))
    fell = outcomes.log_price[0] < math.log(price / 62_700.0)
    assert fell.sum() > 20
    assert (outcomes.liquidation_step[stake, fell] <= outcomes.steps).all()
    once = outcomes.liquidation_step[stake] <= outcomes.steps
    # What is left there is the requirement less the fee of the liquidation.
    left = (0.0105 - 0.0005) * 15.5 * price
    np.testing.assert_allclose(outcomes.profit[stake, once], left - (55_000.0 + 15.5 * 700.0), atol=0.1)


def test_the_treasury_is_explained_and_a_price_that_is_missing_is_named(tmp_path, capsys):
    book = SCENARIOS / "books" / "treasury_desk.toml"
    assert main(["explain", str(book)]) == 0
    assert "15 % x 102,900.00 - 6,000.00" in capsys.readouterr().out  # 9,435 by hand
    lacking = tmp_path / "book.toml"
    lacking.write_text(book.read_text(encoding="utf-8").replace("mark_price = 146\n", ""), encoding="utf-8")
    assert main(["explain", str(lacking)]) != 0
    assert "sol-loan has no price; state mark_price" in capsys.readouterr().err


def test_a_stablecoin_that_loses_its_peg_costs_what_is_held_of_it():
    """Oracle: its twin on the same draws; a tenth of what 50,000 units are worth, on paths that nothing happens to."""
    twins = shipped("multi_asset_collateral"), shipped("depeg")
    assert twins[1].notices == twins[0].notices
    usual, depegged = (simulate(each) for each in twins)
    place = twins[0].market.assets.index("USDX")
    moved = depegged.log_price[place] - usual.log_price[place]
    np.testing.assert_allclose(moved, math.log(0.9), atol=1e-5)
    cross = usual.problem.configuration_stakes[0][0]
    untouched = np.minimum(usual.liquidation_step[cross], depegged.liquidation_step[cross]) > usual.steps
    assert untouched.mean() > 0.9
    lost = usual.profit[cross, untouched] - depegged.profit[cross, untouched]
    expected = 0.1 * 50_000.0 * np.exp(usual.log_price[place, untouched].astype(np.float64))
    np.testing.assert_allclose(lost, expected, atol=2.0)


def test_a_basis_that_closes_is_gone_at_the_end():
    """Oracle: the process without it; of the log gap 2^-n is left n half-lives later."""
    question = read_scenario(SCENARIOS / "open_basis.toml", paths=1_024)
    # 60 hours, and three half-lives of eight.
    question = replace(question, horizon=3.5, steps=84)
    plain = simulate(replace(question, market=replace(question.market, stress=None)))
    basis = simulate(question)
    moved = basis.log_price - plain.log_price
    np.testing.assert_allclose(moved, np.log([[0.85], [0.85]]) / 8.0 * np.ones_like(moved), atol=1e-5)
    # The long on BTC alone cannot gain by a fall: nobody is liquidated later, and some are at the gap.
    (long,) = [
        stake
        for stake, pool in zip(basis.problem.configuration_stakes[0], question.configurations[0].pools, strict=True)
        if pool.name == "btc-long"
    ]
    assert (basis.liquidation_step[long] <= plain.liquidation_step[long]).all()
    assert ((basis.liquidation_step[long] == 60) & (plain.liquidation_step[long] > basis.steps)).sum() >= 5
