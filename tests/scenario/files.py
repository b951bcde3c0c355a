"""A right scenario with its book, rule pack and calibration, to be edited by tests."""

from __future__ import annotations

from pathlib import Path

SCENARIO = """\
schema = 1
name = "Quarterly review"
book = "book.toml"
horizon = "90d"
step = "1h"
paths = 100_000
seed = 7

[market]
model = "gbm"

[market.assets.BTC]
price = 61_000
volatility = 0.62
drift = 0.1

[market.assets.ETH]
volatility = 0.78

[market.correlation]
assets = ["BTC", "ETH"]
matrix = [[1.0, 0.82], [0.82, 1.0]]

[[configuration]]
name = "hedge pooled"
pools = [
  { name = "majors", positions = ["btc-long", "eth-short"], collateral = 120_000 },
]
"""

BOOK = """\
schema = 1
name = "Desk A"
venue = "pack.toml"
currency = "USDT"
wallet_balance = 1_000_000

[[position]]
id = "btc-long"
symbol = "BTCUSDT"
quantity = 20.0
entry_price = 60_500
mark_price = 61_000
margin = "isolated"
collateral = 50_000

[[position]]
id = "eth-short"
symbol = "ETHUSDT"
quantity = -150.0
entry_price = 3_310
mark_price = 3_300
margin = "cross"
"""

PACK = """\
schema = 1
name = "test venue"
effective = 2026-09-30
source = "written by hand for tests"

[funding]
interval = "8h"

[liquidation]
procedure = "full"
fee_rate = 0.0
remainder = "returned"

[symbols.BTCUSDT]
underlying = "BTC"
contract = "linear"
tiers = [
  [0, 0.004, 0, 125],
  [50_000, 0.005, 50, 100],
  [250_000, 0.01, 1_300, 50],
]

[symbols.ETHUSDT]
underlying = "ETH"
contract = "linear"
tiers = [[0, 0.005, 0, 100]]

[symbols.BTCUSDC]
underlying = "BTC"
contract = "linear"
tiers = [[0, 0.005, 0, 100]]
"""

CALIBRATION = """\
schema = 1
name = "two assets"
model = "student_t"
as_of = 2024-06-30

[parameters]
degrees_of_freedom = 4.0

[assets.BTC]
volatility = 0.6

[assets.ETH]
volatility = 0.8
drift = 0.2

[correlation]
assets = ["BTC", "ETH"]
matrix = [[1.0, 0.7], [0.7, 1.0]]

[history]
note = "made up"
"""

INLINE = SCENARIO[SCENARIO.index("[market.assets.BTC]") : SCENARIO.index("[[configuration]]")]
CALIBRATED = SCENARIO.replace(INLINE, "").replace(
    'model = "gbm"', 'model = "student_t"\ncalibration = "calibration.toml"'
)

POOL = '{ name = "majors", positions = ["btc-long", "eth-short"], collateral = 120_000 }'
TEXTS = {"scenario.toml": SCENARIO, "book.toml": BOOK, "pack.toml": PACK, "calibration.toml": CALIBRATION}


def write(folder: Path, **texts: str) -> Path:
    """Write the four files, some of them edited, into a folder; the path of the scenario.

    Parameters
    ----------
    folder : pathlib.Path
        Where to write.
    texts : str
        By the file's name without its ending, instead of the text above.
    """
    for name, text in TEXTS.items():
        (folder / name).write_text(texts.get(name.removesuffix(".toml"), text), encoding="utf-8", newline="")
    return folder / "scenario.toml"


def edited(text: str, *edits: tuple[str, str]) -> str:
    """A text with each of several passages, which must stand in it, replaced once."""
    for old, new in edits:
        assert old in text, f"{old!r} is not in the text"
        text = text.replace(old, new, 1)
    return text
