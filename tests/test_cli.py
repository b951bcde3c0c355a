"""The command line: what it imports, how it ends, what it says."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import stresslab
from stresslab import cli

ROOT = Path(__file__).parents[1]


def imported_by(arguments: list[str]) -> set[str]:
    """Top-level modules that one command leaves in a fresh interpreter."""
    program = (
        "import sys; from stresslab.cli import main; status = main(sys.argv[1:]);"
        "print(status, *sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    status, *modules = done.stderr.splitlines()[-1].split()
    assert status == "0", done.stderr
    return set(modules)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "--help"] for name in cli.COMMANDS)])
def test_help_imports_no_numbers(arguments):
    modules = imported_by(arguments)
    assert "click" in modules
    assert not modules & {"numpy", "jax", "xarray", "matplotlib", "scipy", "pandas", "pydantic", "rich"}


def test_control_venues_does_import_numpy():
    # The probe above would be worth nothing if it could not see an import.
    assert "numpy" in imported_by(["venues"])


BOOK = """schema = 1
name = "One long"
venue = "teaching"
currency = "USDT"
wallet_balance = 10_000

[[position]]
id = "btc"
symbol = "BTCUSDT"
quantity = 1.0
entry_price = 100_000
margin = "isolated"
collateral = 10_000
"""

SCENARIO = """schema = 1
name = "One long, thirty days"
book = "book.toml"
horizon = "30d"
step = "8h"
paths = 1_000
seed = 3

[market]
model = "student_t"
degrees_of_freedom = 4.0
[market.assets.BTC]
price = 100_000
volatility = 0.6
"""


@pytest.fixture
def scenario(tmp_path):
    (tmp_path / "book.toml").write_text(BOOK)
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    return tmp_path / "scenario.toml"


def test_validate_imports_neither_jax_nor_xarray(scenario):
    modules = imported_by(["validate", str(scenario)])
    assert "pydantic" in modules
    assert not modules & {"jax", "xarray", "matplotlib", "pandas", "scipy"}


def test_validate_says_so_where_nothing_is_wrong(scenario, capsys):
    assert cli.main(["validate", str(scenario)]) == 0
    output = capsys.readouterr()
    assert output.out == f"{scenario}: no fault\n"
    assert output.err == ""


def test_validate_tells_the_faults_of_all_files_at_once(scenario, capsys):
    book = scenario.with_name("book.toml")
    book.write_text(BOOK.replace("quantity = 1.0", "quantity = 0.0"))
    scenario.write_text(SCENARIO.replace('"30d"', '"31h"'))
    assert cli.main(["validate", str(scenario)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    # Lines and columns counted in the texts above.
    assert f"{scenario}:5:8: " in output.err
    assert f"{book}:10:12: " in output.err


def test_validate_warns_without_failing(scenario, capsys):
    scenario.write_text(SCENARIO.replace("price = 100_000\n", ""))
    assert cli.main(["validate", str(scenario)]) == 0
    output = capsys.readouterr()
    assert ": warning: " in output.err
    assert output.out == f"{scenario}: no fault\n"


def test_help_is_fast():
    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-P", "-m", "stresslab", "--help"], capture_output=True, check=True, cwd=ROOT)
        return time.perf_counter() - start

    # 0.15 s on an idle machine; the best of several, with room for a busy one. Importing JAX alone takes more.
    assert min(seconds() for _ in range(5)) < 0.35


def test_help_names_every_command(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for name in cli.COMMANDS:
        assert f"\n  {name} " in text
        assert cli.main([name, "--help"]) == 0


def test_version_is_that_of_the_package(capsys):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert cli.main(["--version"]) == 0
    assert (
        capsys.readouterr().out.splitlines()[0]
        == f"stresslab {project['version']}"
        == f"stresslab {stresslab.__version__}"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["validat"], "did you mean 'validate'"),
        (["frobnicate"], f"the commands are {', '.join(cli.COMMANDS)}"),
        (["--frobnicate"], "No such option"),
        (["validate"], "Missing argument"),
        (["schema", "bok"], "'bok' is not one of"),
    ],
)
def test_wrong_use_is_the_input_s_fault(arguments, words, capsys):
    assert cli.main(arguments) == 2
    output = capsys.readouterr()
    assert words in output.err
    assert output.out == ""


def test_missing_file_is_the_input_s_fault(tmp_path, capsys):
    missing = tmp_path / "missing.toml"
    assert cli.main(["validate", str(missing)]) == 2
    assert capsys.readouterr().err.startswith(f"{missing}:1:1: ")


def fail_with(error, monkeypatch):
    def raise_it(*arguments, **options):
        raise error

    monkeypatch.setattr("stresslab.venues.reading.shipped_packs", raise_it)
    return cli.main(["venues"])


def test_our_own_failure_has_status_1(monkeypatch, capsys):
    assert fail_with(RuntimeError("the inner workings"), monkeypatch) == 1
    output = capsys.readouterr().err
    assert "RuntimeError: the inner workings" in output
    assert "Traceback" not in output


def test_interruption_has_status_130(monkeypatch, capsys):
    assert fail_with(KeyboardInterrupt(), monkeypatch) == 130
    assert "interrupted" in capsys.readouterr().err


def test_reader_that_has_seen_enough():
    command = subprocess.Popen(
        [sys.executable, "-P", "-m", "stresslab", "schema", "scenario"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert command.stdout is not None
    command.stdout.close()
    _, errors = command.communicate()
    assert (command.returncode, errors) == (0, b"")


def test_explain_as_json(tmp_path, capsys):
    (tmp_path / "book.toml").write_text(BOOK)
    assert cli.main(["explain", str(tmp_path / "book.toml"), "--json"]) == 0
    pools = json.loads(capsys.readouterr().out)["pools"]
    assert [(pool["configuration"], pool["pool"]) for pool in pools] == [
        ("as_booked", "btc"),
        ("all_isolated", "btc"),
        ("all_cross", "cross"),
    ]
    for pool in pools:
        (position,) = pool["positions"]
        # By hand, at the flat rate of 0.5 %: equity 10,000 over a requirement of 500; 90,000 / 0.995; 90,000.
        assert pool["margin_ratio"] == pytest.approx(20.0, rel=1e-12)
        assert position["liquidation_price"] == pytest.approx(90_452.26130653266, rel=1e-12)
        assert position["bankruptcy_price"] == pytest.approx(90_000.0, rel=1e-12)


def test_explain_as_text(tmp_path, capsys):
    (tmp_path / "book.toml").write_text(BOOK)
    assert cli.main(["explain", str(tmp_path / "book.toml")]) == 0
    assert "90,452.261" in capsys.readouterr().out


def test_explain_tells_every_fault(tmp_path, capsys):
    book = tmp_path / "book.toml"
    book.write_text(BOOK.replace("wallet", "walet").replace("quantity = 1.0", "quantity = 0.0"))
    assert cli.main(["explain", str(book)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    places = [line.removeprefix(f"{book}:").split(": ")[0] for line in output.err.splitlines()]
    # Lines and columns counted in the text above.
    assert "5:1" in places
    assert "10:12" in places


def test_venues_lists_the_shipped_packs(capsys):
    assert cli.main(["venues"]) == 0
    text = capsys.readouterr().out
    packs = ROOT / "stresslab" / "venues" / "packs"
    for pack in packs.glob("*.toml"):
        assert f"{pack.stem}\n" in text
        # Oracle: the digest of the file's bytes.
        assert hashlib.sha256(pack.read_bytes()).hexdigest() in text


def test_schema_of_each_kind(capsys):
    for kind, key in (("book", "wallet_balance"), ("scenario", "horizon"), ("venue", "symbols")):
        assert cli.main(["schema", kind]) == 0
        assert key in json.loads(capsys.readouterr().out)["properties"]


def test_calibrate_refuses_before_it_writes(tmp_path, capsys):
    out = tmp_path / "market.toml"
    assert cli.main(["calibrate", str(tmp_path / "BTC_1h.csv"), "--model", "gbm", "--out", str(out)]) == 2
    assert "BTC_1h.csv:1:1: " in capsys.readouterr().err
    assert not out.exists()
    history = tmp_path / "BTC_1h.csv"
    bars = "".join(
        f"2026-01-01T{hour:02}:00:00Z,{price},{price},{price},{price}\n" for hour, price in enumerate("1213121")
    )
    history.write_text("ts,open,high,low,close\n" + bars)
    assert cli.main(["calibrate", str(history), "--model", "gbn", "--out", str(out)]) == 2
    assert "gbm" in capsys.readouterr().err
    assert not out.exists()


def test_calibrate_writes_a_market(tmp_path, capsys):
    rows = ["ts,open,high,low,close"]
    price = 100.0
    for hour in range(24 * 40):
        day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=hour)
        close = 100.0 + hour % 7
        rows.append(f"{day:%Y-%m-%dT%H:%M:%SZ},{price},{max(price, close)},{min(price, close)},{close}")
        price = close
    history = tmp_path / "anything.csv"
    history.write_text("\n".join(rows) + "\n")
    out = tmp_path / "market.toml"
    assert cli.main(["calibrate", f"XYZ={history}", "--model", "gbm", "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    written = tomllib.loads(out.read_text())
    assert written["model"] == "gbm"
    assert list(written["assets"]) == ["XYZ"]
