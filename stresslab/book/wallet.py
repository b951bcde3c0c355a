"""Whether a book's collateral adds up: within the wallet, and within the leverage that the venue allows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stresslab.book.book import Position
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown
from stresslab.documents.places import KeyPath
from stresslab.venues.contracts import notional
from stresslab.venues.rules import margin_rules

ROUNDING = 1e-9  # sums and products of decimal figures are judged to this part of themselves

Placed = Sequence[tuple[KeyPath, Position | None]]


def money(amount: float) -> str:
    """An amount of money as messages show it: cents, or, for less than one coin, its hundred millionths."""
    return f"{amount:,.2f}" if amount == 0.0 or abs(amount) >= 1.0 else f"{amount:,.8f}"


def round_up(amount: float) -> str:
    """The next whole cent above an amount, or hundred millionth above less than one, as a file writes it."""
    digits = 2 if amount >= 1.0 else 8
    return f"{math.ceil(amount * 10**digits * (1 - 1e-12)) / 10**digits:.{digits}f}"


def initial_margin(position: Position, price: float) -> float:
    """Least collateral that the venue asks for a position at a price, by its tiers' maximal leverage.

    Parameters
    ----------
    position : Position
        The contract and its size.
    price : float
        Price per base unit, positive.

    Returns
    -------
    float
        Money in the account's currency, positive.
    """
    symbol = position.symbol
    return margin_rules.initial_margin(
        position.quantity, price, symbol.tiers, symbol.contract, symbol.contract_size, symbol.rules
    )


def leverage_problem(position: Position, collateral: float) -> tuple[str, str] | None:
    """What is wrong with the leverage of a position alone, entry notional over collateral (DESIGN 8), or None."""
    needed = initial_margin(position, position.entry_price)
    if needed <= collateral * (1.0 + ROUNDING):
        return None
    symbol = position.symbol
    value = notional(position.quantity, position.entry_price, symbol.contract, symbol.contract_size)
    limit = value / needed
    problem = (
        f"a leverage of {value / collateral:.4g} (entry notional {money(value)} over collateral "
        f"{money(collateral)}) is above the tier's limit of {limit:.6g}"
    )
    return problem, f"give a collateral of at least {round_up(needed)}"


def check_wallet(document: Document, wallet_balance: float | None, positions: Placed, findings: Findings) -> None:
    """Check the collateral of every position against the wallet and the venue's limits.

    Parameters
    ----------
    document : Document
        The book.
    wallet_balance : float or None
        All collateral of the account; None where it is wrong, so that sums cannot be judged.
    positions : sequence of pairs of path and Position or None
        In the order of the file; None where a position has faults of its own.
    findings : Findings
        Takes faults, and warnings where the cross pool is above the venue's leverage, and where nothing of it is left
        for a cross position in ``all_isolated``.
    """
    isolated = [(path, position) for path, position in positions if position and position.margin == "isolated"]
    assets = [position for _, position in positions if position and position.is_collateral]
    cross = [
        (path, position)
        for path, position in positions
        if position and position.margin == "cross" and not position.is_collateral
    ]
    for path, position in isolated:
        assert position.collateral is not None, "an isolated position without collateral is not made"
        refusal = leverage_problem(position, position.collateral)
        if refusal is not None:
            findings.fault(document, (*path, "collateral"), *refusal)
    if wallet_balance is None:
        return
    total = _check_sum(
        document,
        wallet_balance,
        isolated,
        f"the wallet balance of {money(wallet_balance)}",
        "isolated collateral is part of the wallet balance: raise wallet_balance or lower collateral",
        findings,
    )
    remaining = wallet_balance - total
    if not cross or remaining < -ROUNDING * wallet_balance:
        return
    if assets and remaining <= ROUNDING * wallet_balance:
        return  # what stands behind the cross pool is its assets
    if remaining <= ROUNDING * wallet_balance:
        remedy = f"raise wallet_balance above {money(total)}, or lower the collateral of isolated positions"
        findings.fault(
            document, cross[0][0], "isolated collateral takes the whole wallet; none is left for the cross pool", remedy
        )
        return
    taken = _check_sum(
        document,
        remaining,
        cross,
        f"the cross pool's collateral of {money(remaining)}",
        "what cross positions get in all_isolated comes out of the cross pool: lower these figures",
        findings,
    )
    if any(position is None for _, position in positions):
        return
    if remaining * (1.0 - ROUNDING) <= taken <= remaining * (1.0 + ROUNDING):
        for path, position in cross:
            if position.collateral is None:
                problem = (
                    f"nothing is left for {shown(position.id)} in all_isolated: the cross positions that state "
                    f"collateral take the cross pool's {money(remaining)}, so it is liquidated there at the start"
                )
                findings.notice(document, path, problem, "state collateral for it as well, or lower that of the others")
    needed = math.fsum(initial_margin(position, position.entry_price) for _, position in cross)
    if not assets and needed > remaining * (1.0 + ROUNDING):
        problem = f"the cross pool's collateral of {money(remaining)} is below its initial margin of {money(needed)}"
        findings.notice(
            document, ("wallet_balance",), problem, "the venue would not let these positions be opened; the run goes on"
        )


def _check_sum(
    document: Document,
    limit: float,
    positions: Sequence[tuple[KeyPath, Position]],
    of: str,
    remedy: str,
    findings: Findings,
) -> float:
    stated = [(path, position.collateral) for path, position in positions if position.collateral is not None]
    for count, (path, _) in enumerate(stated, start=1):
        total = math.fsum(amount for _, amount in stated[:count])
        if total > limit * (1.0 + ROUNDING):
            problem = f"collateral adds up to {money(math.fsum(amount for _, amount in stated))}, above {of}"
            findings.fault(document, (*path, "collateral"), problem, remedy)
            break
    return math.fsum(amount for _, amount in stated)
