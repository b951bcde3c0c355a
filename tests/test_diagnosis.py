"""Diagnostics of a fit: the right law passes, another one fails."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from scipy.special import ndtri

from stresslab import cli
from stresslab.calibration.fitting import calibrate
from stresslab.diagnosis import diagnose
from stresslab.report.charts.diagnosis import figure_diagnosis
from tests.calibration.simulated import closes, histories


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    def made(degrees):
        place = tmp_path_factory.mktemp("bars")
        return histories(
            place, closes([0.6, 0.9], [[1, 0.5], [0.5, 1]], days=900, degrees_of_freedom=degrees), ["BTC", "ETH"]
        )

    return {"normal": made(None), "t": made(4.0)}


def test_normal_days_pass_as_normal_and_days_with_fat_tails_do_not(read):
    right, wrong = (diagnose(calibrate(read[name], "gbm")) for name in ("normal", "t"))
    assert (right.uniformity_p_value > 0.01).all()
    assert (wrong.uniformity_p_value < 0.01).all()
    # Under the right law quantiles lie on the line: the standard error of the median of 899 is 1.25 / 30.
    middle = right.residual_quantile.sel(probability=0.5) - ndtri(0.5)
    assert (np.abs(middle) < 4 * 0.042).all()
    np.testing.assert_allclose(right.law_quantile.sel(asset="BTC"), ndtri(right.probability))
    np.testing.assert_allclose(right.transform_density.mean("bin"), 1.0)
    np.testing.assert_allclose(right.law_survival.sel(asset="ETH", size=2.0), 0.0455, atol=1e-4)


def test_fat_tails_pass_as_student_t(read):
    found = diagnose(calibrate(read["t"], "student_t"))
    assert (found.uniformity_p_value > 0.01).all()
    # Law and sample at two deviations agree within four standard errors of a share of about 4 %.
    gap = np.abs(found.survival - found.law_survival).sel(size=2.0)
    assert (gap < 4 * np.sqrt(0.04 / 899)).all()


def test_the_filter_takes_clusters_away(tmp_path):
    generator, count = np.random.default_rng(5), 20_000
    variance, returns = np.empty(count + 1), np.empty(count)
    variance[0] = 1.0
    for row in range(count):
        returns[row] = np.sqrt(variance[row]) * generator.standard_normal()
        variance[row + 1] = 0.03 + 0.07 * returns[row] ** 2 + 0.9 * variance[row]
    made = histories(tmp_path, 100 * np.exp(np.cumsum(0.01 * returns))[:, None], ["BTC"])
    found = diagnose(calibrate(made, "garch")).isel(asset=0)
    assert float(found.independence_p_value_before) < 1e-6
    assert float(found.independence_p_value_after) > 0.01
    assert np.abs(found.square_autocorrelation_after).max() < 5 / np.sqrt(count)
    # Parameters 0.07 and 0.9 by hand: the autocorrelation of squares at lag 1 is a (1 - ab - b^2) / (1 - 2ab - b^2).
    first = 0.07 * (1 - 0.063 - 0.81) / (1 - 0.126 - 0.81)
    assert float(found.square_autocorrelation_before[0]) == pytest.approx(first, abs=0.05)
    assert found.attrs["unit"] == "bar"


def test_volatility_by_quarter(read):
    found = diagnose(calibrate(read["normal"], "gbm"))
    assert list(found.quarter.values[:2]) == ["2021-Q1", "2021-Q2"]
    whole = found.isel(quarter=slice(0, 9))
    # The figure draws these on axes that are given, the last of five.
    mine = Figure()
    panels = list(mine.subplots(1, 5))
    assert figure_diagnosis(found.isel(asset=0), panels) is mine
    (drawn,) = (line.get_ydata() for line in panels[4].get_lines() if line.get_marker() == "o")
    np.testing.assert_array_equal(drawn, found.quarter_volatility.isel(asset=0))
    # The law of normal samples: volatility / sqrt(2 (n - 1)).
    expected = 0.6 / np.sqrt(2 * 90)
    np.testing.assert_allclose(whole.quarter_volatility_standard_error.sel(asset="BTC"), expected, rtol=0.5)
    assert (np.abs(whole.quarter_volatility.sel(asset="BTC") - 0.6) < 4 * expected).all()


def test_the_folder(read, tmp_path, capsys):
    files = [history.path for history in read["t"]]
    words = ["calibrate", *files, "--model", "student_t", "--out", str(tmp_path / "fit.toml")]
    assert cli.main([*words, "--diagnostics", str(tmp_path / "diagnostics")]) == 0
    assert "written: " in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "diagnostics").iterdir())
    assert names == ["diagnostics.csv", "diagnostics.nc", "diagnostics_BTC.svg", "diagnostics_ETH.svg", "manifest.json"]
    assert xr.load_dataset(tmp_path / "diagnostics" / "diagnostics.nc", engine="h5netcdf").attrs["model"] == "student_t"
    # A folder of somebody else's is left alone.
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("keep")
    assert cli.main([*words, "--diagnostics", str(tmp_path / "mine")]) == 2
    assert (tmp_path / "mine" / "note.txt").read_text() == "keep"
