"""Funding calibrations that scenarios name: what is taken from where, and each fault in its place."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from statistics import NormalDist

import pytest

from stresslab.documents.findings import Findings
from stresslab.documents.reading import open_document
from stresslab.market.funding_file import (
    SHIPPED_FUNDING,
    FundingCalibration,
    funding_calibration_from,
    shipped_funding_calibrations,
)
from stresslab.market.premium import Premium, PremiumLaw
from stresslab.scenario.reading import read_scenario
from stresslab.scenario.scenario import Scenario
from stresslab.scenario.validation import validate_files
from tests.scenario.files import SCENARIO, edited, write

ROOT = Path(__file__).parents[2]
FUNDING = """\
schema = 1
name = "one asset"
as_of = 2024-06-30
interval = "8h"
interest_rate = 0.0002
clamp = 0.0004
own_correlation = 0.8

[premiums.BTC]
share_below = 0.3
share_above = 0.2
scale_below = 0.0001
tail_below = 0.1
scale_above = 0.0006
tail_above = 0.2
half_life = "12h"
price_correlation = 0.1
slow_share = 0.7
slow_half_life = "30d"
slow_price_correlation = 0.6

[history]
note = "made up"
"""
TABLE = '[market.funding]\ncalibration = "funding.toml"\n[market.funding.assets]\nETH = { like = "BTC" }\n'


def placed(folder: Path, table: str = TABLE, text: str = FUNDING) -> Path:
    """A scenario with a table of funding, and the calibration beside it."""
    (folder / "funding.toml").write_text(text, encoding="utf-8")
    return write(folder, scenario=edited(SCENARIO, ("[market.correlation]", f"{table}\n[market.correlation]")))


def read(folder: Path, table: str = TABLE) -> Scenario:
    return read_scenario(placed(folder, table))


def test_a_scenario_takes_premiums_and_rule_from_the_calibration(tmp_path: Path) -> None:
    scenario = read(tmp_path)
    funding = scenario.market.funding
    assert funding is not None
    assert (funding.interval, funding.interest_rate, funding.clamp) == (8 / 24, 0.0002, 0.0004)
    assert funding.own_correlation == 0.8
    btc, eth = funding.premiums
    # Scores of the shares from a table of the normal distribution: 0.3 at -0.5244, 0.8 at 0.8416.
    figures = [getattr(btc.law, field.name) for field in fields(PremiumLaw)]
    assert figures == pytest.approx([-0.5244, 0.8416, -2e-4, 6e-4, 1e-4, 6e-4, 0.1, 0.2], rel=1e-4)
    assert btc == Premium(btc.law, 0.5, 0.1, slow_share=0.7, slow_half_life=30.0, slow_price_correlation=0.6)
    assert eth == btc
    assert scenario.documents["funding"] == FUNDING


def test_figures_of_the_scenario_win(tmp_path: Path) -> None:
    stated = "interest_rate = 0.0\nclamp = 0.0001\nown_correlation = 0.5\n"
    table = TABLE.replace("[market.funding.assets]", stated + "[market.funding.assets]").replace(
        '{ like = "BTC" }', '{ premium_deviation = 0.0003, premium_half_life = "1d" }'
    )
    funding = read(tmp_path, table).market.funding
    assert funding is not None
    assert (funding.interest_rate, funding.clamp, funding.own_correlation) == (0.0, 0.0001, 0.5)
    assert funding.premiums[1] == Premium(PremiumLaw.normal(0.0, 0.0003), 1.0)
    assert funding.premiums[0].slow_share == 0.7


# What to replace, by what, and the line and words of the one fault that follows.
FILE_FAULTS = {
    "no time": ('interval = "8h"', 'interval = "0h"', 4, "lasts no time"),
    "time backwards": ('interval = "8h"', 'interval = "-8h"', 4, "is not a duration"),
    "share": ("share_below = 0.3", "share_below = 1.3", 10, "`share_below`"),
    "shares": ("share_above = 0.2", "share_above = 0.8", 11, "add up to 1.1"),
    "squares": ("slow_price_correlation = 0.6", "slow_price_correlation = 0.999", 20, "squares"),
    "tail": ("tail_above = 0.2", "tail_above = 1.0", 15, "`tail_above`"),
    "scale": ("scale_below = 0.0001", "scale_below = -0.0001", 12, "`scale_below`"),
    "missing": ('half_life = "12h"\n', "", 9, "`half_life` is missing"),
    "unknown": ("clamp =", "clmp = 1\nclamp =", 6, 'unknown key "clmp"'),
    "no asset": (FUNDING[FUNDING.index("[premiums.BTC]") :], "[premiums]\n", 9, "holds no asset"),
}


@pytest.mark.parametrize(("old", "new", "line", "words"), FILE_FAULTS.values(), ids=FILE_FAULTS)
def test_each_fault_of_a_funding_calibration(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    path = placed(tmp_path, text=edited(FUNDING, (old, new)))
    for named in (path, tmp_path / "funding.toml"):
        (fault,) = validate_files([named])[0]
        assert (Path(fault.path).name, fault.line) == ("funding.toml", line)
        assert words in fault.problem
    assert validate_files([placed(tmp_path)]) == ((), ())


TABLE_FAULTS = {
    "no such": (TABLE.replace("funding.toml", "binance-usdm-for-2024-06"), "no funding calibration", "four-2024-06"),
    "another interval": (
        TABLE.replace("calibration", 'interval = "4h"\ncalibration'),
        "rates of 8h",
        'interval = "8h"',
    ),
    "not held": (TABLE[: TABLE.index("[market.funding.assets]")], 'holds no premium of "ETH"', 'like = "BTC"'),
    "like a stranger": (TABLE.replace('"BTC"', '"BTX"'), 'holds no premium of "BTX"', 'did you mean "BTC"'),
    "half stated": (TABLE.replace('like = "BTC"', "premium_mean = 0.0"), 'half_life` of "ETH" are missing', "replace"),
    "both": (TABLE.replace("{ like", "{ premium_mean = 0.0, like"), "has figures of its own", "keep one"),
    "like, uncalibrated": (
        TABLE.replace('calibration = "funding.toml"', 'premium_deviation = 0.0\npremium_half_life = "1d"'),
        "names no calibration",
        "add calibration",
    ),
    "another kind": (TABLE.replace("funding.toml", "pack.toml"), "is a venue's rule pack, not a funding", "name"),
    "nothing": ("[market.funding]\n", "`premium_deviation` and `premium_half_life` are missing", "calibration"),
}


@pytest.mark.parametrize(("table", "problem", "remedy"), TABLE_FAULTS.values(), ids=TABLE_FAULTS)
def test_each_fault_of_the_table(tmp_path: Path, table: str, problem: str, remedy: str) -> None:
    (fault,) = validate_files([placed(tmp_path, table)])[0]
    assert problem in fault.problem
    assert remedy in fault.remedy


def shipped(name: str) -> FundingCalibration:
    findings = Findings()
    document = open_document(SHIPPED_FUNDING / f"{name}.toml", name, findings)
    assert document is not None
    calibration = funding_calibration_from(document, findings)
    findings.stop_at_faults()
    assert calibration is not None
    return calibration


def test_the_shipped_funding_calibrations_are_right() -> None:
    assert shipped_funding_calibrations() == ("binance-usdm-four-2024-06",)
    calibration = shipped("binance-usdm-four-2024-06")
    assert list(calibration.premiums) == ["BTC", "ETH", "LTC", "XRP"]
    for premium in calibration.premiums.values():
        # The share of rates at the interest, counted in the histories: 40 to 47 %.
        law, normal = premium.law, NormalDist()
        assert 0.40 < normal.cdf(law.high_score) - normal.cdf(law.low_score) < 0.47
        # Rates rise after prices have risen, and the upper side is the wider one.
        assert premium.slow_price_correlation > 0.4
        assert law.high_scale > 3 * law.low_scale


def test_the_funded_quarter_uses_it() -> None:
    scenario = read_scenario(ROOT / "scenarios" / "funded_quarter.toml")
    funding = scenario.market.funding
    assert funding is not None
    assert funding.premiums[scenario.market.assets.index("SOL")] == shipped("binance-usdm-four-2024-06").premiums["XRP"]
    assert all(premium.slow_share > 0 for premium in funding.premiums)
