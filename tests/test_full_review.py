"""The full form: parts in files of their own, pages typeset again from them, and honest gaps."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pypdf
import pytest
import xarray as xr

from stresslab import cli
from stresslab.report import change_pages, compile_pages, rare_pages
from stresslab.report.allocation_pages import finding
from stresslab.report.blocks import LeftOut, Page
from stresslab.report.pages import pages
from stresslab.report.review import Review
from stresslab.results.companions import REASONS, Companions, load_companions
from stresslab.results.saving import load
from tests.report import cases
from tests.scenario.files import SCENARIO, edited, write

TINY = edited(SCENARIO, ('"90d"', '"2d"'), ('"1h"', '"4h"'), ("100_000", "400"))
SMALL = "\n[analysis]\ntornado = 128\nallocation = 200\nrare = 2_000\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("full")
    file = write(place, scenario=TINY + SMALL)
    assert cli.main(["run", str(file), "--out", str(place / "run"), "--form", "full"]) == 0
    return place / "run"


def read(pdf):
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    return " ".join(" ".join(page.extract_text().split()) for page in reader.pages)


def test_each_part_has_its_file_and_its_own_paths(folder):
    # Paths as the text of the scenario states them; one model alone has its figures there, which is the reason told.
    assert xr.load_dataset(folder / "sensitivities.nc").attrs["paths"] == 128
    assert xr.load_dataset(folder / "allocation.nc").attrs["paths"] == 200
    assert json.loads((folder / REASONS).read_text())["models"].endswith("the figures of one market model")
    listed = set(json.loads((folder / "manifest.json").read_text())["files"])
    assert {"sensitivities.nc", "allocation.nc", "replay.nc", REASONS} <= listed
    assert "models.nc" not in listed


def test_the_report_is_typeset_again_from_the_folder_alone(folder, tmp_path):
    again = tmp_path / "again.pdf"
    assert cli.main(["report", str(folder), "--form", "full", "--out", str(again)]) == 0
    # Oracle: the run's own report, made of datasets that had not been through a file.
    assert again.read_bytes() == (folder / "report.pdf").read_bytes()
    text = read(again.read_bytes())
    for title in ("Allocation of collateral", "Sensitivities", "Crashes of the past", "Position btc-long"):
        assert title in text
    assert "Left out: " in text
    assert "Market models (scenario and calibration have the figures of one market model)" in text


def test_a_part_that_is_gone_is_named_and_one_that_was_changed_is_refused(folder, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "allocation.nc").unlink()
    assert cli.main(["report", str(copy), "--form", "full", "--out", str(tmp_path / "a.pdf")]) == 0
    assert "its file allocation.nc is no longer in the folder" in read((tmp_path / "a.pdf").read_bytes())
    # Control for the test above: what is missing shows in the bytes.
    assert (tmp_path / "a.pdf").read_bytes() != (folder / "report.pdf").read_bytes()
    raw = bytearray((copy / "sensitivities.nc").read_bytes())
    raw[-1] ^= 1
    (copy / "sensitivities.nc").write_bytes(bytes(raw))
    capsys.readouterr()
    assert cli.main(["report", str(copy), "--form", "full", "--out", str(tmp_path / "b.pdf")]) == 2
    assert "its SHA-256 is not the manifest's" in capsys.readouterr().err
    assert not (tmp_path / "b.pdf").exists()


def test_the_pages_stand_in_the_order_of_the_review(folder):
    review = Review(load(folder), load_companions(folder))
    titles = [page.title for page in pages(review, "full")]
    # Main number, loss, collateral, crashes, fragility, governance, then the positions.
    wanted = [
        "Summary", "Liquidation probability", "Loss", "Collateral against probability", "Allocation of collateral",
        "Claims tested on this book", "Crashes of the past", "What would break it", "Sensitivities", "Validation",
        "Assumptions and limitations", "Manifest", f"Position {review.positions[0]}",
    ]  # fmt: skip
    places = [titles.index(title) for title in wanted]
    assert places == sorted(places)
    assert [title for title in titles if title.startswith("Position ")] == [
        f"Position {one}" for one in review.positions
    ]


def test_the_finding_on_the_split_follows_the_paired_difference(folder):
    results = xr.load_dataset(folder / "allocation.nc")
    told = {}
    for name, (value, lower, upper) in {
        "better": (-30.0, -40.0, -20.0),
        "worse": (30.0, 20.0, 40.0),
        "neither": (-30.0, -70.0, 10.0),
    }.items():
        changed = results.copy(deep=True)
        for end, number in (("", value), ("_lower", lower), ("_upper", upper)):
            changed[f"expected_loss_difference{end}"].loc[{"configuration": "as booked"}] = number
        told[name] = finding(changed)
    # By hand from the three intervals.
    assert "lowers the expected loss by 30.00 USDT [20.00, 40.00]" in told["better"]
    assert "raises the expected loss by 30.00 USDT [20.00, 40.00]" in told["worse"]
    assert "beyond the noise" in told["neither"]


def rare(shares, warnings):
    """As many rare pools of the test desk, with these probabilities."""
    count = len(shares)
    numbers = {"liquidation_probability": shares, "run_probability": [0.0] * count}
    values = {
        f"{name}{end}": ("event", np.array(each) * factor)
        for name, each in numbers.items()
        for end, factor in (("", 1.0), ("_lower", 0.9), ("_upper", 1.1))
    }
    rest = dict.fromkeys(("variance_gain", "effective_sample_size", "breach_distance"), ("event", np.full(count, 50.0)))
    words = {
        "configuration": ["all_cross"] * count, "pool": [f"p{place}" for place in range(count)],
        "method": ["importance"] * count, "reason": ["rare"] * count, "warnings": warnings,
    }  # fmt: skip
    attributes = {"paths": 10_000, "run_paths": 2000, "rare_pools": count, "fewest_hits": 100, "scenario_hash": "x"}
    texts = {name: ("event", np.array(each, dtype=object)) for name, each in words.items()}
    return xr.Dataset({**values, **rest, **texts}, coords={"event": range(count)}, attrs=attributes)


def test_a_rare_probability_is_told_with_its_interval_and_its_doubts():
    # 3e-6 with bounds of 0.9 and 1.1 times it; more digits than 10,000 counted paths could have.
    told = rare_pages.finding(rare([1e-9, 3e-6], ["", "uneven weights"]))
    assert "the likeliest of them is p1 (all cross), with a probability of 3.00e-6 [2.7e-6, 3.3e-6]" in told
    assert told.endswith("1 of the estimates cannot be fully trusted")
    assert "show no liquidation either" in rare_pages.finding(rare([0.0], [""]))
    page = rare_pages.rare_page(Review(cases.desk(), Companions(rare=rare([1e-9, 3e-6], ["", ""]))), [])
    assert isinstance(page, Page)
    pdf, warnings = compile_pages([page], kind="k", title="t", subtitle="s", book="b", identity="i")
    assert not warnings
    assert "3.00e-6" in read(pdf)
    # Control: without the part there is no page.
    assert isinstance(rare_pages.rare_page(Review(cases.desk()), []), LeftOut)


def compared(parts, *, changed="market", old=0.10):
    """A comparison in memory whose three headline numbers all change by these parts."""
    groups = ("market", "positions", "collateral", "rules", "model", "sampling noise")
    part = np.array([parts.get(group, 0.0) for group in groups])
    numbers = ["account_liquidation_probability", "expected_loss", "expected_shortfall_0.975"]
    dims = ("number", "configuration")
    return xr.Dataset(
        {
            "old": (dims, np.full((3, 1), old)),
            "new": (dims, np.full((3, 1), old + part.sum())),
            "change": (dims, np.full((3, 1), part.sum())),
            "part": ((*dims, "group"), np.tile(part, (3, 1, 1))),
            "units": ("number", np.array(["1", "USDT", "USDT"], dtype=object)),
        },
        coords={"number": numbers, "configuration": ["as_booked"], "group": list(groups)},
        attrs={"changed": changed, "currency": "USDT", "paths": 400, "old_title": "Before", "old_scenario_hash": "x"},
    )


def test_the_finding_on_what_changed_follows_the_parts():
    # By hand: 10 % + 4 - 1 points; 10 % + 0.1 + 0.3 points; nothing exchanged; parts that cancel.
    told = change_pages.finding(compared({"market": 0.04, "collateral": -0.01}, changed="market, collateral"))
    assert "rose from 10.0 % to 13.0 %; market did most, +4.000 points" in told
    assert told.endswith("collateral most against it, \u22121.000 points")
    noisy = change_pages.finding(compared({"market": 0.001, "sampling noise": 0.003}))
    assert noisy.endswith("to 10.4 %; the largest part of it, +0.300 points, is sampling noise")
    assert "is unchanged at 10.0 %" in change_pages.finding(compared({}, changed=""))
    assert "by sampling alone" in change_pages.finding(compared({"sampling noise": 0.02}, changed=""))
    assert change_pages.finding(compared({})) == "Market changed, and P(any pool liquidated) as booked stays at 10.0 %"
    assert "is 10.0 % again; market did most" in change_pages.finding(compared({"market": 0.02, "rules": -0.02}))


def test_a_former_review_adds_the_page_on_what_changed(folder, tmp_path, capsys):
    file = write(tmp_path, scenario=edited(TINY, ("volatility = 0.62", "volatility = 0.9")) + SMALL)
    words = ["run", str(file), "--out", str(tmp_path / "run"), "--previous", str(folder)]
    assert cli.main(words) == 2
    assert "--previous needs --form full" in capsys.readouterr().err
    assert cli.main([*words, "--form", "full"]) == 0
    part = xr.load_dataset(tmp_path / "run" / "comparison.nc")
    assert part.attrs["changed"] == "market"
    # Oracle: both runs' own results; the parts add up to their difference.
    name = "account_liquidation_probability"
    ends = [float(load(each)[name].sel(configuration="as_booked")) for each in (folder, tmp_path / "run")]
    at = part.sel(number=name, configuration="as_booked")
    assert [float(at.old), float(at.new)] == ends
    assert float(at.part.sum()) == pytest.approx(ends[1] - ends[0], abs=1e-12)
    text = read((tmp_path / "run" / "report.pdf").read_bytes())
    assert "Parts of the change, as booked" in text
    # Control: without a former review the contents say why there is no such page.
    alone = read((folder / "report.pdf").read_bytes())
    assert "Parts of the change, as booked" not in alone
    assert "no former review was named" in alone
    assert cli.main([*words[:-1], str(tmp_path), "--form", "full"]) == 2
    assert "--previous" in capsys.readouterr().err
