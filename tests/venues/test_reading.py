"""Rule packs read from files and by name; faults of packs are in tests/scenario/test_faults.py."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pytest

from stresslab.documents.faults import InputError
from stresslab.venues.reading import read_pack, shipped_pack_names, shipped_packs
from stresslab.venues.rules.funding import FundingRules
from stresslab.venues.rules.margin_rules import MarginRules
from tests.scenario.files import PACK, edited


def read(folder: Path, text: str = PACK) -> Path:
    path = folder / "pack.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_pack_is_read_whole(tmp_path: Path) -> None:
    pack = read_pack(read(tmp_path))
    assert (pack.name, pack.effective, pack.funding_interval) == ("test venue", dt.date(2026, 9, 30), 8.0)
    assert (pack.liquidation_procedure, pack.liquidation_fee_rate, pack.remainder) == ("full", 0.0, "returned")
    assert list(pack.symbols) == ["BTCUSDT", "ETHUSDT", "BTCUSDC"]
    tiers = pack.symbols["BTCUSDT"].tiers
    assert tiers.floors == (0.0, 50_000.0, 250_000.0)
    assert tiers.maintenance_rates == (0.004, 0.005, 0.01)
    assert tiers.maximal_leverages == (125.0, 100.0, 50.0)
    # METHODS, table O1: the requirement at 60,000 and 300,000.
    assert tiers.maintenance_margin([60_000, 300_000]) == pytest.approx([250.0, 1_700.0], rel=1e-12)
    assert pack.text == PACK
    assert pack.sha256 == hashlib.sha256(PACK.encode()).hexdigest()


def test_the_remainder_is_returned_unless_the_pack_says_otherwise(tmp_path: Path) -> None:
    assert read_pack(read(tmp_path, edited(PACK, ('remainder = "returned"\n', "")))).remainder == "returned"
    assert read_pack(read(tmp_path, edited(PACK, ('"returned"', '"forfeited"')))).remainder == "forfeited"


def test_funding_may_be_settled_every_half_hour(tmp_path: Path) -> None:
    assert read_pack(read(tmp_path, edited(PACK, ('"8h"', '"30m"')))).funding_interval == 0.5


@pytest.mark.parametrize(
    ("amount", "right"), [("1_300.0012", True), ("1_300.0014", False), ("1_299.9988", True), ("0", False)]
)
def test_an_amount_may_be_off_by_a_millionth_of_itself(amount: str, right: bool, tmp_path: Path) -> None:
    # A millionth of 1,300 is 0.0013.
    path = read(tmp_path, edited(PACK, ("1_300", amount)))
    if right:
        read_pack(path)
    else:
        with pytest.raises(InputError, match="does not continue"):
            read_pack(path)


def test_leverage_may_be_just_what_the_rate_allows(tmp_path: Path) -> None:
    read_pack(read(tmp_path, edited(PACK, ("[[0, 0.005, 0, 100]]", "[[0, 0.005, 0, 200]]"))))
    with pytest.raises(InputError, match="above 1 / maintenance rate = 200"):
        read_pack(read(tmp_path, edited(PACK, ("[[0, 0.005, 0, 100]]", "[[0, 0.005, 0, 200.1]]"))))


def test_faults_of_several_symbols_come_at_once(tmp_path: Path) -> None:
    text = edited(
        PACK,
        ("[50_000, 0.005", "[0, 0.005"),
        ('underlying = "ETH"', "underlying = 1"),
        ("[[0, 0.005, 0, 100]]\n\n[symbols.BTCUSDC", "[[1, 0.005, 0, 100]]\n\n[symbols.BTCUSDC"),
    )
    with pytest.raises(InputError) as raised:
        read_pack(read(tmp_path, text))
    assert [fault.line for fault in raised.value.faults] == [19, 24]
    assert read_pack(read(tmp_path)).name == "test venue"


def test_a_pack_lists_at_least_one_symbol(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lists no symbol"):
        read_pack(read(tmp_path, PACK[: PACK.index("[symbols.BTCUSDT]")] + "[symbols]\n"))


def test_shipped_packs_are_found_by_name() -> None:
    names = shipped_pack_names()
    assert {"binance-usdm", "teaching"} <= set(names)
    assert tuple(pack.name for pack in shipped_packs()) == names
    assert read_pack("teaching").name == "teaching"


def test_an_unknown_name_is_told_the_near_one() -> None:
    with pytest.raises(InputError) as raised:
        read_pack("binance-udsm")
    (fault,) = raised.value.faults
    assert fault.problem == 'there is no rule pack "binance-udsm"'
    assert fault.remedy.startswith('did you mean "binance-usdm"?')


def test_a_symbol_overrides_the_switches_of_its_pack(tmp_path: Path) -> None:
    text = edited(
        PACK,
        ("[symbols.BTCUSDT]", '[margin]\ntrigger = "below"\nrequirement = "entry"\n\n[symbols.BTCUSDT]'),
        (
            "[[0, 0.005, 0, 100]]\n\n[symbols.BTCUSDC",
            "[[0, 0.005, 0, 100]]\nmargin = { requirement = 'mark' }\n\n[symbols.BTCUSDC",
        ),
    )
    symbols = read_pack(read(tmp_path, text)).symbols
    assert symbols["BTCUSDT"].rules == MarginRules(trigger="below", requirement_at="entry")
    assert symbols["ETHUSDT"].rules == MarginRules(trigger="below")
    # A pack that states no switch has Binance's.
    assert {symbol.rules for symbol in read_pack(read(tmp_path)).symbols.values()} == {MarginRules()}


def test_amounts_of_whole_position_tiers_are_0(tmp_path: Path) -> None:
    whole = ("[symbols.BTCUSDT]", '[margin]\ntier_rule = "whole_position"\n\n[symbols.BTCUSDT]')
    with pytest.raises(InputError) as raised:
        read_pack(read(tmp_path, edited(PACK, whole)))
    assert [fault.problem[:35] for fault in raised.value.faults] == [
        "tier 2: a maintenance amount of 50,",
        "tier 3: a maintenance amount of 1,3",
    ]
    read_pack(read(tmp_path, edited(PACK, whole, ("0.005, 50,", "0.005, 0,"), ("1_300,", "0,"))))


def test_what_a_pack_may_state_beside(tmp_path: Path) -> None:
    text = edited(
        PACK,
        ("effective", 'confidence = "inferred"\neffective'),
        ('interval = "8h"', 'interval = "1h"\ninterest = 0.0001\nclamp = 0.0005\ncap = "rate"\ncap_factor = 0.04'),
        ('procedure = "full"', 'procedure = "tiers"\nfull_tiers = 2'),
    )
    pack = read_pack(read(tmp_path, text))
    assert (pack.confidence, pack.liquidation_procedure, pack.reduction.full_tiers) == ("inferred", "tiers", 2)
    assert pack.funding == FundingRules(0.0001, 0.0005, "rate", 0.04, "mark")
