"""One edit of a rule pack, one fault, as in `test_faults`."""

from __future__ import annotations

from pathlib import Path

import pytest

from stresslab.documents.faults import InputError
from stresslab.scenario.reading import read_scenario
from tests.scenario.files import TEXTS, edited, write
from tests.scenario.rows import Row, placed

TIERS = "  [0, 0.004, 0, 125],\n  [50_000, 0.005, 50, 100],\n  [250_000, 0.01, 1_300, 50],\n"

PACK_ROWS = {
    "first floor": Row(
        "pack", "[0, 0.004, 0, 125]", "[►10, 0.004, 0, 125]", ("tier 1", "begins at 10", "begins at a notional of 0")
    ),
    "unsorted": Row("pack", "[250_000, 0.01", "[►40_000, 0.01", ("tier 3", "does not rise above 50,000", "sort")),
    "rate of zero": Row("pack", "[[0, 0.005, 0, 100]]", "[[0, ►0, 0, 100]]", ("the maintenance rate is 0",)),
    "falling rate": Row("pack", "[250_000, 0.01,", "[250_000, ►0.002,", ("falls from 0.005 to 0.002",)),
    "rising leverage": Row("pack", "50, 100]", "50, ►130]", ("rises from 125 to 130",)),
    "leverage above rate": Row("pack", "0, 125]", "0, ►251]", ("251 is above 1 / maintenance rate = 250",)),
    "leverage below one": Row("pack", "1_300, 50]", "1_300, ►0.5]", ("maximal leverage is 0.5", "at least 1")),
    # 50 + 250,000 x (0.01 - 0.005) = 1,300 (METHODS, table O1)
    "amount": Row("pack", "1_300,", "►1_300.01,", ("amount 1,300.01 does not continue", "write 1300")),
    "short row": Row(
        "pack", "[[0, 0.005, 0, 100]]", "[►[0, 0.005, 0]]", ("`tiers`, entry 1, has 3 entries", "at least 4")
    ),
    "no tiers": Row("pack", f"[\n{TIERS}]", "►[]", ("`tiers` has 0 entries",)),
    "quanto": Row(
        "pack", '"linear"', '►"quanto"', ('contract "quanto" is not supported yet', 'supported are "linear", "inverse"')
    ),
    "procedure": Row("pack", '"full"', '►"partial"', ('procedure "partial" is not supported yet', '"full"')),
    # switches of a rule pack
    "no contract size": Row(
        "pack",
        '"linear"',
        '"inverse"',
        ("`contract_size` is missing", "contract_size = 100"),
        at="[symbols.BTCUSDT]",
    ),
    "size of a linear contract": Row(
        "pack",
        'contract = "linear"',
        'contract = "linear"\ncontract_size = ►10',
        ("linear contract has no `contract_size`", "base units"),
    ),
    "unknown trigger": Row(
        "pack",
        "[symbols.BTCUSDT]",
        '[margin]\ntrigger = ►"at_or_blow"\n[symbols.BTCUSDT]',
        ('`trigger` is "at_or_blow"', 'did you mean "at_or_below"?'),
    ),
    "unknown switch": Row(
        "pack",
        "[symbols.BTCUSDT]",
        '[margin]\n►trigge = "below"\n[symbols.BTCUSDT]',
        ('unknown key "trigge"', '"trigger"'),
    ),
    "fee without a price": Row(
        "pack",
        "[[0, 0.005, 0, 100]]\n\n[symbols.BTCUSDC",
        "[[0, 0.005, 0, 100]]\nmargin = { closing_fee_rate = 0.001 }\n\n[symbols.BTCUSDC",
        ("a closing fee of 0.001", "or neither"),
        at="[symbols.ETHUSDT]",
    ),
    "no size factor": Row(
        "pack",
        "[[0, 0.005, 0, 100]]\n\n[symbols.BTCUSDC",
        '[[0, 0.005, 0, 100]]\nmargin = { tier_rule = "size_slope" }\n\n[symbols.BTCUSDC',
        ("`size_factor` is missing",),
        at="[symbols.ETHUSDT]",
    ),
    "size factor without its rule": Row(
        "pack",
        "[[0, 0.005, 0, 100]]\n\n[symbols.BTCUSDC",
        "[[0, 0.005, 0, 100]]\nsize_factor = ►0.001\n\n[symbols.BTCUSDC",
        ('"marginal" has no `size_factor`',),
    ),
    "cap without a factor": Row(
        "pack", 'interval = "8h"', 'interval = "8h"\ncap = "rate"', ("cap of funding",), at="[funding]"
    ),
    "step of another procedure": Row(
        "pack", 'procedure = "full"', 'procedure = "full"\nstep = ►0.5', ('"full" has no `step`',)
    ),
    "pause without reductions": Row(
        "pack", 'procedure = "full"', 'procedure = "full"\npause = ►"30s"', ('"full" has no `pause`', "tiers or steps")
    ),
    "pause of no length": Row(
        "pack",
        'procedure = "full"',
        'procedure = "tiers"\npause = ►"0s"',
        ('"0s" lasts no time at all', "leave the pause out"),
    ),
    "pause in words": Row(
        "pack", 'procedure = "full"', 'procedure = "tiers"\npause = ►"30 seconds"', ("is not a duration",)
    ),
    "unknown order": Row(
        "pack",
        'procedure = "full"',
        'procedure = "full"\norder = ►"worst"',
        ('`order` is "worst"', "worst_first"),
    ),
    "backstop in percent": Row(
        "pack", 'procedure = "full"', 'procedure = "full"\nbackstop = ►66', ("`backstop` is 66",)
    ),
    "tiers of spot": Row(
        "pack",
        "[symbols.BTCUSDC",
        '[symbols.ETH-SPOT]\nunderlying = "ETH"\ncontract = "spot"\ntiers = ►[[0, 0.1, 0, 1]]\n\n[symbols.BTCUSDC',
        ("spot has no `tiers`", "remove it"),
    ),
    "contract without tiers": Row(
        "pack",
        "[symbols.BTCUSDC",
        '[symbols.SOLUSDT]\nunderlying = "SOL"\ncontract = "linear"\n\n[symbols.BTCUSDC',
        ("the key `tiers` is missing", "whatever rows the venue states"),
        at="[symbols.SOLUSDT]",
    ),
    "no step": Row("pack", '"full"', '"steps"', ("`step` is missing", "step = 0.125"), at="[liquidation]"),
    "remainder": Row("pack", '"returned"', '►"forfeit"', ('`remainder` is "forfeit"', 'did you mean "forfeited"?')),
    "fee": Row("pack", "fee_rate = 0.0", "fee_rate = ►1.0", ("`fee_rate` is 1, not below 1",)),
    "effective": Row("pack", "2026-09-30", '►"2026-09-30"', ("`effective` must be a date", "without quotes")),
    "no source": Row(
        "pack", '"written by hand for tests"', '►" "', ("the text is empty", "where the figures come from")
    ),
    "interval of no time": Row("pack", '"8h"', '►"0h"', ("lasts no time at all",)),
    "interval": Row("pack", '"8h"', '►"8 hours"', ('did you mean "8h"?',)),
    "no funding": Row(
        "pack",
        '[funding]\ninterval = "8h"\n',
        "",
        ("`funding` is missing", 'add [funding] with interval = "8h"'),
        at="schema",
    ),
    # A symbol at fault is listed all the same, and the positions that hold it are right.
    "infinite leverage": Row("pack", "[0, 0.004, 0, 125]", "[0, 0.004, 0, ►inf]", ("`tiers` is inf", "finite number")),
    "endless floor": Row("pack", "[50_000,", "[►0x" + "F" * 5000 + ",", ("`tiers` is about 10 to the",)),
    "amount as text": Row(
        "pack", "[0, 0.004, 0, 125]", '[0, 0.004, ►"0", 125]', ("`tiers`, entry 1, 3,", "must be a number")
    ),
}


@pytest.mark.parametrize("row", PACK_ROWS.values(), ids=PACK_ROWS)
def test_each_fault_of_a_pack(row: Row, tmp_path: Path) -> None:
    text, line, column = placed(edited(TEXTS[f"{row.file}.toml"], (row.old, row.new)), row.at)
    path = write(tmp_path, **{row.file: text})
    with pytest.raises(InputError) as raised:
        read_scenario(path)
    assert len(raised.value.faults) == 1, str(raised.value)
    fault = raised.value.faults[0]
    assert (Path(fault.path).name, fault.line, fault.column) == (f"{row.file}.toml", line, column)
    for words in row.words:
        assert words in str(fault)
