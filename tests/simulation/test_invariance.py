"""What must not change the numbers, and what must change them in a known way.

No oracle is needed here but the claim itself: two ways of asking one question have one answer, to the last bit where
the same numbers are computed, and to rounding where the arithmetic differs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stresslab.margin.places import places_of
from stresslab.margin.problem import build_problem
from stresslab.simulation import block
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.run import simulate
from tests.oracles.scenarios import configuration, pack, position, scenario

POSITIONS = (
    position("a", 1.0, entry=100.0, mark=101.0),
    position("b", -0.5, entry=100.0, mark=101.0),
    position("c", 2.0, asset="ETH", entry=40.0),
    position("d", -3.0, asset="SOL", entry=10.0),
)
BOOKED = configuration("booked", ("a", [0], 9.0), ("b", [1], 6.0), ("c", [2], 7.0), ("d", [3], 4.0))
POOLED = configuration("pooled", ("hedge", [0, 1], 12.0), ("rest", [2, 3], 10.0))
CROSS = configuration("cross", ("cross", [0, 1, 2, 3], 18.0))
CORRELATION = np.array([[1.0, 0.7, 0.5], [0.7, 1.0, 0.4], [0.5, 0.4, 1.0]])

BASE = scenario(
    POSITIONS,
    (BOOKED, POOLED, CROSS),
    volatilities={"BTC": 0.8, "ETH": 1.0, "SOL": 1.2},
    drifts=[0.2, 0.0, -0.3],
    correlation=CORRELATION,
    model="student_t",
    extra={"degrees_of_freedom": 3.5},
    days=10.0,
    step=0.25,
    paths=3000,
    venue=pack(fee_rate=0.001),
)
ARRAYS = ("liquidation_step", "profit", "insurance_draw")


@pytest.fixture(scope="module")
def base() -> Outcomes:
    outcomes = simulate(BASE)
    hit = (outcomes.liquidation_step <= outcomes.steps).mean(axis=1)
    assert np.all((hit > 0.02) & (hit < 0.98)), "the book is neither safe nor lost"
    return outcomes


def pools(outcomes: Outcomes, which: int) -> dict[tuple[int, ...], dict[str, np.ndarray]]:
    """Outcomes of a configuration's pools, by their members."""
    problem = outcomes.problem
    result = {}
    for stake in problem.configuration_stakes[which]:
        pool = problem.layout.stake_pools[stake]
        figures = {name: getattr(outcomes, name)[stake] for name in ARRAYS}
        figures["ratio_counts"] = outcomes.ratio_counts[:, stake]
        result[problem.pools[pool]] = figures | {"required_collateral": outcomes.required_collateral[pool]}
    return result


def identical(left, right) -> bool:
    return all(np.array_equal(left[name], right[name]) for name in (*ARRAYS, "required_collateral", "ratio_counts"))


# Threads, paths and blocks


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_change_a_bit(base, threads):
    other = simulate(BASE, threads=threads)
    for name in (*ARRAYS, "required_collateral", "log_price", "failed", "ratio_counts"):
        assert np.array_equal(getattr(other, name), getattr(base, name)), name


def test_a_path_is_the_same_in_a_short_run_and_in_a_long_one(base):
    few = simulate(replace(BASE, paths=18))
    for name in (*ARRAYS, "required_collateral", "log_price"):
        assert np.array_equal(getattr(few, name), getattr(base, name)[:, :18]), name
    assert not np.array_equal(base.log_price[:, :18], base.log_price[:, 1024:1042])


def test_paths_beyond_the_run_are_not_counted():
    # Above the lowest edge, which is 1, are the survivors of this run and none of the block's other paths.
    outcomes = simulate(replace(BASE, paths=1030))
    alive = (outcomes.liquidation_step[None] > outcomes.snapshots[:, None, None]).sum(axis=2)
    assert np.array_equal(outcomes.ratio_counts[:, :, 0], alive)
    assert np.all(np.diff(outcomes.ratio_counts, axis=2) <= 0)


def test_a_block_starts_anywhere(base):
    compiled, arguments = compiled_block(BASE)
    result = compiled(*arguments, np.uint32(700))
    width = block.BLOCK_WIDTH
    assert np.array_equal(np.asarray(result.outcome.profit), base.profit[:, 700 : 700 + width])


def test_another_seed_gives_other_numbers_and_the_same_distribution(base):
    other = simulate(replace(BASE, seed=BASE.seed + 1))
    assert not np.any(np.all(other.log_price == base.log_price, axis=0))
    rates = [(each.liquidation_step <= each.steps).mean(axis=1) for each in (base, other)]
    error = np.sqrt(2 * rates[0] * (1 - rates[0]) / BASE.paths)
    assert np.all(np.abs(rates[0] - rates[1]) < 4.5 * error)


# Configurations


def test_another_configuration_changes_nothing_in_the_others(base):
    alone = simulate(replace(BASE, configurations=(BOOKED,)))
    extra = configuration("extra", ("odd", [0, 2], 5.0), ("even", [1, 3], 5.0))
    more = simulate(replace(BASE, configurations=(extra, BOOKED, POOLED, CROSS)))
    for members, figures in pools(alone, 0).items():
        assert identical(figures, pools(base, 0)[members]), members
        assert identical(figures, pools(more, 1)[members]), members
    for which in (1, 2):
        for members, figures in pools(base, which).items():
            assert identical(figures, pools(more, which + 1)[members]), members
    # A pool's draws are its members' own: the same positions with one more are another pool.
    assert not identical(pools(base, 1)[(2, 3)], pools(more, 0)[(1, 3)])


def test_names_and_order_of_pools_do_not_matter(base):
    renamed = configuration("x", *((f"pool {i}", p.positions, p.collateral) for i, p in enumerate(BOOKED.pools[::-1])))
    other = simulate(replace(BASE, configurations=(CROSS, renamed, replace(POOLED, pools=POOLED.pools[::-1]))))
    for which, was in ((0, 2), (1, 0), (2, 1)):
        for members, figures in pools(other, which).items():
            assert identical(figures, pools(base, was)[members])


def test_a_pool_of_one_is_the_same_whatever_it_is_called(base):
    crossed = configuration("crossed", ("cross", [2], 7.0), ("a", [0], 9.0), ("pair", [1, 3], 10.0))
    other = simulate(replace(BASE, configurations=(BOOKED, crossed)))
    assert identical(pools(other, 1)[(2,)], pools(base, 0)[(2,)])
    assert identical(pools(other, 1)[(0,)], pools(base, 0)[(0,)])
    # It is the same stake, computed once.
    assert other.problem.configuration_stakes[1][0] == other.problem.configuration_stakes[0][2]


def test_another_asset_does_not_disturb_the_draws_of_the_others(base):
    market = BASE.market
    wider = replace(
        market,
        assets=(*market.assets, "XRP"),
        start_prices=np.ones(4),
        volatilities=np.append(market.volatilities, 1.0),
        drifts=np.append(market.drifts, 0.0),
        correlation=np.pad(market.correlation, (0, 1)) + np.diag([0.0, 0.0, 0.0, 1.0]),
    )
    other = simulate(replace(BASE, market=wider))
    np.testing.assert_allclose(other.log_price[:3], base.log_price, rtol=0, atol=1e-6)
    assert abs(np.corrcoef(other.log_price[3], other.log_price[0])[0, 1]) < 0.1


# Collateral


def with_collateral(factor: float):
    return tuple(
        replace(each, pools=tuple(replace(pool, collateral=factor * pool.collateral) for pool in each.pools))
        for each in (BOOKED, POOLED, CROSS)
    )


def test_more_collateral_is_never_liquidated_earlier(base):
    richer = simulate(replace(BASE, configurations=with_collateral(1.3)))
    assert np.all(richer.liquidation_step >= base.liquidation_step)
    assert np.all((richer.liquidation_step > base.liquidation_step).any(axis=1))
    # What a pool requires does not depend on what it has.
    assert np.array_equal(richer.required_collateral, base.required_collateral)


def test_a_pool_is_liquidated_where_it_requires_what_it_has(base):
    problem = base.problem
    for stake, pool in enumerate(problem.layout.stake_pools):
        collateral, required = problem.collaterals[stake], base.required_collateral[pool]
        clear = np.abs(required - collateral) > 1e-4
        hit = base.liquidation_step[stake] <= base.steps
        assert clear.mean() > 0.99
        assert np.array_equal(hit[clear], (required >= collateral)[clear])


def test_the_required_collateral_is_where_liquidation_begins():
    # Give the cross pool a hair more and a hair less than one path requires: only that path's fate may hang on it.
    few = replace(BASE, paths=64)
    required = simulate(few).required_collateral
    for which, pool in ((BOOKED, (2,)), (POOLED, (0, 1)), (CROSS, (0, 1, 2, 3))):
        row = build_problem(BASE.book, BASE.configurations, BASE.market.assets).pools.index(pool)
        for path in (5, 40):
            edge = float(required[row, path])
            for collateral, survives in ((edge * (1 + 1e-5), True), (edge * (1 - 1e-5), False)):
                changed = replace(
                    which,
                    pools=tuple(replace(p, collateral=collateral) if p.positions == pool else p for p in which.pools),
                )
                order = tuple(changed if each is which else each for each in BASE.configurations)
                outcomes = simulate(replace(few, configurations=order))
                position_of = [p.positions for p in which.pools].index(pool)
                stake = outcomes.problem.configuration_stakes[BASE.configurations.index(which)][position_of]
                assert (outcomes.liquidation_step[stake, path] > outcomes.steps) == survives


# Symmetries


@pytest.mark.parametrize("factor", [1000.0, 1024.0])
def test_a_larger_book_is_the_same_book_in_smaller_money(base, factor):
    book = replace(BASE.book, positions=tuple(replace(p, quantity=factor * p.quantity) for p in POSITIONS))
    larger = simulate(replace(BASE, book=book, configurations=with_collateral(factor)))
    for name in ("required_collateral", "profit", "insurance_draw"):
        expected = factor * getattr(base, name).astype(np.float64)
        if factor == 1024.0:
            # A power of two changes no mantissa, so nothing at all is rounded differently.
            assert np.array_equal(getattr(larger, name), expected), name
        else:
            same = (larger.liquidation_step == base.liquidation_step).repeat(1, axis=0)
            assert same.mean() > 0.999
            if name == "required_collateral":
                np.testing.assert_allclose(getattr(larger, name), expected, rtol=0, atol=2e-5 * 18.0 * factor)
            else:
                np.testing.assert_allclose(
                    getattr(larger, name)[same], expected[same], rtol=0, atol=2e-5 * 18.0 * factor
                )


def test_a_long_and_its_mirror():
    # Where the log price has no drift, a fall by a factor is as likely as a rise by it. The long is liquidated at
    # (1 - M) / (1 - m), a short at (1 + M') / (1 + m): M' is chosen so that one is the other's reciprocal.
    rate = 0.005
    low = 0.9 / (1.0 - rate)
    money = (1.0 + rate) / low - 1.0
    mirrored = scenario(
        (position("long", 1.0), position("short", -1.0)),
        (configuration("both", ("long", [0], 0.1), ("short", [1], money)),),
        volatilities={"BTC": 0.8},
        drifts=[0.32],
        days=7.0,
        paths=200_000,
    )
    outcomes = simulate(mirrored)
    hit = (outcomes.liquidation_step <= outcomes.steps).mean(axis=1)
    assert abs(hit[0] - hit[1]) < 4 * np.sqrt(2 * hit[0] * (1 - hit[0]) / 200_000)
    # The extremes of the price itself mirror each other as well.
    lows = np.log((1.0 - outcomes.required_collateral[0]) / (1.0 - rate))
    highs = np.log((1.0 + outcomes.required_collateral[1]) / (1.0 + rate))
    for share in (0.1, 0.5, 0.9, 0.99):
        assert np.quantile(-lows, share) == pytest.approx(np.quantile(highs, share), rel=0.02)
    asymmetric = simulate(replace(mirrored, market=replace(mirrored.market, drifts=np.array([1.5]))))
    tilted = (asymmetric.liquidation_step <= asymmetric.steps).mean(axis=1)
    assert abs(tilted[0] - tilted[1]) > 10 * np.sqrt(2 * hit[0] * (1 - hit[0]) / 200_000)


# Compilation


def compiled_block(question):
    from stresslab.market import noise
    from stresslab.market.models import MODELS
    from stresslab.simulation.preparation import snapshot_steps

    problem = build_problem(question.book, question.configurations, question.market.assets)
    model = MODELS[question.market.model]
    streams = block.Streams(
        noise.stream_keys(question.seed, model.streams(question.market.assets)),  # type: ignore[arg-type]
        noise.stream_keys(question.seed, problem.several_streams),  # type: ignore[arg-type]
    )
    snapshots = snapshot_steps(question.steps, question.step)
    grid = block.Grid(np.float32(question.step / 365.0), snapshots)  # type: ignore[arg-type]
    places = places_of(problem.layout, len(question.market.assets))
    return block.simulate_block, (
        places,
        problem.parameters,
        model.build(question.market, question.step),
        streams,
        grid,
    )


def test_parameters_do_not_compile_again():
    def run(question):
        function, arguments = compiled_block(question)
        function(*arguments, np.uint32(0))
        return function._cache_size()

    before = run(BASE)
    market = BASE.market
    changed = (
        replace(BASE, seed=1),
        replace(BASE, configurations=with_collateral(2.0)),
        replace(BASE, market=replace(market, volatilities=2 * market.volatilities, extra={"degrees_of_freedom": 8.0})),
        replace(BASE, market=replace(market, correlation=np.eye(3), drifts=np.zeros(3))),
        replace(BASE, book=replace(BASE.book, venue=pack(fee_rate=0.01, remainder="forfeited"))),
    )
    assert [run(each) for each in changed] == [before] * len(changed)
    # Another layout does compile: what is counted are compilations.
    assert run(replace(BASE, configurations=(CROSS,))) == before + 1
