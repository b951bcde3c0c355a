"""Paths whose draws hang together: each keeps its law, and together they are what they are said to be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from stresslab.market import noise
from stresslab.market.condition import Condition
from stresslab.market.models import MODELS, build_process, with_sampling
from stresslab.market.quasi_random import STRETCHES, bridge_construction, direction_numbers, stretch_lengths
from stresslab.market.sampling import AntitheticPairs, QuasiRandom
from stresslab.market.spare_assets import with_spare_assets
from stresslab.market.stress import StressSpecification
from stresslab.scenario.resolution import identity
from tests.market.walks import market
from tests.oracles.scenarios import configuration, position, scenario

STEP = 0.25


def keys_of(specification):
    return jnp.asarray(noise.stream_keys(11, MODELS[specification.model].streams(specification.assets)))


def moves(sampling, steps, *, first=0, paths=1024, drifts=(0.5, 0.5), volatilities=(1.0, 1.0)):
    """Log returns of a Brownian motion in steps of a year, [step, asset, path].

    With a volatility of 1 and a drift of a half they are the normals themselves.
    """
    specification = market("gbm", drifts=drifts, volatilities=volatilities, correlation=((1.0, 0.0), (0.0, 1.0)))
    process = build_process(replace(specification, sampling=sampling), STEP)
    keys, path = keys_of(specification), first + jnp.arange(paths, dtype=jnp.uint32)

    @jax.jit
    def advance(process, state, index):
        return process.step(state, process.draw(keys, noise.Counter(path, index)), jnp.float32(1.0))[0]

    state, logs = process.init(paths), [np.zeros((2, paths))]
    for index in range(steps):
        state = advance(process, state, jnp.uint32(index))
        logs.append(np.asarray(process.log_price(state), np.float64))
    return np.diff(logs, axis=0)


def test_a_pair_is_mirrored_exactly():
    specification = market("gbm")
    path = noise.Counter(jnp.arange(4096, dtype=jnp.uint32), jnp.uint32(3))
    pair, plain = (
        build_process(replace(specification, sampling=each), STEP).draw(keys_of(specification), path)
        for each in (AntitheticPairs(), None)
    )
    for draws, is_mirrored in ((pair, True), (plain, False)):
        normal, uniform = (np.asarray(values, np.float64) for values in (draws.normal, draws.bridge))
        assert np.array_equal(normal[:, 0::2] + normal[:, 1::2], np.zeros((2, 2048))) == is_mirrored
        assert np.array_equal(uniform[:, 0::2] + uniform[:, 1::2], np.ones((2, 2048))) == is_mirrored
    # The first of each pair are the paths of a plain run, in their order.
    assert np.array_equal(pair.normal[:, 0::2], plain.normal[:, :2048])


def test_what_a_pair_shares_is_not_mirrored():
    specification = market("student_t", degrees_of_freedom=4.0)
    process = build_process(replace(specification, sampling=AntitheticPairs()), STEP)
    path = noise.Counter(jnp.arange(1024, dtype=jnp.uint32), jnp.uint32(0))
    (score,) = process.draw(keys_of(specification), path).shared
    assert np.array_equal(score[0::2], score[1::2])
    assert not np.array_equal(score[0:-2:2], score[2::2])


@pytest.mark.parametrize("lengths", [(1,), (3, 3), (2, 3, 2, 3, 4), tuple(stretch_lengths(90))])
def test_the_bridge_construction_keeps_the_law(lengths):
    # By hand: sums of independent normals over stretches of n steps are independent with variance n.
    construction = bridge_construction(np.array(lengths))
    assert construction @ construction.T == pytest.approx(np.diag(lengths), abs=1e-12)
    # The first coordinate alone makes the sum over the run, whose deviation is the root of its steps.
    assert construction.sum(axis=0)[0] == pytest.approx(np.sqrt(sum(lengths)))
    assert construction.sum(axis=0)[1:] == pytest.approx(np.zeros(len(lengths) - 1), abs=1e-12)
    # The law is another one where a coordinate is left out.
    if len(lengths) > 1:
        fewer = construction[:, :-1]
        assert np.abs(fewer @ fewer.T - np.diag(lengths)).max() > 0.1


def test_stretches_are_even():
    assert list(stretch_lengths(3)) == [1, 1, 1]
    lengths = stretch_lengths(90)
    assert (len(lengths), lengths.sum(), set(lengths)) == (STRETCHES, 90, {5, 6})


def test_direction_numbers_make_the_published_points():
    # The first points of Sobol's sequence in three dimensions by Joe and Kuo's numbers, by the number itself and not by
    # its Gray code.
    directions = direction_numbers(3, 8)
    points: list[Any] = []
    for number in range(4):
        words = np.zeros(3, np.uint32)
        for bit in range(3):
            if number >> bit & 1:
                words ^= directions[:, bit]
        points.append(words / 2.0**32)
    assert np.array_equal(np.array(points), [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.25, 0.75, 0.75], [0.75, 0.25, 0.25]])


def test_direction_numbers_are_joe_and_kuo_s():
    # SciPy's own points in 40 dimensions, which come in the order of the Gray code.
    directions = direction_numbers(40, 4096)
    numbers = np.arange(4096)
    gray = numbers ^ (numbers >> 1)
    words = np.zeros((4096, 40), np.uint32)
    for bit in range(12):
        words ^= np.where((gray >> bit & 1)[:, None] == 1, directions[:, bit], np.uint32(0))
    assert np.array_equal(words / 2.0**32, stats.qmc.Sobol(40, scramble=False, bits=32).random(4096))


def test_the_points_of_a_replication_go_on_from_block_to_block():
    # 4096 points in four blocks: one in each of 4096 equal cells of probability. The same block four times is not so.
    steps, plan = 8, QuasiRandom(7, 2, 4096, 8)
    blocks = [moves(plan, steps, first=4096 + 1024 * block).sum(axis=0)[0] / np.sqrt(steps) for block in range(4)]
    for sample, is_even in ((blocks, True), (blocks[:1] * 4, False)):
        cells = np.sort(np.floor(stats.norm.cdf(np.concatenate(sample)) * 4096))
        assert (np.abs(cells - np.arange(4096)).max() <= 1) == is_even


def test_shifted_points_leave_independent_standard_normals():
    # 40 steps in stretches of 2 and 3, the fourth of 64 shifts.
    steps = 40
    normals = moves(QuasiRandom(7, 64, 1024, steps), steps, first=3 * 1024)
    flat = normals.reshape(2 * steps, 1024)
    # Of independent paths, errors are 1/32, the root of 2 more on the diagonal; 3,240 of them within five errors.
    assert np.abs(flat @ flat.T / 1024 - np.eye(2 * steps)).max() < 5.0 * np.sqrt(2.0) / 32.0
    # The sum over the run is stratified: shifted points put one into each of 1024 equal cells of probability.
    plain = moves(None, steps)
    for sample, is_even in ((normals, True), (plain, False)):
        cells = np.sort(np.floor(stats.norm.cdf(sample.sum(axis=0)[0] / np.sqrt(steps)) * 1024))
        assert (np.abs(cells - np.arange(1024)).max() <= 1) == is_even


def test_replications_are_shifted_independently():
    # The sum over the run is the first coordinate, and the first point is the shift itself.
    plan, steps = QuasiRandom(7, 256, 1024, 8), 8
    process: Any = build_process(replace(market("gbm"), sampling=plan), STEP)
    uniforms = np.asarray(process.shifts)[:, 0, 0] / 2.0**32
    assert stats.kstest(uniforms, "uniform").pvalue > 0.01
    # Four errors of a correlation of 255 pairs.
    assert abs(np.corrcoef(uniforms[:-1], uniforms[1:])[0, 1]) < 4.0 / np.sqrt(255.0)
    assert len(np.unique(np.asarray(process.shifts))) > 256 * 8 * 2 - 5
    first, again, second = (moves(plan, steps, first=place) for place in (0, 0, 1024))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    for place, sample in enumerate((first, second)):
        total = sample.sum(axis=0)[0, 0] / np.sqrt(steps)
        assert stats.norm.cdf(total) == pytest.approx(uniforms[place], abs=1e-5)


def test_mean_price_is_kept():
    # E[S(T)] = exp(mu T), here T = 8 years. A plain mean of 1024 prices of 28 % deviation is off by about 0.9 %.
    kind: dict[str, Any] = {"drifts": (0.02, -0.01), "volatilities": (0.1, 0.05)}
    exact = pytest.approx(np.exp([0.16, -0.08]), rel=1e-3)
    assert np.exp(moves(QuasiRandom(3, 1, 1024, 8), 8, **kind).sum(axis=0)).mean(axis=1) == exact
    assert np.exp(moves(None, 8, **kind).sum(axis=0)).mean(axis=1) != exact


JUMPS = {"own_jump_rate": 30.0, "own_jump_mean": 0.02, "own_jump_deviation": 0.05}
JUMPS |= {"common_jump_rate": 50.0, "common_jump_mean": -0.05, "common_jump_deviation": 0.05}
VARIANCE = {"mean_reversion": 10.0, "volatility_of_variance": 3.0, "leverage_correlation": -0.7}
BARS = {"bar": "1h", "alpha": 0.1, "gamma": 0.1, "beta": 0.8, "degrees_of_freedom": 4.0}
NOTHING = StressSpecification(1.0, 0.0, 1.0, None, np.zeros(2))
GAP = replace(NOTHING, gap_time=0.5, gap_sizes=np.array([-0.1, -0.05]))
LAWS = {
    "gbm": market("gbm"),
    "student_t": market("student_t", degrees_of_freedom=3.0),
    "copula_t": market("copula_t", tail_degrees_of_freedom={"BTC": 3.0, "ETH": 8.0}),
    "merton": market("merton", **JUMPS),
    "kou": market("kou", common_jump_rate=50.0, own_jump_rate=30.0, up_probability=0.3, mean_rise=0.03, mean_fall=0.05),
    "garch": market("garch", **BARS),
    "regimes": market(
        "regimes", calm_days=3.0, stress_days=1.0, stress_volatility=2.0, stress_correlation=0.5, stress_drift=-5.0
    ),
    "heston": market("heston", **VARIANCE),
    "bates": market("bates", **VARIANCE, **JUMPS),
    "moving correlation": market("garch", **BARS, correlation_alpha=0.1, correlation_beta=0.85),
    "a gap": replace(market("heston", **VARIANCE), stress=replace(GAP, gap_half_life=0.5)),
    "a condition": replace(market("gbm"), stress=replace(NOTHING, condition=Condition("BTC", -0.1, 0.5))),
    "spare assets": with_spare_assets(market("gbm"), 4),
}


def figures(specification, sampling, *, steps=24, blocks=32):
    """Means of prices, squares, a product and of lows beyond a barrier, block by block: [figure, block]."""
    process = build_process(replace(specification, sampling=sampling), STEP / 6.0)
    keys = keys_of(specification)

    @jax.jit
    def block(process, first):
        path = first + jnp.arange(1024, dtype=jnp.uint32)

        def step(carry, index):
            state, low = carry
            draws = process.draw(keys, noise.Counter(path, index))
            state, moved = process.step(state, draws, jnp.float32(STEP / 6.0 / 365.0))
            return (state, jnp.minimum(low, moved.log_price)), None

        start = process.init(1024), jnp.zeros((len(specification.assets), 1024), jnp.float32)
        (state, low), _ = jax.lax.scan(step, start, jnp.arange(steps, dtype=jnp.uint32))
        (btc, eth), fallen = process.log_price(state)[:2], (low < -0.03)[:2]
        rows = [jnp.exp(btc), jnp.exp(eth), btc**2, eth**2, btc * eth, *fallen, fallen.all(axis=0)]
        return jnp.stack([row.mean(dtype=jnp.float32) for row in rows])

    return np.stack([np.asarray(block(process, jnp.uint32(1024 * each))) for each in range(blocks)], axis=1)


@pytest.mark.parametrize("name", LAWS)
def test_each_path_keeps_its_law(name):
    # Means over 32 independent blocks, eight figures, within 4.5 errors of their difference.
    specification = LAWS[name]
    plain = figures(specification, None)

    def distance(other):
        errors = np.hypot(plain.std(axis=1, ddof=1), other.std(axis=1, ddof=1)) / np.sqrt(32.0)
        return np.max(np.abs(plain.mean(axis=1) - other.mean(axis=1)) / np.maximum(errors, 1e-7))

    assert distance(figures(specification, AntitheticPairs())) < 4.5
    assert distance(figures(specification, QuasiRandom(17, 32, 1024, 24))) < 4.5
    if name == "gbm":
        wilder = replace(specification, volatilities=1.03 * specification.volatilities)
        assert distance(figures(wilder, AntitheticPairs())) > 4.5


def test_every_model_that_draws_normals_is_among_them():
    assert {name for name, model in MODELS.items() if model.draws_normals} <= LAWS.keys()


def test_another_way_of_drawing_is_another_question():
    positions, pool = (position("long", 1.0),), ("long", [0], 0.1)
    asked = scenario(positions, (configuration("one", pool),), volatilities={"BTC": 0.8})
    names = [
        identity(replace(asked, market=replace(asked.market, sampling=each)))
        for each in (None, AntitheticPairs(), QuasiRandom(1, 32, 1024, 24), QuasiRandom(2, 32, 1024, 24))
    ]
    assert len(set(names)) == 4


def test_what_cannot_be_drawn_so():
    with pytest.raises(ValueError, match="multiple of 1024"):
        build_process(replace(market("gbm"), sampling=QuasiRandom(1, 32, 1000, 8)), STEP)
    past = replace(market("gbm"), model="bootstrap", sampling=AntitheticPairs())
    with pytest.raises(ValueError, match="draws no normals"):
        with_sampling(build_process(market("gbm"), STEP), past)
