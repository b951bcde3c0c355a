"""Sensitivities: slopes against derivatives of the closed form, and what must not change with an input."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.patches import Rectangle

from stresslab import cli
from stresslab.market.funding import FundingSpecification
from stresslab.market.premium import Premium, PremiumLaw
from stresslab.report import compile_pages
from stresslab.report.blocks import LeftOut
from stresslab.report.charts.sensitivities import by_width, figure_tornado
from stresslab.report.review import Review
from stresslab.report.sensitivity_pages import (
    TITLE,
    contributions_table,
    finding,
    sensitivities_figures,
    sensitivities_page,
)
from stresslab.results.companions import Companions
from stresslab.scenario.shocks import FUNDING, shocks
from stresslab.sensitivity import sensitivities, sensitivities_table
from stresslab.simulation import preparation
from stresslab.simulation.compilation import compiled
from tests.oracles.scenarios import configuration, position, scenario
from tests.scenario.files import SCENARIO, edited, write

MERTON = {
    "common_jump_rate": 12.0,
    "common_jump_mean": -0.05,
    "common_jump_deviation": 0.05,
    "own_jump_rate": 0.0,
    "own_jump_mean": 0.0,
    "own_jump_deviation": 0.0,
}


def long_of_ten(paths=100_000, **keys):
    """Case A of METHODS: long, linear, 10x, maintenance 0.5 %, volatility 80 %, seven days in daily steps."""
    return scenario(
        [position("long", 1.0)],
        [configuration(name, ("long", [0], 0.1)) for name in ("as_booked", "all_isolated", "all_cross")],
        volatilities={"BTC": 0.8},
        step=1.0,
        paths=paths,
        **keys,
    )


def passage(margin: float, volatility: float, mark: float = 1.0) -> float:
    """METHODS M11 on the liquidation price of M4, no drift of the price."""
    barrier = math.log((1.0 - margin) / 0.995 / mark)
    deviation = volatility * math.sqrt(7.0 / 365.0)
    mean, normal = -0.5 * deviation**2, NormalDist().cdf
    reflected = math.exp(2.0 * mean * barrier / deviation**2)
    return normal((barrier - mean) / deviation) + reflected * normal((barrier + mean) / deviation)


@pytest.fixture(scope="module")
def case_a():
    programs: list[object] = []
    with pytest.MonkeyPatch.context() as patched:

        def counted(lower):
            programs.append(lower)
            return compiled(lower)

        patched.setattr(preparation, "compiled", counted)
        results = sensitivities(long_of_ten(), 100_000)
    return results, len(programs)


def slope(results, factor, name="account_liquidation_probability"):
    here = results.sel(factor=factor, configuration="as_booked")
    return float(here[f"{name}_slope"]), float(here[f"{name}_slope_standard_error"])


def test_the_slope_to_collateral_is_that_of_the_closed_form(case_a):
    # METHODS M21: -5.367491 per unit of notional. A relative move of the collateral of 0.1 is that times 0.1.
    value, error = slope(case_a[0], "collateral")
    assert error / 0.1 < 0.06
    assert abs(value / 0.1 + 5.367491) < 3.0 * error / 0.1
    # The control: the leg that is half as far away would be told from it.
    assert abs(value / 0.1 + 2.0 * 5.367491) > 3.0 * error / 0.1


def test_the_other_slopes_are_those_of_the_closed_form(case_a):
    width = 1e-5
    volatility = 0.8 * (passage(0.1, 0.8 + width) - passage(0.1, 0.8 - width)) / (2.0 * width)
    # Leverage l with the collateral 1 / l times what it was; size q leaves 0.1 / q for each unit.
    leverage = (passage(0.1 / 1.1, 0.8) - passage(0.1 / 0.9, 0.8)) / 0.2
    price = (passage(0.1, 0.8, 1.05) - passage(0.1, 0.8, 0.95)) / 0.1
    wanted = {"volatility": volatility, "leverage": leverage, "size": leverage, "price": price}
    for factor, oracle in wanted.items():
        value, error = slope(case_a[0], factor)
        assert abs(value - oracle) < 3.0 * error, factor
        assert abs(oracle) > 10.0 * error, factor


@pytest.fixture(scope="module")
def pooled():
    positions = [position("long", 1.0), position("short", -0.6, asset="ETH"), position("other", 0.3, asset="ETH")]
    question = scenario(
        positions,
        [configuration("as_booked", ("pool", [0, 1], 0.1), ("alone", [2], 0.03))],
        volatilities={"BTC": 0.8, "ETH": 1.0},
        step=1.0,
        paths=40_000,
    )
    return sensitivities(question, 40_000)


def test_contributions_of_positions_and_money_cancel(pooled):
    # Rates of maintenance are flat, so that P depends on sizes over money alone: Euler's theorem, degree zero.
    here = pooled.sel(configuration="as_booked", pool="pool")
    slopes, errors = here.liquidation_probability_slope, here.liquidation_probability_slope_standard_error
    own = [name for name in pooled.factor.values if str(name).startswith("size of")]
    assert own == ["size of long", "size of short", "size of other"]
    parts = slopes.sel(factor=own)
    error = float(np.sqrt((errors.sel(factor=[*own, "collateral"]) ** 2).sum()))
    assert abs(float(parts.sum() + slopes.sel(factor="collateral"))) < 4.0 * error + 0.01
    # The control: without the money they do not cancel; and who is in another pool adds nothing.
    assert float(parts.sum()) > 10.0 * error
    assert float(parts.sel(factor="size of other")) == 0.0
    assert "size of long" not in by_width(pooled, "account_liquidation_probability")


def test_contributions_stand_in_a_table_where_a_pool_has_several(pooled, case_a):
    (table,) = contributions_table(pooled)
    assert [row[1] for row in table.rows] == ["long", "short"]
    shown = float(
        pooled.liquidation_probability_slope.sel(configuration="as_booked", pool="pool", factor="size of long")
    )
    # A tenth of the slope, in points.
    assert float(table.rows[0][2][0]) == pytest.approx(10.0 * shown, abs=0.01)
    assert contributions_table(case_a[0]) == []


def test_changes_are_paired(case_a):
    results, programs = case_a
    assert programs == 1
    here = results.sel(configuration="as_booked", factor="volatility", direction="up")
    change = float(here.account_liquidation_probability_change)
    assert change == pytest.approx(passage(0.1, 0.88) - passage(0.1, 0.8), abs=0.004)
    # The control: intervals of two runs of their own would be 1.96 sqrt(2 p (1 - p) / n) wide either way.
    half = float(here.account_liquidation_probability_change_upper) - change
    assert half < 0.5 * 1.96 * math.sqrt(2.0 * 0.4 * 0.6 / 100_000)
    assert np.allclose(
        results.account_liquidation_probability - results.account_liquidation_probability_stated,
        results.account_liquidation_probability_change,
    )


def test_an_immediate_loss_is_part_of_the_loss_after_a_move_of_the_price(case_a):
    # A martingale without fees (M22): the mean loss of a long that keeps what is left is what the move took, 0.05,
    # while the position stands; P(alive) is below one and the loss is at most the collateral.
    here = case_a[0].sel(configuration="as_booked", factor="price")
    down, up = (float(here.expected_shortfall.sel(direction=side)) for side in ("down", "up"))
    stated = float(here.expected_shortfall_stated.max())
    # With the price at 0.95 the liquidation price is where it was: the same is lost at most.
    assert down == pytest.approx(stated, rel=1e-4)
    assert up == pytest.approx(stated, rel=1e-4)
    assert stated == pytest.approx(0.1 - 0.005 * 0.9 / 0.995, rel=1e-4)
    assert float(here.expected_loss.sel(direction="down")) > float(here.expected_loss.sel(direction="up")) + 0.02


def test_size_at_the_mark_leaves_equity_and_positions_without_pnl_their_entry():
    won = replace(
        long_of_ten(64), book=replace(long_of_ten(64).book, positions=(position("long", 1.0, entry=0.9, mark=1.0),))
    )
    (size,) = (each for each in shocks(won) if each.factor == "size")
    for moved, factor in zip(size.scenarios, (0.9, 1.1), strict=True):
        (leg,) = moved.book.positions
        assert leg.quantity == pytest.approx(factor)
        # By hand: the unrealized pnl stays 1.0 x (1 - 0.9).
        assert leg.quantity * (1.0 - leg.entry_price) == pytest.approx(0.1)
    (plain,) = (each for each in shocks(long_of_ten(64)) if each.factor == "size")
    assert [each.book.positions[0].entry_price for each in plain.scenarios] == pytest.approx([1.0, 1.0])


def test_correlations_stay_valid_and_move_as_stated():
    singular = np.array([[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])
    question = scenario(
        [position(name, 1.0, asset=name) for name in ("A", "B", "C")],
        [configuration("as_booked", ("cross", [0, 1, 2], 1.0))],
        volatilities={"A": 0.8, "B": 0.8, "C": 0.8},
        correlation=singular,
    )
    (moved,) = (each for each in shocks(question) if each.factor == "correlation")
    for each, pair in zip(moved.scenarios, ((0.9, -0.9), (1.0, -0.8)), strict=True):
        matrix = each.market.correlation
        assert np.linalg.eigvalsh(matrix).min() > -1e-12
        assert (matrix[0, 1], matrix[0, 2]) == pytest.approx(pair)
    assert "correlation" not in [each.factor for each in shocks(long_of_ten(64))]


def test_what_the_market_does_not_have_is_left_out():
    plain = {each.factor for each in shocks(long_of_ten(64))}
    assert plain == {"price", "size", "collateral", "leverage", "volatility"}
    jumping = long_of_ten(64, model="merton", extra=MERTON)
    assert {each.factor for each in shocks(jumping)} == plain | {"jump_rate"}
    funding = FundingSpecification(1.0, 1e-4, 5e-4, math.inf, (Premium(PremiumLaw.normal(0.0, 0.0), 0.5),))
    paying = replace(jumping, market=replace(jumping.market, funding=funding))
    assert {each.factor for each in shocks(paying)} == plain | {"jump_rate", "funding"}


def test_funding_moves_every_rate_by_as_much():
    # Without noise the rate is premium + clamp(interest - premium) = 1e-4, so a long pays 1e-4 of its notional a day.
    funding = FundingSpecification(1.0, 1e-4, 5e-4, math.inf, (Premium(PremiumLaw.normal(0.0, 0.0), 0.5),))
    # Prices all but still, so that nothing else is lost.
    question = long_of_ten(256)
    still = replace(question.market, volatilities=np.array([1e-6]), funding=funding)
    results = sensitivities(replace(question, market=still))
    here = results.sel(configuration="as_booked", factor="funding")
    assert float(here.expected_loss_slope) == pytest.approx(7.0, rel=1e-3)
    assert float(here.expected_loss_change.sel(direction="down")) == pytest.approx(-7.0 * FUNDING, rel=1e-3)


def test_the_tornado_and_the_page_say_what_the_numbers_say(case_a):
    results = case_a[0]
    order = by_width(results, "account_liquidation_probability")
    # By M11 the moves change P by up to 0.29 (price), 0.06 (collateral), 0.05 (leverage, size) and 0.05 (volatility).
    assert order[0] == "price"
    assert order[-1] == "volatility"
    drawn = figure_tornado(results)
    labels = [each.get_text().split("\n")[0] for each in drawn.axes[0].get_yticklabels()]
    assert labels == order
    widths = [abs(each.get_width()) for each in drawn.axes[0].patches if isinstance(each, Rectangle)]
    change = results.account_liquidation_probability_change.sel(factor="price", configuration="as_booked")
    assert max(widths[:2]) == pytest.approx(float(abs(change).max()), rel=1e-9)
    assert finding(results).startswith("Price moves P(any pool liquidated) as booked most: +")
    assert [row[0][0] for row in sensitivities_figures(results).rows] == order
    page = sensitivities_page(Review(results, Companions(sensitivities=results)), [])
    assert not isinstance(page, LeftOut)
    pdf, warnings = compile_pages([page], kind="k", title=TITLE, subtitle="s", book="b", identity="i")
    assert pdf.startswith(b"%PDF")
    assert not warnings
    assert isinstance(sensitivities_page(Review(results), []), LeftOut)


def test_the_table_has_a_row_for_each_number_and_factor(case_a):
    table = sensitivities_table(case_a[0])
    # Three numbers of three accounts, and P of one pool in each, to five factors.
    assert len(table) == (3 * 3 + 3) * 5
    first = table[(table.variable == "liquidation_probability") & (table.factor == "collateral")].iloc[0]
    assert first.slope == pytest.approx((first.up - first.down) / 0.2)


def test_the_command_leaves_a_folder(tmp_path, capsys):
    plan = write(tmp_path, scenario=edited(SCENARIO, ("100_000", "512"), ('"90d"', '"5d"')))
    out = tmp_path / "out"
    assert cli.main(["sensitivities", str(plan), "--out", str(out), "--paths", "256", "--tables", "parquet"]) == 0
    told = capsys.readouterr().out
    assert "256 paths each" in told
    assert "0.1 towards zero" in told
    assert sorted(path.name for path in out.iterdir()) == [
        *("manifest.json", "sensitivities.csv", "sensitivities.nc", "sensitivities.parquet", "sensitivities.svg"),
    ]
    written, typed = pd.read_csv(out / "sensitivities.csv"), pd.read_parquet(out / "sensitivities.parquet")
    assert list(typed.columns) == list(written.columns)
    np.testing.assert_allclose(typed.stated, written.stated, rtol=1e-12)
    results = xr.load_dataset(out / "sensitivities.nc", engine="h5netcdf")
    assert set(results.configuration.values) == {"as_booked", "all_isolated", "all_cross", "hedge pooled"}
    # Pools that a configuration lacks are missing, and nothing else is.
    held = ~np.isnan(results.liquidation_probability_stated.sel(configuration="hedge pooled"))
    assert list(results.pool.values[held.values]) == ["majors"]
