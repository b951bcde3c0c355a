"""What accounts record finds its place: closed pools, alerts and cash, by configuration, pool and level."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pytest

from stresslab.book.configuration import Configuration, Pool
from stresslab.book.policies import Policy
from stresslab.measures.evaluate import axes_of, evaluate
from stresslab.measures.intervals import wilson
from stresslab.measures.recorded import alert_levels
from tests.measures.made_up import NEVER, outcomes

PATHS = 20
PATH = np.arange(PATHS)


@dataclass(frozen=True)
class Alerts:
    name: str
    levels: tuple[float, ...]


def watched(name: str, pools: tuple[Pool, ...], *levels: float) -> Configuration:
    return Configuration(name, pools, 0.0, cast(tuple[Policy, ...], (Alerts("alerts", levels),)))


A, B, BOTH = Pool("a", (0,), 10.0), Pool("b", (1,), 20.0), Pool("cross", (0, 1), 30.0)
CONFIGURATIONS = (
    Configuration("as_booked", (A, B), 0.0),
    Configuration("all_isolated", (A, B), 0.0),
    Configuration("all_cross", (BOTH,), 0.0),
    # The pools stand in another order than on the axis of pools.
    watched("three levels", (B, A), 3.0, 2.0, 1.5),
    watched("one level", (BOTH,), 2.0),
)
STAKES = ((0, 1), (0, 1), (2,), (3, 4), (5,))
# Reduced on the first 12 paths, closed on the first 6, but for the stake of the last configuration: never.
REDUCED = np.array([np.where(PATH < 12, 5, NEVER)] * 5 + [[NEVER] * PATHS])
CLOSED = np.array([np.where(PATH < 6, 8, NEVER)] * 5 + [[NEVER] * PATHS])
CLOSED[4] = np.where(PATH < 3, 8, NEVER)


def alert(*pools: list[int]) -> np.ndarray:
    """[level, pool, path]: alerted at step 2 on so many of the first paths."""
    return np.array([[np.where(hit > PATH, 2, NEVER) for hit in hits] for hits in zip(*pools, strict=True)], np.int32)


# Of the accounts (configurations 3 and 4): pool b 19, 16 and 13 paths by level, pool a 18, 15 and 11; then cross 4.
MADE = outcomes(
    STAKES,
    REDUCED,
    np.zeros((6, PATHS)),
    accounts=(3, 4),
    closed_step=CLOSED,
    cash_used=[np.where(PATH < 2, 7.0, 0.0), np.zeros(PATHS)],
    alert_step={0: alert([19, 16, 13], [18, 15, 11]), 1: alert([4])},
)


@pytest.fixture(scope="module")
def found():
    axes = axes_of(CONFIGURATIONS, MADE, quantiles=(0.5, 0.95), profile=(0.5,), levels=(0.75,), review_days=())
    assert axes.pools == ("a", "b", "cross")
    assert axes.alert_levels == (3.0, 2.0, 1.5)
    return evaluate(MADE, CONFIGURATIONS, axes)


def test_reduced_and_closed_are_told_apart(found):
    assert found["liquidation_probability"][3, :2].tolist() == [0.6, 0.6]
    # The pools of this configuration stand as b, a: the stake that closes on three paths is a's.
    assert found["closed_probability"][3, :2].tolist() == [3 / 20, 6 / 20]
    assert found["account_closed_probability"].tolist() == [0.3, 0.3, 0.3, 0.3, 0.0]
    assert found["account_closed_probability_upper"][4] == pytest.approx(float(wilson(0, 20)[1]))
    assert np.isnan(found["closed_probability"][3, 2])


def test_alerts_stand_at_their_pool_and_level(found):
    chance = found["alert_probability"]
    assert chance.shape == (5, 3, 3)
    assert chance[3, 0].tolist() == [18 / 20, 15 / 20, 11 / 20]
    assert chance[3, 1].tolist() == [19 / 20, 16 / 20, 13 / 20]
    # The one level of the other configuration is the second of the axis.
    assert chance[4, 2, 1] == 4 / 20
    assert np.isnan(chance[4, 2, [0, 2]]).all()
    assert np.isnan(chance[:3]).all()
    # Twelve are reduced: of 18 alerts 6 were in vain; of 11, none, and one reduction came unwarned.
    assert found["false_alarm_probability"][3, 0].tolist() == [6 / 20, 3 / 20, 0.0]
    assert found["unwarned_liquidation_share"][3, 0].tolist() == [0.0, 0.0, 1 / 12]
    assert found["alert_lead_time"][3, 0, 0].tolist() == [3.0, 3.0]


def test_cash_stands_where_it_was_used(found):
    assert found["cash_used_probability"].tolist()[3:] == [0.1, 0.0]
    assert np.isnan(found["cash_used_probability"][:3]).all()
    assert found["cash_used_quantile"][3].tolist() == [0.0, 7.0]


def test_positions_dragged_down_and_spared(found):
    # Isolated and crossed fall on the same twelve paths; a cross pool that falls on two more drags both along.
    assert found["dragged_down_probability"].tolist() == [0.0, 0.0]
    steps = REDUCED.copy()
    steps[2] = np.where((PATH >= 4) & (PATH < 14), 5, NEVER)
    made = replace(MADE, liquidation_step=steps)
    axes = axes_of(CONFIGURATIONS, made, quantiles=(0.5,), profile=(0.5,), levels=(0.75,), review_days=())
    moved = evaluate(made, CONFIGURATIONS, axes)
    assert moved["dragged_down_probability"].tolist() == [0.1, 0.1]
    assert moved["spared_probability"].tolist() == [0.2, 0.2]


def test_levels_are_those_of_the_alerts():
    assert [alert_levels(each) for each in CONFIGURATIONS] == [(), (), (), (3.0, 2.0, 1.5), (2.0,)]
