"""Assets with three months of bars, and floors under volatilities."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from stresslab.calibration.correlation import Repair
from stresslab.calibration.estimate import Estimate
from stresslab.calibration.fitting import Calibration, calibrate
from stresslab.calibration.floors import raised, volatility_floor
from stresslab.calibration.history import History, read_history
from stresslab.calibration.short_histories import LEAST_SPREAD, weigh, with_short_assets
from stresslab.calibration.writing import calibration_summary, calibration_toml
from stresslab.cli import main
from stresslab.documents.faults import InputError
from tests.calibration.simulated import closes, frame

VOLATILITIES = [0.6, 0.8, 1.5]
CORRELATION = [[1.0, 0.8, 0.6], [0.8, 1.0, 0.5], [0.6, 0.5, 1.0]]
DAYS, SHORT = 800, 90


def listed_late(folder: Path, prices: np.ndarray, days: int = SHORT) -> list[History]:
    """Three histories, of which the last has only the last days."""
    read = []
    for name, close in zip(["BTC", "ETH", "NEW"], prices.T, strict=True):
        table = frame(close)
        path = folder / f"{name}_1h.csv"
        (table.tail(24 * days) if name == "NEW" else table).to_csv(path, index=False)
        read.append(read_history(path))
    return read


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> list[History]:
    return listed_late(tmp_path_factory.mktemp("late"), closes(VOLATILITIES, CORRELATION, days=DAYS))


@pytest.fixture(scope="module")
def fit(late: list[History]) -> Calibration:
    return calibrate(late, "gbm")


def test_two_opinions_are_weighed_by_their_precisions() -> None:
    # Hand calculation: precisions 1 / 0.01 = 100 and 1 / 0.04 = 25, so weights 0.8 and 0.2, error 1 / sqrt(125).
    weighed = weigh(1.0, 0.1, 2.0, 0.2)
    assert (weighed.weight, weighed.value) == pytest.approx((0.8, 1.2))
    assert weighed.error == pytest.approx(125**-0.5)


def test_a_short_history_leaves_the_window_of_the_others_alone(late: list[History], fit: Calibration) -> None:
    alone = calibrate(late[:2], "gbm")
    np.testing.assert_array_equal(fit.estimate.volatilities[:2], alone.estimate.volatilities)
    assert fit.days == DAYS - 1
    assert fit.returns.tolist() == [DAYS - 1, DAYS - 1, SHORT - 1]
    # Control: a single other asset is no cross-section; there the window is the one that both cover.
    assert fit.since < calibrate([*late[:1], late[2]], "gbm").since


def test_the_volatility_lies_between_its_own_and_the_others(late: list[History], fit: Calibration) -> None:
    # Plain oracle: the standard deviation of the last 89 daily returns, and the geometric mean of the others.
    own = np.diff(np.log(late[2].close[23::24])).std(ddof=1) * np.sqrt(365)
    others = np.sqrt(fit.estimate.volatilities[0] * fit.estimate.volatilities[1])
    found = fit.estimate.volatilities[2]
    assert others < found < own
    # Normal returns: the own log has the error 1 / sqrt(2 n) or somewhat more, the prior that of LEAST_SPREAD or more.
    weight = (np.log(found) - np.log(others)) / (np.log(own) - np.log(others))
    error = (2 * SHORT) ** -0.5
    assert 0.6 < weight <= 1.02 * LEAST_SPREAD**2 / (LEAST_SPREAD**2 + 0.7 * error**2)
    assert abs(np.log(found / 1.5)) < 4 * fit.standard_errors.volatilities[2] / found
    # Control: the others' figure itself would be found out.
    assert abs(np.log(others / 1.5)) > 4 * fit.standard_errors.volatilities[2] / found


def test_correlations_lean_towards_the_mean_of_the_others(late: list[History], fit: Calibration) -> None:
    rows = np.diff(np.log(np.stack([history.close[23::24][-SHORT:] for history in late], axis=1)), axis=0)
    own = np.corrcoef(rows.T)[2, :2]
    # Hand calculation: z of one pair of others, precisions n - 3 = 86 and 1 / 0.25^2 = 16.
    z = (86 * np.arctanh(own) + 16 * np.arctanh(fit.estimate.correlation[0, 1])) / 102
    np.testing.assert_allclose(fit.estimate.correlation[2, :2], np.tanh(z), rtol=1e-9)
    np.testing.assert_allclose(fit.standard_errors.correlation[2, :2], (1 - np.tanh(z) ** 2) / 102**0.5, rtol=1e-9)
    assert (np.abs(fit.estimate.correlation[2, :2] - own) > 0.01).any()


def test_it_is_said_on_the_screen_and_in_the_file(fit: Calibration) -> None:
    said = "NEW has a short history (89 daily returns)"
    assert said in calibration_summary(fit)
    assert any(said in remark for remark in tomllib.loads(calibration_toml(fit, "x"))["history"]["remarks"])


def test_figures_of_a_model_come_from_the_others(late: list[History]) -> None:
    fit = calibrate(late, "copula_t")
    degrees = fit.estimate.by_asset["tail_degrees_of_freedom"]
    assert degrees[2] == pytest.approx(degrees[:2].mean())


def test_fewer_than_thirty_days_are_an_error(tmp_path: Path) -> None:
    few = listed_late(tmp_path, closes(VOLATILITIES, CORRELATION, days=400), days=25)
    with pytest.raises(InputError, match="NEW: 24 daily returns"):
        calibrate(few, "gbm")


def test_the_floor_is_the_upper_quartile_of_rolling_volatilities() -> None:
    # Hand calculation: returns of +-1 % (deviation 0.01 sqrt(20 / 19) of 20), the last 100 days +-3 %. Of 181 windows
    # 100 calm, 20 mixed, and 61 or 33.7 % rough: the 75th percentile is a rough one, the 60th would not be.
    returns = np.tile([0.01, -0.01], 100)
    returns[120:] *= 3
    rough = 0.03 * np.sqrt(20 / 19 * 365)
    assert volatility_floor(returns, 20) == pytest.approx(rough)
    # Control: with 50 rough days, 31 of 181 windows (17 %), the percentile lies among the calm and the mixed.
    returns[120:150] /= 3
    assert volatility_floor(returns, 20) < 0.9 * rough
    assert np.isnan(volatility_floor(returns[:19], 20))


def test_a_calm_window_is_raised_to_the_floor_and_a_rough_one_is_not(tmp_path: Path) -> None:
    prices = closes([0.6, 0.6], [[1.0, 0.5], [0.5, 1.0]], days=400)
    logs = np.diff(np.log(prices), axis=0, prepend=np.log(prices[:1]))
    # The first asset was three times as rough in its first 250 days, the second in its last 150.
    logs[: 250 * 24, 0] *= 3
    logs[250 * 24 :, 1] *= 3
    read = []
    for name, close in zip(["BTC", "ETH"], np.exp(np.cumsum(logs, axis=0)).T, strict=True):
        frame(close).to_csv(tmp_path / f"{name}.csv", index=False)
        read.append(read_history(tmp_path / f"{name}.csv"))
    since = read[0].times[260 * 24].astype("datetime64[D]").item()
    plain = calibrate(read, "gbm", since=since)
    floored = calibrate(read, "gbm", since=since, floor_days=60)
    # Oracle: 0.6 and 1.8 were drawn; 139 days know a volatility to 6 %.
    np.testing.assert_allclose(plain.estimate.volatilities, [0.6, 1.8], rtol=0.24)
    np.testing.assert_allclose(floored.estimate.volatilities, [1.8, 1.8], rtol=0.24)
    assert floored.volatility_floors is not None
    assert floored.estimate.volatilities[0] == pytest.approx(floored.volatility_floors[0])
    assert floored.estimate.volatilities[1] >= plain.estimate.volatilities[1]
    document = tomllib.loads(calibration_toml(floored, "x"))
    assert document["assets"]["BTC"]["volatility"] == document["history"]["assets"]["BTC"]["volatility_floor"]
    assert any("raised were BTC from" in remark for remark in document["history"]["remarks"])
    assert "volatility_floor" not in calibration_toml(plain, "x")


def test_the_floor_of_a_short_history_is_in_proportion(late: list[History], fit: Calibration) -> None:
    floored = calibrate(late, "gbm", floor_days=120)
    assert floored.volatility_floors is not None
    shares = floored.volatility_floors / fit.estimate.volatilities
    # Hand calculation: the mean of the others' two shares; its own 89 days hold no window of 120.
    assert shares[2] == pytest.approx((shares[0] + shares[1]) / 2)
    assert floored.estimate.volatilities[2] == pytest.approx(fit.estimate.volatilities[2] * max(shares[2], 1.0))
    assert "in the mean proportion of the others" in calibration_summary(floored)


def test_the_command_takes_whole_days(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame(closes([0.6], [[1.0]], days=100)[:, 0]).to_csv(tmp_path / "BTC.csv", index=False)
    given = ["calibrate", str(tmp_path / "BTC.csv"), "--model", "gbm", "--out", str(tmp_path / "x.toml"), "--floor"]
    assert main([*given, "30d"]) == 0
    assert "floor, the 75th percentile of its volatilities over 30 days" in capsys.readouterr().out
    for wrong, said in (("36h", "no whole number of days"), ("90", "is not a duration"), ("10d", "at least 20d")):
        assert main([*given, wrong]) != 0
        assert said in " ".join(capsys.readouterr().err.split())


def two_long_ones() -> tuple[Estimate, Estimate]:
    """Figures of a model in which stress has two and four times the volatility, without errors to speak of."""
    by_asset = {"stress_volatility": np.array([1.0, 4.0]), "mean_reversion": np.array([10.0, 30.0])}
    correlation, repair = np.array([[1.0, 0.8], [0.8, 1.0]]), Repair(0.2, 0.0)
    figures = Estimate(np.array([0.5, 1.0]), correlation, {"calm_days": 60.0}, repair, by_asset)
    tenth = {key: 0.1 * values for key, values in by_asset.items()}
    return figures, Estimate(0.1 * figures.volatilities, 0.1 * np.ones((2, 2)), {"calm_days": 9.0}, repair, tenth)


def test_a_figure_that_is_a_volatility_goes_with_the_assets_own() -> None:
    returns = np.random.default_rng(4).standard_normal((400, 3)) * 0.03
    returns[:310, 1] = np.nan
    names = ("BTC", "NEW", "ETH")
    whole, errors, remarks = with_short_assets(*two_long_ones(), returns, [1], names, ranked=True)
    # Hand calculation: the others' stress is 2 and 4 times their volatility, 3 times on average; 20 is the mean of 10
    # and 30, whose sample variance 200 grows by 1.5, and is joined by the mean square 5 of their errors 1 and 3.
    assert whole.by_asset["stress_volatility"][1] == pytest.approx(3.0 * whole.volatilities[1])
    assert whole.by_asset["mean_reversion"].tolist() == [10.0, 20.0, 30.0]
    assert errors.by_asset["mean_reversion"].tolist() == pytest.approx([1.0, 305**0.5, 3.0])
    # Of shares 2 and 4 with errors of a tenth: 2 x 1.5 + (0.04 + 0.16) / 2, and 3 times the volatility's own error.
    spread = (3.1 * whole.volatilities[1] ** 2 + (3 * errors.volatilities[1]) ** 2) ** 0.5
    assert errors.by_asset["stress_volatility"][1] == pytest.approx(spread)
    assert whole.volatilities[[0, 2]].tolist() == [0.5, 1.0]
    assert whole.correlation[0, 2] == pytest.approx(0.8)
    assert whole.parameters == {"calm_days": 60.0}
    assert remarks[0].startswith("NEW has a short history (90 daily returns)")


def test_a_floor_raises_every_volatility_of_the_asset() -> None:
    figures, errors = two_long_ones()
    higher, wider = raised(figures, errors, np.array([0.6, 1.2]), np.array([0.9, 1.0]))
    # Hand calculation: 0.9 over 0.6 is 1.5; the second is above its floor.
    assert higher.volatilities.tolist() == pytest.approx([0.75, 1.0])
    assert higher.by_asset["stress_volatility"].tolist() == pytest.approx([1.5, 4.0])
    assert higher.by_asset["mean_reversion"].tolist() == [10.0, 30.0]
    assert wider.volatilities.tolist() == pytest.approx([0.075, 0.1])
