"""Rare liquidations against first-passage formulas, and against plain sampling where that still answers."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from stresslab.cli import main
from stresslab.measures.weights import warning_signs, weighted_probability
from stresslab.rare.estimation import PLAIN, SPLIT, TILTED, RareEventError, Sampler, gain_of, rare_events
from stresslab.rare.files import COLUMNS
from stresslab.rare.likeliest import likeliest_breaches
from stresslab.rare.splitting import Splitter
from stresslab.simulation.run import simulate
from tests.allocation.books import scenario_of
from tests.market.test_jump_liquidations import JUMPS, jumpy
from tests.oracles.scenarios import configuration, position, scenario

SIX_HOURS = 0.25
LONG = {"days": 7.0, "paths": 102_400}
FIVE = {"A": 0.6, "B": 0.7, "C": 0.8, "D": 0.9, "E": 1.0}


def one(collateral, *, quantity=1.0, paths=10_240, **market):
    """A single position of 1 at the money, 60 % volatility and 7 days unless told otherwise."""
    market = {"volatilities": {"BTC": 0.6}, "step": SIX_HOURS, **market}
    return scenario(
        (position("a", quantity),), (configuration("as_booked", ("a", [0], collateral)),), paths=paths, **market
    )


def crossed(collateral, paths, *, step=SIX_HOURS):
    """Five correlated positions, four long and one short, behind one collateral."""
    quantities = (1.0, 0.5, 0.8, -0.6, 0.4)
    positions = tuple(position(name, quantity, asset=name) for name, quantity in zip(FIVE, quantities, strict=True))
    correlation = np.full((5, 5), 0.6) + 0.4 * np.eye(5)
    pool = configuration("all_cross", ("cross", range(5), collateral))
    return scenario(positions, (pool,), volatilities=FIVE, correlation=correlation, paths=paths, step=step)


@pytest.mark.parametrize(
    ("leverage", "volatility", "days", "expected"),
    # METHODS O2, the column "exact": M11 in closed form.
    [
        (3.0, 0.6, 7.0, 1.75728e-6),
        (5.0, 0.6, 3.0, 6.7673e-5),
        (3.0, 0.8, 7.0, 3.67017e-4),
        (10.0, 0.6, 1.0, 1.46887e-3),
    ],
)
def test_rare_positions_have_the_closed_form(leverage, volatility, days, expected):
    question = one(1.0 / leverage, volatilities={"BTC": volatility}, days=days)
    (event,) = rare_events(question, "as_booked")
    assert event.method == TILTED
    assert event.estimate.relative_error < 0.03
    assert event.estimate.probability == pytest.approx(expected, abs=4.0 * event.estimate.standard_error)
    assert event.warnings == ()
    # Negative control: what looking at the grid alone would give, at least 29 % less in that table, lies outside.
    assert not event.estimate.lower < 0.71 * expected < event.estimate.upper


def test_the_variance_is_that_of_the_table():
    # METHODS O5, "M29 with M21": 2.55e5 without the tenth of untilted paths, which costs up to a tenth and some.
    (event,) = rare_events(one(1.0 / 3.0, paths=102_400), "as_booked")
    assert event.gain == pytest.approx(2.55e5, rel=0.25)


def test_what_is_not_rare_is_sampled_plainly():
    # METHODS Case A, closed form.
    (event,) = rare_events(one(0.1, volatilities={"BTC": 0.8}, paths=102_400), "as_booked")
    assert event.method == PLAIN
    assert "not rare" in event.reason
    assert event.estimate.lower < 0.383553 < event.estimate.upper
    # Summing chances is better than counting: M21 has 3.58 / 2 at the least in the table's row of M28.
    assert event.gain > 1.0


def test_plain_paths_are_those_of_a_run():
    question = one(0.1, volatilities={"BTC": 0.8}, paths=4_096)
    values, _ = Sampler(question, question.configurations[0].pools[0], np.zeros((0, 1))).values(
        question.seed, question.paths, is_tilted=False
    )
    hit = simulate(question).liquidation_step[0] <= question.steps
    # A path whose chance is certain was liquidated by the engine too, and one without a chance was not.
    assert hit[values > 1.0 - 1e-6].all()
    assert not hit[values < 1e-7].any()
    noise = 4.0 * float(np.sqrt(np.mean(values * (1.0 - values)) / values.size))
    assert float(np.mean(hit)) == pytest.approx(float(np.mean(values)), abs=noise)


def test_five_assets_agree_with_plain_sampling():
    question = crossed(0.5, 30_720)
    (event,) = rare_events(question, "all_cross")
    assert event.method == TILTED
    assert event.estimate.relative_error < 0.03
    sampler = Sampler(question, question.configurations[0].pools[0], np.zeros((0, 5)))
    plain = weighted_probability(sampler.values(7, 1_000_000, is_tilted=False)[0])
    assert 5e-4 < plain.probability < 5e-3
    error = float(np.hypot(plain.standard_error, event.estimate.standard_error))
    assert event.estimate.probability == pytest.approx(plain.probability, abs=4.0 * error)
    # So does the engine, which draws the bridge instead of summing its chances.
    hits = float(np.mean(simulate(replace(question, paths=200_704)).liquidation_step[0] <= question.steps))
    assert hits == pytest.approx(event.estimate.probability, abs=4.0 * np.sqrt(plain.probability / 200_704))


def test_a_pool_with_two_likeliest_breaches():
    # By hand: exp(x) + exp(y) = 2 + 8 / 1.005 is nearer to zero on either axis, at ln 9 = 2.2, than between them, at
    # sqrt(2) ln 5 = 2.3; so either short alone is likelier to end the pool than both a little.
    shorts = scenario(
        (position("a", -1.0), position("b", -1.0, asset="ETH")),
        (configuration("c", ("cross", [0, 1], 8.0)),),
        volatilities={"BTC": 1.5, "ETH": 1.5},
        days=64.0,
        step=2.0,
        paths=30_720,
    )
    points = likeliest_breaches(shorts, shorts.configurations[0].pools[0])
    assert points[0][::-1] == pytest.approx(points[1], rel=1e-3)
    assert abs(points[0][0] - points[0][1]) > 3.0
    (event,) = rare_events(shorts, "c")
    assert event.method == TILTED
    hits = simulate(replace(shorts, paths=512_000)).liquidation_step[0] <= shorts.steps
    error = float(np.hypot(np.sqrt(hits.mean() / hits.size), event.estimate.standard_error))
    assert event.estimate.probability == pytest.approx(float(hits.mean()), abs=4.0 * error)


def test_the_breach_of_one_price_is_its_barrier():
    # METHODS M28: (b - nu T) / (sigma sqrt T), with b = ln(P*) of a 3x long at 0.5 % maintenance.
    question = one(1.0 / 3.0)
    (point,) = likeliest_breaches(question, question.configurations[0].pools[0])
    years = 7.0 / 365.0
    wanted = (np.log((1.0 - 1.0 / 3.0) / 0.995) + 0.18 * years) / (0.6 * np.sqrt(years))
    assert point == pytest.approx([wanted], rel=1e-9)


def test_jumps_that_kill_alone_are_not_tilted_to():
    # METHODS O3, M18: 3x over 7 days by killed-density recursion; a third of it by a jump, which no tilt leads to.
    question = jumpy("merton", (position("a", 1.0),), one(1.0 / 3.0).configurations, {"BTC": 0.6}, **LONG, **JUMPS)
    (event,) = rare_events(question, "as_booked")
    assert event.method in (PLAIN, SPLIT)
    assert "its weights cannot be trusted" in event.reason
    assert event.estimate.lower < 6.47e-4 < event.estimate.upper


def test_small_jumps_leave_the_tilt_right():
    # Oracle: the engine's own hits on plain paths.
    small = {**JUMPS, "common_jump_mean": -0.005, "common_jump_deviation": 0.01}
    question = jumpy("merton", (position("a", 1.0),), one(0.22).configurations, {"BTC": 0.6}, **LONG, **small)
    (event,) = rare_events(question, "as_booked")
    assert event.method == TILTED
    hits = simulate(replace(question, paths=409_600)).liquidation_step[0] <= question.steps
    error = float(np.hypot(np.sqrt(hits.mean() / hits.size), event.estimate.standard_error))
    assert event.estimate.relative_error < 0.05
    assert event.estimate.probability == pytest.approx(float(hits.mean()), abs=4.0 * error)


HEAVY = {"model": "student_t", "extra": {"degrees_of_freedom": 4.0}}


def test_heavy_tails_are_not_tilted_to():
    (event,) = rare_events(one(0.2, paths=4_096, **HEAVY), "as_booked")
    assert event.method == PLAIN
    assert "which is not rare" in event.reason
    # Where one draw of the variance makes the breach at once, no branching leads there either.
    weights = {"bar": "6h", "alpha": 0.05, "gamma": 0.0, "beta": 0.93, "degrees_of_freedom": 3.0}
    extra = {**weights, "start_volatility": None, "correlation_alpha": 0.0, "correlation_beta": 0.0}
    (event,) = rare_events(one(0.35, model="garch", extra=extra), "as_booked")
    assert event.method == PLAIN
    assert "under the model garch no shift of normals leads to a breach; splitting would divide" in event.reason


# Splitting.


@pytest.mark.parametrize(
    ("leverage", "volatility", "days", "expected"),
    # METHODS O2, the column "exact".
    [(10.0, 0.6, 1.0, 1.46887e-3), (5.0, 0.6, 3.0, 6.7673e-5), (3.0, 0.6, 7.0, 1.75728e-6)],
)
def test_splitting_has_the_closed_form(leverage, volatility, days, expected):
    question = one(1.0 / leverage, volatilities={"BTC": volatility}, days=days, step=1.0 / 24.0)
    splitter = Splitter(question, question.configurations[0].pools[0])
    levels = splitter.levels(3)
    assert list(levels) == sorted(set(levels))
    assert 0.0 < levels[0] < levels[-1] < 1.0
    estimate = splitter.estimate(3, 102_400, levels)
    assert estimate.relative_error < 0.2
    assert estimate.probability == pytest.approx(expected, abs=4.0 * estimate.standard_error)
    # Any levels are right, badly chosen ones too.
    other = splitter.estimate(4, 102_400, (0.3, 0.5))
    assert other.probability == pytest.approx(expected, abs=4.0 * other.standard_error + 1e-7)


def test_paths_that_branch_inside_a_draw_would_be_found_out():
    # Student-t variances are drawn by the day: whoever branches within it draws a new one for a day that is half over.
    question = one(0.4, step=1.0 / 24.0, paths=204_800, days=5.0, **HEAVY)
    pool = question.configurations[0].pools[0]
    plain = weighted_probability(Sampler(question, pool, np.zeros((0, 1))).values(7, 800_000, is_tilted=False)[0])
    splitter = Splitter(question, pool)
    assert splitter._span == 24
    estimate = splitter.estimate(5, 204_800, (0.2, 0.5))
    error = float(np.hypot(plain.standard_error, estimate.standard_error))
    assert estimate.probability == pytest.approx(plain.probability, abs=4.0 * error)
    # Negative control: a new draw at once.
    splitter._span = 1
    wrong = splitter.estimate(5, 204_800, (0.2, 0.5))
    error = float(np.hypot(plain.standard_error, wrong.standard_error))
    assert abs(wrong.probability - plain.probability) > 4.0 * error


def test_volatility_that_moves_is_split():
    # Oracle: plain paths of the same market, eight times as many.
    law = {"mean_reversion": 5.0, "volatility_of_variance": 1.5, "leverage_correlation": -0.3, "start_volatility": None}
    question = one(0.18, step=1.0 / 24.0, paths=102_400, days=3.0, model="heston", extra=law)
    (event,) = rare_events(question, "as_booked")
    assert event.method == SPLIT
    assert event.gain > 2.0
    assert "splitting at" in event.reason
    pool = question.configurations[0].pools[0]
    plain = weighted_probability(Sampler(question, pool, np.zeros((0, 1))).values(7, 800_000, is_tilted=False)[0])
    error = float(np.hypot(plain.standard_error, event.estimate.standard_error))
    assert event.estimate.probability == pytest.approx(plain.probability, abs=4.0 * error)
    assert event.estimate.probability < 1e-3
    assert rare_events(question, "as_booked", threads=1) == (event,)


def test_a_cross_pool_is_split_as_it_is_tilted():
    question = crossed(0.5, 102_400)
    (event,) = rare_events(question, "all_cross")
    estimate = Splitter(question, question.configurations[0].pools[0]).estimate(1, 102_400, (0.4, 0.7))
    error = float(np.hypot(event.estimate.standard_error, estimate.standard_error))
    assert estimate.probability == pytest.approx(event.estimate.probability, abs=4.0 * error)


def test_one_seed_one_answer():
    question = one(1.0 / 3.0)
    first, again = (rare_events(question, "as_booked", threads=count)[0] for count in (1, 2))
    assert first == again
    (other,) = rare_events(replace(question, seed=1), "as_booked")
    assert other.estimate.probability != first.estimate.probability


def test_pools_at_either_end():
    (dead,) = rare_events(one(0.004), "as_booked")
    assert (dead.estimate.probability, dead.reason) == (1.0, "the pool is liquidated today")
    (safe,) = rare_events(one(2.0), "as_booked")
    assert safe.estimate.probability == 0.0
    assert safe.method == PLAIN
    # METHODS M23, Wilson at no hits: z^2 / (n + z^2) with z = 1.96.
    assert safe.estimate.upper == pytest.approx(1.959964**2 / (10_240 + 1.959964**2), rel=1e-6)
    assert safe.warnings == ("no path came near a liquidation; only the upper bound says anything",)


def test_what_acts_is_refused():
    question = one(0.1)
    reducing = replace(question.book.venue, liquidation_procedure="reduce_by_tiers")
    with pytest.raises(RareEventError, match="acts on the pools before they are liquidated"):
        rare_events(replace(question, book=replace(question.book, venue=reducing)), "as_booked")


def test_unknown_names_are_refused():
    with pytest.raises(RareEventError, match="there is no configuration named 'x'; there are as_booked"):
        rare_events(one(0.1), "x")
    with pytest.raises(RareEventError, match="no pool of as_booked"):
        rare_events(one(0.1), "as_booked", "b")


def test_health_of_weights_by_hand():
    # By hand: sum 4, squares 10, so ESS 16/10; the largest is 3/4 of the sum; the mean is 4/8.
    values = np.array([3.0, 1.0, 0, 0, 0, 0, 0, 0])
    estimate = weighted_probability(values)
    assert estimate.effective_sample_size == pytest.approx(1.6)
    assert estimate.largest_share == 0.75
    assert estimate.probability == 0.5
    # Variance (10 - 8 * 0.25) / 7 = 8/7; its standard error sqrt(1/7).
    assert estimate.standard_error == pytest.approx(np.sqrt(1.0 / 7.0))
    assert len(warning_signs(estimate)) == 3
    # Plain hits give Wilson's own interval but for n - 1 in the variance: METHODS O5, 37 of 100,000.
    hits = np.zeros(100_000)
    hits[:37] = 1.0
    counted = weighted_probability(hits)
    assert (counted.lower, counted.upper) == pytest.approx((2.6846e-4, 5.0992e-4), rel=1e-4)
    assert gain_of(counted) == pytest.approx(1.0, rel=1e-4)
    with pytest.raises(ValueError, match="not finite"):
        weighted_probability(np.array([1.0, np.nan]))


def test_the_command(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    scenario_of(tmp_path / "in", [1.0, -1.0], [1.2, 1.2], 0.3, paths=10_000)
    asked = ["rare", str(tmp_path / "in" / "scenario.toml"), "--out", str(tmp_path / "out"), "--configuration"]
    assert main([*asked, "all_isolated", "--pool", "p1", "--tables", "parquet,excel"]) == 0
    told = capsys.readouterr().out
    assert "importance sampling, 10,000 paths" in told
    with (tmp_path / "out" / "rare_events.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert set(row) == set(COLUMNS)
    assert (row["pool"], row["method"], row["warnings"]) == ("p1", "importance", "")
    # Half the wallet of 2 stands behind either: METHODS M11 for a short whose price may rise to 2 / 1.005.
    root, barrier = 1.2 * np.sqrt(7.0 / 365.0), np.log(2.0 / 1.005)
    drift = -0.5 * root**2
    expected = ndtr((drift - barrier) / root) + np.exp(-barrier) * ndtr((-drift - barrier) / root)
    error = float(row["standard_error"])
    assert 0.0 < error < 0.03 * expected
    assert float(row["liquidation_probability"]) == pytest.approx(expected, abs=4.0 * error)
    typed = pd.read_parquet(tmp_path / "out" / "rare_events.parquet")
    assert typed.liquidation_probability[0] == float(row["liquidation_probability"])
    sheet = pd.read_excel(tmp_path / "out" / "rare_events.xlsx", sheet_name="rare_events")
    assert sheet.pool[0] == "p1"
    assert main([*asked, "all_isolated", "--tables", "pickle"]) == 2
    assert "there is no format 'pickle' of tables" in capsys.readouterr().err
    assert main([*asked, "nothing"]) == 2
    assert "there is no configuration named 'nothing'" in capsys.readouterr().err
