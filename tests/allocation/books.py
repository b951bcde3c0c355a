"""Small markets and books whose figures are known in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stresslab.scenario.reading import read_scenario
from stresslab.scenario.scenario import Scenario

PACK = """schema = 1
name = "one-tier"
effective = 2026-01-01
source = "made up: one tier of half a percent"
[funding]
interval = "8h"
[liquidation]
procedure = "full"
fee_rate = 0.0
remainder = "{remainder}"
"""


def scenario_of(
    folder: Path,
    sides: Sequence[float],
    volatilities: Sequence[float],
    correlation: float,
    *,
    paths: int,
    seed: int = 7,
    step: str = "1d",
    assets: Sequence[int] | None = None,
    leverage: float = 50.0,
    remainder: str = "returned",
) -> Scenario:
    """Positions of notional ``abs(side)`` each on prices of 1 without drift over 7 days, maintenance 0.5 %."""
    assets = list(range(len(sides))) if assets is None else list(assets)
    names = [f"A{asset}" for asset in sorted(set(assets))]
    pack = PACK.format(remainder=remainder) + "".join(
        f'[symbols.{name}USDT]\nunderlying = "{name}"\ncontract = "linear"\ntiers = [[0, 0.005, 0, {leverage:g}]]\n'
        for name in names
    )
    (folder / "pack.toml").write_text(pack)
    book = (
        f'schema = 1\nname = "made up"\nvenue = "pack.toml"\ncurrency = "USDT"\nwallet_balance = {len(sides) * 1.0}\n'
    )
    for place, (side, asset) in enumerate(zip(sides, assets, strict=True)):
        book += (
            f'[[position]]\nid = "p{place}"\nsymbol = "A{asset}USDT"\nquantity = {float(side)}\nentry_price = 1.0\n'
            'mark_price = 1.0\nmargin = "cross"\n'
        )
    (folder / "book.toml").write_text(book)
    matrix = np.full((len(names), len(names)), correlation)
    np.fill_diagonal(matrix, 1.0)
    text = (
        f'schema = 1\nname = "made up"\nbook = "book.toml"\nhorizon = "7d"\nstep = "{step}"\npaths = {paths}\n'
        f'seed = {seed}\n[market]\nmodel = "gbm"\n'
    )
    for name, volatility in zip(names, volatilities, strict=True):
        text += f"[market.assets.{name}]\nprice = 1.0\nvolatility = {volatility}\ndrift = 0.0\n"
    if len(names) > 1:
        text += f"[market.correlation]\nassets = {names}\nmatrix = {matrix.tolist()}\n".replace("'", '"')
    (folder / "scenario.toml").write_text(text)
    return read_scenario(folder / "scenario.toml")
