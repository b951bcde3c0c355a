"""What the numbers say of policies and claims, in computed sentences."""

from __future__ import annotations

import math

from stresslab.report.charts.loss import LEVEL
from stresslab.report.formatting import Estimate, in_text, money_estimate, points
from stresslab.report.policy_tables import needed, unchanged, users_of_cash
from stresslab.report.review import Review, label

_CHANCE = "account_liquidation_probability_policy_difference"
_GIVEN = "account_loss_given_liquidation_policy_difference"


def _turned(estimate: Estimate) -> Estimate:
    """Size of a change whose sign is told in words."""
    if estimate.certain_sign >= 0:
        return estimate
    return Estimate(-estimate.value, -estimate.upper, -estimate.lower)


def _change(estimate: Estimate, what: str, unit: str) -> str:
    if unchanged(estimate):
        return f"{what} is the same on every path"
    numbers = in_text(*(points(estimate) if unit == "points" else money_estimate(estimate, signed=True)))
    if not estimate.certain_sign:
        return f"{what} cannot be told apart ({numbers} {unit})"
    turned = _turned(estimate)
    size, interval = points(turned) if unit == "points" else money_estimate(turned)
    verb = "rises" if estimate.certain_sign > 0 else "falls"
    return f"{what} {verb} by {size.lstrip('+')} {interval.replace('+', '')} {unit}"


def worth(review: Review) -> str:
    """Whether the policies lower the probability of liquidation, and raise what a liquidation costs."""
    acting = review.acting
    chances = [review.estimate(_CHANCE, configuration=one) for one in acting]
    if len(acting) == 1:
        return (
            f"With the policies of “{acting[0]}”, {_change(chances[0], 'the probability of any liquidation', 'points')}"
        )
    signs = [chance.certain_sign for chance in chances]
    parts = [
        (signs.count(-1), "lowers the probability of liquidation", "lower the probability of liquidation"),
        (signs.count(1), "raises it", "raise it"),
        (signs.count(0), "changes it within sampling error at most", "change it within sampling error at most"),
    ]
    told = [f"{number} {one if number == 1 else several}" for number, one, several in parts if number]
    if not signs.count(-1):
        told[0] = told[0].replace(" it", " the probability of liquidation", 1)
    return f"Of {len(acting)} configurations with policies, {', '.join(told)}"


def of_configuration(review: Review, configuration: str) -> str:
    """What the policies of one configuration do to losses and liquidations, and what they need."""
    chance = review.estimate(_CHANCE, configuration=configuration)
    lost = review.estimate("expected_loss_policy_difference", configuration=configuration)
    tail = review.estimate("expected_shortfall_policy_difference", configuration=configuration, level=LEVEL)
    who = f"“{configuration}” against {label(review.base(configuration))}"
    if chance.value == 0.0 and unchanged(lost) and unchanged(tail):
        return f"{who}: no path ends otherwise."
    sentences = [
        f"{who}: "
        f"{_change(chance, 'the probability of any liquidation', 'points')}; "
        f"{_change(lost, 'the expected loss', review.currency)}; "
        f"{_change(tail, 'the shortfall beyond 97.5 %', review.currency)}.",
        _loss_given_liquidation(review, configuration),
    ]
    if configuration in users_of_cash(review):
        used = review.chance_in_text("cash_used_probability", configuration)
        main, interval = needed(review, configuration, 0.99)
        most = f"{main} {review.currency}" if main != "none" else "no cash"
        spent = main.startswith("≥")
        reserve = f"{most.replace('≥', 'at least')}, {interval}" if spent else in_text(most, interval)
        sentences.append(f"Cash is used with probability {used}; 99 % of paths need {reserve}.")
    return " ".join(sentences)


def _loss_given_liquidation(review: Review, configuration: str) -> str:
    given = review.estimate(_GIVEN, configuration=configuration)
    if math.isnan(given.value):
        return "With so few liquidations it cannot be told what the policies make of the loss given liquidation."
    text = _change(given, "the loss given liquidation", review.currency)
    if given.certain_sign > 0:
        chance = review.estimate(_CHANCE, configuration=configuration)
        text += ": liquidations are rarer, and those that are left cost more" if chance.certain_sign < 0 else ""
    return f"{text[0].upper()}{text[1:]}."


def claims(review: Review) -> str:
    """How many claims hold."""
    verdicts = [str(review.array("claim_verdict", claim=claim)) for claim in review.labels("claim")]
    parts = [
        (verdicts.count("holds"), "holds on this book", "hold on this book"),
        (verdicts.count("does not hold"), "does not hold", "do not hold"),
        (verdicts.count("undecided"), "is undecided", "are undecided"),
    ]
    told = [f"{number} {one if number == 1 else several}" for number, one, several in parts if number]
    if len(verdicts) == 1:
        return f"The one claim that can be tested {told[0][2:]}"
    listed = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    return f"Of {len(verdicts)} claims, {listed}"


def left_out(review: Review) -> str:
    """Which claims the run has nothing to test with; empty where there are none."""
    kinds = {policy["kind"] for one in review.configurations for policy in review.policies(one)}
    missing = [
        words
        for words, tested in (
            ("cross margin and diversification (the book is one position)", len(review.positions) > 1),
            ("a top-up helps (no configuration has one)", "TopUp" in kinds),
            ("a stop helps (no configuration has one)", "StopLoss" in kinds),
        )
        if not tested
    ]
    return f"Left out: {'; '.join(missing)}." if missing else ""
