"""The dataset holds what the table of variables says, labeled as it says, and what a run can be repeated from."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import stresslab
from stresslab.results.dataset import assemble
from stresslab.results.policy_variables import OPTIONAL
from stresslab.results.reverse_stress import NEAREST_VARIABLES
from stresslab.results.variables import VARIABLES, companions
from stresslab.scenario.resolution import identity, resolved
from stresslab.simulation.block import BLOCK_WIDTH, RATIO_EDGES
from stresslab.simulation.run import simulate
from tests.results.conftest import DESK, HOSTILE_BOOK, HOSTILE_SCENARIO, LONG, POOLED, TITLE
from tests.scenario.files import PACK

# Of the review days 1, 7, 30 and 90 the last two lie beyond the horizon of eight days.
BEYOND = ("_30d", "_90d")
# Nothing acts in this run, so no ledger is kept, and there is no policy to be worth anything; nor are there dated bars.
ACTING = {"expected_ledger", "transfers_quantile", *OPTIONAL, *(row.name for row in NEAREST_VARIABLES)}
WITHIN = {name: row for name, row in VARIABLES.items() if not name.endswith(BEYOND) and name not in ACTING}

# DESIGN section 7.5, word for word.
PROMISED = {
    "liquidation_probability": ("configuration", "pool"),
    "position_liquidation_probability": ("configuration", "position"),
    "account_liquidation_probability": ("configuration",),
    "account_wiped_probability": ("configuration",),
    "survival": ("configuration", "pool", "time"),
    "account_survival": ("configuration", "time"),
    "required_collateral": ("configuration", "pool", "quantile"),
    "margin_ratio": ("configuration", "pool", "time", "quantile"),
    "expected_loss": ("configuration",),
    "expected_pnl": ("configuration",),
    "expected_liquidation_loss": ("configuration", "pool"),
    "loss_quantile": ("configuration", "quantile"),
    "value_at_risk": ("configuration", "level"),
    "expected_shortfall": ("configuration", "level"),
    "expected_loss_difference": ("configuration",),
    "account_liquidation_probability_difference": ("configuration",),
}


def test_every_variable_of_the_table_and_nothing_else(results):
    wanted = {name for row in WITHIN.values() for name in (row.name, *companions(row))}
    assert set(results.data_vars) == wanted
    # Control: the table does name what this run has no days for.
    assert "liquidation_probability_30d" in VARIABLES


@pytest.mark.parametrize("name", PROMISED)
def test_promised_variables(results, name):
    assert results[name].dims == PROMISED[name]


def test_promised_labels(results):
    assert set(results.sizes) >= {"configuration", "pool", "position", "time", "quantile", "level"}
    assert results.configuration.values.tolist()[:3] == ["as_booked", "all_isolated", "all_cross"]
    assert results["quantile"].values.tolist() == [0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999]
    assert results.level.values.tolist() == [0.95, 0.975, 0.99]
    # Eight days of four hours: every one of 48 steps, and today.
    np.testing.assert_allclose(results.time, np.arange(49) / 6, rtol=0, atol=1e-12)
    assert results.time.attrs["units"] == "day"


UNITS = {"money": "USDT", "price": "USDT per unit", "quantity": "base units"}


@pytest.mark.parametrize("row", WITHIN.values(), ids=WITHIN)
def test_dims_units_signs_and_intervals(results, row):
    for name in (row.name, *companions(row)):
        values = results[name]
        assert values.dims == row.dims
        assert values.attrs.get("units", "") == UNITS.get(row.unit, row.unit)
        assert values.attrs["sign"] == row.sign
        assert row.description in values.attrs["long_name"]
        assert ("95 %" in values.attrs.get("interval", "")) == bool(row.interval)
    assert len({results[name].attrs["long_name"] for name in (row.name, *companions(row))}) == 1 + len(companions(row))


PROBABILITIES = [row.name for row in WITHIN.values() if row.sign == "0 to 1"]
ESTIMATES = [row.name for row in WITHIN.values() if row.interval]


@pytest.mark.parametrize("name", PROBABILITIES)
def test_probabilities_lie_in_their_intervals_and_are_never_ruled_out(results, name):
    values, lower, upper = (results[f"{name}{bound}"].values for bound in ("", "_lower", "_upper"))
    present = ~np.isnan(values)
    assert present.any()
    assert (values[present] >= lower[present]).all()
    assert (values[present] <= upper[present]).all()
    assert (lower[present] >= 0.0).all()
    assert (upper[present] <= 1.0).all()
    assert (upper[present] > 0.0).all()


def test_control_some_pool_is_never_liquidated(results):
    # The 950,000 behind a short of 495,000: without it the test above could not see an upper bound of 0.
    short = results.sel(configuration="as_booked", pool="cross")
    assert short.liquidation_probability == 0.0
    assert short.liquidation_probability_upper > 0.0
    assert np.isnan(short.loss_given_liquidation)


@pytest.mark.parametrize("name", ESTIMATES)
def test_estimates_lie_in_their_intervals(results, name):
    values, lower, upper = (results[f"{name}{bound}"].values for bound in ("", "_lower", "_upper"))
    bounded = ~np.isnan(lower)
    assert bounded.any()
    assert (values[bounded] >= lower[bounded]).all()
    assert (values[bounded] <= upper[bounded]).all()


def test_missing_pools_are_missing(results):
    pools = {
        "as_booked": {LONG, "cross"},
        "all_isolated": {LONG, "eth-short"},
        "all_cross": {"cross"},
        POOLED: {"@majors"},
    }
    assert results.configuration.values.tolist() == list(pools)
    for name in ("liquidation_probability", "survival", "required_collateral", "margin_ratio", "collateral"):
        for configuration, held in pools.items():
            row = results[name].sel(configuration=configuration)
            for pool in results.pool.values:
                assert bool(row.sel(pool=pool).isnull().all()) == (pool not in held), (name, configuration, pool)


def test_facts_by_hand(results):
    # Book and marks as written: 20 at 60,500 marked 61,100 (the scenario's price), -150 at 3,310 marked 3,300.
    assert results.notional.values == pytest.approx([20 * 61_100.0, 150 * 3_300.0])
    assert results.unrealized_pnl.values == pytest.approx([20 * 600.0, 150 * 10.0])
    # 1 % of 1,222,000 less 1,300; 0.5 % of 495,000.
    assert results.position_maintenance_margin.values == pytest.approx([10_920.0, 2_475.0])
    as_booked = results.sel(configuration="as_booked")
    assert as_booked.collateral.sel(pool=[LONG, "cross"]).values == pytest.approx([50_000.0, 950_000.0])
    assert as_booked.equity.sel(pool=[LONG, "cross"]).values == pytest.approx([62_000.0, 951_500.0])
    # The wallet and all unrealized pnl, however it is partitioned.
    assert results.account_value.values == pytest.approx([1_013_500.0] * 4)
    assert as_booked.pool_of_position.values.tolist() == [LONG, "cross"]
    assert results.correlation.values.tolist() == [[1.0, 0.82], [0.82, 1.0]]


def test_margin_ratio_today_is_that_of_the_first_time(results):
    today = results.margin_ratio.isel(time=0)
    ratio = 62_000.0 / 10_920.0
    assert today.sel(configuration="as_booked", pool=LONG).values == pytest.approx([ratio] * 11)
    # Quantiles end at the last edge that is counted; what is above it today is not told apart either.
    assert float(results.margin_ratio.max()) <= RATIO_EDGES[-1]


def test_probabilities_are_shares_of_the_outcomes(results, outcomes):
    # Counted anew from the outcomes: the first stake of the first configuration is the isolated long.
    stake = outcomes.problem.configuration_stakes[0][0]
    hits = int((outcomes.liquidation_step[stake] <= 48).sum())
    assert 0 < hits < 1_500
    row = results.sel(configuration="as_booked", pool=LONG)
    assert row.liquidation_probability == hits / 1_500
    assert row.survival.isel(time=-1) == pytest.approx(1 - hits / 1_500, abs=1e-12)
    within = int((outcomes.liquidation_step[stake] <= 6).sum())
    assert row.liquidation_probability_1d == within / 1_500


def test_attributes_hold_the_question(results, scenario):
    attributes = results.attrs
    assert attributes["schema"] == 1
    assert (attributes["title"], attributes["book"]) == (TITLE, DESK)
    assert attributes["scenario_hash"] == identity(scenario)
    assert json.loads(attributes["resolved_scenario"]) == resolved(scenario)
    assert (attributes["seed"], attributes["paths"], attributes["block_width"]) == (7, 1_500, BLOCK_WIDTH)
    assert attributes["currency"] == "USDT"
    versions = json.loads(attributes["versions"])
    assert versions["stresslab"] == stresslab.__version__
    assert versions["numpy"] == np.__version__
    assert {"python", "jax", "jaxlib", "scipy", "xarray"} <= set(versions)


def test_attributes_hold_every_file_whole(results):
    assert json.loads(results.attrs["documents"]) == {
        "scenario": HOSTILE_SCENARIO,
        "book": HOSTILE_BOOK,
        "venue": PACK,
    }


def test_warnings_are_kept_without_the_place_of_the_files(results, scenario, scenario_file):
    notices = json.loads(results.attrs["notices"])
    assert len(notices) == len(scenario.notices) == 1
    assert "61_100" in notices[0]
    assert str(scenario_file.parent) not in notices[0]


def test_threads_do_not_change_a_bit(results, scenario):
    again = assemble(scenario, simulate(scenario, threads=2))
    assert again.identical(results)
    # Control: another seed does.
    other = assemble(replace(scenario, seed=8), simulate(replace(scenario, seed=8), threads=2))
    assert not other.expected_loss.equals(results.expected_loss)
    assert other.attrs["scenario_hash"] != results.attrs["scenario_hash"]


def test_value_without_a_row_cannot_enter(monkeypatch, scenario, outcomes):
    rows = {name: row for name, row in VARIABLES.items() if name != "expected_loss"}
    monkeypatch.setattr("stresslab.results.dataset.VARIABLES", rows)
    with pytest.raises(AssertionError, match="expected_loss"):
        assemble(scenario, outcomes)
