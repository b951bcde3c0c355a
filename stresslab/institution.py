"""Several accounts on the same price paths: each run as a scenario of its own, then added up path by path."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stresslab.measures.institution import AccountRecord, loss_in_reporting_currency
from stresslab.results.code import code_hash, run_identity
from stresslab.results.output_folder import output_folder, write_manifest
from stresslab.results.table_formats import checked_formats
from stresslab.running import check_places, run_to_folder
from stresslab.scenario.institution import Institution
from stresslab.scenario.institution_reading import read_institution
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.estimate import available_bytes, check_memory
from stresslab.simulation.executors import Executor, ThreadExecutor
from stresslab.simulation.run import simulate
from stresslab.venues.rules.procedures import WHOLE

if TYPE_CHECKING:
    import xarray as xr

    from stresslab.scenario.limits import Limits
    from stresslab.simulation.outcomes import Outcomes

Progress = Callable[[int], None]

# Bytes a path that wait to be added up: loss, step and cash of each configuration and account; sorted copies, once.
_KEPT, _SORTED = 20, 64


def run_institution(
    institution: Institution | str | Path,
    *,
    paths: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> tuple[xr.Dataset, dict[str, xr.Dataset]]:
    """Simulate the accounts of an institution on the same paths, and add them up.

    Parameters
    ----------
    institution : Institution or path
        From `stresslab.read_institution`, or the file that it reads.
    paths, seed : int, optional
        Taken in place of the file's own, where a file is named.
    threads : int, optional
        Blocks of paths in flight, at least 1; by default one a core. The numbers do not depend on it.
    limits : Limits, optional
        From `stresslab.read_limits`, read for these accounts; each is held against them.
    progress : callable, optional
        Called with the number of paths done, over all accounts.

    Returns
    -------
    tuple of xarray.Dataset and dict of str to xarray.Dataset
        The whole in the reporting currency: the variables of `stresslab.results.institution`; and by account its
        results in its own currency, as `stresslab.run` gives them.

    Raises
    ------
    InputError
        If the file, or one that it names, has faults; all of them are told.
    MemoryError
        If the machine cannot hold so many paths; nothing is simulated then.
    ValueError
        If the number of threads is below 1, or paths or seed are stated beside an institution that was read.
    NoValidPathError
        If every path failed in one account or another.
    """
    if isinstance(institution, Institution):
        if paths is not None or seed is not None:
            raise ValueError("paths and seed belong to the reading of a file; read the institution with them")
    else:
        institution = read_institution(institution, paths=paths, seed=seed)
    _check_memory(institution)
    executor = ThreadExecutor(threads)
    records, results = [], {}
    for place, scenario in enumerate(institution.accounts):
        outcomes = simulate(scenario, executor=executor, progress=_shifted(progress, place, scenario))
        from stresslab.results.dataset import assemble
        from stresslab.results.limits import with_limits

        own = assemble(scenario, outcomes)
        results[scenario.book.name] = own = own if limits is None else with_limits(own, limits)
        records.append(_record(institution, scenario, outcomes, own, executor))
    from stresslab.results.institution import assemble_institution

    return assemble_institution(institution, records, list(results.values())), results


def run_institution_to_folder(
    institution: Institution,
    out: str | Path,
    *,
    form: str = "standard",
    threads: int | None = None,
    keep_outcomes: bool = False,
    executor: Executor | None = None,
    checkpoint: str | Path | None = None,
    limits: Limits | None = None,
    tables: Sequence[str] = ("csv",),
    progress: Progress | None = None,
) -> tuple[xr.Dataset, dict[str, float]]:
    """Run the accounts of an institution, and put the whole beside them.

    Parameters
    ----------
    institution : Institution
        From `stresslab.read_institution`.
    out : path
        The folder: what `run_to_folder` writes stands in ``accounts``, in a folder an account, and above them
        ``institution.nc``, ``report.pdf`` and ``tables`` of the whole. It appears whole at the end or not at all.
    form : {"standard", "short", "none"}
        Pages of the accounts' reports; with ``none`` there is no report at all.
    threads, keep_outcomes, executor, tables
        As in `run_to_folder`.
    checkpoint : path, optional
        As in `run_to_folder`; each account has a folder of its own in it.
    limits : Limits, optional
        As in `run_to_folder`; each account is held against them.
    progress : callable, optional
        Called with the number of paths done, over all accounts.

    Returns
    -------
    tuple of xarray.Dataset and dict of str to float
        The whole, as from `run_institution`, and the seconds that each phase took over all accounts.

    Raises
    ------
    OutputFolderError, MemoryError, ValueError, TableFormatError, CheckpointError
        As `run_to_folder`.
    """
    from stresslab.results.institution import assemble_institution, folder_names
    from stresslab.results.saving import INSTITUTION, save
    from stresslab.results.tables import write_tables

    check_places(out, checkpoint)
    formats = checked_formats(tables)
    _check_memory(institution)
    chosen = executor or ThreadExecutor(threads)
    seconds: dict[str, float] = {}
    records: list[AccountRecord] = []
    results: list[xr.Dataset] = []
    names = folder_names([each.book.name for each in institution.accounts])
    with output_folder(Path(out)) as folder:
        (folder / "accounts").mkdir()
        for place, (name, scenario) in enumerate(zip(names, institution.accounts, strict=True)):

            def watch(outcomes: Outcomes, own: xr.Dataset, scenario: Scenario = scenario) -> None:
                records.append(_record(institution, scenario, outcomes, own, chosen))
                results.append(own)

            _, taken = run_to_folder(
                scenario,
                folder / "accounts" / name,
                form=form,
                keep_outcomes=keep_outcomes,
                executor=chosen,
                checkpoint=None if checkpoint is None else Path(checkpoint) / name,
                limits=limits,
                tables=formats,
                progress=_shifted(progress, place, scenario),
                watch=watch,
            )
            for phase, each in taken.items():
                seconds[phase] = seconds.get(phase, 0.0) + each
        whole = assemble_institution(institution, records, results)
        save(whole, folder / INSTITUTION)
        write_tables(whole, folder / "tables", formats)
        if form != "none":
            # Charts and typesetting are imported here: what comes before does not need them.
            from stresslab.report.institution_pages import typeset_institution

            typeset_institution(whole, folder / "report.pdf")
        write_manifest(folder, _manifest(institution, whole, form, limits, formats, seconds))
    return whole, seconds


def _shifted(progress: Progress | None, place: int, scenario: Scenario) -> Progress | None:
    return None if progress is None else lambda done: progress(place * scenario.paths + done)


def _check_memory(institution: Institution) -> None:
    """Refuse what this machine cannot hold: any account by itself, or what waits of all of them."""
    for scenario in institution.accounts:
        check_memory(scenario)
    first, count = institution.accounts[0], len(institution.accounts)
    needed = first.paths * (_KEPT * len(first.configurations) * count + _SORTED)
    if needed > (available := available_bytes()):
        raise MemoryError(
            f"{first.paths:,} paths of {count} accounts need {needed:,} bytes of memory to be added up, and "
            f"{available:,} are available; ask for at most {first.paths * available // needed:,} paths"
        )


def _record(
    institution: Institution, scenario: Scenario, outcomes: Outcomes, results: xr.Dataset, executor: Executor
) -> AccountRecord:
    """What became of an account on every path, in the reporting currency."""
    from stresslab.measures.account import account_paths

    every = np.ones(outcomes.failed.size, np.bool_)
    rate = institution.rate_of(scenario)
    at_end: NDArray[np.float64] = np.asarray(rate.today)
    if rate.asset is not None:
        log_price = outcomes.column(outcomes.log_price, scenario.market.assets.index(rate.asset), every)
        at_end = rate.today * np.exp((-1.0 if rate.inverse else 1.0) * log_price.astype(np.float64))
    losses, steps = [], []
    for row, (configuration, stakes) in enumerate(
        zip(scenario.configurations, outcomes.configuration_stakes, strict=True)
    ):
        account = account_paths(outcomes, configuration, stakes, every)
        value = float(results["account_value"].values[row])
        losses.append(loss_in_reporting_currency(account.loss, value, rate.today, at_end))
        steps.append(account.first_step)
    cash = _cash(scenario, outcomes, executor) * rate.today
    return AccountRecord(np.stack(losses), np.stack(steps), cash, outcomes.failed.copy())


def _cash(scenario: Scenario, outcomes: Outcomes, executor: Executor) -> NDArray[np.float64]:
    """What had to be moved into the pools of each configuration to keep them all, [configuration, path].

    A venue that reduces step by step does nothing to a pool that holds enough, so that the same paths with pools closed
    whole tell how much is enough.
    """
    found = _short_of(scenario, outcomes)
    unknown = np.isnan(found).all(axis=1)
    resting = np.array([not each.policies for each in scenario.configurations])
    if scenario.auto_deleveraging is not None or not (unknown & resting).any():
        return found
    venue = replace(scenario.book.venue, liquidation_procedure="full", reduction=WHOLE, backstop=0.0)
    kept = tuple(each for each in scenario.configurations if not each.policies)
    whole = replace(scenario, book=replace(scenario.book, venue=venue), configurations=kept, impact=None)
    found[resting] = _short_of(whole, simulate(whole, executor=executor))
    return found


def _short_of(scenario: Scenario, outcomes: Outcomes) -> NDArray[np.float64]:
    """Sum over the pools of required less actual collateral, where that is positive, [configuration, path]."""
    every = np.ones(outcomes.failed.size, np.bool_)
    found = np.zeros((len(scenario.configurations), every.size))
    for row, (configuration, stakes) in enumerate(
        zip(scenario.configurations, outcomes.configuration_stakes, strict=True)
    ):
        for pool, stake in zip(configuration.pools, stakes, strict=True):
            required = outcomes.column(outcomes.required_collateral, outcomes.stake_pools[stake], every)
            found[row] += np.maximum(required.astype(np.float64) - pool.collateral, 0.0)
    return found


def _manifest(
    institution: Institution,
    whole: xr.Dataset,
    form: str,
    limits: Limits | None,
    formats: Sequence[str],
    seconds: dict[str, float],
) -> dict[str, object]:
    import jax

    accounts = json.loads(whole.attrs["accounts"])
    identity = [run_identity(institution.accounts, form, limits, tables=formats), whole.attrs["institution_hash"]]
    return {
        "title": institution.name,
        "identity": hashlib.sha256("".join(identity).encode()).hexdigest(),
        "institution_hash": whole.attrs["institution_hash"],
        "reporting_currency": institution.reporting_currency,
        "accounts": accounts,
        "limits": None if limits is None else hashlib.sha256(limits.text.encode()).hexdigest(),
        "seed": int(whole.attrs["seed"]),
        "paths": int(whole.attrs["paths"]),
        "failed_paths": int(whole["failed_paths"]),
        "block_width": int(whole.attrs["block_width"]),
        "form": form,
        "code": code_hash(),
        "versions": json.loads(whole.attrs["versions"]),
        "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "seconds": {phase: round(taken, 2) for phase, taken in seconds.items()},
        "device": jax.devices()[0].device_kind,
        "machine": f"{platform.system()} {platform.machine()}",
    }
