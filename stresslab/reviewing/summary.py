"""The table of a batch as CSV: every account, the riskiest first, then what could not be run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd

from stresslab.results.tables import harmless
from stresslab.reviewing.account_row import AccountRow
from stresslab.reviewing.batch import Finished
from stresslab.reviewing.jobs import write_whole


def ranked(finished: Sequence[Finished]) -> list[AccountRow]:
    """Rows of all accounts, the riskiest first: by probability of liquidation, then by shortfall over account value."""
    rows = [row for each in finished for row in each.accounts]
    return sorted(rows, key=lambda row: (-row.risk[0], -row.risk[1], row.job, row.model))


def write_summary(finished: Sequence[Finished], path: Path) -> None:
    """Write the table of a batch.

    Parameters
    ----------
    finished : sequence of Finished
        From `stresslab.reviewing.batch`.
    path : pathlib.Path
        A row an account with its rank, then a row a fault without. It tells nothing of the clock, nor which accounts
        ran this time, so that a batch in two goes ends with the bytes of one.
    """
    rows = [{"rank": rank, **asdict(row)} for rank, row in enumerate(ranked(finished), 1)]
    faults = [{"job": each.job.name, "fault": fault} for each in finished for fault in each.faults]
    columns = ["rank", *(field.name for field in fields(AccountRow)), "fault"]
    table = pd.DataFrame([*rows, *faults], columns=columns)
    table = table.astype({name: "Int64" for name in ("rank", "paths", "breached", "warned")})
    texts = [name for name in columns if table[name].dtype.kind == "O"]
    table = table.assign(**{name: table[name].map(harmless) for name in texts})
    write_whole(path, table.to_csv(index=False, lineterminator="\n").encode("utf-8"))
