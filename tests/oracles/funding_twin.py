"""A twin of funding on the path: scores of premiums step by step, and the rate of each settlement (M10, M46)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from stresslab.market.premium import PremiumLaw
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
        row = []
        shared = normals(scenario, "funding of all", path, index)
        for asset, (name, premium) in enumerate(zip(market.assets, funding.premiums, strict=True)):
            alone = normals(scenario, f"funding:{name}", path, index)
            mixed = [
                math.sqrt(1.0 - funding.own_correlation) * one + math.sqrt(funding.own_correlation) * all_
                for one, all_ in zip(alone, shared, strict=True)
            ]
            trend = (float(market.drifts[asset]) - 0.5 * float(market.volatilities[asset]) ** 2) * scenario.step / 365
            price = (step.end[asset] - step.start[asset] - trend) / math.sqrt(step.covariance[asset][asset])
            fast, slow = premium.price_correlation, premium.slow_price_correlation
            first = math.sqrt(1.0 - fast * fast)
            # The slow draw leans on the fast one's own draw so far that the two are uncorrelated.
            lean = -fast * slow / first
            draws = (
                fast * price + first * mixed[0],
                slow * price + lean * mixed[0] + math.sqrt(1.0 - slow * slow - lean * lean) * mixed[1],
            )
            for place, half_life in enumerate((premium.half_life, premium.slow_half_life)):
                keep = 0.5 ** (scenario.step / half_life)
                parts[asset][place] = parts[asset][place] * keep + math.sqrt(1.0 - keep * keep) * draws[place]
            share = premium.slow_share
            score = math.sqrt(1.0 - share) * parts[asset][0] + math.sqrt(share) * parts[asset][1]
            size = premium_of(premium.law, score)
            toward = min(max(funding.interest_rate - size, -funding.clamp), funding.clamp)
            row.append(min(max(size + toward, -funding.cap), funding.cap))
        rates.append(None if (index + 1) % every else row)
    return rates


def normals(scenario: Scenario, stream: str, path: int, index: int) -> list[float]:
    """Two standard normal draws of a stream."""
    return [NormalDist().inv_cdf(u) for u in uniforms(scenario.seed, stream, path, index)]
