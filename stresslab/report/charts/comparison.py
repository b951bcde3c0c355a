"""What changed between two reviews: a waterfall from the old number to the new one."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stresslab.report.charts.marks import compact_money, percent_tick
from stresslab.report.style import INK, PALE, new_figure, style

_TITLES = (
    ("account_liquidation_probability", "P(any liquidation), %"),
    ("expected_loss", "expected loss"),
    ("expected_shortfall_0.975", "expected shortfall 97.5 %"),
)
_RAISES, _LOWERS = "#a23b2a", "#2c6e8f"


def figure_waterfall(compared: xr.Dataset, configuration: str = "as_booked") -> Figure:
    """Probability of any liquidation, expected loss and shortfall at 97.5 %, each split into its parts.

    Parameters
    ----------
    compared : xarray.Dataset
        From `stresslab.reviewing.comparing.compare`.
    configuration : str
        Which one is drawn.

    Returns
    -------
    matplotlib.figure.Figure
        From the old number above to the new one below; a hatched bar raises it, a plain one lowers it.
    """
    names = ["old", *(str(group) for group in compared.group.values), "new"]
    with style():
        figure = new_figure(1.0 + 0.3 * len(names))
        panels = figure.subplots(1, len(_TITLES), sharey=True)
        for axes, (number, title) in zip(panels, _TITLES, strict=True):
            at = compared.sel(number=number, configuration=configuration)
            _waterfall(axes, float(at.old), at.part.values, float(at.new))
            share = str(at.units.item()) == "1"
            axes.set_xlabel(title if share else f"{title}, {compared.attrs['currency']}")
            axes.xaxis.set_major_formatter(FuncFormatter(percent_tick if share else compact_money))
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.grid(visible=True, axis="x")
            axes.tick_params(axis="y", length=0)
        panels[0].set_yticks(range(len(names)), names)
        panels[0].set_ylim(len(names) - 0.5, -0.5)
        return figure


def _waterfall(axes: Axes, old: float, parts: np.ndarray, new: float) -> None:
    ends = old + np.concatenate([[0.0], np.cumsum(parts)])
    axes.barh([0, len(parts) + 1], [old, new], color=PALE, edgecolor=INK, linewidth=0.6, height=0.62)
    for row, (start, part) in enumerate(zip(ends[:-1], parts, strict=True), 1):
        raises = part > 0.0
        color = _RAISES if raises else _LOWERS
        hatch = "////" if raises else ""
        face = "white" if raises else color
        axes.barh(row, part, left=start, color=face, edgecolor=color, hatch=hatch, linewidth=0.6, height=0.62)
        axes.plot([start, start], [row - 1, row + 0.31], color=INK, linewidth=0.5)
    axes.plot([ends[-1], ends[-1]], [len(parts), len(parts) + 1], color=INK, linewidth=0.5)
    # Parts are small beside the number: the axis shows where they lie, not zero.
    low, high = float(ends.min()), float(ends.max())
    margin = 0.12 * (high - low) or 0.1 * abs(high) or 1.0
    axes.set_xlim(low - margin, high + margin)
