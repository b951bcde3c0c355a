"""Paths that the user brings: what the kernel sees, what the file must hold, what the report says of it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import stresslab as sl
from stresslab.documents.faults import InputError
from stresslab.market.price_paths import relative_paths
from stresslab.report.limitations import limitations
from stresslab.report.review import Review
from stresslab.results.dataset import assemble
from stresslab.scenario.resolution import identity, resolved
from stresslab.simulation.run import simulate
from tests.scenario.files import INLINE, SCENARIO, edited, write

# The isolated long of tests/scenario/files.py by hand: 20 BTC at 60,500 with 50,000 behind them. Above 250,000 of
# notional the requirement is 0.01 n - 1,300, so 50,000 + 20 (p - 60,500) = 0.2 p - 1,300 gives
LIQUIDATION_PRICE = 1_158_700.0 / 19.8


def dataset(paths=3, steps=4, *, extremes=False):
    """BTC on three paths: it rises, falls through the liquidation price, and falls to just above it."""
    ends = np.array([62_000.0, LIQUIDATION_PRICE - 10.0, LIQUIDATION_PRICE + 10.0])[:paths]
    price = np.empty((paths, steps + 1, 2))
    price[:, :, 0] = 61_000.0
    price[:, 2:, 0] = ends[:, None]
    price[:, :, 1] = 3_300.0
    held = {"price": (("path", "time", "asset"), price)}
    if extremes:
        held["low"] = (("path", "time", "asset"), price * 0.999)
        held["high"] = (("path", "time", "asset"), price * 1.001)
    return xr.Dataset(held, coords={"time": np.arange(steps + 1) / 24.0, "asset": ["BTC", "ETH"]})


LINES = 'model = "paths"\nfile = "paths.nc"'


def scenario_text(lines=LINES, paths=3, *edits):
    return edited(SCENARIO, ('model = "gbm"', lines), (INLINE, ""), ("100_000", str(paths)), ('"90d"', '"4h"'), *edits)


def read(folder, data, *edits, paths=3, name="paths.nc"):
    target = folder / name
    data.to_netcdf(target, engine="h5netcdf") if name.endswith("nc") else data.to_parquet(target)
    return sl.read_scenario(write(folder, scenario=scenario_text(LINES.replace("paths.nc", name), paths, *edits)))


def test_each_path_is_that_of_the_file(tmp_path):
    scenario = read(tmp_path, dataset())
    outcomes = simulate(scenario)
    expected = np.log(dataset().price.values[:, -1] / dataset().price.values[:, 0]).T
    np.testing.assert_allclose(outcomes.log_price, expected, atol=1e-7)
    # The second path alone passes the price worked out by hand, in the second step; the third is the control.
    btc = outcomes.configuration_stakes[0][0]
    assert outcomes.liquidation_step[btc].tolist() == [5, 2, 5]
    survived = np.array([20.0 * (62_000 - 61_000), 20.0 * (LIQUIDATION_PRICE + 10.0 - 61_000)])
    np.testing.assert_allclose(outcomes.profit[btc, [0, 2]], survived, rtol=1e-4)


def test_lows_reach_what_ends_do_not(tmp_path):
    outcomes = simulate(read(tmp_path, dataset(extremes=True)))
    btc = outcomes.configuration_stakes[0][0]
    # 0.1 % below the third path's 58,530 is under the price of liquidation.
    assert outcomes.liquidation_step[btc].tolist() == [5, 2, 2]


def test_a_pool_on_several_prices_sees_points_alone_unless_there_are_extremes(tmp_path):
    crossed = ('positions = ["btc-long", "eth-short"], collateral = 120_000', 'positions = ["btc-long", "eth-short"], '
               'collateral = 37_000')  # fmt: skip
    outcomes = simulate(read(tmp_path, dataset(), crossed))
    pool = outcomes.configuration_stakes[3][0]
    # By hand, at the lower end of the second path: requirement 0.01 n - 1,300 of BTC and 0.005 n of ETH, less pnl.
    low = LIQUIDATION_PRICE - 10.0
    deficit = 0.2 * low - 1_300.0 - 20.0 * (low - 60_500.0) + 0.005 * 150.0 * 3_300.0 - 150.0 * 10.0
    assert outcomes.required_collateral[outcomes.stake_pools[pool], 1] == pytest.approx(deficit, rel=1e-5)
    wider = simulate(read(tmp_path, dataset(extremes=True), crossed))
    assert wider.required_collateral[wider.stake_pools[pool], 1] > deficit + 100.0


def test_many_blocks_keep_their_paths(tmp_path):
    draw = np.random.default_rng(4)
    price = np.exp(np.cumsum(0.01 * draw.standard_normal((2500, 5, 2)), axis=1))
    data = xr.Dataset(
        {"price": (("asset", "path", "time"), price.transpose(2, 0, 1))},
        coords={"time": pd.date_range("2024-08-05", periods=5, freq="h"), "asset": ["ETH", "BTC"]},
    )
    outcomes = simulate(read(tmp_path, data, paths=2300))
    # The file has its assets and dims in another order, and more paths than the run.
    expected = np.log(price[:2300, -1, ::-1] / price[:2300, 0, ::-1]).T
    np.testing.assert_allclose(outcomes.log_price, expected, atol=1e-6)
    assert outcomes.log_price.shape == (2, 2300)


def test_parquet_holds_the_same(tmp_path):
    data = dataset(extremes=True)
    first = read(tmp_path, data)
    frame = data.assign_coords(path=[0, 1, 2]).to_dataframe().reset_index().sample(frac=1.0, random_state=1)
    frame["time"] = pd.Timestamp("2025-10-10", tz="UTC") + pd.to_timedelta(frame["time"], unit="D").dt.round("h")
    second = read(tmp_path, frame, name="paths.parquet")
    assert first.market.paths is not None
    assert second.market.paths is not None
    for name in ("log_prices", "lows", "highs"):
        np.testing.assert_array_equal(getattr(first.market.paths, name), getattr(second.market.paths, name))


def test_the_hash_of_the_file_is_part_of_the_identity(tmp_path):
    first = read(tmp_path, dataset())
    data = dataset()
    data.price[0, 3, 1] = 3_301.0
    second = read(tmp_path, data)
    assert identity(first) != identity(second)
    assert list(resolved(first)["market"]["history"]) == ["paths"]
    assert resolved(first)["market"]["parameters"] == {"lows_and_highs": False}


def test_figures_of_paths_by_hand():
    # Two steps of a day: up by 1 % and down by 1 % in logs has a deviation of 1 %, so 0.01 sqrt(365) a year.
    price = np.exp([[[0.0, 0.0], [0.01, -0.01], [0.0, 0.0]]])
    paths = relative_paths(price, None, None, 1.0, {})
    np.testing.assert_allclose(paths.volatilities, 0.01 * math.sqrt(365.0), rtol=1e-5)
    np.testing.assert_allclose(paths.correlation, [[1.0, -1.0], [-1.0, 1.0]], atol=1e-6)
    # A low above where its step began is widened to it.
    held = relative_paths(price, price * 1.02, price * 1.03, 1.0, {})
    assert held.lows is not None
    np.testing.assert_allclose(held.lows[0, :, 0], [0.0, -0.01], atol=1e-7)


def broken(change):
    data = dataset(extremes=True)
    return change(data)


def cell(variable, value, point=2):
    def change(data):
        data[variable][1, point, 0] = value
        return data

    return change


FAULTS = {
    "gap": (cell("price", np.nan), 'price is missing on path 2, time 3, "BTC"; give a price for every'),
    "zero": (cell("price", 0.0), 'price is not positive and finite on path 2, time 3, "BTC"'),
    "infinite": (cell("low", -np.inf), 'low is not positive and finite on path 2, time 3, "BTC"'),
    "low": (cell("low", 9e9), 'low is above price on path 2, time 3, "BTC"'),
    "high": (cell("high", 1.0), 'high is below price on path 2, time 3, "BTC"'),
    "alone": (lambda data: data.drop_vars("high"), "the file holds low without high; give both"),
    "assets": (lambda data: data.sel(asset=["BTC"]), '"paths.nc" lacks "ETH", which the book needs'),
    "steps": (
        lambda data: data.isel(time=slice(0, 4)),
        "the file has 4 times, and the scenario needs 5: the start and",
    ),
    "grid": (lambda data: data.assign_coords(time=[0, 1, 2, 3, 5]), "the times of the file are off the grid"),
    "paths": (lambda data: data.isel(path=[0, 1]), '"paths.nc" holds 2 paths, fewer than the 3 of the scenario'),
    "dims": (lambda data: data.isel(path=0), "the dims of price are time, asset; give path, time, asset"),
    "variable": (lambda data: data.rename(price="close"), '"paths.nc" has no variable price'),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_file_is_refused_at_its_place(tmp_path, name):
    change, message = FAULTS[name]
    with pytest.raises(InputError) as error:
        read(tmp_path, broken(change))
    (fault,) = error.value.faults
    assert message in str(fault)
    # Line 11 of the scenario names the file.
    assert (fault.line, fault.column) == (11, 8)


def test_control_the_first_low_is_not_read(tmp_path):
    assert read(tmp_path, broken(cell("low", np.nan, point=0))).paths == 3


def test_a_file_of_another_kind_and_unused_keys_are_told(tmp_path):
    (tmp_path / "paths.nc").write_text("price\n1\n")
    with pytest.raises(InputError, match="neither netCDF"):
        sl.read_scenario(write(tmp_path, scenario=scenario_text()))
    (tmp_path / "paths.nc").unlink()
    with pytest.raises(InputError, match="cannot read"):
        sl.read_scenario(write(tmp_path, scenario=scenario_text()))
    stated = scenario_text(f"{LINES}\n[market.assets.BTC]\nvolatility = 0.6")
    dataset().to_netcdf(tmp_path / "paths.nc", engine="h5netcdf")
    notices = [str(each) for each in sl.read_scenario(write(tmp_path, scenario=stated)).notices]
    assert sum("remove the key: it is not used" in each for each in notices) == 1
    stressed = scenario_text(f"{LINES}\n[market.stress]\nvolatility_factor = 2.0")
    with pytest.raises(InputError, match="takes prices as they are"):
        sl.read_scenario(write(tmp_path, scenario=stressed))


@pytest.mark.parametrize("extremes", [False, True])
def test_the_report_says_how_steps_are_looked_into(tmp_path, extremes):
    scenario = read(tmp_path, dataset(extremes=extremes))
    told = {each.title: each.text for each in limitations(Review(assemble(scenario, simulate(scenario))))}
    assert ("Liquidation is tested at the ends of steps only" in told) == (not extremes)
    assert ("Lows and highs are those of the file" in told) == extremes
    assert "Prices are the user’s own paths" in told
