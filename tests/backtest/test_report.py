"""The PDF of a backtest: its findings are those of the figures that it is given."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
import xarray as xr
from pypdf import PdfReader

from stresslab.backtest.bars import align
from stresslab.backtest.dataset import backtest_dataset
from stresslab.backtest.forecasters import FORECASTERS
from stresslab.backtest.report import against_others, compile_backtest, coverage
from stresslab.backtest.scoring import score
from stresslab.backtest.walking import plan_origins, walk_forward
from tests.calibration.simulated import closes, histories


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """Two models, two assets, 34 days; then rates, differences and p-values of our own."""
    read = histories(tmp_path_factory.mktemp("bars"), closes([0.6, 0.9], [[1, 0.5], [0.5, 1]], days=400), ["A", "B"])
    bars = align(read)
    plan = plan_origins(bars, "1d", "1d")
    models = {name: FORECASTERS[name] for name in ("brownian_90d", "own_history")}
    walk = walk_forward(bars, plan, models, paths=200)
    made = backtest_dataset(bars, plan, models, walk, score(walk, plan), read)
    # By level (1 %, 5 %) and side (long, short).
    for suffix, figures in (
        ("", [[0.01, 0.04], [0.02, 0.05]]),
        ("_lower", [[0.0, 0.02], [0.01, 0.03]]),
        ("_upper", [[0.02, 0.06], [0.03, 0.07]]),
    ):
        made[f"exceedance_rate{suffix}"][0] = np.array(figures)
    for suffix, figures in (
        ("", [[1.0, -1.0], [0.5, 0.0]]),
        ("_lower", [[0.5, -2.0], [-1.0, -1.0]]),
        ("_upper", [[2.0, -0.5], [1.0, 1.0]]),
    ):
        made[f"pinball_difference{suffix}"][1] = 1e-4 * np.array(figures)
    for name, value in (("kupiec_p_value", 0.04), ("christoffersen_p_value", 0.5)):
        made[name][0] = value
    made["kupiec_p_value"][0, 0, 0, 0] = np.nan
    made["christoffersen_p_value"][0, 1, 1, 1] = 0.0
    return made


def test_findings_count_what_was_given(results: xr.Dataset) -> None:
    # 1 % is in [0, 2] and below [2, 6]; 5 % is above [1, 3] and in [3, 7].
    assert coverage(results) == (
        "brownian_90d: the nominal rate lies inside the 95 % interval of 2 of 4 rates of exceedance; "
        "exceeded too often: 1 % short; too seldom: 5 % long"
    )
    # The other loses more beyond its interval once, less once, and twice the interval holds zero.
    assert "better beyond the 95 % interval in 1, worse in 1, and cannot be told apart in 2" in against_others(results)
    assert against_others(results.isel(model=[0])) == "There is no other model to compare with."


def test_the_pdf_states_tests_with_their_number(results: xr.Dataset) -> None:
    pdf, warnings = compile_backtest(results)
    text = re.sub(r"\s+", " ", " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))
    assert warnings == []
    # 2 levels, 2 sides, 2 assets, 2 tests, one of them missing: 15; 7 of Kupiec's and one other are below 5 %.
    assert "15 tests, of which 8 reject at 5 %; about 0.8 would if every forecast were right" in text
    assert "– · 0.500" in text
    assert "0.040 · < 0.001" in text
    assert "+1.00 [+0.50, +2.00]" in text
    assert compile_backtest(results)[0] == pdf


def test_overlapping_windows_have_no_tests(results: xr.Dataset) -> None:
    text = PdfReader(io.BytesIO(compile_backtest(results.assign_attrs(overlapping=1))[0])).pages[0].extract_text()
    assert "so tests that need independent outcomes are left out" in " ".join(text.split())
    assert "Kupiec" not in text
