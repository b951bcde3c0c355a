"""What changed: parts that add up, one group alone booked under its name, nothing exchanged giving zero."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import stresslab as sl
from stresslab import cli
from stresslab.reviewing.comparing import NOISE, compare, shapley, single
from stresslab.reviewing.exchange import GROUPS, CompareError, changed_groups, exchanged
from stresslab.scenario.resolution import identity
from stresslab.scenario.scenario import Scenario
from tests.scenario.files import BOOK, PACK, SCENARIO, edited, write

TINY = edited(SCENARIO, ('"90d"', '"4d"'), ('"1h"', '"4h"'), ("100_000", "400"))
MARKET = edited(TINY, ("volatility = 0.62", "volatility = 0.9"))
MODEL = edited(TINY, ('"gbm"', '"student_t"\ndegrees_of_freedom = 3.0'))
COLLATERAL = edited(BOOK, ("collateral = 50_000", "collateral = 80_000"))
WALLET = edited(BOOK, ("1_000_000", "900_000"))
POSITIONS = edited(BOOK, ("quantity = 20.0", "quantity = 24.0"))
RULES = edited(PACK, ("[0, 0.005, 0, 100]]\n\n[symbols.BTCUSDC]", "[0, 0.008, 0, 50]]\n\n[symbols.BTCUSDC]"))
NEW_POSITION = (
    BOOK
    + """
[[position]]
id = "btc-more"
symbol = "BTCUSDC"
quantity = 1.0
entry_price = 61_000
mark_price = 61_000
margin = "isolated"
collateral = 7_000
"""
)


def question(folder: Path, name: str, **texts: str) -> Scenario:
    place = folder / name
    place.mkdir()
    return sl.read_scenario(write(place, **{"scenario": TINY, **texts}))


@pytest.mark.parametrize(
    ("texts", "groups"),
    [
        ({}, ()),
        ({"scenario": MARKET}, ("market",)),
        ({"scenario": MODEL}, ("model",)),
        ({"book": COLLATERAL}, ("collateral",)),
        ({"book": WALLET}, ("collateral",)),
        ({"book": POSITIONS}, ("positions",)),
        ({"book": NEW_POSITION}, ("positions",)),
        ({"book": edited(BOOK, ("mark_price = 3_300", "mark_price = 3_000"))}, ("market",)),
        ({"pack": RULES}, ("rules",)),
        ({"scenario": edited(TINY, ("120_000", "150_000"))}, ("collateral",)),
        ({"scenario": edited(TINY, ("seed = 7", "seed = 8"))}, ()),
        ({"scenario": MARKET, "book": WALLET, "pack": RULES}, ("market", "collateral", "rules")),
    ],
)
def test_a_change_is_seen_in_its_group_alone(tmp_path, texts, groups):
    old, new = question(tmp_path, "old"), question(tmp_path, "new", **texts)
    assert changed_groups(old, new) == changed_groups(new, old) == groups
    # Oracle: the questions themselves. The old one with all changed groups of the new one is the new one.
    again = exchanged(old, new, frozenset(groups))
    assert identity(again) == identity(new)
    back = exchanged(old, new, frozenset(GROUPS) - frozenset(groups))
    assert identity(replace(back, seed=old.seed)) == identity(old)


def test_mixed_questions_hold_what_they_should(tmp_path):
    old = question(tmp_path, "old")
    new = question(
        tmp_path, "new", scenario=MARKET, book=edited(NEW_POSITION, ("collateral = 50_000", "collateral = 60_000"))
    )
    mixed = exchanged(old, new, frozenset({"positions"}))
    more = mixed.book.positions[-1]
    # The old review has no such allocation: the new one's own; the old collateral for what it holds; the old market.
    assert (more.id, more.collateral, mixed.book.positions[0].collateral) == ("btc-more", 7_000, 50_000)
    assert mixed.market.volatilities.tolist() == [0.62, 0.78]
    (booked, *_) = mixed.configurations
    # Oracle by hand: 1,000,000 less 50,000 and 7,000.
    assert {pool.name: pool.collateral for pool in booked.pools}["cross"] == 943_000
    with pytest.raises(CompareError, match="currencies differ"):
        exchanged(old, replace(new, book=replace(new.book, currency="USDC")), frozenset())


def test_shares_of_a_known_game():
    # Oracle: by hand. Alone a earns 1 and b 3, together 10: the surplus of 6 is divided evenly; c adds nothing.
    worths = {"": 0.0, "a": 1.0, "b": 3.0, "ab": 10.0}

    def worth(players):
        return np.array([worths["".join(sorted(players - {"c"}))]])

    assert {name: float(share[0]) for name, share in shapley(["a", "b", "c"], worth).items()} == pytest.approx(
        {"a": 4.0, "b": 6.0, "c": 0.0}
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Runs of four questions; their files are gone."""
    place = tmp_path_factory.mktemp("runs")
    texts: dict[str, dict[str, str]] = {
        "old": {},
        "several": {"scenario": MARKET, "book": edited(BOOK, ("collateral = 50_000", "collateral = 30_000"))},
        "collateral": {"book": COLLATERAL},
        "seed": {"scenario": edited(TINY, ("seed = 7", "seed = 8"))},
    }
    for name, each in texts.items():
        question(place, f"{name} files", **each)
        file = place / f"{name} files" / "scenario.toml"
        assert cli.main(["run", str(file), "--form", "short", "--out", str(place / name)]) == 0
        shutil.rmtree(place / f"{name} files")
    return place


def parts_of(compared: xr.Dataset) -> dict[str, float]:
    return {str(group): float(abs(compared.part.sel(group=group)).max()) for group in compared.group.values}


def test_nothing_exchanged_is_nothing(folders):
    old = single(folders / "old")
    compared = compare(old, old, paths=400)
    assert parts_of(compared) == dict.fromkeys((*GROUPS, NOISE), 0.0)
    assert not compared.change.values.any()


def test_collateral_alone_is_booked_under_collateral_alone(folders):
    compared = compare(single(folders / "old"), single(folders / "collateral"), paths=400)
    parts = parts_of(compared)
    assert parts.pop("collateral") > 0.0
    # On the reviews' own seed and paths no noise is left either.
    assert parts == dict.fromkeys((*(group for group in GROUPS if group != "collateral"), NOISE), 0.0)
    np.testing.assert_array_equal(compared.part.sel(group="collateral"), compared.change)


def test_another_seed_alone_is_noise(folders):
    compared = compare(single(folders / "old"), single(folders / "seed"), paths=400)
    assert {name for name, size in parts_of(compared).items() if size} == {NOISE}


def test_parts_add_up_and_stand_in_table_dataset_and_figure(folders, tmp_path, capsys):
    out = tmp_path / "out"
    words = [
        "compare",
        str(folders / "old"),
        str(folders / "several"),
        "--paths",
        "300",
        "--out",
        str(out),
        "--tables",
        "parquet",
    ]
    assert cli.main(words) == 0
    assert "the questions differ in: market, collateral\n" in capsys.readouterr().out
    with xr.open_dataset(out / "comparison.nc", engine="h5netcdf") as compared:
        np.testing.assert_allclose(compared.part.sum("group"), compared.new - compared.old, rtol=1e-12, atol=1e-9)
        assert {name for name, size in parts_of(compared).items() if size} == {"market", "collateral", NOISE}
        # Oracle: a larger volatility alone raises the loss, and the market's part says so.
        assert float(compared.part.sel(group="market", number="expected_loss", configuration="as_booked")) > 0.0
    table = pd.read_csv(out / "comparison.csv")
    np.testing.assert_allclose(table[[*GROUPS, NOISE]].sum(axis=1), table["change"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(pd.read_parquet(out / "comparison.parquet")["change"], table["change"], rtol=1e-12)
    assert (out / "waterfall.svg").read_text(encoding="utf-8").count("<svg") == 1
    before = (out / "comparison.nc").read_bytes()
    assert cli.main(words) == 0
    assert (out / "comparison.nc").read_bytes() == before


def test_what_is_no_result_is_refused(folders, tmp_path, capsys):
    assert cli.main(["compare", str(tmp_path), str(folders / "old"), "--out", str(tmp_path / "out")]) == 2
    assert "holds no manifest.json" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
