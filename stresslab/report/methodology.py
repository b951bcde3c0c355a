"""The method in brief, and the words that two careful people might take differently."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from stresslab.market.models import MODELS
from stresslab.report.formatting import count
from stresslab.report.review import Review

GLOSSARY = (
    ("Pool", "positions that share collateral: one if isolated, several if crossed"),
    ("Configuration", "one way to divide the book into pools, with the collateral of each"),
    ("Equity", "collateral of a pool plus the unrealized pnl of its positions"),
    ("Maintenance margin", "what the venue demands of a position at its notional, tier by tier"),
    ("Surplus", "equity less maintenance margin; at zero the pool is liquidated"),
    ("Margin ratio", "equity over maintenance margin; liquidation at 1"),
    ("Liquidation price", "price of one position at which its pool’s surplus is zero, other marks held still"),
    ("Bankruptcy price", "the same for equity instead of surplus"),
    ("Required collateral", "least collateral with which a pool survives a path, or a share of the paths"),
    ("Idle cash", "money of the wallet in no pool: part of the account’s value, never at risk"),
    ("Account value", "idle cash plus every pool’s equity, none of them below zero"),
    ("Loss", "account value today less that at the horizon; positive when money is lost"),
    ("Expected loss", "mean of the loss where it is positive, zero elsewhere"),
    ("Value at risk", "quantile of the loss at the stated level"),
    ("Expected shortfall", "mean of the losses at and beyond the value at risk"),
    ("Loss given liquidation", "mean loss over the paths, or the pools, that are liquidated"),
    ("Cash used", "largest amount moved in from outside the wallet"),
    ("Insurance draw", "what is missing below zero at liquidation; the venue bears it"),
)


def overlay(attributes: Mapping[str, Any]) -> str:
    """What the scenario does on top of its model, as sentences; empty where it does nothing."""
    market = json.loads(str(attributes["resolved_scenario"]))["market"]
    stress = market.get("stress")
    if stress is None:
        return _season(market)
    parts = []
    if stress["volatility_factor"] != 1.0:
        parts.append(f"volatilities times {stress['volatility_factor']:g}")
    if stress["correlation_shift"] != 0.0:
        parts.append(f"correlations moved towards one by {stress['correlation_shift']:.0%}")
    if stress["jump_rate_factor"] != 1.0:
        parts.append(f"rates of jumps times {stress['jump_rate_factor']:g}")
    if stress["gap_time"] is not None:
        jumps = (
            f"{asset} {math.expm1(size):+.0%}"
            for asset, size in zip(market["assets"], stress["gap_sizes"], strict=True)
        )
        closing = stress.get("gap_half_life")
        closes = "" if closing is None else f", half of its logarithm gone again every {closing:g} days"
        parts.append(f"a gap after {stress['gap_time']:g} days ({', '.join(jumps)}){closes}")
    condition = stress.get("condition")
    if condition is not None:
        parts.append(
            f"every path is drawn given that {condition['asset']} stands at {condition['move']:+.0%} after "
            f"{condition['time']:g} days"
        )
    stressed = f" The market is stressed on top of the model: {'; '.join(parts)}." if parts else ""
    return _season(market) + stressed


def _season(market: Mapping[str, Any]) -> str:
    """How uneven the week is, where it is."""
    seasonality = market.get("seasonality")
    if seasonality is None:
        return ""
    told = []
    for name, key in (("hours of the day", "hours"), ("days of the week", "weekdays")):
        factors = seasonality["profile"][key]
        unit = math.sqrt(sum(factor**2 for factor in factors) / len(factors))
        if max(factors) > min(factors):
            told.append(f"{name} from {min(factors) / unit:.2f} to {max(factors) / unit:.2f}")
    return f" Volatility follows the week (UTC), in units of its mean: {', '.join(told)}." if told else ""


def method(review: Review) -> list[tuple[str, str]]:
    """Headed paragraphs: market, margin, paths, estimators."""
    attributes = review.results.attrs
    model = str(attributes["model"])
    summary = MODELS[model].summary if model in MODELS else f"the model {model}"
    return [
        (
            "Market",
            f"{summary[0].upper()}{summary[1:]}. {count(review.paths)} paths of {review.horizon} in steps of "
            f"{review.step}, from "
            f"today’s prices. A year has 365 days of 24 hours.{overlay(attributes)}",
        ),
        (
            "Margin",
            "One kernel handles every configuration as a set of pools. A pool’s surplus is its collateral plus "
            "profit and loss "
            "since entry less the maintenance requirement under the venue’s tiers; the pool is liquidated when the "
            "surplus "
            "reaches zero, inside a step as well as at its ends, and is frozen from then on.",
        ),
        (
            "Required collateral",
            "Before liquidation nothing depends on the collateral. The largest shortage of a path, the maximum over "
            "time of "
            "requirement less profit and loss, is therefore the least collateral that survives it; its distribution "
            "gives the probability of liquidation for every amount of collateral at once.",
        ),
        (
            "Comparison",
            "All configurations see the same paths. Differences are taken path by path, so that what the paths have "
            "in common "
            "cancels; their intervals are those of the paired difference.",
        ),
        (
            "Intervals",
            "95 % throughout. Probabilities: Wilson, and the one-sided bound 1 − 0.05^(1/n) where none or all of n "
            "paths were hit. "
            "Quantiles: order statistics. Means and shortfalls: normal; of means over "
            "liquidations by the delta method, from ten liquidations on. Survival: a band over the whole curve "
            "(Dvoretzky, "
            "Kiefer, Wolfowitz).",
        ),
    ]
