"""Several accounts run as one: each as if it stood alone, the whole as their sum, cash and rates in closed form."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from pypdf import PdfReader
from scipy.optimize import brentq
from scipy.stats import norm

import stresslab as sl
from stresslab import cli
from stresslab.results.differences import differences
from stresslab.results.institution import INSTITUTION_VARIABLES
from stresslab.results.output_folder import write_manifest
from stresslab.results.saving import save
from tests.institutions import DESK_B, IN_DOLLARS, INSTITUTION, in_euros, write
from tests.scenario.files import BOOK, PACK, edited

ROOT = Path(__file__).parents[1]
SINGLE = ('books = ["desk_a.toml", "desk_b.toml"]', 'book = "desk_b.toml"')


@pytest.fixture(scope="module")
def in_own_currency(tmp_path_factory):
    return sl.run_institution(write(tmp_path_factory.mktemp("own")))


def alone(tmp_path, *edits, desk_b=DESK_B):
    write(tmp_path, desk_b=desk_b)
    (tmp_path / "single.toml").write_text(edited(INSTITUTION, SINGLE, *edits))
    return sl.run(tmp_path / "single.toml")


def test_an_account_has_the_numbers_that_its_book_has_alone(tmp_path, in_own_currency):
    _, results = in_own_currency
    assert list(results) == ["Desk A", "Desk B"]
    assert differences(alone(tmp_path), results["Desk B"])[1] == []
    # The control: other paths give other numbers.
    assert differences(alone(tmp_path, ("seed = 7", "seed = 8")), results["Desk B"])[1]


def test_further_assets_move_no_price_of_an_account(tmp_path):
    bitcoin = DESK_B[: DESK_B.rindex("[[position]]")]
    _, results = sl.run_institution(write(tmp_path, desk_b=bitcoin))
    one, other = alone(tmp_path, desk_b=bitcoin), results["Desk B"]
    assert (one.sizes["asset"], other.sizes["asset"]) == (1, 2)
    np.testing.assert_array_equal(one.account_liquidation_probability, other.account_liquidation_probability)
    np.testing.assert_allclose(one.loss_quantile, other.loss_quantile, rtol=2e-5, atol=0.5)


def test_the_whole_in_a_currency_at_a_rate_that_stands_still(tmp_path, in_own_currency):
    whole, results = in_own_currency
    rates = "\n[exchange_rates]\nUSDT = 0.92\n"
    euros, again = sl.run_institution(write(tmp_path, in_euros(rates=rates)))
    assert all(differences(results[name], again[name])[1] == [] for name in results)
    for name, values in euros.data_vars.items():
        if values.attrs.get("units") == "EUR":
            # Oracle: the rate times the amount.
            np.testing.assert_allclose(values, 0.92 * whole[name], rtol=1e-12, atol=1e-9, err_msg=str(name))
        elif values.dtype.kind == "f" and name != "exchange_rate":
            np.testing.assert_array_equal(values, whole[name], err_msg=str(name))
    assert whole.expected_shortfall.attrs["units"] == "USDT"


def test_means_add_up_over_accounts_of_two_currencies(tmp_path):
    whole, results = sl.run_institution(write(tmp_path, in_euros(), desk_b=IN_DOLLARS))
    # Oracle: 0.92 and 0.9 as the file states them; means and values are linear.
    for name, of_whole in (("expected_pnl", "expected_pnl"), ("account_value", "value")):
        added = 0.92 * results["Desk A"][name].values + 0.9 * results["Desk B"][name].values
        np.testing.assert_allclose(whole[of_whole], added, rtol=1e-9)
    held = 0.92 * 20 * 61_000 + 0.9 * 6 * 61_000
    assert float(whole.gross_notional.sel(asset="BTC")) == pytest.approx(held)
    assert float(whole.net_notional.sel(asset="BTC")) == pytest.approx(0.92 * 20 * 61_000 - 0.9 * 6 * 61_000)
    every = held + 0.92 * 150 * 3_300 + 0.9 * 200 * 3_300
    assert float(whole.concentration.sel(asset="BTC")) == pytest.approx(held / every)


CASH_ALONE = edited(
    BOOK,
    ("quantity = 20.0", "quantity = 1e-6"),
    (BOOK[BOOK.rindex("[[position]]") :], ""),
    ("collateral = 50_000", "collateral = 1"),
)
MOVING = edited(
    INSTITUTION,
    (', "desk_b.toml"', ""),
    ("volatility = 0.62\ndrift = 0.1", "volatility = 0.0"),
    ("[market.assets.ETH]", "[market.assets.EURUSDT]\nprice = 1.25"),
    ('"ETH"', '"EURUSDT"'),
    ("[[1.0, 0.82], [0.82, 1.0]]", "[[1.0, 0.0], [0.0, 1.0]]"),
    ("2048", "20_000"),
)


@pytest.mark.parametrize("inverse", [True, False])
def test_cash_in_another_currency_loses_by_the_rate_at_the_horizon(tmp_path, inverse):
    rates = f'\n[exchange_rates]\nUSDT = {{ asset = "EURUSDT", inverse = {str(inverse).lower()} }}\n'
    whole, _ = sl.run_institution(write(tmp_path, in_euros(MOVING, rates), desk_a=CASH_ALONE))
    # Oracle: W (fx(0) - fx(T)) with a lognormal price of the asset, volatility 0.78 over four days, no drift.
    today, deviation = 1 / 1.25 if inverse else 1.25, 0.78 * np.sqrt(4 / 365)
    for level in (0.95, 0.975, 0.99):
        z = norm.ppf(level)
        log_rate = deviation**2 / 2 - deviation * z if inverse else -(deviation**2) / 2 - deviation * z
        exact = 1_000_000 * today * (1 - np.exp(log_rate))
        found = whole.sel(configuration="as_booked", level=level)
        width = float(found.value_at_risk_upper - found.value_at_risk_lower)
        assert float(found.value_at_risk) == pytest.approx(exact, abs=width)
    assert float(whole.exchange_rate[0]) == pytest.approx(today)
    # E[fx(T)] is the rate today if it is the price itself; of one over it, exp(variance) times as much.
    gain = 1_000_000 * today * (np.exp(deviation**2) - 1) if inverse else 0.0
    lower, upper = (float(whole[f"expected_pnl{end}"][0]) for end in ("_lower", "_upper"))
    assert lower < gain < upper
    # The control: against a rate that stands still nothing is lost.
    still, _ = sl.run_institution(
        write(tmp_path, in_euros(MOVING, "\n[exchange_rates]\nUSDT = 0.8\n"), desk_a=CASH_ALONE)
    )
    assert abs(float(still.value_at_risk.sel(configuration="as_booked", level=0.99))) < 1.0


LONG = edited(
    BOOK,
    (BOOK[BOOK.index("[[position]]") : BOOK.rindex("[[position]]")], ""),
    ("quantity = -150.0", "quantity = 100.0"),
    ("entry_price = 3_310", "entry_price = 3_300"),
    ("1_000_000", "20_000"),
)


@pytest.mark.parametrize("procedure", ['"full"', '"steps"\nstep = 0.2'])
def test_cash_at_risk_of_one_position_is_that_of_the_lowest_price(tmp_path, procedure):
    only = edited(INSTITUTION, (', "desk_b.toml"', ""), ("2048", "20_000"))
    pack = edited(PACK, ('"full"', procedure))
    whole, _ = sl.run_institution(write(tmp_path, only, desk_a=LONG, pack=pack))
    # Oracle: collateral needed is q (S(0) - (1 - m) min S); the law of the minimum of a geometric Brownian motion.
    deviation, quantity, price, rate = 0.78 * np.sqrt(4 / 365), 100.0, 3_300.0, 0.005
    drift = -(deviation**2) / 2

    def falls_below(barrier: float) -> float:
        b = np.log(barrier / price)
        reflected = np.exp(2 * drift * b / deviation**2) * norm.cdf((b + drift) / deviation)
        return float(norm.cdf((b - drift) / deviation) + reflected)

    for level in (0.95, 0.975, 0.99):
        lowest = brentq(lambda barrier, level=level: falls_below(barrier) - (1 - level), 1_000.0, price)
        exact = quantity * (price - (1 - rate) * lowest) - 20_000
        assert exact > 0
        found = whole.sel(configuration="as_booked", level=level)
        width = float(found.cash_at_risk_upper - found.cash_at_risk_lower)
        assert 0 < width < 0.15 * exact
        assert float(found.cash_at_risk) == pytest.approx(exact, abs=width)


def test_a_configuration_with_policies_holds_for_every_account(tmp_path):
    policy = """
[market.funding]
premium_deviation = 0.0003
premium_half_life = "12h"
[[policy]]
kind = "top_up"
name = "desk"
reserve = 50_000
trigger = 1.5
target = 3.0
cap = 50_000
delay = "4h"
[[configuration]]
name = "topped up"
like = "as_booked"
policies = ["desk"]
"""
    whole, results = sl.run_institution(write(tmp_path, INSTITUTION + policy))
    assert all("topped up" in each.configuration.values for each in results.values())
    # What acts leaves no single amount of cash that decides; without it there is one, after funding.
    known = np.isfinite(whole.cash_at_risk).all("level")
    assert known.values.tolist() == [True, True, True, False]
    chance = whole.any_liquidation_probability
    assert float(chance.sel(configuration="topped up")) < float(chance.sel(configuration="as_booked"))


def test_the_shipped_scenario_is_the_one_of_the_docs():
    shipped = (ROOT / "scenarios" / "institution.toml").read_text()
    page = (ROOT / "docs" / "institution.md").read_text()
    told = page[page.index("```toml\n") + 8 :]
    assert tomllib.loads(told[: told.index("```")]) == tomllib.loads(shipped)
    assert sl.validate_files([ROOT / "scenarios" / "institution.toml"]) == ((), ())
    for name in INSTITUTION_VARIABLES:
        plain = name.removeprefix("account_")
        assert f"`{name}`" in page or f"`{plain}`" in page or name in ("account_currency", "venue", "failed_paths")


LIMITS = """\
schema = 1
name = "Desk limits"
[[limit]]
measure = "liquidation_probability"
warn = 0.05
breach = 0.1
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    place = tmp_path_factory.mktemp("house")
    path = write(place, in_euros(), desk_b=IN_DOLLARS)
    (place / "limits.toml").write_text(LIMITS)
    words = ["run", str(path), "--out", str(place / "out"), "--form", "short", "--keep-outcomes"]
    status = cli.main([*words, "--limits", str(place / "limits.toml"), "--fail-on-breach"])
    return place, status


def test_a_folder_for_each_account_and_the_whole_above(ran):
    place, status = ran
    out = place / "out"
    files = {entry.relative_to(out).as_posix() for entry in out.rglob("*") if entry.is_file()}
    for account in ("desk_a", "desk_b"):
        wanted = {"results.nc", "report.pdf", "manifest.json", "outcomes.nc", "tables/by_configuration.csv"}
        assert {f"accounts/{account}/{name}" for name in wanted} <= files
    assert {"institution.nc", "report.pdf", "manifest.json", "tables/by_configuration_account.csv"} <= files
    manifest = json.loads((out / "manifest.json").read_text())
    assert set(manifest["files"]) == files - {"manifest.json"}
    assert [each["name"] for each in manifest["accounts"]] == ["Desk A", "Desk B"]
    whole = sl.load_institution(out)
    assert whole.folder.values.tolist() == ["accounts/desk_a", "accounts/desk_b"]
    # One position of twenty bitcoins on 50,000 dollars falls more often than in one path of ten.
    assert (whole.limit_state.values.tolist(), status) == (["breach", "breach"], 3)


def test_the_whole_is_what_the_outcomes_of_every_path_add_up_to(ran):
    out = ran[0] / "out"
    whole = sl.load_institution(out).sel(configuration="as_booked")
    # Oracle: outcomes.nc of each account, added with the rates of the file; the worst 51.2 of 2048 paths by hand.
    loss, hit = [], []
    for account, rate in (("desk_a", 0.92), ("desk_b", 0.9)):
        outcomes = xr.load_dataset(out / "accounts" / account / "outcomes.nc").sel(configuration="as_booked")
        loss.append(-rate * outcomes.profit.astype(np.float64).sum("pool").values)
        hit.append(outcomes.liquidation_time.notnull().any("pool").values)
    worst = np.sort(loss[0] + loss[1])[::-1]
    expected = (worst[:51].sum() + 0.2 * worst[51]) / 51.2
    assert float(whole.expected_shortfall.sel(level=0.975)) == pytest.approx(expected, rel=1e-6)
    assert float(whole.any_liquidation_probability) == (hit[0] | hit[1]).mean()
    given = float(whole.liquidation_given_liquidation.sel(account="Desk A", other_account="Desk B"))
    assert given == pytest.approx((hit[0] & hit[1]).sum() / hit[0].sum())


def test_the_report_of_the_whole_names_what_it_holds(ran, tmp_path):
    out = ran[0] / "out"
    text = " ".join(" ".join(page.extract_text() for page in PdfReader(out / "report.pdf").pages).split())
    for told in ("Institution review", "Desk A", "Desk B", "Who falls with whom", "Cash at risk", "breach", "EUR"):
        assert told in text
    assert cli.main(["report", str(out), "--out", str(tmp_path / "again.pdf"), "--tables", "csv"]) == 0
    assert (tmp_path / "again.pdf").read_bytes() == (out / "report.pdf").read_bytes()
    assert (tmp_path / "again_tables" / "by_asset.csv").read_bytes() == (out / "tables" / "by_asset.csv").read_bytes()


def test_the_numbers_come_out_again(ran, tmp_path, capsys):
    out = ran[0] / "out"
    assert cli.main(["verify", str(out)]) == 0
    told = capsys.readouterr().out
    whole = sl.load_institution(out)
    assert f"institution.nc: {len(whole.variables)} of {len(whole.variables)} the same" in told
    assert "accounts/desk_b/results.nc: " in told
    # The control: one changed number is told by its name.
    content = json.loads((out / "manifest.json").read_text())
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in content["files"]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((out / name).read_bytes())
    whole["expected_loss"][0] += 0.5
    save(whole, copy / "institution.nc")
    write_manifest(copy, {key: content[key] for key in content if key not in ("schema", "files")})
    assert cli.main(["verify", str(copy)]) == 3
    assert "  expected_loss differs in 1 of 3 values, by at most 0.5\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "S", "--out", "T", "--models", "gbm,student_t"], "--models takes a scenario with one book"),
        (["run", "S", "--out", "T", "--until", "5%"], "--until takes a scenario with one book"),
        (["run", "S", "--out", "T", "--replays"], "--replays takes a scenario with one book"),
        (["run", "S", "--out", "T", "--form", "full"], "--form full takes a scenario with one book"),
        (["run", "S"], "--out DIR is missing"),
        (["report", "O", "--out", "T.pdf", "--form", "short"], "has one form"),
        (["compare", "O", "O", "--out", "T"], "holds several accounts as one"),
        (["replay", "S", "--out", "T"], "several books are named where one is needed"),
        (["sensitivities", "S", "--out", "T"], "several books are named where one is needed"),
        (["allocate", "S", "--budget", "1000", "--objective", "any-liquidation", "--out", "T"], "several books are"),
    ],
)
def test_what_takes_one_book_says_so(ran, tmp_path, capsys, words, message):
    places = {"S": ran[0] / "scenario.toml", "O": ran[0] / "out", "T": tmp_path / "t", "T.pdf": tmp_path / "t.pdf"}
    assert cli.main([str(places.get(word, word)) for word in words]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not any(tmp_path.iterdir())


def test_an_account_on_more_assets_than_its_own_is_not_compared(tmp_path, capsys):
    bitcoin = DESK_B[: DESK_B.rindex("[[position]]")]
    out = tmp_path / "out"
    assert cli.main(["run", str(write(tmp_path, desk_b=bitcoin)), "--out", str(out), "--form", "none"]) == 0
    account = str(out / "accounts" / "desk_b")
    assert cli.main(["verify", account]) == 0
    assert cli.main(["compare", account, account, "--out", str(tmp_path / "changes")]) == 2
    assert "is one of several accounts" in capsys.readouterr().err
    with pytest.raises(sl.ResultsError, match="load_institution"):
        sl.load(out)
    with pytest.raises(sl.ResultsError, match="holds no institution"):
        sl.load_institution(out / "accounts" / "desk_b" / "results.nc")


def test_a_batch_tells_that_it_takes_scenarios_with_one_book(ran, tmp_path, capsys):
    assert cli.main(["batch", str(ran[0]), "--out", str(tmp_path / "batch"), "--jobs", "1"]) == 2
    capsys.readouterr()
    told = (tmp_path / "batch" / "summary.csv").read_text()
    assert "scenario.toml:3:1: several books are named where one is needed" in told


def test_a_dry_run_tells_the_cost_of_each_account(ran, capsys):
    assert cli.main(["run", str(ran[0] / "scenario.toml"), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert told.index("Desk A") < told.index("Desk B")
    assert told.count("blocks     2") == 2


def test_what_is_read_once_is_not_read_anew(tmp_path):
    institution = sl.read_institution(write(tmp_path), paths=64, seed=9)
    assert [(each.paths, each.seed) for each in institution.accounts] == [(64, 9)] * 2
    with pytest.raises(ValueError, match="belong to the reading of a file"):
        sl.run_institution(institution, paths=32)
