"""Contributions in a result add up under its own labels, and the order of liquidations is that of the paths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stresslab.book.configurations import configuration
from stresslab.book.policies import TopUp
from stresslab.report.loss_tables import tail_makers
from stresslab.report.review import Review
from stresslab.results.dataset import assemble
from stresslab.simulation.run import simulate
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
