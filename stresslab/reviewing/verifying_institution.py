"""Whether the numbers of an institution come out again: its accounts, run again, and what they add up to."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import xarray as xr

from stresslab.results.differences import differences
from stresslab.results.saving import INSTITUTION, ResultsError, load_institution
from stresslab.reviewing.verifying import DamagedError, Stored, Verdict, remarks
from stresslab.scenario.institution import ExchangeRate, Institution
from stresslab.scenario.limits import limits_from_text


def stored_institution(folder: str | Path) -> xr.Dataset | None:
    """The whole of several accounts that a folder holds; None where it holds none.

    Parameters
    ----------
    folder : path
        From `stresslab run`.

    Raises
    ------
    DamagedError
        If the file is there and cannot be read.
    """
    place = Path(folder) / INSTITUTION
    if not place.is_file():
        return None
    try:
        return load_institution(place)
    except ResultsError as error:
        raise DamagedError([str(error)]) from error


def verify_institution(
    whole: xr.Dataset,
    accounts: Sequence[Stored],
    *,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Verdict]:
    """Run the accounts again, add them up again, and compare the numbers.

    Parameters
    ----------
    whole : xarray.Dataset
        From `stored_institution`.
    accounts : sequence of Stored
        From `stresslab.reviewing.verifying.stored_results`.
    threads, progress
        As `stresslab.run_institution` takes them.

    Returns
    -------
    list of Verdict
        Of each account, and of the whole at the end.

    Raises
    ------
    DamagedError
        If the accounts are not those of the whole.
    """
    from stresslab.institution import run_institution

    told = {each["name"]: each for each in json.loads(whole.attrs["accounts"])}
    by_name = {each.scenario.book.name: each for each in accounts}
    if set(told) != set(by_name):
        raise DamagedError([f"{INSTITUTION} is of the accounts {', '.join(told)}, and others stand beside it"])
    ordered = [by_name[name] for name in told]
    limits = json.loads(ordered[0].results.attrs["documents"]).get("limits")
    question = Institution(
        name=str(whole.attrs["title"]),
        accounts=tuple(each.scenario for each in ordered),
        reporting_currency=str(whole.attrs["currency"]),
        rates={each["currency"]: ExchangeRate(**each["rate"]) for each in told.values()},
        notices=(),
    )
    again, results = run_institution(
        question, threads=threads, limits=None if limits is None else limits_from_text(limits), progress=progress
    )
    verdicts = [
        Verdict(each.name, *differences(each.results, own), remarks(each.results.attrs, own.attrs))
        for each, own in zip(ordered, results.values(), strict=True)
    ]
    return [*verdicts, Verdict(INSTITUTION, *differences(whole, again), [])]
