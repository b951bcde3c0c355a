"""A scored walk as a dataset, with names, units and descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
import xarray as xr

import stresslab
from stresslab.backtest.bars import MAINTENANCE_RATE, Bars
from stresslab.backtest.forecasters import Forecaster
from stresslab.backtest.scoring import BLOCK_DAYS, EDGES, Scores
from stresslab.backtest.walking import LEVELS, LEVERAGES, SEED, SIDES, Plan, Walk
from stresslab.calibration.history import History
from stresslab.documents.durations import duration_text

SCHEMA = 1
_POOLED = ("model", "level", "side")
_BY_ASSET = (*_POOLED, "asset")
_EVENT = ("model", "leverage", "side")
_SHARE = "share of notional"

# Dims, unit and description of every figure of `Scores` but the groups of liquidation forecasts.
_SCORES: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "exceedance_rate": (_POOLED, "1", "share of outcomes above the forecast, all assets together"),
    "exceedances": (_BY_ASSET, "1", "number of outcomes above the forecast"),
    "mean_collateral": (_POOLED, _SHARE, "mean forecast of the required collateral"),
    "pinball_loss": (_POOLED, _SHARE, "mean pinball loss, lower is better"),
    "pinball_difference": (
        _POOLED,
        _SHARE,
        "pinball loss less that of the first model, paired; positive: worse",
    ),
    "kupiec_p_value": (_BY_ASSET, "1", "p-value of the nominal rate; missing where windows overlap"),
    "christoffersen_p_value": (_BY_ASSET, "1", "p-value of independent exceedances; missing where windows overlap"),
    "joint_p_value": (_BY_ASSET, "1", "p-value of both; missing where windows overlap"),
    "uniformity_p_value": (
        ("model", "side", "asset"),
        "1",
        "Kolmogorov-Smirnov of probability integral transforms; missing where windows overlap or are few",
    ),
    "independence_p_value": (
        ("model", "side", "asset"),
        "1",
        "Ljung-Box of 10 lags of the same; missing where windows overlap or are few",
    ),
}
_EVENTS = {
    "brier_score": ("brier", "mean of (forecast - event)^2 of liquidation, all assets together"),
    "brier_reliability": ("reliability", "its part from forecasts that differ from shares of events; lower is better"),
    "brier_resolution": ("resolution", "its part from telling cases apart; higher is better"),
    "brier_uncertainty": ("uncertainty", "its part that no forecast can change"),
    "spiegelhalter_statistic": ("spiegelhalter", "standard normal under right and independent forecasts"),
}
_GROUPS = {
    "group_forecast": ("forecast", "mean forecast of liquidation in the group"),
    "group_observed": ("observed", "share liquidated in the group"),
    "group_observed_lower": ("lower", "its lower bound, Wilson 95 %, as if forecasts were independent"),
    "group_observed_upper": ("upper", "its upper bound, Wilson 95 %, as if forecasts were independent"),
    "group_count": ("count", "forecasts in the group"),
}


def backtest_dataset(
    bars: Bars, plan: Plan, models: Mapping[str, Forecaster], walk: Walk, scores: Scores, histories: Sequence[History]
) -> xr.Dataset:
    """Forecasts, outcomes and scores under their labels.

    Parameters
    ----------
    bars, plan, models, walk, scores
        From `align`, `plan_origins`, `walk_forward` and `score`.
    histories : sequence of History
        For the hashes of their files.

    Returns
    -------
    xarray.Dataset
        Dims ``model, asset, side, level, leverage, origin, group``; each variable has ``units`` and ``description``.
    """
    variables = {
        "required_collateral": _named(
            ("origin", "side", "asset"), walk.outcome, _SHARE, "required collateral of a unit position, as it came"
        ),
        "required_collateral_forecast": _named(
            ("model", "origin", "level", "side", "asset"),
            walk.forecast,
            _SHARE,
            "forecast of the collateral that the outcome exceeds with the probability of the level",
        ),
        "probability_integral_transform": _named(
            ("model", "origin", "side", "asset"), walk.transform, "1", "forecast distribution at the outcome"
        ),
        "liquidation_probability": _named(
            ("model", "origin", "leverage", "side", "asset"), walk.liquidation, "1", "forecast of liquidation"
        ),
    }
    for field in fields(scores):
        base, _, suffix = field.name.rpartition("_")
        if field.name in _SCORES:
            dims, unit, text = _SCORES[field.name]
        elif suffix in ("lower", "upper"):
            dims, unit, text = _SCORES[base]
            text = f"{suffix} bound, 95 %, of the {text}"
        else:
            continue
        variables[field.name] = _named(dims, getattr(scores, field.name), unit, text)
    shape = (len(models), len(LEVERAGES), len(SIDES))
    for name, (attribute, text) in _EVENTS.items():
        figures = np.array([getattr(one, attribute) for row in scores.reliability for by in row for one in by])
        variables[name] = _named(_EVENT, figures.reshape(shape), "1", text)
    for name, (attribute, text) in _GROUPS.items():
        figures = np.array([getattr(one, attribute) for row in scores.reliability for by in row for one in by])
        variables[name] = _named((*_EVENT, "group"), figures.reshape(*shape, -1), "1", text)
    return xr.Dataset(
        variables,
        coords={
            "model": list(models),
            "asset": list(bars.assets),
            "side": list(SIDES),
            "level": list(LEVELS),
            "leverage": list(LEVERAGES),
            "origin": plan.origins.astype("datetime64[s]").astype("datetime64[ns]"),
            "group": np.arange(len(EDGES) + 1),
        },
        attrs={
            "schema": SCHEMA,
            "title": "stresslab backtest",
            "horizon": duration_text(plan.horizon // 60),
            "every": duration_text(plan.every // 60),
            "overlapping": int(plan.overlapping),
            "skipped_origins": plan.skipped,
            "maintenance_rate": MAINTENANCE_RATE,
            "interval_block_days": BLOCK_DAYS,
            "group_edges": EDGES,
            "seed": SEED,
            "models": "; ".join(f"{name}: {model.summary}" for name, model in models.items()),
            "findings": "\n".join(str(finding) for history in histories for finding in history.findings),
            "histories": "; ".join(f"{history.asset}: sha256 {history.sha256}" for history in histories),
            "version": stresslab.__version__,
        },
    )


def _named(dims: tuple[str, ...], values: object, unit: str, text: str) -> tuple[object, ...]:
    return dims, values, {"units": unit, "description": text}
