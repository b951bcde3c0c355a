"""What is left of an asset's returns when a model has had its say, in five panels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stresslab.report.charts.marks import figure_of
from stresslab.report.style import INK, MUTED, PALE, new_figure, style


def figure_diagnosis(results: xr.Dataset, axes: Sequence[Axes] | None = None) -> Figure:
    """Transforms, quantiles, squares, tails and stability of one asset.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.diagnosis.diagnose`, one asset of it.
    axes : sequence of matplotlib.axes.Axes, optional
        Five axes to draw on; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        Each panel names its variable. Panels that need a law of residuals say so where the model has none.
    """
    with style():
        panels = list(new_figure(4.6).subplot_mosaic("ABC;DEE").values()) if axes is None else list(axes)
        has_law = bool(np.isfinite(results.law_quantile.values).all())
        density, quantiles, squares, tail, stability = panels

        if has_law:
            edges = np.linspace(0.0, 1.0, results.sizes["bin"] + 1)
            density.stairs(results.transform_density.values, edges, color=INK)
            density.axhline(1.0, color=MUTED, linewidth=0.8)
            density.set_ylim(bottom=0.0)
            density.set_title(f"Kolmogorov-Smirnov p {float(results.uniformity_p_value):.2g}", fontsize=8)
            law, seen = results.law_quantile.values, results.residual_quantile.values
            ends = [min(law[0], seen[0]), max(law[-1], seen[-1])]
            quantiles.plot(ends, ends, color=MUTED, linewidth=0.8)
            quantiles.plot(law, seen, color=INK, marker="o", linestyle="none")
        for one in (density, quantiles):
            if not has_law:
                one.text(0.5, 0.5, "no law in closed form", ha="center", va="center", transform=one.transAxes)
        density.set_xlabel("transform_density")
        quantiles.set_xlabel("law_quantile")
        quantiles.set_ylabel("residual_quantile")

        bound = 1.96 / np.sqrt(float(results.residuals))
        squares.axhspan(-bound, bound, color=PALE)
        squares.plot(results.lag, results.square_autocorrelation_before, color=MUTED, linestyle="--", label="returns")
        squares.plot(results.lag, results.square_autocorrelation_after, color=INK, label="residuals")
        squares.set_xlabel(f"lag, {results.attrs['unit']}s: square_autocorrelation")
        squares.legend()

        shown = results.survival.values > 0.0
        sizes = results["size"].values
        tail.semilogy(sizes[shown], results.survival.values[shown], color=INK, marker=".", label="seen")
        if has_law:
            tail.semilogy(sizes, results.law_survival, color=MUTED, linestyle="--", label="law")
        tail.set_ylim(bottom=0.3 / float(results.residuals))
        tail.set_xlabel("deviations: survival")
        tail.legend()

        rows = np.arange(results.sizes["quarter"])
        spread = 1.96 * results.quarter_volatility_standard_error.values
        stability.errorbar(rows, results.quarter_volatility.values, spread, color=INK, marker="o", linestyle="none")
        every = -(-len(rows) // 5)
        stability.set_xticks(rows[::every], results.quarter.values[::every])
        stability.set_ylim(bottom=0.0)
        stability.set_xlabel("quarter_volatility, 95 %")
        return figure_of(density)
