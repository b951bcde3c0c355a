"""Tables of an institution's report: its accounts, the tail, contagion, cash, exposures."""

from __future__ import annotations

import json

import numpy as np

from stresslab.report.blocks import Cell, Column, Table
from stresslab.report.charts.institution import LEVEL, accounts_by_risk
from stresslab.report.formatting import (
    NOTHING,
    Estimate,
    money,
    money_estimate,
    number,
    percent,
    probability,
    signed_money,
    unless_none,
)
from stresslab.report.limit_table import LIGHTS
from stresslab.report.review import BOOKED, Review, label
from stresslab.results.limits import NO_VALUE

_LEVELS = (0.95, 0.975, 0.99)


def told_chance(review: Review, name: str, **labels: object) -> tuple[str, str]:
    """A probability as booked, with what stands beneath it."""
    return probability(review.estimate(name, configuration=BOOKED, **labels), review.paths)


def accounts(review: Review) -> Table:
    """One row an account, the riskiest first, and the institution beneath them."""
    rows: list[list[Cell]] = []
    states = {name: str(review.array("limit_state", account=name)) for name in review.labels("account")}
    held = any(states.values())
    for name in accounts_by_risk(review.results):
        at = {"configuration": BOOKED, "account": name}
        beneath = f"{review.array('venue', account=name)}, {review.array('account_currency', account=name)}"
        rows.append(
            [
                (name, beneath),
                money(review.value("account_value", **at)),
                told_chance(review, "account_liquidation_probability", account=name),
                money_estimate(review.estimate("account_expected_loss", **at)),
                money_estimate(review.estimate("account_expected_shortfall", **at, level=LEVEL)),
                *([LIGHTS[states[name] or NO_VALUE]] if held else []),
            ]
        )
    foot: list[Cell] = [
        "the institution",
        money(review.value("value", configuration=BOOKED)),
        told_chance(review, "any_liquidation_probability"),
        money_estimate(review.estimate("expected_loss", configuration=BOOKED)),
        money_estimate(review.estimate("expected_shortfall", configuration=BOOKED, level=LEVEL)),
        *([NOTHING] if held else []),
    ]
    return Table(
        f"Accounts as booked within {review.horizon}, by probability of a liquidation; amounts in {review.currency}",
        (
            Column("Account", "left", 1.0),
            Column("Value\ntoday"),
            Column("P(any pool\nliquidated)"),
            Column("Expected\nloss"),
            Column("Shortfall\n97.5 %"),
            *([Column("Limits", "light")] if held else []),
        ),
        rows,
        [foot],
        note="Beneath each account its rule pack and own currency; beneath estimates 95 % intervals: Wilson for "
        "probabilities, normal for losses. Losses are positive. The shortfalls of accounts do not add up to that of "
        "the institution, since they do not fall due on the same paths.",
    )


def configurations(review: Review) -> Table:
    """The institution under every configuration of its accounts."""
    rows: list[list[Cell]] = [
        [
            label(one),
            probability(review.estimate("any_liquidation_probability", configuration=one), review.paths),
            money_estimate(review.estimate("expected_loss", configuration=one)),
            money_estimate(review.estimate("expected_shortfall", configuration=one, level=LEVEL)),
            money_estimate(review.estimate("shortfall_diversification", configuration=one, level=LEVEL)),
        ]
        for one in review.configurations
    ]
    return Table(
        f"The institution by configuration of all its accounts; amounts in {review.currency}",
        (
            Column("Configuration", "left", 1.0),
            Column("P(a liquidation\nin any account)"),
            Column("Expected\nloss"),
            Column("Shortfall\n97.5 %"),
            Column("Diversification\n97.5 %"),
        ),
        rows,
        note="Diversification: the sum of the accounts’ own shortfalls less that of the institution.",
    )


def tails(review: Review) -> Table:
    """Value at risk and shortfall of the whole at every level, beside the sum of the accounts' own."""
    rows: list[list[Cell]] = []
    for level in _LEVELS:
        at = {"configuration": BOOKED, "level": level}
        rows.append(
            [
                f"{100.0 * level:g} %",
                money_estimate(review.estimate("value_at_risk", **at)),
                money_estimate(review.estimate("expected_shortfall", **at)),
                money_estimate(review.estimate("shortfall_diversification", **at)),
            ]
        )
    return Table(
        f"The tail of the institution’s loss as booked, in {review.currency}",
        (
            Column("Level", "left", 1.0),
            Column("Value at risk"),
            Column("Expected\nshortfall"),
            Column("Diversification"),
        ),
        rows,
        note="Diversification: how much more the accounts’ own shortfalls are, added. 95 % intervals beneath: order "
        "statistics for the value at risk, normal for the rest.",
    )


def contributions(review: Review) -> Table:
    """Who makes the shortfall of the whole."""
    whole = review.value("expected_shortfall", configuration=BOOKED, level=LEVEL)
    found: list[tuple[float, list[Cell]]] = []
    for name in review.labels("account"):
        at = {"configuration": BOOKED, "account": name, "level": LEVEL}
        part = review.estimate("account_shortfall_contribution", **at)
        row: list[Cell] = [
            name,
            money_estimate(part, signed=True),
            percent(part.value / whole) if whole > 0.0 else NOTHING,
            money_estimate(review.estimate("account_expected_shortfall", **at)),
            told_chance(review, "first_liquidation_probability", account=name),
        ]
        found.append((-part.value, row))
    foot: list[Cell] = [
        "the institution",
        money_estimate(review.estimate("expected_shortfall", configuration=BOOKED, level=LEVEL), signed=True),
        "100 %" if whole > 0.0 else NOTHING,
        NOTHING,
        told_chance(review, "any_liquidation_probability"),
    ]
    return Table(
        f"Who makes the expected shortfall of 97.5 %, in {review.currency}",
        (
            Column("Account", "left", 1.0),
            Column("Part of it"),
            Column("Share"),
            Column("Its own\nshortfall"),
            Column("P(first with a\nliquidation)"),
        ),
        [row for _, row in sorted(found, key=lambda item: item[0])],
        [foot],
        note="Part: mean loss of the account on the paths of the institution’s tail; the parts add up. A negative one "
        "earns where the institution loses. 95 % intervals beneath.",
    )


def given_liquidation(review: Review) -> Table:
    """P(the other | the one), at all and first, with intervals; those that fall together most stand first."""
    found: list[tuple[float, list[Cell]]] = []
    names = accounts_by_risk(review.results)
    for one, other in ((one, other) for one in names for other in names if one != other):
        at = {"configuration": BOOKED, "account": one, "other_account": other}
        base = review.value("account_liquidation_probability", configuration=BOOKED, account=other)
        row: list[Cell] = [
            (one, f"then {other}"),
            conditional(review, "liquidation_given_liquidation", at),
            conditional(review, "liquidation_given_first", at),
            told_chance(review, "account_liquidation_probability", account=other),
        ]
        found.append((review.value("liquidation_given_liquidation", **at) - base, row))
    rows = [row for _, row in sorted(found, key=lambda item: -np.nan_to_num(item[0], nan=-2.0))]
    return Table(
        "Liquidations of one account given those of another, as booked, the closest pairs first",
        (
            Column("Given, and looked at", "left", 1.0),
            Column("Given a liquidation\nof the one"),
            Column("Given that it\nfell first"),
            Column("The other\non any path"),
        ),
        rows,
        note=f"Wilson intervals of 95 % beneath, on the paths on which the condition holds; {NOTHING}: it never does. "
        "A conditional probability above that on any path means that the two fall together.",
    )


def conditional(review: Review, name: str, at: dict[str, str]) -> tuple[str, str]:
    """A conditional probability; where nothing or all was seen, the bound from the paths of the condition."""
    found = review.estimate(name, **at)
    if np.isnan(found.value):
        return NOTHING, ""
    if found.value in (0.0, 1.0):
        bound = f"< {percent(found.upper, 2)}" if found.value == 0.0 else f"> {percent(found.lower, 2)}"
        return bound, f"(95 %, {'never' if found.value == 0.0 else 'always'} seen)"
    # The number of paths plays no part where some were hit and some were not.
    return probability(found, review.paths)


def counts(review: Review) -> Table:
    """P(k or more accounts have a liquidation)."""
    rows: list[list[Cell]] = [
        [f"{count} or more", told_chance(review, "liquidations_or_more_probability", count=count)]
        for count in review.labels("count")
    ]
    return Table(
        "How many accounts have a liquidation",
        (Column("Accounts", "left", 1.0), Column(f"Probability within {review.horizon}")),
        rows,
    )


def cash(review: Review) -> Table:
    """Cash that keeps every pool, by account and for the whole."""

    def amounts(name: str, **at: object) -> list[Cell]:
        found = [review.estimate(name, configuration=BOOKED, level=level, **at) for level in _LEVELS]
        return [unless_none(each, money) for each in found]

    names = sorted(
        review.labels("account"),
        key=lambda name: (
            -float(np.nan_to_num(review.value("account_cash_at_risk", configuration=BOOKED, account=name, level=0.99)))
        ),
    )
    return Table(
        f"Cash at risk as booked, in {review.currency} at today’s rates",
        (
            Column("Account", "left", 1.0),
            *(Column(f"Suffices with\n{100.0 * level:g} %") for level in _LEVELS),
        ),
        [[name, *amounts("account_cash_at_risk", account=name)] for name in names],
        [["the institution", *amounts("cash_at_risk")]],
        note="What must be moved into pools, each as much as it lacks at its worst, so that none is liquidated. "
        "Accounts need it on different paths, so the whole is less than the sum. Intervals of 95 % from order "
        f"statistics. {NOTHING}: policies or auto-deleveraging act, and no single amount decides.",
    )


def exposures(review: Review) -> Table:
    """Notional by asset over all accounts, the largest first."""
    gross, names = review.array("gross_notional"), review.labels("asset")
    rows: list[list[Cell]] = []
    for place in np.argsort(-gross, kind="stable"):
        if gross[place] == 0.0:
            continue
        own = review.array("account_notional", asset=names[place])
        largest = int(own.argmax())
        rows.append(
            [
                names[place],
                money(float(gross[place])),
                percent(review.value("concentration", asset=names[place])),
                signed_money(review.value("net_notional", asset=names[place])),
                (review.labels("account")[largest], f"{percent(float(own[largest] / gross[place]))} of it"),
            ]
        )
    return Table(
        f"Positions of all accounts by asset, at today’s marks and rates, in {review.currency}",
        (
            Column("Asset", "left", 1.0),
            Column("Gross\nnotional"),
            Column("Share"),
            Column("Long less\nshort"),
            Column("Most of it in", "left"),
        ),
        rows,
        note="Assets that serve as collateral count as positions; cash does not, in whichever coin it is held.",
    )


def exchange_rates(review: Review) -> Table:
    """In which currency each account is kept, and what its unit is worth."""
    rows: list[list[Cell]] = []
    for each in json.loads(review.results.attrs["accounts"]):
        rate = each["rate"]
        follows = "stands still"
        if rate["asset"] is not None:
            follows = f"1 over the price of {rate['asset']}" if rate["inverse"] else f"price of {rate['asset']}"
        if each["currency"] == review.currency:
            follows = "the reporting currency itself"
        rows.append([each["name"], each["currency"], number(rate["today"], 6), follows])
    return Table(
        f"Worth of one unit of each account’s currency, in {review.currency}",
        (Column("Account", "left", 1.0), Column("Currency", "left"), Column("Today"), Column("On the paths", "left")),
        rows,
    )


def difference_from_sum(review: Review) -> Estimate:
    """Diversification of the shortfall as booked."""
    return review.estimate("shortfall_diversification", configuration=BOOKED, level=LEVEL)
