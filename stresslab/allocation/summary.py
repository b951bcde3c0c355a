"""An allocation in words and a table, for the terminal."""

from __future__ import annotations

import math

import xarray as xr

from stresslab.allocation.checking import measure_of
from stresslab.allocation.pooling import hedge_pairs
from stresslab.allocation.study import BEST, BOOKED, Study

_TITLES = {
    "any_liquidation_probability": "P(any liquidation)",
    "k_liquidations_probability": "P({count} or more)",
    "expected_liquidation_loss": "liquidation loss",
    "expected_loss": "expected loss",
    "expected_shortfall": "shortfall {level:.1%}",
}


_NAMED = 4


def allocation_summary(study: Study, results: xr.Dataset) -> str:
    """Lines for people: the split, how good it may be at best, and the comparison on both samples."""
    objective = study.objective
    measure = measure_of(objective)
    lines = [_headline(study), ""]
    width = max(len(name) for name in ("position", *study.sample.ids))
    lines.append(f"{'position':{width}}  {'floor':>14}  {'collateral':>14}  P(liquidation)  one more unit changes P by")
    for name in study.sample.ids:
        row = results.sel(position=name)
        lines.append(
            f"{name:{width}}  {float(row.floor):>14,.2f}  {float(row.collateral.sel(configuration=BEST)):>14,.2f}  "
            f"{float(row.liquidation_probability):>14.3%}  {float(row.shadow_price_probability):.3e} "
            f"+- {1.96 * float(row.shadow_price_probability_standard_error):.1e}"
        )
    title = _TITLES[measure].format(count=objective.count, level=objective.level)
    width = max(len(name) for name in study.names)
    lines += ["", f"{title:{width}}  {'in sample':>14}  {'fresh paths':>14}  {'best split less this, fresh, 95 %':>34}"]
    for name in study.names:
        at = results.sel(configuration=name)
        numbers = [_shown(float(at[measure].sel(sample=sample)), measure) for sample in ("in sample", "fresh")]
        ends = [_shown(float(at[f"{measure}_difference{end}"]), measure) for end in ("", "_lower", "_upper")]
        paired = "" if name == BEST else f"{ends[0]} [{ends[1]}, {ends[2]}]"
        lines.append(f"{name:{width}}  {numbers[0]:>14}  {numbers[1]:>14}  {paired:>34}")
    return "\n".join([*lines, *_pools(study), *_remarks(study)])


def _headline(study: Study) -> str:
    split, objective = study.split, study.objective
    currency = study.sample.scenario.book.currency
    measure = "money" if objective.name == "target-probability" else measure_of(objective)
    value, bound = _shown(split.value, measure), _shown(split.bound, measure)
    if split.exact:
        quality = "no split of the same units is better on these paths"
    else:
        quality = f"no split of the same units is below {bound} on these paths"
    spent = math.fsum(split.collateral)
    return f"{objective.name}: {value} with {spent:,.2f} {currency} in units of {study.bounds.unit:,.4g}; {quality}"


def _pools(study: Study) -> list[str]:
    if study.pooling is None:
        return []
    found, ids = study.pooling, study.sample.ids
    measure = measure_of(study.objective)
    every = "all of them" if found.complete else "a local search"
    lines = ["", f"pools, best first, of {found.examined:,} partitions ({every}):"]
    for each in found.ranked[:5]:
        pools = ", ".join(
            f"{'+'.join(ids[place] for place in pool)} {amount:,.0f}"
            for pool, amount in zip(each.partition, each.split.collateral, strict=True)
        )
        lines.append(f"  {_shown(each.split.value, measure)}  {pools}")
    for whose, pairs in (
        ("isolation breaks", hedge_pairs(study.sample)),
        ("the best pools break", found.broken_hedges),
    ):
        if pairs:
            named = [f"{ids[i]} and {ids[j]}" for i, j in pairs[:_NAMED]]
            more = f", and {len(pairs) - _NAMED} more" if len(pairs) > _NAMED else ""
            lines.append(f"hedges that {whose}, strongest first: {', '.join(named)}{more}")
    return lines


def _remarks(study: Study) -> list[str]:
    remarks = []
    idle = study.bounds.budget - math.fsum(study.split.collateral)
    if idle > 1e-6 * study.bounds.budget:
        remarks.append(f"{idle:,.2f} of the budget stays idle")
    if len(study.sample.ids) == 1:
        remarks.append("there is one position: it gets all that it may have")
    assets = {position.symbol.underlying for position in study.sample.scenario.book.positions}
    if len(study.sample.ids) > 1 and len(assets) == 1:
        remarks.append(f"all positions are on {assets.pop()}: they are liquidated in the order of their barriers")
    if study.never_liquidated:
        names = ", ".join(study.never_liquidated)
        remarks.append(f"on no path liquidated even with the floor: {names}; more collateral buys nothing there")
    wallet = study.sample.scenario.book.wallet_balance
    if not math.isclose(wallet, math.fsum(study.split.collateral), rel_tol=1e-6):
        remarks.append(f"{BOOKED} stands on the wallet's {wallet:,.2f}, not on this budget")
    return ["", *remarks] if remarks else []


def _shown(value: float, measure: str) -> str:
    return f"{value:.3%}" if measure.endswith("probability") else f"{value:,.2f}"
