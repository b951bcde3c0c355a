"""A desk with a top-up: what it is worth and the claims of the run, counted anew from the outcomes of every path."""

from __future__ import annotations

import numpy as np
import pytest

from stresslab.results.dataset import assemble
from stresslab.results.policy_variables import OPTIONAL
from stresslab.results.saving import load, save
from stresslab.results.tables import write_tables
from stresslab.results.variables import VARIABLES, companions
from stresslab.scenario.reading import read_scenario
from stresslab.simulation.run import simulate
from tests.results.test_tables import read
from tests.scenario.files import SCENARIO, edited, write

ACTING = """
[[policy]]
name = "desk reserve"
kind = "top_up"
trigger = 2.0
target = 4.0
cap = 40_000
reserve = 60_000

[[configuration]]
name = "topped up"
like = "hedge pooled"
policies = ["desk reserve"]
"""
# What only accounts with alerts, or venues that reduce pools, have.
ELSEWHERE = {name for name in OPTIONAL if "closed" in name or "alert" in name or "alarm" in name or "unwarned" in name}


@pytest.fixture(scope="module")
def question(tmp_path_factory):
    smaller = ("collateral = 120_000", "collateral = 60_000")
    text = edited(SCENARIO, ('"90d"', '"8d"'), ('"1h"', '"4h"'), ("100_000", "2048"), smaller)
    return read_scenario(write(tmp_path_factory.mktemp("acting"), scenario=text + ACTING))


@pytest.fixture(scope="module")
def outcomes(question):
    return simulate(question, threads=1)


@pytest.fixture(scope="module")
def results(question, outcomes):
    return assemble(question, outcomes)


def test_the_configuration_knows_what_it_is_like(question, results):
    assert [each.base for each in question.configurations] == [None, None, None, None, "hedge pooled"]
    assert results.policy_base.values.tolist() == ["", "", "", "", "hedge pooled"]


def test_every_number_of_a_policy_is_in_the_result(results):
    for name in OPTIONAL - ELSEWHERE:
        for each in (name, *companions(VARIABLES[name])):
            assert each in results, each
    assert not any(name in results for name in ELSEWHERE)


def test_the_worth_is_that_of_the_outcomes(results, outcomes):
    (without,), (acting,) = outcomes.configuration_stakes[3:]
    hit = outcomes.liquidation_step <= outcomes.steps
    here = results.sel(configuration="topped up")
    fewer = hit[acting].mean() - hit[without].mean()
    assert fewer < 0.0
    assert float(here.account_liquidation_probability_policy_difference) == pytest.approx(fewer)
    lost = np.maximum(-outcomes.profit.astype(np.float64), 0.0)
    assert float(here.expected_loss_policy_difference) == pytest.approx((lost[acting] - lost[without]).mean())
    given = [-outcomes.profit[each][hit[each]].mean(dtype=np.float64) for each in (acting, without)]
    assert float(here.account_loss_given_liquidation_policy_difference) == pytest.approx(given[0] - given[1])
    assert float(here.account_loss_given_liquidation) == pytest.approx(given[0])
    # Control: against as_booked, which is not what the configuration is like, it would be another number.
    assert float(here.account_liquidation_probability_difference) != pytest.approx(fewer)


def test_cash_stays_within_cap_and_reserve(results):
    here = results.sel(configuration="topped up")
    assert 0.0 < float(here.cash_used_probability) < 1.0
    assert 0.0 < float(here.cash_used_quantile.max()) <= 40_000 * (1 + 1e-6)
    assert results.cash_used_quantile.drop_sel(configuration="topped up").isnull().all()


def test_claims_are_labeled_and_come_back_from_disk(results, tmp_path):
    statements = results.claim.values.tolist()
    assert len(statements) == len(set(statements)) == 8
    assert set(results.claim_verdict.values.tolist()) <= {"holds", "does not hold", "undecided"}
    cap = results.sel(claim="isolation caps the loss of each position at what stands behind it")
    assert (cap.claim_verdict, float(cap.claim_exceptions)) == ("holds", 0.0)
    save(results, tmp_path / "results.nc")
    assert load(tmp_path / "results.nc").identical(results)


def test_claims_have_a_table_of_their_own(results, tmp_path):
    write_tables(results, tmp_path)
    rows = read(tmp_path / "by_claim.csv")
    assert [row["claim"] for row in rows] == results.claim.values.tolist()
    sizes = [float(row["claim_size"] or "nan") for row in rows]
    np.testing.assert_array_equal(sizes, results.claim_size.values)


def test_the_claim_is_the_difference_with_its_sign_turned(results):
    claim = results.sel(claim="a top-up helps (topped up): fewer liquidations")
    here = results.sel(configuration="topped up")
    assert float(claim.claim_size) == -float(here.account_liquidation_probability_policy_difference)
    assert float(claim.claim_size_lower) == pytest.approx(
        -float(here.account_liquidation_probability_policy_difference_upper)
    )
    assert str(claim.claim_against.item()) == "hedge pooled"
