"""The cover of a batch: all accounts ranked by risk, and what could not be run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from stresslab.report import compile_pages, write_pdf
from stresslab.report.blocks import Cell, Column, Page, Table, text, whole_table
from stresslab.report.formatting import Estimate, count, in_text, money, money_estimate, percent, probability
from stresslab.report.limit_table import LIGHTS
from stresslab.reviewing.account_row import AccountRow
from stresslab.reviewing.batch import Finished
from stresslab.reviewing.summary import ranked


def write_cover(finished: Sequence[Finished], path: Path) -> None:
    """Write the cover of a batch, whole or not at all.

    Parameters
    ----------
    finished : sequence of Finished
        From `stresslab.reviewing.batch`.
    path : pathlib.Path
        The PDF. It tells nothing of the clock, nor which accounts ran this time.
    """
    rows = ranked(finished)
    faults = [(each.job.name, fault) for each in finished for fault in each.faults]
    content = json.dumps([[asdict(row) for row in rows], faults], sort_keys=True, ensure_ascii=False)
    blocks = [text(_finding(rows), "finding")]
    if any(row.limits for row in rows):
        blocks.append(text(_limits(rows)))
    if rows:
        blocks.append(whole_table(_ranking(rows)))
    if faults:
        blocks.append(whole_table(_not_run(faults)))
    failed = sum(each.status == "failed" for each in finished)
    pdf, _ = compile_pages(
        [Page("All accounts, as booked", blocks)],
        kind="Batch of stress reviews",
        title="Accounts by risk",
        subtitle=" · ".join(
            [_number(len(finished), "scenario"), _number(len(rows), "result"), f"{count(failed)} could not be run"]
        ),
        book="All accounts",
        identity=f"batch {hashlib.sha256(content.encode('utf-8')).hexdigest()[:12]}",
    )
    write_pdf(pdf, path)


def _finding(rows: Sequence[AccountRow]) -> str:
    if not rows:
        return "No scenario of the batch could be run."
    first = rows[0]
    chance = in_text(*_chance(first))
    if first.liquidation_probability == 0.0:
        return f"No account was liquidated on any path; for {first.book} that bounds the probability to {chance}."
    if len(rows) == 1:
        return f"{first.book} is liquidated with probability {chance}."
    tied = sum(row.liquidation_probability == first.liquidation_probability for row in rows)
    also = f", as {_number(tied - 1, 'other')} of them" if tied > 1 else ""
    return f"Of {count(len(rows))} results {first.book} carries the highest probability of liquidation: {chance}{also}."


def _limits(rows: Sequence[AccountRow]) -> str:
    held = [row for row in rows if row.limits]
    breached = [row for row in held if row.breached]
    warned = [row for row in held if row.warned and not row.breached]
    return (
        f"Limits: {_number(len(breached), 'result')} of {count(len(held))} breach at least one, "
        f"{count(len(warned))} more reach a warning."
    )


def _ranking(rows: Sequence[AccountRow]) -> Table:
    several = len({row.model for row in rows}) > 1
    held = any(row.limits for row in rows)
    columns = [
        Column("", "right"),
        Column("Account", "left", 1.0),
        *([Column("Model", "left")] if several else []),
        Column("P(any pool\nliquidated)"),
        Column("Shortfall 97.5 %\nof value"),
        Column("Expected shortfall\n97.5 %"),
        *([Column("Limits", "light")] if held else []),
    ]
    cells: list[list[Cell]] = []
    for rank, row in enumerate(rows, 1):
        tail = Estimate(row.expected_shortfall, row.expected_shortfall_lower, row.expected_shortfall_upper)
        share = percent(row.expected_shortfall_share) if row.account_value > 0.0 else "no value left"
        cells.append(
            [
                str(rank),
                (row.book, f"{row.job}, {row.venue}, {row.currency} {money(row.account_value)}"),
                *([row.model] if several else []),
                _chance(row),
                share,
                money_estimate(tail),
                *([LIGHTS[row.limits] if row.limits else ""] if held else []),
            ]
        )
    return Table(
        "Accounts as booked, by probability of liquidation, then by shortfall over account value",
        columns,
        cells,
        note="Beneath each account its folder, venue, and value today; beneath estimates 95 % intervals. Horizons are "
        "those of the scenarios. Amounts are in the currency of the account.",
    )


def _not_run(faults: Sequence[tuple[str, str]]) -> Table:
    return Table(
        "Not run: file, line, column, what is wrong, what would be right",
        (Column("Scenario", "left", 0.3), Column("Fault", "left", 1.0)),
        [[job, fault] for job, fault in faults],
    )


def _chance(row: AccountRow) -> tuple[str, str]:
    bounds = row.liquidation_probability_lower, row.liquidation_probability_upper
    return probability(Estimate(row.liquidation_probability, *bounds), row.paths)


def _number(value: int, what: str) -> str:
    return f"{count(value)} {what}" + ("" if value == 1 else "s")
