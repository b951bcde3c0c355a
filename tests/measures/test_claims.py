"""Claims on forty paths whose every outcome is written down; for each verdict a book on which it is another."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pytest

from stresslab.book.configuration import Configuration, Pool
from stresslab.book.policies import Policy, TopUp
from stresslab.measures.claims import Claim, claims, verdict_of
from stresslab.measures.intervals import wilson
from tests.measures.made_up import NEVER, outcomes

TOP_UP = TopUp("reserve", 1.5, 2.0, 10.0, 10.0, 0.0)
ISOLATED = (Pool("a", (0,), 100.0), Pool("b", (1,), 100.0))
CROSS = (Pool("cross", (0, 1), 200.0),)
STANDARD = (
    Configuration("as_booked", ISOLATED, 0.0),
    Configuration("all_isolated", ISOLATED, 0.0),
    Configuration("all_cross", CROSS, 0.0),
)
EQUITY = [np.array([100.0, 100.0]), np.array([100.0, 100.0]), np.array([200.0])]
STAKES = ((0, 1), (0, 1), (2,))
# Isolated, the pool a falls on paths 0 to 15 and loses all of its 100, b on 12 to 15 and loses 80; elsewhere both gain
# 10. Crossed, the account falls on 0 to 9 with a loss of 150, and on path 20 alone, where it loses 30.
PATH = np.arange(40)
STEP = np.array(
    [
        np.where(PATH < 16, 5, NEVER),
        np.where((PATH >= 12) & (PATH < 16), 6, NEVER),
        np.where((PATH < 10) | (PATH == 20), 4, NEVER),
    ]
)
PROFIT = np.array(
    [
        np.where(PATH < 16, -100.0, 10.0),
        np.where((PATH >= 12) & (PATH < 16), -80.0, 10.0),
        np.where(PATH < 10, -150.0, np.where(PATH == 20, -30.0, 20.0)),
    ]
)


def found(step=STEP, profit=PROFIT, equity=EQUITY) -> dict[str, Claim]:
    made = claims(outcomes(STAKES, step, profit), STANDARD, equity)
    assert len({claim.statement for claim in made}) == len(made)
    return {claim.statement: claim for claim in made}


def about(made: dict[str, Claim], words: str) -> Claim:
    (claim,) = [claim for statement, claim in made.items() if words in statement]
    return claim


def test_a_verdict_follows_the_interval():
    assert verdict_of((2.0, 1.0, 3.0)) == "holds"
    assert verdict_of((-2.0, -3.0, -1.0)) == "does not hold"
    assert verdict_of((2.0, -1.0, 5.0)) == "undecided"
    assert verdict_of((0.0, 0.0, 0.0)) == "undecided"
    assert verdict_of((math.nan, math.nan, math.nan)) == "undecided"


def test_isolation_caps_each_loss_unless_one_path_shows_more():
    claim = about(found(), "each position")
    assert (claim.size[0], claim.exceptions[0], claim.verdict) == (1.0, 0.0, "holds")
    # Forty paths cannot rule out one in twelve: the upper Wilson bound of 0 in 40.
    assert claim.exceptions[2] == pytest.approx(float(wilson(0, 40)[1]))
    beyond = PROFIT.copy()
    beyond[1, 13] = -100.1
    claim = about(found(profit=beyond), "each position")
    assert (claim.exceptions[0], claim.verdict) == (1 / 40, "does not hold")
    # A thousandth of the account's rounding is no loss beyond it.
    beyond[1, 13] = -100.0001
    assert about(found(profit=beyond), "each position").verdict == "holds"


def test_the_account_loses_less_isolated_or_does_not():
    # The worst fortieth is one path: 180 isolated (100 + 80), 150 crossed.
    claim = about(found(), "loss of the account")
    assert (claim.configuration, claim.against, claim.kind) == ("all_isolated", "all_cross", "money")
    assert claim.size[0] == 150.0 - 180.0
    # Isolated loses more than crossed on 10 to 15, where crossed gains; on 0 to 9 it loses 90 against 150.
    assert claim.exceptions[0] == 6 / 40
    calm = PROFIT.copy()
    calm[2] = np.where(PATH < 10, -190.0, 20.0)
    assert about(found(profit=calm), "loss of the account").size[0] == 10.0


def test_all_lost_given_any():
    # Isolated, 4 of the 16 paths with a liquidation lose all; the single cross pool always does.
    claim = about(found(), "loss of all")
    lower, upper = wilson(4, 16)
    assert claim.size == pytest.approx((0.75, 1 - float(upper), 1 - float(lower)))
    assert claim.verdict == "holds"
    # All lost isolated and not crossed: paths 12 to 15.
    assert claim.exceptions[0] == 4 / 40
    # Control: a cross pool that falls on nine paths is no evidence.
    few = STEP.copy()
    few[2] = np.where(PATH < 9, 4, NEVER)
    assert about(found(step=few), "loss of all").verdict == "undecided"
    assert math.isnan(about(found(step=few), "loss of all").size[0])


def test_positions_dragged_down():
    # Crossed, two positions fall on 11 paths, 22 in all; isolated 16 + 4 = 20.
    claim = about(found(), "drags more")
    assert claim.size[0] == pytest.approx((22 - 20) / 40)
    assert claim.verdict == "undecided"
    # Fewer fall crossed on 10 to 15.
    assert claim.exceptions[0] == 6 / 40
    all_fall = STEP.copy()
    all_fall[2] = 4
    assert about(found(step=all_fall), "drags more").verdict == "holds"
    spared = STEP.copy()
    spared[2] = NEVER
    assert about(found(step=spared), "drags more").verdict == "does not hold"


def test_diversification_by_hand():
    # Forty paths, 2.5 %: the worst path alone. a: 100, b: 80, the book: 180 on the same path, so nothing is gained.
    assert about(found(), "diversification").size[0] == pytest.approx(0.0)
    # With the falls of b elsewhere the book's worst is 100 - 10.
    apart = PROFIT.copy()
    apart[1] = np.where(PATH >= 36, -80.0, 10.0)
    claim = about(found(profit=apart), "diversification")
    assert claim.size[0] == pytest.approx(100.0 + 80.0 - 90.0)
    assert claim.exceptions[0] == 0.0


def test_a_single_position_has_no_claim_about_several():
    held = (Pool("a", (0,), 100.0),)
    configurations = [Configuration(one.name, held, 0.0) for one in STANDARD]
    made = claims(outcomes(((0,),) * 3, STEP[:1], PROFIT[:1]), configurations, [np.array([100.0])] * 3)
    assert [claim.configuration for claim in made] == ["all_isolated"]


def acting(liquidated: object, loss: object, cash: object, *policies: object, base_policies: tuple[Policy, ...] = ()):
    """Claims of a configuration like as_booked in which only what becomes of the pool a is another."""
    own = Configuration("own", ISOLATED, 0.0, cast(tuple[Policy, ...], policies), base="as_booked")
    booked = replace(STANDARD[0], policies=base_policies)
    step = np.vstack([STEP, np.where(np.asarray(liquidated, bool), 5, NEVER), STEP[1]])
    profit = np.vstack([PROFIT, -np.asarray(loss, np.float64), PROFIT[1]])
    made = outcomes((*STAKES, (3, 4)), step, profit, accounts=(3,), cash_used=[cash])
    return {one.statement: one for one in claims(made, (booked, *STANDARD[1:], own), [*EQUITY, EQUITY[0]])}


def test_a_top_up_helps_and_where_it_does_not():
    # The top-up saves path 0 to 7 at a loss of 20 there, and loses 130 instead of 100 on 8 to 15, having moved in 30.
    made = acting(
        (PATH >= 8) & (PATH < 16),
        np.select([PATH < 8, PATH < 16], [20.0, 130.0], -10.0),
        np.where(PATH < 16, 30.0, 0.0),
        TOP_UP,
    )
    fewer = about(made, "a top-up helps (own): fewer liquidations")
    assert (fewer.configuration, fewer.against) == ("own", "as_booked")
    assert fewer.size[0] == pytest.approx(8 / 40)
    assert (fewer.exceptions[0], fewer.verdict) == (0.0, "holds")
    less = about(made, "a top-up helps (own): less is lost")
    # Paths 0 to 7: 90 with the 10 that b gains, now 10. Paths 8 to 11: 90, now 120. Paths 12 to 15: 180, now 210.
    assert less.size[0] == pytest.approx((8 * 80 - 8 * 30) / 40)
    assert less.exceptions[0] == 8 / 40
    # 210 is beyond the 200 of equity, and within it and the 30 moved in.
    assert about(made, "moved in (own)").verdict == "holds"
    short = acting((PATH >= 8) & (PATH < 16), np.where(PATH < 16, 130.0, -10.0), np.where(PATH < 16, 9.0, 0.0), TOP_UP)
    assert about(short, "moved in (own)").exceptions[0] == 4 / 40
    assert about(short, "moved in (own)").verdict == "does not hold"


@dataclass(frozen=True)
class StopLoss:
    name: str = "stop"


@dataclass(frozen=True)
class Alerts:
    name: str = "alerts"
    levels: tuple[float, ...] = (2.0,)


def test_a_policy_is_credited_with_what_it_alone_changes():
    same = (PATH < 16, -PROFIT[0], np.zeros(40))
    assert any("a stop helps (own)" in statement for statement in acting(*same, StopLoss()))
    assert any("the policies help (own)" in statement for statement in acting(*same, StopLoss(), TOP_UP))
    # What the base does too is no merit of the configuration's own.
    assert any("a stop helps (own)" in one for one in acting(*same, StopLoss(), TOP_UP, base_policies=(TOP_UP,)))
    # Instead of the base's policy: both are in the difference.
    assert any("the policies help (own)" in one for one in acting(*same, StopLoss(), base_policies=(TOP_UP,)))
    # Alerts alone change nothing, so there is nothing to claim.
    assert not any("(own)" in statement for statement in acting(*same, Alerts()))


def test_what_never_acts_is_undecided():
    made = acting(PATH < 16, -PROFIT[0], np.zeros(40), TOP_UP)
    assert about(made, "less is lost").size == (0.0, 0.0, 0.0)
    assert about(made, "less is lost").verdict == "undecided"
    assert about(made, "fewer liquidations").verdict == "undecided"
    # Nothing was moved in: no claim about it.
    assert not any("moved in" in statement for statement in made)


def test_failed_paths_leave_no_trace():
    clean = found()
    step, profit = np.insert(STEP, 3, 0, axis=1), np.insert(PROFIT, 3, np.nan, axis=1)
    made = replace(outcomes(STAKES, step, profit), failed=np.arange(41) == 3)
    assert claims(made, STANDARD, EQUITY) == tuple(clean.values())
