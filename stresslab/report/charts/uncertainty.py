"""How far the main numbers move with figures that the past leaves unsure."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stresslab.report.charts.marks import compact_money, percent_tick
from stresslab.report.review import label
from stresslab.report.style import INK, MUTED, PALE, look, new_figure, style

_PANELS = (
    ("account_liquidation_probability", "P(any liquidation), %", percent_tick),
    ("expected_shortfall", "expected shortfall 97.5 %", compact_money),
)


def figure_uncertainty(results: xr.Dataset) -> Figure:
    """Every draw of the market's figures as a tick, the envelope as a bar, the stated figures as a mark with interval.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.uncertainty.parameter_uncertainty`.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each configuration.
    """
    configurations = [str(name) for name in results.configuration.values]
    with style():
        figure = new_figure(1.2 + 0.4 * len(configurations))
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (name, title, ticks) in zip(panels, _PANELS, strict=True):
            for row, configuration in enumerate(configurations):
                here = results.sel(configuration=configuration)
                appearance = look(configuration, configurations)
                ends = float(here[f"{name}_low"]), float(here[f"{name}_high"])
                first = row == 0
                words = f"{results.attrs['envelope']} of draws" if first else None
                axes.plot(ends, [row, row], color=PALE, linewidth=7.0, solid_capstyle="butt", label=words)
                axes.plot(
                    here[name].values,
                    [row] * results.sizes["parameter_draw"],
                    color=MUTED,
                    marker="|",
                    linestyle="none",
                    label="a draw of the market's figures" if first else None,
                )
                bounds = [float(here[f"{name}_stated_{side}"]) for side in ("lower", "upper")]
                axes.plot(bounds, [row, row], color=INK, linewidth=1.3)
                axes.plot(
                    [float(here[f"{name}_stated"])],
                    [row],
                    color=appearance.color,
                    marker=appearance.marker,
                    linestyle="none",
                    label="as stated, 95 %" if first else None,
                )
            unit = f", {results.attrs['currency']}" if "shortfall" in name else ""
            axes.set_xlabel(title + unit)
            axes.xaxis.set_major_formatter(FuncFormatter(ticks))
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.grid(visible=True, axis="x")
            axes.tick_params(axis="y", length=0)
        panels[0].set_yticks(range(len(configurations)), [label(name) for name in configurations])
        panels[0].set_ylim(len(configurations) - 0.5, -0.5)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3)
        return figure
