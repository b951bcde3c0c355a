"""Several accounts as one, on paths few enough to be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from stresslab.measures.evaluate import NoValidPathError
from stresslab.measures.institution import (
    AccountRecord,
    InstitutionAxes,
    institution_arrays,
    loss_in_reporting_currency,
)

STEPS = 10
NEVER = STEPS + 1
AXES = InstitutionAxes((0.9,), (0.5,), (0.5,), np.array([0, 5, 10]), STEPS)


def record(loss, first, cash=None, failed=None):
    losses = np.array([loss], np.float64)
    return AccountRecord(
        losses,
        np.array([first], np.int32),
        np.zeros_like(losses) if cash is None else np.array([cash], np.float64),
        np.zeros(losses.shape[1], np.bool_) if failed is None else np.array(failed),
    )


def test_a_rate_that_stands_still_scales_the_loss():
    loss = np.array([-3.0, 0.0, 5.0])
    found = loss_in_reporting_currency(loss, 100.0, 0.92, np.asarray(0.92))
    # Oracle: rate times loss, exactly.
    assert found.tolist() == (0.92 * loss).tolist()


def test_an_account_that_holds_cash_alone_loses_by_the_rate_alone():
    rates = np.array([0.5, 1.0, 1.5])
    found = loss_in_reporting_currency(np.zeros(3), 200.0, 1.0, rates)
    # Oracle: W (fx(0) - fx(T)).
    assert found.tolist() == [100.0, 0.0, -100.0]
    # What is lost of it is lost at the rate of the horizon: 1.0 * 200 - 1.5 * (200 - 20).
    assert loss_in_reporting_currency(np.array([20.0]), 200.0, 1.0, np.array([1.5])) == pytest.approx(-70.0)


def test_the_whole_is_the_sum_path_by_path():
    # The worst of ten paths is the last for the first account, the first for the second, the first for the sum.
    one = record([1, 0, 0, 0, 0, 0, 0, 0, 0, 6], [NEVER] * 10)
    two = record([9, 0, 0, 0, 0, 0, 0, 0, 0, 2], [NEVER] * 10)
    found = institution_arrays([one, two], AXES)
    # Oracle: by hand. Losses of the sum: 10 on the first path, 8 on the last, nothing else; tail of 10 %: one path.
    assert found["expected_shortfall"].tolist() == [[10.0]]
    assert found["account_expected_shortfall"].tolist() == [[[6.0], [9.0]]]
    assert found["account_shortfall_contribution"].tolist() == [[[1.0], [9.0]]]
    assert found["shortfall_diversification"].tolist() == [[5.0]]
    assert found["expected_pnl"] == pytest.approx(-1.8)


def test_parts_add_up_to_the_shortfall_of_the_whole():
    generator = np.random.default_rng(3)
    losses = generator.standard_t(4, (3, 5000)) @ np.diag(np.ones(5000))
    axes = InstitutionAxes((0.95, 0.975, 0.99), (0.5,), (0.5,), np.array([0]), STEPS)
    found = institution_arrays([record(each, [NEVER] * 5000) for each in losses], axes)
    parts = found["account_shortfall_contribution"][0].sum(axis=0)
    assert parts == pytest.approx(found["expected_shortfall"][0], rel=1e-12)
    assert np.all(found["shortfall_diversification_lower"][0] > 0.0)
    # The control: accounts that lose alike do not diversify, and each has half of it.
    alike = institution_arrays([record(losses[0], [NEVER] * 5000)] * 2, axes)
    assert alike["shortfall_diversification"][0] == pytest.approx(0.0, abs=1e-12)
    assert alike["account_shortfall_contribution"][0, 0] == pytest.approx(alike["expected_shortfall"][0] / 2)


def test_who_falls_with_whom_is_counted():
    # Paths: both at once; the first account first; the second first; the first alone; nobody, twice. Each ten times.
    one = record([0] * 60, [3, 2, 7, 5, NEVER, NEVER] * 10)
    two = record([0] * 60, [3, 4, 1, NEVER, NEVER, NEVER] * 10)
    found = institution_arrays([one, two], AXES)
    given, first = (found[f"liquidation_given_{name}"][0] for name in ("liquidation", "first"))
    # Oracle: counts of the kinds of paths above.
    assert given.tolist() == [[1.0, 3 / 4], [1.0, 1.0]]
    assert first.tolist() == [[1.0, 2 / 3], [1.0, 1.0]]
    assert found["account_liquidation_probability"].tolist() == [[4 / 6, 3 / 6]]
    assert found["first_liquidation_probability"][0] == pytest.approx([2.5 / 6, 1.5 / 6])
    assert found["any_liquidation_probability"] == pytest.approx(4 / 6)
    assert found["every_liquidation_probability"] == pytest.approx(3 / 6)
    assert found["liquidations_or_more_probability"].tolist() == [[4 / 6, 3 / 6]]
    assert found["survival"][0] == pytest.approx([1.0, 2 / 6, 2 / 6])
    # Oracle: Wilson's interval of 30 hits in 40, by its formula with z = 1.96.
    z, n, p = 1.959964, 40, 0.75
    center, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    bounds = [(center - half) / (1 + z**2 / n), (center + half) / (1 + z**2 / n)]
    ends = [found[f"liquidation_given_liquidation{end}"][0, 0, 1] for end in ("_lower", "_upper")]
    assert ends == pytest.approx(bounds, abs=1e-6)


def test_a_condition_that_holds_on_fewer_than_ten_paths_tells_nothing():
    shares = [
        institution_arrays([record([0] * 40, [5] * count + [NEVER] * (40 - count))] * 2, AXES) for count in (9, 10)
    ]
    assert np.isnan(shares[0]["liquidation_given_liquidation"]).all()
    assert shares[1]["liquidation_given_liquidation"].tolist() == [[[1.0, 1.0], [1.0, 1.0]]]


def test_what_never_happens_has_a_bound_and_no_condition():
    found = institution_arrays([record([0] * 40, [NEVER] * 40), record([0] * 40, [5] * 40)], AXES)
    assert found["account_liquidation_probability"][0, 0] == 0.0
    assert 0.05 < found["account_liquidation_probability_upper"][0, 0] < 0.15
    assert np.isnan(found["liquidation_given_liquidation"][0, 0]).all()
    assert found["liquidation_given_liquidation"][0, 1, 0] == 0.0
    assert found["liquidation_given_liquidation_upper"][0, 1, 0] > 0.05


def test_cash_of_the_whole_is_less_than_the_sum_where_it_is_needed_on_different_paths():
    cash = np.zeros(1000)
    early, late = cash.copy(), cash.copy()
    early[:80], late[-80:] = 10.0, 10.0
    found = institution_arrays([record(cash, [NEVER] * 1000, each) for each in (early, late)], AXES)
    # Oracle: 8 % of the paths need 10 in each account, so 90 % suffice with nothing, and 16 % need 10 in the whole.
    assert found["account_cash_at_risk"].tolist() == [[[0.0], [0.0]]]
    assert found["cash_at_risk"].tolist() == [[10.0]]
    unknown = institution_arrays([record(cash, [NEVER] * 1000, cash), record(cash, [5] * 1000, cash * np.nan)], AXES)
    assert np.isnan(unknown["cash_at_risk"]).all()
    assert unknown["account_cash_at_risk"][0, 0, 0] == 0.0


def test_a_path_that_failed_in_one_account_counts_in_none():
    one = record([1, 2, 3, np.nan], [NEVER] * 4, failed=[False, False, False, True])
    two = record([1, 1, 1, 1], [NEVER, NEVER, NEVER, 1])
    found = institution_arrays([one, two], AXES)
    # Oracle: mean of 2, 3 and 4.
    assert found["expected_loss"] == pytest.approx(3.0)
    assert float(found["failed_paths"]) == 1.0
    assert float(found["any_liquidation_probability"][0]) == 0.0
    with pytest.raises(NoValidPathError, match="every path failed"):
        institution_arrays([record([1], [1], failed=[True]), record([1], [1])], AXES)
