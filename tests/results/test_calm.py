"""A run in which nothing happens is a result too."""

from __future__ import annotations

import numpy as np

from stresslab.results.dataset import assemble
from stresslab.simulation.run import simulate
from tests.oracles.scenarios import configuration, position, scenario


def test_a_book_that_is_never_liquidated_has_bounds_and_missing_losses():
    names = ("as_booked", "all_isolated", "all_cross")
    calm = scenario(
        [position("btc", 1.0)],
        [configuration(name, ("btc" if name != "all_cross" else "cross", [0], 0.1)) for name in names],
        volatilities={"BTC": 0.01},
        paths=500,
    )
    results = assemble(calm, simulate(calm))
    pool = results.sel(configuration="as_booked", pool="btc")
    assert float(pool.liquidation_probability) == 0.0
    assert 0.0 < float(pool.liquidation_probability_upper) < 0.01
    assert float(pool.expected_liquidation_loss) == 0.0
    for bound in ("", "_lower", "_upper"):
        assert np.isnan(float(pool[f"loss_given_liquidation{bound}"]))
    # A week at 1 % a year moves a price by a tenth of a percent: the collateral of a tenth is never touched.
    assert float(pool.required_collateral.sel(quantile=0.999)) < 0.02
