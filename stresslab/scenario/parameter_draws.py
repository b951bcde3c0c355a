"""Markets drawn around a calibration: the same question with figures that its standard errors allow (METHODS M50)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from stresslab.documents.faults import Fault, InputError
from stresslab.market.models import MODELS
from stresslab.market.specification import MarketSpecification
from stresslab.scenario.scenario import Scenario

_SEED = 20260930
_TRIES = 100


def drawn_markets(scenario: Scenario, count: int) -> tuple[tuple[Scenario, ...], tuple[str, ...]]:
    """The scenario under figures drawn from the standard errors that its calibration states.

    Positive figures (volatilities, and the model's own where they are positive) are lognormal around the estimate with
    its standard error; what may be zero or negative is normal. Correlations move by one factor on Fisher's scale for
    each pair, and the nearest valid matrix is taken. Figures are drawn independently of each other: where their errors
    hang together, as those of two volatilities do, the spread of a book that is long both is understated. What the
    scenario states itself is not drawn.

    Parameters
    ----------
    scenario : Scenario
        With a calibration that states standard errors.
    count : int
        Number of draws, at least 1.

    Returns
    -------
    tuple of tuple of Scenario and tuple of str
        One a draw; and the names of the figures that were drawn.

    Raises
    ------
    InputError
        If no calibration is named, it states no standard error for what the scenario uses, or no draw is allowed.
    """
    text = scenario.documents.get("calibration")
    if text is None:
        raise _refusal("the market has no calibration, so nothing says how sure its figures are")
    file = tomllib.loads(text)
    history: Mapping[str, Any] = file.get("history", {})
    stated: Mapping[str, Any] = history.get("standard_errors", {})
    market = scenario.market
    errors = _volatility_errors(market, file)
    own = _own_errors(market, file, stated)
    matrix = _correlation_errors(market, file, stated)
    if not errors.any() and not own and matrix is None:
        raise _refusal("the calibration states no standard errors of figures that the scenario uses")
    names = (
        *(["volatility"] if errors.any() else []),
        *sorted(own),
        *(["correlation"] if matrix is not None else []),
    )
    generator = np.random.default_rng([_SEED, scenario.seed % 2**32])
    drawn = [_drawn(market, errors, own, matrix, generator) for _ in range(count)]
    return tuple(replace(scenario, market=each) for each in drawn), names


def _refusal(problem: str) -> InputError:
    remedy = "name a calibration of `stresslab calibrate`, which states standard errors"
    return InputError([Fault("SCENARIO", 1, 1, problem, remedy)])


def _volatility_errors(market: MarketSpecification, file: Mapping[str, Any]) -> NDArray[np.float64]:
    """Standard errors of the volatilities that come from the calibration, [asset]; 0 where the scenario states one."""
    places = file.get("history", {}).get("assets", {})
    found = np.zeros(len(market.assets))
    for row, asset in enumerate(market.assets):
        fitted = file.get("assets", {}).get(asset, {}).get("volatility")
        error = places.get(asset, {}).get("volatility_standard_error") if isinstance(places, Mapping) else None
        if isinstance(error, int | float) and fitted is not None and np.isclose(market.volatilities[row], fitted):
            found[row] = error
    return found


def _own_errors(market: MarketSpecification, file: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Standard errors of the model's own figures that come from the calibration, by name."""
    if file["model"] != market.model:
        return {}
    fitted = file.get("parameters", {})
    return {
        key: error
        for key, error in stated.items()
        if key in market.extra and key in fitted and _same(market.extra[key], fitted[key])
    }


def _same(used: Any, fitted: Any) -> bool:
    """Whether a figure of the market is the calibration's; of a figure by asset, whether all of them are."""
    if isinstance(used, Mapping) and isinstance(fitted, Mapping):
        return used.keys() == fitted.keys() and all(_same(each, fitted[name]) for name, each in used.items())
    numbers = isinstance(used, int | float) and isinstance(fitted, int | float)
    return bool(np.isclose(used, fitted)) if numbers else bool(used == fitted)


def _correlation_errors(
    market: MarketSpecification, file: Mapping[str, Any], stated: Mapping[str, Any]
) -> NDArray[np.float64] | None:
    """Standard errors of the correlations, [asset, asset], where the calibration's matrix is the market's."""
    table, spread = file.get("correlation"), stated.get("correlation")
    # A model that draws whole bars takes their own correlation.
    if table is None or spread is None or market.history is not None or len(market.assets) < 2:
        return None
    order = [table["assets"].index(asset) if asset in table["assets"] else -1 for asset in market.assets]
    if min(order) < 0 or np.shape(spread) != np.shape(table["matrix"]):
        return None
    chosen = np.ix_(order, order)
    if not np.allclose(np.array(table["matrix"])[chosen], market.correlation):
        return None
    return np.asarray(np.array(spread, dtype=np.float64)[chosen])


def _drawn(
    market: MarketSpecification,
    errors: NDArray[np.float64],
    own: Mapping[str, Any],
    matrix: NDArray[np.float64] | None,
    generator: np.random.Generator,
) -> MarketSpecification:
    for _ in range(_TRIES):
        volatilities = _around(market.volatilities, errors, generator)
        extra = {**market.extra, **{key: _own(market, key, error, generator) for key, error in own.items()}}
        try:
            MODELS[market.model].parameters.model_validate(extra)
        except ValidationError:
            continue
        correlation = market.correlation if matrix is None else _correlation(market.correlation, matrix, generator)
        return replace(market, volatilities=volatilities, correlation=correlation, extra=extra)
    raise _refusal(f"none of {_TRIES} draws lies in the ranges of {market.model}, so unsure are its figures")


def _around(
    values: NDArray[np.float64], errors: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Lognormal with mean the values where they are positive, else normal."""
    normal = generator.standard_normal(values.shape)
    positive = values > 0.0
    spread = np.sqrt(np.log1p((errors / np.where(positive, values, 1.0)) ** 2))
    return np.where(positive, values * np.exp(spread * normal - 0.5 * spread**2), values + errors * normal)


def _own(market: MarketSpecification, key: str, error: Any, generator: np.random.Generator) -> Any:
    value = market.extra[key]
    if isinstance(value, Mapping):
        by_asset = error if isinstance(error, Mapping) else dict.fromkeys(value, error)
        names: Sequence[str] = list(value)
        found = _around(
            np.array([value[name] for name in names], dtype=np.float64),
            np.array([by_asset.get(name, 0.0) for name in names], dtype=np.float64),
            generator,
        )
        return dict(zip(names, found.tolist(), strict=True))
    if not isinstance(value, int | float) or not isinstance(error, int | float):
        return value
    return float(_around(np.array(float(value)), np.array(float(error)), generator))


def _correlation(
    matrix: NDArray[np.float64], errors: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    from stresslab.calibration.correlation import nearest_correlation

    above = np.triu_indices(len(matrix), 1)
    # On Fisher's scale a standard error of r is larger by 1 / (1 - r^2), and no draw leaves (-1, 1).
    inside = np.clip(matrix[above], -0.999, 0.999)
    moved = np.tanh(np.arctanh(inside) + errors[above] / (1.0 - inside**2) * generator.standard_normal(len(inside)))
    drawn = np.eye(len(matrix))
    drawn[above] = moved
    drawn[above[::-1]] = moved
    # As far from singular as the stated one was, or a little.
    floor = min(1e-4 * len(matrix), float(np.linalg.eigvalsh(matrix)[0]))
    return nearest_correlation(drawn, floor=max(floor, 0.0))[0]
