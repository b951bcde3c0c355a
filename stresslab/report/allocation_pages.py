"""The page on the allocation: how the wallet is split, how it would be split best, and what to isolate or cross."""

from __future__ import annotations

import math

import xarray as xr

from stresslab.report.blocks import Block, Cell, Column, LeftOut, Page, Table, figure, table, text
from stresslab.report.charts.allocation import figure_comparison, figure_frontier
from stresslab.report.formatting import (
    Estimate,
    count,
    money,
    money_estimate,
    percent,
    points,
    probability,
    signed_money,
)
from stresslab.report.review import Review

TITLE = "Allocation of collateral"
BEST, BOOKED, POOLED = "best split", "as booked", "best pools"
_ANY, _LOSS, _TAIL = "any_liquidation_probability", "expected_loss", "expected_shortfall"
_NAMED = 4


def allocation_page(review: Review, appendix: list[Table]) -> Page | LeftOut:
    """Where the collateral goes; left out where no allocation came with the results."""
    results = review.companions.allocation
    if results is None:
        otherwise = "it was not asked for; the full form of a run has it"
        return LeftOut(TITLE, review.why_missing("allocation", otherwise))
    source = (
        f"{count(float(results.attrs['paths']))} paths, and as many fresh ones · {review.horizon} · "
        f"model {review.results.attrs['model']} · step {review.step}"
    )
    told = finding(results)
    blocks: list[Block] = [text(told, "finding"), *(text(sentence) for sentence in remarks(results))]
    blocks.append(table(split_table(results), appendix))
    blocks.append(table(comparison_table(results), appendix))
    blocks.append(
        figure(
            figure_comparison(results),
            "Each way to margin, in sample and on fresh paths, with 95 % intervals. Distance between the two is what "
            "the search made of the noise of its own paths.",
            f"Dot plots of probability, liquidation loss and shortfall by way to margin. {told}.",
            f"{source} · {_ANY}, expected_liquidation_loss, {_TAIL}",
        )
    )
    if "frontier_expected_loss" in results:
        blocks.append(
            figure(
                figure_frontier(results),
                "What a budget buys on fresh paths: all isolated with the best split, all crossed, and the best of the "
                "mixed pools. Line: the wallet.",
                "Frontier of total collateral against probability, liquidation loss and shortfall.",
                f"{source} · frontier_{_ANY}, frontier_expected_liquidation_loss, frontier_{_TAIL}",
            )
        )
    return Page(TITLE, blocks)


def finding(results: xr.Dataset) -> str:
    """What the best split changes against the account as booked, on fresh paths; without the final period.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.allocation.dataset.allocation_dataset`, of the objective expected loss.
    """
    currency = results.attrs["currency"]
    gain = _difference(results, _LOSS, BOOKED)
    chance = points(_difference(results, _ANY, BOOKED))
    also = f"P(any position or pool liquidated) by {chance[0]} points {chance[1]}"
    if gain.certain_sign == 0:
        return (
            "No split of the wallet into isolated positions has an expected loss that differs from as booked beyond "
            f"the noise of fresh paths; the best one changes {also}"
        )
    way = "lowers" if gain.certain_sign < 0 else "raises"
    size, beneath = money_estimate(Estimate(*_sorted(gain)))
    if way == "raises":
        return (
            f"Isolating every position, even with the best split of the wallet, raises the expected loss by {size} "
            f"{currency} {beneath} against as booked, and changes {also}"
        )
    return (
        f"The best split of the wallet into isolated positions lowers the expected loss by {size} {currency} {beneath} "
        f"against as booked, and changes {also}"
    )


def _sorted(gain: Estimate) -> tuple[float, float, float]:
    """Value and bounds of the size of a difference."""
    low, high = sorted((abs(gain.lower), abs(gain.upper)))
    return abs(gain.value), low, high


def remarks(results: xr.Dataset) -> list[str]:
    """How good the split is, what it moves first, and what is best pooled; whole sentences."""
    currency = results.attrs["currency"]
    value, bound = float(results.objective_value), float(results.objective_bound)
    if int(results.attrs["exact"]) or math.isclose(value, bound, rel_tol=1e-9):
        quality = "no other split in the same units is better on the paths of the search"
    else:
        quality = f"none can be below {money(bound)} on the paths of the search, against {money(value)} found"
    told = [
        f"What liquidated positions lose is made least, in units of {money(float(results.attrs['unit']))} {currency}: "
        f"{quality}. Every position gets at least its initial margin."
    ]
    idle = float(results.idle_cash)
    if idle > 1e-6 * float(results.attrs["budget"]):
        told.append(f"{money(idle)} {currency} of the wallet buy nothing and stay idle.")
    told += _pooling(results)
    return told


def _pooling(results: xr.Dataset) -> list[str]:
    if "partition" not in results:
        return ["The book has too many positions for every choice of what to isolate and what to cross."]
    names = [str(name) for name in results.position.values]
    homes = [int(home) for home in results.partition.isel(rank=0).values]
    amounts = [float(amount) for amount in results.partition_collateral.isel(rank=0).values]
    shared = [home for home in dict.fromkeys(homes) if homes.count(home) > 1]
    every = "all" if int(results.partitions_complete) else "the examined ones"
    examined = f"Of {count(int(results.partitions_examined))} choices of what to isolate and what to cross ({every})"
    if not shared:
        told = [f"{examined}, isolating every position loses least to liquidations."]
    else:
        pools = []
        for home in shared:
            members = [name for name, other in zip(names, homes, strict=True) if other == home]
            pools.append(f"{_listed(members)} share {money(amounts[homes.index(home)])} {results.attrs['currency']}")
        alone = len(names) - sum(homes.count(home) for home in shared)
        rest = f", with {alone} isolated" if alone else ", with none isolated"
        gain = _difference(results, _LOSS, POOLED)
        choice = f"the one that loses least to liquidations: {'; '.join(pools)}{rest}"
        if len(shared) == 1 and not alone:
            choice = "crossing all positions loses least to liquidations"
        told = [f"{examined}, {choice}. {_worth(gain, results)}"]
    broken = [str(pair) for pair in results.broken_hedge.values] if "broken_hedge" in results.coords else []
    if broken:
        more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
        pairs = "; ".join(pair.replace(" / ", " and ") for pair in broken[:_NAMED])
        told.append(f"Positions that hedge each other and that this choice keeps apart: {pairs}{more}.")
    return told


def _worth(gain: Estimate, results: xr.Dataset) -> str:
    """The best isolated split less the best pools, in words."""
    if gain.certain_sign == 0:
        return "On fresh paths its expected loss does not differ from the best isolated split’s beyond noise."
    less = "less" if gain.certain_sign > 0 else "more"
    size, beneath = money_estimate(Estimate(*_sorted(gain)))
    return (
        f"On fresh paths its expected loss is {size} {results.attrs['currency']} {beneath} {less} than the best "
        "isolated split’s."
    )


def _listed(names: list[str]) -> str:
    shown = names if len(names) <= 2 * _NAMED else [*names[: 2 * _NAMED - 1], f"{len(names) - 2 * _NAMED + 1} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def split_table(results: xr.Dataset) -> Table:
    """One row a position: booked against best collateral, and what one more thousand would do there."""
    rows: list[tuple[float, list[Cell]]] = []
    for name in results.position.values:
        here = results.sel(position=name)
        best, booked = (float(here.collateral.sel(configuration=one)) for one in (BEST, BOOKED))
        moved = "in a pool" if math.isnan(booked) else signed_money(best - booked)
        slope, error = (1000.0 * float(here[f"shadow_price_probability{end}"]) for end in ("", "_standard_error"))
        chance = float(here.liquidation_probability)
        rows.append(
            (
                -(0.0 if math.isnan(booked) else abs(best - booked)),
                [
                    str(name),
                    money(float(here.floor)),
                    "in a pool" if math.isnan(booked) else money(booked),
                    money(best),
                    moved,
                    percent(chance) if chance > 0.0 else "none seen",
                    points(Estimate(slope, slope - 1.96 * error, slope + 1.96 * error)),
                ],
            )
        )
    return Table(
        f"Collateral as booked against the best split, the largest moves first; amounts in {results.attrs['currency']}",
        (
            Column("Position", "left", 1.0),
            Column("Initial\nmargin", "right"),
            Column("Booked", "right"),
            Column("Best", "right"),
            Column("Move", "right"),
            Column("P(liquidated),\nbest split", "right"),
            Column("1 000 more here,\npoints", "right"),
        ),
        [row for _, row in sorted(rows, key=lambda each: each[0])],
        note="P(liquidated) is of the paths of the search. Last column: how far 1 000 more collateral move the "
        "probability of liquidation, with its 95 % interval.",
    )


def comparison_table(results: xr.Dataset) -> Table:
    """One row a way to margin: fresh paths, beneath each number that of the paths of the search."""
    currency, paths = results.attrs["currency"], int(results.attrs["paths"]) - int(results.attrs["failed_paths"])
    rows: list[tuple[float, list[Cell]]] = []
    for name in results.configuration.values:
        here = results.sel(configuration=name)
        fresh, own = here.sel(sample="fresh"), here.sel(sample="in sample")
        row: list[Cell] = [str(name)]
        chances = [
            probability(Estimate(*(float(each[f"{_ANY}{end}"]) for end in ("", "_lower", "_upper"))), paths)[0]
            for each in (fresh, own)
        ]
        row.append((chances[0], chances[1]))
        row += [(money(float(fresh[one])), money(float(own[one]))) for one in (_LOSS, _TAIL)]
        gain = _difference(results, _LOSS, str(name))
        row.append("" if str(name) == BEST else money_estimate(gain, signed=True))
        rows.append((-float(fresh[_LOSS]), row))
    return Table(
        f"Ways to margin the same book, the greatest expected loss first; amounts in {currency}",
        (
            Column("Way", "left", 1.0),
            Column("P(any\nliquidated)", "right"),
            Column("Expected\nloss", "right"),
            Column("Expected\nshortfall", "right"),
            Column("Best split less this,\nexpected loss", "right"),
        ),
        [row for _, row in sorted(rows, key=lambda each: each[0])],
        note="On fresh paths; beneath, on the paths of the search, where the best split flatters itself. The last "
        "column is paired on fresh paths, beneath it its 95 % interval. Policies do not act here.",
    )


def _difference(results: xr.Dataset, measure: str, against: str) -> Estimate:
    """Best split less another configuration, paired, on fresh paths."""
    here = results.sel(configuration=against)
    return Estimate(*(float(here[f"{measure}_difference{end}"]) for end in ("", "_lower", "_upper")))
