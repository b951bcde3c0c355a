"""What changed between two reviews: a waterfall from the old number to the new one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stresslab.report.charts.marks import MoneyFormatter, figure_of, percent_tick
from stresslab.report.charts.panels import named_rows, side_by_side
from stresslab.report.style import INK, PALE, style

_TITLES = (
    ("account_liquidation_probability", "P(any liquidation), %"),
    ("expected_loss", "expected loss"),
    ("expected_shortfall_0.975", "expected shortfall 97.5 %"),
)
_RAISES, _LOWERS = "#a23b2a", "#2c6e8f"


def figure_waterfall(
    compared: xr.Dataset, axes: Sequence[Axes] | None = None, *, configuration: str = "as_booked"
) -> Figure:
    """Probability of any liquidation, expected loss and shortfall at 97.5 %, each split into its parts.

    Parameters
    ----------
    compared : xarray.Dataset
        From `stresslab.reviewing.comparing.compare`.
    axes : sequence of matplotlib.axes.Axes, optional
        Three axes to draw on; by default a figure of its own.
    configuration : str
        Which one is drawn.

    Returns
    -------
    matplotlib.figure.Figure
        From the old number above to the new one below; a hatched bar raises it, a plain one lowers it.
    """
    names = ["old", *(str(group) for group in compared.group.values), "new"]
    with style():
        panels = side_by_side(len(_TITLES), 1.0 + 0.3 * len(names)) if axes is None else list(axes)
        for one, (number, title) in zip(panels, _TITLES, strict=True):
            at = compared.sel(number=number, configuration=configuration)
            _waterfall(one, float(at.old), at.part.values, float(at.new))
            share = str(at.units.item()) == "1"
            one.set_xlabel(title if share else f"{title}, {compared.attrs['currency']}")
            one.xaxis.set_major_formatter(FuncFormatter(percent_tick) if share else MoneyFormatter())
            one.xaxis.set_major_locator(MaxNLocator(4))
            one.grid(visible=True, axis="x")
        named_rows(panels, names)
        return figure_of(panels[0])


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
