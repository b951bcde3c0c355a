"""Limits: what a file may say, what a value is held against, and what is told of it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import stresslab as sl
from stresslab import cli
from stresslab.report.limit_table import limit_table
from stresslab.report.review import Review
from stresslab.results.limits import is_breached, with_limits
from tests.scenario.files import SCENARIO, edited, write

TINY = edited(SCENARIO, ('"90d"', '"2d"'), ('"1h"', '"4h"'), ("100_000", "200"))
HEAD = 'schema = 1\nname = "Desk limits"\n'


def limit(measure, warn, breach, *more):
    return "\n".join(["[[limit]]", f'measure = "{measure}"', f"warn = {warn}", f"breach = {breach}", *more, ""])


# Today: 20 BTC at 61,000 and 150 ETH at 3,300, so gross 1,715,000.
LIMITS = HEAD + "\n".join(
    [
        limit("concentration", 0.5, 0.7),
        limit("concentration", 0.72, 0.8, 'by = "position"'),
        limit("concentration", 0.1, 0.2, 'by = "position"', 'position = "eth-short"'),
        limit("margin_ratio", 10, 7),
        limit("margin_ratio", 2, 1.5, 'by = "position"', 'position = "btc-long"'),
        limit("liquidation_probability", 0.5, 0.99),
        limit("expected_shortfall", 0.5, 0.9, 'unit = "account_value"', "level = 0.99"),
        limit("cash_at_risk", 10, 20),
    ]
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limits")
    write(folder, scenario=TINY)
    (folder / "limits.toml").write_text(LIMITS)
    return folder


@pytest.fixture(scope="module")
def results(place):
    scenario = sl.read_scenario(place / "scenario.toml")
    return with_limits(sl.run(scenario), sl.read_limits(place / "limits.toml", [scenario]))


def row(results, measure, subject):
    chosen = (results.limit_measure == measure) & (results.limit_subject == subject)
    found = results.isel(limit=np.flatnonzero(chosen.values))
    return float(found.limit_value.item()), found.limit_state.item(), float(found.limit_utilization.item())


def test_values_and_states_by_hand(results):
    # Oracles: shares of the gross notional by hand; the ratio of the position that stands alone by hand: collateral
    # 50,000 and a profit of 500 each on 20 BTC over 1 % of 1,220,000 less the tier's amount of 1,300.
    ratio = 60_000 / (12_200 - 1_300)
    assert row(results, "concentration", "account") == pytest.approx((1220 / 1715, "breach", 1220 / 1715 / 0.7))
    assert row(results, "concentration", "btc-long") == pytest.approx((1220 / 1715, "within", 1220 / 1715 / 0.8))
    assert row(results, "concentration", "eth-short") == pytest.approx((495 / 1715, "breach", 495 / 1715 / 0.2))
    assert row(results, "margin_ratio", "account") == pytest.approx((ratio, "breach", 7 / ratio))
    assert row(results, "margin_ratio", "btc-long") == pytest.approx((ratio, "within", 1.5 / ratio))
    value, state, _ = row(results, "cash_at_risk", "account")
    assert (np.isnan(value), state) == (True, "no value")
    # One row for each position, the named one in place of the general.
    assert len(results.limit) == 8


def test_estimates_bring_their_intervals(results):
    booked = results.sel(configuration="as_booked")
    chance = results.isel(limit=5)
    assert chance.limit_value_upper == booked.account_liquidation_probability_upper
    tail = results.isel(limit=6)
    expected = booked.sel(level=0.99).expected_shortfall / booked.account_value
    assert float(tail.limit_value) == pytest.approx(float(expected))
    assert is_breached(results)
    assert results.attrs["limits"] == "Desk limits"


def test_a_warning_lies_between_and_the_level_itself_has_reached_it(place, results):
    scenario = sl.read_scenario(place / "scenario.toml")
    share = 1220 / 1715
    for warn, breach, state in ((0.7, 0.72, "warning"), (0.1, share, "breach"), (0.72, 0.8, "within")):
        (place / "one.toml").write_text(HEAD + limit("concentration", warn, repr(breach)))
        held = with_limits(results.drop_dims("limit"), sl.read_limits(place / "one.toml", [scenario]))
        assert held.limit_state.values.tolist() == [state]
        assert is_breached(held) == (state == "breach")


def test_lights_differ_by_shape_and_word_worst_first(results):
    table = limit_table(Review(results))
    assert table is not None
    lights = [cells[0] for cells in table.rows]
    assert lights == ["■ breach"] * 3 + ["● within"] * 4 + ["– no value"]
    assert table.title == "Limits: Desk limits. 3 of 8 breached, none at a warning"
    assert limit_table(Review(results.drop_dims("limit"))) is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (limit("liquidation_probability", 0.2, 5), 6, "5 is a share above 1; if 5 percent was meant, write 0.05"),
        (limit("margin_ratio", 1.5, 2), 5, "a margin ratio falls: give a warning above the breach"),
        (limit("concentration", 0.5, 0.4), 5, "give a warning below it"),
        (limit("concentration", 0.5, 0.6, "level = 0.99"), 7, "concentration has no level"),
        (limit("cash_at_risk", 5, 6, "level = 0.9"), 7, "give 0.95, 0.975 or 0.99"),
        (limit("cash_at_risk", 5, 6, 'by = "position"'), 7, "cash_at_risk is a number of the account"),
        (limit("concentration", 0.5, 0.6, 'position = "btc-long"'), 7, 'add by = "position"'),
        (limit("margin_ratio", 3, 2, 'by = "position"', 'position = "btc-lng"'), 8, 'did you mean "btc-long"'),
        (limit("margin_ratio", 3, 2, 'configuration = "all_crss"'), 7, 'did you mean "all_cross"'),
        (limit("shortfall", 3, 4), 4, "shortfall"),
        (limit("margin_ratio", 3, 2) + limit("margin_ratio", 4, 2), 7, "this limit is stated twice"),
        ("limit = []", 3, "there is no limit"),
    ],
)
def test_faults_are_placed(place, tmp_path, text, line, words):
    path = tmp_path / "limits.toml"
    path.write_text(HEAD + text)
    with pytest.raises(sl.InputError) as raised:
        sl.read_limits(path, [sl.read_scenario(place / "scenario.toml")])
    (fault,) = raised.value.faults
    assert (fault.line, words in str(fault)) == (line, True), str(fault)


def test_validate_and_schema_know_limits(place, capsys):
    assert cli.main(["validate", str(place / "limits.toml")]) == 0
    assert cli.main(["schema", "limits"]) == 0
    assert "limit" in json.loads(capsys.readouterr().out.split("no fault\n")[1])["required"]


def test_run_leaves_lights_tables_and_a_status(place, tmp_path, capsys):
    words = ["run", str(place / "scenario.toml"), "--form", "short", "--limits", str(place / "limits.toml")]
    assert cli.main([*words, "--out", str(tmp_path / "a"), "--fail-on-breach"]) == 3
    assert "limits: of 8, 3 breached, 0 at a warning\n" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "a" / "tables" / "by_limit.csv")
    assert table.limit_state.tolist().count("breach") == 3
    # The control: without the flag a breach is told and no failure; and the numbers come out again, limits among them.
    assert cli.main([*words, "--out", str(tmp_path / "a")]) == 0
    assert cli.main(["verify", str(tmp_path / "a")]) == 0
    assert cli.main(["run", str(place / "scenario.toml"), "--out", str(tmp_path / "b"), "--fail-on-breach"]) == 2
