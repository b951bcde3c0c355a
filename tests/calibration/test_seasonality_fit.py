"""The fit of a week's profile: recovered from simulated bars, absent where there is none, and written for scenarios."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

import stresslab as sl
from stresslab.calibration.fitting import calibrate
from stresslab.calibration.history import History
from stresslab.calibration.seasonality_fit import fit_seasonality, without_seasonality
from stresslab.calibration.writing import write_calibration
from stresslab.cli import main
from stresslab.documents.faults import InputError
from stresslab.market.calibration_file import read_calibration
from stresslab.market.models import MODELS, build_process
from stresslab.market.seasonality import Profile, Seasonality
from tests.calibration.simulated import closes, histories
from tests.market.walks import HOUR, market
from tests.scenario.files import SCENARIO, edited, write

TRUTH = Profile(tuple(1.0 + 0.3 * np.sin(np.arange(24) * np.pi / 12.0)), (1.1, 1.05, 1.1, 1.1, 1.05, 0.7, 0.8))
DAYS = 7 * 150
NAMES = ["BTC", "ETH"]


def unit(values: ArrayLike) -> NDArray[np.float64]:
    """In units of the root mean square, as fits are stated."""
    return np.asarray(np.array(values) / np.sqrt(np.mean(np.square(values))))


def simulated(folder: Path, name: str = "garch", profile: Profile | None = TRUTH, days: int = DAYS) -> list[History]:
    """Hourly bars of the simulator's own process from a Friday on (1 January 2021), with a profile of the week."""
    import jax
    import jax.numpy as jnp

    from stresslab.market import noise

    extra = {"alpha": 0.05, "gamma": 0.02, "beta": 0.9, "degrees_of_freedom": 4.0} if name == "garch" else {}
    specification = market(name, drifts=(0.0, 0.0), **extra)
    # The first bar's close is the start price's: the first step makes the second bar.
    season = None if profile is None else Seasonality(profile, 4 * 1440 + 60)
    process = jax.tree.map(jnp.asarray, build_process(replace(specification, seasonality=season), HOUR))
    keys = jnp.asarray(noise.stream_keys(5, MODELS[name].streams(specification.assets)))
    path = jnp.arange(8, dtype=jnp.uint32)

    def step(state, index):
        state, _ = process.step(state, process.draw(keys, noise.Counter(path, index)), jnp.float32(HOUR / 365.0))
        return state, process.log_price(state)[:, 0]

    _, logs = jax.lax.scan(step, process.init(8), jnp.arange(days * 24 - 1, dtype=jnp.uint32))
    prices = 100.0 * np.exp(np.concatenate([np.zeros((1, 2)), np.asarray(logs, np.float64)]))
    return histories(folder, prices, NAMES)


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> list[History]:
    return simulated(tmp_path_factory.mktemp("bars"))


def test_a_profile_is_recovered_under_clustered_volatility_and_fat_tails(bars: list[History]) -> None:
    # Oracle: the profile that the process was given.
    fit = fit_seasonality(bars)
    assert fit.weeks in (149, 150)
    assert fit.hours is not None
    assert fit.weekdays is not None
    distances = np.concatenate(
        [
            (fit.hours - unit(TRUTH.hours)) / fit.hour_errors,
            (fit.weekdays - unit(TRUTH.weekdays)) / fit.weekday_errors,
        ]
    )
    assert np.abs(distances).max() < 4.0
    # Errors that are far too wide would pass the line above.
    assert 0.6 < np.sqrt((distances**2).mean()) < 1.6
    # Negative control: the profile two hours later, and the week a day later.
    assert np.abs((fit.hours - unit(np.roll(TRUTH.hours, 2))) / fit.hour_errors).max() > 4.0
    assert np.abs((fit.weekdays - unit(np.roll(TRUTH.weekdays, 1))) / fit.weekday_errors).max() > 4.0


def test_the_chance_of_equal_hours_is_uniform_where_all_are_alike(tmp_path: Path) -> None:
    # Oracle: a p-value is below 1 % once in a hundred; of 20 histories more than 3 would be one in 3,000.
    found = []
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        flat = histories(folder, closes([0.6], [[1.0]], days=7 * 60, seed=seed), ["BTC"])
        fit = fit_seasonality(flat)
        found += [fit.hour_chance, fit.weekday_chance]
        if seed == 0:
            assert fit.profile is None
            assert "do not differ beyond chance" in fit.remark
    assert np.mean(np.array(found) < 0.01) <= 0.075
    assert 0.3 < np.mean(found) < 0.7


def test_bars_of_a_few_minutes_and_of_eight_hours(tmp_path: Path) -> None:
    generator = np.random.default_rng(8)
    for minutes, tells in ((480, False), (30, True)):
        count = 7 * 60 * 1440 // minutes
        start = Seasonality(TRUTH, 4 * 1440)
        weights = start.weights(minutes / 1440.0)[np.arange(count) % (10_080 // minutes)]
        moves = 0.004 * np.sqrt(weights) * generator.standard_normal(count)
        folder = tmp_path / str(minutes)
        folder.mkdir()
        fit = fit_seasonality(histories(folder, 100.0 * np.exp(np.cumsum(moves))[:, None], ["BTC"], hours=minutes / 60))
        assert fit.weekdays is not None
        assert np.abs((fit.weekdays - unit(TRUTH.weekdays)) / fit.weekday_errors).max() < 4.0
        assert (fit.hours is not None) == tells
        assert ("say nothing of hours" in fit.remark) == (not tells)


def test_too_few_weeks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="whole weeks"):
        fit_seasonality(histories(tmp_path, closes([0.6], [[1.0]], days=7 * 40), ["BTC"]))


def test_bars_freed_of_a_profile_are_those_that_were_stretched_by_it(tmp_path: Path) -> None:
    plain = histories(tmp_path, closes([0.6], [[1.0]], days=30), ["BTC"])[0]
    deviation = np.sqrt(TRUTH.of_bars(plain.times, 60))
    moves = np.log(plain.close / np.concatenate([plain.open[:1], plain.close[:-1]]))
    close = plain.open[0] * np.exp(np.cumsum(moves * deviation))
    before = np.concatenate([plain.open[:1], close[:-1]])
    opened = np.concatenate([plain.open[:1], plain.close[:-1]])
    high, low = (before * (each / opened) ** deviation for each in (plain.high, plain.low))
    freed = without_seasonality(replace(plain, open=before, high=high, low=low, close=close), TRUTH)
    for name in ("open", "high", "low", "close"):
        np.testing.assert_allclose(getattr(freed, name), getattr(plain, name), rtol=1e-9)


def test_a_model_of_bars_is_fitted_to_bars_freed_of_the_season(bars: list[History], tmp_path: Path) -> None:
    # Oracle: the weights that the process was given; a season that is not seen passes for bursts of volatility.
    seen, blind = (calibrate(bars, "garch", seasonality=wanted) for wanted in (True, False))
    alpha, error = seen.estimate.by_asset["alpha"], seen.standard_errors.by_asset["alpha"]
    assert np.abs((alpha + 0.5 * seen.estimate.by_asset["gamma"] - 0.06) / error).max() < 4.0
    assert (np.abs(blind.estimate.by_asset["beta"] - 0.9) > np.abs(seen.estimate.by_asset["beta"] - 0.9)).all()
    path = tmp_path / "desk.toml"
    write_calibration(seen, path)
    read = read_calibration(path)
    assert read.seasonality is not None
    assert seen.seasonality is not None
    assert seen.seasonality.hours is not None
    np.testing.assert_allclose(np.array(read.seasonality.hours), seen.seasonality.hours, atol=6e-4)
    assert read.history["seasonality"]["weeks"] == seen.seasonality.weeks
    assert "Seasonality over" in " ".join(seen.remarks)
    # A scenario takes it over once it knows when it begins, and says so until then.
    text = edited(
        SCENARIO,
        ('model = "gbm"', 'model = "garch"\ncalibration = "desk.toml"'),
        ("horizon", "start = 2026-10-02T12:00:00Z\nhorizon"),
    )
    scenario = sl.read_scenario(write(tmp_path, scenario=text))
    assert scenario.market.seasonality == Seasonality(read.seasonality, 4 * 1440 + 720)
    without = sl.read_scenario(write(tmp_path, scenario=edited(text, ("start = 2026-10-02T12:00:00Z\n", ""))))
    assert without.market.seasonality is None
    assert any("needs the time of the first step" in notice.problem for notice in without.notices)


def test_the_command_fits_a_season_and_refuses_models_without(
    bars: list[History], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [bar.path for bar in bars]
    out = tmp_path / "desk.toml"
    arguments = ["calibrate", *files, "--seasonality", "--out", str(out), "--model"]
    assert main([*arguments, "gbm"]) == 0
    assert "[seasonality]" in out.read_text(encoding="utf-8")
    assert "volatility of hours of the day from" in capsys.readouterr().out
    assert main([*arguments, "heston"]) == 2
    assert "knows no seasonality" in capsys.readouterr().err
