"""What a batch says of each account: headline numbers as booked, and the state of its limits."""

from __future__ import annotations

from dataclasses import dataclass

import xarray as xr

from stresslab.results.limits import BREACH, WARNING, WITHIN

BOOKED = "as_booked"
LEVEL = 0.975


@dataclass(frozen=True)
class AccountRow:
    """An account as booked, under one market model.

    Parameters
    ----------
    job : str
        Name of its results.
    model, title, book, venue, currency : str
        Of the scenario.
    paths : int
        That were evaluated.
    account_value : float
        Today, in the currency.
    liquidation_probability, liquidation_probability_lower, liquidation_probability_upper : float
        Of any pool before the horizon, with its 95 % interval.
    expected_loss : float
        In the currency, not negative.
    expected_shortfall, expected_shortfall_lower, expected_shortfall_upper : float
        At 97.5 %, in the currency, positive = loss, with its 95 % interval.
    expected_shortfall_share : float
        Over the account's value; infinite where that is not positive.
    limits : str
        Worst state of its limits; empty without limits.
    breached, warned : int
        How many limits are in that state.
    """

    job: str
    model: str
    title: str
    book: str
    venue: str
    currency: str
    paths: int
    account_value: float
    liquidation_probability: float
    liquidation_probability_lower: float
    liquidation_probability_upper: float
    expected_loss: float
    expected_shortfall: float
    expected_shortfall_lower: float
    expected_shortfall_upper: float
    expected_shortfall_share: float
    limits: str
    breached: int
    warned: int

    @property
    def risk(self) -> tuple[float, float]:
        """By which accounts are ranked: the probability of liquidation, then the shortfall over the account's value."""
        return self.liquidation_probability, self.expected_shortfall_share


def account_row(job: str, results: xr.Dataset) -> AccountRow:
    """Read the row of an account off its results.

    Parameters
    ----------
    job : str
        Name of the results.
    results : xarray.Dataset
        Of a run under one model.
    """
    booked = results.sel(configuration=BOOKED)
    tail = booked.sel(level=LEVEL)
    value, shortfall = float(booked["account_value"]), float(tail["expected_shortfall"])
    chance = [float(booked[f"account_liquidation_probability{end}"]) for end in ("", "_lower", "_upper")]
    states = [str(state) for state in results["limit_state"].values] if "limit_state" in results else []
    worst = next((state for state in (BREACH, WARNING, WITHIN) if state in states), "")
    attributes = {name: str(results.attrs[name]) for name in ("model", "title", "book", "venue", "currency")}
    return AccountRow(
        job=job,
        **attributes,
        paths=int(results.attrs["paths"]) - int(results["failed_paths"]),
        account_value=value,
        liquidation_probability=chance[0],
        liquidation_probability_lower=chance[1],
        liquidation_probability_upper=chance[2],
        expected_loss=float(booked["expected_loss"]),
        expected_shortfall=shortfall,
        expected_shortfall_lower=float(tail["expected_shortfall_lower"]),
        expected_shortfall_upper=float(tail["expected_shortfall_upper"]),
        expected_shortfall_share=shortfall / value if value > 0.0 else float("inf"),
        limits=worst,
        breached=states.count(BREACH),
        warned=states.count(WARNING),
    )
