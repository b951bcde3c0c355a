"""The report of an institution: its accounts, the loss of the whole, who makes it, who falls with whom."""

from __future__ import annotations

import json
from pathlib import Path

import xarray as xr

from stresslab.report import compile_pages, institution_tables, write_pdf
from stresslab.report.blocks import Block, Column, Page, Table, figure, table, text, whole_table
from stresslab.report.charts.institution import (
    LEVEL,
    accounts_by_risk,
    figure_institution_contagion,
    figure_institution_contributions,
    figure_institution_loss,
)
from stresslab.report.formatting import count, in_text, money, money_estimate, percent, unless_none
from stresslab.report.institution_tables import difference_from_sum, told_chance
from stresslab.report.review import BOOKED, ROWS, Review
from stresslab.report.style import is_drawn

_METHOD = (
    (
        "Same paths",
        "Every account is run as a scenario of its own on a market that holds the assets of all of them. Draws are a "
        "function of seed, asset, path and step, so prices are the same in each, and losses are added path by path.",
    ),
    (
        "Reporting currency",
        "An account’s loss is its value today at today’s rate less its value at the horizon at the rate of that path. "
        "Where a rate stands still, this is the rate times the loss.",
    ),
    (
        "Parts of the tail",
        "An account’s part of the expected shortfall is its mean loss on the paths on which the institution loses "
        "most. Parts add up to the whole.",
    ),
    (
        "Falling together",
        "Accounts fall together through prices alone. A liquidation in one moves no price for another, which would "
        "make joint liquidations likelier than shown; no cash is moved between them, which would make them rarer.",
    ),
    (
        "Cash at risk",
        "What every pool lacks at its worst before the horizon, added over pools and accounts and never taken out "
        "again: an upper end where cash can be moved back.",
    ),
    (
        "Paths that failed",
        "A path with a number that is not finite in one account is left out of all of them.",
    ),
)


def typeset_institution(results: xr.Dataset, path: str | Path) -> None:
    """Write the report of an institution as a PDF, whole or not at all.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.run_institution`, or ``institution.nc``; nothing else is read.
    path : path
        The file to write; an existing file is replaced at the end. The same dataset gives the same bytes.
    """
    write_pdf(compile_institution(results)[0], path)


def compile_institution(results: xr.Dataset) -> tuple[bytes, list[str]]:
    """The PDF of an institution, and what the typesetter warned of.

    Parameters
    ----------
    results : xarray.Dataset
        As `typeset_institution` takes it.

    Returns
    -------
    tuple of bytes and list of str
        The file, and the warnings.
    """
    review = Review(results)
    appendix: list[Table] = []
    body = [
        _summary(review, appendix),
        _loss(review, appendix),
        _tail(review, appendix),
        *([_contagion(review, appendix)] if results.sizes["account"] > 1 else []),
        _method(review, appendix),
        _manifest(review),
    ]
    if appendix:
        body.append(Page("Appendix: tables in full", [whole_table(one) for one in appendix]))
    number = results.sizes["account"]
    return compile_pages(
        body,
        kind="Institution review",
        title=str(results.attrs["title"]),
        subtitle=f"{_accounts(number)} · {review.horizon} · {count(review.paths)} paths · model "
        f"{results.attrs['model']} · in {review.currency}",
        book=_accounts(number),
        identity=f"run {str(results.attrs['institution_hash'])[:12]}",
    )


def _accounts(number: int) -> str:
    return f"{count(number)} account{'' if number == 1 else 's'}"


def _summary(review: Review, appendix: list[Table]) -> Page:
    blocks: list[Block] = [
        {"kind": "findings", "items": [_likelihood(review), _shortfall(review), _needed(review)]},
        table(institution_tables.accounts(review), appendix),
        table(institution_tables.configurations(review), appendix),
    ]
    notices = [str(each) for each in json.loads(review.results.attrs["notices"])]
    if review.failed:
        notices.insert(0, f"{count(review.failed)} paths failed in some account and are left out of every estimate.")
    names = [str(review.results.attrs["title"]), review.currency, *review.labels("account"), *review.labels("asset")]
    boxed = sum(not is_drawn(name) for name in dict.fromkeys(names))
    if boxed:
        notices.insert(
            0,
            f"Signs that the fonts of this report lack are printed as boxes, in {boxed} "
            f"{'name' if boxed == 1 else 'names'}; the dataset holds the names whole.",
        )
    if notices:
        blocks.append({"kind": "notices", "title": "To be borne in mind", "items": notices})
    blocks.append({"kind": "contents", "left_out": []})
    return Page("Summary", blocks)


def _likelihood(review: Review) -> str:
    chance = in_text(*told_chance(review, "any_liquidation_probability"))
    names = accounts_by_risk(review.results)
    if review.value("any_liquidation_probability", configuration=BOOKED) == 0.0:
        return f"No account had a liquidation within {review.horizon} on any path: the probability is {chance}."
    own = in_text(*told_chance(review, "account_liquidation_probability", account=names[0]))
    if len(names) == 1:
        return f"As booked, {names[0]} has a liquidation within {review.horizon} with probability {chance}."
    every = in_text(*told_chance(review, "every_liquidation_probability"))
    return (
        f"As booked, at least one of {count(len(names))} accounts has a liquidation within {review.horizon} with "
        f"probability {chance}, and all of them with {every}; the most exposed is {names[0]}, at {own}."
    )


def _shortfall(review: Review) -> str:
    value = review.value("value", configuration=BOOKED)
    tail = review.estimate("expected_shortfall", configuration=BOOKED, level=LEVEL)
    share = f", {percent(tail.value / value)} of its value" if value > 0.0 else ""
    told = (
        f"The institution’s expected shortfall of 97.5 % is {in_text(*money_estimate(tail))} {review.currency}{share}"
    )
    if review.results.sizes["account"] == 1:
        return f"{told}."
    return f"{told}; {_diversified(review)}."


def _diversified(review: Review) -> str:
    saved = difference_from_sum(review)
    if saved.certain_sign <= 0:
        return "the accounts’ own shortfalls, added, do not measurably exceed it: nothing diversifies away"
    return f"the accounts’ own, added, are {in_text(*money_estimate(saved))} {review.currency} more"


def _needed(review: Review) -> str:
    found = review.estimate("cash_at_risk", configuration=BOOKED, level=0.99)
    main, beneath = unless_none(found, money)
    if found.value != found.value:
        return "How much cash would keep every pool is not known: policies or auto-deleveraging act on some."
    if found.value == 0.0:
        return "With 99 % probability no cash has to be moved in to keep every pool."
    return (
        f"To keep every pool, {in_text(main, beneath)} {review.currency} of further cash suffice with 99 % probability."
    )


def _loss(review: Review, appendix: list[Table]) -> Page:
    finding = _shortfall(review).removesuffix(".")
    return Page(
        "Loss and cash of the whole",
        [
            text(finding, "finding"),
            figure(
                figure_institution_loss(review.results),
                "Share of paths that lose more than the amount on the axis; right, the tail, with the level of 97.5 % "
                "as a line. Dashed: what would be lost if every account met its own quantile on the same path. The gap "
                "between the curves is diversification.",
                f"Exceedance curves of the institution’s loss and of the sum of its accounts’ quantiles. {finding}.",
                review.source("loss_profile", "account_loss_profile"),
            ),
            table(institution_tables.tails(review), appendix),
            table(institution_tables.cash(review), appendix),
        ],
    )


def _tail(review: Review, appendix: list[Table]) -> Page:
    names = review.labels("account")
    parts = review.array("account_shortfall_contribution", configuration=BOOKED, level=LEVEL)
    whole, most = float(parts.sum()), int(parts.argmax())
    gross = review.array("gross_notional")
    asset = review.labels("asset")[int(gross.argmax())]
    led = (
        f"{names[most]} makes {percent(float(parts[most]) / whole)} of the institution’s shortfall" if whole > 0 else ""
    )
    held = f"{percent(review.value('concentration', asset=asset))} of all notional is on {asset}"
    finding = f"{led}; {held}" if led else f"The institution has no loss in its tail; {held}"
    hidden = f" The {ROWS} riskiest of {len(names)} accounts are drawn." if len(names) > ROWS else ""
    return Page(
        "Who makes the tail",
        [
            text(finding, "finding"),
            figure(
                figure_institution_contributions(review.results),
                "Mean loss of each account in the tail of the institution, which add up to its expected shortfall of "
                f"97.5 %, and in the account’s own tail, with 95 % intervals.{hidden}",
                f"Dot plot of contributions to the expected shortfall by account. {finding}.",
                review.source("account_shortfall_contribution", "account_expected_shortfall"),
            ),
            table(institution_tables.contributions(review), appendix),
            table(institution_tables.exposures(review), appendix),
        ],
    )


def _contagion(review: Review, appendix: list[Table]) -> Page:
    finding = _together(review)
    return Page(
        "Who falls with whom",
        [
            text(finding, "finding"),
            figure(
                figure_institution_contagion(review.results),
                "Probability, %, that the account of the column has a liquidation before the horizon, given that the "
                "account of the row has one; last row: on any path. No order in time is implied. A bound of the "
                "95 % interval where none or all were hit; –: the account has one on fewer than ten paths.",
                f"Matrix of conditional probabilities of liquidation. {finding}.",
                review.source("liquidation_given_liquidation", "account_liquidation_probability"),
            ),
            table(institution_tables.counts(review), appendix),
            table(institution_tables.given_liquidation(review), appendix),
        ],
    )


def _together(review: Review) -> str:
    """The pair whose conditional probability lies furthest above what it is on any path, where intervals say so."""
    best, found = 0.0, "No account is measurably likelier to have a liquidation where another has one"
    for one in review.labels("account"):
        for other in review.labels("account"):
            if one == other:
                continue
            at = {"configuration": BOOKED, "account": one, "other_account": other}
            given = review.estimate("liquidation_given_liquidation", **at)
            base = review.estimate("account_liquidation_probability", configuration=BOOKED, account=other)
            if given.lower > base.upper and given.value - base.value > best:
                best = given.value - base.value
                chance = in_text(*told_chance(review, "account_liquidation_probability", account=other))
                condition = in_text(*institution_tables.conditional(review, "liquidation_given_liquidation", at))
                found = (
                    f"{other} has a liquidation on {chance} of all paths, and on {condition} of those on which {one} "
                    "has one"
                )
    return found


def _method(review: Review, appendix: list[Table]) -> Page:
    foreign = any(str(each) != review.currency for each in review.array("account_currency"))
    blocks: list[Block] = [
        {"kind": "method", "items": [list(item) for item in _METHOD]},
        *([table(institution_tables.exchange_rates(review), appendix)] if foreign else []),
        text(
            "Rules, positions, margin, and the assumptions behind each account’s figures stand in its own report, in "
            "the folder that institution.nc names.",
            "note",
        ),
    ]
    return Page("How the accounts are added up", blocks)


def _manifest(review: Review) -> Page:
    attributes = review.results.attrs
    versions = json.loads(attributes["versions"])
    facts = [
        ("Review", str(attributes["title"])),
        ("Institution hash", str(attributes["institution_hash"])),
        ("Paths, failed", f"{count(int(attributes['paths']))}, {count(review.failed)}"),
        ("Horizon, step", f"{review.horizon}, {review.step}"),
        ("Model", str(attributes["model"])),
        ("Seed", str(int(attributes["seed"]))),
        ("Block width", count(int(attributes["block_width"]))),
        ("Reporting currency", review.currency),
        ("Dataset", f"institution.nc, schema {int(attributes['schema'])}"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    accounts = json.loads(attributes["accounts"])
    # What all accounts were read from stands once.
    shared = {
        role: digest
        for role, digest in accounts[0]["inputs"].items()
        if all(each["inputs"].get(role) == digest for each in accounts)
    }
    rows = [[role, str(digest)] for role, digest in shared.items()]
    rows += [
        [f"{each['name']}: {role}", str(digest)]
        for each in accounts
        for role, digest in each["inputs"].items()
        if role not in shared
    ]
    return Page(
        "Manifest",
        [
            {"kind": "facts", "items": [list(item) for item in facts]},
            whole_table(
                Table(
                    "Inputs and their SHA-256; of all accounts, then of each",
                    (Column("Document", "left", 1.0), Column("SHA-256", "code")),
                    rows,
                )
            ),
            {"kind": "sign_off", "roles": ["Prepared", "Validated", "Approved"]},
        ],
    )
