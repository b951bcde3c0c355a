"""Calm and stress from daily returns: a hidden Markov chain of two states, by expectation and maximization."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.correlation import nearest_correlation
from stresslab.calibration.estimate import Estimate, jackknife_errors

_DAYS_A_YEAR = 365
_GROUPS = 40
_FLOOR_PER_ASSET = 1e-4
_MOST_ITERATIONS = 500
_TOLERANCE = 1e-6
# A chain that forgets its state within a day cannot be told from independent days.
_LEAST_MEMORY = 1e-3
_FEW_STRESS_DAYS = 30


@dataclass(frozen=True)
class Chain:
    """Two states of daily returns; state 1 is stress.

    Parameters
    ----------
    enter, leave : float
        Probability a day of passing from calm to stress and back, in (0, 1).
    covariances : numpy.ndarray
        Of daily log returns, [state, asset, asset].
    stress_days : float
        Expected number of days in stress, of those with a return of every asset.
    """

    enter: float
    leave: float
    covariances: NDArray[np.float64]
    stress_days: float


def estimate_regimes(returns: NDArray[np.float64]) -> tuple[Estimate, Estimate, tuple[str, ...]]:
    """Fit the model ``regimes`` to daily returns (METHODS M45).

    The chain is looked at once a day and both covariances are free while it is fitted [Baum, Petrie, Soules and Weiss
    1970; the scaled recursions]. Then the model's own form is read off: calm and stress volatilities, the calm
    correlation, and the share by which stress moves every correlation towards one, by least squares over the pairs.
    The lengths of the spells are those of the chain in continuous time that has these probabilities a day. Means are
    held at the sample's. A day on which an asset lacks a return tells nothing; the chain passes over it.

    Parameters
    ----------
    returns : numpy.ndarray
        Daily log returns, [day, asset]; NaN where missing.

    Returns
    -------
    tuple
        The figures (volatilities and correlation are those of calm); one standard error of each, by the jackknife
        over 40 blocks of consecutive days; remarks.
    """
    centered = returns - np.nanmean(returns, axis=0)
    chain = fit_chain(centered)
    estimate = _estimate(chain)
    replicates = []
    for group in np.array_split(np.arange(len(returns)), min(_GROUPS, len(returns))):
        sample = centered.copy()
        sample[group] = np.nan
        replicates.append(_estimate(fit_chain(sample, chain)))
    errors = jackknife_errors(estimate, replicates)
    return estimate, errors, _remarks(chain)


def fit_chain(centered: NDArray[np.float64], start: Chain | None = None) -> Chain:
    """The likeliest chain of two states with normal returns.

    Parameters
    ----------
    centered : numpy.ndarray
        Returns less their means, [day, asset]; a row with a NaN tells nothing.
    start : Chain, optional
        Where the search begins; default: stress on the fifth of days whose surroundings move most.

    Returns
    -------
    Chain
        State 1 is the one of the larger determinant of the covariance.
    """
    there = ~np.isnan(centered).any(axis=1)
    rows = centered[there]
    chain = start or _start(rows)
    former = -np.inf
    for _ in range(_MOST_ITERATIONS):
        densities = np.zeros((len(centered), 2))
        densities[there] = np.stack([_log_density(rows, covariance) for covariance in chain.covariances], axis=1)
        states, passages, likelihood = _smoothed(densities, chain.enter, chain.leave)
        weights = states[there]
        covariances = np.stack([(rows * weights[:, [k]]).T @ rows / weights[:, k].sum() for k in range(2)])
        covariances += _ridge(rows)
        chain = Chain(
            enter=float(np.clip(passages[0, 1] / passages[0].sum(), 1e-6, 1.0 - 1e-6)),
            leave=float(np.clip(passages[1, 0] / passages[1].sum(), 1e-6, 1.0 - 1e-6)),
            covariances=covariances,
            stress_days=float(weights[:, 1].sum()),
        )
        if likelihood - former < _TOLERANCE * max(1.0, abs(likelihood)):
            break
        former = likelihood
    calm, stress = (np.linalg.slogdet(covariance)[1] for covariance in chain.covariances)
    if stress >= calm:
        return chain
    return Chain(chain.leave, chain.enter, chain.covariances[::-1], len(rows) - chain.stress_days)


def _start(rows: NDArray[np.float64]) -> Chain:
    size = np.abs(rows / rows.std(axis=0)).mean(axis=1)
    around = np.convolve(size, np.full(5, 0.2), mode="same")
    stress = around > np.quantile(around, 0.8)
    covariances = np.stack([rows[chosen].T @ rows[chosen] / chosen.sum() for chosen in (~stress, stress)])
    return Chain(0.05, 0.2, covariances + _ridge(rows), float(stress.sum()))


def _ridge(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keeps a state's covariance definite where its days are few or an asset copies another."""
    return np.asarray(np.diag(1e-6 * rows.var(axis=0)))


def _log_density(rows: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    factor = np.linalg.cholesky(covariance)
    standard = np.linalg.solve(factor, rows.T)
    return np.asarray(-0.5 * (standard**2).sum(axis=0) - np.log(np.diag(factor)).sum())


def _smoothed(
    log_densities: NDArray[np.float64], enter: float, leave: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Probabilities of the states, [day, state]; expected passages, [from, to]; log likelihood up to a constant."""
    days = len(log_densities)
    top = log_densities.max(axis=1)
    calm, stress = np.exp(log_densities - top[:, None]).T.tolist()
    share = enter / (enter + leave)
    before: list[tuple[float, float]] = []
    scales: list[float] = []
    prior_calm, prior_stress = 1.0 - share, share
    for day in range(days):
        now_calm, now_stress = prior_calm * calm[day], prior_stress * stress[day]
        scale = now_calm + now_stress
        now_calm, now_stress = now_calm / scale, now_stress / scale
        before.append((now_calm, now_stress))
        scales.append(scale)
        prior_calm = now_calm * (1.0 - enter) + now_stress * leave
        prior_stress = now_calm * enter + now_stress * (1.0 - leave)
    after: list[tuple[float, float]] = [(1.0, 1.0)] * days
    later_calm = later_stress = 1.0
    for day in range(days - 2, -1, -1):
        next_calm = calm[day + 1] * later_calm / scales[day + 1]
        next_stress = stress[day + 1] * later_stress / scales[day + 1]
        later_calm = (1.0 - enter) * next_calm + enter * next_stress
        later_stress = leave * next_calm + (1.0 - leave) * next_stress
        after[day] = later_calm, later_stress
    forward, backward, scaled = np.array(before), np.array(after), np.array(scales)
    arriving = np.stack([calm, stress], axis=1)[1:] * backward[1:] / scaled[1:, None]
    passages = forward[:-1].T @ arriving * np.array([[1.0 - enter, enter], [leave, 1.0 - leave]])
    return forward * backward, passages, float(np.log(scaled).sum() + top.sum())


def _estimate(chain: Chain) -> Estimate:
    deviations = np.sqrt(np.diagonal(chain.covariances, axis1=1, axis2=2))
    calm, stress = (
        covariance / np.outer(deviation, deviation)
        for covariance, deviation in zip(chain.covariances, deviations, strict=True)
    )
    assets = len(calm)
    above = np.triu_indices(assets, 1)
    room = 1.0 - calm[above]
    shift = float(room @ (stress[above] - calm[above]) / (room @ room)) if assets > 1 and (room @ room) > 0 else 0.0
    symmetric = (calm + calm.T) / 2
    np.fill_diagonal(symmetric, 1.0)
    correlation, repair = nearest_correlation(symmetric, floor=_FLOOR_PER_ASSET * assets)
    share = chain.enter / (chain.enter + chain.leave)
    decay = -np.log(max(1.0 - chain.enter - chain.leave, _LEAST_MEMORY))
    return Estimate(
        volatilities=deviations[0] * np.sqrt(_DAYS_A_YEAR),
        correlation=correlation,
        parameters={
            "calm_days": float(1.0 / (share * decay)),
            "stress_days": float(1.0 / ((1.0 - share) * decay)),
            "stress_correlation": float(np.clip(shift, 0.0, 1.0)),
        },
        repair=repair,
        by_asset={"stress_volatility": deviations[1] * np.sqrt(_DAYS_A_YEAR)},
    )


def _remarks(chain: Chain) -> tuple[str, ...]:
    remarks = []
    if chain.stress_days < _FEW_STRESS_DAYS:
        remarks.append(f"Stress was seen on about {chain.stress_days:.0f} days: its figures stand on few returns.")
    if 1.0 - chain.enter - chain.leave < 0.1:
        remarks.append("States of consecutive days hardly hang together: the regimes describe fat tails, no spells.")
    return tuple(remarks)
