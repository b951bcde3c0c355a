"""The page on validation: sampling error of the headline numbers, closed forms, and the error of the time grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from stresslab.measures.first_passage import first_passage_probability
from stresslab.report.blocks import Block, Cell, Column, Page, Table, table, text
from stresslab.report.charts.collateral import pool_title
from stresslab.report.charts.loss import LEVEL
from stresslab.report.formatting import NOTHING, Estimate, count, money, number, percent, probability, scientific
from stresslab.report.limitations import limitations
from stresslab.report.review import BOOKED, Review, label

TITLE = "Validation"
_ANY = "account_liquidation_probability"
_DAYS_PER_YEAR = 365.0
_LEAST_VARIANCE = 9.0
"""Least n p (1 - p) at which a deviation is counted in standard errors: below, a binomial is far from normal."""
_CHANCE = 0.05
_NEVER = 1e-12
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Passage:
    """A pool of one position: what was simulated beside the first passage of a Brownian motion.

    Parameters
    ----------
    configuration, pool : str
        Where it stands.
    simulated : Estimate
        Probability of liquidation with its Wilson interval.
    brownian : float
        Closed form (METHODS M11), 0 to 1.
    deviation : float
        Simulated less Brownian in standard errors of the count under the closed form; NaN where too few paths, or too
        many, are liquidated for it to be near normal.
    """

    configuration: str
    pool: str
    simulated: Estimate
    brownian: float
    deviation: float

    @property
    def side(self) -> int:
        """+1 where the simulated interval lies above the closed form, -1 below, 0 where it holds it."""
        if self.simulated.lower > self.brownian:
            return 1
        return -1 if self.simulated.upper < self.brownian else 0


def validation_page(review: Review, appendix: list[Table]) -> Page:
    """What tells whether the numbers can be trusted, from the dataset alone."""
    found = passages(review)
    blocks: list[Block] = [
        text(sampling_finding(review), "finding"),
        table(sampling_table(review), appendix),
        text(passage_finding(review, found)),
    ]
    if found:
        blocks.append(table(passage_table(review, found), appendix))
    (grid,) = (one for one in limitations(review) if one.title in _GRID)
    blocks.append(text(f"{grid.title}. {grid.text} {_error_of_grid(review, grid.bias)}"))
    return Page(TITLE, blocks)


_GRID = (
    "Error of the time grid",
    "Liquidation is tested at the ends of steps only",
    "Lows and highs are those of the file",
)


def _error_of_grid(review: Review, bias: str) -> str:
    pools = [(name, pool) for name in review.configurations for pool in review.pools(name)]
    several = sum(len(_underlyings(review, *one)) > 1 for one in pools)
    told = f"Of {count(len(pools))} pools, counted in every configuration, {count(several) if several else 'none'}"
    return f"{told} {'is' if several == 1 else 'are'} on several prices. Bias: {bias[0].lower()}{bias[1:]}"


def _underlyings(review: Review, configuration: str, pool: str) -> set[str]:
    return {str(review.array("underlying", position=one)) for one in review.members(configuration, pool)}


def sampling_finding(review: Review) -> str:
    """How large the sampling error of the headline numbers as booked is beside them; without the final period."""
    parts = []
    for name, what in ((_ANY, "P(any pool liquidated)"), ("expected_shortfall", "the expected shortfall 97.5 %")):
        where = {"level": LEVEL} if name == "expected_shortfall" else {}
        found = review.estimate(name, configuration=BOOKED, **where)
        size = _error(found)
        if found.value > 0.0 and size > 0.0:
            parts.append(f"{percent(size / found.value, 2)} of {what}")
    if not parts:
        return f"On {count(review.paths)} paths no headline number as booked has a sampling error that can be stated"
    return (
        f"On {count(review.paths)} paths the standard error as booked is {' and '.join(parts)}; four times the paths "
        "would halve it"
    )


def sampling_table(review: Review) -> Table:
    """One row a configuration: each headline number, its standard error, and the error in relation to the number."""
    rows: list[list[Cell]] = []
    for configuration in review.configurations:
        row: list[Cell] = [label(configuration)]
        chance = review.estimate(_ANY, configuration=configuration)
        row.append(review.chance(_ANY, configuration)[0])
        row += _in_points(chance, review.paths) if 0.0 < chance.value < 1.0 else [NOTHING, NOTHING]
        for name, where in (("expected_loss", {}), ("expected_shortfall", {"level": LEVEL})):
            found = review.estimate(name, configuration=configuration, **where)
            size = _error(found)
            row.append("none" if found.value == 0.0 else money(found.value))
            row.append(_relative(found, size, money(size)) if size > 0.0 else NOTHING)
        rows.append(row)
    return Table(
        f"Sampling error of the headline numbers; amounts in {review.currency}",
        (
            Column("Configuration", "left", 1.0),
            Column("P(any pool\nliquidated)", "right"),
            Column("Standard\nerror, points", "right"),
            Column("Paths for\n1 % of it", "right"),
            Column("Expected\nloss", "right"),
            Column("Standard\nerror", "right"),
            Column("Shortfall\n97.5 %", "right"),
            Column("Standard\nerror", "right"),
        ),
        rows,
        note="Half the width of the 95 % interval over 1.96, and beneath it the same in percent of the number. “Paths "
        "for 1 % of it”: at which the standard error is one hundredth of the probability. A dash: no path, or every "
        "path, was hit.",
    )


def _error(estimate: Estimate) -> float:
    return (estimate.upper - estimate.lower) / (2.0 * _NORMAL.inv_cdf(0.975))


def _in_points(chance: Estimate, paths: int) -> list[Cell]:
    size = _error(chance)
    needed = paths * (100.0 * size / chance.value) ** 2
    return [_relative(chance, size, number(100.0 * size, 2)), count(float(f"{needed:.2g}"))]


def _relative(found: Estimate, size: float, written: str) -> tuple[str, str]:
    return written, f"{percent(size / abs(found.value), 2)}" if found.value else ""


def not_exact(review: Review) -> list[str]:
    """What this run adds to Brownian motion at constant volatility; empty where the closed form is its exact answer."""
    market, question = review.resolved["market"], review.resolved
    stress = market["stress"] or {}
    model = str(review.results.attrs["model"])
    named = {
        f"the model {model}": model != "gbm",
        "a gap": stress.get("gap_time") is not None,
        "a condition on the prices": stress.get("condition") is not None,
        "volatility that follows the week": market.get("seasonality") is not None,
        "funding": market["funding"] is not None,
        "market impact": question["liquidation_impact"] is not None,
        "auto-deleveraging": question["auto_deleveraging"] is not None,
        "a test at the ends of steps only": str(review.results.attrs["bridge"]) == "none",
    }
    return [name for name, there in named.items() if there]


def passages(review: Review) -> list[Passage]:
    """Pools of one position on which nothing acts, each amount of collateral once, the likeliest first.

    Returns
    -------
    list of Passage
        Empty where prices are the user's own paths, or the venue changes its rules on the way. Pools that are
        liquidated at the start, or that no price liquidates, are not among them, nor are those under tiers that are
        not marginal, which a price on either side may liquidate.
    """
    if str(review.results.attrs["model"]) == "paths" or review.resolved.get("venue_stress") is not None:
        return []
    seen: set[tuple[str, float]] = set()
    found = []
    for configuration in review.configurations:
        if configuration in review.acting:
            continue
        for pool in review.pools(configuration):
            members = review.members(configuration, pool)
            key = (members[0], review.value("collateral", configuration=configuration, pool=pool))
            if len(members) > 1 or key in seen:
                continue
            chance = brownian(review, configuration, members[0])
            if chance is None:
                continue
            seen.add(key)
            simulated = review.estimate("liquidation_probability", configuration=configuration, pool=pool)
            variance = review.paths * chance * (1.0 - chance)
            near_normal = variance >= _LEAST_VARIANCE
            deviation = review.paths * (simulated.value - chance) / math.sqrt(variance) if near_normal else math.nan
            found.append(Passage(configuration, pool, simulated, chance, deviation))
    return sorted(found, key=lambda one: -one.simulated.value)


def brownian(review: Review, configuration: str, position: str) -> float | None:
    """P(a Brownian log price reaches the liquidation price within the horizon) of a position alone in its pool.

    Parameters
    ----------
    review : Review
        Of the run; volatility with the overlay's factor.
    configuration, position : str
        Where it stands.

    Returns
    -------
    float or None
        In [0, 1]; None where there is no such price, or several.
    """
    resolved = review.resolved
    held = {each["id"]: each for each in resolved["book"]["positions"]}[position]
    symbol = resolved["venue"]["symbols"].get(held["symbol"])
    price = review.value("liquidation_price", configuration=configuration, position=position)
    asset = str(review.array("underlying", position=position))
    volatility = review.value("volatility", asset=asset) * (resolved["market"]["stress"] or {}).get(
        "volatility_factor", 1.0
    )
    if held["is_collateral"] or symbol is None or symbol["rules"]["tier_rule"] != "marginal":
        return None
    pool = review.pool_of(configuration, position)
    if math.isnan(price) or not volatility > 0.0 or review.liquidated_at_start(configuration, pool):
        return None
    fall = math.log(review.value("mark_price", position=position) / price)
    side = 1.0 if fall > 0.0 else -1.0
    drift = review.value("drift", asset=asset) - 0.5 * volatility**2
    years = float(review.results.attrs["horizon_days"]) / _DAYS_PER_YEAR
    return first_passage_probability(side * fall, side * drift, volatility, years)


def passage_finding(review: Review, found: Sequence[Passage]) -> str:
    """What the closed form says of the simulation, or of its model; a whole sentence."""
    if not found:
        return (
            "No pool of this run has a closed form to be held against: that takes a pool of one position under "
            "marginal tiers, on which nothing acts and which a price within reach liquidates."
        )
    pools = f"{count(len(found))} pool{'' if len(found) == 1 else 's'} of one position"
    other = not_exact(review)
    if other:
        above, below = (sum(one.side == side for one in found) for side in (1, -1))
        parts = [(above, "likelier"), (below, "less likely"), (len(found) - above - below, "not told apart")]
        told = ", ".join(f"{word} for {count(number)}" for number, word in parts if number)
        comma = "," if "," in told else ""
        return (
            f"Against Brownian motion of the same volatility, liquidation is {told}{comma} of {pools}. The run has "
            f"{', '.join(other)} on top, so this is a comparison and no check: the closed form is exact only under "
            "Brownian motion at constant volatility, without jumps."
        )
    checks = [one for one in found if not math.isnan(one.deviation)]
    if not checks:
        return (
            f"The closed form, exact for this model, stands beside {pools}; on {count(review.paths)} paths too few, or "
            "too many, are liquidated to count a deviation in standard errors."
        )
    worst = max(checks, key=lambda one: abs(one.deviation))
    bound = allowed(len(checks))
    agrees = "agrees with" if abs(worst.deviation) <= bound else "does not agree with"
    lies = "within" if abs(worst.deviation) <= bound else "beyond"
    return (
        f"The simulation {agrees} the closed form, which is exact for this model: the largest deviation over "
        f"{count(len(checks))} check{'' if len(checks) == 1 else 's'} is {number(abs(worst.deviation), 2)} standard "
        f"errors ({pool_title(worst.configuration, worst.pool)}), {lies} the {number(bound)} that chance alone exceeds "
        f"in at most {percent(_CHANCE, 1)} of runs."
    )


def allowed(checks: int) -> float:
    """Standard errors that the largest of so many deviations exceeds by chance in at most 5 % of runs (Bonferroni)."""
    return _NORMAL.inv_cdf(1.0 - _CHANCE / (2.0 * checks))


def passage_table(review: Review, found: Sequence[Passage]) -> Table:
    """One row a pool: simulated with its interval, closed form, and the deviation or the ratio."""
    exact = not not_exact(review)
    rows: list[list[Cell]] = []
    for one in found:
        apart = NOTHING
        if exact:
            apart = number(one.deviation, 2)
        elif one.simulated.value > 0.0 and one.brownian > _NEVER:
            apart = number(one.simulated.value / one.brownian)
        rows.append(
            [
                (one.pool, label(one.configuration)),
                probability(one.simulated, review.paths),
                _closed(one.brownian),
                apart,
            ]
        )
    return Table(
        f"Probability of liquidation within {review.horizon}: simulated, and the first passage of Brownian motion",
        (
            Column("Pool, configuration", "left", 1.0),
            Column("Simulated", "right"),
            Column("Closed form", "right"),
            Column("Deviation,\nstandard errors" if exact else "Simulated over\nclosed form", "right"),
        ),
        rows,
        note="From mark to liquidation price, watched without a break, with the market’s drift and volatility. Pools "
        "share paths, so their deviations go together; equal collateral stands once.",
    )


def _closed(chance: float) -> str:
    if chance < _NEVER:
        return f"< {_NEVER:g}"
    return percent(chance) if chance >= 1e-4 else scientific(chance)
