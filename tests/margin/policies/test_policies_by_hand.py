"""What each policy does at the end of a step, on figures small enough to reckon by hand."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from stresslab.book.policies import Alerts, Answer, Deleveraging, Outage, Reallocation, Withdrawal
from stresslab.margin.policies import alarm, alerts, deleveraging, outage, reallocation, withdrawal
from tests.margin.policies.sights import column, cut, moved, question_of, sight
from tests.oracles.twin import uniforms


def test_alerts_note_the_first_step_of_each_level():
    question = question_of(3)
    policy = alerts.build(Alerts("pager", (3.0, 1.5)), question, question.configurations[0])
    state = policy.init(3, 1)
    # Ratios of 2, 1.2 and, closed by the venue, 1.2: below the first level, below both, no ratio at all.
    state, action = policy.act(
        state, sight(4, equity=(20, 12, 12), requirement=(10, 10, 10), is_open=(True, True, False))
    )
    state, _ = policy.act(state, sight(5, equity=(14, 40, 12), requirement=(10, 10, 10)))
    assert state.first[:, :2, 0].tolist() == [[4, 4], [5, 4]]
    assert state.first[:, 2, 0].tolist() == [5, 5]
    assert (action.deposit, action.cut) == (None, None)


def test_withdrawal_takes_what_is_above_the_target_within_cash_and_cap():
    question = question_of(4)
    policy = withdrawal.build(Withdrawal("sweep", 6.0, 4.0, 25.0, 0.0), question, question.configurations[0])
    seen = sight(1, equity=(61, 70, 61, 59), requirement=(10, 10, 10, 10), cash=(61, 70, 5, 59))
    state, action = policy.act(policy.init(4, 1), seen)
    # 61 - 40 = 21; 30, but the cap is 25; the profit is not realized, so only 5; not above the trigger.
    np.testing.assert_array_equal(moved(action), column(-21, -25, -5, 0))
    # What the cap leaves is taken the next time: 4, nothing, 20, nothing.
    _, action = policy.act(state, sight(2, equity=(61, 70, 61, 59), requirement=(10, 10, 10, 10)))
    np.testing.assert_array_equal(moved(action), column(-4, 0, -20, 0))


def test_a_withdrawal_on_its_way_is_reckoned_anew_when_it_leaves():
    question = question_of(2, step=0.25)
    policy = withdrawal.build(Withdrawal("sweep", 6.0, 4.0, math.inf, 0.3), question, question.configurations[0])
    state, action = policy.act(policy.init(2, 1), sight(1, equity=(70, 70), requirement=(10, 10)))
    np.testing.assert_array_equal(moved(action), column(0, 0))
    # 0.3 days are two steps of six hours. By then one has 50, 10 above its target, and the other less than that.
    state, action = policy.act(state, sight(2, equity=(50, 39), requirement=(10, 10)))
    np.testing.assert_array_equal(moved(action), column(0, 0))
    _, action = policy.act(state, sight(3, equity=(50, 39), requirement=(10, 10)))
    np.testing.assert_array_equal(moved(action), column(-10, 0))


def test_deleveraging_cuts_in_proportion_to_the_target():
    question = question_of(3)
    policy = deleveraging.build(Deleveraging("cut", 2.0, 2.5, 0.01, 0.002, 0.0), question, question.configurations[0])
    _, action = policy.act(policy.init(3, 1), sight(1, equity=(15, 20, -1), requirement=(10, 10, 10)))
    # Of a requirement of 10 against 15, 6 meet a ratio of 2.5: 0.4 is cut. At the trigger nothing is, under water all.
    np.testing.assert_allclose(cut(action), column(0.4, 0.0, 1.0), rtol=1e-6)
    np.testing.assert_allclose(np.array([action.slippage, action.fee_rate]), np.array([0.01, 0.002]), rtol=1e-6)


def test_a_cut_waits_for_its_latency_and_for_the_end_of_an_outage():
    question = question_of(1)
    policy = deleveraging.build(Deleveraging("cut", 2.0, 2.5, 0.0, 0.0, 1.0), question, question.configurations[0])
    state, action = policy.act(policy.init(1, 1), sight(1, equity=(15,), requirement=(10,)))
    assert cut(action).tolist() == [[0.0]]
    state, action = policy.act(state, sight(2, equity=(15,), requirement=(10,), works=False))
    assert cut(action).tolist() == [[0.0]]
    state, action = policy.act(state, sight(3, equity=(20,), requirement=(10,)))
    # At the marks of that moment: 20 of the 25 that the target asks for.
    np.testing.assert_allclose(cut(action), column(0.2), rtol=1e-6)


def test_reallocation_to_equal_margin_ratios():
    question = question_of(3)
    policy = reallocation.build(Reallocation("even", 2.0, "margin_ratio", 0.0), question, question.configurations[0])
    seen: dict[str, Any] = {"equity": (50, 10, 30), "requirement": (10, 10, 10), "cash": (40, 10, 30)}
    _, action = policy.act(policy.init(3, 1), sight(1, **seen))
    np.testing.assert_array_equal(moved(action), column(0, 0, 0))
    # 90 over a requirement of 30: each pool gets 30.
    state, action = policy.act(policy.init(3, 1), sight(2, **seen))
    np.testing.assert_allclose(moved(action), column(-20, 20, 0), atol=1e-5)
    # With cash of 5 it gives 5, and the other gets no more; a closed pool takes no part: (50 + 10) / 20 is 3 again.
    seen |= {"cash": (5, 10, 30), "is_open": (True, True, False)}
    _, action = policy.act(state, sight(4, **seen))
    np.testing.assert_allclose(moved(action), column(-5, 5, 0), atol=1e-5)


def test_reallocation_to_equal_required_collateral():
    # Beyond the requirements of 10 there are 60: by deviation, 0.5 x 100 to 1 x 100, one pool gets 20 and the other 40.
    question = question_of(2)
    policy = reallocation.build(
        Reallocation("even", 1.0, "required_collateral", 1.0), question, question.configurations[0]
    )
    seen: dict[str, Any] = {"equity": (50, 30), "requirement": (10, 10), "notional": (100, 100)}
    state, action = policy.act(policy.init(2, 1), sight(1, **seen))
    np.testing.assert_allclose(moved(action), column(-20, 0), rtol=1e-6)
    # A day later it arrives; what was meant for a pool that is closed by then stays outside.
    seen |= {"equity": (30, 30)}
    arrives = policy._replace(every=jnp.int32(5))
    _, action = arrives.act(state, sight(2, **seen))
    np.testing.assert_allclose(moved(action), column(0, 20), rtol=1e-6)
    _, action = arrives.act(state, sight(2, **seen, is_open=(True, False)))
    np.testing.assert_array_equal(moved(action), column(0, 0))


ANSWER = Answer(1 / 24, 0.0, 0.0, (22.0, 7.0), 3.0, 2.0)


def test_a_desk_takes_longer_at_night_and_at_weekends():
    # Steps of 30 minutes from Friday, 2026-10-02, 18:00: an hour is two steps, at night six, in a night of the weekend
    # twelve, in its days four.
    question = replace(question_of(1, step=1 / 48), start=dt.datetime(2026, 10, 2, 18, tzinfo=dt.UTC))
    clock = alarm.build(ANSWER, "cut", question, question.configurations[0])
    assert clock is not None
    for number, steps in ((1, 2), (7, 2), (8, 6), (12, 12), (25, 12), (26, 4), (107, 12), (108, 6), (121, 6), (122, 2)):
        delay, answered = clock.delay(sight(number, equity=(1,), requirement=(1,)))
        assert (number, int(delay[0, 0]), bool(answered[0, 0])) == (number, steps, True)


def test_an_alarm_that_nobody_answers_is_raised_anew_after_a_day():
    question = question_of(1, step=0.25)
    draws = [uniforms(question.seed, "answer:cut:only:A0", 0, number - 1)[1] for number in (1, 5)]
    # A chance just above the first draw: nobody answers that. The second is drawn four steps later, and is larger.
    assert draws[0] < draws[1]
    answer = replace(ANSWER, night=None, no_answer=draws[0] + 1e-6)
    clock = alarm.build(answer, "cut", question, question.configurations[0])
    state: alarm.State | None = alarm.quiet(1, 1)
    acted = []
    for number in range(1, 8):
        state, acts = alarm.ring(clock, state, jnp.array([[True]]), sight(number, equity=(1,), requirement=(1,)))
        acted.append(bool(acts[0, 0]))
    # An hour is one step of six hours, rounded up: raised at 5, acted on at 6; then raised again.
    assert acted[:6] == [False, False, False, False, False, True]


def test_an_outage_begins_with_the_step_after_the_move_and_with_the_window():
    question = question_of(1, step=0.25)
    policy = outage.build(Outage("dark", ((1.0, 0.3),), 0.1, 0.5, 0.5), question)
    state = policy.init(1, 1)
    works = []
    for number, log in enumerate((0.0, 0.11, 0.11, 0.11, 0.11, 0.11, 0.11, 0.11), start=1):
        works.append(bool(policy.works(state, jnp.int32(number))[0]))
        state = policy.step(state, column(log), jnp.int32(number))
    # Seen at the end of step 2, it lasts for steps 3 and 4; the window, 7.2 hours from one day on, touches 5 and 6.
    assert works == [True, True, False, False, False, False, True, True]
