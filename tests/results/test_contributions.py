"""Contributions in a result add up under its own labels, and the order of liquidations is that of the paths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stresslab.book.configurations import configuration
from stresslab.book.policies import TopUp
from stresslab.report.loss_tables import ended_by, tail_makers
from stresslab.report.review import Review
from stresslab.results.dataset import assemble
from stresslab.simulation.run import simulate
from tests.oracles import scenarios
from tests.report import cases


def question(paths: int = 2000):
    return cases.scenario(
        [
            cases.position("long", 6.0, margin="isolated", collateral=90.0),
            cases.position("other", 12.0, asset="ETH"),
            cases.position("hedge", -3.0),
        ],
        250.0,
        paths=paths,
    )


@pytest.fixture(scope="module")
def results():
    asked = question()
    return assemble(asked, simulate(asked))


def test_pools_and_positions_add_up_to_the_shortfall(results):
    for name, dim in (("pool_shortfall_contribution", "pool"), ("position_shortfall_contribution", "position")):
        total = results[name].sum(dim)
        np.testing.assert_allclose(total, results.expected_shortfall, rtol=1e-9)
    # A position alone in its pool is the pool.
    here = results.sel(configuration="as_booked", level=0.975)
    assert float(here.position_shortfall_contribution.sel(position="long")) == pytest.approx(
        float(here.pool_shortfall_contribution.sel(pool="long"))
    )
    # The control: the short earns where the book loses, its own shortfall would not tell.
    assert float(results.position_shortfall_contribution.sel(configuration="all_cross", position="hedge")[1]) < 0.0


def test_diversification_is_of_pools(results):
    # By definition none where there is a single pool.
    assert np.abs(results.shortfall_diversification.sel(configuration="all_cross")).max() < 1e-9
    # A long and a short of one asset do not lose together: the sum of their own exceeds what both can lose.
    assert float(results.shortfall_diversification.sel(configuration="all_isolated", level=0.95)) > 1.0


def test_the_first_add_up_to_any(results):
    np.testing.assert_allclose(
        results.first_liquidation_probability.sum("position"), results.account_liquidation_probability, rtol=1e-9
    )
    # Of one pool all are first together: the mean place of three is two.
    assert (results.liquidation_rank.sel(configuration="all_cross") == 2.0).all()
    assert float(results.liquidation_rank.sel(configuration="all_isolated", position="hedge")) > 1.0


def test_positions_that_policies_close_on_the_way_are_missing():
    asked = question(64)
    pools = asked.configurations[0].pools
    topped = replace(
        configuration(asked.book, "topped up", [pool for pool in pools if pool.name != "cross"]),
        policies=(TopUp("top up", 1.5, 2.0, 50.0, 50.0, 0.0, None),),
    )
    asked = replace(asked, configurations=(*asked.configurations, topped))
    results = assemble(asked, simulate(asked))
    here = results.position_shortfall_contribution.sel(configuration="topped up", level=0.975)
    assert np.isnan(here.sel(position=["other", "hedge"])).all()
    assert np.isfinite(here.sel(position="long"))
    total = results.pool_shortfall_contribution.sel(configuration="topped up").sum("pool")
    np.testing.assert_allclose(total, results.expected_shortfall.sel(configuration="topped up"), rtol=1e-9)


def test_the_table_names_the_largest_first(results):
    rows = tail_makers(Review(results)).rows
    here = results.sel(configuration="as_booked", level=0.975).position_shortfall_contribution
    order = [str(here.position.values[place]) for place in np.argsort(-here.values)]
    assert [row[0] for row in rows] == order


def ended(positions, collateral, *, volatilities, drifts=None, paths=2000):
    """Shares of the liquidations of one pool of everything, by position, with their bounds."""
    everything = scenarios.configuration("as_booked", ("cross", list(range(len(positions))), collateral))
    alone = scenarios.configuration("all_isolated", *((each.id, [place], 0.2) for place, each in enumerate(positions)))
    names = replace(everything, name="all_cross")
    asked = scenarios.scenario(
        positions, [everything, alone, names], volatilities=volatilities, drifts=drifts, paths=paths
    )
    return assemble(asked, simulate(asked))


def test_the_one_whose_price_falls_ended_the_pool_and_not_the_largest():
    # By hand: a drift of -20 a year takes 32 % off the small long within a week (exp(-20 * 7 / 365) = 0.68), against
    # which the volatility of 5 % a year, 0.7 % a week, is nothing; the large one stands.
    held = [scenarios.position("small", 1.0), scenarios.position("large", 3.0, asset="ETH")]
    for drifts, culprit in (((-20.0, 0.0), "small"), ((0.0, -20.0), "large")):
        results = ended(held, 0.2, volatilities={"BTC": 0.05, "ETH": 0.05}, drifts=drifts)
        here = results.sel(configuration="as_booked", pool="cross")
        assert float(here.liquidation_probability) == 1.0
        assert float(here.pool_ended_by.sel(position=culprit)) == 1.0
        assert float(here.pool_ended_by.sum("position")) == 1.0


def test_two_alike_end_the_pool_equally_often():
    # By symmetry one half each; the control, the second twice as volatile, is no longer even.
    held = [scenarios.position("one", 1.0), scenarios.position("other", 1.0, asset="ETH")]
    even = ended(held, 0.15, volatilities={"BTC": 0.8, "ETH": 0.8}).sel(configuration="as_booked", pool="cross")
    assert (even.pool_ended_by_lower < 0.5).all()
    assert (even.pool_ended_by_upper > 0.5).all()
    uneven = ended(held, 0.15, volatilities={"BTC": 0.8, "ETH": 1.6}).sel(configuration="as_booked", pool="cross")
    assert float(uneven.pool_ended_by_lower.sel(position="other")) > 0.5


def test_on_one_price_the_larger_side_ends_the_pool():
    # Net long two, so that it is only liquidated where the price falls, and there the short earns.
    held = [scenarios.position("long", 3.0), scenarios.position("short", -1.0)]
    results = ended(held, 0.15, volatilities={"BTC": 0.8})
    here = results.sel(configuration="as_booked", pool="cross").pool_ended_by
    assert here.sel(position="long") == 1.0
    assert here.sel(position="short") == 0.0
    # A pool of one was ended by the one; where it is not in the pool there is nothing to say.
    alone = results.pool_ended_by.sel(configuration="all_isolated", pool="long")
    assert alone.sel(position="long") == 1.0
    assert np.isnan(alone.sel(position="short"))


def test_the_table_of_who_ended_a_pool_shows_pools_of_several_alone(results):
    (shown,) = ended_by(Review(results))
    assert [row[0] for row in shown.rows if row[0]] == ["cross", "whole book, crossed"]
    assert len(shown.rows) == 2 + 3
    here = results.pool_ended_by.sel(configuration="as_booked", pool="cross")
    assert shown.rows[0][1] == str(here.position.values[np.nanargmax(here)])


def test_a_pool_that_never_falls_was_ended_by_nobody():
    held = [scenarios.position("one", 1.0), scenarios.position("other", 1.0, asset="ETH")]
    results = ended(held, 50.0, volatilities={"BTC": 0.1, "ETH": 0.1}, paths=64)
    assert np.isnan(results.pool_ended_by.sel(configuration="as_booked")).all()
