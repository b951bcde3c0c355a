"""Cash at risk, contagion and pools on simulated paths; the command, from the file to the folder."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from stresslab.allocation.bounds import bounds_of
from stresslab.allocation.outcomes import Objective
from stresslab.allocation.pooling import ASSIGNMENTS, PARTITIONS, assignments, hedge_pairs, partitions, search_pooling
from stresslab.allocation.sampling import draw_sample
from stresslab.cli import main
from stresslab.measures.cash_at_risk import cash_at_risk
from stresslab.measures.contagion import conditional_liquidation
from tests.allocation.books import scenario_of


def test_cash_at_risk_and_contagion_of_two_longs(tmp_path):
    scenario = scenario_of(tmp_path, [1.0, 1.0], [0.8, 1.0], 0.8, paths=100_000, step="8h")
    sample = draw_sample(scenario)
    # METHODS O7 (M55), closed form: 0.156111 at 99 %.
    cash, lower, upper = cash_at_risk(sample.required[0], 0.1, 0.99)
    assert lower - 0.002 < 0.156111 < upper + 0.002
    assert lower <= cash <= upper
    assert cash_at_risk(sample.required[0], 10.0, 0.99) == (0.0, 0.0, 0.0)
    # METHODS O7 (M53), exact: 0.8420 and 0.6560; O4: independent bridges at 8 hours bias "both" by 0.0008 of 0.323.
    table = conditional_liquidation(sample.required >= 0.1)
    assert table[0, 1] == pytest.approx(0.8420, abs=0.012)
    assert table[1, 0] == pytest.approx(0.6560, abs=0.012)


def test_partitions_are_all_there():
    # Bell numbers, and 2^n - n assignments, by their own recurrences.
    assert [len(set(partitions(count))) for count in (1, 2, 3, 4, 5, 6)] == [1, 2, 5, 15, 52, 203]
    assert len(set(assignments(10))) == 2**10 - 10
    assert set(assignments(4)) < set(partitions(4))


@pytest.fixture(scope="module")
def hedged(tmp_path_factory):
    """A long and a short on one price, and a long on another."""
    folder = tmp_path_factory.mktemp("hedged")
    return scenario_of(folder, [1.0, -1.0, 1.0], [0.8, 0.9], 0.0, paths=1_000, assets=[0, 0, 1])


@pytest.mark.parametrize("kind", [ASSIGNMENTS, PARTITIONS])
def test_the_local_search_finds_what_all_partitions_give(hedged, kind):
    # Oracle: the search through all of them, which the local search must not fall short of.
    bounds = bounds_of(hedged.book, 0.3, increment=0.02)
    objective = Objective("expected-shortfall", level=0.95)
    every = search_pooling(hedged, bounds, objective, kind, exhaustive=True)
    local = search_pooling(hedged, bounds, objective, kind, exhaustive=False)
    assert every.complete
    assert every.examined == (5 if kind == PARTITIONS else 2**3 - 3)
    assert local.ranked[0].split.value <= every.ranked[0].split.value * (1.0 + 1e-9)
    values = [each.split.value for each in every.ranked]
    assert values == sorted(values)
    assert hedge_pairs(draw_sample(hedged)) == ((0, 1),)
    apart = next(each for each in every.ranked if len(each.partition) == 3)
    assert values[0] <= apart.split.value


def question(folder, objective):
    return ["allocate", str(folder / "scenario.toml"), "--objective", objective, "--out", str(folder / "out")]


def test_the_command(tmp_path, capsys):
    scenario_of(tmp_path, [1.0, -1.0], [0.8, 1.0], 0.3, paths=1_000)
    asked = question(tmp_path, "any-liquidation")
    assert main([*asked, "--budget", "0.4", "--pools", "assignments", "--frontier"]) == 0
    told = capsys.readouterr().out
    assert "best split" in told
    assert "pools, best first, of 2 partitions (all of them)" in told
    results = xr.load_dataset(tmp_path / "out" / "allocation.nc", engine="h5netcdf")
    best = results.sel(configuration="best split")
    assert float(best.collateral.sum()) == pytest.approx(0.4)
    for sample in ("in sample", "fresh"):
        each = results.any_liquidation_probability.sel(sample=sample)
        rules = each.sel(configuration=["equal", "by notional", "by volatility", "equal probability"])
        # On the paths of the search never worse; on fresh ones by no more than the noise of 1,000 paths.
        slack = 1e-9 if sample == "in sample" else 0.03
        assert float(each.sel(configuration="best split")) <= float(rules.min()) + slack
    # More collateral, fewer liquidations: the frontier falls.
    chances = results.frontier_any_liquidation_probability.sel(way="isolated").values
    assert chances[0] > chances[-1]
    assert {path.stem for path in (tmp_path / "out" / "figures").iterdir()} == {"curves", "comparison", "frontier"}
    assert np.isfinite(results.shadow_price_probability.values).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budget", "0.01"], "below the positions' floors"),
        (["--budget", "0.1", "--objective", "target-probability", "--target", "0.001"], "cannot be met"),
        (["--budget", "0.4", "--fixed", "p0"], "ID=AMOUNT"),
        (["--budget", "0.4", "--horizon", "8d"], "not within"),
    ],
)
def test_what_has_no_answer_is_the_inputs_fault(tmp_path, capsys, options, message):
    scenario_of(tmp_path, [1.0, -1.0], [0.8, 1.0], 0.3, paths=1_000)
    asked = question(tmp_path, "any-liquidation")
    assert main([*asked, *options]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("sides", "assets", "budget", "remark"),
    [
        ([1.0], None, "0.3", "there is one position"),
        ([1.0, -1.0], [0, 0], "0.4", "all positions are on A0"),
        ([1.0, 1e-6], None, "9", "on no path liquidated even with the floor"),
    ],
)
def test_special_books_are_named(tmp_path, capsys, sides, assets, budget, remark):
    volatilities = [0.8, 0.0001][: 1 if assets else len(sides)]
    scenario_of(tmp_path, sides, volatilities, 0.0, paths=1_000, assets=assets)
    asked = question(tmp_path, "expected-loss")
    assert main([*asked, "--budget", budget]) == 0
    assert remark in capsys.readouterr().out
