"""The page on rare liquidations: pools whose probability is below what the paths of the run can see."""

from __future__ import annotations

import xarray as xr

from stresslab.report.blocks import Block, Cell, Column, LeftOut, Page, Table, table, text
from stresslab.report.formatting import Estimate, count, in_text, number, probability
from stresslab.report.review import Review, label

TITLE = "Rare liquidations"


def rare_page(review: Review, appendix: list[Table]) -> Page | LeftOut:
    """What counting paths cannot tell; left out where no such estimates came with the results."""
    results = review.companions.rare
    if results is None:
        return LeftOut(TITLE, review.why_missing("rare", "they were not asked for; the full form of a run has them"))
    blocks: list[Block] = [
        text(finding(results), "finding"),
        table(rare_table(results, review), appendix),
        table(_sampling(results), appendix),
    ]
    return Page(TITLE, blocks)


def finding(results: xr.Dataset) -> str:
    """How many pools, how the likeliest of them comes out, and whether something speaks against it; no final period.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.rare.dataset.rare_dataset`.
    """
    events, every = results.sizes["event"], int(results.attrs["rare_pools"])
    hits, paths = int(results.attrs["fewest_hits"]), count(int(results.attrs["run_paths"]))
    pools = f"{every} pool{'' if every == 1 else 's'}" + (f", {events} of them examined," if events < every else "")
    verb = "is" if every == 1 else "are"
    seen = f"{pools} {verb} liquidated on fewer than {hits} of {paths} paths"
    worst = int(results.liquidation_probability.values.argmax())
    here = results.isel(event=worst)
    if float(here.liquidation_probability) == 0.0:
        return f"{seen}; {count(int(results.attrs['paths']))} paths of their own show no liquidation either"
    doubt = sum(bool(str(each)) for each in results.warnings.values)
    told = f"; {doubt} of the estimates cannot be fully trusted" if doubt else ""
    value = in_text(*_chance(here, int(results.attrs["paths"])))
    if events == 1:
        return f"{seen}; paths of its own put the probability at {value}{told}"
    return f"{seen}; the likeliest of them is {_title(here)}, with a probability of {value}{told}"


def rare_table(results: xr.Dataset, review: Review) -> Table:
    """One row a pool: what the run counted, and what paths drawn for it give."""
    paths = int(results.attrs["paths"])
    rows: list[list[Cell]] = []
    for place in results.liquidation_probability.values.argsort()[::-1]:
        here = results.isel(event=int(place))
        counted = probability(
            Estimate(*(float(here[f"run_probability{end}"]) for end in ("", "_lower", "_upper"))), review.paths
        )
        row: list[Cell] = [
            (str(here.pool.item()), label(str(here.configuration.item()))),
            counted,
            _chance(here, paths),
            str(here.method.item()),
            number(float(here.breach_distance)),
        ]
        rows.append(row)
    return Table(
        f"Probability of liquidation within {review.horizon}, the likeliest first",
        (
            Column("Pool, configuration", "left", 1.0),
            Column("Counted\nby the run", "right"),
            Column("On paths\nof its own", "right"),
            Column("Sampling", "left"),
            Column("Standard deviations\nto the breach"),
        ),
        rows,
        note=f"Beneath each its 95 % interval. Paths of its own: up to {count(paths)} for each pool, drawn where the "
        "breach is likeliest and weighted back, or branching on the way there, or plainly where neither would help. "
        "Pools of the same positions and collateral stand once.",
    )


def _sampling(results: xr.Dataset) -> Table:
    rows: list[list[Cell]] = []
    for place in results.liquidation_probability.values.argsort()[::-1]:
        here = results.isel(event=int(place))
        rows.append(
            [
                (str(here.pool.item()), label(str(here.configuration.item()))),
                number(float(here.variance_gain)),
                count(float(here.effective_sample_size)),
                str(here.reason.item()),
                str(here.warnings.item()) or "nothing",
            ]
        )
    return Table(
        "How far the estimates can be trusted",
        (
            Column("Pool, configuration", "left", 1.0),
            Column("Variance\ndivided by", "right"),
            Column("Effective\npaths", "right"),
            Column("Why sampled so", "left", 1.3),
            Column("What speaks against it", "left", 1.1),
        ),
        rows,
    )


def _title(here: xr.Dataset) -> str:
    return f"{here.pool.item()} ({label(str(here.configuration.item()))})"


def _chance(here: xr.Dataset, paths: int) -> tuple[str, str]:
    """A weighted probability: hits cannot be counted from it, so a bound stands only where nothing was seen."""
    found = Estimate(*(float(here[f"liquidation_probability{end}"]) for end in ("", "_lower", "_upper")))
    if found.value == 0.0 or str(here.method.item()) == "plain":
        return probability(found, paths)
    # More paths than there could be hits, so that no small weight is taken for none.
    return probability(found, 10**15)
