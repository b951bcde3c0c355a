"""Assumptions and limitations, each with the direction of its bias, adapted to the run."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import Any, Literal

from stresslab.report.formatting import count, percent
from stresslab.report.review import BOOKED, Review

_KINDS = {
    "TopUp": "top-up",
    "StopLoss": "stop-loss",
    "TakeProfit": "take-profit",
    "Alerts": "alerts",
    "Withdrawal": "withdrawal of excess",
    "Reallocation": "reallocation",
    "Deleveraging": "deleveraging",
    "Outage": "outages",
}
Direction = Literal["understates", "overstates", "either way", "none"]


@dataclass(frozen=True)
class Limitation:
    """What the numbers rest on.

    Parameters
    ----------
    title, text : str
        What is assumed.
    bias : str
        Which way it moves the risk that is reported.
    direction : {"understates", "overstates", "either way", "none"}
        The same in a word.
    """

    title: str
    text: str
    bias: str
    direction: Direction = "understates"


def limitations(review: Review) -> list[Limitation]:
    """The numbered list of the report; only what holds for this run."""
    return [
        *_prices(review),
        *_parameters(review),
        _funding(review),
        Limitation(
            "One price",
            "The mark price moves with the price of the underlying: index, mark and last price do not part, and the "
            "ratio "
            "of marks on one underlying stays what it is today.",
            "Understates risk from gaps between venues and from a moving basis.",
        ),
        _liquidation(review),
        _acting(review),
        _collateral(review),
        _venue(review),
        _sampling(review),
        _grid(review),
    ]


def _parameters(review: Review) -> list[Limitation]:
    if review.results.attrs["model"] == "paths":
        return []  # there are none
    known = Limitation(
        "Parameters are taken as known",
        "Volatilities, correlations and tails enter as points. The intervals of this report hold sampling error alone, "
        "not the uncertainty of the parameters.",
        "Intervals are too narrow; the estimates may lie on either side.",
        "either way",
    )
    return [_calibration(review), known]


def _acting(review: Review) -> Limitation:
    configurations = json.loads(review.results.attrs["resolved_scenario"])["configurations"]
    acting = [each["name"] for each in configurations if each["policies"]]
    if not acting:
        return Limitation(
            "Nothing acts before liquidation",
            "No top-up, stop, transfer between pools or change of positions; the book stands still until the horizon.",
            "Overstates liquidation where the desk would act in time; the cash for it is not counted either.",
            "overstates",
        )
    kinds = {policy["kind"] for each in configurations for policy in each["policies"]}
    named = ", ".join(sorted(_KINDS.get(kind, kind) for kind in kinds))
    fails = "fail in the outages alone" if "Outage" in kinds else "never fail"
    have = "One of the configurations has" if len(acting) == 1 else f"{count(len(acting))} of the configurations have"
    return Limitation(
        "Policies act as they are written",
        f"{have} policies ({named}). They see margin at the end of every step and {fails}; in the other "
        "configurations nothing acts before liquidation.",
        "Understates liquidation where the desk answers late or not at all, and at coarse steps overstates it.",
        "either way",
    )


def _funding(review: Review) -> Limitation:
    funding = json.loads(review.results.attrs["resolved_scenario"])["market"]["funding"]
    if funding is None:
        return Limitation(
            "Funding is not simulated",
            "No funding payment is made or received over the horizon.",
            "Understates risk where the book pays funding, overstates it where it receives.",
            "either way",
        )
    return Limitation(
        "Funding follows a model",
        f"Funding is settled every {24 * funding['interval']:g} h out of each pool's collateral, at a rate whose "
        "premium reverts to its mean and starts at its median, whatever it is today.",
        "Understates risk where premiums stay extreme for longer than the model's half-life.",
    )


def _prices(review: Review) -> list[Limitation]:
    model = str(review.results.attrs["model"])
    drift = (
        "All drifts are zero."
        if not review.array("drift").any()
        else "Drifts are those of the table of assets; a drift is a view and not a measurement."
    )
    constant = Limitation(
        "Volatility and correlation do not change with the market",
        "Both stay what they are at the start, in calm and in crisis.",
        "Understates the risk of crises, in which volatilities rise and hedges between assets loosen; overstates "
        "calm times.",
    )
    if model == "gbm":
        return [
            Limitation(
                "Prices are diffusions with normal returns (gbm)",
                f"Log returns are normal, without jumps, fat tails or clusters of volatility. {drift}",
                "Understates the probability of large moves, and with it liquidation at high collateral.",
            ),
            constant,
        ]
    if model == "student_t":
        freedom = review.resolved["market"]["parameters"].get("degrees_of_freedom")
        tails = f" with {freedom:g} degrees of freedom" if isinstance(freedom, int | float) else ""
        return [
            Limitation(
                "Prices are diffusions with a daily variance (student_t)",
                f"Daily returns are Student-t{tails}: one variance, drawn anew each day, strikes all assets "
                f"together. Within a "
                f"day prices move without jumps, and a turbulent day does not make the next one turbulent. {drift}",
                "Understates gaps and runs of turbulent days; tails of single days are included.",
            ),
            constant,
        ]
    if model == "paths":
        return [
            Limitation(
                "Prices are the user’s own paths",
                "They are read from a file, whose hash is part of the scenario’s; only their ratios to the first price "
                "of each path count, from today’s prices on. Nothing is known here of how they came about. Intervals "
                "hold where the paths are independent and equally likely; for hand-picked ones every probability is "
                "a share of the paths and no forecast.",
                "Either way: as good as the paths.",
                "either way",
            )
        ]
    return [
        Limitation(
            f"Prices follow the model {model}",
            f"See the documentation of the model for what it leaves out. {drift}",
            "Either way.",
            "either way",
        )
    ]


def _calibration(review: Review) -> Limitation:
    found = calibration(review)
    if not found:
        return Limitation(
            "Parameters are given, not estimated",
            "The scenario states volatilities and correlations itself; no calibration stands behind them.",
            "Either way: they are as good as the judgment that set them.",
            "either way",
        )
    history = found.get("history", {})
    window = history.get("window", {})
    since, until = window.get("since"), window.get("until")
    length = f", {history['days']} days" if "days" in history else ""
    span = f" on history from {since} to {until}{length}" if since and until else ""
    return Limitation(
        "The past stands for the future",
        f"Parameters come from the calibration {found.get('name', 'without a name')}, as of "
        f"{found.get('as_of', 'no date')}"
        f"{span}, where the scenario does not state its own.",
        "Either way: a calm window understates risk, a turbulent one overstates it.",
        "either way",
    )


def calibration(review: Review) -> dict[str, Any]:
    """The calibration that the run read, or nothing if there was none."""
    documents = json.loads(review.results.attrs["documents"])
    try:
        return tomllib.loads(documents.get("calibration", ""))
    except tomllib.TOMLDecodeError:
        return {}


def _collateral(review: Review) -> Limitation:
    held = [each["symbol"] for each in review.resolved["book"]["positions"] if each["is_collateral"]]
    if not held:
        return Limitation(
            "Collateral at par",
            f"Collateral is held in {review.currency} and keeps its value; no haircut and no depeg.",
            "Understates risk.",
        )
    return Limitation(
        "Collateral assets at their price",
        f"Collateral held in {', '.join(dict.fromkeys(held))} moves with its asset and counts after its haircut; "
        f"the rest is held in {review.currency} at par. What a liquidated pool holds of it is kept at its price then.",
        "Understates risk where a forced sale moves the price of the collateral.",
    )


def _venue(review: Review) -> Limitation:
    taken = review.resolved["auto_deleveraging"]
    effective = review.results.attrs["venue_effective"]
    works = "The venue never fails, and no loss is shared among clients"
    if taken is None:
        return Limitation(
            "The venue works",
            f"{works}; no winning position is closed to balance another client's loss; its margin rules stay those of "
            f"{effective} until the horizon.",
            "Understates risk.",
        )
    return Limitation(
        "The venue works, and takes winners",
        f"{works}. In a step in which an asset's log price moves more than {taken['move']:g}, each winning position on "
        f"it is closed at the mark with a probability of {percent(float(taken['probability']))}; its hedge stays. "
        f"Margin rules stay those of {effective} until the horizon.",
        "Either way: when a venue takes positions is its own decision.",
        "either way",
    )


_ORDERS = {
    "together": "its positions alike",
    "worst_first": "the position with the largest loss first",
    "pairs_first": "first what long and short positions offset, then the position with the largest loss",
}


def _liquidation(review: Review) -> Limitation:
    venue, impact = review.resolved["venue"], review.resolved["liquidation_impact"]
    rate = float(venue["liquidation_fee_rate"])
    fee = f"a fee of {percent(rate)} of the notional is charged" if rate else "no liquidation fee is charged"
    rest = (
        "what is left after closing returns to the account"
        if venue["remainder"] == "returned"
        else "what is left after closing is forfeited to the venue"
    )
    kept = (
        f" Where equity is below {percent(float(venue['backstop']))} of the maintenance margin the venue keeps all."
        if venue["backstop"]
        else ""
    )
    moved = (
        "; every close at market moves the price by "
        f"{impact['stress']:g} times daily volatility times the root of notional over daily volume"
        if impact
        else " at the mark, without market impact"
    )
    bias = "Either way: depth in a crisis is not known." if impact else "Understates the loss given liquidation."
    direction: Direction = "either way" if impact else "understates"
    reduction = venue["reduction"]
    if venue["liquidation_procedure"] == "full" and reduction["order"] == "together":
        return Limitation(
            "Liquidation is whole and at once",
            f"A pool is closed in full at the marks at which its surplus reaches zero{moved}; {fee}, and {rest}.{kept} "
            "Venues that reduce positions in parts may leave some of them open.",
            bias,
            direction,
        )
    how = {
        "full": "closes positions whole",
        "steps": f"closes {percent(float(reduction['step']))} of a position at a time",
        "tiers": "takes positions down to the tier below",
    }[venue["liquidation_procedure"]]
    return Limitation(
        "Liquidation goes step by step",
        f"The venue {how}, {_ORDERS[reduction['order']]}, until margin suffices again{moved}; within a step as often "
        f"as its pause allows, at most a dozen times; {fee}, and {rest} where nothing is left open.{kept}",
        bias,
        direction,
    )


def _sampling(review: Review) -> Limitation:
    chance = review.chance_in_text("account_liquidation_probability", BOOKED)
    failed = f" {count(review.failed)} paths failed and are left out of every estimate." if review.failed else ""
    return Limitation(
        "Sampling error",
        f"Estimates rest on {count(review.paths)} paths. As booked the probability of any liquidation is "
        f"{chance}; all intervals are at 95 % and hold one at a time.{failed}",
        "Either way, within the intervals.",
        "either way",
    )


def _grid(review: Review) -> Limitation:
    bridge = str(review.results.attrs["bridge"])
    parameters = review.resolved["market"]["parameters"]
    if parameters.get("lows_and_highs"):
        return Limitation(
            "Lows and highs are those of the file",
            f"Inside a step of {review.step} a pool on one price goes to the low and to the high that the file states. "
            "A pool on several prices is bridged between the step’s ends, with variances from these ranges and the "
            "correlation of the file’s returns.",
            "None for pools on one price; small for others, and smaller with a finer step.",
            "none",
        )
    if bridge == "none" or parameters.get("lows_and_highs") is False:
        return Limitation(
            "Liquidation is tested at the ends of steps only",
            f"What happens inside a step of {review.step} is not seen.",
            "Understates the probability of liquidation.",
        )
    single = "a pool on one price it is exact under the model"
    several = (
        "for a pool on several prices it is approximate, since the surplus is bridged as if it moved linearly inside "
        "the step."
        if bridge == "every_pool"
        else "pools on several prices are tested at the ends of steps only."
    )
    bias = (
        "None for pools on one price; small for others, and smaller with a finer step."
        if bridge == "every_pool"
        else "None for pools on one price; understates the probability for others."
    )
    return Limitation(
        "Error of the time grid",
        f"Between steps of {review.step} prices go on moving: liquidation inside a step is drawn from the Brownian "
        f"bridge. "
        f"For {single}; {several}",
        bias,
        "none" if bridge == "every_pool" else "understates",
    )
