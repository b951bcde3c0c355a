"""A backtest in a few lines of plain text."""

from __future__ import annotations

import numpy as np
import xarray as xr

from stresslab.calibration.bars import plural

TEST_LEVEL = 0.05


def backtest_summary(results: xr.Dataset) -> str:
    """Exceedance rates with intervals, pinball losses, mean collateral and rejected tests, one table a level and side.

    Parameters
    ----------
    results : xarray.Dataset
        From `backtest_dataset`.
    """
    origins, assets = results.sizes["origin"], results.sizes["asset"]
    first, last = (str(results.origin.values[place])[:10] for place in (0, -1))
    lines = [
        f"{results.attrs['horizon']} ahead, every {results.attrs['every']}: {origins} origins from {first} to {last}, "
        f"{assets} {'asset' if assets == 1 else 'assets'} ({', '.join(results.asset.values.tolist())})"
    ]
    if results.attrs["skipped_origins"]:
        skipped = plural(int(results.attrs["skipped_origins"]), "origin")
        lines.append(f"{skipped} left out: a bar is missing in the window that follows")
    if results.attrs["overlapping"]:
        lines.append("windows overlap, so tests that need independent outcomes are left out")
    lines += [line for line in str(results.attrs["findings"]).splitlines() if line]
    lines.append("rates are pooled over assets; intervals, 95 %: bootstrap of blocks of 30 days, all assets together")
    width = max(len(name) for name in results.model.values.tolist())
    for level in results.level.values.tolist():
        for side in results.side.values.tolist():
            at = results.sel(level=level, side=side)
            lines += ["", f"{level:.0%} {side}"]
            lines.append(
                f"{'':{width}}  exceeded  95 % interval     collateral  pinball x 1e4  against the first    "
                "Kupiec  Christoffersen"
            )
            lines += [_line(at.sel(model=model), model, width) for model in results.model.values.tolist()]
    lines += ["", "Brier score x 1e4 of liquidation, long and short"]
    heads = "".join(f"{f'{leverage:g}x':>18}" for leverage in results.leverage.values.tolist())
    lines.append(f"{'':{width}}  {heads}")
    for model in results.model.values.tolist():
        cells = results.brier_score.sel(model=model).values * 1e4
        lines.append(f"{model:{width}}  " + "".join(f"{row[0]:9.2f}{row[1]:9.2f}" for row in cells))
    if not results.attrs["overlapping"]:
        lines += ["", _tests_line(results)]
    return "\n".join(lines)


def _line(at: xr.Dataset, model: str, width: int) -> str:
    rate, low, high = (float(at[f"exceedance_rate{end}"]) for end in ("", "_lower", "_upper"))
    apart, less, more = (float(at[f"pinball_difference{end}"]) * 1e4 for end in ("", "_lower", "_upper"))
    tests = (
        f"{_rejected(at[name].values):>{length}}"
        for name, length in (("kupiec_p_value", 8), ("christoffersen_p_value", 16))
    )
    return (
        f"{model:{width}}  {rate:8.2%}  [{low:6.2%}, {high:6.2%}]  {float(at.mean_collateral):10.1%}  "
        f"{float(at.pinball_loss) * 1e4:13.2f}  {apart:+6.2f} [{less:+.2f}, {more:+.2f}]{''.join(tests)}"
    )


def _rejected(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    there = values[~np.isnan(values)]
    return f"{(there < TEST_LEVEL).sum()} of {len(there)}" if len(there) else "-"


def _tests_line(results: xr.Dataset) -> str:
    count = int(np.isfinite(results.kupiec_p_value).sum() + np.isfinite(results.christoffersen_p_value).sum())
    return (
        f"Kupiec, Christoffersen: assets rejected at {TEST_LEVEL:.0%}; of the {count} tests above about "
        f"{count * TEST_LEVEL:.0f} would be rejected if every forecast were right"
    )
