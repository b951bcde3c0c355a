"""How well a fitted model describes its own history: what is left of the returns when the model has had its say."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.bar_fitting import BAR_MODELS, aligned_returns
from stresslab.calibration.fitting import Calibration
from stresslab.calibration.garch_fit import garch_variances
from stresslab.calibration.returns import daily_returns
from stresslab.market.component_filter import filtered_parts
from stresslab.market.component_history import chosen_parts
from stresslab.measures.backtesting import independence, uniformity
from stresslab.results import saving
from stresslab.results.output_folder import output_folder, write_manifest

if TYPE_CHECKING:
    import xarray as xr

LAGS = 24
_PROBABILITIES = np.array([0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999])
_BINS = 10
_THRESHOLDS = np.linspace(0.5, 8.0, 31)

Law = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def diagnose(calibration: Calibration) -> xr.Dataset:
    """Residuals of a fit against the law that the model gives them.

    A residual is a return over the deviation that the model expected: of a bar for models whose unit is the bar, of a
    day for the others. Where the law of a residual has a closed form (normal for ``gbm``; Student-t of variance 1 for
    ``student_t``, ``copula_t`` and ``garch``) its distribution is compared; models that draw their residuals from
    history, and those with jumps, regimes or stochastic volatility, have none.

    Parameters
    ----------
    calibration : Calibration
        From `stresslab.calibrate`.

    Returns
    -------
    xarray.Dataset
        By ``asset``: quantiles of residuals and of their law, density of probability integral transforms with the
        p-value of Kolmogorov and Smirnov, autocorrelations of squares of returns and of residuals with p-values of
        Ljung and Box, survival functions of sizes, and volatility by quarter of the year with its standard error.
    """
    import xarray as xr

    values = [_of_asset(calibration, place) for place in range(len(calibration.assets))]
    data = {
        name: (("asset", *dims), np.array([each[name] for each in values]), told) for name, dims, told in _VARIABLES
    }
    quarters, volatility, error = _stability(calibration)
    told = {"long_name": "volatility of the returns of a quarter of a year, a year", "units": "1"}
    data["quarter_volatility"] = (("asset", "quarter"), volatility, told)
    data["quarter_volatility_standard_error"] = (
        ("asset", "quarter"),
        error,
        told | {"long_name": "its standard error"},
    )
    coordinates = {
        "asset": list(calibration.assets),
        "probability": _PROBABILITIES,
        "bin": (np.arange(_BINS) + 0.5) / _BINS,
        "lag": np.arange(1, LAGS + 1),
        "size": _THRESHOLDS,
        "quarter": quarters,
    }
    unit = "bar" if calibration.model in BAR_MODELS else "day"
    attributes = {
        "title": f"diagnostics of {calibration.model}",
        "model": calibration.model,
        "unit": unit,
        "since": str(calibration.since),
        "until": str(calibration.until),
        "histories": "; ".join(f"{each.asset}: sha256 {each.sha256}" for each in calibration.histories),
    }
    return xr.Dataset(data, coordinates, attributes)


_ONE = {"units": "1"}
_VARIABLES: tuple[tuple[str, tuple[str, ...], dict[str, str]], ...] = (
    ("residuals", (), _ONE | {"long_name": "number of residuals"}),
    ("residual_quantile", ("probability",), _ONE | {"long_name": "quantiles of residuals, in deviations"}),
    ("law_quantile", ("probability",), _ONE | {"long_name": "the same under the model's law; missing without one"}),
    ("transform_density", ("bin",), _ONE | {"long_name": "density of probability integral transforms, 1 if right"}),
    ("uniformity_p_value", (), _ONE | {"long_name": "p-value of Kolmogorov-Smirnov of the transforms"}),
    ("square_autocorrelation_before", ("lag",), _ONE | {"long_name": "autocorrelation of squared returns"}),
    ("square_autocorrelation_after", ("lag",), _ONE | {"long_name": "autocorrelation of squared residuals"}),
    ("independence_p_value_before", (), _ONE | {"long_name": "p-value of Ljung-Box, 24 lags, squared returns"}),
    ("independence_p_value_after", (), _ONE | {"long_name": "p-value of Ljung-Box, 24 lags, squared residuals"}),
    ("survival", ("size",), _ONE | {"long_name": "share of residuals at least so large, either side"}),
    ("law_survival", ("size",), _ONE | {"long_name": "the same under the model's law; missing without one"}),
)


def _of_asset(calibration: Calibration, place: int) -> dict[str, object]:
    returns, residuals = _residuals(calibration, place)
    law = _law(calibration, place)
    found: dict[str, object] = {
        "residuals": len(residuals),
        "residual_quantile": np.quantile(residuals, _PROBABILITIES),
        "square_autocorrelation_before": _autocorrelation(returns**2),
        "square_autocorrelation_after": _autocorrelation(residuals**2),
        "independence_p_value_before": independence(returns**2, LAGS)[1],
        "independence_p_value_after": independence(residuals**2, LAGS)[1],
        "survival": (np.abs(residuals)[:, None] >= _THRESHOLDS).mean(axis=0),
        "law_quantile": np.full(len(_PROBABILITIES), np.nan),
        "transform_density": np.full(_BINS, np.nan),
        "uniformity_p_value": math.nan,
        "law_survival": np.full(len(_THRESHOLDS), np.nan),
    }
    if law is not None:
        below, quantile = law
        transforms = below(residuals)
        found["law_quantile"] = quantile(_PROBABILITIES)
        found["transform_density"] = np.histogram(transforms, _BINS, (0.0, 1.0))[0] * _BINS / len(transforms)
        found["uniformity_p_value"] = uniformity(transforms)[1]
        found["law_survival"] = 2.0 * below(-_THRESHOLDS)
    return found


def _residuals(calibration: Calibration, place: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns less their mean, and over what the model expected of them, both [row] without gaps."""
    model, windows = calibration.model, calibration.windows
    if model not in BAR_MODELS:
        whole = daily_returns(calibration.histories, calibration.since, calibration.until).values[:, place]
        returns = whole[~np.isnan(whole)]
        returns = returns - returns.mean()
        return returns, returns / (calibration.estimate.volatilities[place] / math.sqrt(365.0))
    whole = aligned_returns(windows)[:, place]
    returns = whole[~np.isnan(whole)]
    returns = returns - returns.mean()
    deviation = returns.std()
    if model == "bootstrap":
        return returns, returns / deviation
    if model == "component_history":
        bar = windows[place].interval / 60.0
        seen = filtered_parts(returns[:, None], chosen_parts(bar), bar / 1440.0)
        return returns, returns / np.sqrt(seen.variances[:, 0])
    weights = np.array([calibration.estimate.by_asset[key][place] for key in ("alpha", "gamma", "beta")])
    scaled = returns / deviation
    return returns, scaled / np.sqrt(garch_variances(scaled, weights)[:-1])


def _law(calibration: Calibration, place: int) -> tuple[Law, Law] | None:
    """Distribution function and quantiles of a residual, of variance 1; None without a closed form."""
    from scipy.special import ndtr, ndtri, stdtr, stdtrit

    estimate = calibration.estimate
    if calibration.model == "gbm":
        return ndtr, ndtri
    if calibration.model in ("student_t", "garch"):
        degrees = float(estimate.parameters["degrees_of_freedom"])
    elif calibration.model == "copula_t":
        degrees = float(estimate.by_asset["tail_degrees_of_freedom"][place])
    else:
        return None
    scale = math.sqrt(degrees / (degrees - 2.0))

    def below(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(stdtr(degrees, values * scale), dtype=np.float64)

    def quantile(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(stdtrit(degrees, probabilities) / scale, dtype=np.float64)

    return below, quantile


def _autocorrelation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    centered = values - values.mean()
    products = [float(centered[lag:] @ centered[:-lag]) for lag in range(1, LAGS + 1)]
    return np.array(products) / float(centered @ centered)


def _stability(calibration: Calibration) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Volatility of daily returns in each quarter of the window, [asset, quarter], and its error, kurtosis counted."""
    daily = daily_returns(calibration.histories, calibration.since, calibration.until)
    months = daily.days.astype("datetime64[M]").astype(np.int64)
    quarters = months // 3
    names, volatility, error = [], [], []
    for quarter in np.unique(quarters):
        part = daily.values[quarters == quarter]
        count = (~np.isnan(part)).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            centered = part - np.nansum(part, axis=0) / count
            variance = np.nansum(centered**2, axis=0) / (count - 1)
            spread = np.sqrt(np.maximum(np.nansum(centered**4, axis=0) / count - variance**2, 0.0) / count)
            deviation = np.where(count > 20, np.sqrt(variance), np.nan)
            volatility.append(deviation * math.sqrt(365.0))
            error.append(spread / (2.0 * deviation) * math.sqrt(365.0))
        names.append(f"{1970 + quarter // 4}-Q{quarter % 4 + 1}")
    return names, np.array(volatility).T, np.array(error).T


def diagnose_to_folder(calibration: Calibration, out: str | Path) -> xr.Dataset:
    """Diagnose, and leave ``diagnostics.nc``, ``diagnostics.csv``, a figure an asset and ``manifest.json`` in a folder.

    Parameters
    ----------
    calibration : Calibration
        As in `diagnose`.
    out : path
        The folder; it is made new, or replaced where it holds a former run.

    Returns
    -------
    xarray.Dataset
        What `diagnose` gives.

    Raises
    ------
    OutputFolderError
        If the folder holds something that is not a former run, or cannot be written.
    """
    with output_folder(Path(out)) as folder:
        results = diagnose(calibration)
        saving.save(results, folder / "diagnostics.nc")
        one = [name for name, dims, _ in _VARIABLES if not dims]
        results[one].to_dataframe().to_csv(folder / "diagnostics.csv", lineterminator="\n")

        from stresslab.report.charts.diagnosis import figure_diagnosis
        from stresslab.report.style import svg

        for asset in calibration.assets:
            picture = svg(figure_diagnosis(results.sel(asset=asset)))
            (folder / f"diagnostics_{asset}.svg").write_text(picture, encoding="utf-8")
        manifest = {"kind": "diagnostics", "model": calibration.model, "histories": results.attrs["histories"]}
        write_manifest(folder, manifest)
    return results
