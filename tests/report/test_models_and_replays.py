"""The pages on market models and on crashes of the past, and what the contents say where there is none."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from pypdf import PdfReader

from stresslab.report import compile_replays, compile_report
from stresslab.report.charts.models import figure_models
from stresslab.report.charts.replay import figure_replay
from stresslab.report.model_pages import Models, apart, shortfall
from stresslab.report.pages import pages
from stresslab.report.replay_pages import Replays, what_happened
from stresslab.report.review import Review
from stresslab.results.companions import Companions
from stresslab.results.models import across_models
from tests.report import cases

_ANY = "account_liquidation_probability"


def joined(*chances: tuple[float, float, float]) -> xr.Dataset:
    """The desk under models a, b, ..., whose probabilities as booked, with their bounds, are these."""
    parts = {}
    for name, figures in zip("abc", chances, strict=False):
        parts[name] = cases.desk().copy(deep=True)
        for suffix, figure in zip(("", "_lower", "_upper"), figures, strict=True):
            parts[name][f"{_ANY}{suffix}"][0] = figure
    return across_models(parts)


def read(pdf: bytes) -> str:
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


@cache
def replays() -> xr.Dataset:
    """Two crashes and three pools, made up: the first liquidates `two`, then `one`; the second nothing."""
    booked = {
        "liquidated": [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]],
        "liquidation_hours": [[5.0, 2.5, np.nan], [np.nan] * 3],
        "loss": [[100.0, 2000.0, -50.0], [-10.0, -20.0, -30.0]],
        "least_margin_ratio": [[0.9, 0.8, 7.0], [4.0, np.nan, 9.0]],
    }
    pool = {name: (("crash", "configuration", "pool"), np.array(rows)[:, None]) for name, rows in booked.items()}
    return xr.Dataset(
        {
            **pool,
            "account_loss": (("crash", "configuration"), np.array([[2050.0], [-60.0]])),
            "peak_to_trough": (("crash", "asset"), np.array([[-0.5, -0.6], [-0.1, -0.2]])),
            "beta": (("crash", "asset"), np.array([[np.nan, 1.25], [np.nan, np.nan]])),
            "hours": (("crash", "point"), np.array([[0.0, 1.0, 2.0]] * 2)),
            "price_ratio": (("crash", "point", "asset"), np.array([[[1.0, 1.0], [0.5, 0.4], [0.8, 0.9]]] * 2)),
            "margin_ratio": (("crash", "point", "pool"), np.full((2, 3, 3), 5.0)),
        },
        coords={
            "crash": ["first", "second"],
            "configuration": ["as_booked"],
            "pool": ["one", "two", "three"],
            "asset": ["BTC", "ETH"],
            "title": ("crash", ["The First", "The Second"]),
            "start": ("crash", ["2020-01-01T06:00:00Z", "2021-01-01T00:00:00Z"]),
            "reconstructed": ("crash", np.array([1, 0])),
            "reference": (("crash", "asset"), np.array([["BTC", "BTC"], ["BTC", "ETH"]])),
        },
        attrs={
            "title": "A review",
            "currency": "USDT",
            "venue": "a venue, effective 2026-01-01",
            "scenario_hash": "0" * 64,
            "assumptions": json.dumps(["Said plainly."]),
            "crashes": json.dumps({"first": {"assets": {"BTC": {"perpetual_low": 95.0, "spot_low": 100.0}}}}),
        },
    )


def test_the_finding_names_the_range_the_worst_model_and_whether_intervals_overlap():
    # 0.20 of 2,000 paths and 0.30: intervals that were given, and do not meet.
    told = apart(Models(joined((0.2, 0.18, 0.22), (0.3, 0.28, 0.32), (0.25, 0.23, 0.27))))
    assert "from 20.0 % under a to 30.0 % under b, the worst of 3 models" in told
    assert "do not overlap" in told
    # Control: the same with intervals that meet.
    told = apart(Models(joined((0.2, 0.18, 0.29), (0.3, 0.28, 0.32), (0.25, 0.23, 0.27))))
    assert "; their intervals overlap" in told
    assert "do not" not in told


def test_models_that_agree_or_see_nothing_are_called_that():
    assert apart(Models(joined(*[(0.2, 0.18, 0.22)] * 2))).startswith("All 2 models give the same probability")
    told = apart(Models(joined(*[(0.0, 0.0, 0.002)] * 2)))
    # 1 - 0.05^(1/2000) is 1.5e-3, the bound of a probability that no path has shown.
    assert told.startswith("Held as booked, no pool was liquidated under any of the 2 models (< 1.5e-3, < 1.5e-3)")


def test_the_stated_choice_is_told_from_the_worst():
    assert shortfall(Models(joined((0.2, 0.18, 0.22), (0.3, 0.28, 0.32))))[1] == (
        "Under another model than the stated choice, a, the estimate of P(any pool liquidated) is higher."
    )
    assert shortfall(Models(joined((0.4, 0.38, 0.42), (0.3, 0.28, 0.32))))[1] == (
        "The stated choice, a, gives the highest estimate of both."
    )


def test_the_page_holds_every_model_and_marks_the_choice():
    pdf, warnings = compile_report(cases.desk(), "short", Companions(joined((0.2, 0.18, 0.22), (0.3, 0.28, 0.32))))
    text = read(pdf)
    assert warnings == []
    assert "20.0 % to 30.0 %" in text
    assert text.count("this report’s") == len(cases.desk().configuration)
    assert "Market models (these results are of one market model)" not in text


def test_what_became_of_the_book_is_counted():
    # Oracle: the figures of `replays`, read by hand; of two that are liquidated once, the one that fell lower is first.
    seen = Replays(replays())
    assert seen.pools == ["two", "one", "three"]
    assert seen.liquidated("first") == ["two", "one"]
    assert what_happened(seen) == (
        "Held as booked, the book loses at least one pool in 1 of 2 crashes; "
        "at the worst, in The First, it loses 2\u202f050 USDT"
    )
    second = replays().sel(crash=["second"])
    assert what_happened(Replays(second)) == "Held as booked, the book survives in The Second and gains 60.00 USDT"


def test_the_page_of_replays_says_fates_mappings_and_discounts():
    pdf, warnings = compile_replays(replays())
    text = read(pdf)
    assert warnings == []
    for part in ("two after 2.5 h", "reconstructed, 2020-01-01 06:00", "from bars, 2021-01-01 00:00", "Said plainly."):
        assert part in text
    # ETH follows BTC in the first alone; 95 / 100 - 1 is -5 %; a pool without a ratio survives all the same.
    assert "ETH as 1.25 × BTC" in text
    assert text.count("ETH as") == 1
    assert "BTC −5.0 %" in text
    assert "survives" in text


def test_the_report_holds_the_same_page_and_the_contents_name_it():
    text = read(compile_report(cases.desk(), "short", Companions(replays=replays()))[0])
    assert text.count("Crashes of the past") == 2
    assert "Crashes of the past (none was replayed" not in text


@pytest.mark.parametrize(("form", "policies"), [("short", False), ("standard", True)])
def test_the_contents_name_what_is_left_out_with_the_reason(form, policies):
    text = read(compile_report(cases.desk(), form)[0])
    assert "Market models (these results are of one market model)" in text
    assert "Crashes of the past (none was replayed; the option --replays of a run does)" in text
    assert ("What the policies are worth (no configuration has any)" in text) is policies
    assert "Collateral against probability (" not in text


def test_a_page_without_required_collateral_is_named():
    results = cases.desk().copy(deep=True)
    results["required_collateral"][:] = np.nan
    body = pages(Review(results), "short")
    (contents,) = (block for block in body[0].blocks if block["kind"] == "contents")
    assert [title for title, _ in contents["left_out"]] == [
        "Collateral against probability",
        "Crashes of the past",
        "Market models",
    ]
    assert "Collateral against probability" not in [page.title for page in body]


def test_models_read_by_name_are_runs_of_their_own():
    question = cases.scenario([cases.position("p", 1.0, margin="isolated", collateral=20.0)], 20.0, days=1.0, paths=500)
    runs = {"gbm": cases.run(question), "other seed": cases.run(replace(question, seed=8))}
    models = Models(across_models(runs))
    for name, own in runs.items():
        figure = float(own.expected_loss.sel(configuration="as_booked"))
        assert models.estimates("expected_loss", "as_booked")[name].value == figure


def test_long_names_do_not_push_the_legend_of_replays_over_the_edge():
    long = replays().assign_coords(pool=[f"{end} of the pools whose names are longer than a legend" for end in "abc"])
    drawn = figure_replay(long)
    drawn.draw_without_rendering()
    # Oracle: the figure's own edges. Whole, the three names alone would be wider than they are apart.
    legend = drawn.legends[0].get_window_extent()
    assert 0.0 <= legend.x0 < legend.x1 <= drawn.bbox.x1
    assert len({text.get_text() for text in drawn.legends[0].get_texts()}) == 5


@pytest.mark.parametrize("draw", [figure_models, figure_replay], ids=["models", "replay"])
def test_figures_on_given_axes_hold_what_their_own_hold(draw):
    given = joined((0.1, 0.09, 0.11), (0.3, 0.29, 0.31)) if draw is figure_models else replays()
    own = draw(given).axes
    mine = Figure()
    axes = list(mine.subplots(1, len(own)))
    assert draw(given, axes) is mine
    for one, other in zip(axes, own, strict=True):
        assert one.get_xlabel() == other.get_xlabel()
        assert len(one.get_lines()) == len(other.get_lines()) > 0
        for line, wanted in zip(one.get_lines(), other.get_lines(), strict=True):
            np.testing.assert_array_equal(line.get_xydata(), wanted.get_xydata())
    legend = axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        text.get_text() for text in draw(given).legends[0].get_texts()
    ]
