"""The folder that a backtest leaves, and the faults that it tells."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.patches import StepPatch
from pypdf import PdfReader

from stresslab import cli
from stresslab.backtest.bars import align
from stresslab.backtest.dataset import backtest_dataset
from stresslab.backtest.figures import figure_exceedance, figure_reliability, figure_transforms
from stresslab.backtest.files import backtest_files
from stresslab.backtest.forecasters import DEFAULT, FORECASTERS
from stresslab.backtest.scoring import EDGES, score
from stresslab.backtest.walking import plan_origins, walk_forward
from stresslab.documents.faults import InputError
from stresslab.report.style import svg
from tests.calibration.simulated import closes, frame, histories

NAMES = ["BTC", "ETH"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bars")
    histories(place, closes([0.6, 0.9], [[1, 0.5], [0.5, 1]], days=400, degrees_of_freedom=4), NAMES)
    return place


def arguments(folder: Path, out: Path, *more: str) -> list[str]:
    files = [str(folder / f"{name}_1h.csv") for name in NAMES]
    return ["backtest", *files, "--horizon", "1d", "--every", "1d", "--out", str(out), "--paths", "200", *more]


def test_the_folder_holds_what_it_says(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "score"
    assert cli.main(arguments(folder, out)) == 0
    printed = capsys.readouterr().out
    assert printed.startswith((out / "summary.txt").read_text(encoding="utf-8").rstrip())
    results = xr.load_dataset(out / "backtest.nc", engine="h5netcdf")
    # The last bar ends with day 400; the first origin has 365 days of past after the first bar's end.
    assert dict(results.sizes) == {
        "model": len(FORECASTERS),
        "origin": 34,
        "asset": 2,
        "side": 2,
        "level": 2,
        "leverage": 4,
        "group": len(EDGES) + 1,
    }
    assert results.model.values[0] == DEFAULT
    assert all("units" in values.attrs and "description" in values.attrs for values in results.data_vars.values())
    rate = (results.required_collateral > results.required_collateral_forecast).mean(["origin", "asset"])
    np.testing.assert_allclose(rate.transpose("model", "level", "side"), results.exceedance_rate)
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    written = {entry.relative_to(out).as_posix() for entry in out.rglob("*") if entry.is_file()}
    assert written == {"manifest.json", *manifest["files"]}
    assert sum(name.startswith("figures/") for name in written) == 3
    assert PdfReader(out / "backtest.pdf").pages[0].extract_text().startswith("Backtest")
    table = pd.read_csv(out / "tables" / "by_model_level_side.csv")
    assert len(table) == len(FORECASTERS) * 2 * 2
    assert "exceedance_rate_upper" in table.columns
    # Once more in the same place, and the same to the byte.
    before = (out / "tables" / "by_model_level_side.csv").read_bytes()
    assert cli.main(arguments(folder, out)) == 0
    assert (out / "tables" / "by_model_level_side.csv").read_bytes() == before


def test_models_are_compared_with_the_first_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "score"
    assert cli.main(arguments(folder, out, "--models", "own_history,brownian_90d", "--since", "2022-01-20")) == 0
    results = xr.load_dataset(out / "backtest.nc", engine="h5netcdf")
    assert results.model.values.tolist() == ["own_history", "brownian_90d"]
    assert str(results.origin.values[0])[:10] == "2022-01-20"
    assert (results.pinball_difference.sel(model="own_history") == 0).all()
    loss = results.pinball_loss
    apart = loss.sel(model="brownian_90d") - loss.sel(model="own_history")
    np.testing.assert_allclose(results.pinball_difference.sel(model="brownian_90d"), apart, atol=1e-12)
    assert "own_history" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--models", "brownian_90"), "did you mean 'brownian_90d'"),
        (("--models", "own_history,own_history"), "own_history stands twice"),
        (("--models", ","), "no way to forecast is named"),
        (("--since", "2021-02-01"), "less than 180 days before the first origin"),
        (("--until", "2021-12-01"), "no origin has its past and its window"),
    ],
)
def test_faults_of_the_question(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], words: str
) -> None:
    out = tmp_path / "score"
    assert cli.main(arguments(folder, out, *more)) == 2
    assert words in capsys.readouterr().err.replace('"', "'")
    assert not out.exists()


def test_faults_of_all_histories_come_together(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["backtest", "a.csv", "b.csv", "--horizon", "1d", "--every", "1d", "--out", str(tmp_path / "score")]
    assert cli.main(words) == 2
    told = capsys.readouterr().err
    assert "a.csv" in told
    assert "b.csv" in told
    # A folder of somebody else's is left alone.
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("keep")
    assert cli.main(arguments(folder, tmp_path / "mine")) == 2
    assert (tmp_path / "mine" / "note.txt").read_text() == "keep"


def test_gaps_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = frame(closes([0.6], [[1.0]], days=400)[:, 0])
    table.drop(index=[390 * 24 + 5]).to_csv(tmp_path / "BTC_1h.csv", index=False)
    words = ["backtest", str(tmp_path / "BTC_1h.csv"), "--horizon", "1d", "--every", "1d", "--paths", "200"]
    assert cli.main([*words, "--models", "brownian_90d", "--out", str(tmp_path / "score")]) == 0
    told = capsys.readouterr().out
    # One bar is missing: the day that holds it and no other is left out.
    assert "1 gap, 1 bar missing" in told
    assert "1 origin left out" in told


def test_a_clock_of_another_zone_is_refused(folder: Path, tmp_path: Path) -> None:
    bars = pd.read_csv(folder / "ETH_1h.csv")
    late = tmp_path / "ETH_1h.csv"
    times = pd.to_datetime(bars["ts"], utc=True) + pd.Timedelta(hours=8)
    bars.assign(ts=times.dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(late, index=False)
    both = [str(folder / "BTC_1h.csv"), str(late)]
    with pytest.raises(InputError, match="8 hours"):
        backtest_files(both, tmp_path / "out", horizon="1d", every="1d", paths=100)
    assert not (tmp_path / "out").exists()


def test_bars_of_different_length_are_refused(tmp_path: Path) -> None:
    for hours in (1, 4):
        (tmp_path / str(hours)).mkdir()
    one = histories(tmp_path / "1", closes([0.6], [[1.0]], days=60), ["BTC"])
    four = histories(tmp_path / "4", closes([0.6], [[1.0]], days=60, bars_a_day=6), ["ETH"], hours=4)
    with pytest.raises(InputError, match="bars of 240 minutes, where BTC has 60"):
        align([*one, *four])
    with pytest.raises(InputError, match="no history is given"):
        align([])


def test_figures_show_what_the_dataset_says(folder: Path, tmp_path: Path) -> None:
    read = histories(tmp_path, closes([0.6, 0.9], [[1, 0.5], [0.5, 1]], days=400), NAMES)
    bars = align(read)
    plan = plan_origins(bars, "1d", "1d")
    models = {name: FORECASTERS[name] for name in ("brownian_90d", "own_history")}
    walk = walk_forward(bars, plan, models, paths=200)
    results = backtest_dataset(bars, plan, models, walk, score(walk, plan), read)
    left, right = figure_exceedance(results).axes
    assert [text.get_text() for text in left.get_yticklabels()] == list(models)
    drawn = {line.get_label(): line.get_xdata() for line in right.lines}
    np.testing.assert_allclose(
        np.asarray(drawn["long"], dtype=float), results.exceedance_rate.sel(level=0.05, side="long")
    )
    panels = figure_reliability(results).axes
    assert [panel.get_title("left") for panel in panels] == ["3x", "5x", "10x", "20x"]
    # The style parses no formulas, so a tick must not be written as one.
    figure = figure_reliability(results)
    svg(figure)
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["0.01", "1", "100"]
    histograms = figure_transforms(results).axes
    assert [panel.get_title("left") for panel in histograms] == list(models)
    # A density over ten groups of width 0.1 adds up to 1.
    stairs = histograms[0].patches[0]
    assert isinstance(stairs, StepPatch)
    assert stairs.get_data()[0].sum() / 10 == pytest.approx(1.0)
