"""From outcomes to the labeled dataset that everything after a run is made of. Labels appear here and not before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from stresslab.margin.explanation import explain
from stresslab.margin.ledger_lines import LINES
from stresslab.measures.claims import Claim, claims
from stresslab.measures.evaluate import Axes, axes_of, evaluate
from stresslab.measures.named import Arrays, triple
from stresslab.measures.policies import policy_base
from stresslab.results.code import versions
from stresslab.results.contributions import contribution_values
from stresslab.results.policy_variables import OPTIONAL
from stresslab.results.reverse_stress import NEAREST_VARIABLES, breaking_values, nearest_day_values
from stresslab.results.shown import Results
from stresslab.results.variable import SCHEMA, Variable
from stresslab.results.variables import LEVELS, PROFILE, QUANTILES, REVIEW_DAYS, VARIABLES, companions
from stresslab.scenario.resolution import identity, resolved
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.outcomes import Outcomes

_OF_ACCOUNTS = {"expected_ledger", "transfers_quantile", *OPTIONAL}
_OF_BARS = {row.name for row in NEAREST_VARIABLES}


def assemble(scenario: Scenario, outcomes: Outcomes) -> xr.Dataset:
    """Evaluate a run and label it.

    Parameters
    ----------
    scenario : Scenario
        The question.
    outcomes : Outcomes
        Its simulation.

    Returns
    -------
    xarray.Dataset
        The variables of `stresslab.results.variables`, with units, signs and descriptions as attributes; the resolved
        scenario, its hash, the files it was read from, seed, block width and versions as attributes of the whole.
    """
    axes = axes_of(
        scenario.configurations, outcomes, quantiles=QUANTILES, profile=PROFILE, levels=LEVELS, review_days=REVIEW_DAYS
    )
    values: dict[str, Any] = {**evaluate(outcomes, scenario.configurations, axes), **_facts(scenario, axes)}
    values |= contribution_values(scenario, outcomes, axes.pools, LEVELS)
    # Today's margin ratio is known exactly: at time 0 every quantile is the same.
    today = np.clip(values["margin_ratio_today"], 1.0, outcomes.ratio_edges[-1])
    values["margin_ratio"][:, :, 0, :] = today[:, :, None]
    found = claims(outcomes, scenario.configurations, _equities(scenario, axes, values["equity"]))
    values |= _claims(found)
    bases = [policy_base(each, scenario.configurations) for each in scenario.configurations]
    if any(bases):
        values["policy_base"] = np.array([base or "" for base in bases], dtype=object)
    return Results(
        data_vars=dict(_variables(values, scenario.book.currency)),
        coords=_coordinates(scenario, axes) | {"claim": [claim.statement for claim in found]},
        attrs=_attributes(scenario, outcomes),
    )


def _equities(scenario: Scenario, axes: Axes, equity: Any) -> list[Any]:
    """Today's equity of the pools of each configuration, in the configuration's order."""
    return [
        equity[row, [axes.pools.index(pool.name) for pool in configuration.pools]]
        for row, configuration in enumerate(scenario.configurations)
    ]


def _claims(found: Sequence[Claim]) -> dict[str, Any]:
    values: dict[str, Any] = {
        f"claim_{name}": np.array([getattr(claim, name) for claim in found], dtype=object)
        for name in ("configuration", "against", "measure", "kind", "verdict")
    }
    for name in ("size", "exceptions"):
        values |= triple(f"claim_{name}", np.array([getattr(claim, name) for claim in found]).T)
    return values


def _variables(values: dict[str, Any], currency: str) -> list[tuple[str, tuple[tuple[str, ...], Any, dict[str, str]]]]:
    rows = []
    units = {"money": currency, "price": f"{currency} per unit", "quantity": "base units"}
    for row in VARIABLES.values():
        if row.name not in values:
            # A run may lack the probabilities at days beyond the horizon, or inside a step, and what only accounts
            # have on which something acts, or markets that draw from dated bars.
            days = tuple(f"_{day}d" for day in REVIEW_DAYS)
            assert row.name.endswith(days) or row.name in _OF_ACCOUNTS | _OF_BARS, row.name
            continue
        for name in (row.name, *companions(row)):
            attributes = {"long_name": _long_name(row, name), "sign": row.sign}
            if row.unit:
                attributes["units"] = units.get(row.unit, row.unit)
            if row.interval:
                attributes["interval"] = f"95 %, {row.interval}"
            rows.append((name, (row.dims, values.pop(name), attributes)))
    assert not values, f"values without a row in the table of variables: {sorted(values)}"
    return rows


def _long_name(row: Variable, name: str) -> str:
    bound = name.removeprefix(row.name).strip("_").replace("_", " ")
    return f"{bound.capitalize()} of: {row.description}" if bound else row.description


def _coordinates(scenario: Scenario, axes: Axes) -> dict[str, Any]:
    alerts = {"alert_level": ("alert_level", np.array(axes.alert_levels), {"units": "1"})} if axes.alert_levels else {}
    return {
        **alerts,
        "configuration": [configuration.name for configuration in scenario.configurations],
        "pool": list(axes.pools),
        "position": [position.id for position in scenario.book.positions],
        "ledger_line": list(LINES),
        "asset": list(scenario.market.assets),
        "other_asset": list(scenario.market.assets),
        "time": ("time", axes.times, {"units": "day", "long_name": "Time from today"}),
        "quantile": ("quantile", np.array(axes.quantiles), {"units": "1"}),
        "profile": ("profile", np.array(axes.profile), {"units": "1"}),
        "level": ("level", np.array(axes.levels), {"units": "1"}),
    }


def _attributes(scenario: Scenario, outcomes: Outcomes) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "title": scenario.name,
        "book": scenario.book.name,
        "venue": scenario.book.venue.name,
        "venue_effective": scenario.book.venue.effective.isoformat(),
        "venue_source": scenario.book.venue.source,
        "currency": scenario.book.currency,
        "model": scenario.market.model,
        "horizon_days": scenario.horizon,
        "step_days": scenario.step,
        "paths": scenario.paths,
        "seed": scenario.seed,
        "block_width": outcomes.block_width,
        "bridge": outcomes.problem.layout.bridge,
        "scenario_hash": identity(scenario),
        "resolved_scenario": json.dumps(resolved(scenario), sort_keys=True, ensure_ascii=False),
        "documents": json.dumps(dict(scenario.documents), sort_keys=True, ensure_ascii=False),
        "notices": json.dumps([_notice(notice) for notice in scenario.notices], ensure_ascii=False),
        "versions": json.dumps(versions(), sort_keys=True),
    }


def _notice(notice: Any) -> str:
    # Without the file's place: a result does not depend on where its inputs lay.
    return f"{notice.problem}; {notice.remedy}"


def _facts(scenario: Scenario, axes: Axes) -> dict[str, Any]:
    """What holds today: the book, its margin state under every configuration, and the market."""
    book, configurations = scenario.book, scenario.configurations
    explanation = explain(book, configurations)
    positions = [position.id for position in book.positions]
    names = [configuration.name for configuration in configurations]
    by_pool = (len(names), len(axes.pools))
    by_leg = (len(names), len(positions))
    state: Arrays = {
        name: np.full(by_pool, np.nan) for name in ("collateral", "equity", "maintenance_margin", "margin_ratio_today")
    }
    prices: Arrays = {name: np.full(by_leg, np.nan) for name in ("liquidation_price", "bankruptcy_price")}
    pool_of_position = np.full(by_leg, "", dtype=object)
    account_value = np.array([configuration.idle_cash for configuration in configurations])
    for pool in explanation.pools:
        row, column = names.index(pool.configuration), axes.pools.index(pool.pool)
        state["collateral"][row, column] = pool.collateral
        state["equity"][row, column] = pool.equity
        state["maintenance_margin"][row, column] = pool.maintenance_margin
        state["margin_ratio_today"][row, column] = pool.margin_ratio
        account_value[row] += max(pool.equity, 0.0)
        for leg in pool.positions:
            place = row, positions.index(leg.id)
            pool_of_position[place] = pool.pool
            for name in prices:
                price = getattr(leg, name)
                prices[name][place] = np.nan if price is None else price
    legs = {leg.id: leg for pool in explanation.pools if pool.configuration == names[0] for leg in pool.positions}
    market = scenario.market
    breaking = breaking_values(scenario, axes.pools)
    return {
        **state,
        **prices,
        **breaking,
        **nearest_day_values(scenario, axes.pools, breaking["breaking_move"]),
        "pool_of_position": pool_of_position,
        "idle_cash": np.array([configuration.idle_cash for configuration in configurations]),
        "account_value": account_value,
        "symbol": np.array([position.symbol.name for position in book.positions], dtype=object),
        "underlying": np.array([position.symbol.underlying for position in book.positions], dtype=object),
        "margin": np.array([position.margin for position in book.positions], dtype=object),
        "quantity": np.array([position.quantity for position in book.positions]),
        "entry_price": np.array([position.entry_price for position in book.positions]),
        "mark_price": np.array([legs[position].mark_price for position in positions]),
        "notional": np.array([legs[position].notional for position in positions]),
        "unrealized_pnl": np.array([legs[position].unrealized_pnl for position in positions]),
        "position_maintenance_margin": np.array([legs[position].maintenance_margin for position in positions]),
        "start_price": market.start_prices,
        "volatility": market.volatilities,
        "drift": market.drifts,
        "correlation": market.correlation,
    }
