"""Books through the past: against crossings worked out by hand, and through the command."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from pypdf import PdfReader

import stresslab as sl
from stresslab.calibration.history import read_history
from stresslab.cli import main
from stresslab.documents.faults import InputError
from stresslab.margin.explanation import explain
from stresslab.margin.ratio_path import margin_ratio_path
from stresslab.market.crash_table import shipped_crashes
from stresslab.scenario.replay import Bars, Proxy, ReplayError, of_bars, of_crash, replay_scenario
from stresslab.scenario.resolution import identity
from tests.scenario.files import SCENARIO, edited, write

# The isolated long of tests/scenario/files.py by hand: 20 BTC at 60,500 with 50,000 behind them, requirement 0.01 n -
# 1,300, so 50,000 + 20 (p - 60,500) = 0.2 p - 1,300.
LIQUIDATION_PRICE = 1_158_700.0 / 19.8
FALL = LIQUIDATION_PRICE / 61_000.0


def scenario_at(tmp_path, *edits):
    return sl.read_scenario(write(tmp_path, scenario=edited(SCENARIO, *edits) if edits else SCENARIO))


@pytest.fixture
def scenario(tmp_path):
    return scenario_at(tmp_path)


def crossing_hour(points):
    """First hour at which straight lines in log price through the points pass the fall; None without one."""
    today = points[0][1]
    for (before, high), (after, low) in pairwise(points):
        if low / today <= FALL:
            share = math.log(FALL * today / high) / math.log(low / high)
            return before + share * (after - before)
    return None


def test_every_crash_liquidates_the_tight_long_when_its_price_is_passed(scenario):
    results = sl.replay(scenario)
    crashes = shipped_crashes()
    assert list(results.crash.values) == list(crashes)
    booked = results.sel(configuration="as_booked", pool="btc-long")
    for name, crash in crashes.items():
        expected = crossing_hour(crash.assets["BTC"].points)
        assert expected is not None, name
        row = booked.sel(crash=name)
        # By the end of the five minutes that hold it.
        assert 0.0 <= float(row.liquidation_hours) - expected <= 5.0 / 60.0 + 1e-6
        # 60,000 of equity today, less the requirement that is left at the crossing, which returns.
        left = 0.2 * LIQUIDATION_PRICE - 1_300.0
        assert float(row.loss) == pytest.approx(60_000.0 - left, rel=1e-4)
        assert float(row.least_margin_ratio) < 1.0 + 1e-9
        assert float(row.insurance_draw) == 0.0
    short = results.sel(configuration="as_booked", pool="cross")
    # The control: the short gains in every crash, by 150 times the fall of ETH to the end.
    assert (short.liquidated == 0.0).all()
    for name, crash in crashes.items():
        points = crash.assets["ETH"].points
        gain = 150.0 * 3_300.0 * (1.0 - points[-1][1] / points[0][1])
        assert -float(short.loss.sel(crash=name)) == pytest.approx(gain, rel=1e-4)
    total = results.loss.sel(configuration="as_booked").sum("pool")
    np.testing.assert_allclose(results.account_loss.sel(configuration="as_booked"), total)


def test_a_crash_alone_is_the_same_as_among_others(scenario):
    among = sl.replay(scenario).sel(crash=["2024-08-05"])
    alone = sl.replay(scenario, ["2024-08-05"])
    for name in ("loss", "liquidation_hours", "least_margin_ratio", "insurance_draw"):
        np.testing.assert_array_equal(among[name], alone[name])


def test_a_replay_leaves_out_what_is_drawn(scenario):
    path = of_crash(shipped_crashes()["2020-03-12"], scenario.market, {})
    question = replay_scenario(scenario, [path])
    assert question.market.model == "paths"
    assert (question.paths, question.steps, question.horizon) == (1, 576, 2.0)
    assert question.market.funding is None
    assert question.start is None
    begun = replay_scenario(replace(scenario, start=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), [path])
    assert begun.start == dt.datetime(2020, 3, 12, tzinfo=dt.UTC)


def test_an_asset_that_did_not_trade_follows_another(scenario):
    market = replace(scenario.market, assets=("BTC", "NEW"))
    crash = shipped_crashes()["2024-08-05"]
    path = of_crash(crash, market, {})
    # Correlation 0.82 times 0.78 / 0.62.
    assert path.proxies == {"NEW": Proxy("BTC", round(0.82 * 0.78 / 0.62, 4))}
    np.testing.assert_allclose(path.log_ratios[:, 1], 1.0316 * crash.log_ratios("BTC"), atol=1e-12)
    stated = of_crash(crash, market, {"NEW": Proxy("SOL", 1.5)})
    # SOL from 145 to 111, to the power of 1.5.
    assert math.exp(stated.log_ratios[60, 1]) == pytest.approx((111.0 / 145.0) ** 1.5)
    with pytest.raises(ReplayError, match='"AVAX", the proxy of "NEW", is not known in 5 August 2024'):
        of_crash(crash, market, {"NEW": Proxy("AVAX", 1.0)})
    alone = replace(market, assets=("NEW",), correlation=np.ones((1, 1)), volatilities=market.volatilities[:1])
    with pytest.raises(ReplayError, match="write --proxy NEW=REFERENCE:BETA with one of BTC, ETH, SOL"):
        of_crash(crash, alone, {})


def test_bars_become_four_points_each(scenario):
    begin = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    columns = {
        "open": [[100.0, 10.0], [90.0, 9.0]],
        "high": [[102.0, 10.1], [95.0, 9.5]],
        "low": [[88.0, 8.9], [85.0, 8.0]],
        "close": [[90.0, 9.0], [94.0, 9.4]],
    }
    bars = Bars(("BTC", "ETH"), begin, 60.0, **{key: np.array(rows) for key, rows in columns.items()}, hashes={
        "BTC": "a", "ETH": "b"})  # fmt: skip
    path = of_bars("history", "History", bars, scenario.market, {})
    # The first bar falls: its high before its low; the second rises: the other way round.
    expected = [100, 100, 102, 88, 90, 90, 85, 95, 94]
    np.testing.assert_allclose(100.0 * np.exp(path.log_ratios[:, 0]), expected)
    np.testing.assert_allclose(10.0 * np.exp(path.log_ratios[:, 1]), [10, 10, 10.1, 8.9, 9, 9, 8, 9.5, 9.4])
    assert path.minutes == 15.0
    # Steps 1 to 4 belong to the bar that opens at 0 h, 5 to 8 to the next.
    assert [path.hours_of_step(step) for step in (0, 1, 4, 5, 8)] == [0.0, 0.0, 0.0, 1.0, 1.0]


def test_margin_ratios_are_those_of_explain_at_the_same_marks(scenario):
    moves = np.array([[1.0, 1.0], [0.97, 0.9], [1.08, 1.3]])
    for configuration in scenario.configurations:
        for pool in configuration.pools:
            along = margin_ratio_path(scenario.book, pool, scenario.market.assets, moves)
            for place, (btc, eth) in enumerate(moves):
                ratio = {"BTC": btc, "ETH": eth}
                moved = tuple(
                    replace(each, mark_price=(each.mark_price or 0.0) * ratio[each.symbol.underlying])
                    for each in scenario.book.positions
                )
                told = explain(replace(scenario.book, positions=moved), [configuration]).pools
                (expected,) = (each.margin_ratio for each in told if each.pool == pool.name)
                assert along[place] == pytest.approx(expected, rel=1e-9)


def bars_file(path, start=dt.datetime(2024, 8, 5), hours=11, low_at=5, low=0.9, skip=()):
    lines = ["ts,open,high,low,close"]
    for hour in range(hours):
        if hour not in skip:
            close = 100.0 + 0.01 * (hour + 1)
            least = 100.0 * low if hour == low_at else 99.9
            lines.append(f"{(start + dt.timedelta(hours=hour)).isoformat()}Z,{close - 0.01},101,{least},{close}")
    path.write_text("\n".join(lines))
    return path


def test_bars_of_ones_own_take_the_place_of_the_reconstruction(scenario, tmp_path):
    histories = [read_history(bars_file(tmp_path / "BTC_1h.csv"))]
    results = sl.replay(scenario, ["2020-03-12", "2024-08-05"], histories)
    assert results.reconstructed.values.tolist() == [1, 0]
    row = results.sel(crash="2024-08-05", configuration="as_booked", pool="btc-long")
    # The low of 90 lies in the bar that opens at five o'clock, and nothing else comes near the barrier.
    assert float(row.liquidation_hours) == 5.0
    assert results.reference.sel(crash="2024-08-05", asset="ETH").item() == "BTC"
    # The control: without that low it survives.
    calm = [read_history(bars_file(tmp_path / "BTC_1h.csv", low=0.99))]
    survived = sl.replay(scenario, ["2024-08-05"], calm).sel(configuration="as_booked", pool="btc-long")
    assert survived.liquidated.values.tolist() == [0.0]
    # Without a name the whole span is replayed.
    whole = sl.replay(scenario, histories=histories)
    assert whole.crash.values.tolist() == ["history"]
    assert whole.start.item() == "2024-08-05T00:00:00Z"
    gaps = [read_history(bars_file(tmp_path / "BTC_1h.csv", skip=(3,)))]
    with pytest.raises(InputError, match=r"1 of 11 bars from 2024-08-05T00:00:00\.000 on are missing, the first"):
        sl.replay(scenario, histories=gaps)
    with pytest.raises(ReplayError, match="do not overlap"):
        late = read_history(bars_file(tmp_path / "ETH_1h.csv", start=dt.datetime(2025, 1, 1)))
        sl.replay(scenario, histories=[*histories, late])


def test_the_command_writes_a_folder(tmp_path, capsys):
    path = write(tmp_path)
    out = tmp_path / "out"
    assert main(["replay", str(path), "--crash", "2024-08-05", "--out", str(out), "--tables", "parquet"]) == 0
    # Every CSV has its Parquet twin, by name; the control beside it: no workbook, which was not asked for.
    tables = {file.name for file in (out / "tables").iterdir()}
    assert {file.removesuffix(".csv") for file in tables if file.endswith(".csv")} == {
        file.removesuffix(".parquet") for file in tables if file.endswith(".parquet")
    }
    assert "tables.xlsx" not in tables
    assert main(["replay", str(path), "--out", str(out), "--tables", "ods"]) == 2
    told = capsys.readouterr().out
    assert "5 August 2024 (reconstructed, from 2024-08-05T00:00:00Z)" in told
    # 5 h times log(0.9594) / log(49,000 / 58,350) is 1.19 h; the step of five minutes ends at 1.25 h.
    assert "btc-long  liquidated after 1.2 h" in told
    assert "wicks of last prices liquidate nothing" in told
    files = {entry.relative_to(out).as_posix() for entry in out.rglob("*") if entry.is_file()}
    assert {"replay.nc", "replay.pdf", "replay.svg", "manifest.json", "tables/by_crash_configuration_pool.csv"} <= files
    with xr.open_dataset(out / "replay.nc") as results:
        assert json.loads(results.attrs["crashes"])["2024-08-05"]["assets"]["BTC"]["source"]
        assert results.attrs["scenario_hash"] == identity(sl.read_scenario(path))
        assert results.sizes["crash"] == 1
    # A former run is replaced.
    assert main(["replay", str(path), "--crash", "2025-10-10", "--out", str(out)]) == 0


def test_a_run_takes_the_crashes_along(tmp_path, capsys):
    text = edited(SCENARIO, ('"90d"', '"2d"'), ("100_000", "512"))
    path, out = write(tmp_path, scenario=text), tmp_path / "out"
    assert main(["run", str(path), "--replays", "--form", "short", "--out", str(out)]) == 0
    assert "report.pdf, results.nc, tables, replay.nc, manifest.json" in capsys.readouterr().out
    with xr.open_dataset(out / "replay.nc") as results:
        alone = sl.replay(sl.read_scenario(path))
        np.testing.assert_array_equal(results.account_loss, alone.account_loss)
    told = " ".join("".join(page.extract_text() for page in PdfReader(out / "report.pdf").pages).split())
    for title in ("12 March 2020", "FTX, November 2022", "10 October 2025"):
        assert title in told
    assert "none was replayed" not in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--crash", "2019"], "there is no crash '2019'; write all, or one of 2020-03-12"),
        (["--proxy", "ETH"], "'ETH' is no proxy; write ASSET=REFERENCE:BETA"),
        (["--proxy", "ETH=BTC:nan"], "is no proxy"),
        (["--proxy", "ADA=BTC:1"], "the book holds nothing on 'ADA'"),
        (["--history", "none.csv"], "no such file"),
    ],
)
def test_faults_of_the_command(tmp_path, capsys, arguments, message):
    assert main(["replay", str(write(tmp_path)), *arguments, "--out", str(tmp_path / "out")]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_policies_act_in_a_replay(tmp_path):
    text = SCENARIO + (
        '\n[[policy]]\nname = "reserve"\nkind = "top_up"\nreserve = 400_000\ncap = 400_000\n'
        "trigger = 3.0\ntarget = 9.0\n\n"
        '[[configuration]]\nname = "topped"\nlike = "as_booked"\npolicies = ["reserve"]\n'
    )
    results = sl.replay(sl.read_scenario(write(tmp_path, scenario=text)), ["2024-08-05"])
    pool = results.sel(crash="2024-08-05", pool="btc-long")
    # Down by 16 % the long loses 20 x 61,000 x 16 %, about 195,000, which a reserve of 400,000 outlives.
    assert float(pool.liquidated.sel(configuration="as_booked")) == 1.0
    assert float(pool.liquidated.sel(configuration="topped")) == 0.0
    assert math.isnan(float(pool.least_margin_ratio.sel(configuration="topped")))
