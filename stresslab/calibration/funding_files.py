"""From files of funding rates to a funding calibration: what the command line and the Python interface call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from stresslab.calibration.funding import (
    BLOCKS,
    FEWEST_DAYS,
    FundingFit,
    FundingSeries,
    at_interest,
    figures_of,
    fit_premiums,
    rate_diagnostics,
)
from stresslab.calibration.funding_history import FundingHistory, common_grid, read_funding_history
from stresslab.calibration.history import History, read_specification
from stresslab.calibration.target import check_target, write_checked
from stresslab.calibration.writing import toml_text, toml_texts
from stresslab.documents.durations import duration_text
from stresslab.documents.faults import Fault, InputError
from stresslab.documents.findings import Findings
from stresslab.documents.reading import parse_document
from stresslab.market.funding_file import funding_calibration_from
from stresslab.market.premium import Premium

_FEWEST = 20
_METHOD = (
    "a rate at the interest is a premium of unknown size within the clamp's reach; law: the shares below and above "
    "the interest, and on each side maximum likelihood of scale and tail, taking rates for independent (consistent, "
    "and the errors do not rest on it); half-lives and slow share: least squares on the autocorrelations of the "
    "normal score at 8 hours to 60 days, undone of the censoring by Hermite series; correlations with the price: "
    "least squares on the correlations of the score with the signs of the returns of the last 1 to 60 days; own "
    "correlation: least squares over the pairs of assets; standard errors: jackknife over 20 blocks of consecutive "
    "days; nothing is filled in"
)


def calibrate_funding_files(
    funding: Sequence[str],
    prices: Sequence[str],
    out: str | Path,
    *,
    since: dt.date | None = None,
    until: dt.date | None = None,
    interest_rate: float = 0.0001,
    clamp: float = 0.0005,
    note: str = "",
) -> str:
    """Read funding histories and price histories, fit the premiums, write the funding calibration.

    Parameters
    ----------
    funding : sequence of str
        ``FILE`` or ``ASSET=FILE``, one an asset; see `read_funding_history`.
    prices : sequence of str
        Bars of the same assets, as `calibrate_files` takes them; an asset without them gets no correlation with its
        price.
    out : str or pathlib.Path
        The calibration's file, ending in ``.toml``.
    since, until : datetime.date, optional
        First and last day of the span; default: all that the funding histories hold.
    interest_rate, clamp : float
        Of one interval, as the venue's rule of the rate has them; the clamp is positive.
    note : str
        Kept in the file: why these data and this span.

    Returns
    -------
    str
        The fit in a few lines of plain text.

    Raises
    ------
    InputError
        With every fault of every history; or where the rates tell too little.
    """
    check_target(out)
    if not 0 < clamp <= 0.1 or not abs(interest_rate) <= 0.1:
        raise InputError([Fault("--clamp", 1, 1, "interest rate or clamp out of range", "give 0.0001 and 0.0005")])
    first = None if since is None else np.datetime64(since)
    end = None if until is None else np.datetime64(until) + np.timedelta64(1, "D")
    histories: list[FundingHistory] = []
    bars: dict[str, History] = {}
    faults: list[Fault] = []
    for specification in funding:
        try:
            histories.append(read_funding_history(specification, first, end))
        except InputError as error:
            faults += error.faults
    for specification in prices:
        try:
            price = read_specification(specification)
            bars[price.asset] = price
        except InputError as error:
            faults += error.faults
    faults += _mismatches(histories, bars) if not faults else []
    if faults:
        raise InputError(faults)
    times, rates = common_grid(histories)
    series = [
        FundingSeries(history.asset, times, row, _log_prices(times, bars.get(history.asset)))
        for history, row in zip(histories, rates, strict=True)
    ]
    faults = [
        fault
        for history, each in zip(histories, series, strict=True)
        for fault in _thin(history, each, bars.get(history.asset), interest_rate)
    ]
    if faults:
        raise InputError(faults)
    fit = fit_premiums(series, histories[0].interval / 1440, interest_rate, clamp)
    lines = _document(histories, bars, series, fit, interest_rate, clamp, Path(out).stem, note)
    text = "\n".join(lines) + "\n"
    findings = Findings()
    document = parse_document(text.encode(), str(out), Path(), findings)
    if document is not None:
        funding_calibration_from(document, findings)
    findings.stop_at_faults()
    write_checked(Path(out), text)
    return _summary(histories, bars, series, fit, interest_rate, clamp)


def _mismatches(histories: Sequence[FundingHistory], bars: dict[str, History]) -> Iterator[Fault]:
    assets = [history.asset for history in histories]
    for history in histories:
        if assets.count(history.asset) > 1:
            yield Fault(history.path, 1, 1, f"{history.asset} has two funding histories", "give one file an asset")
    for asset, price in bars.items():
        if asset not in assets:
            yield Fault(price.path, 1, 1, f"there is no funding history of {asset}", "give it with --funding")
        elif next(each for each in histories if each.asset == asset).interval * 60 % price.interval:
            problem = f"bars of {duration_text(price.interval // 60)} do not add up to an interval of funding"
            yield Fault(price.path, 1, 1, problem, "give bars whose length divides the interval, such as 1h")


def _log_prices(times: NDArray[np.datetime64], history: History | None) -> NDArray[np.float64]:
    """Log of the close at each settlement, NaN where the history lacks it."""
    prices = np.full(len(times), np.nan)
    if history is not None:
        ends = (history.times + np.timedelta64(history.interval, "s")).astype("datetime64[m]")
        places = np.minimum(np.searchsorted(ends, times), len(ends) - 1)
        found = ends[places] == times
        prices[found] = np.log(history.close[places[found]])
    return prices


def _thin(history: FundingHistory, series: FundingSeries, price: History | None, interest: float) -> Iterator[Fault]:
    """Where the histories are too short, or too few rates lie at or beside the interest outside of one block."""
    rates, days = series.rates, int((~np.isnan(series.rates)).sum() * history.interval // 1440)
    if days < FEWEST_DAYS:
        problem = f"{history.asset} has rates of {days} days"
        yield Fault(history.path, 1, 1, problem, f"give at least {FEWEST_DAYS} days")
    shared = int((~np.isnan(rates) & ~np.isnan(series.log_prices)).sum() * history.interval // 1440)
    if price is not None and shared < FEWEST_DAYS:
        problem = f"{history.asset} has prices at the settlements of {shared} days"
        yield Fault(price.path, 1, 1, problem, "give prices of the same span, or none")
    at = at_interest(rates, interest)
    sides = {"below": (rates < interest) & ~at, "at": at, "above": (rates > interest) & ~at}
    for name, side in sides.items():
        counts = [int(block.sum()) for block in np.array_split(side, BLOCKS)]
        if sum(counts) - max(counts) < _FEWEST:
            problem = f"only {sum(counts)} rates of {history.asset} lie {name} the interest of {interest:g}"
            problem += ", in a few days" if sum(counts) >= _FEWEST else ""
            remedy = "give a longer span, or the venue's own --interest-rate"
            yield Fault(history.path, 1, 1, problem, remedy)


def _document(
    histories: Sequence[FundingHistory],
    bars: dict[str, History],
    series: Sequence[FundingSeries],
    fit: FundingFit,
    interest: float,
    clamp: float,
    name: str,
    note: str,
) -> list[str]:
    last = max(history.times[-1] for history in histories)
    lines = [
        "schema = 1",
        f"name = {toml_text(name)}",
        f"as_of = {last.astype('datetime64[D]')}",
        f'interval = "{duration_text(histories[0].interval)}"',
        f"interest_rate = {interest:.8g}",
        f"clamp = {clamp:.8g}",
        f"own_correlation = {fit.own_correlation:.3f}",
    ]
    for history, premium in zip(histories, fit.figures, strict=True):
        law = premium.law
        lines += [
            "",
            f"[premiums.{history.asset}]",
            f"share_below = {ndtr(law.low_score):.4f}",
            f"share_above = {ndtr(-law.high_score):.4f}",
            f"scale_below = {law.low_scale:.4e}",
            f"tail_below = {law.low_tail:.3f}",
            f"scale_above = {law.high_scale:.4e}",
            f"tail_above = {law.high_tail:.3f}",
            f'half_life = "{max(1, round(premium.half_life * 1440))}m"',
            f"price_correlation = {premium.price_correlation:.3f}",
            f"slow_share = {premium.slow_share:.3f}",
            f'slow_half_life = "{max(1, round(premium.slow_half_life * 24))}h"',
            f"slow_price_correlation = {premium.slow_price_correlation:.3f}",
        ]
    lines += ["", "[history]"]
    if note:
        lines.append(f"note = {toml_text(note)}")
    lines += [
        f"method = {toml_text(_METHOD)}",
        f"remarks = {toml_texts(_remarks(histories, bars, fit))}",
        f"own_correlation_standard_error = {fit.own_correlation_error:.3f}",
    ]
    for history, each, premium, errors in zip(histories, series, fit.figures, fit.standard_errors, strict=True):
        price = bars.get(history.asset)
        lines += [
            "",
            f"[history.assets.{history.asset}]",
            f"file = {toml_text(Path(history.path).name)}",
            f"sha256 = {toml_text(history.sha256)}",
            f"first = {history.times[0]}:00Z",
            f"last = {history.times[-1]}:00Z",
            f"rates = {len(history.rates)}",
            f"findings = {toml_texts(f'{notice.problem}; {notice.remedy}' for notice in history.findings)}",
        ]
        if price is not None:
            lines += [f"price_file = {toml_text(Path(price.path).name)}", f"price_sha256 = {toml_text(price.sha256)}"]
        named = zip(figures_of(premium), errors, strict=True)
        shown = ", ".join(f"{key} = {error:.3g}" for key, error in named if key not in ("low_premium", "high_premium"))
        lines.append(f"standard_errors = {{ {shown} }}")
        lines += ["", f"[history.assets.{history.asset}.observed_and_model]"]
        for key, (observed, model) in _diagnostics(premium, each, history, interest, clamp).items():
            lines.append(f"{key} = [{observed:.4g}, {model:.4g}]")
    return lines


def _diagnostics(
    premium: Premium, series: FundingSeries, history: FundingHistory, interest: float, clamp: float
) -> dict[str, tuple[float, float]]:
    return rate_diagnostics(premium, series, history.interval / 1440, interest, clamp)


def _remarks(histories: Sequence[FundingHistory], bars: dict[str, History], fit: FundingFit) -> list[str]:
    remarks = []
    for history, premium, errors in zip(histories, fit.figures, fit.standard_errors, strict=True):
        if history.asset not in bars:
            remarks.append(f"{history.asset}: no price history, so its correlations with the price are set to 0.")
        named = dict(zip(figures_of(premium), errors, strict=True))
        if named["slow_half_life"] > 0.4 * premium.slow_half_life:
            remarks.append(f"{history.asset}: the span holds few slow cycles, and the slow half-life is uncertain.")
    return remarks


def _summary(
    histories: Sequence[FundingHistory],
    bars: dict[str, History],
    series: Sequence[FundingSeries],
    fit: FundingFit,
    interest: float,
    clamp: float,
) -> str:
    lines = []
    for history, each, premium, errors in zip(histories, series, fit.figures, fit.standard_errors, strict=True):
        lines.append(f"{history.asset}: {len(history.rates)} rates, {history.times[0]} to {history.times[-1]} UTC")
        figures = figures_of(premium)
        for (key, value), error in zip(figures.items(), errors, strict=True):
            if key not in ("low_premium", "high_premium"):
                lines.append(f"  {key.replace('_', ' '):24} {value:11.4g}  standard error {error:.2g}")
        lines.append(f"  {'rate':24} {'observed':>11}  {'model':>11}")
        for key, (observed, model) in _diagnostics(premium, each, history, interest, clamp).items():
            lines.append(f"  {key.replace('_', ' '):24} {observed:11.4g}  {model:11.4g}")
    lines.append(f"own correlation {fit.own_correlation:.3f} (standard error {fit.own_correlation_error:.3f})")
    findings = [str(finding) for history in histories for finding in history.findings]
    return "\n".join([*lines, *_remarks(histories, bars, fit), *findings])
