"""How far the main numbers move with figures that the past leaves unsure."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stresslab.report.charts.marks import compact_money, figure_of, percent_tick
from stresslab.report.charts.panels import common_legend, named_rows, side_by_side
from stresslab.report.review import label
from stresslab.report.style import INK, MUTED, PALE, look, style

_PANELS = (
    ("account_liquidation_probability", "P(any liquidation), %", percent_tick),
    ("expected_shortfall", "expected shortfall 97.5 %", compact_money),
)


def figure_uncertainty(results: xr.Dataset, axes: Sequence[Axes] | None = None) -> Figure:
    """Every draw of the market's figures as a tick, the envelope as a bar, the stated figures as a mark with interval.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.uncertainty.parameter_uncertainty`.
    axes : sequence of matplotlib.axes.Axes, optional
        Two axes to draw on; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each configuration.
    """
    configurations = [str(name) for name in results.configuration.values]
    with style():
        panels = side_by_side(2, 1.2 + 0.4 * len(configurations)) if axes is None else list(axes)
        for one, (name, title, ticks) in zip(panels, _PANELS, strict=True):
            for row, configuration in enumerate(configurations):
                here = results.sel(configuration=configuration)
                appearance = look(configuration, configurations)
                ends = float(here[f"{name}_low"]), float(here[f"{name}_high"])
                first = row == 0
                words = f"{results.attrs['envelope']} of draws" if first else None
                one.plot(ends, [row, row], color=PALE, linewidth=7.0, solid_capstyle="butt", label=words)
                one.plot(
                    here[name].values,
                    [row] * results.sizes["parameter_draw"],
                    color=MUTED,
                    marker="|",
                    linestyle="none",
                    label="a draw of the market's figures" if first else None,
                )
                bounds = [float(here[f"{name}_stated_{side}"]) for side in ("lower", "upper")]
                one.plot(bounds, [row, row], color=INK, linewidth=1.3)
                one.plot(
                    [float(here[f"{name}_stated"])],
                    [row],
                    color=appearance.color,
                    marker=appearance.marker,
                    linestyle="none",
                    label="as stated, 95 %" if first else None,
                )
            unit = f", {results.attrs['currency']}" if "shortfall" in name else ""
            one.set_xlabel(title + unit)
            one.xaxis.set_major_formatter(FuncFormatter(ticks))
            one.xaxis.set_major_locator(MaxNLocator(4))
            one.grid(visible=True, axis="x")
        named_rows(panels, [label(name) for name in configurations])
        common_legend(panels, panels[0].get_legend_handles_labels(), 3, own=axes is None)
        return figure_of(panels[0])
