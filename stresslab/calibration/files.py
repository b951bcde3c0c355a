"""From files of bars to a calibration file: what the command line and the Python interface call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from stresslab.calibration.daily_fit import DailyChoices
from stresslab.calibration.fitting import Calibration, calibrate
from stresslab.calibration.history import History, read_specification
from stresslab.calibration.target import check_target
from stresslab.calibration.writing import write_calibration
from stresslab.documents.durations import days_of
from stresslab.documents.faults import Fault, InputError

# The model whose forecasts held up best (docs/backtest.md).
DEFAULT_MODEL = "component_history"


def calibrate_files(
    specifications: Sequence[str],
    model: str,
    out: str | Path,
    *,
    since: dt.date | None = None,
    until: dt.date | None = None,
    note: str = "",
    floor: str | None = None,
    volatility: str = "close",
    shrinkage: bool = False,
    dynamic_correlation: bool = False,
    seasonality: bool = False,
) -> Calibration:
    """Read histories, fit a model, write the calibration.

    Parameters
    ----------
    specifications : sequence of str
        ``FILE`` or ``ASSET=FILE``, one an asset; see `stresslab.calibration.history.read_history`.
    model : str
        One of `stresslab.calibration.fitting.FITTED_MODELS`.
    out : str or pathlib.Path
        The calibration's file, ending in ``.toml``.
    since, until : datetime.date, optional
        First and last day of the window; default: all days that every history covers.
    note : str
        Kept in the file: why these data and this window.
    floor : str, optional
        A duration of whole days, as ``"90d"``: no volatility below the upper quartile of the asset's own volatilities
        over so many days.
    volatility : str
        One of `stresslab.calibration.range_volatility.VOLATILITY_METHODS`; of models of days alone.
    shrinkage : bool
        Whether to draw correlations towards their mean (`stresslab.calibration.shrinkage`); of models of days alone.
    dynamic_correlation : bool
        Whether to fit a correlation that follows the shocks; of ``garch`` alone.
    seasonality : bool
        Whether to find out how volatile each hour of the week is (`stresslab.calibration.seasonality_fit`).

    Returns
    -------
    Calibration
        What was written, with the findings of every history; `calibration_summary` makes it readable.

    Raises
    ------
    InputError
        Every fault of every history at once; or what `calibrate` or `write_calibration` finds.
    """
    check_target(out)
    floor_days = None if floor is None else _days(floor)
    histories: list[History] = []
    faults: list[Fault] = []
    for specification in specifications:
        try:
            histories.append(read_specification(specification))
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(faults)
    choices = DailyChoices(volatility, shrinkage)
    calibration = calibrate(
        histories,
        model,
        since=since,
        until=until,
        floor_days=floor_days,
        choices=choices,
        dynamic_correlation=dynamic_correlation,
        seasonality=seasonality,
    )
    write_calibration(calibration, out, note)
    return calibration


def _days(floor: str) -> int:
    try:
        days = days_of(floor)
    except ValueError as error:
        raise InputError([Fault("--floor", 1, 1, *error.args)]) from None
    if days.denominator != 1:
        raise InputError([Fault("--floor", 1, 1, f"{floor} is no whole number of days", 'write it as "90d"')])
    return int(days)
