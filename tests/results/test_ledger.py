"""The ledger in a result: its means add up to the mean change of the account, and are missing where nothing acts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stresslab.results.dataset import assemble
from stresslab.scenario.reading import read_scenario
from stresslab.simulation.run import simulate
from tests.scenario.files import SCENARIO, edited, write

FUNDING = '[market.funding]\npremium_deviation = 0.0002\npremium_half_life = "12h"\n\n[market.correlation]'


@pytest.fixture(scope="module")
def question(tmp_path_factory):
    text = edited(SCENARIO, ("[market.correlation]", FUNDING), ('"90d"', '"8d"'), ('"1h"', '"4h"'), ("100_000", "1024"))
    return read_scenario(write(tmp_path_factory.mktemp("funded"), scenario=text))


def test_means_of_the_lines_add_up(question):
    results = assemble(question, simulate(question))
    total = results.expected_ledger.sum("ledger_line", skipna=False).values
    np.testing.assert_allclose(total, results.expected_pnl.values, atol=1e-6 * question.book.wallet_balance)
    funding = results.expected_ledger.sel(ledger_line="funding")
    assert (results.expected_ledger_lower.sel(ledger_line="funding") < funding).all()
    # The book is long 1,220,000 and short 495,000; 24 settlements at the interest of 1e-4 cost it 1,740 on average
    # while its pools are open, and the cross pool of the whole book stays open nearly always.
    assert float(funding.sel(configuration="all_cross")) == pytest.approx(-1_740, rel=0.1)


def test_a_run_on_which_nothing_acts_has_no_ledger(question):
    quiet = replace(question, market=replace(question.market, funding=None))
    results = assemble(quiet, simulate(quiet))
    assert "expected_ledger" not in results
    assert "transfers_quantile" not in results
    assert results.expected_pnl.notnull().all()
