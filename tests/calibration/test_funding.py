"""Premiums fitted to rates that a plain simulation made: the figures come back within their errors."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from stresslab import cli
from stresslab.calibration.funding import FundingSeries, figures_of, fit_law, fit_premiums, rate_diagnostics
from stresslab.calibration.funding_files import calibrate_funding_files
from stresslab.calibration.funding_history import common_grid, read_funding_history
from stresslab.calibration.funding_moments import factorials, hermite_of, latent_correlation, sign_coefficients
from stresslab.documents.faults import InputError
from stresslab.market.premium import Premium, PremiumLaw
from tests.calibration.simulated import frame

INTEREST, CLAMP, HOURS = 1e-4, 5e-4, 8
LAW = PremiumLaw(-0.4, 0.8, -4e-4, 6e-4, 1.2e-4, 6e-4, low_tail=0.15, high_tail=0.2)
TRUE = (
    Premium(LAW, 0.5, 0.3, slow_share=0.6, slow_half_life=7.0, slow_price_correlation=0.6),
    Premium(replace(LAW, high_scale=8e-4), 0.4, 0.1, slow_share=0.7, slow_half_life=9.0, slow_price_correlation=0.5),
)
OWN_CORRELATION, PRICE_CORRELATION = 0.7, 0.8


def simulated(days: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rates at settlements and hourly log prices, [asset, time], hour by hour from M46 and M10."""
    generator = np.random.default_rng(seed)
    parts, log_price = np.zeros((2, 2)), np.zeros(2)
    rates, prices = [], []
    for hour in range(24 * days):
        shared, common, own = (
            generator.standard_normal(3),
            generator.standard_normal(2),
            generator.standard_normal((2, 2)),
        )
        price = np.array([shared[0], PRICE_CORRELATION * shared[0] + math.sqrt(1 - PRICE_CORRELATION**2) * shared[1]])
        log_price = log_price + 0.008 * price
        for asset, premium in enumerate(TRUE):
            e = math.sqrt(OWN_CORRELATION) * common + math.sqrt(1 - OWN_CORRELATION) * own[asset]
            a, b = premium.price_correlation, premium.slow_price_correlation
            # Cholesky rows of the correlation of price, fast and slow draws, the last two uncorrelated.
            root = np.linalg.cholesky(np.array([[1.0, a, b], [a, 1.0, 0.0], [b, 0.0, 1.0]]))
            draws = root[1:] @ np.array([price[asset], e[0], e[1]])
            keep = 0.5 ** (1 / 24 / np.array([premium.half_life, premium.slow_half_life]))
            parts[asset] = parts[asset] * keep + np.sqrt(1 - keep**2) * draws
        prices.append(log_price)
        if (hour + 1) % HOURS == 0:
            share = np.array([premium.slow_share for premium in TRUE])
            score = np.sqrt(1 - share) * parts[:, 0] + np.sqrt(share) * parts[:, 1]
            value = np.array([float(premium.law.premium(z)) for premium, z in zip(TRUE, score, strict=True)])
            rates.append(value + np.clip(INTEREST - value, -CLAMP, CLAMP))
    return np.array(rates).T, np.array(prices).T


def series_of(rates: np.ndarray, prices: np.ndarray) -> list[FundingSeries]:
    times = np.datetime64("2020-01-01T08:00", "m") + np.arange(rates.shape[1]) * np.timedelta64(HOURS * 60, "m")
    return [
        FundingSeries(f"A{index}", times, row, price[HOURS - 1 :: HOURS])
        for index, (row, price) in enumerate(zip(rates, prices, strict=True))
    ]


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, np.ndarray]:
    return simulated(1800, seed=5)


def test_a_simulated_premium_is_found_again_within_its_errors(sample) -> None:
    # Oracle: the figures that made the sample. Four standard errors of 23 figures.
    series = series_of(*sample)
    fit = fit_premiums(series, HOURS / 24, INTEREST, CLAMP)
    for found, true, errors in zip(fit.figures, TRUE, fit.standard_errors, strict=True):
        for (name, value), expected, error in zip(
            figures_of(found).items(), figures_of(true).values(), errors, strict=True
        ):
            assert abs(value - expected) <= 4 * error + 1e-9, name
            if name not in ("low_premium", "high_premium"):
                # The errors are not so wide as to say nothing.
                assert 0 < error < 0.5 * max(abs(expected), 0.6), name
    assert abs(fit.own_correlation - OWN_CORRELATION) <= 4 * fit.own_correlation_error
    assert fit.own_correlation_error < 0.1

    # Negative controls: with time torn up nothing is slow; with prices turned over the premium falls when they rise.
    shuffled = np.random.default_rng(1).permutation(sample[0].shape[1])
    torn = fit_premiums(series_of(sample[0][:, shuffled], sample[1]), HOURS / 24, INTEREST, CLAMP)
    assert torn.figures[0].autocorrelation(np.array(1.0)) < 0.1 < TRUE[0].autocorrelation(np.array(1.0))
    turned = fit_premiums(series_of(sample[0], -sample[1]), HOURS / 24, INTEREST, CLAMP)
    assert turned.figures[0].slow_price_correlation < -0.3


def test_the_model_s_rates_are_those_of_the_simulation(sample) -> None:
    # Oracle: the long sample itself, beside the model in closed form.
    found = rate_diagnostics(TRUE[0], series_of(*sample)[0], HOURS / 24, INTEREST, CLAMP)
    for name in ("share_at_interest", "autocorrelation_1", "autocorrelation_3", "autocorrelation_21"):
        observed, model = found[name]
        assert observed == pytest.approx(model, abs=0.06), name
    assert found["past_return_7d"][0] == pytest.approx(found["past_return_7d"][1], abs=0.06)
    for name in ("mean", "deviation", "quantile_95_percent"):
        observed, model = found[name]
        assert observed == pytest.approx(model, rel=0.15), name
    # About 150 independent scores: this quantile's has an error of 0.17, and the rate one of 2e-5.
    assert found["quantile_5_percent"][0] == pytest.approx(found["quantile_5_percent"][1], abs=4e-5)
    # Another law is told apart.
    wide = replace(TRUE[0], law=replace(LAW, high_scale=1.2e-3))
    observed, model = rate_diagnostics(wide, series_of(*sample)[0], HOURS / 24, INTEREST, CLAMP)["deviation"]
    assert model > 1.5 * observed


def test_independent_scores_give_back_the_law() -> None:
    # 200,000 independent scores: the likelihood is exact, and its errors are of the order of 1 %.
    z = np.random.default_rng(2).standard_normal(200_000)
    premium = LAW.premium(z)
    law = fit_law(premium + np.clip(INTEREST - premium, -CLAMP, CLAMP), INTEREST, CLAMP)
    for name in ("low_score", "high_score", "low_scale", "high_scale"):
        assert getattr(law, name) == pytest.approx(getattr(LAW, name), rel=0.03), name
    for name in ("low_tail", "high_tail"):
        assert getattr(law, name) == pytest.approx(getattr(LAW, name), abs=0.03), name
    # Negative control: ignoring the censoring, as if rates were premiums, gives another deviation than the premium's.
    assert abs((premium + np.clip(INTEREST - premium, -CLAMP, CLAMP)).std() / premium.std() - 1) > 0.1


def test_moments_of_scores_have_known_values() -> None:
    # E[sign x sign y] = 2 / pi asin(r) (Sheppard 1899), E[x sign y] = r sqrt(2 / pi).
    signs, line = sign_coefficients(), hermite_of(lambda z: z)
    assert latent_correlation(2 / math.pi * math.asin(0.4), signs * signs / factorials()) == pytest.approx(
        0.4, abs=1e-3
    )
    assert latent_correlation(0.3 * math.sqrt(2 / math.pi), line * signs / factorials()) == pytest.approx(0.3, abs=1e-4)

    # A censored score: SciPy's bivariate normal distribution, summed over the squares of a fine grid.
    def step(z: np.ndarray) -> np.ndarray:
        return (z > 0.5).astype(float)

    both = multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]]).cdf([-0.5, -0.5])
    coefficients = hermite_of(step)
    assert latent_correlation(float(both), coefficients**2 / factorials()) == pytest.approx(0.6, abs=5e-3)
    assert coefficients[0] == pytest.approx(0.308538, abs=1e-3)


def written(folder: Path, rates: np.ndarray, prices: np.ndarray) -> tuple[list[str], list[str]]:
    """The sample as files: rates of both assets in one, bars apart."""
    stamps = pd.date_range("2020-01-01T08:00", periods=rates.shape[1], freq="8h", tz="UTC")
    tables = [
        pd.DataFrame({"symbol": f"A{index}", "ts": stamps.strftime("%Y-%m-%dT%H:%M:%SZ"), "rate": row})
        for index, row in enumerate(rates)
    ]
    funding = folder / "funding.csv"
    pd.concat(tables).to_csv(funding, index=False)
    for index, row in enumerate(prices):
        frame(np.exp(row), start="2020-01-01").to_csv(folder / f"A{index}_1h.csv", index=False)
    return [f"A{index}={funding}" for index in range(2)], [str(folder / f"A{index}_1h.csv") for index in range(2)]


def test_the_command_writes_what_a_scenario_reads(tmp_path, capsys, sample) -> None:
    funding, bars = written(tmp_path, *(each[:, : each.shape[1] // 2] for each in sample))
    out = tmp_path / "mine.toml"
    assert cli.main(["calibrate", "--funding", funding[0], "--funding", funding[1], *bars, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "own correlation 0." in shown
    assert f"written: {out}" in shown
    document = tomllib.loads(out.read_text(encoding="utf-8"))
    assert list(document["premiums"]) == ["A0", "A1"]
    assert document["interval"] == "8h"
    assert len(document["history"]["assets"]["A0"]["sha256"]) == 64
    share = document["history"]["assets"]["A0"]["observed_and_model"]["share_at_interest"]
    assert share[0] == pytest.approx(share[1], abs=1e-3)
    assert cli.main(["validate", str(out)]) == 0


def test_without_prices_nothing_is_said_of_them(tmp_path, sample) -> None:
    funding, _ = written(tmp_path, sample[0][:, :1500], sample[1][:, :24])
    out = tmp_path / "mine.toml"
    summary = calibrate_funding_files(funding[:1], [], out)
    assert "no price history" in summary
    premium = tomllib.loads(out.read_text(encoding="utf-8"))["premiums"]["A0"]
    assert premium["price_correlation"] == premium["slow_price_correlation"] == 0.0
    assert premium["slow_share"] > 0.3


def history(folder: Path, stamps: list[str], rates: list[object], name: str = "X_f.csv") -> str:
    path = folder / name
    pd.DataFrame({"fundingTime": stamps, "fundingRate": rates}).to_csv(path, index=False)
    return str(path)


def stamps(*hours: float) -> list[str]:
    start = pd.Timestamp("2024-01-01T00:00Z")
    return [(start + pd.Timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%S.%fZ") for hour in hours]


def test_gaps_copies_and_jitter_are_repaired_and_said(tmp_path) -> None:
    # Stamps 7 ms late, one out of order, one twice, that of 24 h missing.
    times = stamps(0, 8 + 7 / 3.6e6, 32, 16, 16, 40)
    read = read_funding_history(history(tmp_path, times, [1e-4, 2e-4, 4e-4, 3e-4, 3e-4, 5e-4]))
    assert read.interval == 480
    assert read.asset == "X"
    np.testing.assert_array_equal(read.rates, [1e-4, 2e-4, 3e-4, 4e-4, 5e-4])
    assert ["given twice" in notice.problem for notice in read.findings] == [True, False]
    assert "1 gap, 1 settlement missing" in read.findings[1].problem
    _, rates = common_grid([read])
    np.testing.assert_array_equal(rates, [[1e-4, 2e-4, 3e-4, np.nan, 4e-4, 5e-4]])


@pytest.mark.parametrize(
    ("hours", "rates", "words"),
    [
        ((0, 8, 8, 16, 24), (1e-4, 1e-4, 2e-4, 1e-4, 1e-4), "given twice with different rates"),
        ((0, 8, 16, 24, 28, 32), (1e-4,) * 6, "but 4h after 2024-01-02 00:00"),
        ((0, 8, 16, 24, 28, 32, 36, 40, 44), (1e-4,) * 9, "but 8h after 2024-01-01 00:00"),
        ((1, 9, 17, 25), (1e-4,) * 4, "every 8h from 2024-01-01 01:00"),
        ((0, 7, 14, 21), (1e-4,) * 4, "every 7h"),
        ((0, 8, 16), (1e-4, "much", 1e-4), "without a rate, the first 'much'"),
        ((0, 8, 16), (1e-4, 5.0, 1e-4), "without a rate, the first '5.0'"),
        ((0, 8), (1e-4, 1e-4), "2 settlements of X in the span"),
    ],
)
def test_a_history_that_cannot_be_meant_is_refused(tmp_path, hours, rates, words) -> None:
    with pytest.raises(InputError) as refusal:
        read_funding_history(history(tmp_path, stamps(*hours), list(rates)))
    assert words in str(refusal.value)


def test_a_change_of_interval_is_left_out_by_a_span(tmp_path) -> None:
    path = history(tmp_path, stamps(0, 8, 16, 24, 28, 32, 36, 40, 44), [1e-4] * 9)
    read = read_funding_history(path, since=np.datetime64("2024-01-02"))
    assert (read.interval, len(read.rates)) == (240, 6)


def test_files_that_do_not_go_together_are_refused(tmp_path, sample) -> None:
    rates, prices = sample[0][:, :900], sample[1][:, :7200]
    funding, bars = written(tmp_path, rates, prices)
    out = tmp_path / "mine.toml"
    for given, told, words in (
        ([funding[0], funding[0]], [], "two funding histories"),
        (funding[:1], bars[1:], "no funding history of A1"),
        ([f"B={tmp_path / 'funding.csv'}"], [], 'none of them is "B"'),
    ):
        with pytest.raises(InputError, match=words):
            calibrate_funding_files(given, told, out)
    with pytest.raises(InputError, match=r"lie at the interest of 0\.0003"):
        calibrate_funding_files(funding, bars, out, interest_rate=0.0003)
    with pytest.raises(InputError, match="clamp"):
        calibrate_funding_files(funding, bars, out, clamp=0.0)
    short, _ = written(tmp_path, rates[:, :300], prices)
    with pytest.raises(InputError, match="rates of 100 days"):
        calibrate_funding_files(short, [], out)
    assert not out.exists()
    assert cli.main(["calibrate", "--funding", funding[0], "--model", "gbm", "--out", str(out)]) == 2
    assert cli.main(["calibrate", "A0_1h.csv", "--model", "gbm", "--clamp", "0.1", "--out", str(out)]) == 2
