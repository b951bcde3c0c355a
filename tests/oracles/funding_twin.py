"""A twin of funding on the path: scores of premiums step by step, and the rate of each settlement (M10, M46)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from stresslab.market.premium import Premium, PremiumLaw
from stresslab.scenario.scenario import Scenario
from tests.oracles.twin import Step, uniforms


def premium_of(law: PremiumLaw, score: float) -> float:
    """Straight between two scores, with a tail of its own on each side."""
    if score < law.low_score:
        beyond = law.low_score - score
        return law.low_premium - law.low_scale * beyond * math.exp(0.5 * law.low_tail * beyond**2)
    if score > law.high_score:
        beyond = score - law.high_score
        return law.high_premium + law.high_scale * beyond * math.exp(0.5 * law.high_tail * beyond**2)
    if law.low_score == law.high_score:
        return law.low_premium
    part = (score - law.low_score) / (law.high_score - law.low_score)
    return law.low_premium + part * (law.high_premium - law.low_premium)


def funding_rates(scenario: Scenario, steps: Sequence[Step], path: int) -> list[list[float] | None]:
    """Rate of every asset at the end of each step; None where nothing settles."""
    funding, market = scenario.market.funding, scenario.market
    if funding is None:
        return [None] * len(steps)
    every = round(funding.interval / scenario.step)
    parts = [[0.0, 0.0] for _ in market.assets]
    rates: list[list[float] | None] = []
    for index, step in enumerate(steps):
        settles = (index + 1) % every == 0
        row = []
        shared = normals(scenario, "funding of all", path, index) if settles else []
        for asset, (name, premium) in enumerate(zip(market.assets, funding.premiums, strict=True)):
            trend = (float(market.drifts[asset]) - 0.5 * float(market.volatilities[asset]) ** 2) * scenario.step / 365
            price = (step.end[asset] - step.start[asset] - trend) / math.sqrt(step.covariance[asset][asset])
            leaning = (premium.price_correlation, premium.slow_price_correlation)
            for place, half_life in enumerate((premium.half_life, premium.slow_half_life)):
                keep = 0.5 ** (scenario.step / half_life)
                added = math.sqrt(1.0 - keep * keep) * leaning[place] * price
                parts[asset][place] = parts[asset][place] * keep + added
            if not settles:
                continue
            alone = normals(scenario, f"funding:{name}", path, index)
            mixed = [
                math.sqrt(1.0 - funding.own_correlation) * one + math.sqrt(funding.own_correlation) * all_
                for one, all_ in zip(alone, shared, strict=True)
            ]
            of_fast, across, of_slow = own_part(premium, scenario.step, every)
            parts[asset][0] += of_fast * mixed[0]
            parts[asset][1] += across * mixed[0] + of_slow * mixed[1]
            share = premium.slow_share
            score = math.sqrt(1.0 - share) * parts[asset][0] + math.sqrt(share) * parts[asset][1]
            size = premium_of(premium.law, score)
            toward = min(max(funding.interest_rate - size, -funding.clamp), funding.clamp)
            row.append(min(max(size + toward, -funding.cap), funding.cap))
        rates.append(row if settles else None)
    return rates


def own_part(premium: Premium, step: float, every: int) -> tuple[float, float, float]:
    """Cholesky factor of what the own draws of every step of an interval add to the fast and the slow part."""
    keeps = [0.5 ** (step / half_life) for half_life in (premium.half_life, premium.slow_half_life)]
    a, b = premium.price_correlation, premium.slow_price_correlation
    # Covariance of one step's own draws: what the price leaves, so that both parts' draws are uncorrelated in all.
    one = ((1.0 - a * a, -a * b), (-a * b, 1.0 - b * b))
    scales = [math.sqrt(1.0 - keep * keep) for keep in keeps]
    total = [
        [one[i][j] * scales[i] * scales[j] * sum((keeps[i] * keeps[j]) ** ago for ago in range(every)) for j in (0, 1)]
        for i in (0, 1)
    ]
    first = math.sqrt(total[0][0])
    across = total[0][1] / first
    return first, across, math.sqrt(max(0.0, total[1][1] - across * across))


def normals(scenario: Scenario, stream: str, path: int, index: int) -> list[float]:
    """Two standard normal draws of a stream."""
    return [NormalDist().inv_cdf(u) for u in uniforms(scenario.seed, stream, path, index)]
