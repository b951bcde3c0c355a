"""Scenarios read whole: what each figure becomes, and where it comes from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stresslab.documents.faults import InputError
from stresslab.scenario.reading import read_scenario
from tests.scenario.files import BOOK, CALIBRATED, CALIBRATION, PACK, SCENARIO, edited, write


def test_a_scenario_is_read_whole(tmp_path: Path) -> None:
    scenario = read_scenario(write(tmp_path))
    assert scenario.name == "Quarterly review"
    assert (scenario.horizon, scenario.step, scenario.steps) == (90.0, 1 / 24, 2160)
    assert (scenario.paths, scenario.seed) == (100_000, 7)
    market = scenario.market
    assert (market.model, market.assets, market.extra) == ("gbm", ("BTC", "ETH"), {})
    np.testing.assert_array_equal(market.start_prices, [61_000.0, 3_300.0])
    np.testing.assert_array_equal(market.volatilities, [0.62, 0.78])
    np.testing.assert_array_equal(market.drifts, [0.1, 0.0])
    np.testing.assert_array_equal(market.correlation, [[1.0, 0.82], [0.82, 1.0]])
    assert [entry.name for entry in scenario.configurations] == [
        "as_booked",
        "all_isolated",
        "all_cross",
        "hedge pooled",
    ]
    (majors,) = scenario.configurations[3].pools
    assert (majors.name, majors.positions, majors.collateral) == ("majors", (0, 1), 120_000.0)
    assert scenario.configurations[3].idle_cash == 880_000.0
    assert scenario.notices == ()
    assert dict(scenario.documents) == {"scenario": SCENARIO, "book": BOOK, "venue": PACK}


def test_the_caller_may_set_paths_and_seed(tmp_path: Path) -> None:
    path = write(tmp_path)
    scenario = read_scenario(path, paths=20, seed=0)
    assert (scenario.paths, scenario.seed) == (20, 0)
    with pytest.raises(InputError) as raised:
        read_scenario(path, paths=0, seed=2**63)
    assert [(fault.line, fault.problem) for fault in raised.value.faults] == [
        (6, "`paths` is 0, below 1"),
        (7, "`seed` is 9_223_372_036_854_775_808, above 9_223_372_036_854_775_807"),
    ]


def test_a_number_of_paths_without_end_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`paths` is about 10 to the 5000, above 1_000_000_000"):
        read_scenario(write(tmp_path), paths=10**5000)


def test_a_calibration_stands_behind_the_market(tmp_path: Path) -> None:
    scenario = read_scenario(write(tmp_path, scenario=CALIBRATED))
    market = scenario.market
    np.testing.assert_array_equal(market.volatilities, [0.6, 0.8])
    np.testing.assert_array_equal(market.drifts, [0.0, 0.2])
    np.testing.assert_array_equal(market.correlation, [[1.0, 0.7], [0.7, 1.0]])
    np.testing.assert_array_equal(market.start_prices, [61_000.0, 3_300.0])
    assert market.extra == {"degrees_of_freedom": 4.0}
    assert scenario.documents["calibration"] == CALIBRATION


def test_figures_of_the_scenario_take_the_place_of_the_calibration(tmp_path: Path) -> None:
    text = edited(
        CALIBRATED,
        (
            '"calibration.toml"\n',
            '"calibration.toml"\ndegrees_of_freedom = 3.0\n'
            "[market.assets.ETH]\nprice = 3_300\ndrift = -0.5\n"
            '[market.correlation]\nassets = ["SOL", "ETH", "BTC"]\n'
            "matrix = [[1, 0.1, 0.2], [0.1, 1, 0.3], [0.2, 0.3, 1]]\n",
        ),
    )
    market = read_scenario(write(tmp_path, scenario=text)).market
    np.testing.assert_array_equal(market.volatilities, [0.6, 0.8])
    np.testing.assert_array_equal(market.drifts, [0.0, -0.5])
    np.testing.assert_array_equal(market.correlation, [[1.0, 0.3], [0.3, 1.0]])
    assert market.extra == {"degrees_of_freedom": 3.0}


def test_another_model_takes_the_common_figures_of_a_calibration(tmp_path: Path) -> None:
    scenario = read_scenario(write(tmp_path, scenario=edited(CALIBRATED, ('"student_t"', '"gbm"'))))
    np.testing.assert_array_equal(scenario.market.volatilities, [0.6, 0.8])
    assert scenario.market.extra == {}
    (notice,) = scenario.notices
    assert 'was fitted for "student_t", not "gbm"' in notice.problem
    assert notice.line == 11


def test_a_shipped_calibration_is_found_by_name(tmp_path: Path) -> None:
    name = "binance-spot-eight-2024-06"
    market = read_scenario(write(tmp_path, scenario=edited(CALIBRATED, ("calibration.toml", name)))).market
    assert market.assets == ("BTC", "ETH")
    assert 0.3 < market.correlation[0, 1] < 1.0


def test_a_faulty_calibration_hides_nothing_and_invents_nothing(tmp_path: Path) -> None:
    # Figures that may stand in the faulty calibration are not reported as missing.
    path = write(
        tmp_path, scenario=CALIBRATED, calibration=edited(CALIBRATION, ("volatility = 0.6", "volatility = 60"))
    )
    with pytest.raises(InputError) as raised:
        read_scenario(path)
    assert [(Path(fault.path).name, fault.line) for fault in raised.value.faults] == [("calibration.toml", 10)]


def test_assets_come_in_the_order_of_the_book(tmp_path: Path) -> None:
    long = BOOK[BOOK.index("[[position]]") : BOOK.index('[[position]]\nid = "eth')]
    scenario = read_scenario(write(tmp_path, book=BOOK.replace(long, "") + "\n" + long))
    assert scenario.market.assets == ("ETH", "BTC")
    np.testing.assert_array_equal(scenario.market.start_prices, [3_300.0, 61_000.0])
    np.testing.assert_array_equal(scenario.market.volatilities, [0.78, 0.62])


def test_a_long_path_is_read(tmp_path: Path) -> None:
    # 300 characters more than a name may have.
    write(tmp_path)
    text = edited(SCENARIO, ('"book.toml"', '"' + "./" * 250 + 'book.toml"'))
    assert read_scenario(write(tmp_path, scenario=text)).book.name == "Desk A"


def test_one_asset_needs_no_correlation_and_others_may_stand_in_the_market(tmp_path: Path) -> None:
    book = BOOK[: BOOK.index('[[position]]\nid = "eth')]
    text = SCENARIO[: SCENARIO.index("[market.correlation]")]
    market = read_scenario(write(tmp_path, book=book, scenario=text)).market
    assert market.assets == ("BTC",)
    np.testing.assert_array_equal(market.correlation, [[1.0]])


def test_an_asset_misspelled_beside_a_calibration_is_a_warning(tmp_path: Path) -> None:
    text = edited(CALIBRATED, ('"calibration.toml"\n', '"calibration.toml"\n[market.assets.BTCC]\nvolatility = 0.9\n'))
    scenario = read_scenario(write(tmp_path, scenario=text))
    (notice,) = scenario.notices
    assert 'nothing on "BTCC"' in notice.problem
    assert notice.remedy == 'did you mean "BTC"?'
    np.testing.assert_array_equal(scenario.market.volatilities, [0.6, 0.8])


def test_a_pool_liquidated_at_the_start_is_a_warning(tmp_path: Path) -> None:
    # At a mark of 58,100 the long is down 48,000 and asks for 20 x 58,100 x 1 % - 1,300 = 10,320: 8,320 too much.
    path = write(
        tmp_path,
        scenario=edited(SCENARIO, ("price = 61_000", "price = 58_100")),
        book=edited(BOOK, ("mark_price = 61_000", "mark_price = 58_100")),
    )
    (notice,) = read_scenario(path).notices
    assert "is liquidated at the start" in notice.problem
    assert "-8,320.00" in notice.problem
    assert (Path(notice.path).name, notice.line) == ("book.toml", 7)
    # The negative control: 60,000 leaves 50,000 - 10,000 - 10,700 above zero.
    path = write(
        tmp_path,
        scenario=edited(SCENARIO, ("price = 61_000", "price = 60_000")),
        book=edited(BOOK, ("mark_price = 61_000", "mark_price = 60_000")),
    )
    assert read_scenario(path).notices == ()


def test_an_empty_table_of_analyses_is_right(tmp_path: Path) -> None:
    assert read_scenario(write(tmp_path, scenario=SCENARIO + "\n[analysis]\n")).steps == 2160


def test_a_pool_may_bear_the_id_of_its_only_position(tmp_path: Path) -> None:
    text = edited(SCENARIO, ('"majors", positions = ["btc-long", "eth-short"]', '"btc-long", positions = ["btc-long"]'))
    pools = read_scenario(write(tmp_path, scenario=text)).configurations[3].pools
    assert [(pool.name, pool.collateral) for pool in pools] == [("btc-long", 120_000.0), ("cross", 880_000.0)]


def test_reading_a_scenario_needs_no_heavy_library() -> None:
    code = (
        "import sys, stresslab.scenario.reading, stresslab.scenario.validation, stresslab.scenario.schemas\n"
        "print([name for name in ('jax', 'xarray', 'scipy', 'matplotlib', 'pandas') if name in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
