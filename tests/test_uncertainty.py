"""Markets drawn around a calibration: what is drawn, what it does to a probability, and what it costs."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import stresslab as sl
from stresslab import cli
from stresslab.book.configurations import standard_configurations
from stresslab.documents.faults import InputError
from stresslab.margin.explanation import explain
from stresslab.scenario.parameter_draws import drawn_markets
from stresslab.simulation import executors, preparation
from stresslab.simulation.compilation import compiled
from stresslab.simulation.run import simulate
from stresslab.uncertainty import parameter_uncertainty
from tests.scenario.files import CALIBRATED, CALIBRATION, SCENARIO, edited, write

ERRORS = """
[history.standard_errors]
degrees_of_freedom = 0.5
correlation = [[0.0, 0.05], [0.05, 0.0]]
[history.assets.BTC]
volatility_standard_error = 0.06
[history.assets.ETH]
volatility_standard_error = 0.12
"""
SHORT = edited(
    CALIBRATED, ("100_000", "4096"), ('"90d"', '"10d"'), (SCENARIO[SCENARIO.index("[[configuration]]") :], "")
)
DRAWS = 24


def question(folder, scenario=SHORT, calibration=CALIBRATION + ERRORS):
    return sl.read_scenario(write(folder, scenario=scenario, calibration=calibration))


def test_draws_have_the_stated_errors(tmp_path):
    stated = question(tmp_path)
    drawn, names = drawn_markets(stated, 4000)
    assert names == ("volatility", "degrees_of_freedom", "correlation")
    volatilities = np.array([each.market.volatilities for each in drawn])
    # Lognormal with the stated mean and standard error.
    for row, (mean, error) in enumerate([(0.6, 0.06), (0.8, 0.12)]):
        assert volatilities[:, row].mean() == pytest.approx(mean, abs=4 * error / math.sqrt(4000))
        assert volatilities[:, row].std() == pytest.approx(error, rel=0.06)
    degrees = np.array([each.market.extra["degrees_of_freedom"] for each in drawn])
    assert degrees.mean() == pytest.approx(4.0, abs=4 * 0.5 / math.sqrt(4000))
    # Fisher's z of 0.7 with error 0.05: to first order the stated mean and error.
    pairs = np.array([each.market.correlation[0, 1] for each in drawn])
    assert pairs.mean() == pytest.approx(0.7, abs=0.006)
    assert pairs.std() == pytest.approx(0.05, rel=0.1)
    for each in drawn[:50]:
        np.linalg.cholesky(each.market.correlation)
        assert each.book is stated.book
    again = drawn_markets(stated, 2)[0]
    assert [each.market.volatilities.tolist() for each in again] == volatilities[:2].tolist()


def test_what_the_scenario_states_itself_is_not_drawn(tmp_path):
    text = edited(
        SHORT,
        ('calibration = "calibration.toml"', 'calibration = "calibration.toml"\n[market.assets.BTC]\nvolatility = 0.5'),
    )
    drawn, _ = drawn_markets(question(tmp_path, text), 8)
    volatilities = np.array([each.market.volatilities for each in drawn])
    assert (volatilities[:, 0] == 0.5).all()
    assert np.ptp(volatilities[:, 1]) > 0.05


def test_a_parameter_of_the_model_that_the_scenario_states_is_not_drawn(tmp_path):
    def degrees(stated: str) -> tuple[tuple[str, ...], set[float]]:
        text = edited(SHORT, ('calibration = "calibration.toml"', f'calibration = "calibration.toml"{stated}'))
        drawn, names = drawn_markets(question(tmp_path, text), 8)
        return names, {each.market.extra["degrees_of_freedom"] for each in drawn}

    names, found = degrees("\ndegrees_of_freedom = 6.0")
    assert names == ("volatility", "correlation")
    assert found == {6.0}
    # The control: the calibration's own moves with every draw.
    assert len(degrees("")[1]) == 8


def test_refusals_say_what_is_missing(tmp_path, capsys):
    with pytest.raises(InputError, match="no standard errors"):
        drawn_markets(question(tmp_path, calibration=CALIBRATION), 2)
    plain = edited(SCENARIO, ("100_000", "64"))
    with pytest.raises(InputError, match="no calibration"):
        drawn_markets(question(tmp_path, plain), 2)
    assert cli.main(["uncertainty", str(tmp_path / "scenario.toml"), "--out", str(tmp_path / "out")]) == 2
    # What it names is an argument that the command has.
    assert "SCENARIO:1:1: the market has no calibration" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def passage(barrier: float, volatility: float, days: float) -> float:
    """METHODS M11 without drift of the price: the chance that its log comes to a barrier below."""
    deviation = volatility * math.sqrt(days / 365.0)
    mean, normal = -0.5 * deviation**2, NormalDist().cdf
    reflected = math.exp(2.0 * mean * barrier / deviation**2)
    return normal((barrier - mean) / deviation) + reflected * normal((barrier + mean) / deviation)


@pytest.fixture(scope="module")
def gbm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gbm")
    text = edited(SHORT, ('model = "student_t"', 'model = "gbm"'))
    parameters = "[parameters]\ndegrees_of_freedom = 4.0\n"
    figures = edited(
        CALIBRATION + ERRORS, ('"student_t"', '"gbm"'), (parameters, ""), ("degrees_of_freedom = 0.5\n", "")
    )
    stated = question(folder, text, figures)
    programs: list[object] = []
    with pytest.MonkeyPatch.context() as patched:

        def counted(lower):
            programs.append(lower)
            return compiled(lower)

        patched.setattr(preparation, "compiled", counted)
        results = parameter_uncertainty(stated, DRAWS)
    return stated, results, len(programs)


def test_no_draw_compiles_a_program_of_its_own(gbm, monkeypatch):
    assert gbm[2] == 1
    # The control: with an executor's memory of its own each simulation asks for one.
    asked: list[object] = []

    def counted(lower):
        asked.append(lower)
        return compiled(lower)

    monkeypatch.setattr(preparation, "compiled", counted)
    for _ in range(2):
        simulate(replace(gbm[0], paths=10), executor=executors.ThreadExecutor(1, programs={}))
    assert len(asked) == 2


def test_each_draw_has_the_probability_of_its_own_volatility(gbm):
    stated, results, _ = gbm
    book = stated.book
    price = explain(book, standard_configurations(book)).pools[0].positions[0].liquidation_price
    assert price is not None
    barrier = math.log(price / 61_000)
    found = results.liquidation_probability.sel(configuration="as_booked").isel(pool=0).values
    volatilities = results.volatility.sel(underlying="BTC").values
    oracle = np.array([passage(barrier, volatility, 10.0) for volatility in volatilities])
    assert np.ptp(oracle) > 0.05
    # One set of random numbers for all draws: their errors go together, so each is held against its own.
    np.testing.assert_allclose(found, oracle, atol=4 * np.sqrt(0.25 / 4096))
    low, high = np.quantile(oracle, [0.1, 0.9])
    here = results.sel(configuration="as_booked").isel(pool=0)
    assert float(here.liquidation_probability_low) == pytest.approx(low, abs=0.032)
    assert float(here.liquidation_probability_high) == pytest.approx(high, abs=0.032)
    # The control: draws at the stated volatility would not move.
    assert np.abs(oracle - passage(barrier, 0.6, 10.0)).max() > 0.032


def test_the_folder(tmp_path, capsys):
    scenario = write(tmp_path, scenario=edited(SHORT, ("4096", "512")), calibration=CALIBRATION + ERRORS)
    out = tmp_path / "out"
    assert cli.main(["uncertainty", str(scenario), "--out", str(out), "--draws", "4", "--tables", "parquet,excel"]) == 0
    told = capsys.readouterr().out
    assert "drawn 4 times: volatility, degrees_of_freedom, correlation; 512 paths each" in told
    assert sorted(path.name for path in out.iterdir()) == [
        *("manifest.json", "uncertainty.csv", "uncertainty.nc", "uncertainty.parquet", "uncertainty.svg"),
        "uncertainty.xlsx",
    ]
    sheet = pd.read_excel(out / "uncertainty.xlsx", sheet_name="uncertainty")
    np.testing.assert_allclose(sheet.stated, pd.read_parquet(out / "uncertainty.parquet").stated, rtol=1e-14)
    results = xr.load_dataset(out / "uncertainty.nc", engine="h5netcdf")
    assert results.sizes["parameter_draw"] == 4
    table = pd.read_csv(out / "uncertainty.csv", keep_default_na=False)
    pools = table[table.variable == "liquidation_probability"].set_index(["configuration", "pool"])
    # Oracle: the dataset itself; a row for each pool that a configuration has, none for the others.
    held = results.liquidation_probability_stated.stack(each=("configuration", "pool")).dropna("each")
    assert set(pools.index) == set(held.each.values.tolist())
    np.testing.assert_allclose([pools.stated[each] for each in held.each.values.tolist()], held.values, rtol=1e-12)
    assert set(table[table.variable == "expected_loss"].pool) == {""}
    assert (results.account_liquidation_probability_low <= results.account_liquidation_probability_high).all()
