"""A run of seven blocks whose kernel compiles fast, with pools that are neither safe nor lost."""

from __future__ import annotations

from tests.oracles.scenarios import configuration, position, scenario

POSITIONS = (position("a", 1.0, entry=100.0), position("b", -0.5, asset="ETH", entry=100.0))
SMALL = scenario(
    POSITIONS,
    (
        configuration("as_booked", ("a", [0], 9.0), ("b", [1], 6.0)),
        configuration("all_isolated", ("a", [0], 9.0), ("b", [1], 6.0)),
        configuration("all_cross", ("cross", [0, 1], 15.0)),
    ),
    volatilities={"BTC": 0.8, "ETH": 1.0},
    days=2.0,
    step=0.5,
    paths=6 * 1024 + 300,
)
