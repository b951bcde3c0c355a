"""The labeled dataset of an institution: its whole, beside each of its accounts, in the reporting currency."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stresslab.measures.institution import AccountRecord, InstitutionAxes, institution_arrays
from stresslab.results.limits import BREACH, NO_VALUE, WARNING, WITHIN
from stresslab.results.variable import BAND, CONFIGURATION, NORMAL, ORDER, SCHEMA, WILSON, Variable
from stresslab.results.variables import LEVELS, PROFILE, QUANTILES, companions
from stresslab.scenario.institution import Institution

_ACCOUNT = ("configuration", "account")
_PAIR = ("configuration", "account", "other_account")
_ERROR = "standard error"
_LOSS = "positive = loss"
_CASH = "Cash that must be moved in so that no pool of {} is liquidated, not exceeded with the level's probability, at "
_CASH += "today's exchange rate; missing where policies or auto-deleveraging act."


def _of_losses(prefix: str, dims: tuple[str, ...], whose: str) -> list[Variable]:
    return [
        Variable(
            f"{prefix}expected_loss",
            dims,
            "money",
            "not negative",
            f"Mean of {whose} loss, gains counted as 0.",
            NORMAL,
        ),
        Variable(f"{prefix}expected_pnl", dims, "money", "positive = gain", f"Mean profit of {whose} value.", NORMAL),
        Variable(f"{prefix}value_at_risk", (*dims, "level"), "money", _LOSS, f"Quantile of {whose} loss.", ORDER),
        Variable(
            f"{prefix}expected_shortfall", (*dims, "level"), "money", _LOSS, f"Mean of {whose} loss beyond it.", _ERROR
        ),
        Variable(f"{prefix}loss_quantile", (*dims, "quantile"), "money", _LOSS, f"Quantile of {whose} loss.", ORDER),
        Variable(
            f"{prefix}loss_profile", (*dims, "profile"), "money", _LOSS, f"Quantile of {whose} loss on a fine grid."
        ),
    ]


_ROWS = (
    *_of_losses("", CONFIGURATION, "the institution's"),
    *_of_losses("account_", _ACCOUNT, "the account's"),
    Variable(
        "account_shortfall_contribution",
        (*_ACCOUNT, "level"),
        "money",
        "positive = loss; negative = it earns in the tail",
        "Mean loss of the account in the tail of the institution; they add up to its expected shortfall.",
        _ERROR,
    ),
    Variable(
        "shortfall_diversification",
        ("configuration", "level"),
        "money",
        "not negative but for rounding",
        "Sum of the accounts' own expected shortfalls less that of the institution.",
        _ERROR,
    ),
    Variable(
        "account_liquidation_probability", _ACCOUNT, "1", "0 to 1", "P(any pool of the account is liquidated).", WILSON
    ),
    Variable(
        "any_liquidation_probability", CONFIGURATION, "1", "0 to 1", "P(a pool of any account is liquidated).", WILSON
    ),
    Variable(
        "every_liquidation_probability",
        CONFIGURATION,
        "1",
        "0 to 1",
        "P(every account has a pool liquidated).",
        WILSON,
    ),
    Variable(
        "liquidations_or_more_probability",
        ("configuration", "count"),
        "1",
        "0 to 1",
        "P(so many accounts or more have a pool liquidated).",
        WILSON,
    ),
    Variable(
        "first_liquidation_probability",
        _ACCOUNT,
        "1",
        "0 to 1",
        "P(the account is the first with a liquidation); those of one step share it.",
        WILSON,
    ),
    Variable(
        "liquidation_given_liquidation",
        _PAIR,
        "1",
        "0 to 1",
        "P(the other account has a liquidation, given that the account has one); missing where it has one on fewer "
        "than ten paths. No order in time is implied.",
        WILSON,
    ),
    Variable(
        "liquidation_given_first",
        _PAIR,
        "1",
        "0 to 1",
        "The same, given that the account is the first, or among the first of one step.",
        WILSON,
    ),
    Variable("survival", ("configuration", "time"), "1", "0 to 1", "P(no account has had a liquidation).", BAND),
    Variable("cash_at_risk", ("configuration", "level"), "money", "not negative", _CASH.format("any account"), ORDER),
    Variable("account_cash_at_risk", (*_ACCOUNT, "level"), "money", "not negative", _CASH.format("the account"), ORDER),
    Variable("value", CONFIGURATION, "money", "not negative", "Value of the institution today."),
    Variable("account_value", _ACCOUNT, "money", "not negative", "Value of the account today."),
    Variable(
        "account_notional",
        ("account", "asset"),
        "money",
        "not negative",
        "Sum of the absolute notionals of the account on the asset, at today's marks.",
    ),
    Variable(
        "gross_notional", ("asset",), "money", "not negative", "Sum of the absolute notionals of all accounts on it."
    ),
    Variable("net_notional", ("asset",), "money", "positive = long", "Longs less shorts of all accounts on the asset."),
    Variable("concentration", ("asset",), "1", "0 to 1", "Share of the asset in the gross notional of all accounts."),
    Variable("exchange_rate", ("account",), "1", "positive", "Worth today of one unit of the account's currency."),
    Variable("account_currency", ("account",), "", "", "Currency of the account."),
    Variable("venue", ("account",), "", "", "Rule pack of the account."),
    Variable("folder", ("account",), "", "", "Where its own results stand, beside this file."),
    Variable("limit_state", ("account",), "", "", "Worst state of the account's limits; empty without limits."),
    Variable("failed_paths", (), "1", "not negative", "Paths that failed in some account, left out of every estimate."),
)

INSTITUTION_VARIABLES: dict[str, Variable] = {row.name: row for row in _ROWS}
"""Every variable of ``institution.nc``; estimates have companions as in a run's results."""


def folder_names(names: Sequence[str]) -> list[str]:
    """Names of the accounts' folders: letters, digits, ``-`` and ``_`` alone, all different.

    >>> folder_names(["Desk A", "../desk a", "+"])
    ['desk_a', 'desk_a_2', 'account']
    """
    taken: list[str] = []
    for name in names:
        plain = re.sub(r"[^\w-]+", "_", name.casefold()).strip("_")[:60] or "account"
        found, number = plain, 1
        while found in taken:
            number += 1
            found = f"{plain}_{number}"
        taken.append(found)
    return taken


def assemble_institution(
    institution: Institution, records: Sequence[AccountRecord], results: Sequence[xr.Dataset]
) -> xr.Dataset:
    """Add up the accounts of an institution and label what comes of it.

    Parameters
    ----------
    institution : Institution
        The question.
    records : sequence of AccountRecord
        What became of each account, path by path.
    results : sequence of xarray.Dataset
        Results of each account, in its own currency.

    Returns
    -------
    xarray.Dataset
        The variables of `INSTITUTION_VARIABLES`, money in the reporting currency; as attributes the accounts with
        their hashes and rates, and what they share.
    """
    first, step = results[0], float(results[0].attrs["step_days"])
    axes = InstitutionAxes(
        levels=LEVELS,
        quantiles=QUANTILES,
        profile=PROFILE,
        time_steps=np.round(first["time"].values / step).astype(np.int64),
        steps=institution.accounts[0].steps,
    )
    rates = np.array([institution.rate_of(each).today for each in institution.accounts])
    names = [each.book.name for each in institution.accounts]
    values: dict[str, Any] = institution_arrays(records, axes) | _exposures(institution, results, rates)
    values["account_value"] = np.stack(
        [each["account_value"].values * rate for each, rate in zip(results, rates, strict=True)], axis=1
    )
    values["value"] = values["account_value"].sum(axis=1)
    values["exchange_rate"] = rates
    values["account_currency"] = _texts(each.book.currency for each in institution.accounts)
    values["venue"] = _texts(each.book.venue.name for each in institution.accounts)
    values["folder"] = _texts(f"accounts/{name}" for name in folder_names(names))
    values["limit_state"] = _texts(_worst(each) for each in results)
    return xr.Dataset(
        dict(_variables(values, institution.reporting_currency)),
        coords={
            "configuration": first["configuration"].values,
            "account": names,
            "other_account": names,
            "asset": list(institution.accounts[0].market.assets),
            "count": np.arange(1, len(names) + 1),
            "time": ("time", first["time"].values, {"units": "day", "long_name": "Time from today"}),
            **{
                name: (name, np.array(each), {"units": "1"})
                for name, each in (("level", LEVELS), ("quantile", QUANTILES), ("profile", PROFILE))
            },
        },
        attrs=_attributes(institution, results),
    )


def _texts(values: Any) -> NDArray[np.object_]:
    return np.array(list(values), dtype=object)


def _worst(results: xr.Dataset) -> str:
    states = results["limit_state"].values.tolist() if "limit_state" in results else []
    return next((state for state in (BREACH, WARNING, WITHIN, NO_VALUE) if state in states), "")


def _exposures(institution: Institution, results: Sequence[xr.Dataset], rates: NDArray[np.float64]) -> dict[str, Any]:
    """Notionals by account and asset, in the reporting currency at today's marks and rates."""
    assets = list(institution.accounts[0].market.assets)
    gross = np.zeros((len(results), len(assets)))
    net = np.zeros(len(assets))
    for row, (each, rate) in enumerate(zip(results, rates, strict=True)):
        signs = np.sign(each["quantity"].values)
        for asset, notional, sign in zip(each["underlying"].values, each["notional"].values, signs, strict=True):
            amount = abs(float(notional)) * float(rate)
            gross[row, assets.index(str(asset))] += amount
            net[assets.index(str(asset))] += float(sign) * amount
    whole = gross.sum(axis=0)
    return {
        "account_notional": gross,
        "gross_notional": whole,
        "net_notional": net,
        "concentration": whole / whole.sum(),
    }


def _variables(values: dict[str, Any], currency: str) -> list[tuple[str, tuple[tuple[str, ...], Any, dict[str, str]]]]:
    rows = []
    for row in INSTITUTION_VARIABLES.values():
        for name in (row.name, *companions(row)):
            bound = name.removeprefix(row.name).strip("_").replace("_", " ")
            told = f"{bound.capitalize()} of: {row.description}" if bound else row.description
            attributes = {"long_name": told}
            if row.unit:
                attributes |= {"sign": row.sign, "units": currency if row.unit == "money" else row.unit}
            if row.interval:
                attributes["interval"] = f"95 %, {row.interval}"
            rows.append((name, (row.dims, values.pop(name), attributes)))
    assert not values, f"values without a row in the table of variables: {sorted(values)}"
    return rows


def _attributes(institution: Institution, results: Sequence[xr.Dataset]) -> dict[str, Any]:
    rates = [institution.rate_of(each) for each in institution.accounts]
    accounts = [
        {
            "name": each.book.name,
            "venue": f"{each.book.venue.name}, effective {each.book.venue.effective.isoformat()}",
            "currency": each.book.currency,
            "scenario_hash": own.attrs["scenario_hash"],
            "rate": {"today": rate.today, "asset": rate.asset, "inverse": rate.inverse},
            "inputs": {
                role: hashlib.sha256(text.encode()).hexdigest() for role, text in sorted(each.documents.items())
            },
        }
        for each, own, rate in zip(institution.accounts, results, rates, strict=True)
    ]
    identity = json.dumps([institution.reporting_currency, accounts], sort_keys=True, ensure_ascii=False)
    shared = ("model", "horizon_days", "step_days", "paths", "seed", "block_width", "versions")
    return {
        "schema": SCHEMA,
        "title": institution.name,
        "currency": institution.reporting_currency,
        "institution_hash": hashlib.sha256(identity.encode("utf-8")).hexdigest(),
        "accounts": json.dumps(accounts, sort_keys=True, ensure_ascii=False),
        "notices": json.dumps([f"{each.problem}; {each.remedy}" for each in institution.notices], ensure_ascii=False),
        **{name: results[0].attrs[name] for name in shared},
    }
